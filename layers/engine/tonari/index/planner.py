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

import math
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from tonari.index.costs import ANSWERED, LISTED, LOOKED_UP, RANKED, STARTED, copied, scan_cost
from tonari.index.graph import Graph
from tonari.index.kernels import count_true
from tonari.index.probing import (
    NEAR_TIES,
    Quantised,
    best_positions,
    code_length,
    probe_lists,
    product_error,
    products_of,
)
from tonari.index.scoring import best_views, order_items, score_views
from tonari.index.vector_index import VectorIndex
from tonari.index.vectors import Hits, Path, quantise

WORTH = 1.2
"""How many times what cells take at least a scan must take, each with what every answer costs, so that cells are
tried."""
CELLS_FROM_BYTES = 4 << 20
"""Codes from which cells are worth their while."""
MOST_WALKED = 512
"""Candidates up to which a graph is walked. Time grows with them; a scan's and that of cells hardly does."""


def scanned_share(index: VectorIndex, k: int) -> float:
    """Share of the items up to which those in range are scanned, where k items are wanted and there are cells."""
    rows, dimensions = index.views.codes.shape
    most = WORTH * (ANSWERED + index.least_cost(k)) - ANSWERED
    if scan_cost(rows, rows, dimensions) <= most:
        return math.inf
    row = RANKED + copied(dimensions)
    left = most - STARTED
    up_to = max(left / (LOOKED_UP + row), (left - LISTED * rows) / row, 0.0)
    return float(up_to / rows)


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
        Give every view in range its final score, or its estimate where the embeddings are not here.

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
    if allowed is not None and matching <= index.candidates(k):
        few = index.rows_in(allowed, matching)
        if len(few) <= index.candidates(k):
            hits = _answer(queries, index, k, few, "scan", len(few), exact=True)
            return replace(hits, matching=matching, exact=index.views.whole)
    asked = quantise(index.views.turn(queries))
    found = _without_scan(queries, asked, index, k, allowed, matching)
    if not isinstance(found, int) and len(found.items) == min(k, matching):
        return replace(found, matching=matching, exact=found.exact and index.views.whole)
    in_vain = found if isinstance(found, int) else found.scanned
    rows = None if allowed is None else index.rows_in(allowed, matching)
    hits = _scan(queries, asked, index, k, rows)
    return replace(hits, scanned=hits.scanned + in_vain, matching=matching, exact=hits.exact and index.views.whole)


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
    best, position = best_views(score_views(queries, index.views, rows), size)
    later = np.flatnonzero((best < score) | ((best == score) & (items >= first)))
    order = later[order_items(best[later], items[later], k)]
    return Hits(items[order], rows[position[order]], best[order], "scan", matching, len(rows), index.views.whole)


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
    best, position = best_views(score_views(queries, index.views, rows), size)
    order = order_items(best, items, k)
    return items[order].astype(np.int64), rows[position[order]], best[order]


def _without_scan(
    queries: NDArray[np.float32],
    asked: Quantised,
    index: VectorIndex,
    k: int,
    allowed: NDArray[np.bool_] | None,
    matching: int,
) -> Hits | int:
    """Find items by graph or cells; where a scan is the way, give the number of rows compared before that is known."""
    if allowed is None and index.graph is not None:
        walked = index.tuning.walked(k)
        if walked <= MOST_WALKED and walked < len(index.views):
            return _by_graph(queries, asked, index, index.graph, k, walked) or 0
    if index.lists is None or not index.tuning.probes:
        return 0
    rows, dimensions = index.views.codes.shape
    selectivity = matching / len(index)
    in_range = selectivity * rows
    scan = scan_cost(in_range, rows, dimensions)
    if ANSWERED + scan <= WORTH * (ANSWERED + index.least_cost(k)):
        return 0
    probe = index.probe(selectivity, k)
    found = probe_lists(asked, index.lists, allowed, probe, in_range, np.inf if allowed is None else scan)
    if isinstance(found, int):
        return found
    return _answer(queries, index, k, found.rows, "cells", found.scanned)


def _by_graph(
    queries: NDArray[np.float32], asked: Quantised, index: VectorIndex, graph: Graph, k: int, walked: int
) -> Hits | None:
    """Walk the graph; None where copies of one embedding fill the end, of which the graph gives some at random."""
    found = [graph.search(code, walked) for code in asked[0]]
    rows = found[0].rows if len(found) == 1 else np.unique(np.concatenate([one.rows for one in found]))
    hits = _answer(queries, index, k, rows, "graph", sum(one.scanned for one in found))
    codes = index.views.codes
    copies = any((codes[one.rows[-1]] == codes[hits.rows[-1]]).all() for one in found)
    return None if copies else hits


def _scan(
    queries: NDArray[np.float32], asked: Quantised, index: VectorIndex, k: int, rows: NDArray[np.int64] | None
) -> Hits:
    """Compare all rows in range; candidates grow until k different items are among them or all are."""
    views = index.views
    count = len(views) if rows is None else len(rows)
    wanted = index.candidates(k)
    if wanted >= count:
        everything = np.arange(count) if rows is None else rows
        return _answer(queries, index, k, everything, "scan", count, exact=True)
    (query_codes, scale), codes = asked, views.codes
    last, margin = index.rows_for(k), NEAR_TIES * product_error(code_length(codes), scale)
    products = products_of(query_codes, codes, rows)
    while True:
        chosen = best_positions(products, wanted, last, margin)
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
        scores = score_views(queries, index.views, rows)
        order = order_items(scores, items, k)
        found = items[order].astype(np.int64), rows[order], scores[order]
    else:
        found = score_items(queries, index, np.unique(items), k)
    return Hits(*found, path, len(index), scanned, exact=exact)
