"""Tables of fields."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tonari.errors import InvalidCatalogueError
from tonari_tools.push.metadata import parse_csv, parse_json_lines, read_table


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
