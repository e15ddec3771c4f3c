"""Rows and pictures -> items, rows that cannot be used, ids as they are written."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from folders import put
from tonari.errors import InvalidCatalogueError
from tonari_tools.push.folder.pictures import LocalItem
from unit.tools.push.joining.tables import join, views

GOOD = "id,price\np1,5\np2,6\n"


@pytest.fixture
def two(tmp_path: Path) -> Path:
    return put(tmp_path, "p1.jpg", "p2.jpg")


def fields(items: tuple[LocalItem, ...]) -> dict[str, object]:
    return {item.id: item.fields for item in items}


@pytest.mark.parametrize(
    ("row", "why"),
    [
        ("gone,7", "there is no picture of 'gone': neither a file such as gone.jpg nor a folder gone."),
        ("p3,7,8", "3 cells, but only 2 columns"),
        ("p3", "1 cell, but 2 columns"),
        ('p3,"7', 'a quote (") is opened'),
        (",7", "id, which makes the id, is empty."),
        ("nan,7", "id, which makes the id, is 'nan', which stands for no value."),
        ("a/b,7", "'a/b' cannot be an id. It has a '/': write 'a-b', or choose another column (--id)."),
    ],
)
def test_a_row_that_cannot_be_used_is_named_and_left_out_on_demand(two: Path, row: str, why: str) -> None:
    text = f"{GOOD}{row}\n"
    with pytest.raises(InvalidCatalogueError) as found:
        join(two, text).items()
    assert found.value.detail.startswith(f"items.csv, line 4: {why}")
    assert found.value.detail.endswith(" 1 of 3 rows cannot be used: --skip-bad-rows leaves them out.")
    joined = join(two, text, skip=True)
    assert fields(joined.items()) == {"p1": {"price": 5}, "p2": {"price": 6}}
    ((bad),) = joined.skipped
    assert bad.line == 4
    assert bad.why.startswith(why)


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ('{"id": "p2", "x": "cut \\ud83d"}', "half a surrogate pair"),
        ('{"id": "p2", "cut \\ud83d": 1}', "half a surrogate pair"),
        ('{"id": "p2", "x": NaN}', "NaN is not a finite number"),
        ('{"id": "p2", "x": {"w": 1}}', "'x' is an object"),
        ('{"id": ["p2"]}', r"'id', which makes the id, is \[.p2.\]: write a text"),
        ('{"id": true}', "'id', which makes the id, is true: write a text"),
        ('{"id": null}', "id, which makes the id, is empty"),
        ('{"id": "p2"', "not JSON at character"),
        ('{"id": "p2", "long": "' + "x" * 100_001 + '"}', "at most 100000 are taken"),
    ],
)
def test_so_is_a_line_of_json(two: Path, line: str, why: str) -> None:
    text = f'{{"id": "p1"}}\n{line}\n'
    with pytest.raises(InvalidCatalogueError, match=f"line 2: .*{why}"):
        join(two, text, name="t.jsonl").items()
    joined = join(two, text, name="t.jsonl", skip=True)
    assert [item.id for item in joined.items()] == ["p1"]
    assert [one.line for one in joined.skipped] == [2]


@pytest.mark.parametrize(
    "cell",
    [
        '"https://a.com/p1.jpg, https://a.com/p2.jpg"',
        "https://a.com/p1.jpg|https://a.com/p2.jpg?v=2",
        '"[""https://a.com/p1.jpg"", ""https://a.com/p2.jpg""]"',
    ],
)
def test_several_addresses_in_a_cell_are_several_pictures(two: Path, cell: str) -> None:
    assert views(join(two, f"id,image\nx,{cell}\n").items()) == {"x": ["p1.jpg", "p2.jpg"]}


@pytest.mark.parametrize("name", ["sub/p1", "sub/p1.jpg"])
def test_a_path_in_the_column_id_is_the_name_of_a_picture_if_that_is_said(tmp_path: Path, name: str) -> None:
    put(tmp_path, "sub/p1.jpg")
    with pytest.raises(InvalidCatalogueError, match="is the name of a picture: say --image id"):
        join(tmp_path, f"id\n{name}\n").items()
    assert views(join(tmp_path, f"id\n{name}\n", image="id").items()) == {"sub-p1": ["p1.jpg"]}


def test_blanks_around_an_id_are_none_of_it(two: Path) -> None:
    joined = join(two, '{"id": "p1 "}\n{"id": " p2"}\n', name="t.jsonl")
    assert views(joined.items()) == {"p1": ["p1.jpg"], "p2": ["p2.jpg"]}


def test_the_first_bad_rows_are_listed_in_the_order_of_the_file(two: Path) -> None:
    text = "id,price\nx,1\np1,5,6\ny,2\nz,3\np2,6\n"
    with pytest.raises(InvalidCatalogueError, match=r"line 2: .* line 3: .* line 4: .* … and 1 more\. 4 of 5 rows"):
        join(two, text).items()
    joined = join(two, text, skip=True)
    joined.items()
    assert [one.line for one in joined.skipped] == [2, 3, 4, 5]


@pytest.mark.parametrize("skip", [True, False])
@pytest.mark.parametrize("text", ["id,price\nx,1\ny,2\n", "id,price\np1,1,2\np2,3,4\n"])
def test_if_all_rows_are_bad_nothing_is_read(two: Path, text: str, *, skip: bool) -> None:
    with pytest.raises(
        InvalidCatalogueError, match=r"items.csv, line 2: .* line 3: .* 2 of 2 rows cannot be used\.( If a column .*)?$"
    ) as found:
        join(two, text, skip=skip).items()
    assert "--skip-bad-rows" not in found.value.detail


def test_leading_zeros_that_excel_left_out_are_called_so(tmp_path: Path) -> None:
    put(tmp_path, "00121.jpg", "00122.jpg")
    with pytest.raises(InvalidCatalogueError, match="There is '00121': Excel leaves out leading zeros"):
        join(tmp_path, "id,x\n121,5\n122,6\n").items()


def test_a_table_of_another_folder_is_called_so(tmp_path: Path) -> None:
    put(tmp_path, "shoe/1.jpg", "hat/2.jpg")
    with pytest.raises(InvalidCatalogueError, match=r"There is shoe/1\.jpg\. .* move the table out of the folder\.$"):
        join(tmp_path, "path,x\nimages/1.jpg,5\nimages/2.jpg,6\n").items()


def test_a_second_row_that_says_otherwise_of_the_same_pictures_is_counted_or_left_out(two: Path) -> None:
    text = f"{GOOD}p1,7\np1,5\n"
    joined = join(two, text)
    assert (fields(joined.items())["p1"], dict(joined.differing)) == ({"price": 5}, {"price": 1})
    skipping = join(two, text, skip=True)
    assert (fields(skipping.items())["p1"], dict(skipping.differing)) == ({"price": 5}, {})
    assert [(one.line, one.why) for one in skipping.skipped] == [
        (4, "'p1' and its pictures are in line 2 already, with another price.")
    ]


def test_an_unreadable_cell_among_many_numbers_leaves_the_row_in(tmp_path: Path) -> None:
    put(tmp_path, *(f"{number}.jpg" for number in range(40)))
    items = join(tmp_path, "id,price\n" + "".join(f"{number},5\n" for number in range(39)) + "39,sold\n").items()
    assert items[38].fields == {"price": 5}
    assert items[39].fields == {}


@pytest.mark.parametrize(
    "cell",
    ["p1.jpg|p2.jpg", "p1.jpg; p2.jpg", '"p1.jpg, p2.jpg"', '"[""p1.jpg"",""p2.jpg""]"', "\"['p1.jpg', 'p2.jpg']\""],
)
@pytest.mark.parametrize("column", ["images", "image"])
def test_a_cell_may_name_several_pictures(two: Path, cell: str, column: str) -> None:
    assert views(join(two, f"id,{column}\na,{cell}\n").items()) == {"a": ["p1.jpg", "p2.jpg"]}


def test_a_name_with_a_comma_is_one_picture(tmp_path: Path) -> None:
    put(tmp_path, "x,y.jpg", "x", "y.jpg")
    assert views(join(tmp_path, 'id,image\na,"x,y.jpg"\n').items()) == {"a": ["x,y.jpg"]}


def test_of_several_pictures_the_missing_one_is_named(two: Path) -> None:
    with pytest.raises(InvalidCatalogueError, match=r"line 2: the picture gone.jpg is not in"):
        join(two, "id,images\na,p1.jpg|gone.jpg\n").items()


@pytest.mark.parametrize("blank", ["", "N/A", "nan", "-"])
def test_a_cell_without_a_picture_is_a_bad_row(two: Path, blank: str) -> None:
    with pytest.raises(InvalidCatalogueError, match="line 3: the column 'image' names no picture"):
        join(two, f"id,image\np1,p1.jpg\np2,{blank}\n").items()


def test_pictures_may_be_said_to_be_the_items(two: Path) -> None:
    put(two, "sub/a.jpg", "sub/b.jpg")
    text = "file_name,label\np1.jpg,x\nsub\\a.jpg,y\nsub/b.jpg,z\n"
    assert views(join(two, text, ids=["file_name"]).items()) == {
        "p1": ["p1.jpg"],
        "sub-a": ["a.jpg"],
        "sub-b": ["b.jpg"],
    }


def test_the_name_of_a_file_in_another_column_of_ids_means_its_picture(two: Path) -> None:
    assert views(join(two, "name,label\np1.jpg,x\np2.jpg,y\n", ids=["name"]).items()) == {
        "p1": ["p1.jpg"],
        "p2": ["p2.jpg"],
    }


def test_an_id_is_kept_as_it_is_written_even_as_the_name_of_a_file(two: Path) -> None:
    assert views(join(two, "id,label\np1.jpg,x\n").items()) == {"p1.jpg": ["p1.jpg"]}


def test_pictures_that_would_be_the_same_item_are_refused(tmp_path: Path) -> None:
    put(tmp_path, "a-b/c.jpg", "a/b-c.jpg")
    with pytest.raises(InvalidCatalogueError, match=r"line 3: .* would both be the item 'a-b-c'"):
        join(tmp_path, "path\na-b/c.jpg\na/b-c.jpg\n", ids=["path"]).items()


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("id,x\n777,1\n", "t.csv"),
        ("id,x\n777.0,1\n", "t.csv"),
        ('{"id": 777}\n', "t.jsonl"),
        ('{"id": 777.0}\n', "t.jsonl"),
        ('{"id": "777"}\n', "t.jsonl"),
    ],
)
def test_a_whole_number_is_an_id_however_it_is_written(tmp_path: Path, text: str, name: str) -> None:
    put(tmp_path, "777.jpg")
    (item,) = join(tmp_path, text, name=name).items()
    assert json.loads(item.document() or b"")["id"] == "777"


def test_ids_with_zeros_in_front_and_versions_stay_as_they_are(tmp_path: Path) -> None:
    put(tmp_path, "007.jpg", "1.0.jpg", "1.5.jpg")
    assert [item.id for item in join(tmp_path, "id\n007\n1.0\n1.5\n").items()] == ["007", "1.0", "1.5"]


def test_two_forms_of_one_id_are_one_item(tmp_path: Path) -> None:
    put(tmp_path, "1.jpg", "2.jpg")
    text = "id,image\ncaf\u00e9,1.jpg\ncafe\u0301,2.jpg\n"
    assert views(join(tmp_path, text).items()) == {"caf\u00e9": ["1.jpg", "2.jpg"]}


def test_an_id_with_an_html_entity_is_what_it_stands_for(tmp_path: Path) -> None:
    put(tmp_path, "a&b.jpg")
    assert views(join(tmp_path, "id\na&amp;b\n").items()) == {"a&b": ["a&b.jpg"]}


def test_notes_of_the_table_are_handed_on(two: Path) -> None:
    assert join(two, ",id\n0,p1\n1,p2\n").notes == (
        "Left out the first column of items.csv: it has no name and only numbers the rows",
    )
