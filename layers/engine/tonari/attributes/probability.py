"""Scores -> probabilities that mean something.

A score is calibrated when, of the predictions made with confidence 0.8, eight in ten are right. Scores are divided by a
temperature that makes held-out labels most likely (temperature scaling), and the remaining gap is stated as expected
calibration error over 15 bins [Guo, Pleiss, Sun and Weinberger, On calibration of modern neural networks, ICML 2017].
A temperature alone is ruled by the few labels that no score explains, and makes all else too timid; so each class is
given an equal part of a small floor, fitted with it. The probability of the best class is then set right by
:mod:`tonari.attributes.confidence`; the order of the classes stays. For tags each score has a slope and an offset of
its own attribute [Platt, Probabilistic outputs for support vector machines, 1999].
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

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
CERTAIN = 1e-4
MOST_ODDS = 60.0
LEAST_KEPT = 1e-3
"""Of the differences between classes, so that their order stays."""
IMPOSSIBLE = -5e3
"""Scores of classes that a fit has not seen lie under this."""


@dataclass(frozen=True, slots=True)
class Scale:
    """How scores become probabilities.

    For classes that exclude each other ``p = (1 - floor) softmax(score / temperature) + floor / C``; then the best
    class has ``sigmoid(slope * logit(p) + offset + lean[class])``, at least ``1 / C``. For tags each class has
    ``sigmoid(score / temperature + offset)``.

    Parameters
    ----------
    lean
        Of each class, or empty where none has any.
    """

    temperature: float
    floor: float = 0.0
    slope: float = 1.0
    offset: float = 0.0
    lean: tuple[float, ...] = ()

    def softmax(self, scores: NDArray[np.floating]) -> NDArray[np.float64]:
        """Give the probabilities of classes that exclude each other: (…, C) -> (…, C)."""
        grown = np.exp((scores - scores.max(axis=-1, keepdims=True)) / np.float64(self.temperature))
        share = (1 - self.floor) / grown.sum(axis=-1, keepdims=True)
        plain = np.asarray(grown * share + self.floor / scores.shape[-1])
        if (self.slope, self.offset, self.lean) == (1.0, 0.0, ()):
            return plain
        odds = self.slope * log_odds(plain.max(axis=-1)) + self.offset + self._lean_of(plain.argmax(axis=-1))
        return with_best(plain, 1 / (1 + np.exp(-np.minimum(np.maximum(odds, -MOST_ODDS), MOST_ODDS))))

    def _lean_of(self, best: NDArray[np.int64]) -> NDArray[np.float64] | float:
        if not self.lean:
            return 0.0
        return np.array(self.lean)[best] if best.ndim else self.lean[int(best)]

    def sigmoid(self, scores: NDArray[np.floating]) -> NDArray[np.floating]:
        """Give the probability of each tag."""
        return np.asarray(1 / (1 + np.exp(-np.clip(scores / self.temperature + self.offset, -MOST_ODDS, MOST_ODDS))))

    def probabilities(self, scores: NDArray[np.floating], *, several: bool) -> NDArray[np.floating]:
        """Give those of tags if there may be several, else those of classes that exclude each other."""
        return self.sigmoid(scores) if several else self.softmax(scores)

    def of(self, codes: Sequence[int]) -> Scale:
        """Take some of the classes, by their places; -1 is a class that has no lean."""
        return replace(self, lean=tuple(self.lean[code] if code >= 0 else 0.0 for code in codes)) if self.lean else self


def log_odds(probability: NDArray[np.float64]) -> NDArray[np.float64]:
    """Give ``log(p / (1 - p))``, between those of 0.0001 and 0.9999."""
    inside = np.minimum(np.maximum(probability, CERTAIN), 1 - CERTAIN)
    return np.asarray(np.log(inside / (1 - inside)))


def with_best(plain: NDArray[np.float64], wanted: NDArray[np.float64]) -> NDArray[np.float64]:
    """Give the best class another probability and keep the order: (…, C), (…,) -> (…, C).

    What the best class loses is dealt equally to all, what it gains is taken from the others in proportion. Under
    ``1 / C`` it would not be the best.
    """
    even, rows = 1 / plain.shape[-1], plain.reshape(-1, plain.shape[-1])
    every, place = np.arange(len(rows)), rows.argmax(axis=1)
    top, asked = rows[every, place], np.maximum(wanted.reshape(-1), even)
    kept = np.maximum((asked - even) / np.maximum(top - even, SMALLEST), LEAST_KEPT)
    gains = asked > top
    factor = np.where(gains, (1 - asked) / np.maximum(1 - top, SMALLEST), np.minimum(kept, 1))
    changed = rows * factor[:, None] + np.where(gains, 0, (1 - factor) * even)[:, None]
    changed[every[gains], place[gains]] = asked[gains]
    return np.asarray(changed.reshape(plain.shape))


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
    if not len(rows):
        return Scale(1.0)
    below = np.asarray(rows - rows.max(axis=1, keepdims=True), np.float64)
    own = below[np.arange(len(right)), right]

    def losses(power: float) -> NDArray[np.float64]:
        temperature = np.exp(power)
        plain = np.exp(own / temperature) / np.exp(below / temperature).sum(axis=1)
        mixed = np.multiply.outer(1 - np.array(FLOORS), plain) + np.array(FLOORS)[:, None] / scores.shape[1]
        return np.asarray(-np.log(np.maximum(mixed, SMALLEST)) @ heavy)

    power = _least(lambda one: float(losses(one).min()), *POWERS)
    return Scale(float(np.exp(power)), FLOORS[int(losses(power).argmin())])


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
