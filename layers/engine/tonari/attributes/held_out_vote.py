"""The vote on held-out items: the nearest items of other folds decide, sampled or not."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from tonari.attributes.crossfit import folds_of
from tonari.attributes.labels import BLOCK, Sample
from tonari.attributes.vote import VOTERS, vote_weights

MOST_ASKED = 4_000
LEAST_ASKED = 500
MOST_COMPARED = 200_000_000
"""Similarities: of a large catalogue fewer items are asked."""
SEED = 20


def vote_of_other_folds(sample: Sample) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Predict up to 4,000 views of a sample by the vote of the nearest items of other folds, the rest's included.

    So the vote is judged as the discriminant is: on the same views, by what the same others teach.

    Returns
    -------
    The rows that were predicted, (q,) ascending; and the share of the vote for each class, (q, C).
    """
    rest = sample.rest
    fold = folds_of(sample, sample.part)
    rest_fold = np.empty(0, np.int64) if rest is None else folds_of(sample, rest.part)
    views = len(sample) + len(rest_fold)
    most = int(np.clip(MOST_COMPARED / max(views, 1), LEAST_ASKED, MOST_ASKED))
    asked = np.sort(np.random.default_rng(SEED).permutation(len(sample))[:most])
    lightest = min(float(sample.weight.min(initial=1)), 1.0 if rest is None else float(rest.weight.min(initial=1)))
    depth = VOTERS * round(1 / lightest)
    similar = np.full((len(asked), 0), -np.inf, np.float32)
    number = np.zeros((len(asked), 0), np.int64)
    for first, features, of in _electorate(sample, fold, rest_fold):
        scores = sample.features[asked] @ features.T
        scores[fold[asked][:, None] == of] = -np.inf
        near = _largest(scores, depth)
        found, places = np.take_along_axis(scores, near, axis=1), near + first
        similar, number = np.hstack([similar, found]), np.hstack([number, places])
        near = _largest(similar, depth)
        similar, number = np.take_along_axis(similar, near, axis=1), np.take_along_axis(number, near, axis=1)
    return asked, _shares(sample, similar, number)


def _electorate(
    sample: Sample, fold: NDArray[np.int64], rest_fold: NDArray[np.int64]
) -> Iterator[tuple[int, NDArray[np.float32], NDArray[np.int64]]]:
    """Give all who may vote, block by block: the number of the first, embeddings and folds."""
    for start in range(0, len(sample), BLOCK):
        yield start, sample.features[start : start + BLOCK], fold[start : start + BLOCK]
    if sample.rest is not None:
        for rows, features in sample.rest.blocks(np.arange(len(sample.rest))):
            yield len(sample) + int(rows[0]), features, rest_fold[rows]


def _largest(scores: NDArray[np.float32], count: int) -> NDArray[np.int64]:
    """Find the places of the largest of each row: (q, n) -> (q, count), or all n."""
    if scores.shape[1] <= count:
        return np.broadcast_to(np.arange(scores.shape[1]), scores.shape)
    return np.argpartition(-scores, count, axis=1)[:, :count]


def _shares(sample: Sample, similar: NDArray[np.float32], number: NDArray[np.int64]) -> NDArray[np.float64]:
    item, belongs = sample.item, sample.belongs
    if sample.rest is not None:
        item = np.concatenate([item, sample.rest.item])
        belongs = np.concatenate([belongs, sample.rest.belongs])
    shares = np.zeros((len(number), belongs.shape[1]))
    for row, (scores, places) in enumerate(zip(similar, number, strict=True)):
        there = np.isfinite(scores)
        order = np.lexsort((places[there], -scores[there]))
        nearest, scored = places[there][order], scores[there][order]
        _, first = np.unique(item[nearest], return_index=True)
        voters = np.sort(first)[:VOTERS]
        if len(voters):
            weights = vote_weights(scored[voters])
            shares[row] = weights @ belongs[nearest[voters]] / weights.sum()
    return shares
