"""What the neighbours of held-out views say: how far off their own item is, which classes come first, who votes."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

VOTERS = 9
BLOCK = 512
OWN = -2
"""Stands for the class of the views of a query's own item."""


def _blocks(count: int) -> Iterator[slice]:
    """Slices of at most :data:`BLOCK` queries."""
    return (slice(start, start + BLOCK) for start in range(0, count, BLOCK))


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
    for block in _blocks(len(asked)):
        rows = asked[block]
        likeness = vectors[rows] @ vectors[order].T
        likeness[rows[:, None] == order[None]] = -np.inf
        best = np.maximum.reduceat(likeness, first, axis=1)
        own = np.searchsorted(names, item[rows])
        mine = np.take_along_axis(best, own[:, None], axis=1)
        ranks[block] = (best >= mine).sum(axis=1) - 1
    return ranks


def rank_others(vectors: NDArray[np.float32], item: NDArray[np.int64], asked: NDArray[np.int64]) -> NDArray[np.int32]:
    """Sort the views of other items by their likeness to each query; one order serves all attributes.

    Views of the query's own item are passed over: they would be found by looks alone.

    Parameters
    ----------
    vectors : (N, D) float32, rows of length 1
    item : (N,) int64
    asked : (Q,) int64

    Returns
    -------
    (Q, N) int32
        Rows, the nearest first; then ``N`` for each view of the query's own item.
    """
    ranked = np.empty((len(asked), len(vectors)), np.int32)
    for block in _blocks(len(asked)):
        rows = asked[block]
        unlikeness = -(vectors[rows] @ vectors.T)
        own = item[rows][:, None] == item[None]
        unlikeness[own] = np.inf
        ranked[block] = np.argsort(unlikeness, axis=1)
        first_own = len(vectors) - own.sum(axis=1)
        ranked[block][np.arange(len(vectors)) >= first_own[:, None]] = len(vectors)
    return ranked


def class_precision(
    ranked: NDArray[np.int32], codes: NDArray[np.int64], asked: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Recall@1 and average precision at R, over the views of other items that have the attribute.

    R is how many of them have the query's class [Musgrave, Belongie and Lim, A Metric Learning Reality Check,
    arXiv:2003.08505].

    Parameters
    ----------
    ranked : (Q, N) int32
        As :func:`rank_others` gives it.
    codes : (N,) int64
        -1 where a view lacks the attribute: it is passed over.
    asked : (Q,) int64
        The class of each query.

    Returns
    -------
    recall, precision : (Q,) float64
        NaN where no other item has the class.
    """
    classes = np.append(codes, OWN).astype(np.int32)
    labelled = bool((codes >= 0).all())
    recall, precision = np.full(len(asked), np.nan), np.full(len(asked), np.nan)
    for block in _blocks(len(asked)):
        found = classes[ranked[block]]
        hits = found == asked[block, None]
        relevant = hits.sum(axis=1)
        most = int(relevant.max(initial=0))
        if labelled:
            hits, steps = hits[:, :most], np.arange(1, most + 1, dtype=np.float32)[None]
            first = hits[:, 0] if most else np.zeros(len(hits), np.bool_)
        else:
            steps = np.maximum(np.cumsum(found >= 0, axis=1, dtype=np.float32), 1)
            first = hits[np.arange(len(hits)), (found >= 0).argmax(axis=1)]
        counted = hits & (steps <= relevant[:, None])
        summed = np.where(counted, np.cumsum(hits, axis=1, dtype=np.float32) / steps, 0).sum(axis=1, dtype=np.float64)
        possible = relevant > 0
        recall[block][possible] = first[possible]
        precision[block][possible] = summed[possible] / relevant[possible]
    return recall, precision


def by_mean(
    known: NDArray[np.float32], codes: NDArray[np.int64], asked: NDArray[np.float32], truth: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Whether the class of the nearest mean is right: ``(Q,)``, 1 where it is, 0 where it is not.

    Parameters
    ----------
    known, codes : (N, D) float32, (N,) int64
    asked, truth : (Q, D) float32, (Q,) int64
    """
    order = np.argsort(codes, kind="stable")
    classes, first, counts = np.unique(codes[order], return_index=True, return_counts=True)
    means = np.add.reduceat(known[order], first) / counts[:, None].astype(np.float32)
    scores = asked @ means.T - np.square(means).sum(axis=1) / 2
    return np.asarray(classes[scores.argmax(axis=1)] == truth, np.float64)


def find_voters(
    known: NDArray[np.float32], asked: NDArray[np.float32]
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Find the :data:`VOTERS` known views that are nearest to each query, in no order.

    Parameters
    ----------
    known, asked : (N, D) and (Q, D) float32, rows of length 1

    Returns
    -------
    voters, likeness : (Q, V) int64 and float32
    """
    count = min(VOTERS, len(known))
    voters, likeness = np.empty((len(asked), count), np.int64), np.empty((len(asked), count), np.float32)
    for block in _blocks(len(asked)):
        products = asked[block] @ known.T
        voters[block] = np.argpartition(products, len(known) - count, axis=1)[:, -count:]
        likeness[block] = np.take_along_axis(products, voters[block], axis=1)
    return voters, likeness


def by_vote(
    voters: NDArray[np.int64], likeness: NDArray[np.float32], codes: NDArray[np.int64], truth: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Whether the class that most of the voters have is right: ``(Q,)``; equal counts go to the nearer ones.

    Parameters
    ----------
    voters, likeness : (Q, V) int64 and float32
        As :func:`find_voters` gives them.
    codes : (N,) int64
        Of the known views.
    truth : (Q,) int64
    """
    classes, place = np.unique(codes, return_inverse=True)
    votes = np.zeros((len(voters), len(classes)))
    np.add.at(votes, (np.arange(len(voters))[:, None], place[voters]), 1 + 1e-3 * likeness)
    return np.asarray(classes[votes.argmax(axis=1)] == truth, np.float64)
