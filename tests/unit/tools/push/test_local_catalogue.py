"""Pictures and rows, joined into items."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tonari.errors import InvalidCatalogueError
from tonari_tools.push.local_catalogue import read_catalogue
from tonari_tools.push.pictures import find_table


def put(folder: Path, *names: str) -> Path:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(name.encode())
    return folder


def table(folder: Path, text: str, name: str = "items.csv") -> Path:
    (folder / name).write_text(text, encoding="utf-8")
    return folder / name


def test_without_a_table_places_say_the_ids_and_there_are_no_documents(tmp_path: Path) -> None:
    put(tmp_path, "a.jpg", "b/1.png", "b/deep/2.WEBP", "notes.txt", ".hidden/x.jpg", "a.gif")
    catalogue = read_catalogue(tmp_path)
    assert {item.id: [*item.views] for item in catalogue.items} == {"a": ["a.gif", "a.jpg"], "b": ["1.png", "2.WEBP"]}
    assert all(item.document() is None for item in catalogue.items)
    assert catalogue.notes == ("Ignored 1 file that is not a picture: notes.txt",)


def test_of_many_ignored_files_the_first_few_are_named(tmp_path: Path) -> None:
    put(tmp_path, "a.jpg", "deep/1.txt", "2.pdf", "3.pdf", "4.pdf")
    assert read_catalogue(tmp_path).notes == ("Ignored 4 files that are not pictures: 2.pdf, 3.pdf, 4.pdf, …",)


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
    assert catalogue.notes == ("Rows of the same item differ in view (1 rows): the first row of an item is used",)


def test_pictures_are_found_beside_the_table_too(tmp_path: Path) -> None:
    put(tmp_path, "data/x.jpg", "other/y.jpg")
    catalogue = read_catalogue(tmp_path / "other", table(tmp_path / "data", "id,file\na,x.jpg\nb,y.jpg\n"))
    assert [item.id for item in catalogue.items] == ["a", "b"]


def test_without_an_image_column_pictures_are_found_by_id(tmp_path: Path) -> None:
    put(tmp_path, "a.jpg", "b/1.jpg", "b/2.jpg", "c.jpg")
    catalogue = read_catalogue(tmp_path, table(tmp_path, '{"id": "a"}\n{"id": "b", "x": 1}\n', "t.jsonl"))
    assert {item.id: [*item.views] for item in catalogue.items} == {"a": ["a.jpg"], "b": ["1.jpg", "2.jpg"]}
    assert catalogue.notes == ("Ignored 1 file that is not in t.jsonl: c.jpg",)


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
        ("id,image\na,notes.txt\n", (), "notes.txt is not a picture"),
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
