"""Trials by which searches are tuned and measured: queries under filters, and what an exact search returns.

Half of the queries are views of the catalogue, half are turned away from one: pictures from outside lie farther off. An
item never finds itself.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from tonari.index.planner import VectorIndex
from tonari.index.vectors import from_fixed

K = 10
QUERIES = 128
SEED = 5
REGIONS = 16
TOWARDS, AGAINST = 8.0, 64.0
"""How many times as many, or as few, are in range near the query as elsewhere."""
STAYS = 0.8
"""Cosine between a query that was turned away and the view from which it was."""

Kind = Literal["independent", "correlated", "against"]
KINDS: tuple[Kind, ...] = ("independent", "correlated", "against")


@dataclass(frozen=True, slots=True)
class Trial:
    """One query under one filter, and what an exact search returns.

    Parameters
    ----------
    query : (1, D) float32
    allowed : (I,) bool
        Which items are in range.
    rows : (n,) int64
        The best rows of the nearest items in range, best first.
    truth
        Those items.
    found
        How far off the last of them is, as one less a cosine.
    """

    query: NDArray[np.float32]
    allowed: NDArray[np.bool_]
    rows: NDArray[np.int64]
    truth: frozenset[int]
    found: float


class Trials:
    """Makes trials from one set of queries, whose exact scores are computed once."""

    def __init__(self, index: VectorIndex) -> None:
        self._index = index
        views = index.views
        self._random = np.random.default_rng(SEED)
        chosen = self._random.permutation(len(views))[:QUERIES]
        self._asking = np.sort(chosen)
        self._queries = self._strangers(from_fixed(views.fixed[self._asking]))
        self._scores = np.empty((len(self._asking), len(views)), np.float32)
        for start in range(0, len(views), 1 << 14):
            block = from_fixed(views.fixed[start : start + (1 << 14)])
            self._scores[:, start : start + len(block)] = self._queries @ block.T
        self._deep = K * int(np.diff(index.first).max(initial=1))

    def _strangers(self, queries: NDArray[np.float32]) -> NDArray[np.float32]:
        """Turn every other query away from its view: pictures from outside lie farther off than the catalogue's own."""
        if len(queries) > 2:
            others = self._random.permutation(queries)
            away = others - np.roll(others, 1, axis=0)
            away /= np.maximum(np.linalg.norm(away, axis=1, keepdims=True), 1e-12)
            queries[::2] = (STAYS * queries + np.sqrt(1 - STAYS**2) * away)[::2]
            queries /= np.linalg.norm(queries, axis=1, keepdims=True)
        return queries

    def make(self, selectivity: float, kind: Kind) -> list[Trial]:
        """Draw a range of its own for each query."""
        return list(self._make(selectivity, kind))

    def _make(self, selectivity: float, kind: Kind) -> Iterator[Trial]:
        for number, (query, scores) in enumerate(zip(self._queries, self._scores, strict=True)):
            allowed, rows = self._draw(selectivity, kind, number)
            found = 1 - min(1.0, float(scores[rows[-1]])) if len(rows) else 0.0
            yield Trial(query[None], allowed, rows, frozenset(self._index.views.item[rows].tolist()), found)

    def _draw(self, selectivity: float, kind: Kind, number: int) -> tuple[NDArray[np.bool_], NDArray[np.int64]]:
        """Draw a range for a query, and find the best rows of the K nearest items in it, best first."""
        item, scores = self._index.views.item, self._scores[number]
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
        items = len(self._index)
        odds = np.full(items, selectivity)
        if kind != "independent" and selectivity < 1:
            near = np.zeros(items, np.bool_)
            count = max(1, len(scores) // REGIONS)
            near[self._index.views.item[np.argpartition(-scores, count - 1)[:count]]] = True
            share = float(near.mean())
            odds[near] = min(1.0, selectivity * TOWARDS) if kind == "correlated" else selectivity / AGAINST
            odds[~near] = max(0.0, (selectivity - share * odds[near][0]) / max(1 - share, 1e-9))
        return self._random.random(items) < odds
