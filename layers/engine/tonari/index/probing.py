"""Probing inverted lists: how many of the nearest cells a search reads, and which of their rows are candidates."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from tonari.index.cells import Cells
from tonari.index.costs import CELL, PROBING, ROUND, probing_cost, scan_cost, whole_from
from tonari.index.kernels import dot_products, dot_products_of
from tonari.index.vectors import Candidates

GROWTH = 6
"""How many times as many cells a round may read as the one before."""
FEW = 1 / 16
"""Share of the rows read up to which it is quicker to look up the numbers of some than to list those of all."""
EXPLORED = 0.15
"""Share of what a scan costs that may be spent on cells before it is known how many will be read."""
SPARSE = 0.5
"""A range runs against the query where its share of the nearest cells is less than so much of its share of all rows."""
NEAR_TIES = 5.0
"""How many standard errors below the last row that is wanted a product may lie and still be that of a nearer row."""
MOST_NEAR_TIES = 2_000, 1 / 8
"""How many rows, or which share of those compared, get their final score at most because their products are so near."""


Quantised = tuple[NDArray[np.int8], float]
"""Codes (Q, D) and their scale, of queries of length 1, as :func:`tonari.index.vectors.quantise` gives them."""


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

    Attributes
    ----------
    length
        Of a row, in units of its components.
    """

    def __init__(self, cells: Cells, codes: NDArray[np.int8], item: NDArray[np.int32]) -> None:
        bounds = list(pairwise(cells.start.tolist()))
        self.cells, self.codes, self.size = cells, codes, np.diff(cells.start)
        self.codes_of = [codes[begin:end] for begin, end in bounds]
        self.items_of = [item[begin:end] for begin, end in bounds]
        self.length = code_length(codes)


def probe_lists(
    query: Quantised,
    lists: InvertedLists,
    allowed: NDArray[np.bool_] | None,
    probe: Probe,
    in_range: float = np.inf,
) -> Candidates | int:
    """Read cells, nearest first, until those left are too far off to hold rows as near as the best found.

    That one rule serves every filter: where few rows are in range, or the range runs against the query, the best rows
    found are far off, and cells as far off are then read too. For a query in a dense region, which no mean is near to,
    the expected distance of the nearest cell stands in for that of the rows found.

    Parameters
    ----------
    query
        One or some views, any of which a row may be near to.
    allowed : (I,) bool
        Which items are in range, all if it is None.
    in_range
        About how many rows are in range, by which the cost of a scan of these is known; cells are read whatever they
        cost if it is left out.

    Returns
    -------
    Candidates
        The ``probe.candidates`` rows in range with the best int8 products, all that equal the last of them, and those
        whose products are too near to the last that is wanted. If the cells that will be read cost more than a scan of
        all rows in range, or if that is not known soon, the number of rows compared in vain.
    """
    codes, scale = query
    cells, dimensions = lists.cells, lists.codes.shape[1]
    order, distance = cells.rank(codes, scale)
    scan = scan_cost(in_range, len(lists.codes), dimensions) if np.isfinite(in_range) else np.inf
    positions, products = [], []
    best, done, count, compared = np.empty(0, np.int32), 0, min(probe.cells, len(cells)), 0
    while True:
        inside = _positions(lists, order[done:count], allowed)
        if not done and inside is not None and _hopeless(len(inside), lists, order[:count], in_range, scan):
            return 0
        scored = _score(codes, lists, order[done:count], inside)
        products.append(scored)
        compared += len(scored)
        if inside is not None:
            positions.append(inside + lists.size[order[:done]].sum())
        best, last = np.concatenate((best, scored)), len(cells)
        if len(best) >= probe.rows:
            best = np.partition(best, -probe.rows)[-probe.rows :]
            found = 1 - float(best[0]) / (scale * lists.length)
            last = int(np.searchsorted(cells.relative_distance(distance, found), probe.ratio, side="right"))
        if last <= count:
            break
        left = in_range - compared
        ahead = _next_round(lists, order, count, last, len(best) >= probe.rows, left, scan, len(products))
        if ahead == count:
            return compared
        done, count = count, ahead
    joined = np.concatenate(products)
    chosen = best_positions(joined, probe.candidates, probe.rows, NEAR_TIES * product_error(lists.length, scale))
    if positions:
        chosen = np.concatenate(positions)[chosen]
    return Candidates(_row_numbers(lists, order[:count], chosen), len(joined))


def _hopeless(found: int, lists: InvertedLists, read: NDArray[np.int32], in_range: float, scan: float) -> bool:
    """Tell whether a range runs against the query, and a scan costs too little for a try by cells to go unnoticed."""
    if EXPLORED * scan >= PROBING + ROUND:
        return False
    return found < SPARSE * int(lists.size[read].sum()) * in_range / len(lists.codes)


def _next_round(
    lists: InvertedLists,
    order: NDArray[np.int32],
    count: int,
    last: int,
    known: bool,  # noqa: FBT001
    left: float,
    scan: float,
    rounds: int,
) -> int:
    """Choose how many cells are read by the end of the next round; ``count`` where a ``scan`` costs less.

    The rows in range that are ``left`` are taken to lie evenly in the cells that are not yet read. ``last`` cells will
    be read in all, and hardly fewer, where as many rows are ``known`` as the reach follows from. Until then a share of
    a scan may be spent.
    """
    if not np.isfinite(scan):
        return min(last, GROWTH * count)
    rows = lists.size[order].cumsum()
    read, dimensions = int(rows[count - 1]), lists.codes.shape[1]
    share = max(left, 0.0) / max(int(rows[-1]) - read, 1)
    row = probing_cost(0, 1, share, dimensions) - ROUND
    if known:
        ahead = int(rows[last - 1]) - read
        cost = ROUND + (last - count) * CELL + ahead * row
        return min(last, GROWTH * count) if cost <= scan else count
    budget = EXPLORED * scan - PROBING - ROUND * (rounds + 1)
    costs = (rows[count:] - read) * row + np.arange(1, len(rows) - count + 1) * CELL
    return min(count + int(np.searchsorted(costs, budget, side="right")), GROWTH * count)


def products_of(
    query_codes: NDArray[np.int8], codes: NDArray[np.int8], rows: NDArray[np.int64] | None
) -> NDArray[np.int32]:
    """Score some rows or all, (n,): copied out where they are few, else with all the others where they lie."""
    if rows is None:
        return np.asarray(dot_products(query_codes, codes).max(axis=0))
    if len(rows) < whole_from(codes.shape[1]) * len(codes):
        return dot_products_of(query_codes, codes, rows)
    return np.asarray(dot_products(query_codes, codes).max(axis=0)[rows])


def product_error(length: float, query_scale: float) -> float:
    """Give the standard deviation of the error that rounding to int8 brings into products with a query.

    Each component is off by up to half a unit, evenly: by the square root of a twelfth. The vectors have length 1, so
    the errors of a row add up to that many units of the query's scale, and the other way round, whatever ``D``.

    Parameters
    ----------
    length
        Of a row of codes.
    query_scale
        As :func:`tonari.index.vectors.quantise` gives it.
    """
    return math.sqrt((length**2 + query_scale**2) / 12)


def code_length(codes: NDArray[np.int8]) -> float:
    """Tell the length of codes (N, D) of vectors of length 1, one at least, in units of their components."""
    return math.sqrt(dot_products(codes[:1], codes[:1])[0, 0])


def best_positions(products: NDArray[np.int32], count: int, wanted: int = 0, margin: float = 0.0) -> NDArray[np.int64]:
    """Find the positions of the ``count`` largest values, and of all that equal the last of them.

    Those less than the ``wanted``-th largest by up to ``margin`` come too, unless they are very many.
    """
    if count >= len(products):
        return np.arange(len(products))
    parted = np.partition(products, len(products) - count)
    least = parted[-count]
    if 0 < wanted <= count:
        nearly = np.partition(parted[-count:], count - wanted)[-wanted] - margin
        if nearly < least:
            found = np.asarray((products >= nearly).nonzero()[0])
            most = max(MOST_NEAR_TIES[0], int(MOST_NEAR_TIES[1] * len(products)))
            return found if len(found) <= most else best_positions(products, max(count, most))
    return np.asarray((products >= least).nonzero()[0])


def _positions(
    lists: InvertedLists, chosen: NDArray[np.int32], allowed: NDArray[np.bool_] | None
) -> NDArray[np.int64] | None:
    """Tell where the rows in range are among all rows of some cells; None if no range is given."""
    if allowed is None:
        return None
    return allowed.take(np.concatenate([lists.items_of[number] for number in chosen.tolist()])).nonzero()[0]


def _score(
    query_codes: NDArray[np.int8],
    lists: InvertedLists,
    chosen: NDArray[np.int32],
    positions: NDArray[np.int64] | None,
) -> NDArray[np.int32]:
    """Score the rows of some cells that are at these positions, or all."""
    if positions is None:
        return _score_whole(query_codes, lists, chosen.tolist())
    if not len(positions):
        return np.empty(0, np.int32)
    if len(positions) > whole_from(lists.codes.shape[1]) * lists.size[chosen].sum():
        return _score_whole(query_codes, lists, chosen.tolist())[positions]
    return dot_products_of(query_codes, lists.codes, _row_numbers(lists, chosen, positions))


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
