"""The values of one field in JSON rows -> the same values, read as carefully as the cells of CSV.

Types are kept: a text stays a text. Only a text that means no value, such as ``N/A``, has none; and where nearly all
rows hold a number, the few texts among them have none either.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from tonari.fields.kinds import kind_of, parse_date
from tonari_tools.push.table.written_cells import (
    BLANKS,
    BLANKS_AMONG_NUMBERS,
    EXAMPLES,
    FEWEST,
    MOST,
    MOST_SHOWN,
    ColumnReading,
    Kind,
    unescape,
)
from tonari_tools.push.table.written_numbers import read_number

_SCALARS: Mapping[str, tuple[Kind, str]] = {"number": ("number", "numbers"), "boolean": ("boolean", "true or false")}


def read_field(
    name: str, values: Mapping[int, Any], rows: int, line_of: Callable[[int], int]
) -> tuple[dict[int, Any], ColumnReading]:
    """Decide what a field holds.

    Parameters
    ----------
    values
        By row, counted from 0, where there is one.
    rows
        How many there are.

    Returns
    -------
    The values that count, by row, and what was decided.
    """
    read = {row: unescape(value) if isinstance(value, str) else value for row, value in values.items()}
    texts = {row: value for row, value in read.items() if isinstance(value, str)}
    others = {row: kind_of(value) for row, value in read.items() if row not in texts}
    said: list[str] = []
    scalar = _SCALARS.get(next(iter(set(others.values())), "") or "") if len(set(others.values())) == 1 else None
    words = {row for row, text in texts.items() if text in BLANKS}
    kind: Kind = "list" if "strings" in others.values() or None in others.values() else "text"
    if scalar:
        words |= {row for row, text in texts.items() if text.lower() in BLANKS_AMONG_NUMBERS}
        left = [row for row in texts if row not in words]
        of = len(others) + len(left)
        if not left or (of >= FEWEST and len(others) >= MOST * of):
            kind = scalar[0]
            words.update(left)
            said += [f"not {scalar[1]}, so without a value: {_some(texts, left, line_of)}"] if left else []
        else:
            said.append(f"text, since not all are {scalar[1]}: {_some(texts, left, line_of)}")
            words = {row for row in words if texts[row] in BLANKS}
    full = {row: value for row, value in read.items() if row not in words}
    if kind == "list" and None in others.values():
        said.append("not lists of texts and numbers alone: answers show them, filters cannot use them")
    if kind == "text":
        kind, remark = _of_texts(full)
        said += [remark] if remark else []
    blank = next(
        (texts[row] for row in words if texts[row] in BLANKS or texts[row].lower() in BLANKS_AMONG_NUMBERS), None
    )
    if blank is not None:
        said.append(f"texts such as {blank!r} are read as no value")
    changed = next((row for row, value in values.items() if isinstance(value, str) and value != read[row]), None)
    if changed is not None:
        said.append(f"HTML entities are read as characters, first in line {line_of(changed)}")
    reading = ColumnReading(name, kind, _examples(full.values()), rows - len(full), "; ".join(said))
    return full, reading


def _some(texts: Mapping[int, str], rows: Sequence[int], line_of: Callable[[int], int]) -> str:
    more = f" (and {len(rows) - 1:,} more)" if len(rows) > 1 else ""
    return f"{texts[rows[0]][:MOST_SHOWN]!r} in line {line_of(rows[0])}{more}"


def _of_texts(full: Mapping[int, Any]) -> tuple[Kind, str]:
    texts = [value for value in full.values() if isinstance(value, str)]
    if texts and len(texts) == len(full):
        if all(text[:4].isdigit() and parse_date(text) is not None for text in texts):
            return "date", ""
        if all(read_number(text) is not None for text in texts):
            return "text", "texts, though all are numbers: write them without quotes, as 12.5, to filter by number"
    return "text", ""


def _examples(values: Any) -> tuple[str, ...]:
    found: dict[str, None] = {}
    for value in values:
        found[value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)] = None
        if len(found) == EXAMPLES:
            break
    return tuple(found)
