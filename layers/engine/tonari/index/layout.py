"""Laying embeddings out for searching: by item, and sorted into cells where there are enough of them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tonari.index.cells import Cells, assign, cell_count, train
from tonari.index.planner import SCAN_BYTES, VectorIndex
from tonari.index.vectors import Views, quantise

CELLS_FROM_BYTES = 4 * SCAN_BYTES
"""Codes from which cells are worth their while."""


def lay_out(fixed: NDArray[np.int16], size: NDArray[np.int64]) -> VectorIndex:
    """Make an index of views that stand item after item.

    Parameters
    ----------
    fixed : (N, D) int16
        As :func:`tonari.index.vectors.to_fixed` gives them.
    size : (I,) int64
        How many views each item has.
    """
    first = np.concatenate([np.zeros(1, np.int64), size.cumsum()])
    item = np.arange(len(size), dtype=np.int32).repeat(size)
    return VectorIndex(Views(item, fixed, quantise(fixed)[0]), np.arange(len(fixed)), first)


def sort_by_cell(index: VectorIndex) -> tuple[VectorIndex, NDArray[np.int64]]:
    """Find cells, and put the rows in their order.

    Parameters
    ----------
    index
        Of one row at least.

    Returns
    -------
    index
        With cells; what was learned about the old order is left out.
    order : (N,) int64
        The old number of each new row.
    """
    views = index.views
    centroids = train(views.fixed, cell_count(len(views)))
    cell = assign(views.fixed, centroids)
    order = np.argsort(cell, kind="stable")
    new_row = np.empty(len(order), np.int64)
    new_row[order] = np.arange(len(order))
    start = np.searchsorted(cell[order], np.arange(len(centroids) + 1)).astype(np.int64)
    moved = Views(views.item[order], views.fixed[order], views.codes[order])
    return VectorIndex(moved, new_row[index.rows], index.first, Cells(centroids, start)), order
