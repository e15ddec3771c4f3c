"""Learning, when a snapshot is built, how much a search must visit to keep its recall, and measuring that recall.

Views of the snapshot, and vectors some way off them, ask for their neighbours, their own item left out, under filters
of each selectivity: independent of the query, correlated with it (most of what is in range lies near) and against it
(most lies far). What comes back is compared with an exact search.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

import numpy as np

from tonari.planner import SCAN_BYTES, Budget, Effort, find

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from tonari.cells import Cells
    from tonari.planner import Shelf

K = 10
GOOD = 0.995
QUERIES = 128
SEED = 5
SELECTIVITIES = (1.0, 0.5, 0.1, 0.01, 0.001)
FIRST_CELLS = 16
CANDIDATES = (60, 90, 130, 200, 300)
REACHED = 0.997
"""Share of true neighbours whose cells a search must reach."""
FAR = 2.0
"""No two cosines differ by more."""
EXPANSIONS = (64, 128, 256, 400, 800)
REGIONS = 16
SKEW = 8.0
STAYS = 0.8
"""Cosine between a query that was turned away and the view from which it was."""

Kind = Literal["independent", "correlated", "against"]
KINDS: tuple[Kind, ...] = ("independent", "correlated", "against")


@dataclass(frozen=True, slots=True)
class Trial:
    """One query under one filter, and the items that an exact search returns."""

    query: NDArray[np.float32]
    allowed: NDArray[np.bool_]
    truth: frozenset[int]


def calibrate(shelf: Shelf) -> tuple[Budget, dict[str, float]]:
    """Learn a budget, and measure recall@10 with it at each selectivity.

    Returns
    -------
    The budget, and recall@10 by selectivity, for filters that are independent of the query.
    """
    trials = _Trials(shelf)
    budget = Budget()
    if shelf.cells is not None:
        efforts = tuple(
            _learn(shelf, shelf.cells, trials, selectivity)
            for selectivity in SELECTIVITIES
            if trials.needs(selectivity)
        )
        budget = _choose_graph(replace(shelf, budget=Budget(efforts)), trials.make(1.0, "independent"))
    learned = replace(shelf, budget=budget)
    measured = {f"{s:g}": _recall(learned, trials.make(s, "independent")) for s in SELECTIVITIES}
    return budget, {name: round(value, 4) for name, value in measured.items() if value is not None}


def _learn(shelf: Shelf, cells: Cells, trials: _Trials, selectivity: float) -> Effort:
    """Learn how far to go, then the fewest candidates with which rough scores lose no more than with many."""
    effort = Effort(selectivity, FIRST_CELLS, K, trials.slack(cells, selectivity))
    asked = trials.make(selectivity, "correlated")
    tried = [replace(effort, candidates=count) for count in CANDIDATES]
    recalls = [_recall(replace(shelf, budget=Budget((one,))), asked) or 0.0 for one in tried]
    return next(one for one, recall in zip(tried, recalls, strict=True) if recall == max(recalls))


def _recall(shelf: Shelf, trials: Sequence[Trial]) -> float | None:
    """Give the mean share of the true neighbours that a search finds; None if there are none to find."""
    shares = [
        len(trial.truth.intersection(find(trial.query, shelf, K, trial.allowed).items.tolist())) / len(trial.truth)
        for trial in trials
        if trial.truth
    ]
    return float(np.mean(shares)) if shares else None


def _choose_graph(shelf: Shelf, trials: Sequence[Trial]) -> Budget:
    """Take the graph for searches that nothing narrows where it finds as much in less time."""
    if shelf.graph is None:
        return shelf.budget
    by_cells = _median_seconds(shelf, trials)
    for expansion in EXPANSIONS:
        shelf.graph.expand(expansion)
        walking = replace(shelf, budget=replace(shelf.budget, graph=True, expansion=expansion))
        found = [find(trial.query, walking, K + 1).items.tolist() for trial in trials]
        recall = np.mean([len(trial.truth.intersection(one)) / K for trial, one in zip(trials, found, strict=True)])
        if recall >= GOOD:
            return walking.budget if _median_seconds(walking, trials) < by_cells else shelf.budget
    return shelf.budget


def _median_seconds(shelf: Shelf, trials: Sequence[Trial]) -> float:
    seconds = []
    for trial in trials:
        began = time.perf_counter()
        find(trial.query, shelf, K)
        seconds.append(time.perf_counter() - began)
    return float(np.median(seconds))


class _Trials:
    """Makes trials from one set of queries, whose exact scores are computed once."""

    def __init__(self, shelf: Shelf) -> None:
        self._shelf = shelf
        views = shelf.views
        self._random = np.random.default_rng(SEED)
        chosen = self._random.permutation(len(views))[:QUERIES]
        self._asking = np.sort(chosen)
        self._queries = self._strangers(views.halves[self._asking].astype(np.float32))
        self._scores = np.empty((len(self._asking), len(views)), np.float32)
        for start in range(0, len(views), 1 << 14):
            block = views.halves[start : start + (1 << 14)].astype(np.float32)
            self._scores[:, start : start + len(block)] = self._queries @ block.T
        self._deep = K * int(np.diff(shelf.first).max(initial=1))

    def _strangers(self, queries: NDArray[np.float32]) -> NDArray[np.float32]:
        """Turn every other query away from its view: pictures from outside lie farther off than the catalogue's own."""
        if len(queries) > 2:
            others = self._random.permutation(queries)
            away = others - np.roll(others, 1, axis=0)
            away /= np.maximum(np.linalg.norm(away, axis=1, keepdims=True), 1e-12)
            queries[::2] = (STAYS * queries + np.sqrt(1 - STAYS**2) * away)[::2]
            queries /= np.linalg.norm(queries, axis=1, keepdims=True)
        return queries

    def needs(self, selectivity: float) -> bool:
        """Tell whether so many rows are in range that they are not simply scanned."""
        return selectivity * self._shelf.views.codes.size > SCAN_BYTES

    def make(self, selectivity: float, kind: Kind) -> list[Trial]:
        return list(self._make(selectivity, kind))

    def _make(self, selectivity: float, kind: Kind) -> Iterator[Trial]:
        for number, query in enumerate(self._queries):
            allowed, rows = self._draw(selectivity, kind, number)
            yield Trial(query[None], allowed, frozenset(self._shelf.views.item[rows].tolist()))

    def slack(self, cells: Cells, selectivity: float) -> float:
        """Learn by how much the kth item may be nearer to a query than is hoped for in a true neighbour's cell."""
        gaps = [np.array([FAR], np.float32)]
        for kind in KINDS:
            for number, (query, scores) in enumerate(zip(self._queries, self._scores, strict=True)):
                _, rows = self._draw(selectivity, kind, number)
                if len(rows) == K:
                    cell = np.searchsorted(cells.start, rows, side="right") - 1
                    nearness = cells.nearness(query[None])
                    gaps.append(min(scores[rows[-1]], nearness.max()) - nearness[cell])
        return float(np.quantile(np.concatenate(gaps), REACHED))

    def _draw(self, selectivity: float, kind: Kind, number: int) -> tuple[NDArray[np.bool_], NDArray[np.int64]]:
        """Draw a range for a query, and find the best rows of the K nearest items in it, best first."""
        item, scores = self._shelf.views.item, self._scores[number]
        allowed = self._range(selectivity, kind, scores)
        allowed[item[self._asking[number]]] = False
        rows = np.flatnonzero(allowed[item])
        if len(rows) > self._deep:
            rows = rows[np.argpartition(-scores[rows], self._deep)[: self._deep]]
        rows = rows[np.argsort(-scores[rows], kind="stable")]
        _, first = np.unique(item[rows], return_index=True)
        return allowed, rows[np.sort(first)[:K]]

    def _range(self, selectivity: float, kind: Kind, scores: NDArray[np.float32]) -> NDArray[np.bool_]:
        """Draw which items are in range: evenly, or with other odds in the part of the catalogue that is nearest."""
        items = len(self._shelf)
        odds = np.full(items, selectivity)
        if kind != "independent" and selectivity < 1:
            near = np.zeros(items, np.bool_)
            count = max(1, len(scores) // REGIONS)
            near[self._shelf.views.item[np.argpartition(-scores, count - 1)[:count]]] = True
            share = float(near.mean())
            odds[near] = min(1.0, selectivity * SKEW) if kind == "correlated" else selectivity / SKEW
            odds[~near] = max(0.0, (selectivity - share * odds[near][0]) / max(1 - share, 1e-9))
        return self._random.random(items) < odds
