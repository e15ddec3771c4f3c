"""Rows as JSON: an object a line, or one list of objects -> records."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from tonari.contract.strict_json import read_json
from tonari.errors import InvalidCatalogueError
from tonari_tools.push.table.records import BadRow, check_names, tidy_name

_BLANK = re.compile(r"[ \t\r\n]*")
_STEP = re.compile(r"[ \t\r\n]*([,\]])")
_ONE_OBJECT = "is one object: write an object a line, or a list of objects, one for each item or picture."
_LINE_END = re.compile(r"\r\n?|\n")
_DECODER = json.JSONDecoder()


@dataclass(frozen=True, slots=True)
class JsonRows:
    """Fields by row, without those that are null or empty; the line on which each starts; rows that cannot be read."""

    columns: tuple[str, ...]
    lines: tuple[int, ...]
    rows: tuple[dict[str, Any], ...]
    bad: tuple[BadRow, ...]


def read_json_rows(name: str, text: str) -> JsonRows:
    """Read JSON lines, or a file whose first character is that of a list.

    Raises
    ------
    InvalidCatalogueError
        If a list breaks off, or the file is one object.
    """
    rows: list[dict[str, Any]] = []
    lines: list[int] = []
    bad: list[BadRow] = []
    is_list = text.lstrip()[:1] == "["
    if not is_list and _is_one_object(text):
        raise InvalidCatalogueError(f"{name} {_ONE_OBJECT}")
    for line, content in _elements(name, text) if is_list else enumerate(_LINE_END.split(text), 1):
        if not content.strip():
            continue
        row = _read_row(content)
        if isinstance(row, str):
            bad.append(BadRow(line, row))
        else:
            rows.append(row)
            lines.append(line)
    if not is_list and len(rows) == 1 and not bad and _holds_rows(rows[0]):
        raise InvalidCatalogueError(f"{name} {_ONE_OBJECT}")
    columns = tuple(dict.fromkeys(column for row in rows for column in row))
    check_names(name, columns)
    return JsonRows(columns, tuple(lines), tuple(rows), tuple(bad))


def _is_one_object(text: str) -> bool:
    first = text.lstrip().partition("\n")[0].strip()
    if not text.lstrip().startswith("{") or "\n" not in text.strip() or first.endswith("}"):
        return False
    try:
        return isinstance(json.loads(text), dict)
    except (ValueError, RecursionError):
        return False


def _holds_rows(row: dict[str, Any]) -> bool:
    """Tell whether an object is a whole table: a list of objects under one name, or a list for each column."""
    lists = [value for value in row.values() if isinstance(value, list)]
    return any(isinstance(one, dict) for value in lists for one in value) or (
        len(lists) == len(row) > 1 and len({len(value) for value in lists}) == 1
    )


def _elements(name: str, text: str) -> Iterator[tuple[int, str]]:
    """Give the line and the text of each element of a list."""
    at = text.index("[") + 1
    line, counted = 1, 0
    while True:
        at = _BLANK.match(text, at).end()  # type: ignore[union-attr]
        line, counted = line + text.count("\n", counted, at), at
        if text[at : at + 1] == "]":
            return
        try:
            _, end = _DECODER.raw_decode(text, at)
        except (ValueError, RecursionError) as error:
            raise InvalidCatalogueError(
                f"{name}, line {line}: this element of the list is not JSON: {error}"
            ) from error
        yield line, text[at:end]
        step = _STEP.match(text, end)
        if step is None:
            raise InvalidCatalogueError(
                f"{name}, line {line}: after this element the list does not go on: a comma or ]."
            )
        at = step.end()
        if step[1] == "]":
            return


def _read_row(content: str) -> dict[str, Any] | str:
    """Read one object; a text says why it is none that can be used."""
    try:
        raw = read_json(content)
    except (ValueError, RecursionError) as error:
        return _explain(error)
    if not isinstance(raw, dict):
        return "each line must hold one JSON object."
    full = {key: value for key, value in raw.items() if value is not None and value != ""}
    row = {tidy_name(key): value for key, value in full.items()}
    if "" in row:
        return "a field has no name."
    if len(row) < len(full):
        return "two names of fields differ only in blanks or in the form of their accents."
    nested = next((key for key, value in row.items() if isinstance(value, dict)), None)
    if nested is not None:
        part = next(iter(row[nested]), "part")
        return f"{nested!r} is an object; documents are flat: write each part as a field, such as '{nested}_{part}'."
    return row


def _explain(error: Exception) -> str:
    match error:
        case json.JSONDecodeError():
            return f"not JSON at character {error.colno}: {error.msg}."
        case RecursionError():
            return "it is nested too deeply."
    remedy = "; write null where there is no value" if "not a finite number" in str(error) else ""
    return f"{error}{remedy}."
