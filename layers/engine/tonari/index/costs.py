"""What the ways of a search cost, in nanoseconds of one core, so that the planner can choose the cheaper.

They follow what ``tests/benchmarks/costs.py`` measures; by what they are off, the choice is off too, never
the answer.
"""

from __future__ import annotations

LISTED, LOOKED_UP = 1.8, 60.0
"""To ask a view whether its item is in range; to look up a view of an item that is."""
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
RANKED_CELLS = 60_000.0
"""To rank the cells."""
LOOK, SCORED = 15_000.0, 35_000.0
"""To look some cells' rows up in a filter; to score those in range, and find the best."""
CELL, ASKED, FOUND = 120.0, 5.0, 10.0
"""Each cell; each row, to tell whether it is in range; each row that is, beside comparing."""


def streamed(dimensions: int) -> float:
    """Tell what it costs to compare a row where it lies, among all others."""
    return max(LEAST_STREAMED + LEAST_BYTE * dimensions, BYTE * dimensions - STREAMED)


def copied(dimensions: int) -> float:
    """Tell what it costs to compare a row that is copied out first."""
    return COPIED + COPIED_BYTE * dimensions


def whole_from(dimensions: int) -> float:
    """Tell from which share in range on it is cheaper to compare all rows where they lie."""
    return streamed(dimensions) / copied(dimensions)


def lookup_share() -> float:
    """Tell up to which share in range it is cheaper to look up views than to ask all of them."""
    return LISTED / LOOKED_UP


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
