"""Whatever bytes a table has: it is read, or refused with a reason, and every row is either there or named."""

from __future__ import annotations

from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from tonari.errors import InvalidCatalogueError
from tonari_tools.push.folder.options import Reading
from tonari_tools.push.folder.pictures import Folder
from tonari_tools.push.joining.join import Join
from tonari_tools.push.table.metadata import Table, parse_csv, parse_json_lines
from tonari_tools.push.table.table_bytes import decode_table

PIECES = [
    "id",
    "image",
    "p1",
    "p1.jpg",
    "a.jpg|p1.jpg",
    "1,299.00",
    "12,50",
    "$7",
    "N/A",
    "-",
    "+",
    "%",
    "&amp;",
    "&#0;",
]
PIECES += ["true", "2025-01-31", "007", '="1"', "[", "]", "['a']", "{", "}", ":", "\\ud83d", "\0", "\ufeff", "\u00e9"]
PIECES += ["sep=;", "#", "Unnamed: 0", "\u0663", "1e999", "-0", ".", "1" * 400, "NaN", "null", "\\", "/", "../", "%2F"]
BETWEEN = [",", ";", "\t", "|", "\n", "\r\n", "\r", '"', " ", ", ", ""]
FOLDER = Folder(Path("/shop"), Path("/shop"), (Path("/shop/p1.jpg"), Path("/shop/a/1.jpg")), (), None)

texts = st.lists(st.sampled_from(PIECES) | st.sampled_from(BETWEEN) | st.text(max_size=3), max_size=40).map("".join)


def check(table: Table) -> None:
    lines = [row.line for row in table.rows]
    assert lines == sorted(set(lines))
    assert not {one.line for one in table.bad} & set(lines)
    assert [one.column for one in table.columns_read] == [*table.columns]
    for reading in table.columns_read:
        have = sum(reading.column in row.values for row in table.rows)
        assert have + reading.blanks == len(table.rows), reading
    for skip in (False, True):
        try:
            join = Join(FOLDER, table, Path("/nowhere"), Reading(skip_bad_rows=skip))
            items = join.items()
        except InvalidCatalogueError:
            continue
        assert items
        assert len(join.skipped) <= len(table.rows) + len(table.bad)
        for item in items:
            (item.document() or b"").decode()


@settings(max_examples=300)
@given(texts)
def test_any_csv_is_read_or_refused(text: str) -> None:
    for head in ("", "id,image,x,y\n"):
        try:
            table = parse_csv("t.csv", head + text)
        except InvalidCatalogueError:
            continue
        check(table)


@settings(max_examples=300)
@given(texts, st.sampled_from(["", '{"id": "p1", "x": 5}\n', '[{"id": "p1"},\n', '{"id": "p1", "x": ']))
def test_any_json_is_read_or_refused(text: str, head: str) -> None:
    try:
        table = parse_json_lines("t.jsonl", head + text)
    except InvalidCatalogueError:
        return
    check(table)


@given(st.binary(max_size=200))
def test_any_bytes_are_decoded_or_refused(data: bytes) -> None:
    try:
        decode_table("t.csv", data).encode()
    except InvalidCatalogueError:
        return
