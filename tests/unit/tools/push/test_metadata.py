"""Tables of fields, and how they are joined with a folder of pictures."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tonari.errors import InvalidCatalogueError
from tonari_tools.push.folder import find_table
from tonari_tools.push.listing import read_catalogue
from tonari_tools.push.metadata import parse_csv, parse_json_lines, read_table


def put(folder: Path, *names: str) -> Path:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(name.encode())
    return folder


def table(folder: Path, text: str, name: str = "items.csv") -> Path:
    (folder / name).write_text(text, encoding="utf-8")
    return folder / name


def values(text: str) -> list[dict[str, object]]:
    return [dict(row.values) for row in parse_csv("t.csv", text).rows]


def test_cells_get_the_type_of_their_column() -> None:
    assert values("id,price,count,sale,added,code\na,1.50,3,true,2025-01-31,007\nb,-2,,FALSE,2025-02-01,8\n") == [
        {"id": "a", "price": 1.5, "count": 3, "sale": True, "added": "2025-01-31", "code": "007"},
        {"id": "b", "price": -2, "sale": False, "added": "2025-02-01", "code": "8"},
    ]


@pytest.mark.parametrize("cell", ["10L", "1e5", "nan", "inf", "1_000", "+5", "1234567890123456", "1,5", "٣", "yes"])
def test_what_a_float_would_not_keep_stays_text(cell: str) -> None:
    assert values(f"id;x\na;{cell}\n") == [{"id": "a", "x": cell}]


def test_one_word_among_numbers_makes_all_of_the_column_text() -> None:
    assert values("id,size\na,10\nb,XL\n") == [{"id": "a", "size": "10"}, {"id": "b", "size": "XL"}]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_the_delimiter_is_found(delimiter: str) -> None:
    lines = ["id", "name"], ["a", 'Shirt, "red"; a|b\tc'], ["b", "two\nlines"]
    file = io.StringIO()
    csv.writer(file, delimiter=delimiter).writerows(lines)
    rows = parse_csv("t.csv", file.getvalue()).rows
    assert [row.values["name"] for row in rows] == [lines[1][1], lines[2][1]]
    assert [row.line for row in rows] == [2, 3]


@given(st.lists(st.text(st.characters(exclude_categories=["C", "Z"]), min_size=1), min_size=1, max_size=5))
def test_any_text_survives(cells: list[str]) -> None:
    file = io.StringIO()
    csv.writer(file).writerows([["id", "x", "text"], *[["a", cell, "t"] for cell in cells]])
    assert [row.texts["x"] for row in parse_csv("t.csv", file.getvalue()).rows] == cells


def test_a_byte_order_mark_is_not_part_of_the_first_column(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_bytes(b"\xef\xbb\xbfid;price\r\na;5\r\n")
    assert read_table(tmp_path / "t.csv").columns == ("id", "price")


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("", "is empty"),
        ("id,id\na,b\n", "'id'"),
        ("id,\na,b\n", "name of its own"),
        ("id,x\na,b,c\n", "line 2: 3 cells"),
        ('id,x\na,b\nc,"d" e\n', "line 3"),
        (f"id,x\na,{'b' * 200_000}\n", "line 2"),
    ],
)
def test_a_damaged_csv_is_refused_with_its_line(text: str, error: str) -> None:
    with pytest.raises(InvalidCatalogueError, match=error):
        parse_csv("t.csv", text)


def test_json_lines_keep_their_types() -> None:
    rows = parse_json_lines(
        "t.jsonl", '{"id": 5, "tags": ["a"], "x": null, "y": ""}\n\n{"id": "b", "ok": true}\r\n'
    ).rows
    assert [(row.line, row.values) for row in rows] == [(1, {"id": 5, "tags": ["a"]}), (3, {"id": "b", "ok": True})]
    assert rows[0].texts["id"] == "5"


@pytest.mark.parametrize("line", ["[1]", "{", '{"a": NaN}', '{"a": Infinity}', "[" * 100_000])
def test_damaged_json_lines_are_refused_with_their_line(line: str) -> None:
    with pytest.raises(InvalidCatalogueError, match="line 2"):
        parse_json_lines("t.jsonl", '{"id": 1}\n' + line)


@pytest.mark.parametrize(
    ("name", "data", "error"),
    [
        ("t.csv", b"id\n\xff\n", "not UTF-8"),
        ("t.csv", b"id,x\n", "no rows"),
        ("t.xlsx", b"PK", r"must be one of \.csv"),
    ],
)
def test_a_file_that_is_no_table(tmp_path: Path, name: str, data: bytes, error: str) -> None:
    (tmp_path / name).write_bytes(data)
    with pytest.raises(InvalidCatalogueError, match=error):
        read_table(tmp_path / name)


def test_a_table_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(InvalidCatalogueError, match="No such file"):
        read_table(tmp_path / "t.csv")


def test_without_a_table_places_say_the_ids_and_there_are_no_documents(tmp_path: Path) -> None:
    put(tmp_path, "a.jpg", "b/1.png", "b/deep/2.WEBP", "notes.txt", ".hidden/x.jpg", "a.gif")
    catalogue = read_catalogue(tmp_path)
    assert {item.id: [*item.views] for item in catalogue.items} == {"a": ["a.gif", "a.jpg"], "b": ["1.png", "2.WEBP"]}
    assert all(item.document() is None for item in catalogue.items)
    assert catalogue.notes == ("1 other files ignored: no pictures by their suffix",)


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
    catalogue = read_catalogue(tmp_path, table(tmp_path, text), ["sku", "color"])
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
    assert catalogue.notes == ("rows of one item differ in view (1 times): its first row counts",)


def test_pictures_are_found_beside_the_table_too(tmp_path: Path) -> None:
    put(tmp_path, "data/x.jpg", "other/y.jpg")
    catalogue = read_catalogue(tmp_path / "other", table(tmp_path / "data", "id,file\na,x.jpg\nb,y.jpg\n"))
    assert [item.id for item in catalogue.items] == ["a", "b"]


def test_without_an_image_column_pictures_are_found_by_id(tmp_path: Path) -> None:
    put(tmp_path, "a.jpg", "b/1.jpg", "b/2.jpg", "c.jpg")
    catalogue = read_catalogue(tmp_path, table(tmp_path, '{"id": "a"}\n{"id": "b", "x": 1}\n', "t.jsonl"))
    assert {item.id: [*item.views] for item in catalogue.items} == {"a": ["a.jpg"], "b": ["1.jpg", "2.jpg"]}
    assert catalogue.notes == ("1 pictures ignored: t.jsonl does not name them",)


def test_without_an_id_column_the_picture_says_the_id(tmp_path: Path) -> None:
    put(tmp_path, "a/1.jpg", "b.jpg")
    catalogue = read_catalogue(tmp_path, table(tmp_path, "image,price\na/1.jpg,5\nb.jpg,6\n"))
    assert [(item.id, item.fields) for item in catalogue.items] == [("a", {"price": 5}), ("b", {"price": 6})]


def test_json_lines_may_list_images_in_order(tmp_path: Path) -> None:
    put(tmp_path, "images/a/1.jpg", "images/a/2.jpg")
    row = {"id": "a", "images": ["images/a/2.jpg", "images/a/1.jpg"]}
    catalogue = read_catalogue(tmp_path, table(tmp_path, json.dumps(row), "t.jsonl"))
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
        ("id,image\na,notes.txt\n", (), "notes.txt is no picture by its suffix"),
        ("id,price\nzzz,5\n", (), "line 2: there is no picture of 'zzz'"),
        ("sku,price\na,5\n", (), "--id"),
        ("id,image\na,a.jpg\n", ("sku",), "no column 'sku'"),
        ("id,sku,image\n1,a,a.jpg\n", ("sku",), "'id' is reserved"),
        ("id,images\na,a.jpg\n", (), "'images' is reserved"),
        ("id,image,images\na,a.jpg,x\n", (), "'images' is reserved"),
    ],
)
def test_what_cannot_be_sent_is_refused(tmp_path: Path, text: str, columns: tuple[str, ...], error: str) -> None:
    put(tmp_path, "a.jpg", "notes.txt")
    with pytest.raises(InvalidCatalogueError, match=error):
        read_catalogue(tmp_path, table(tmp_path, text), columns)


def test_of_many_errors_the_first_few_are_listed(tmp_path: Path) -> None:
    put(tmp_path, "a.jpg")
    text = "id,image\n" + "".join(f"{n},{n}.jpg\n" for n in range(9))
    with pytest.raises(InvalidCatalogueError, match=r"line 2: .*line 3: .*line 4: .* … and 6 more"):
        read_catalogue(tmp_path, table(tmp_path, text))


def test_a_nested_value_is_refused_with_its_line(tmp_path: Path) -> None:
    put(tmp_path, "a.jpg")
    with pytest.raises(InvalidCatalogueError, match=r"line 1: .*'size' is an object"):
        read_catalogue(tmp_path, table(tmp_path, '{"id": "a", "size": {"w": 1}}', "t.jsonl"))


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


def test_the_one_table_in_a_folder_is_found(tmp_path: Path) -> None:
    assert find_table(tmp_path) is None
    first = table(tmp_path, "id\na\n")
    assert find_table(tmp_path) == first
    table(tmp_path, "", "more.jsonl")
    assert find_table(tmp_path) is None
