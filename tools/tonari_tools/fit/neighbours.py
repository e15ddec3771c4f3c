"""How good a metric is: same-item hits, mean average precision, nearest mean, vote. One value per query."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

VOTERS = 9
BLOCK = 512


def blocks(count: int) -> Iterator[slice]:
    """Slices of at most :data:`BLOCK` queries."""
    for start in range(0, count, BLOCK):
        yield slice(start, min(start + BLOCK, count))


def same_item_rank(
    vectors: NDArray[np.float32], item: NDArray[np.int64], asked: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Tell how many other items are at least as near to a view as the other views of its own item.

    Parameters
    ----------
    vectors : (N, D) float32, rows of length 1
    item : (N,) int64
    asked : (Q,) int64
        Rows whose item has two views or more.

    Returns
    -------
    (Q,) int64
        0 where the item's own view comes first; ties count against it.
    """
    order = np.argsort(item, kind="stable")
    names, first = np.unique(item[order], return_index=True)
    ranks = np.empty(len(asked), np.int64)
    for block in blocks(len(asked)):
        rows = asked[block]
        likeness = vectors[rows] @ vectors[order].T
        likeness[rows[:, None] == order[None]] = -np.inf
        best = np.maximum.reduceat(likeness, first, axis=1)
        own = np.searchsorted(names, item[rows])
        mine = np.take_along_axis(best, own[:, None], axis=1)
        ranks[block] = (best >= mine).sum(axis=1) - 1
    return ranks


def class_precision(
    vectors: NDArray[np.float32], codes: NDArray[np.int64], item: NDArray[np.int64], asked: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Recall@1 and average precision at R, over the views of other items.

    R is how many of them have the query's class [Musgrave, Belongie and Lim, A Metric Learning Reality Check,
    arXiv:2003.08505]. Views of the query's own item are passed over: they would be found by looks alone.

    Parameters
    ----------
    vectors : (N, D) float32, rows of length 1
    codes, item : (N,) int64
    asked : (Q,) int64

    Returns
    -------
    recall, precision : (Q,) float64
        NaN where no other item has the class.
    """
    recall, precision = np.full(len(asked), np.nan), np.full(len(asked), np.nan)
    for block in blocks(len(asked)):
        rows = asked[block]
        likeness = vectors[rows] @ vectors.T
        own = item[rows][:, None] == item[None]
        likeness[own] = -np.inf
        right = (codes[rows][:, None] == codes[None]) & ~own
        nearest = np.argsort(-likeness, axis=1, kind="stable")
        hits = np.take_along_axis(right, nearest, axis=1)
        relevant = right.sum(axis=1)
        steps = np.arange(1, hits.shape[1] + 1)
        counted = hits & (steps[None] <= relevant[:, None])
        summed = (np.cumsum(hits, axis=1) / steps * counted).sum(axis=1)
        possible = relevant > 0
        recall[block][possible] = hits[possible, 0]
        precision[block][possible] = summed[possible] / relevant[possible]
    return recall, precision


def by_mean(
    known: NDArray[np.float32], codes: NDArray[np.int64], asked: NDArray[np.float32], truth: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Whether the class of the nearest mean is right.

    Parameters
    ----------
    known : (N, D) float32
    codes : (N,) int64
    asked : (Q, D) float32
    truth : (Q,) int64

    Returns
    -------
    (Q,) float64
        1 where it is, 0 where it is not.
    """
    order = np.argsort(codes, kind="stable")
    classes, first, counts = np.unique(codes[order], return_index=True, return_counts=True)
    means = np.add.reduceat(known[order].astype(np.float64), first) / counts[:, None]
    scores = asked @ means.T - np.square(means).sum(axis=1) / 2
    return np.asarray(classes[scores.argmax(axis=1)] == truth, np.float64)


def by_vote(
    known: NDArray[np.float32], codes: NDArray[np.int64], asked: NDArray[np.float32], truth: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Whether the class that most of the nine nearest have is right; equal counts go to the nearer ones.

    Parameters and result are those of :func:`by_mean`.
    """
    classes, place = np.unique(codes, return_inverse=True)
    right = np.empty(len(asked))
    voters = min(VOTERS, len(known))
    for block in blocks(len(asked)):
        likeness = asked[block] @ known.T
        nearest = np.argpartition(-likeness, voters - 1, axis=1)[:, :voters]
        votes = np.zeros((len(nearest), len(classes)))
        weights = 1 + 1e-3 * np.take_along_axis(likeness, nearest, axis=1)
        np.add.at(votes, (np.arange(len(nearest))[:, None], place[nearest]), weights)
        right[block] = classes[votes.argmax(axis=1)] == truth[block]
    return right
