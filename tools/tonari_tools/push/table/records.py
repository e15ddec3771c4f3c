"""What a file of rows holds before its cells are read: named columns, cells by row, and the rows that are none."""

from __future__ import annotations

import functools
import re
from collections.abc import Sequence
from dataclasses import dataclass

from tonari.contract.normal_form import nfc
from tonari.errors import InvalidCatalogueError

CONTROLS = re.compile("[\0-\x1f\x7f-\x9f]")


@dataclass(frozen=True, slots=True)
class BadRow:
    """A row that cannot be used: the line on which it starts, counted from 1, and why, as a sentence."""

    line: int
    why: str


@dataclass(frozen=True, slots=True)
class Records:
    """Rows as a file has them.

    Parameters
    ----------
    columns
        Their names, each once.
    lines
        The line on which each row starts.
    rows
        Cells in the order of the columns, without blanks around them.
    separator
        What separates cells.
    bad
        Rows that cannot be read.
    notes
        What was left out, for the owner of the table.
    """

    columns: tuple[str, ...]
    lines: Sequence[int]
    rows: Sequence[Sequence[str]]
    separator: str
    bad: tuple[BadRow, ...]
    notes: tuple[str, ...]


@functools.lru_cache(4096)
def tidy_name(name: str) -> str:
    """Give the name of a column in the one form it has everywhere: NFC, a single blank where the line breaks."""
    return nfc(re.sub(r"\s*[\r\n\t]\s*", " ", name).strip().strip("\ufeff"))


def check_names(table: str, columns: Sequence[str]) -> None:
    """Refuse names that a field cannot have, or that stand twice.

    Raises
    ------
    InvalidCatalogueError
        Naming the columns, counted from 1, and the remedy.
    """
    for number, column in enumerate(columns, 1):
        if CONTROLS.search(column):
            raise InvalidCatalogueError(f"{table}: the name of column {number}, {column!r}, has a control character.")
        first = columns.index(column) + 1
        if first != number:
            raise InvalidCatalogueError(
                f"{table}: each column needs a name of its own, and columns {first} and {number} are both called "
                f"{column!r}: rename one."
            )


def remark_on_name(column: str) -> str:
    """Say what a name prevents; empty if nothing."""
    return "filters take names that begin with $ for operators: rename it to filter by it" if column[:1] == "$" else ""
