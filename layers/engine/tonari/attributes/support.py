"""How sure held-out answers make us of a precision, and from which confidence on it is reached.

Answers of one group are alike, and some weigh more than others: the variance of a weighted mean is then that of ``n``
equal, independent ones with ``n = (Σ w)² / ((1 - r) Σ w² + r Σ W²)``, where ``W`` are the weights of groups and ``r``
is how alike answers of one group are [intraclass correlation; Kish, Survey sampling, 1965].
"""

from __future__ import annotations

from bisect import bisect_left

import numpy as np
from numpy.typing import NDArray

SURE = 1.0
"""In standard errors: five of six bounds hold (84 %)."""
NEVER = 2.0
SMALLEST = 1e-12
MOST_ANSWERS = 1 << 20


def likeness(residual: NDArray[np.float64], weight: NDArray[np.float64], group: NDArray[np.int64]) -> float:
    """Tell how alike the residuals of one group are, 0..1: their mean product over pairs, by their mean square.

    Parameters
    ----------
    residual, weight : (n,)
    group : (n,)
        From 0.
    """
    heavy, alone = np.bincount(group, weight), weight @ weight
    pairs = float(heavy @ heavy - alone)
    spread = float(weight @ residual**2) / max(float(weight.sum()), SMALLEST)
    if pairs <= SMALLEST * alone or spread <= 0:
        return 0.0
    sums = np.bincount(group, weight * residual)
    product = float(sums @ sums - np.square(weight * residual).sum()) / pairs
    return float(np.clip(product / spread, 0, 1))


def effective_counts(weight: NDArray[np.float64], group: NDArray[np.int64], alike: float) -> NDArray[np.float64]:
    """Tell how many independent answers the first, the first two, … are worth: (n,).

    Parameters
    ----------
    weight : (n,)
    group : (n,)
        From 0.
    alike
        As :func:`likeness` gives it.
    """
    order = np.argsort(group, kind="stable")
    within, sizes = np.cumsum(weight[order]), np.bincount(group)
    ends = np.cumsum(sizes)
    before = np.concatenate([[0.0], within])[ends - sizes]
    own = np.empty(len(weight))
    own[order] = within - np.repeat(before, sizes)
    squares = np.cumsum(weight**2)
    groups = np.cumsum((2 * own - weight) * weight)
    return np.asarray(np.cumsum(weight) ** 2 / np.maximum((1 - alike) * squares + alike * groups, SMALLEST))


def effective_count(weight: NDArray[np.float64], group: NDArray[np.int64], alike: float) -> float:
    """Tell how many independent answers all of them are worth."""
    return float(effective_counts(weight, group, alike)[-1]) if len(weight) else 0.0


def lower_bound(share: NDArray[np.float64] | float, count: NDArray[np.float64] | float) -> NDArray[np.float64]:
    """Bound a share from below, by one standard error.

    The score interval with continuity correction, which is near the exact one of Clopper and Pearson and takes counts
    that are not whole [Newcombe, Two-sided confidence intervals for the single proportion, Statistics in Medicine 17,
    1998, method 4].

    Parameters
    ----------
    share, count : (n,), or one of each
        So much of so many.
    """
    square = SURE**2
    inside = square - 1 / np.maximum(count, SMALLEST) + 4 * count * share * (1 - share) + 4 * share - 2
    bound = (2 * count * share + square - SURE * np.sqrt(np.maximum(inside, 0)) - 1) / (2 * (count + square))
    return np.asarray(np.maximum(bound, 0))


def least_support(precision: float) -> float:
    """Tell how many independent answers must be given, and all be right, for a precision to be held reached.

    Infinite for 1: no sample shows that nothing is ever wrong.
    """
    if float(lower_bound(1.0, MOST_ANSWERS)) < precision:
        return float("inf")
    return float(bisect_left(range(1, MOST_ANSWERS), precision, key=lambda count: float(lower_bound(1.0, count))) + 1)


def by_confidence(
    confidence: NDArray[np.floating], right: NDArray[np.bool_], weight: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Tell how many predictions reach each confidence, and how many of those are right; all (N,).

    Returns
    -------
    The distinct confidences, descending; the share of the weight that reaches each; and the part of it that is right.
    """
    order = np.argsort(-confidence, kind="stable")
    descending = np.asarray(confidence[order], np.float64)
    reached = np.cumsum(weight[order])
    accuracy = np.cumsum((weight * right)[order]) / np.maximum(reached, SMALLEST)
    last = last_of_ties(descending)
    coverage = reached / reached[-1:]
    return descending[last], coverage[last], accuracy[last]


def last_of_ties(descending: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Mark the last of those that are equal, (N,)."""
    return np.append(descending[1:] < descending[:-1], True)[: len(descending)]


def fit_threshold(
    confidence: NDArray[np.floating],
    right: NDArray[np.bool_],
    weight: NDArray[np.float64],
    group: NDArray[np.int64],
    precision: float,
) -> tuple[float, float]:
    """Find the least confidence from which answers are surely right as often as is asked.

    Of all answers with at least that confidence, the lower bound of the share of right ones reaches ``precision``.
    A higher precision never has a lower threshold.

    Parameters
    ----------
    confidence, right, weight, group : (N,)

    Returns
    -------
    The threshold, over 1 if there is none, 0 if any precision will do; and how many independent answers those at or
    over it are worth, 0 if there is none.
    """
    if not len(confidence):
        return NEVER, 0.0
    order = np.argsort(-confidence, kind="stable")
    said, true, heavy = np.asarray(confidence[order], np.float64), right[order], weight[order]
    _, number = np.unique(group[order], return_inverse=True)
    counts = effective_counts(heavy, number, likeness(true - said, heavy, number))
    reached = np.cumsum(heavy)
    accuracy = np.minimum(np.cumsum(heavy * true) / np.maximum(reached, SMALLEST), 1)
    enough = np.flatnonzero((lower_bound(accuracy, counts) >= precision) & last_of_ties(said))
    if not len(enough):
        return NEVER, 0.0
    return float(said[enough[-1]]) if precision > 0 else 0.0, float(counts[enough[-1]])
