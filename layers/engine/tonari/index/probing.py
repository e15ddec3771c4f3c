"""Probing inverted lists: how many of the nearest cells a search reads, and which of their rows are candidates."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from tonari.index.cells import Cells
from tonari.index.kernels import dot_products
from tonari.index.vectors import Candidates, quantise

GROWTH = 6
"""How many times as many cells a round may read as the one before."""
FEW = 1 / 16
"""Share of the rows read up to which it is quicker to look up the numbers of some than to list those of all."""
WHOLE = 0.5
"""Share of a cell's rows in range from which all of them are scored where they lie, and not copied out first."""


@dataclass(frozen=True, slots=True)
class Probe:
    """Probe settings: how much a search under filters of one selectivity reads to keep its recall.

    Parameters
    ----------
    selectivity
        Share of items in range.
    cells, rows
        Least number of cells (``nprobe`` of other engines), and of rows in range.
    ratio
        How many times as far from the query as the best rows found so far a cell may be and still be read.
    candidates
        Least number of rows that get their final score.
    """

    selectivity: float
    cells: int
    rows: int
    ratio: float = 1.0
    candidates: int = 0


class InvertedLists:
    """The rows of each cell as views of the arrays, cut once.

    Parameters
    ----------
    cells
        C of them.
    codes : (N, D) int8
        In the order of the cells.
    item : (N,) int32
        The item of each row.
    """

    def __init__(self, cells: Cells, codes: NDArray[np.int8], item: NDArray[np.int32]) -> None:
        bounds = list(pairwise(cells.start.tolist()))
        self.cells, self.codes, self.size = cells, codes, np.diff(cells.start)
        self.codes_of = [codes[begin:end] for begin, end in bounds]
        self.items_of = [item[begin:end] for begin, end in bounds]


def probe_lists(
    queries: NDArray[np.float32], lists: InvertedLists, allowed: NDArray[np.bool_] | None, probe: Probe
) -> Candidates:
    """Read cells, nearest first, until those left are too far off to hold rows as near as the best found.

    That one rule serves every filter: where few rows are in range, or the range runs against the query, the best rows
    found are far off, and cells as far off are then read too. For a query in a dense region, which no mean is near to,
    the expected distance of the nearest cell stands in for that of the rows found.

    Parameters
    ----------
    queries : (Q, D) float32, rows of length 1
    allowed : (I,) bool
        Which items are in range, all if it is None.

    Returns
    -------
    Candidates
        The ``probe.candidates`` rows in range with the best int8 products, and all that equal the last of them.
    """
    query_codes, scale = quantise(queries)
    cells, codes = lists.cells, lists.codes
    order, distance = cells.rank(query_codes, scale)
    scale *= float(dot_products(codes[:1], codes[:1])[0, 0]) ** 0.5
    positions, products = [], []
    best, done, count = np.empty(0, np.int32), 0, min(probe.cells, len(cells))
    while True:
        inside, scored = _read(query_codes, lists, order[done:count], allowed)
        products.append(scored)
        if inside is not None:
            positions.append(inside + lists.size[order[:done]].sum())
        best, last = np.concatenate((best, scored)), len(cells)
        if len(best) >= probe.rows:
            best = np.partition(best, -probe.rows)[-probe.rows :]
            found = 1 - float(best[0]) / scale
            last = int(np.searchsorted(cells.relative_distance(distance, found), probe.ratio, side="right"))
        if last <= count:
            break
        done, count = count, min(last, GROWTH * count)
    joined = np.concatenate(products)
    chosen = best_positions(joined, probe.candidates)
    if positions:
        chosen = np.concatenate(positions)[chosen]
    return Candidates(_row_numbers(lists, order[:count], chosen), len(joined))


def best_positions(products: NDArray[np.int32], count: int) -> NDArray[np.int64]:
    """Find the positions of the ``count`` largest values, and of all that equal the last of them."""
    if count >= len(products):
        return np.arange(len(products))
    least = np.partition(products, len(products) - count)[-count]
    return np.asarray((products >= least).nonzero()[0])


def _read(
    query_codes: NDArray[np.int8], lists: InvertedLists, chosen: NDArray[np.int32], allowed: NDArray[np.bool_] | None
) -> tuple[NDArray[np.int64] | None, NDArray[np.int32]]:
    """Score the rows in range of some cells, and tell where they are among all rows of these; None if all are."""
    numbers = chosen.tolist()
    if allowed is None:
        return None, _score_whole(query_codes, lists, numbers)
    items = np.concatenate([lists.items_of[number] for number in numbers])
    positions = allowed.take(items).nonzero()[0]
    if len(positions) > WHOLE * len(items):
        return positions, _score_whole(query_codes, lists, numbers)[positions]
    if not len(positions):
        return positions, np.empty(0, np.int32)
    inside = lists.codes.take(_row_numbers(lists, chosen, positions), axis=0)
    return positions, dot_products(query_codes, inside).max(axis=0)


def _score_whole(query_codes: NDArray[np.int8], lists: InvertedLists, numbers: Sequence[int]) -> NDArray[np.int32]:
    """Score all rows of some cells, each cell where it lies."""
    products = [dot_products(query_codes, codes) for number in numbers if len(codes := lists.codes_of[number])]
    joined = np.concatenate(products, axis=1) if products else np.empty((1, 0), np.int32)
    return np.asarray(joined[0] if len(joined) == 1 else joined.max(axis=0))


def _row_numbers(lists: InvertedLists, chosen: NDArray[np.int32], positions: NDArray[np.int64]) -> NDArray[np.int64]:
    """Give the numbers of the rows at some positions of cells that are read one after the other."""
    size = lists.size[chosen]
    last = size.cumsum()
    shift = lists.cells.start[chosen] - last + size
    if len(positions) < FEW * last[-1]:
        return np.asarray(positions + shift[last.searchsorted(positions, side="right")])
    return np.asarray(positions + shift.repeat(size)[positions])
