"""How often the best class is right, by how probable it looks and by which class it is.

Softmax's probability ``c`` of the best class is set right by ``sigmoid(slope * logit(c) + offset + lean[class])``, a
logistic regression on held-out answers, right or wrong [Platt, Probabilistic outputs for support vector machines,
1999]. The slope is drawn towards 1, the offset and each class's lean towards 0 [ridge; Hastie, Tibshirani and Friedman,
The elements of statistical learning, 18.4], so that few answers change little. How strongly the leans are drawn is
chosen on groups that a fit has not seen: classes that are alike share what is known of all.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tonari.attributes.support import effective_count, likeness

SLOPE_RIDGE = 10.0
OFFSET_RIDGE = 0.1
LEAN_RIDGES = (1.0, 3.0, 10.0, 1e6)
"""The last leaves hardly any lean."""
FOLDS = 5
LEAST_SLOPE = 0.05
NEWTON_STEPS = 50
SHORTER = tuple(0.5**power for power in range(12))
CLOSE = 1e-6
MOST_ODDS = 60.0


@dataclass(frozen=True, slots=True)
class Line:
    """Log odds: ``slope * x + offset + lean[code]``."""

    slope: float
    offset: float
    lean: NDArray[np.float64]

    def odds(self, x: NDArray[np.float64], code: NDArray[np.int64]) -> NDArray[np.float64]:
        """Give the log odds of each row, (n,)."""
        return np.asarray(self.slope * x + self.offset + self.lean[code])

    def probability(self, x: NDArray[np.float64], code: NDArray[np.int64]) -> NDArray[np.float64]:
        """Give the probability of each row, (n,)."""
        return np.asarray(1 / (1 + np.exp(-np.clip(self.odds(x, code), -MOST_ODDS, MOST_ODDS))))


@dataclass(frozen=True, slots=True)
class Answers:
    """Held-out answers.

    Parameters
    ----------
    x : (n,) float64
        Log odds that each is right, as softmax has it.
    code : (n,) int64
        The class that was answered.
    right : (n,) bool
    weight : (n,) float64
    """

    x: NDArray[np.float64]
    code: NDArray[np.int64]
    right: NDArray[np.bool_]
    weight: NDArray[np.float64]

    def take(self, rows: NDArray[np.bool_]) -> Answers:
        """Keep some of them."""
        return Answers(self.x[rows], self.code[rows], self.right[rows], self.weight[rows])


@dataclass(frozen=True, slots=True)
class Confidence:
    """A line, and what lines say of each held-out answer that were fitted without its group: (n,)."""

    line: Line
    held_out: NDArray[np.float64]


def fit_confidence(answers: Answers, group: NDArray[np.int64], count: int) -> Confidence:
    """Fit the line, its ridge chosen by the likelihood of answers whose groups a fit has not seen.

    Parameters
    ----------
    group : (n,)
        Of each answer.
    count
        ``C``.
    """
    _, number = np.unique(group, return_inverse=True)
    residual = answers.right - 1 / (1 + np.exp(-answers.x))
    worth = effective_count(answers.weight, number, likeness(residual, answers.weight, number))
    scaled = answers.weight * (worth / max(float(answers.weight.sum()), CLOSE))
    answers = Answers(answers.x, answers.code, answers.right, scaled)
    ridges = LEAN_RIDGES if count > 1 else LEAN_RIDGES[-1:]
    unseen = {ridge: _cross_fitted(answers, number % FOLDS, count, ridge) for ridge in ridges}

    def loss(ridge: float) -> float:
        said = unseen[ridge]
        return float(scaled @ -np.log(np.maximum(np.where(answers.right, said, 1 - said), CLOSE)))

    best = min(ridges, key=loss)
    return Confidence(fit_line(answers, count, best), unseen[best])


def _cross_fitted(answers: Answers, fold: NDArray[np.int64], count: int, ridge: float) -> NDArray[np.float64]:
    said = np.empty(len(fold))
    for one in np.unique(fold).tolist():
        asked = fold == one
        line = fit_line(answers.take(~asked), count, ridge)
        said[asked] = line.probability(answers.x[asked], answers.code[asked])
    return said


def fit_line(answers: Answers, count: int, ridge: float) -> Line:
    """Find the likeliest line by Newton's method.

    As Platt has it, the truth is drawn in from 0 and 1 by one answer on each side, so that none of them is certain.
    Each answer has one class, so the classes' part of the curvature is a diagonal, and a step costs ``n + C``.

    Parameters
    ----------
    ridge
        How strongly leans are drawn to 0, in answers.
    """
    has, lacks = float(answers.weight @ answers.right), float(answers.weight @ ~answers.right)
    target = np.where(answers.right, (has + 1) / (has + 2), 1 / (lacks + 2))
    line = Line(1.0, 0.0, np.zeros(count))
    least = _loss(line, answers, target, ridge)
    for _ in range(NEWTON_STEPS):
        step = _step(line, answers, target, ridge)
        for size in SHORTER:
            tried = _less(line, step, size)
            loss = _loss(tried, answers, target, ridge)
            if loss < least:
                break
        else:
            break
        line, gained, least = tried, least - loss, loss
        if gained < CLOSE:
            break
    return line


def _less(line: Line, step: Line, size: float) -> Line:
    slope = max(line.slope - size * step.slope, LEAST_SLOPE)
    return Line(slope, line.offset - size * step.offset, line.lean - size * step.lean)


def _loss(line: Line, answers: Answers, target: NDArray[np.float64], ridge: float) -> float:
    odds = line.odds(answers.x, answers.code)
    drawn = SLOPE_RIDGE * (line.slope - 1) ** 2 + OFFSET_RIDGE * line.offset**2 + ridge * (line.lean @ line.lean)
    return float(answers.weight @ (np.logaddexp(0, odds) - target * odds) + drawn / 2)


def _step(line: Line, answers: Answers, target: NDArray[np.float64], ridge: float) -> Line:
    """Solve for Newton's step; the classes are eliminated first (Schur complement)."""
    code, count = answers.code, len(line.lean)
    probability = line.probability(answers.x, code)
    pull = answers.weight * (probability - target)
    curve = answers.weight * probability * (1 - probability)
    design = np.stack([answers.x, np.ones(len(answers.x))])
    gradient = design @ pull + (SLOPE_RIDGE * (line.slope - 1), OFFSET_RIDGE * line.offset)
    class_gradient = np.bincount(code, pull, count) + ridge * line.lean
    both = (design * curve) @ design.T + np.diag((SLOPE_RIDGE, OFFSET_RIDGE))
    diagonal = np.bincount(code, curve, count) + ridge
    across = np.stack([np.bincount(code, row * curve, count) for row in design])
    solved = np.linalg.solve(both - (across / diagonal) @ across.T, gradient - across @ (class_gradient / diagonal))
    return Line(float(solved[0]), float(solved[1]), (class_gradient - solved @ across) / diagonal)
