"""The cells of one column -> values, and what was decided about them, in plain words.

A column is read as numbers, booleans or dates if all its cells are, or all but a few: those then have no value. A cell
such as ``N/A`` has no value in any column; ``NA`` and ``None`` may be a country or a class, so they only count as
blanks where all else is numbers, booleans or dates.
"""

from __future__ import annotations

import html
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from tonari.fields.kinds import parse_date
from tonari_tools.push.table.lists import split_cells
from tonari_tools.push.table.written_numbers import PERCENT, Decimal, Scan, scan_numbers, settle

Kind = Literal["number", "boolean", "text", "list", "date"]
Values = Mapping[str, Any]

_NOTHING = "N/A n/a nan NaN null NULL Null - -- --- \u2013 \u2014 ? [] <NA> (null) NaT \\N #N/A"
_ERRORS_OF_EXCEL = "#NULL! #REF! #VALUE! #DIV/0! #NAME? #NUM!"
_NOTHING_AMONG_NUMBERS = "na n.a. n.a nil none n/a nan null nat . .. ... 0000-00-00"
BLANKS = frozenset(["", *_NOTHING.split(), *_ERRORS_OF_EXCEL.split()])
"""Cells without a value, whatever is in the column."""
BLANKS_AMONG_NUMBERS = frozenset(["0000-00-00 00:00:00", *_NOTHING_AMONG_NUMBERS.split()])
"""Cells without a value among numbers, booleans and dates, in any case of letters."""
LONGEST = 19
"""Letters of the longest cell that means no value, or a boolean."""
BOOLEANS = {"true": True, "false": False}
EXAMPLES = 3
MOST = 0.95
FEWEST = 20
"""From this many full cells on, a column is what MOST of them are."""
MOST_SHOWN = 30

_ENTITY = re.compile(r"&(?:#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});")
_TAG = re.compile(r"</?[a-zA-Z][^<>]{0,200}>")
_OTHER_DATE = re.compile(r"\d{1,2}([./-])\d{1,2}\1(?:\d{4}|\d\d)\b.*|\d{4}([./])\d{1,2}\2\d{1,2}\b.*|\d{4}年\d+月\d+日")
_WITH_UNIT = re.compile(r"[+-]?\d[\d.,]*\s?([^\W\d_]{1,10}|[\"'°\u2032\u2033])")
_RANGE = re.compile(r"(?:[$€£¥]?\s?\d[\d.,]*\s?[$€£¥円]?(?:\s?[-\u2013\u2014~\u301c\uff5e]\s?|\Z)){2}")
_YES_NO = frozenset(("yes", "no", "y", "n", "ja", "nein", "oui", "non", "sí", "si", "wahr", "falsch", "vrai", "faux"))
_OF_KIND = {"number": "numbers", "boolean": "true or false", "date": "ISO 8601 dates"}


@dataclass(frozen=True, slots=True)
class ColumnReading:
    """What a column was read as.

    Parameters
    ----------
    examples
        Up to three different cells, as written.
    blanks
        How many cells were read as no value: empty ones, ``N/A`` and the like.
    why
        What was decided, in plain words; empty if nothing was.
    """

    column: str
    kind: Kind
    examples: tuple[str, ...]
    blanks: int
    why: str


@dataclass(frozen=True, slots=True)
class Column:
    """The cells of a column, looked at.

    Parameters
    ----------
    plain
        What each cell as written means: HTML entities are decoded.
    counts
        How often each is there.
    full
        Of these the ones that say something, even among numbers.
    """

    name: str
    texts: Sequence[str]
    plain: Mapping[str, str]
    counts: Counter[str]
    full: Mapping[str, int]
    scan: Scan
    line_of: Callable[[int], int]

    def where(self, text: str) -> str:
        """Name the first cell that means this."""
        number = next(number for number, raw in enumerate(self.texts) if raw and self.plain[raw] == text)
        return f"{text[:MOST_SHOWN]!r} in line {self.line_of(number)}"

    def total(self, texts: Sequence[str] | Values) -> int:
        """Count the cells that are one of these."""
        return sum(self.counts[text] for text in texts)


def look_at(name: str, texts: Sequence[str], line_of: Callable[[int], int]) -> Column:
    """Count the different cells of a column, empty ones as ``""``, and see which can be numbers."""
    raw = Counter(texts)
    plain = dict(zip(raw, map(unescape, raw), strict=True))
    counts = raw
    if any(text != plain[text] for text in raw if "&" in text):
        counts = Counter()
        for text, count in raw.items():
            counts[plain[text]] += count
    full = {text: count for text, count in counts.items() if _is_full(text)}
    return Column(name, texts, plain, counts, full, scan_numbers(full), line_of)


def unescape(text: str) -> str:
    """Read HTML entities as the characters that they stand for; a text without them stays as it is."""
    if "&" not in text:
        return text
    decoded = _ENTITY.sub(lambda found: html.unescape(found[0]), text)
    return decoded if decoded == text else decoded.strip()


def _is_full(text: str) -> bool:
    return len(text) > LONGEST or (text not in BLANKS and text.lower() not in BLANKS_AMONG_NUMBERS)


def read_column(column: Column, elsewhere: frozenset[Decimal], bar: str = "|") -> tuple[list[Any], ColumnReading]:
    """Decide what a column holds.

    Parameters
    ----------
    elsewhere
        The decimal signs that the other columns prove.
    bar
        What separates the texts of a list within a cell; empty where it separates cells.

    Returns
    -------
    A value for each cell, None where there is none, and what was decided.
    """
    full = column.full
    truths = {text: BOOLEANS[text.lower()] for text in full if len(text) <= LONGEST and text.lower() in BOOLEANS}
    dates = {text: text for text in full if text[:4].isdigit() and parse_date(text) is not None}
    numbers, remarks, hindrance = _numbers(column, elsewhere)
    found: dict[Kind, Values] = {"boolean": truths, "date": dates, "number": numbers}
    kind = max(found, key=lambda one: column.total(found[one]))
    values = found[kind]
    good, of = column.total(values), sum(full.values())
    others = [text for text in full if text not in values]
    if good and (good == of or (of >= FEWEST and good >= MOST * of)):
        said = remarks if kind == "number" else []
        if others:
            said = [*said, f"not {_OF_KIND[kind]}, so without a value: {_some(column, others)}"]
        return _finish(column, kind, values, said)
    if not hindrance and good and 2 * good >= of:
        hindrance = f"text, since not all are {_OF_KIND[kind]}: {_some(column, others)}"
        either = next((text for text in others if text in column.scan.numbers), None)
        hindrance += f"; {either!r} has two meanings here" if kind == "number" and either else ""
    return _read_texts(column, bar, hindrance or _remark_on_texts(column))


def _numbers(column: Column, elsewhere: frozenset[Decimal]) -> tuple[Values, Sequence[str], str]:
    """Give numbers by cell, what was decided, and why there can be none."""
    scan = column.scan
    if scan.codes:
        alike = sum(count for text, count in column.counts.items() if text[:1].isdigit() or text[:1] == "+")
        return {}, (), scan.codes if 2 * alike >= column.counts.total() - column.counts[""] else ""
    units = scan.units()
    if len(units - {""}) > 1:
        return {}, (), f"text: amounts in {' and '.join(sorted(units - {''}))} cannot be compared"
    if PERCENT in units and "" in units:
        return {}, (), "text: some cells have a % and some have none"
    settled = settle(scan, elsewhere)
    return settled.values, settled.remarks, ""


def _some(column: Column, texts: Sequence[str]) -> str:
    more = column.total(texts) - 1
    return f"{column.where(texts[0])}{f' (and {more:,} more)' if more else ''}"


def _read_texts(column: Column, bar: str, why: str) -> tuple[list[Any], ColumnReading]:
    full = {text: count for text, count in column.counts.items() if text not in BLANKS}
    lists = split_cells(full, bar)
    if lists is not None:
        return _finish(column, "list", lists.values, [lists.why])
    said = [why] if why else []
    barred = [text for text in full if bar and bar in text]
    if barred:
        said.append(f"text, also where it has a {bar!r}: {_some(column, barred)}")
    return _finish(column, "text", {text: text for text in full}, said)


def _remark_on_texts(column: Column) -> str:
    """Say what a column of texts may have been meant to be."""
    full = column.full
    half = sum(full.values()) / 2
    if full and all(len(text) <= LONGEST and text.lower() in _YES_NO for text in full):
        return "text: only true and false are booleans"
    for form, said in (
        (_OTHER_DATE, "text: write dates as 2026-01-31 (ISO 8601) to filter by before and after"),
        (_RANGE, "text: write the ends of a range in two columns to filter by number"),
        (_WITH_UNIT, "text: take the unit out of the cells to filter by number"),
    ):
        alike = [text for text in full if form.fullmatch(text)]
        if alike and column.total(alike) >= half:
            return f"{alike[0]!r} is {said}"
    return ""


def _finish(column: Column, kind: Kind, values: Values, said: Sequence[str]) -> tuple[list[Any], ColumnReading]:
    plain, counts = column.plain, column.counts
    full = [raw for raw in plain if plain[raw] in values]
    missing = [text for text in counts if text not in values] if len(values) < len(counts) else []
    words = [text for text in missing if text and not _is_full(text)]
    remarks = [*said]
    if words:
        count = column.total(words)
        like = " or the like" if len(words) > 1 else ""
        are = "is" if count == 1 else "are"
        remarks.append(f"{count:,} of {len(column.texts):,} cells {are} {words[0]!r}{like}: read as no value")
    escaped = next((found[0] for text in full if plain[text] is not text and (found := _ENTITY.search(text))), None)
    if escaped:
        remarks.append(f"{escaped} is read as {html.unescape(escaped)!r}")
    tag = next((found[0] for text in full if kind == "text" and "<" in text and (found := _TAG.search(text))), None)
    if tag:
        remarks.append(f"HTML such as {tag[:MOST_SHOWN]} stays as it is")
    blanks = column.total(missing)
    reading = ColumnReading(column.name, kind, tuple(full[:EXAMPLES]), blanks, "; ".join(remarks))
    return [values.get(plain[text]) for text in column.texts], reading
