"""The search planner: three ways to the candidates, one way to the answer.

- **scan**: few rows are in range, so compare them all. Exact but for int8 rounding, which re-scoring undoes.
- **cells**: more are in range, so visit cells, nearest first, until those left are too far off to hold a row *in range*
  as near as the best that were met. How far is too far was learned when the snapshot was built, by trying held-out
  queries under filters of each selectivity (:mod:`tonari.index.tuning`).
- **graph**: nothing narrows the range, so walk the HNSW graph, if learning found it to be the better of the two.

Candidates are scored again in float32 over the stored 16 bits, the best view counts for its item. If fewer than k items
come back though more are in range, the scan has the last word: k items come back whenever k match.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from tonari.index.cells import Cells
from tonari.index.graph import Graph
from tonari.index.kernels import count_true
from tonari.index.vectors import Hits, Views, best_items, candidates, nearest
from tonari.index.visits import Contents, Reach, visit

SCAN_BYTES = 1 << 20
"""Codes that are scanned rather than looked for in cells: a megabyte takes a fifth of a millisecond."""


@dataclass(frozen=True, slots=True)
class Probe:
    """What a search under filters of one selectivity must visit to keep its recall.

    Parameters
    ----------
    selectivity
        Share of items in range.
    cells, rows
        Least number of cells, and of rows in range.
    ratio
        How many times as far off as the best rows found so far a cell may be and still be worth a visit.
    candidates
        Least number that are scored again.
    """

    selectivity: float
    cells: int
    rows: int
    ratio: float = 1.0
    candidates: int = 0


@dataclass(frozen=True, slots=True)
class Tuning:
    """What was learned when the snapshot was built.

    Parameters
    ----------
    efforts
        By descending selectivity; empty if cells were never as good as they must be, so that scans serve.
    graph
        Whether the graph serves searches that nothing narrows.
    expansion
        How many candidates the graph keeps while it is walked.
    reason
        Why scans serve although there are cells; empty if they need not.
    """

    probes: tuple[Probe, ...] = ()
    graph: bool = False
    expansion: int = 400
    reason: str = ""

    def probe(self, selectivity: float) -> Probe:
        """Take the dearer of the two efforts learned around a selectivity."""
        above = [one for one in self.probes if one.selectivity >= selectivity]
        below = [one for one in self.probes if one.selectivity < selectivity]
        around = [*above[-1:], *below[:1]]
        return Probe(
            selectivity,
            max(one.cells for one in around),
            max(one.rows for one in around),
            max(one.ratio for one in around),
            max(one.candidates for one in around),
        )


@dataclass(frozen=True, slots=True)
class VectorIndex:
    """Items and their views as a search finds them.

    Parameters
    ----------
    views
        N rows, in the order of the cells.
    rows : (N,) int64
        The same rows by item.
    first : (I + 1,) int64
        Where each item's rows begin in ``rows``.
    cells
        None where there are too few rows to part them.
    graph
        Over the codes, None where there is none.
    budget
        What was learned about them.
    contents
        Of the cells, None where there are none.
    """

    views: Views
    rows: NDArray[np.int64]
    first: NDArray[np.int64]
    cells: Cells | None = None
    graph: Graph | None = None
    tuning: Tuning = Tuning()
    contents: Contents | None = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        contents = None if self.cells is None else Contents(self.cells, self.views.codes, self.views.item)
        object.__setattr__(self, "contents", contents)

    def __len__(self) -> int:
        """``I``."""
        return len(self.first) - 1

    def rows_of(self, items: NDArray[np.int64]) -> NDArray[np.int64]:
        """List the rows of items, ascending."""
        size = self.first[items + 1] - self.first[items]
        places = np.repeat(self.first[items] - np.cumsum(size) + size, size) + np.arange(int(size.sum()))
        return np.sort(self.rows[places])


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
    k
        How many items: so many come back whenever so many are in range and have a view.
    allowed : (I,) bool
        Which items are in range, all if it is None.
    exact
        Compare every view in range in float32.

    Returns
    -------
    Hits, whose ``matching`` counts items in range.
    """
    matching = len(index) if allowed is None else count_true(allowed)
    selectivity = matching / max(len(index), 1)
    rows = selectivity * len(index.views)
    hits = None
    if not exact and index.contents is not None and index.tuning.probes and rows * queries.shape[1] > SCAN_BYTES:
        if allowed is None and index.tuning.graph and index.graph is not None:
            hits = nearest(queries, index.views, k, graph=index.graph)
        else:
            hits = _in_cells(queries, index, index.contents, k, allowed, index.tuning.probe(selectivity))
    if hits is not None and len(index.views) > len(index):
        hits = _by_best_view(queries, index, hits)
    if hits is None or len(hits.items) < min(k, matching):
        every = None if allowed is None else index.rows_of(np.flatnonzero(allowed))
        hits = nearest(queries, index.views, k, matching=every, exact=exact)
    return replace(hits, matching=matching)


def _by_best_view(queries: NDArray[np.float32], index: VectorIndex, hits: Hits) -> Hits:
    """Score all views of the items found: the nearest of an item may lie where nobody looked."""
    return best_items(
        queries,
        index.views,
        index.rows_of(hits.items.astype(np.int64)),
        len(hits.items),
        hits.path,
        matching=hits.matching,
        scanned=hits.scanned,
        exact=hits.exact,
    )


def _in_cells(
    queries: NDArray[np.float32],
    index: VectorIndex,
    contents: Contents,
    k: int,
    allowed: NDArray[np.bool_] | None,
    probe: Probe,
) -> Hits:
    views = index.views
    of_k_items = -(-k * len(views) // len(index))
    reach = Reach(probe.cells, max(of_k_items, probe.rows), probe.ratio, max(candidates(k), probe.candidates))
    met = visit(queries, contents, allowed, reach)
    return best_items(queries, views, met.rows, k, "cells", matching=len(met.rows), scanned=met.scanned, exact=False)
