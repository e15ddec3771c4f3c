"""What is shown before anything is sent: what was read, a row for each field, and why."""

from __future__ import annotations

from pathlib import Path

import pytest

from folders import class_folders, put, table
from tonari_tools.push.folder.options import Reading
from tonari_tools.push.local_catalogue import read_catalogue
from tonari_tools.push.preview import preview, show_preview
from tonari_tools.tables import plain


def lines(folder: Path, how: Reading) -> list[str]:
    return [" ".join(line.split()) for line in plain(*preview(read_catalogue(folder, how))).split("\n")]


def test_a_table_is_shown_field_by_field(tmp_path: Path) -> None:
    put(tmp_path, *(f"{number}/front.jpg" for number in range(10)), "0/back.jpg")
    rows = [
        f"{n},{['red', 'blue'][n % 2]},{n}.5,{'true' if n else ''},2026-01-0{1 + n % 9},shirt {n}" for n in range(10)
    ]
    where = table(tmp_path, "id,color,price,sale,added,name\n" + "\n".join(rows))
    assert lines(tmp_path, Reading()) == [
        f"pictures in {tmp_path}",
        f"table {where}: 10 rows; id from id",
        "items 10, with 11 pictures, 1 to 2 each",
        "for example 0: back.jpg, front.jpg",
        "",
        "field type predicted examples why",
        "color string yes red | blue 2 values, 5 items each",
        "price number no 0.5 | 1.5 | 2.5",
        "added date no 2026-01-01 | 2026-01-02 | 2026-01-03",
        "name string no shirt 0 | shirt 1 | shirt 2 every value is different",
        "sale boolean no true true and false are predicted only if schema.json says so; 1 item has none",
    ]


def test_values_that_stand_for_a_missing_one_are_counted(tmp_path: Path) -> None:
    put(tmp_path, *(f"{number}.jpg" for number in range(14)))
    values = ["red", "blue"] * 5 + ["None", "NA", "unknown", "N/A"]
    table(tmp_path, "id,color\n" + "\n".join(f"{number},{value}" for number, value in enumerate(values)))

    (said,) = (line for line in lines(tmp_path, Reading()) if line.startswith("color"))

    assert said.startswith("color string yes red | blue | None")
    assert "1 of 14 cells is 'N/A': read as no value; 2 values, 5 items each" in said
    assert "not used in 3 of 14 items: color is a string field; 'None' stands for a missing value" in said
    assert '"missing": [] for the field in schema.json' in said


def test_classes_are_shown_with_the_field_that_they_give(tmp_path: Path) -> None:
    class_folders(tmp_path)
    assert lines(tmp_path, Reading(folders="classes")) == [
        f"pictures in {tmp_path}",
        "table none",
        "subfolders each is a class of items",
        "items 30, with 30 pictures, 1 each",
        "for example IMG_0d: IMG_0d.jpg",
        "",
        "field type predicted examples why",
        "category string yes dress | hat | shoe from the name of the subfolder; 3 values, 10 items each",
    ]


def test_that_subfolders_are_items_is_said_with_what_else_they_may_be(tmp_path: Path) -> None:
    put(tmp_path, *(f"{kind}/{number}.jpg" for kind in ("dress", "shoe") for number in range(5)))
    said = "subfolders each is an item; if each is a class of items, say --folders classes"
    assert said in lines(tmp_path, Reading())
    table(tmp_path, "id,x\ndress,1\nshoe,2\n")
    assert said not in lines(tmp_path, Reading())


def test_a_schema_is_shown_as_what_decides(tmp_path: Path) -> None:
    put(tmp_path, "a.jpg", "b.jpg")
    table(tmp_path, "id,color,product\na,red,P\nb,blue,P\n")
    table(
        tmp_path,
        '{"fields": {"color": {"type": "string", "attribute": true}, "size": {"type": "number"}}}',
        "schema.json",
    )
    shown = lines(tmp_path, Reading(split_by="product"))
    assert "split by product" in shown
    assert "color string yes red | blue schema.json says so" in shown
    assert "size number no schema.json says so; 2 items have none" in shown


def test_a_schema_names_fields_in_either_normal_form(tmp_path: Path) -> None:
    put(tmp_path, "a.jpg", "b.jpg")
    table(tmp_path, "id,Gr\u00f6\u00dfe\na,S\nb,M\n")
    (tmp_path / "schema.json").write_text('{"fields": {"Gro\u0308\u00dfe": {"type": "string"}}}', encoding="utf-8")
    assert lines(tmp_path, Reading())[-1] == "Gr\u00f6\u00dfe string no S | M schema.json says so"


def test_values_that_the_stated_type_cannot_hold_are_counted(tmp_path: Path) -> None:
    put(tmp_path, "a.jpg", "b.jpg", "c.jpg")
    table(tmp_path, "id,price\na,on request\nb,5\nc,7\n")
    table(tmp_path, '{"fields": {"price": {"type": "number"}}}', "schema.json")
    (said,) = (line for line in lines(tmp_path, Reading()) if line.startswith("price "))
    assert "schema.json says so; not used in 3 of 3 items: " in said


def test_pictures_alone_have_no_fields(tmp_path: Path) -> None:
    put(tmp_path, "images/a.jpg")
    assert lines(tmp_path, Reading())[-1] == "No fields: nothing is predicted. A table beside the pictures gives them."
    assert lines(tmp_path, Reading())[0] == f"pictures in {tmp_path}/images"


def test_texts_of_several_lines_and_long_ones_stay_on_one_line(tmp_path: Path) -> None:
    put(tmp_path, "a.jpg")
    table(tmp_path, f'id,text\na,"first\nsecond\x1b[31m {"long " * 50}"\n')
    assert any(line.startswith("text string no first second [31m") for line in lines(tmp_path, Reading()))


def test_what_is_sent_goes_to_stdout_and_what_is_not_to_stderr(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    put(tmp_path, "a.jpg", "@eaDir/a.jpg")
    show_preview(read_catalogue(tmp_path))
    written = capsys.readouterr()
    assert written.out.startswith("pictures in  ")
    assert written.err == "tonari: Skipped what is hidden or kept by a system or program: @eaDir\n"
