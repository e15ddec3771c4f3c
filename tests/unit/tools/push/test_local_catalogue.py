"""Pictures and rows, joined into items."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from folders import put, table
from tonari.errors import InvalidCatalogueError
from tonari_tools.push.folder.options import Reading
from tonari_tools.push.local_catalogue import read_catalogue


def test_without_a_table_places_say_the_ids_and_there_are_no_documents(tmp_path: Path) -> None:
    put(tmp_path, "a.jpg", "b/1.png", "b/deep/2.WEBP", "notes.txt", ".hidden/x.jpg", "a.gif")
    catalogue = read_catalogue(tmp_path)
    assert {item.id: [*item.views] for item in catalogue.items} == {"a": ["a.gif", "a.jpg"], "b": ["1.png", "2.WEBP"]}
    assert all(item.document() is None for item in catalogue.items)
    assert catalogue.notes == (
        "Ignored 1 file that is not a picture: notes.txt",
        "Skipped what is hidden or kept by a system or program: .hidden",
    )


def test_of_many_ignored_files_the_first_few_are_named(tmp_path: Path) -> None:
    put(tmp_path, "a.jpg", "deep/1.txt", "2.pdf", "3.pdf", "4.pdf")
    assert read_catalogue(tmp_path).notes == ("Ignored 4 files that are not pictures: 2.pdf, 3.pdf, 4.pdf, …",)


def test_a_name_that_is_no_utf8_is_named_and_the_others_are_sent(tmp_path: Path) -> None:
    put(tmp_path, "a.jpg", "b.jpg")
    (tmp_path / "b.jpg").rename(tmp_path / "caf\udce9.jpg")
    catalogue = read_catalogue(tmp_path)
    assert [item.id for item in catalogue.items] == ["a"]
    assert catalogue.notes == (
        "Not sent: 1 picture whose name or folder has a control character or is not UTF-8: caf\\udce9.jpg. Rename it",
    )


@pytest.mark.parametrize(
    ("name", "note"),
    [
        ("items.xlsx", "items.xlsx is not read, since it is a workbook: save it as 'CSV UTF-8' there"),
        ("items.parquet", "items.parquet is not read, since it is a binary table: write it as CSV"),
        ("data.json", "data.json is not read: if it is a table of fields, say --metadata"),
    ],
)
def test_a_table_in_another_form_is_named_with_its_remedy_unless_one_is_read(
    tmp_path: Path, name: str, note: str
) -> None:
    put(tmp_path, "a.jpg", name)
    (said,) = read_catalogue(tmp_path).notes
    assert said.startswith(note)
    table(tmp_path, "id,x\na,1\n")
    assert read_catalogue(tmp_path).notes == (f"Ignored 1 file that is not a picture: {name}",)


def test_a_table_in_a_folder_with_a_blank_is_named_as_it_is_typed(tmp_path: Path) -> None:
    folder = put(tmp_path / "my photos", "a.jpg", "b/b.jpg")
    table(folder, "id\na\n", "b/t.csv")
    (note,) = read_catalogue(folder).notes
    assert note.endswith(f"--metadata '{folder / 'b/t.csv'}'")


def test_a_json_file_for_each_picture_is_no_table(tmp_path: Path) -> None:
    put(tmp_path, *(f"{number}.jpg{end}" for number in range(9) for end in ("", ".json")))
    (note,) = read_catalogue(tmp_path).notes
    assert note.startswith("Ignored 9 files that are not pictures")


def test_a_table_that_is_read_is_no_file_that_is_ignored(tmp_path: Path) -> None:
    put(tmp_path, "a.jpg")
    assert read_catalogue(tmp_path, Reading(table(tmp_path, '[{"id": "a"}]', "data.json"))).notes == ()


def test_a_picture_of_several_items_is_named(tmp_path: Path) -> None:
    put(tmp_path, "a.jpg", "b.jpg")
    table(tmp_path, "id\na\nA\nb\n")
    catalogue = read_catalogue(tmp_path)
    assert [item.id for item in catalogue.items] == ["a", "A", "b"]
    assert catalogue.notes == ("1 picture belongs to several items, such as a.jpg to a, A: searches find all of them",)


def test_columns_without_a_value_are_named(tmp_path: Path) -> None:
    put(tmp_path, "a.jpg", "b.jpg")
    table(tmp_path, "id,weight,price,note\na,,5,N/A\nb,,6,-\n")
    assert read_catalogue(tmp_path).notes == ("Left out: 2 columns without any value: weight, note",)


def test_names_with_backslashes_are_said(tmp_path: Path) -> None:
    notes = read_catalogue(put(tmp_path, "shop\\a.jpg", "b.jpg")).notes
    assert [note.partition(". ")[0] for note in notes] == ["1 picture with a backslash in the name: shop\\a.jpg"]


def test_a_folder_laid_out_as_the_catalogue_is_read_as_one(tmp_path: Path) -> None:
    put(tmp_path, "images/a/front.jpg", "images/a/back.jpg", "images/b.jpg")
    assert {item.id: [*item.views] for item in read_catalogue(tmp_path).items} == {
        "a": ["back.jpg", "front.jpg"],
        "b": ["b.jpg"],
    }


def test_views_of_one_name_are_told_apart_by_their_folders(tmp_path: Path) -> None:
    put(tmp_path, "a/red/1.jpg", "a/blue/1.jpg", "a/2.jpg")
    assert [*read_catalogue(tmp_path).items[0].views] == ["2.jpg", "a-blue-1.jpg", "a-red-1.jpg"]


def test_rows_of_one_id_are_views_of_one_item(tmp_path: Path) -> None:
    put(tmp_path, "p/1.jpg", "p/2.jpg", "p/3.jpg")
    text = "path,sku,color,view,price\np/2.jpg,A,red,front,5\np/1.jpg,A,red,back,5\np/3.jpg,B,,front,7.5\n"
    catalogue = read_catalogue(tmp_path, Reading(table(tmp_path, text), ("sku", "color")))
    first, second = catalogue.items
    assert json.loads(first.document() or b"") == {
        "id": "A-red",
        "images": ["2.jpg", "1.jpg"],
        "sku": "A",
        "color": "red",
        "view": "front",
        "price": 5,
    }
    assert (second.id, second.fields) == ("B", {"sku": "B", "view": "front", "price": 7.5})
    assert catalogue.notes == ("Rows of the same item differ in view (1 row): the first row of an item is used",)


def test_pictures_are_found_beside_the_table_too(tmp_path: Path) -> None:
    put(tmp_path, "data/x.jpg", "other/y.jpg")
    catalogue = read_catalogue(tmp_path / "other", Reading(table(tmp_path / "data", "id,file\na,x.jpg\nb,y.jpg\n")))
    assert [item.id for item in catalogue.items] == ["a", "b"]


def test_rows_are_counted_by_rows_though_all_stand_in_one_line(tmp_path: Path) -> None:
    put(tmp_path, "a.jpg", "b.jpg")
    rows = table(tmp_path, '[{"id": "a"}, {"id": "gone"}, {"id": "b"}]', "items.json")
    assert read_catalogue(tmp_path, Reading(rows, skip_bad_rows=True)).made.rows == 2


def test_without_an_image_column_pictures_are_found_by_id(tmp_path: Path) -> None:
    put(tmp_path, "a.jpg", "b/1.jpg", "b/2.jpg", "c.jpg")
    catalogue = read_catalogue(tmp_path, Reading(table(tmp_path, '{"id": "a"}\n{"id": "b", "x": 1}\n', "t.jsonl")))
    assert {item.id: [*item.views] for item in catalogue.items} == {"a": ["a.jpg"], "b": ["1.jpg", "2.jpg"]}
    assert catalogue.notes == ("Ignored 1 file that is not in t.jsonl: c.jpg",)


def test_without_an_id_column_the_picture_says_the_id(tmp_path: Path) -> None:
    put(tmp_path, "a/1.jpg", "b.jpg")
    catalogue = read_catalogue(tmp_path, Reading(table(tmp_path, "image,price\na/1.jpg,5\nb.jpg,6\n")))
    assert [(item.id, item.fields) for item in catalogue.items] == [("a", {"price": 5}), ("b", {"price": 6})]


def test_json_lines_may_list_images_in_order(tmp_path: Path) -> None:
    put(tmp_path, "images/a/1.jpg", "images/a/2.jpg")
    row = {"id": "a", "images": ["images/a/2.jpg", "images/a/1.jpg"]}
    catalogue = read_catalogue(tmp_path, Reading(table(tmp_path, json.dumps(row), "t.jsonl")))
    assert [*catalogue.items[0].views] == ["2.jpg", "1.jpg"]


@pytest.mark.parametrize(
    ("text", "columns", "error"),
    [
        ("id,image\nx/y,a.jpg\n", (), r"line 2: 'x/y' cannot be an id"),
        ("id,image\n,a.jpg\n", (), "line 2: id, which makes the id, is empty"),
        ("id,image\nx\x07,a.jpg\n", (), "line 2: .* cannot be an id"),
        (f"id,image\n{'é' * 129},a.jpg\n", (), "over 256 bytes"),
        ("id,image\na,gone.jpg\n", (), r"line 2: the picture gone.jpg is not in"),
        ("id,image\na,\n", (), "line 2: the column 'image' names no picture"),
        ("id,image\na,notes.txt\n", (), "notes.txt is not a picture"),
        ("id,price\nzzz,5\n", (), "line 2: there is no picture of 'zzz'"),
        ("name,price\nb,5\n", (), "--id"),
        ("id,image\na,a.jpg\n", ("sku",), "no column 'sku'"),
    ],
)
def test_what_cannot_be_sent_is_refused(tmp_path: Path, text: str, columns: tuple[str, ...], error: str) -> None:
    put(tmp_path, "a.jpg", "notes.txt")
    with pytest.raises(InvalidCatalogueError, match=error):
        read_catalogue(tmp_path, Reading(table(tmp_path, text), tuple(columns)))


def test_of_many_errors_the_first_few_are_listed(tmp_path: Path) -> None:
    put(tmp_path, "a.jpg")
    text = "id,image\n" + "".join(f"{n},{n}.jpg\n" for n in range(9))
    with pytest.raises(InvalidCatalogueError, match=r"line 2: .*line 3: .*line 4: .* … and 6 more"):
        read_catalogue(tmp_path, Reading(table(tmp_path, text)))


def test_a_nested_value_is_refused_with_its_line(tmp_path: Path) -> None:
    put(tmp_path, "a.jpg")
    with pytest.raises(InvalidCatalogueError, match=r"line 1: .*'size' is an object"):
        read_catalogue(tmp_path, Reading(table(tmp_path, '{"id": "a", "size": {"w": 1}}', "t.jsonl")))


def test_a_damaged_schema_is_refused(tmp_path: Path) -> None:
    put(tmp_path, "a.jpg")
    table(tmp_path, '{"fields": {"x": {"type": "colour"}}}', "schema.json")
    with pytest.raises(InvalidCatalogueError, match="'colour'"):
        read_catalogue(tmp_path)


def test_a_folder_without_pictures_and_no_folder_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidCatalogueError, match="holds no picture"):
        read_catalogue(tmp_path)
    with pytest.raises(InvalidCatalogueError, match="is not a folder"):
        read_catalogue(tmp_path / "gone")


def test_the_one_table_in_a_folder_is_found_and_of_several_none(tmp_path: Path) -> None:
    put(tmp_path, "a.jpg")
    assert read_catalogue(tmp_path).table is None
    first = table(tmp_path, "id\na\n")
    assert read_catalogue(tmp_path).table == first
    table(tmp_path, "", "more.jsonl")
    catalogue = read_catalogue(tmp_path)
    assert catalogue.table is None
    assert catalogue.notes == (
        f"2 tables are in the folder: items.csv, more.jsonl. None is read: say which with --metadata {first}",
    )


def test_a_table_that_lies_deeper_is_named(tmp_path: Path) -> None:
    put(tmp_path, "a.jpg", "data/notes.txt")
    deep = table(tmp_path / "data", "id\na\n")
    catalogue = read_catalogue(tmp_path)
    assert catalogue.table is None
    assert f"1 table in a subfolder: data/items.csv. Not read unless you say --metadata {deep}" in catalogue.notes
