"""The k-NN vote, weighted by distance."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tonari.attributes.weights import Ranked

VOTERS = 9
BANDWIDTH = 0.05
"""In cosine similarity: a neighbour that is farther than the nearest by so much counts ``1/e`` of it."""
SMOOTHING = 0.01
"""Share that is mixed in, so that a class without a vote has a logarithm."""


def vote_weights(scores: NDArray[np.floating]) -> NDArray[np.floating]:
    """Weigh neighbours by ``exp((s - s₁) / 0.05)``, ``s₁`` being the similarity of the nearest.

    An exponential of the distance as in Dudani, The distance-weighted k-nearest-neighbor rule, 1976; in cosine
    similarity, which depends on the encoder less than distances do.
    """
    return np.asarray(np.exp((scores - scores.max(axis=-1, keepdims=True, initial=-2)) / BANDWIDTH))


def vote(values: Sequence[Sequence[Any]], scores: Sequence[float]) -> list[Ranked]:
    """Let the nearest items vote for each class they have; ties go to the class with the nearest item.

    Parameters
    ----------
    values
        The neighbours' classes, nearest first: one each, or as many tags as an item has.
    scores
        Their cosine similarities.

    Returns
    -------
    Classes by share of the votes, best first.
    """
    votes: dict[Any, float] = defaultdict(float)
    weights = vote_weights(np.array(scores, np.float64))
    for classes, weight in zip(values, weights.tolist(), strict=True):
        for value in classes:
            votes[value] += weight
    total = float(weights.sum()) or 1.0
    order = sorted(votes, key=lambda value: -votes[value])
    return [Ranked(value, votes[value] / total) for value in order]


def share_to_score(share: NDArray[np.float64], *, several: bool) -> NDArray[np.float64]:
    """Turn shares of the vote into scores that can be calibrated: logarithms, or for tags log odds."""
    less = (1 - SMOOTHING) * share + SMOOTHING / 2
    return np.asarray(np.log(less / (1 - less)) if several else np.log(share + SMOOTHING), np.float64)
