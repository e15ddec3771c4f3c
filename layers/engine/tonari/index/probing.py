"""Probing inverted lists: how many of the nearest cells a search reads, and which of their rows are candidates."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from tonari.index.cells import Cells
from tonari.index.costs import (
    ANSWERED,
    ASKED,
    CELL,
    FOUND,
    LOOK,
    RANKED_CELLS,
    SCORED,
    copied,
    probing_cost,
    whole_from,
)
from tonari.index.kernels import dot_products, dot_products_of
from tonari.index.vectors import Candidates

GROWTH = 6
"""How many times as many cells a round may read as the one before."""
FEW = 1 / 16
"""Share of the rows read up to which it is quicker to look up the numbers of some than to list those of all."""
CELLS_AT_ONCE = 64
"""Cells that are copied out at a time where nothing narrows the range."""
EXPLORED = 0.15
"""Share of what an answer by a scan costs that may be spent before it is known that cells cost less."""
AMPLE, LEAST_LOOK = 1.5 * (LOOK + SCORED), (600, 4)
"""If no more may be spent before it is known that cells cost less, fewer are looked up before all of those that are
read at least: so many rows, in so many cells at least."""
READ = 0.8
"""Share of the cells within reach that is read in the end: the reach shrinks as nearer rows are found."""
SPARSE = 0.5
"""A range is sparse near a query where its share of the nearest cells is less than so much of its share of all rows."""
SEVERAL = 6
"""How many times the rows that are wanted the nearest cells must hold in range so that they likely hold the nearest of
all."""
MORE, ROUNDS = 50, 3
"""Where they hold fewer: how many times the rows wanted are compared in the end, if the range is as dense near the
query as elsewhere, and in how many more rounds."""
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
    in_range: float = 0.0,
    scan: float = math.inf,
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
        About how many rows are in range.
    scan
        What a scan of these costs; cells are read whatever they cost if it is left out.

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
    budget = EXPLORED * (ANSWERED + scan) - RANKED_CELLS
    positions, products, best = [], [], np.empty(0, np.int32)
    least = min(probe.cells, len(cells))
    few = max(LEAST_LOOK[0] * len(cells) // len(lists.codes), LEAST_LOOK[1])
    count = least if budget > AMPLE else min(least, few)
    scored, compared, sparse, worth = 0, 0, False, False
    while True:
        inside, rows = _positions(lists, order[scored:count], allowed)
        looked = LOOK + (count - scored) * CELL + rows * ASKED
        budget -= looked
        near = math.inf if inside is None else compared + len(inside)
        density = near / max(rows * in_range / len(lists.codes), 1.0)
        sparse = density < SPARSE if count <= least else sparse
        in_vain = sparse or _likely_cost(probe.rows, near, density, rows, dimensions) > scan
        if in_vain and not worth and budget < (LOOK + SCORED if count >= least else AMPLE):
            return compared
        if count < least:
            count = least
            continue
        if near < probe.rows and count < len(cells):
            ahead = _affordable(lists, order, count, budget - looked - LOOK - SCORED, ASKED)
            if ahead == count:
                return compared
            count = ahead
            continue
        found = _score(codes, lists, order[scored:count], inside)
        products.append(found)
        compared += len(found)
        if inside is not None:
            positions.append(inside + lists.size[order[:scored]].sum())
        best = _best_of(best, found, probe.rows)
        ratio = max(probe.ratio, probe.sparse * sparse)
        last = len(cells) if len(best) < probe.rows else _within_reach(lists, distance, float(best[0]) / scale, ratio)
        if last <= count:
            break
        ahead = min(last, GROWTH * count)
        worth = _rest_cost(lists, order, count, last, in_range, compared) <= scan
        if not worth:
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


def _likely_cost(wanted: int, near: float, density: float, rows: int, dimensions: int) -> float:
    """Tell what more cells will likely cost, if those looked up, of so many ``rows``, hold ``near`` rows in range.

    The denser the range lies near the query, the fewer rows are compared: measured, by about the square root. If it is
    sparser there by two standard errors, more rows than can be told.
    """
    if density < 1 - 2 / math.sqrt(max(near, 1)):
        return math.inf
    row = FOUND + copied(dimensions) + ASKED * rows / max(near, 1)
    compared = MORE * wanted / math.sqrt(max(density, 1.0))
    return min(1.0, SEVERAL * wanted / max(near, 1)) * (ROUNDS * (LOOK + SCORED) + compared * row)


def _best_of(best: NDArray[np.int32], found: NDArray[np.int32], count: int) -> NDArray[np.int32]:
    """Keep the ``count`` best products, the least of them first; all if they are fewer."""
    both = np.concatenate((best, found))
    return np.partition(both, -count)[-count:] if len(both) >= count else both


def _within_reach(lists: InvertedLists, distance: NDArray[np.float32], product: float, ratio: float) -> int:
    """Tell how many of the ranked cells are at most so many times as far off as the row that has such a product."""
    reached = lists.cells.relative_distance(distance, 1 - product / lists.length)
    return int(np.searchsorted(reached, ratio, side="right"))


def _affordable(lists: InvertedLists, order: NDArray[np.int32], count: int, budget: float, row: float) -> int:
    """Choose how many cells may be read by the end of the next round, if a row of them costs so much."""
    costs = lists.size[order[count : GROWTH * count]].cumsum() * row
    costs += np.arange(1, len(costs) + 1) * CELL
    return count + int(np.searchsorted(costs, budget, side="right"))


def _rest_cost(
    lists: InvertedLists, order: NDArray[np.int32], count: int, last: int, in_range: float, compared: int
) -> float:
    """Tell what it costs to read the cells up to the ``last`` that will be read, of which ``count`` are read.

    More are not, since as many rows are known as the reach follows from. The share of their rows that is in range is
    taken to lie midway between that of the nearer cells and that of all cells not read; where the nearer ones hold
    little of the range, above that, since those behind them soon hold their full share.
    """
    read, ahead = int(lists.size[order[:count]].sum()), READ * int(lists.size[order[count:last]].sum())
    nearer, others = compared / max(read, 1), max(in_range - compared, 0.0) / max(len(lists.codes) - read, 1)
    share = max(min(others, others / 2 + 2 * nearer), (nearer + others) / 2)
    another = LOOK + SCORED if last > GROWTH * count else 0.0
    return another + probing_cost(READ * (last - count), ahead, share * ahead, lists.codes.shape[1])


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
) -> tuple[NDArray[np.int64] | None, int]:
    """Tell where rows in range are among all rows of some cells (None if no range is given), and how many all are."""
    if allowed is None:
        return None, int(lists.size[chosen].sum())
    items = np.concatenate([lists.items_of[number] for number in chosen.tolist()])
    return allowed.take(items).nonzero()[0], len(items)


def _score(
    query_codes: NDArray[np.int8],
    lists: InvertedLists,
    chosen: NDArray[np.int32],
    positions: NDArray[np.int64] | None,
) -> NDArray[np.int32]:
    """Score the rows of some cells that are at these positions, or all, copied out: a call for each cell costs more."""
    if positions is not None:
        return dot_products_of(query_codes, lists.codes, _row_numbers(lists, chosen, positions))
    codes = [lists.codes_of[number] for number in chosen.tolist()]
    parts = [np.concatenate(codes[start : start + CELLS_AT_ONCE]) for start in range(0, len(codes), CELLS_AT_ONCE)]
    return np.concatenate([dot_products(query_codes, part).max(axis=0) for part in parts])


def _row_numbers(lists: InvertedLists, chosen: NDArray[np.int32], positions: NDArray[np.int64]) -> NDArray[np.int64]:
    """Give the numbers of the rows at some positions of cells that are read one after the other."""
    size = lists.size[chosen]
    last = size.cumsum()
    shift = lists.cells.start[chosen] - last + size
    if len(positions) < FEW * last[-1]:
        return np.asarray(positions + shift[last.searchsorted(positions, side="right")])
    return np.asarray(positions + shift.repeat(size)[positions])
