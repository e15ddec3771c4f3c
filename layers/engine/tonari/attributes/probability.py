"""Scores -> probabilities that mean something, and when to say nothing.

A score is calibrated when, of the predictions made with confidence 0.8, eight in ten are right. Scores are divided by a
temperature that makes held-out labels most likely (temperature scaling), and the remaining gap is stated as expected
calibration error over 15 bins [Guo, Pleiss, Sun and Weinberger, On calibration of modern neural networks, ICML 2017].
A temperature alone is ruled by the few labels that no score explains, and makes all else too timid; so each class is
given an equal part of a small floor, fitted with it. For tags each score has a slope and an offset of its own attribute
[Platt, Probabilistic outputs for support vector machines, 1999].
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

BINS = 15
POWERS = (-7.0, 7.0)
FLOORS = (0.0, 0.01, 0.02, 0.04, 0.07, 0.1, 0.15, 0.2)
SMALLEST = 1e-12
GOLDEN = 0.6180339887498949
STEPS = 24
NEWTON_STEPS = 50
SHORTER = tuple(0.5**power for power in range(12))
RIDGE = 1e-6
LEAST_SLOPE = 1e-6
IMPOSSIBLE = -5e3
"""Scores of classes that a fit has not seen lie under this."""


@dataclass(frozen=True, slots=True)
class Scale:
    """How scores become probabilities: ``(1 - floor) softmax(score / temperature) + floor / C``.

    For tags ``sigmoid(score / temperature + offset)``.
    """

    temperature: float
    floor: float = 0.0
    offset: float = 0.0

    def softmax(self, scores: NDArray[np.floating]) -> NDArray[np.floating]:
        """Give the probabilities of classes that exclude each other: (…, C) -> (…, C)."""
        scaled = (scores - scores.max(axis=-1, keepdims=True)) / self.temperature
        grown = np.exp(scaled)
        share = (1 - self.floor) / grown.sum(axis=-1, keepdims=True)
        return np.asarray(grown * share + self.floor / scores.shape[-1])

    def sigmoid(self, scores: NDArray[np.floating]) -> NDArray[np.floating]:
        """Give the probability of each tag."""
        return np.asarray(1 / (1 + np.exp(-np.clip(scores / self.temperature + self.offset, -60, 60))))

    def probabilities(self, scores: NDArray[np.floating], *, several: bool) -> NDArray[np.floating]:
        """Give those of tags if there may be several, else those of classes that exclude each other."""
        return self.sigmoid(scores) if several else self.softmax(scores)


def fit_softmax(scores: NDArray[np.floating], truth: NDArray[np.int64], weight: NDArray[np.float64]) -> Scale:
    """Find the temperature and floor under which the truth is most likely.

    Parameters
    ----------
    scores : (N, C)
    truth : (N,)
        The class of each row, -1 if it is none of these; such rows count for nothing here.
    weight : (N,)
    """
    known = truth >= 0
    rows, right, heavy = scores[known], truth[known], weight[known]

    def best(floor: float) -> Scale:
        least = _least(lambda power: softmax_loss(rows, right, heavy, Scale(float(np.exp(power)), floor)), *POWERS)
        return Scale(float(np.exp(least)), floor)

    return min(map(best, FLOORS), key=lambda scale: softmax_loss(rows, right, heavy, scale))


def softmax_loss(
    scores: NDArray[np.floating], truth: NDArray[np.int64], weight: NDArray[np.float64], scale: Scale
) -> float:
    """Give the mean log loss in nats."""
    if not len(truth):
        return 0.0
    probabilities = scale.softmax(scores)[np.arange(len(truth)), truth]
    return float(np.average(-np.log(np.maximum(probabilities, SMALLEST)), weights=weight))


def fit_sigmoid(scores: NDArray[np.floating], truth: NDArray[np.bool_], weight: NDArray[np.float64]) -> Scale:
    """Find the temperature and offset under which the tags are most likely, by Newton's method; ``truth`` is (N, C).

    As Platt has it, the truth is drawn in from 0 and 1 by one item on each side, so that tags which the scores part
    without error give no certainty.
    """
    known = scores > IMPOSSIBLE
    x, y = np.asarray(scores[known], np.float64), truth[known]
    heavy = np.broadcast_to(weight[:, None], scores.shape)[known]
    if not len(x):
        return Scale(1.0)
    has, lacks = float(heavy @ y), float(heavy @ ~y)
    target = np.where(y, (has + 1) / (has + 2), 1 / (lacks + 2))
    unit = float(np.abs(x).max()) or 1.0
    design = np.stack([x / unit, np.ones(len(x))])

    def loss(at: NDArray[np.float64]) -> float:
        logits = at @ design
        return float(heavy @ (np.logaddexp(0, logits) - target * logits))

    slope = np.array([1.0, 0.0])
    for _ in range(NEWTON_STEPS):
        probabilities = 1 / (1 + np.exp(-np.clip(slope @ design, -60, 60)))
        gradient = design @ (heavy * (probabilities - target))
        curve = (design * (heavy * probabilities * (1 - probabilities))) @ design.T + np.eye(2) * RIDGE
        step = np.linalg.solve(curve, gradient)
        length = next((size for size in SHORTER if loss(slope - size * step) < loss(slope)), 0.0)
        if length == 0 or float(np.abs(step).max()) < RIDGE:
            break
        slope = slope - length * step
    return Scale(unit / max(float(slope[0]), LEAST_SLOPE), offset=float(slope[1]))


def sigmoid_losses(scores: NDArray[np.floating], truth: NDArray[np.bool_], scale: Scale) -> NDArray[np.float64]:
    """Give the mean log loss per tag of each row in nats."""
    logits = scores / scale.temperature + scale.offset
    return np.asarray(np.logaddexp(0, np.where(truth, -logits, logits)).mean(axis=1), np.float64)


def _least(loss: Callable[[float], float], low: float, high: float) -> float:
    """Find where a function of one valley is least [golden-section search; Kiefer, 1953]."""
    near, far = high - GOLDEN * (high - low), low + GOLDEN * (high - low)
    at_near, at_far = loss(near), loss(far)
    for _ in range(STEPS):
        if at_near <= at_far:
            high, far, at_far = far, near, at_near
            near = high - GOLDEN * (high - low)
            at_near = loss(near)
        else:
            low, near, at_near = near, far, at_far
            far = low + GOLDEN * (high - low)
            at_far = loss(far)
    return (low + high) / 2


def calibration_error(confidence: NDArray[np.floating], right: NDArray[np.bool_], weight: NDArray[np.float64]) -> float:
    """Give the expected calibration error: mean gap of confidence and accuracy over 15 equal bins of confidence."""
    number = np.minimum((confidence * BINS).astype(np.int64), BINS - 1)
    gap = np.bincount(number, weight * (confidence - right), BINS)
    return float(np.abs(gap).sum() / max(weight.sum(), 1e-12))


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
    last_of_ties = np.append(descending[1:] < descending[:-1], True)[: len(order)]
    coverage = reached / reached[-1:]
    return descending[last_of_ties], coverage[last_of_ties], accuracy[last_of_ties]


def fit_threshold(
    confidence: NDArray[np.floating], right: NDArray[np.bool_], weight: NDArray[np.float64], precision: float
) -> float:
    """Find the least confidence from which predictions are right as often as is asked; over 1 if there is none."""
    thresholds, _, accuracy = by_confidence(confidence, right, weight)
    enough = np.flatnonzero(accuracy >= precision)
    return float(thresholds[enough[-1]]) if len(enough) else 2.0
