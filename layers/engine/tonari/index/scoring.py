"""The final score of views and items, which answers show, and the orders that follow from it: nearest, and varied."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tonari.index.rotation import REST_LEEWAY, Rotation, estimate_cosines, rest_products
from tonari.index.vectors import UNIT, Views, from_codes

DECIMALS = 6
BLOCK = 16_384
LEAST_VARIED = 50
VARIED_PER_ITEM = 5


def score_views(queries: NDArray[np.float32], views: Views, rows: NDArray[np.int64]) -> NDArray[np.float64]:
    """Do what :func:`score_rows` does; where the embeddings are not here, estimate scores from the rotated ones."""
    if views.whole or views.rotation is None:
        return score_rows(queries, views.fixed, rows)
    return _estimate(queries, views, views.rotation, rows, 0.0)


def upper_scores(
    queries: NDArray[np.float32], views: Views, rows: NDArray[np.int64], scores: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Say how high scores that :func:`score_views` gave for these rows may be in truth: (n,) float64.

    They are what they are, unless they are estimates. Of these few are exceeded: it is no bound, which would tell
    nothing apart.
    """
    if views.whole or views.rotation is None:
        return scores
    return _estimate(queries, views, views.rotation, rows, REST_LEEWAY)


def score_rows(queries: NDArray[np.float32], fixed: NDArray[np.int16], rows: NDArray[np.int64]) -> NDArray[np.float64]:
    """Give the cosine similarity of views with the nearest of the queries.

    Each product of a view and a query is a sum of its own: a score never depends on what else is scored with it.

    Parameters
    ----------
    queries : (Q, D) float32, rows of length 1
    fixed : (N, D) int16
        As :func:`tonari.index.vectors.to_fixed` gives them.
    rows : (n,) int64
        Which of them.

    Returns
    -------
    (n,) float64
        From -1 to 1, rounded to six decimals; never -0.0.
    """
    scores = np.empty(len(rows), np.float64)
    for start in range(0, len(rows), BLOCK):
        block = fixed.take(rows[start : start + BLOCK], axis=0).astype(np.float32)
        if len(queries) == 1:
            scores[start : start + BLOCK] = np.vecdot(block, queries[0])
        else:
            scores[start : start + BLOCK] = np.vecdot(block[:, None], queries).max(axis=1)
    scores /= UNIT
    return _rounded(scores)


def _estimate(
    queries: NDArray[np.float32], views: Views, rotation: Rotation, rows: NDArray[np.int64], leeway: float
) -> NDArray[np.float64]:
    turned, asking = rotation.turn(queries)
    scores = np.empty(len(rows), np.float64)
    for start in range(0, len(rows), BLOCK):
        chosen = rows[start : start + BLOCK]
        cosines = np.vecdot(from_codes(views.codes.take(chosen, axis=0))[:, None], turned)
        length = views.lengths[chosen][:, None]
        estimates = estimate_cosines(cosines, length, asking)
        if leeway:
            estimates += leeway * rest_products(length, asking)
        scores[start : start + BLOCK] = estimates.max(axis=1)
    return _rounded(scores)


def _rounded(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """Round scores in place, from -1 to 1 and never -0.0."""
    np.minimum(scores, 1.0, out=scores)
    np.maximum(scores, -1.0, out=scores)
    np.round(scores, DECIMALS, out=scores)
    scores += 0.0
    return scores


def best_views(scores: NDArray[np.float64], size: NDArray[np.int64]) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Let the best view of each item count, of equals the first.

    Parameters
    ----------
    scores : (n,) float64
        Of the views, item after item.
    size : (i,) int64
        How many views each item has: at least 1.

    Returns
    -------
    scores : (i,) float64
    position : (i,) int64
        Of the view among the ``n``.
    """
    begin = size.cumsum() - size
    best = np.maximum.reduceat(scores, begin)
    is_best = scores == best.repeat(size)
    position = np.where(is_best, np.arange(len(scores)), len(scores))
    return best, np.minimum.reduceat(position, begin)


def order_items(scores: NDArray[np.float64], items: NDArray[np.integer], k: int) -> NDArray[np.int64]:
    """Find the positions of the k best items: by descending score, then by item number."""
    if k < len(scores):
        least = np.partition(scores, len(scores) - k)[len(scores) - k]
        kept = (scores >= least).nonzero()[0]
        return np.asarray(kept[np.lexsort((items[kept], -scores[kept]))[:k]])
    return np.lexsort((items, -scores))


def varied_candidates(k: int) -> int:
    """Choose among how many of the nearest items a varied answer is looked for."""
    return max(LEAST_VARIED, VARIED_PER_ITEM * k)


def vary(scores: NDArray[np.floating], embeddings: NDArray[np.floating], k: int, diversity: float) -> NDArray[np.int64]:
    """Choose by maximal marginal relevance [Carbonell and Goldstein, SIGIR 1998].

    Each time the candidate is taken for which ``(1 - diversity) * score - diversity * s`` is highest, ``s`` being its
    similarity to the most similar one taken so far, 0 at first. The first of equals is taken.

    Parameters
    ----------
    scores : (n,)
        Similarity to the query, best first.
    embeddings : (n, D), rows of length 1
    diversity
        From 0, the nearest, to 1, the nearest and then whatever is unlike it.

    Returns
    -------
    (min(k, n),) int64
        Positions, in the order in which they were taken.
    """
    relevance = (1 - diversity) * scores.astype(np.float64)
    wide = embeddings.astype(np.float32)
    taken = np.empty(min(k, len(scores)), np.int64)
    likeness = np.full(len(scores), -np.inf)
    for place in range(len(taken)):
        worth = relevance - diversity * (likeness if place else 0)
        worth[taken[:place]] = -np.inf
        taken[place] = np.argmax(worth)
        np.maximum(likeness, wide @ wide[taken[place]], out=likeness)
    return taken
