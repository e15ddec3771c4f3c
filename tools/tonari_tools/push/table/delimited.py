"""CSV as people have it: which delimiter, ``sep=``, index columns, open quotes, a comma too many -> records."""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from html.entities import html5

from tonari.errors import InvalidCatalogueError
from tonari_tools.push.table.records import BadRow, Records, check_names, tidy_name

DELIMITERS = ",;\t|"
SAMPLE = 100
"""Lines by which the delimiter is found."""
SHOWN = 40
_SAYS_SEPARATOR = re.compile(r'"?sep=(.)"?\s*', re.IGNORECASE | re.DOTALL)
_UNNAMED = re.compile(r"|Unnamed: \d+")
"""What pandas calls a column without a name when it reads and writes it again."""
_ENTITY = re.compile(r"&(#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]*);")
_KEPT = "\ufdd0"
"""A character that no text has (Unicode keeps it for such use)."""
_WRAPPED = re.compile(r'="([^"]*)"')
_WHOLE_NUMBER = re.compile(r"\d{1,15}(\.0)?")
_PICTURE = re.compile(r".+\.(jpe?g|jpe|jfif|png|webp|gif|bmp|tiff?|heic|avif)", re.IGNORECASE)


def read_delimited(name: str, text: str) -> Records:
    """Read a table whose first line has the names of the columns.

    Lines before it may be blank, say ``sep=;``, or be comments that begin with ``#``.

    Raises
    ------
    InvalidCatalogueError
        If there is no such line, or nearly all rows have another number of cells.
    """
    lines = list(io.StringIO(text, newline=""))
    start = _skip_blank(lines, 0)
    said = _SAYS_SEPARATOR.fullmatch(lines[start]) if start < len(lines) else None
    start = _skip_blank(lines, start + 1) if said else start
    while start + 1 < len(lines) and lines[start].startswith("#") and not _fits(lines, start, said):
        start = _skip_blank(lines, start + 1)
    if start == len(lines):
        raise InvalidCatalogueError(f"{name} is empty: it needs a line of column names and a line per image or item.")
    separator = said[1] if said else find_delimiter(lines[start : start + SAMPLE])
    rows: list[list[str]] = []
    numbers: list[int] = []
    bad: list[BadRow] = []
    is_split, has_nul, is_wrapped = separator == ";" and "&" in text, "\0" in text, '="' in text
    for line, found in _records([*map(_keep_entities, lines)] if is_split else lines, start, separator):
        if isinstance(found, str):
            bad.append(BadRow(line, found))
            continue
        cells = [cell.strip().replace(_KEPT, ";") for cell in found] if is_split else [cell.strip() for cell in found]
        if has_nul and any("\0" in cell for cell in cells):
            bad.append(BadRow(line, "a cell holds a NUL character."))
        elif any(cells):
            rows.append(_unwrapped(cells) if is_wrapped else cells)
            numbers.append(line)
    if not rows or (bad and bad[0].line < numbers[0]):
        raise InvalidCatalogueError(
            f"{name}, line {bad[0].line if bad else start + 1}: {bad[0].why if bad else 'blank.'}"
        )
    header = [tidy_name(cell) for cell in rows.pop(0)]
    _check_header(name, header, numbers.pop(0))
    return _named(name, header, rows, numbers, separator, bad)


def _skip_blank(lines: Sequence[str], start: int) -> int:
    return next((number for number in range(start, len(lines)) if lines[number].strip("\ufeff \t\r\n")), len(lines))


def _fits(lines: Sequence[str], start: int, said: re.Match[str] | None) -> bool:
    """Tell whether a line that begins with # has as many cells as the first that does not: then it has the names."""
    following = _skip_blank(lines, start + 1)
    while following < len(lines) and lines[following].startswith("#"):
        following = _skip_blank(lines, following + 1)
    if following == len(lines):
        return True
    separator = said[1] if said else find_delimiter(lines[following : following + SAMPLE])
    own, other = (len(next(_sample([line], separator), [])) for line in (lines[start], lines[following]))
    return own >= other


def find_delimiter(lines: Sequence[str]) -> str:
    """Find what separates cells: what gives most rows as many cells as there are names, at least two."""

    def worth(delimiter: str) -> tuple[float, int]:
        widths = [len(cells) for cells in _sample(lines, delimiter) if cells]
        if not widths or widths[0] < 2:
            return 0.0, 0
        return sum(width == widths[0] for width in widths) / len(widths), widths[0]

    return max(DELIMITERS, key=worth)


def _sample(lines: Sequence[str], separator: str) -> Iterator[list[str]]:
    """Read lines up to the first that cannot be read."""
    with suppress(csv.Error):
        yield from csv.reader(lines, delimiter=separator, skipinitialspace=True)


def _records(lines: Sequence[str], start: int, separator: str) -> Iterator[tuple[int, list[str] | str]]:
    """Give each row's line and cells, or why it is none; after such a row go on with the next line.

    A row is read on its own where it has a quote that is wrong by the rules and right in one of the other usual ways.
    """
    while start < len(lines):
        following = map(lines.__getitem__, range(start, len(lines)))
        reader = csv.reader(following, delimiter=separator, strict=True, skipinitialspace=True)
        line = start
        try:
            for cells in reader:
                yield line + 1, cells
                line = start + reader.line_num
            start = len(lines)
        except csv.Error as error:
            yield line + 1, next(_readings_of(lines[line], separator), _explain(str(error)))
            start = line + 1


def _keep_entities(line: str) -> str:
    """Hide the semicolons of HTML entities such as ``&uuml;``, which separate nothing."""

    def hide(found: re.Match[str]) -> str:
        return f"&{found[1]}{_KEPT}" if found[1][0] == "#" or f"{found[1]};" in html5 else found[0]

    return _ENTITY.sub(hide, line) if "&" in line else line


def _unwrapped(cells: Sequence[str]) -> list[str]:
    """Take texts out of ``="007"``, which keeps Excel from reading them as numbers."""
    return [found[1] if (found := _WRAPPED.fullmatch(cell)) else cell for cell in cells]


def _readings_of(line: str, separator: str) -> Iterator[list[str]]:
    """Read a line with blanks behind quotes, with backslashes before quotes, or, between tabs, without any quoting."""
    closed = re.sub(rf'"[ \t]+(?={re.escape(separator)}|[\r\n]*\Z)', '"', line)
    for text, escape in ((closed, None), (line, "\\")):
        with suppress(csv.Error):
            yield from csv.reader([text], delimiter=separator, skipinitialspace=True, strict=True, escapechar=escape)
    if separator == "\t":
        yield line.rstrip("\r\n").split(separator)


def _explain(error: str) -> str:
    if "field larger" in error or "end of data" in error:
        return f'a quote (") is opened and not closed, or a cell has over {csv.field_size_limit():,} characters.'
    if "expected after" in error:
        return 'a quote (") stands within a quoted cell: write it twice (""), or close the quote before it.'
    return f"{error}."


def _check_header(name: str, header: Sequence[str], line: int) -> None:
    picture = next((cell for cell in header if _PICTURE.fullmatch(cell)), None)
    if picture is not None:
        raise InvalidCatalogueError(
            f"{name}, line {line}: {picture!r:.60} is a picture, not the name of a column: put a line with the names "
            "of the columns first, such as image,label."
        )


def _named(
    name: str, header: list[str], rows: list[list[str]], numbers: list[int], separator: str, bad: list[BadRow]
) -> Records:
    """Drop columns without a name that hold nothing, and set aside rows of another width."""
    keep = [number for number, column in enumerate(header) if column]
    least = max(keep, default=-1) + 1
    most = max(len(header), least)
    good_rows: list[list[str]] = []
    good_numbers: list[int] = []
    wrong: list[tuple[int, int]] = []
    for line, cells in zip(numbers, rows, strict=True):
        if len(cells) != most and (len(cells) < least or any(cells[most:])):
            wrong.append((line, len(cells)))
            continue
        good_rows.append(cells if len(cells) == most else [*cells, *[""] * (most - len(cells))][:most])
        good_numbers.append(line)
    _check_widths(name, header, wrong, len(rows))
    bad += [BadRow(line, _width(count, most, separator)) for line, count in wrong]
    bad.sort(key=lambda one: one.line)
    dropped, notes = _dropped(name, header, good_rows, good_numbers)
    kept = [number for number in range(len(header)) if number not in dropped]
    columns = tuple(header[number] for number in kept)
    check_names(name, columns)
    if dropped:
        good_rows = [[cells[number] for number in kept] for cells in good_rows]
    return Records(columns, good_numbers, good_rows, separator, tuple(bad), notes)


def _width(count: int, columns: int, separator: str) -> str:
    cells = f"{count} cell{'s' * (count != 1)}, but {'only ' * (count > columns)}{columns} columns"
    if count < columns:
        return f"{cells}: a separator ({separator!r}) is missing."
    return f"{cells}: put a text with {separator!r} in it between quotes."


def _check_widths(name: str, header: Sequence[str], wrong: Sequence[tuple[int, int]], rows: int) -> None:
    (width, times), *_ = Counter(count for _, count in wrong).most_common(1) or [(0, 0)]
    if times == rows and rows > 2:
        raise InvalidCatalogueError(
            f"{name}: all {rows:,} rows have {width} cells, but the first line has {len(header)} names, "
            f"{', '.join(header)[:SHOWN]!r}: it must name every column, also one of row numbers; a title above it has "
            "to go; and a text with a separator in it needs quotes."
        )


def _dropped(
    name: str, header: Sequence[str], rows: Sequence[Sequence[str]], numbers: Sequence[int]
) -> tuple[frozenset[int], tuple[str, ...]]:
    """Give the columns without a name: empty ones, and a first one that only counts the rows."""
    dropped: set[int] = set()
    notes: list[str] = []
    for number, column in enumerate(header):
        if not _UNNAMED.fullmatch(column):
            continue
        full = next((row for row, cells in enumerate(rows) if cells[number]), None)
        if full is None:
            dropped.add(number)
        elif number == 0 and _counts(cells[0] for cells in rows):
            dropped.add(number)
            notes.append(f"Left out the first column of {name}: it has no name and only numbers the rows")
        elif not column:
            raise InvalidCatalogueError(
                f"{name}: each column needs a name of its own, and column {number + 1} has none, though line "
                f"{numbers[full]} has {rows[full][number]!r:.{SHOWN}} there: name it in the first line, or delete it."
            )
    return frozenset(dropped), tuple(notes)


def _counts(cells: Iterator[str]) -> bool:
    found = list(cells)
    return len(set(found)) == len(found) and all(map(_WHOLE_NUMBER.fullmatch, found))
