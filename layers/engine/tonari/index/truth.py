"""Queries under filters, and what an exact search finds: by them an index learns how much a search has to visit."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from tonari.index.planner import find, score_items
from tonari.index.vector_index import TUNED_FOR, VectorIndex
from tonari.index.vectors import from_fixed

K = TUNED_FOR
SELECTIVITIES = (1.0, 0.5, 0.1, 0.01, 0.001)
QUERIES = 128
SEED = 5
REGIONS = 16
TOWARDS, AGAINST = 8.0, 64.0
"""How many times as many, or as few, are in range near the query as elsewhere."""
STAYS = 0.8
"""Cosine between a query that was turned away and the view from which it was."""

Kind = Literal["independent", "correlated", "against", "beyond"]
KINDS: tuple[Kind, ...] = ("independent", "correlated", "against")
"""The fourth leaves out a part of the catalogue that the query lies in, as a filter by another category does."""


@dataclass(frozen=True, slots=True)
class FilteredQuery:
    """One query under one filter, and what an exact search returns.

    Parameters
    ----------
    query : (1, D) float32
    asking
        The item that asks: it is out of range.
    allowed : (I,) bool
        Which items are in range.
    rows : (n,) int64
        The best views of the K nearest items in range, best first; fewer than K if fewer are in range.
    scores : (n,) float64
        Their final scores.
    """

    query: NDArray[np.float32]
    asking: int
    allowed: NDArray[np.bool_]
    rows: NDArray[np.int64]
    scores: NDArray[np.float64]


class GroundTruth:
    """Draws filters for one set of queries, whose similarity to all views is computed once.

    Parameters
    ----------
    index
        With its embeddings.
    """

    def __init__(self, index: VectorIndex) -> None:
        self._index = index
        views = index.views
        self._random = np.random.default_rng(SEED)
        chosen = self._random.permutation(len(views))[:QUERIES]
        self._asking = np.sort(chosen)
        self._queries = self._turn_half_away(from_fixed(views.fixed[self._asking]))
        self._scores = np.empty((len(self._asking), len(views)), np.float32)
        for start in range(0, len(views), 1 << 14):
            block = from_fixed(views.fixed[start : start + (1 << 14)])
            self._scores[:, start : start + len(block)] = self._queries @ block.T
        self._enough = K * int(np.diff(index.first).max(initial=1))

    def _turn_half_away(self, queries: NDArray[np.float32]) -> NDArray[np.float32]:
        if len(queries) > 2:
            others = self._random.permutation(queries)
            away = others - np.roll(others, 1, axis=0)
            away /= np.maximum(np.linalg.norm(away, axis=1, keepdims=True), 1e-12)
            queries[::2] = (STAYS * queries + np.sqrt(1 - STAYS**2) * away)[::2]
            queries /= np.linalg.norm(queries, axis=1, keepdims=True)
        return queries

    def under_filters(self, selectivity: float, kind: Kind) -> list[FilteredQuery]:
        """Draw a filter of its own for each query."""
        return list(self._draw(selectivity, kind))

    def _draw(self, selectivity: float, kind: Kind) -> Iterator[FilteredQuery]:
        item = self._index.views.item
        others = np.roll(np.arange(len(self._scores)), 1).tolist()
        for query, row, similar, other in zip(self._queries, self._asking, self._scores, others, strict=True):
            allowed = self._in_range(selectivity, kind, similar, self._scores[other])
            allowed[item[row]] = False
            rows = allowed[item].nonzero()[0]
            if len(rows) > self._enough:
                rows = rows[np.argpartition(-similar[rows], self._enough)[: self._enough]]
            _, best, scores = score_items(query[None], self._index, np.unique(item[rows]), K)
            yield FilteredQuery(query[None], int(item[row]), allowed, best, scores)

    def _in_range(
        self, selectivity: float, kind: Kind, similar: NDArray[np.float32], beside: NDArray[np.float32]
    ) -> NDArray[np.bool_]:
        """Draw which items are in range: evenly, or with other odds in the part of the catalogue that is nearest.

        Or all but those that are nearest to a point between the query and another one: cosines are sums.
        """
        items = len(self._index)
        if kind == "beyond":
            nearest = np.full(items, -np.inf, np.float32)
            np.maximum.at(nearest, self._index.views.item, STAYS * similar + np.sqrt(1 - STAYS**2) * beside)
            return np.asarray(nearest <= np.quantile(nearest, selectivity, method="lower"))
        odds = np.full(items, selectivity)
        if kind != "independent" and selectivity < 1:
            near = np.zeros(items, np.bool_)
            count = max(1, len(similar) // REGIONS)
            near[self._index.views.item[np.argpartition(-similar, count - 1)[:count]]] = True
            share = float(near.mean())
            odds[near] = min(1.0, selectivity * TOWARDS) if kind == "correlated" else selectivity / AGAINST
            odds[~near] = max(0.0, (selectivity - share * odds[near][0]) / max(1 - share, 1e-9))
        return self._random.random(items) < odds


def share_found(query: FilteredQuery, scores: Sequence[float]) -> float:
    """Count whatever is as near as the last true neighbour: of copies of a picture, none is truer than the others.

    Parameters
    ----------
    scores
        Final scores of items that a search found, at most K.
    """
    least = float(query.scores[-1])
    return min(1.0, sum(score >= least for score in scores) / len(query.rows))


def recall_under(index: VectorIndex, queries: Sequence[FilteredQuery]) -> float | None:
    """Give the mean share of the true neighbours that a search finds; None if there are none to find."""
    shares = [
        share_found(one, find(one.query, index, K, one.allowed).scores.tolist()) for one in queries if len(one.rows)
    ]
    return float(np.mean(shares)) if shares else None
