"""Tables of fields."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tonari.errors import InvalidCatalogueError
from tonari_tools.push.table.metadata import parse_csv, parse_json_lines, read_table


def values(text: str) -> list[dict[str, object]]:
    return [dict(row.values) for row in parse_csv("t.csv", text).rows]


def test_cells_get_the_type_of_their_column() -> None:
    assert values("id,price,count,sale,added,code\na,1.50,3,true,2025-01-31,007\nb,-2,,FALSE,2025-02-01,8\n") == [
        {"id": "a", "price": 1.5, "count": 3, "sale": True, "added": "2025-01-31", "code": "007"},
        {"id": "b", "price": -2, "sale": False, "added": "2025-02-01", "code": "8"},
    ]


@pytest.mark.parametrize("cell", ["10L", "1e5", "inf", "1_000", "1234567890123456", "\u0663", "yes"])
def test_what_a_float_would_not_keep_stays_text(cell: str) -> None:
    assert values(f"id;x\na;{cell}\n") == [{"id": "a", "x": cell}]


@pytest.mark.parametrize(
    ("cell", "value"),
    [("+5", 5), ("1,5", 1.5), ("$7", 7), ("1.299,00", 1299), ("1 299,50 \u20ac", 1299.5), (".5", 0.5)],
)
def test_a_number_as_people_write_it_is_one(cell: str, value: float) -> None:
    assert values(f"id;x\na;{cell}\nb;n/a\n") == [{"id": "a", "x": value}, {"id": "b"}]


def test_another_column_says_what_a_comma_is() -> None:
    assert values("id;price;weight\na;12,50;1,299\n") == [{"id": "a", "price": 12.5, "weight": 1.299}]
    assert values("id;price;weight\na;12.50;1,299\n") == [{"id": "a", "price": 12.5, "weight": 1299}]


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


def test_json_lines_keep_their_types() -> None:
    rows = parse_json_lines(
        "t.jsonl", '{"id": 5, "tags": ["a"], "x": null, "y": ""}\n\n{"id": "b", "ok": true}\r\n'
    ).rows
    assert [(row.line, row.values) for row in rows] == [(1, {"id": 5, "tags": ["a"]}), (3, {"id": "b", "ok": True})]
    assert rows[0].texts["id"] == "5"


def test_what_was_decided_is_kept_for_each_column_in_order() -> None:
    table = parse_csv("t.csv", "id,price,material,$x\np1,$5.50,wool|silk,\np2,N/A,silk|wool,\n")
    assert [(one.column, one.kind, one.examples, one.blanks) for one in table.columns_read] == [
        ("id", "text", ("p1", "p2"), 0),
        ("price", "number", ("$5.50",), 1),
        ("material", "list", ("wool|silk", "silk|wool"), 0),
        ("$x", "text", (), 2),
    ]
    assert table.columns_read[1].why == "'$5.50' is read as 5.5; 1 of 2 cells is 'N/A': read as no value"
    assert "rename it to filter by it" in table.columns_read[3].why


def test_json_is_read_as_carefully_and_keeps_its_types() -> None:
    lines = '{"id": 777, "price": 5, "note": "N/A", "ean": "12"}\n{"id": 778.0, "price": "N/A", "note": "a &amp; b"}\n'
    table = parse_json_lines("t.jsonl", lines)
    assert [row.values for row in table.rows] == [
        {"id": 777, "price": 5, "ean": "12"},
        {"id": 778.0, "note": "a & b"},
    ]
    assert [row.texts["id"] for row in table.rows] == ["777", "778"]
    assert {one.column: (one.kind, one.blanks) for one in table.columns_read} == {
        "id": ("number", 0),
        "price": ("number", 1),
        "note": ("text", 1),
        "ean": ("text", 1),
    }
    said = {one.column: one.why for one in table.columns_read}
    assert said["id"] == ""
    assert "texts such as 'N/A' are read as no value" in said["price"]
    assert "HTML entities are read as characters, first in line 2" in said["note"]
    assert "texts, though all are numbers: write them without quotes" in said["ean"]


@pytest.mark.parametrize(
    ("values", "kind", "why"),
    [
        ([1, 2.5], "number", ""),
        ([True, False], "boolean", ""),
        (["a", "b"], "text", ""),
        (["2025-01-31", "2025-02-01"], "date", ""),
        ([["a"], ["b", "c"]], "list", ""),
        ([[38, 39]], "list", ""),
        ([[True, 39]], "list", "not lists of texts and numbers alone: answers show them, filters cannot use them"),
        ([*[1] * 60, "call us"], "number", "not numbers, so without a value: 'call us' in line 61"),
        ([1, 2, "XL"], "text", "text, since not all are numbers: 'XL' in line 3"),
        ([True, "n/a"], "boolean", "texts such as 'n/a' are read as no value"),
    ],
)
def test_a_field_of_json_is_what_its_values_are(values: list[object], kind: str, why: str) -> None:
    lines = "".join(json.dumps({"id": "a", "x": value}) + "\n" for value in values)
    (reading,) = (one for one in parse_json_lines("t.jsonl", lines).columns_read if one.column == "x")
    assert (reading.kind, reading.why) == (kind, why)


@pytest.mark.parametrize(
    ("name", "data", "error"),
    [
        ("t.csv", b"id\n\xff\n", "not UTF-8"),
        ("t.csv", b"id,x\n", "no rows"),
        ("t.csv", b"id,x\n\n", "no rows"),
        ("t.jsonl", b"\n", "no rows"),
        ("t.xlsx", b"PK", r"must be one of \.csv.* t.xlsx is a workbook: save it as 'CSV UTF-8'"),
        ("t.parquet", b"PAR1", "write it as CSV"),
        ("t.csv.gz", b"\x1f\x8b", "unpack it"),
        ("t.csv", b"PK\x03\x04", "an Excel workbook"),
        ("t.md", b"", r"must be one of \.csv"),
    ],
)
def test_a_file_that_is_no_table(tmp_path: Path, name: str, data: bytes, error: str) -> None:
    (tmp_path / name).write_bytes(data)
    with pytest.raises(InvalidCatalogueError, match=error):
        read_table(tmp_path / name)


def test_unicode_text_of_excel_and_a_list_of_objects_are_read(tmp_path: Path) -> None:
    (tmp_path / "t.txt").write_bytes("id\tprice\r\np1\t12,50\r\n".encode("utf-16"))
    (tmp_path / "t.json").write_text('[{"id": "p1", "price": 12.5}]')
    for name in ("t.txt", "t.json"):
        (row,) = read_table(tmp_path / name).rows
        assert (row.values, row.texts["id"]) == ({"id": "p1", "price": 12.5}, "p1")


def test_a_table_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(InvalidCatalogueError, match="No such file"):
        read_table(tmp_path / "t.csv")
