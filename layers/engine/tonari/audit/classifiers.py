"""The two ways by which the audit predicts items of the catalogue: the discriminant, and the vote of the neighbours."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tonari.attributes import VOTERS, AttributeModel, ClassWeights, Labels, vote
from tonari.attributes.crossfit import score_codes
from tonari.attributes.probability import Scale
from tonari.index.planner import find
from tonari.index.vectors import Hits, from_fixed
from tonari.snapshots.table import Table

LEAST_SURE = 0.5
UNCALIBRATED_SURE = 0.99
BLOCK_SCORES = 1 << 21
MOST_BLOCK = 8192
NEAREST = 3
CLOSE = 1e-6


@dataclass(frozen=True, slots=True)
class SureClassifier:
    """A discriminant for many items at a time, and the probability from which it counts as sure.

    Parameters
    ----------
    weights
        Its classes are codes.
    count
        ``C``, over all codes.
    scale
        Scores to probabilities.
    several
        The classes are tags.
    threshold
        The least probability that counts as sure.
    """

    weights: ClassWeights
    count: int
    scale: Scale
    several: bool
    threshold: float

    def probabilities(self, features: NDArray[np.float32]) -> NDArray[np.float64]:
        """Give the probability of each code: (n, D) -> (n, C)."""
        scores = score_codes(self.weights, features, self.count)
        return np.asarray(self.scale.probabilities(scores, several=self.several), np.float64)


def sure_classifier(
    weights: ClassWeights, labels: Labels, model: AttributeModel, enough: float = math.inf
) -> SureClassifier:
    """Take the scale of an attribute's own model.

    Sure is what reaches the attribute's threshold and is more likely than not; where nothing could be calibrated, 0.99.

    Parameters
    ----------
    enough
        A calibrated probability that counts as sure even where the threshold is higher.
    """
    count = len(labels.classes)
    known = model.calibrations.get("discriminant")
    if known is None:
        return SureClassifier(weights, count, Scale(1.0), labels.several, UNCALIBRATED_SURE)
    places = {value: place for place, value in enumerate(model.classes)}
    scale = known.scale.of([places.get(value, -1) for value in labels.classes])
    return SureClassifier(weights, count, scale, labels.several, min(max(known.threshold, LEAST_SURE), enough))


def mean_embeddings(
    table: Table, items: NDArray[np.int64], classes: int
) -> Iterator[tuple[slice, NDArray[np.float32]]]:
    """Give the mean embedding of the views of items, block by block, so small that its scores fit into memory.

    Parameters
    ----------
    items : (n,) int64
        Ascending, each with a view.
    classes
        For how many each item is going to be scored.
    """
    size = int(np.clip(BLOCK_SCORES // max(classes, 1), 1, MOST_BLOCK))
    for start in range(0, len(items), size):
        block = items[start : start + size]
        begin = table.index.first[block]
        views = table.index.first[block + 1] - begin
        ends = np.cumsum(views)
        entries = np.repeat(begin - ends + views, views) + np.arange(int(ends[-1]))
        wide = from_fixed(table.views.fixed[table.index.rows[entries]])
        yield slice(start, start + len(block)), np.add.reduceat(wide, ends - views, axis=0) / views[:, None]


@dataclass(frozen=True, slots=True)
class Vote:
    """How the neighbours of an item voted.

    Parameters
    ----------
    shares
        Share of each code, best first.
    neighbours
        Ids of those who voted, nearest first.
    """

    shares: dict[int, float]
    neighbours: tuple[str, ...]

    def agrees(self, code: int, *, several: bool) -> bool:
        """Whether a code has most votes; of several (tags), at least half of them."""
        return self.shares.get(code, 0.0) >= 0.5 if several else next(iter(self.shares), None) == code


class NeighbourVote:
    """Predicts an item by the vote of the nearest labelled items, its own group left out.

    Parameters
    ----------
    group : (I,) int64
        Number of each item's ``split_by`` value.
    """

    def __init__(self, table: Table, labels: Labels, group: NDArray[np.int64]) -> None:
        self._table, self._labels, self._group = table, labels, group
        self._allowed = np.zeros(len(table), np.bool_)
        self._allowed[labels.items] = True
        self._order = np.argsort(group, kind="stable")
        self._sorted = group[self._order]

    def codes(self, item: int) -> list[int]:
        """Tell the codes that an item has."""
        begin, end = np.searchsorted(self._labels.items, [item, item + 1])
        return [int(code) for code in self._labels.codes[begin:end]]

    def ask(self, item: int) -> Vote:
        """Find the neighbours by the search that serves, and let them vote."""
        hits = self._find(item, VOTERS, self._allowed)
        nearest = hits.items.tolist()
        ranked = vote([self.codes(one) for one in nearest], hits.scores.tolist())
        return Vote({one.value: one.score for one in ranked}, tuple(self._table.id(one) for one in nearest))

    def nearness(self, item: int, code: int, label: int) -> float:
        """Tell how much nearer the nearest of one class are than those of the label, its own group left out.

        Returns
        -------
        float
            One less the ratio of both distances, each of the mean of three. Of tags, ``label`` is ignored: those who
            lack the tag count instead.
        """
        having = np.zeros(len(self._table), np.bool_)
        having[self._labels.items[self._labels.codes == code]] = True
        if self._labels.several:
            against = self._allowed & ~having
        else:
            against = np.zeros(len(self._table), np.bool_)
            against[self._labels.items[self._labels.codes == label]] = True
        towards, away = (1 - self._likeness(item, allowed) for allowed in (having, against))
        return 1 - towards / max(away, CLOSE)

    def _likeness(self, item: int, allowed: NDArray[np.bool_]) -> float:
        """Give the mean cosine of the three nearest items; 0 where there are none."""
        hits = self._find(item, NEAREST, allowed)
        return float(np.mean(hits.scores)) if len(hits.scores) else 0.0

    def _find(self, item: int, count: int, allowed: NDArray[np.bool_]) -> Hits:
        begin, end = np.searchsorted(self._sorted, [self._group[item], self._group[item] + 1])
        others = allowed.copy()
        others[self._order[begin:end]] = False
        queries = from_fixed(self._table.views.fixed[self._table.rows(item)])
        return find(queries, self._table.index, count, others)
