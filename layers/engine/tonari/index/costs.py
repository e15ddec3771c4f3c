"""What the ways of a search cost, in nanoseconds of one core, so that the planner can choose the cheaper.

They follow what ``tests/benchmarks/costs.py`` measures; by what they are off, the choice is off too, never
the answer.
"""

from __future__ import annotations

LISTED, LOOKED_UP = 1.5, 20.0
"""To ask a view whether its item is in range; to look up a view of an item that is."""
LOOKED_UP_TO = 0.3
"""Share in range up to which views are looked up."""
RANKED = 1.0
"""To find the best of the rows compared, a row."""
COPIED, COPIED_BYTE = 8.0, 0.115
"""To copy a row out and to compare it, and each of its bytes."""
LEAST_STREAMED, LEAST_BYTE = 4.0, 0.052
BYTE, STREAMED = 0.12, 15.0
"""To compare a row where it lies, and each of its bytes, if rows are short; if they are long, each byte, from which
something is taken off for each row."""
ANSWERED = 115_000.0
"""What every answer costs, whichever way its candidates come."""
STARTED = 40_000.0
"""What every scan costs, of however few rows."""
RANKED_CELLS = 40_000.0
"""To rank the cells."""
LOOK, SCORED = 15_000.0, 35_000.0
"""To look some cells' rows up in a filter; to score those in range, and find the best."""
CELL, ASKED, FOUND = 120.0, 5.0, 10.0
"""Each cell; each row, to tell whether it is in range; each row that is, beside comparing."""
READ_CELLS, READ_ROWS = 2, 30
"""Cells that are read at least, and rows for each row that is wanted, where those in range are the nearest ones."""


def streamed(dimensions: int) -> float:
    """Tell what it costs to compare a row where it lies, among all others."""
    return max(LEAST_STREAMED + LEAST_BYTE * dimensions, BYTE * dimensions - STREAMED)


def copied(dimensions: int) -> float:
    """Tell what it costs to compare a row that is copied out first."""
    return COPIED + COPIED_BYTE * dimensions


def whole_from(dimensions: int) -> float:
    """Tell from which share in range on it is cheaper to compare all rows where they lie."""
    return streamed(dimensions) / copied(dimensions)


def scan_cost(in_range: float, rows: int, dimensions: int) -> float:
    """Tell what a scan costs beyond what every answer costs.

    Parameters
    ----------
    in_range
        Rows in range, of all ``rows``.
    """
    listed = min(LISTED * rows, LOOKED_UP * in_range)
    return STARTED + listed + RANKED * in_range + min(copied(dimensions) * in_range, streamed(dimensions) * rows)


def probing_cost(cells: float, rows: float, in_range: float, dimensions: int) -> float:
    """Tell what it costs to read some cells in one more round.

    Parameters
    ----------
    rows, in_range
        That they hold, and how many of these are in range.
    """
    return LOOK + CELL * cells + ASKED * rows + SCORED + (FOUND + copied(dimensions)) * in_range


def least_cost(wanted: int, rows: int, cells: int, dimensions: int) -> float:
    """Tell what cells cost at least, if so many rows are wanted: where the range holds what is nearest to the query."""
    read = READ_CELLS * rows / cells + READ_ROWS * wanted
    return RANKED_CELLS + probing_cost(READ_CELLS, read, read, dimensions)
