"""From the discriminant towards logistic regression, as far as held-out items follow.

The discriminant ``W₀ x + b₀`` is the best classifier if every class is a cloud of the same shape. Logistic regression
assumes nothing like that, but needs many labels. Both are ends of one scale: minimise the log loss of the labels plus
``λ/2 |(W - W₀) S^½|²``, with ``S`` the shrunk covariance within the classes. Where ``λ`` is large, the weights stay
those of the discriminant. Biases are free.

The loss is minimised over ``U = (W - W₀) S^½``, in which it curves about equally in all directions, by L-BFGS [Nocedal,
Updating quasi-Newton matrices with limited storage, Math. Comp. 35, 1980]. It starts with the largest ``λ``; each
smaller one starts where the one before ended. The result is as linear as the discriminant.

A class that was sampled more thinly than others would seem rarer than it is. Its bias is corrected by the logarithm of
its share in the catalogue over that in the sample [King and Zeng, Logistic regression in rare events data, Political
Analysis 9, 2001].
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tonari.attributes.discriminant import TINY, ClassStatistics, Form, discriminant
from tonari.attributes.labels import BLOCK, Sample
from tonari.attributes.weights import ClassWeights

STRENGTHS = (3000.0, 1000.0, 300.0, 100.0, 30.0, 10.0, 3.0, 1.0)
MOST_WORK = 100_000 * 20 * 1344
"""Views times classes times dimensions."""
SEED = 20
HISTORY = 10
STEPS = 10
LEAST_GAIN = 1e-4
"""Relative: where a step gains less, the valley's floor is reached."""
ENOUGH = 1e-4
HALVINGS = 12

Batches = Callable[[], Iterable[tuple[NDArray[np.float32], NDArray[np.bool_], NDArray[np.float64]]]]
LossAndSlope = Callable[[NDArray[np.float64]], tuple[float, NDArray[np.float64]]]


def log_loss(
    batches: Batches, *, several: bool
) -> Callable[[NDArray[np.float32], NDArray[np.float32]], tuple[float, NDArray[np.float64], NDArray[np.float64]]]:
    """Give the weighted log loss of linear scores as a function of weights (C, D) and biases (C,), with its slopes.

    Parameters
    ----------
    batches
        Gives, each time it is called, all that teaches: embeddings (n, D), classes (n, C), weights (n,).
    several
        Classes do not exclude each other (tags): each has a loss of its own.
    """

    def at(
        weights: NDArray[np.float32], bias: NDArray[np.float32]
    ) -> tuple[float, NDArray[np.float64], NDArray[np.float64]]:
        loss, slope, bias_slope = 0.0, np.zeros(weights.shape), np.zeros(bias.shape)
        for features, belongs, weight in batches():
            scores = features @ weights.T + bias
            if several:
                losses = np.logaddexp(0, np.where(belongs, -scores, scores)).sum(axis=1)
                gap = 1 / (1 + np.exp(-np.clip(scores, -60, 60)))
            else:
                scores -= scores.max(axis=1, keepdims=True)
                gap = np.exp(scores)
                total = gap.sum(axis=1)
                losses = np.log(total) - np.einsum("nc,nc->n", scores, belongs)
                gap /= total[:, None]
            gap -= belongs
            gap *= weight[:, None].astype(np.float32)
            loss += float(weight @ losses)
            slope += gap.T @ features
            bias_slope += gap.sum(axis=0, dtype=np.float64)
        return loss, slope, bias_slope

    return at


@dataclass
class Descent:
    """L-BFGS on a convex function plus ``λ/2 |x|²``, which remembers its curvature when ``λ`` changes."""

    function: LossAndSlope
    at: NDArray[np.float64]
    moves: list[tuple[NDArray[np.float64], NDArray[np.float64]]] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Look at the start."""
        self._loss, self._slope = self.function(self.at)

    def run(self, strength: float, scale: float) -> NDArray[np.float64]:
        """Walk up to :data:`STEPS` steps, or until they gain nothing; ``scale`` divides the very first."""
        for _ in range(STEPS):
            before = self._penalised(self.at, self._loss, strength)
            step = self._direction(self._slope + strength * self.at, strength, scale)
            falls = float(np.vdot(self._slope + strength * self.at, step))
            length = 1.0
            for _ in range(HALVINGS):
                there = self.at - length * step
                loss, slope = self.function(there)
                if self._penalised(there, loss, strength) <= before - ENOUGH * length * falls:
                    break
                length /= 2
            else:
                break
            if float(np.vdot(there - self.at, slope - self._slope)) > 0:
                self.moves = [*self.moves, (there - self.at, slope - self._slope)][-HISTORY:]
            self.at, self._loss, self._slope = there, loss, slope
            if before - self._penalised(there, loss, strength) < LEAST_GAIN * max(abs(before), LEAST_GAIN):
                break
        return self.at

    def _penalised(self, at: NDArray[np.float64], loss: float, strength: float) -> float:
        return loss + strength / 2 * float(np.vdot(at, at))

    def _direction(self, slope: NDArray[np.float64], strength: float, scale: float) -> NDArray[np.float64]:
        """Divide a slope by the curvature met so far: the two-loop recursion."""
        met = [(move, change + strength * move) for move, change in self.moves]
        passed: list[float] = []
        for move, change in reversed(met):
            passed.append(float(np.vdot(move, slope)) / float(np.vdot(move, change)))
            slope = slope - passed[-1] * change
        if met:
            move, change = met[-1]
            slope = slope * (float(np.vdot(move, change)) / float(np.vdot(change, change)))
        else:
            slope = slope / (strength + scale)
        for (move, change), alpha in zip(met, reversed(passed), strict=True):
            slope = slope + (alpha - float(np.vdot(change, slope)) / float(np.vdot(move, change))) * move
        return slope


def refine(
    sample: Sample,
    statistics: ClassStatistics,
    form: Form,
    *,
    several: bool,
    teaches: NDArray[np.bool_] | None = None,
) -> Iterator[tuple[Form, ClassWeights]]:
    """Refine a discriminant at each of the strengths in turn, the largest first.

    Parameters
    ----------
    statistics
        Of all that teaches.
    form
        Of the discriminant; its temperature divides the scores at the start.
    teaches : (N,) bool
        Views of the sample that teach. If it is None, all do and the rest too, as far as :data:`MOST_WORK` goes.

    Yields
    ------
    The form, and weights whose classes are the codes of those that have items.
    """
    start = discriminant(statistics, tuple(range(len(statistics.share))), Form(form.shrinkage, 0.0))
    known = list(start.classes)
    batches = _batches(sample, known, teaches)
    weight, has, total = 0.0, np.zeros(len(known)), np.zeros(start.weights.shape[1])
    for features, belongs, teaching in batches():
        weight, has, total = weight + float(teaching.sum()), has + teaching @ belongs, total + teaching @ features
    here, there = np.clip([has / max(weight, TINY), statistics.share[known]], TINY, 1 - TINY)
    first = start.weights.astype(np.float64) / form.temperature
    bias = start.bias / form.temperature + np.log(here / (1 - here) if several else here)
    loss, centre = log_loss(batches, several=several), total / max(weight, TINY)

    def weights_at(at: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        moved = statistics.times_inverse_root(at[:, :-1], form.shrinkage)
        return first + moved, bias + at[:, -1] - moved @ centre

    def function(at: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        weights, biases = weights_at(at)
        value, slope, bias_slope = loss(weights.astype(np.float32), biases.astype(np.float32))
        along = statistics.times_inverse_root(slope - bias_slope[:, None] * centre, form.shrinkage)
        return value, np.hstack([along, bias_slope[:, None]])

    descent = Descent(function, np.zeros((len(known), first.shape[1] + 1)))
    for strength in STRENGTHS:
        weights, biases = weights_at(descent.run(strength, weight / max(len(known), 1)))
        exchanged = biases if several else biases + np.log(there) - np.log(here)
        yield (
            replace(form, prior=1.0, strength=strength),
            replace(start, weights=weights.astype(np.float32), bias=exchanged.astype(np.float32)),
        )


def _batches(sample: Sample, known: list[int], teaches: NDArray[np.bool_] | None) -> Batches:
    drawn = np.arange(len(sample)) if teaches is None else np.flatnonzero(teaches)
    rest, chosen = sample.rest if teaches is None else None, np.empty(0, np.int64)
    if rest is not None:
        most = MOST_WORK // (len(known) * sample.features.shape[1]) - len(sample)
        chosen = np.sort(np.random.default_rng(SEED).permutation(len(rest))[: max(most, 0)])

    def everything() -> Iterator[tuple[NDArray[np.float32], NDArray[np.bool_], NDArray[np.float64]]]:
        for start in range(0, len(drawn), BLOCK):
            rows = drawn[start : start + BLOCK]
            yield sample.features[rows], sample.belongs[rows[:, None], known], sample.teaching[rows]
        if rest is not None:
            for rows, features in rest.blocks(chosen):
                yield features, rest.belongs[rows[:, None], known], rest.teaching[rows]

    return everything


def fit_form(
    sample: Sample,
    statistics: ClassStatistics,
    classes: tuple[Any, ...],
    form: Form,
    *,
    several: bool,
    teaches: NDArray[np.bool_] | None = None,
) -> ClassWeights:
    """Fit weights of any form, refined or not; as :func:`refine` takes its arguments."""
    if form.strength is None:
        return discriminant(statistics, classes, form)
    way = refine(sample, statistics, form, several=several, teaches=teaches)
    found = next(weights for one, weights in way if one.strength == form.strength)
    return replace(found, classes=tuple(classes[code] for code in found.classes))
