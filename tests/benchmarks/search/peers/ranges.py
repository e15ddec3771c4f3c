"""Filters as data, for engines that filter by the values that rows have.

Each row gets a list of numbers, one for every range (a cell and a query) that it is in; a filter asks whether the list
has a number. This is how tags are filtered by.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from search.filters import Prepared, cells

from .base import Asked

ROOM = 1_000


def number(asked: Asked) -> int | None:
    """Give the number of a range; None where nothing is filtered."""
    return None if asked.mask is None else cells().index(asked.cell) * ROOM + asked.number


def lists(given: Prepared, asks: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Tell the ranges that each row is in.

    Returns
    -------
    values : (n,) int64
        Numbers of ranges, row after row.
    start : (N + 1,) int64
        Where each row's begin.
    """
    rows, values = [], []
    for place, cell in enumerate(cells()):
        for query in range(min(asks, len(given.queries)) if cell.selectivity < 1 else 0):
            mask = given.mask(cell, query)
            assert mask is not None
            rows.append(np.flatnonzero(mask))
            values.append(np.full(len(rows[-1]), place * ROOM + query))
    row = np.concatenate(rows)
    order = np.argsort(row, kind="stable")
    return np.concatenate(values)[order], np.searchsorted(row[order], np.arange(len(given.rows) + 1))
