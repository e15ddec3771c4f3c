"""Rows and columns for people: in colour on a terminal, plain text elsewhere."""

from __future__ import annotations

import io
import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from rich.bar import Bar
from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.table import Table
from rich.text import Text

MOST_WIDTH = 40
MOST_NAMED = 4
BAR_WIDTH = 10
UNLIMITED = 100_000
"""Width of output that is no terminal: nothing is wrapped or cut to fit."""
_BLANKS = re.compile("[ \0-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]+")
"""Blanks, and what breaks lines, moves the cursor or turns the direction of writing."""


def show(*parts: RenderableType) -> None:
    """Print tables and lines to stdout."""
    console = Console(highlight=False)
    if console.is_terminal:
        console.print(*parts, sep="\n", markup=False)
    else:
        print(plain(*parts))


def plain(*parts: RenderableType) -> str:
    """Give tables and lines as text without colours, a row a line."""
    file = io.StringIO()
    console = Console(file=file, width=UNLIMITED, color_system=None, force_terminal=False, highlight=False)
    console.print(*parts, sep="\n", markup=False)
    return "\n".join(line.rstrip() for line in file.getvalue().splitlines())


@dataclass(frozen=True, slots=True)
class Columns:
    """Rows of texts, numbers, lists and bars under names; a column without a name is for terminals that can draw.

    Columns named in ``wide`` are shown whole, on several lines if need be; in others what is too long is cut.
    """

    names: Sequence[str]
    rows: Sequence[Sequence[Any]]
    wide: Collection[str] = ()

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Lay out what this console shows."""
        draws = console.is_terminal and not options.ascii_only
        shown = [number for number, name in enumerate(self.names) if name or draws]
        table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
        for number in shown:
            if self.names[number] in self.wide:
                table.add_column(Text(self.names[number]), overflow="fold")
            else:
                table.add_column(Text(self.names[number]), no_wrap=True, overflow="ellipsis", max_width=MOST_WIDTH)
        for row in self.rows:
            cells = (row[number] for number in shown)
            table.add_row(*(one if isinstance(one, Bar) else Text(text_of(one)) for one in cells))
        yield table


def facts(rows: Iterable[tuple[str, str]]) -> Table:
    """Lay out names and what is said of each."""
    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column("name", style="bold", no_wrap=True)
    table.add_column("value", overflow="fold")
    for name, value in rows:
        table.add_row(Text(name), Text(value))
    return table


def align(rows: Sequence[Sequence[str]]) -> str:
    """Lay out rows of text in columns.

    >>> print(align([["id", "score"], ["a", "0.5"]]))
    id  score
    a   0.5
    """
    table = Table.grid(padding=(0, 2))
    for row in rows:
        table.add_row(*map(Text, row))
    return plain(table)


def score_bar(score: float) -> Bar:
    """Draw a score of 0 to 1."""
    return Bar(1.0, 0.0, min(max(score, 0.0), 1.0), width=BAR_WIDTH, color="cyan")


def text_of(value: Any) -> str:
    """Give a value on one line: the first few of a list, no control characters; all other letters stay.

    >>> text_of(["a", "b", "c", "d", "e"])
    'a, b, c, d, …'
    """
    if value is None:
        return ""
    if isinstance(value, list | tuple):
        named = [str(one) for one in value[:MOST_NAMED]]
        value = ", ".join([*named, "…"] if len(value) > MOST_NAMED else named)
    return _BLANKS.sub(" ", str(value)).strip(" ")
