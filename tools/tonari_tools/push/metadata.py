"""A table of fields, CSV or JSON lines -> rows with typed values."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tonari.errors import InvalidCatalogueError

JSON_SUFFIXES = (".jsonl", ".ndjson")
TABLE_SUFFIXES = (".csv", ".tsv", *JSON_SUFFIXES)
DELIMITERS = ",;\t|"
NUMBER = re.compile(r"-?(0|[1-9]\d{0,14})(\.\d{1,15})?")
"""Numbers that a float keeps: ``007`` and codes of more than 15 digits stay text."""
BOOLEANS = {"true": True, "false": False}


@dataclass(frozen=True, slots=True)
class Row:
    """One row: the line on which it starts, counted from 1, and its full cells by column: values, and as written."""

    line: int
    values: Mapping[str, Any]
    texts: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Table:
    """All rows, and the columns in their order."""

    name: str
    columns: tuple[str, ...]
    rows: tuple[Row, ...]


def read_table(path: Path) -> Table:
    """Read a table of fields.

    CSV may be separated by comma, semicolon, tab or bar. A CSV column whose cells are all numbers, or all ``true`` and
    ``false``, gives numbers or booleans; everything else, dates too, stays text. JSON lines keep their types.

    Raises
    ------
    InvalidCatalogueError
        If the file is missing, is not UTF-8, or a row is not of this form.
    """
    if path.suffix.lower() not in TABLE_SUFFIXES:
        raise InvalidCatalogueError(f"{path}: metadata must be one of {', '.join(TABLE_SUFFIXES)}.")
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise InvalidCatalogueError(f"{path} is not UTF-8 (byte {error.start}): save it as UTF-8.") from error
    except OSError as error:
        raise InvalidCatalogueError(f"{path} cannot be read: {error.strerror}.") from error
    parse = parse_json_lines if path.suffix.lower() in JSON_SUFFIXES else parse_csv
    table = parse(path.name, text)
    if not table.rows:
        raise InvalidCatalogueError(f"{path} has no rows.")
    return table


def parse_csv(name: str, text: str) -> Table:
    """Read CSV with a header (see :func:`read_table`)."""
    first = text.partition("\n")[0]
    delimiter = max(DELIMITERS, key=lambda one: len(next(csv.reader([first], delimiter=one), [])))
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    lines: list[tuple[int, list[str]]] = []
    start = 1
    try:
        for cells in reader:
            if any(cell.strip() for cell in cells):
                lines.append((start, [cell.strip() for cell in cells]))
            start = reader.line_num + 1
    except csv.Error as error:
        raise InvalidCatalogueError(f"{name}, line {start}: {error}.") from error
    if not lines:
        raise InvalidCatalogueError(f"{name} is empty: it needs a line of column names and a line per image or item.")
    columns = tuple(lines[0][1])
    repeated = [column for column in columns if columns.count(column) > 1]
    if repeated or "" in columns:
        raise InvalidCatalogueError(
            f"{name}: each column needs a name of its own, and {(repeated or [''])[0]!r} is not."
        )
    for line, cells in lines[1:]:
        if len(cells) > len(columns):
            raise InvalidCatalogueError(f"{name}, line {line}: {len(cells)} cells, but only {len(columns)} columns.")
    texts = [{column: text for column, text in zip(columns, cells, strict=False) if text} for _, cells in lines[1:]]
    readers = {column: _reader({row[column] for row in texts if column in row}) for column in columns}
    return Table(
        name,
        columns,
        tuple(
            Row(line, {column: readers[column](text) for column, text in row.items()}, row)
            for (line, _), row in zip(lines[1:], texts, strict=True)
        ),
    )


def _reader(texts: Collection[str]) -> Callable[[str], Any]:
    """Choose what the cells of a column become."""
    if all(NUMBER.fullmatch(text) for text in texts):
        return lambda text: float(text) if "." in text else int(text)
    if all(text.lower() in BOOLEANS for text in texts):
        return lambda text: BOOLEANS[text.lower()]
    return str


def parse_json_lines(name: str, text: str) -> Table:
    """Read one JSON object a line (see :func:`read_table`)."""
    rows: list[Row] = []
    for line, content in enumerate(text.split("\n"), 1):
        if not content.strip():
            continue
        try:
            raw = json.loads(content, parse_constant=_refuse_constant)
        except (ValueError, RecursionError) as error:
            raise InvalidCatalogueError(f"{name}, line {line}: {error}") from error
        if not isinstance(raw, dict):
            raise InvalidCatalogueError(f"{name}, line {line}: each line must hold one JSON object.")
        values = {key: value for key, value in raw.items() if value is not None and value != ""}
        texts = {key: value if isinstance(value, str) else json.dumps(value) for key, value in values.items()}
        rows.append(Row(line, values, texts))
    return Table(name, tuple(dict.fromkeys(column for row in rows for column in row.values)), tuple(rows))


def _refuse_constant(constant: str) -> Any:
    raise ValueError(f"{constant} is not a finite number")
