"""The search planner: three ways to the candidates, one way from there to the answer.

- **scan**: few rows are in range, so compare them all by their int8 codes.
- **cells**: more are in range, so read the nearest cells until those left are too far off to hold a row *in range* as
  near as the best that were found. How far is too far was learned when the index was built, by trying queries under
  filters of each selectivity (:mod:`tonari.index.tuning`).
- **graph**: nothing narrows the range and few items are wanted, so walk the HNSW graph, if there is one.

Candidates bring all views of their items, and every view gets its final score (:mod:`tonari.index.scoring`). If fewer
than k items come of it though more are in range, the scan has the last word: k items come back whenever k match.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from tonari.index.cells import Cells, assign, cell_count, train
from tonari.index.graph import Graph
from tonari.index.kernels import count_true, dot_products
from tonari.index.probing import InvertedLists, Probe, best_positions, probe_lists
from tonari.index.scoring import best_views, order_items, score_rows
from tonari.index.vectors import Hits, Path, Views, quantise

SCAN_BYTES = 1 << 20
"""Codes that are scanned rather than looked for in cells: a megabyte takes a fifth of a millisecond."""
CELLS_FROM_BYTES = 4 * SCAN_BYTES
"""Codes from which cells are worth their while."""
LEAST_CANDIDATES = 60
CANDIDATES_PER_ITEM = 4
"""How many rows get their final score at least, in all and for each item that is wanted."""
TUNED_FOR = 10
"""How many items the queries want by which settings are learned."""
MOST_WALKED = 512
"""Candidates up to which a graph is walked. Time grows with them; a scan's and that of cells hardly does."""


@dataclass(frozen=True, slots=True)
class Tuning:
    """What was learned when the index was built.

    Parameters
    ----------
    probes
        By descending selectivity; empty if cells never had the recall that is asked for, so that scans serve.
    graph
        Whether a graph serves searches without a filter.
    expansion
        How many candidates the graph is walked for when ten items are wanted; 0 without a graph.
    reason
        Why scans serve although there are cells, and why there is no graph; empty if nothing is to be said.
    """

    probes: tuple[Probe, ...] = ()
    graph: bool = False
    expansion: int = 0
    reason: str = ""

    def probe(self, selectivity: float) -> Probe:
        """Take the dearer of the two settings learned around a selectivity."""
        above = [probe for probe in self.probes if probe.selectivity >= selectivity]
        below = [probe for probe in self.probes if probe.selectivity < selectivity]
        around = [*above[-1:], *below[:1]]
        return Probe(
            selectivity,
            max(probe.cells for probe in around),
            max(probe.rows for probe in around),
            max(probe.ratio for probe in around),
            max(probe.candidates for probe in around),
        )

    def walked(self, k: int) -> int:
        """Choose how many candidates a graph is walked for so that k items are found."""
        return -(-self.expansion * max(k, TUNED_FOR) // TUNED_FOR)


@dataclass(frozen=True, slots=True)
class VectorIndex:
    """Items and their views as a search finds them.

    Parameters
    ----------
    views
        N rows, in the order of the cells where there are cells.
    rows : (N,) int64
        The same rows item after item, each item's in the order in which its document names them.
    first : (I + 1,) int64
        Where each item's rows begin in ``rows``.
    cells
        None where there are too few rows to part them.
    graph
        Over the codes, None where there is none.
    tuning
        What was learned about them.

    Attributes
    ----------
    lists
        Of the cells, None where there are none.
    one_view_each
        Whether no item has two views, so that a row stands for its item.
    """

    views: Views
    rows: NDArray[np.int64]
    first: NDArray[np.int64]
    cells: Cells | None = None
    graph: Graph | None = None
    tuning: Tuning = Tuning()
    lists: InvertedLists | None = field(init=False, repr=False, compare=False)
    one_view_each: bool = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        lists = None if self.cells is None else InvertedLists(self.cells, self.views.codes, self.views.item)
        object.__setattr__(self, "lists", lists)
        object.__setattr__(self, "one_view_each", int(np.diff(self.first).max(initial=0)) <= 1)

    def __len__(self) -> int:
        """``I``."""
        return len(self.first) - 1

    def rows_of(self, items: NDArray[np.integer]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """List all views of items.

        Parameters
        ----------
        items : (i,) int

        Returns
        -------
        rows : (n,) int64
            Item after item, each item's in the order in which its document names them.
        size : (i,) int64
            How many of them each item has.
        """
        begin = self.first[items]
        size = self.first[items + 1] - begin
        end = size.cumsum()
        return self.rows[(begin - end + size).repeat(size) + np.arange(end[-1] if len(end) else 0)], size


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


def find(
    queries: NDArray[np.float32],
    index: VectorIndex,
    k: int,
    allowed: NDArray[np.bool_] | None = None,
    *,
    exact: bool = False,
) -> Hits:
    """Find the k items in range whose best view is nearest to the best of the queries.

    Parameters
    ----------
    queries : (Q, D) float32, rows of length 1
        Usually one; an item that serves as query brings all its views.
    k
        How many items: so many come back whenever so many are in range and have a view.
    allowed : (I,) bool
        Which items are in range, all if it is None.
    exact
        Give every view in range its final score.

    Returns
    -------
    Hits
        Final and in a total order. Scores and order are the same whichever way the candidates came.
    """
    matching = len(index) if allowed is None else count_true(allowed)
    if k <= 0 or matching == 0:
        nothing = np.empty(0, np.int64)
        return Hits(nothing, nothing, np.empty(0), "scan", matching, 0, exact=True)
    if exact:
        return find_after(queries, index, k, allowed, np.inf, 0)
    hits = _without_scan(queries, index, k, allowed, matching)
    if hits is None or len(hits.items) < min(k, matching):
        rows = None if allowed is None else np.sort(index.rows_of(allowed.nonzero()[0])[0])
        hits = _scan(queries, index, k, rows)
    return replace(hits, matching=matching)


def find_after(
    queries: NDArray[np.float32],
    index: VectorIndex,
    k: int,
    allowed: NDArray[np.bool_] | None,
    score: float,
    first: int,
) -> Hits:
    """Find the k items in range that come next after a score, or have that score and a number from ``first`` on.

    Every view in range is compared, so that a page costs the same wherever it lies.

    Parameters
    ----------
    queries, index, k, allowed
        As of :func:`find`.
    """
    items = np.flatnonzero(np.diff(index.first) if allowed is None else allowed & (np.diff(index.first) > 0))
    rows, size = index.rows_of(items)
    matching = len(index) if allowed is None else count_true(allowed)
    if not len(items):
        return Hits(items, rows, np.empty(0), "scan", matching, 0, exact=True)
    best, position = best_views(score_rows(queries, index.views.fixed, rows), size)
    later = np.flatnonzero((best < score) | ((best == score) & (items >= first)))
    order = later[order_items(best[later], items[later], k)]
    return Hits(items[order], rows[position[order]], best[order], "scan", matching, len(rows), exact=True)


def score_items(
    queries: NDArray[np.float32], index: VectorIndex, items: NDArray[np.integer], k: int
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
    """Give all views of some items their final score, and take the k best items.

    Parameters
    ----------
    items : (n,) int
        Each once, each with a view.

    Returns
    -------
    items : (k,) int64
        By descending score, then by number.
    rows : (k,) int64
        The best view of each.
    scores : (k,) float64
    """
    rows, size = index.rows_of(items)
    best, position = best_views(score_rows(queries, index.views.fixed, rows), size)
    order = order_items(best, items, k)
    return items[order].astype(np.int64), rows[position[order]], best[order]


def _without_scan(
    queries: NDArray[np.float32], index: VectorIndex, k: int, allowed: NDArray[np.bool_] | None, matching: int
) -> Hits | None:
    """Find items by graph or cells; None where a scan is the way."""
    walked = index.tuning.walked(k)
    if allowed is None and index.graph is not None and walked <= MOST_WALKED and walked < len(index.views):
        return _by_graph(queries, index, index.graph, k, walked)
    selectivity = matching / len(index)
    if index.lists is None or not index.tuning.probes or selectivity * index.views.codes.size <= SCAN_BYTES:
        return None
    probe = index.tuning.probe(selectivity)
    rows = max(-(-k * len(index.views) // len(index)), probe.rows)
    wanted = max(LEAST_CANDIDATES, CANDIDATES_PER_ITEM * k, probe.candidates)
    found = probe_lists(queries, index.lists, allowed, replace(probe, rows=rows, candidates=wanted))
    return _answer(queries, index, k, found.rows, "cells", found.scanned)


def _by_graph(queries: NDArray[np.float32], index: VectorIndex, graph: Graph, k: int, walked: int) -> Hits | None:
    """Walk the graph; None where copies of one embedding fill the end, of which the graph gives some at random."""
    found = [graph.search(code, walked) for code in quantise(queries)[0]]
    rows = found[0].rows if len(found) == 1 else np.unique(np.concatenate([one.rows for one in found]))
    hits = _answer(queries, index, k, rows, "graph", sum(one.scanned for one in found))
    codes = index.views.codes
    copies = any((codes[one.rows[-1]] == codes[hits.rows[-1]]).all() for one in found)
    return None if copies else hits


def _scan(queries: NDArray[np.float32], index: VectorIndex, k: int, rows: NDArray[np.int64] | None) -> Hits:
    """Compare all rows in range; candidates grow until k different items are among them or all are."""
    views = index.views
    count = len(views) if rows is None else len(rows)
    wanted = max(LEAST_CANDIDATES, CANDIDATES_PER_ITEM * k)
    if wanted >= count:
        everything = np.arange(count) if rows is None else rows
        return _answer(queries, index, k, everything, "scan", count, exact=True)
    codes = views.codes if rows is None else views.codes.take(rows, axis=0)
    products = dot_products(quantise(queries)[0], codes).max(axis=0)
    while True:
        chosen = best_positions(products, wanted)
        found = chosen if rows is None else rows[chosen]
        hits = _answer(queries, index, k, found, "scan", count, exact=len(found) == count)
        if len(hits.items) == k or hits.exact:
            return hits
        wanted *= 4


def _answer(
    queries: NDArray[np.float32],
    index: VectorIndex,
    k: int,
    rows: NDArray[np.int64],
    path: Path,
    scanned: int,
    *,
    exact: bool = False,
) -> Hits:
    """Expand candidate rows to their items, give all views of these their final score, and take the k best items."""
    items = index.views.item[rows]
    if index.one_view_each:
        scores = score_rows(queries, index.views.fixed, rows)
        order = order_items(scores, items, k)
        found = items[order].astype(np.int64), rows[order], scores[order]
    else:
        found = score_items(queries, index, np.unique(items), k)
    return Hits(*found, path, len(index), scanned, exact=exact)
