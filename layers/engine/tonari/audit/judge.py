"""The discriminant as a judge of many items at a time, and how sure it must be."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tonari.attributes import ClassWeights, Labels, Learned
from tonari.attributes.probability import Scale
from tonari.attributes.unseen import score
from tonari.index.vectors import from_fixed
from tonari.snapshots.table import Table

LEAST_SURE = 0.5
UNTRIED_SURE = 0.99
LEAST_LABELLED = 30
"""Of fewer labelled items nothing is told: what they teach is luck."""
BLOCK_SCORES = 1 << 21
MOST_BLOCK = 8192


@dataclass(frozen=True, slots=True)
class Judge:
    """Weights whose classes are codes, and what their scores mean.

    Parameters
    ----------
    count
        ``C``, over all codes.
    bound
        The least probability that counts as sure.
    """

    weights: ClassWeights
    count: int
    scale: Scale
    several: bool
    bound: float

    def odds(self, features: NDArray[np.float32]) -> NDArray[np.float64]:
        """Give the probability of each code: (n, D) -> (n, C)."""
        scores = score(self.weights, features, self.count)
        return np.asarray(self.scale.sigmoid(scores) if self.several else self.scale.softmax(scores), np.float64)


def make_judge(weights: ClassWeights, labels: Labels, learned: Learned, enough: float = math.inf) -> Judge:
    """Judge by an attribute's own scale.

    Sure is what reaches the attribute's threshold and is more likely than not; where nothing could be calibrated, 0.99.

    Parameters
    ----------
    enough
        A calibrated probability that counts as sure, though the threshold be higher.
    """
    count = len(labels.classes)
    known = learned.calibrations.get("discriminant")
    if known is None:
        return Judge(weights, count, Scale(1.0), labels.several, UNTRIED_SURE)
    return Judge(weights, count, known.scale, labels.several, min(max(known.threshold, LEAST_SURE), enough))


def embeddings_of(table: Table, items: NDArray[np.int64], classes: int) -> Iterator[tuple[slice, NDArray[np.float32]]]:
    """Give the mean embedding of the views of items, block by block, so small that its scores fit into memory.

    Parameters
    ----------
    items : (n,) int64
        Ascending, each with a view.
    """
    size = int(np.clip(BLOCK_SCORES // max(classes, 1), 1, MOST_BLOCK))
    for start in range(0, len(items), size):
        block = items[start : start + size]
        begin = table.index.first[block]
        views = table.index.first[block + 1] - begin
        ends = np.cumsum(views)
        places = np.repeat(begin - ends + views, views) + np.arange(int(ends[-1]))
        wide = from_fixed(table.views.fixed[table.index.rows[places]])
        yield slice(start, start + len(block)), np.add.reduceat(wide, ends - views, axis=0) / views[:, None]
