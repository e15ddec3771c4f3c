"""Probing inverted lists: how many of the nearest cells a search reads, and which of their rows are candidates."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from tonari.index.cells import Cells
from tonari.index.costs import (
    ASKED,
    CELL,
    FOUND,
    LOOK,
    RANKED_CELLS,
    SCORED,
    copied,
    probing_cost,
    scan_cost,
    whole_from,
)
from tonari.index.kernels import dot_products, dot_products_of
from tonari.index.vectors import Candidates

GROWTH = 6
"""How many times as many cells a round may read as the one before."""
FEW = 1 / 16
"""Share of the rows read up to which it is quicker to look up the numbers of some than to list those of all."""
EXPLORED = 0.12
"""Share of what a scan costs that may be spent before it is known that cells cost less."""
SPARSE = 0.5
"""A range is sparse near a query where its share of the nearest cells is less than so much of its share of all rows."""
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
    sparse
        The same where the cells nearest to the query hold few rows in range.
    candidates
        Least number of rows that get their final score.
    """

    selectivity: float
    cells: int
    rows: int
    ratio: float = 1.0
    candidates: int = 0
    sparse: float = 0.0


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
    scan = scan_cost(in_range, len(lists.codes), dimensions) if np.isfinite(in_range) else np.inf
    order, distance = cells.rank(codes, scale)
    budget = EXPLORED * scan - RANKED_CELLS
    positions, products, best = [], [], np.empty(0, np.int32)
    scored, count, compared, sparse = 0, min(probe.cells, len(cells)), 0, False
    while True:
        rows = int(lists.size[order[scored:count]].sum())
        budget -= LOOK + (count - scored) * CELL + rows * ASKED
        inside = _positions(lists, order[scored:count], allowed)
        sparse = _is_sparse(probe, inside, rows) if count == probe.cells else sparse
        if sparse and budget < LOOK + SCORED:
            return compared
        if inside is not None and compared + len(inside) < probe.rows and count < len(cells):
            ahead = _affordable(lists, order, count, budget - LOOK, ASKED)
            if ahead == count:
                return compared
            count = ahead
            continue
        found = _score(codes, lists, order[scored:count], inside)
        products.append(found)
        compared += len(found)
        if inside is not None:
            positions.append(inside + lists.size[order[:scored]].sum())
        best, last = np.concatenate((best, found)), len(cells)
        if len(best) >= probe.rows:
            best = np.partition(best, -probe.rows)[-probe.rows :]
            reached = cells.relative_distance(distance, 1 - float(best[0]) / (scale * lists.length))
            last = int(np.searchsorted(reached, max(probe.ratio, probe.sparse * sparse), side="right"))
        if last <= count:
            break
        ahead = min(last, GROWTH * count)
        if _rest_cost(lists, order, count, last, in_range - compared) > scan:
            row = FOUND + copied(dimensions)
            budget -= SCORED + len(found) * row
            dense = ASKED + len(found) / max(rows, 1) * row
            ahead = min(ahead, _affordable(lists, order, count, budget - LOOK - SCORED, dense))
            if ahead == count:
                return compared
        scored, count = count, ahead
    joined = np.concatenate(products)
    chosen = best_positions(joined, probe.candidates, probe.rows, NEAR_TIES * product_error(lists.length, scale))
    inside = np.concatenate(positions)[chosen] if positions else chosen
    return Candidates(_row_numbers(lists, order[:count], inside), len(joined))


def _is_sparse(probe: Probe, inside: NDArray[np.int64] | None, rows: int) -> bool:
    """Tell whether few of the first rows are in range."""
    return inside is not None and len(inside) < SPARSE * probe.selectivity * rows


def _affordable(lists: InvertedLists, order: NDArray[np.int32], count: int, budget: float, row: float) -> int:
    """Choose how many cells may be read by the end of the next round, if a row of them costs so much."""
    costs = lists.size[order[count : GROWTH * count]].cumsum() * row
    costs += np.arange(1, len(costs) + 1) * CELL
    return count + int(np.searchsorted(costs, budget, side="right"))


def _rest_cost(lists: InvertedLists, order: NDArray[np.int32], count: int, last: int, left: float) -> float:
    """Tell what it costs to read all cells up to the ``last``: 0 where no range is given.

    That many cells will be read at most: as many rows are known as the reach follows from. The rows in range that are
    ``left`` are taken to lie evenly in what is not read.
    """
    if not np.isfinite(left):
        return 0.0
    ahead = int(lists.size[order[count:last]].sum())
    share = max(left, 0.0) / max(len(lists.codes) - int(lists.size[order[:count]].sum()), 1)
    return probing_cost(last - count, ahead, share * ahead, lists.codes.shape[1])


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
