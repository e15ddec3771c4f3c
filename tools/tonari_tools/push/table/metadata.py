"""A table of fields, CSV or JSON -> rows with typed values, and what each column was read as."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tonari.errors import InvalidCatalogueError
from tonari_tools.push.table.delimited import read_delimited
from tonari_tools.push.table.json_cells import read_field
from tonari_tools.push.table.json_rows import read_json_rows
from tonari_tools.push.table.records import BadRow, remark_on_name
from tonari_tools.push.table.table_bytes import decode_table
from tonari_tools.push.table.written_cells import ColumnReading, look_at, read_column

JSON_SUFFIXES = (".jsonl", ".ndjson")
TABLE_SUFFIXES = (".csv", ".tsv", *JSON_SUFFIXES)
"""Of tables that are found by themselves in a folder."""
READABLE_SUFFIXES = (*TABLE_SUFFIXES, ".tab", ".txt", ".json")
REMEDIES = {
    **dict.fromkeys((".xlsx", ".xls", ".xlsm", ".ods", ".numbers"), "a workbook: save it as 'CSV UTF-8' there"),
    **dict.fromkeys(
        (".parquet", ".feather", ".arrow", ".pkl"), "a binary table: write it as CSV, as pandas does by to_csv"
    ),
    **dict.fromkeys((".gz", ".zip", ".bz2", ".xz", ".7z"), "compressed: unpack it"),
    **dict.fromkeys((".db", ".sqlite", ".sqlite3"), "a database: export its table as CSV"),
}


@dataclass(frozen=True, slots=True)
class Row:
    """One row: the line on which it starts, counted from 1, and its full cells by column: values, and as written."""

    line: int
    values: Mapping[str, Any]
    texts: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Table:
    """All rows, the columns in their order, and what was decided.

    Parameters
    ----------
    columns_read
        What each column was read as, in the order of the columns.
    bad
        Rows that cannot be read, by line.
    notes
        What of the table was left out.
    """

    name: str
    columns: tuple[str, ...]
    rows: tuple[Row, ...]
    columns_read: tuple[ColumnReading, ...] = ()
    bad: tuple[BadRow, ...] = ()
    notes: tuple[str, ...] = ()


def read_table(path: Path) -> Table:
    """Read a table of fields.

    CSV may be separated by comma, semicolon, tab or bar; JSON is an object a line, or a list of objects. What a column
    of CSV holds is decided by all its cells (see :mod:`tonari_tools.push.table.written_cells`); JSON keeps its types.

    Raises
    ------
    InvalidCatalogueError
        If the file is missing, is not text in UTF-8, has no line with the names of its columns, or no row.
    """
    suffix = path.suffix.lower()
    if suffix not in READABLE_SUFFIXES:
        remedy = f" {path.name} is {REMEDIES[suffix]}." if suffix in REMEDIES else ""
        raise InvalidCatalogueError(f"{path}: metadata must be one of {', '.join(READABLE_SUFFIXES)}.{remedy}")
    try:
        data = path.read_bytes()
    except OSError as error:
        raise InvalidCatalogueError(f"{path} cannot be read: {error.strerror}.") from error
    text = decode_table(path.name, data)
    is_json = suffix in (*JSON_SUFFIXES, ".json")
    table = parse_json_lines(path.name, text) if is_json else parse_csv(path.name, text)
    if not table.rows and not table.bad:
        raise InvalidCatalogueError(f"{path} has no rows.")
    return table


def parse_csv(name: str, text: str) -> Table:
    """Read CSV with a header (see :func:`read_table`)."""
    records = read_delimited(name, text)
    by_column = [*zip(*records.rows, strict=True)] or [()] * len(records.columns)
    looked = [
        look_at(column, cells, records.lines.__getitem__)
        for column, cells in zip(records.columns, by_column, strict=True)
    ]
    proved = [one.scan.decimals() for one in looked]
    times = Counter(decimal for one in proved for decimal in one)
    bar = "" if records.separator == "|" else "|"
    read = [
        read_column(one, frozenset(decimal for decimal in times if times[decimal] > (decimal in own)), bar)
        for one, own in zip(looked, proved, strict=True)
    ]
    columns = records.columns
    rows = (
        Row(
            line,
            {column: value for column, value in zip(columns, values, strict=True) if value is not None},
            {column: text for column, text in zip(columns, texts, strict=True) if text},
        )
        for line, values, texts in zip(
            records.lines, zip(*(values for values, _ in read), strict=True), records.rows, strict=True
        )
    )
    readings = tuple(_with_name(reading) for _, reading in read)
    return Table(name, columns, tuple(rows), readings, records.bad, records.notes)


def parse_json_lines(name: str, text: str) -> Table:
    """Read JSON lines or a list of objects (see :func:`read_table`)."""
    found = read_json_rows(name, text)
    by_column: dict[str, dict[int, Any]] = {column: {} for column in found.columns}
    for number, row in enumerate(found.rows):
        for column, value in row.items():
            by_column[column][number] = value
    values: list[dict[str, Any]] = [{} for _ in found.rows]
    readings: list[ColumnReading] = []
    for column, given in by_column.items():
        read, reading = read_field(column, given, len(found.rows), found.lines.__getitem__)
        readings.append(_with_name(reading))
        for number, value in read.items():
            values[number][column] = value
    rows = (
        Row(line, fields, {column: _as_text(value) for column, value in row.items()})
        for line, fields, row in zip(found.lines, values, found.rows, strict=True)
    )
    return Table(name, found.columns, tuple(rows), tuple(readings), found.bad)


def _as_text(value: Any) -> str:
    """Write a value as it would stand in a table of texts: 777.0, as a database may write an id, is 777."""
    if isinstance(value, str):
        return value
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return str(value) if type(value) is int else json.dumps(value, ensure_ascii=False)


def _with_name(reading: ColumnReading) -> ColumnReading:
    remark = remark_on_name(reading.column)
    return replace(reading, why="; ".join(filter(None, (reading.why, remark)))) if remark else reading
