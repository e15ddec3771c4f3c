"""Scores of items unseen in the fit -> what scores mean, what the method is worth, and the evidence for both."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from tonari.attributes.evidence import Evidence, confusion, coverage_curve, reliability
from tonari.attributes.labels import Sample
from tonari.attributes.probability import (
    Scale,
    calibration_error,
    fit_sigmoid,
    fit_softmax,
    fit_threshold,
)
from tonari.attributes.unseen import Unseen, truth_of
from tonari.attributes.vote import hear, share_to_score

Method = Literal["discriminant", "means", "vote"]


@dataclass(frozen=True, slots=True)
class Calibration:
    """What one method is worth on items that it had not seen, and what its scores mean.

    Parameters
    ----------
    scale
        Scores to probabilities.
    threshold
        Least probability that is given as the value; over 1 if the precision asked for is never reached.
    precision
        That was asked for.
    held_out
        Items that the figures rest on.
    accuracy, macro_f1
        Of the best class; for tags, the share whose best tag is right, and the F1 of tags at probability 0.5.
    calibration_error
        Expected calibration error.
    coverage
        Share of predictions at or over the threshold.
    """

    scale: Scale
    threshold: float
    precision: float
    held_out: int
    accuracy: float
    macro_f1: float
    calibration_error: float
    coverage: float


def calibrate(
    unseen: Unseen, scores: NDArray[np.float64], precision: float, *, several: bool
) -> tuple[Calibration, Evidence]:
    """Calibrate a method by its scores (n, C) of unseen views."""
    scale = _fit(unseen, scores, several=several)
    odds = scale.sigmoid(scores) if several else scale.softmax(scores)
    best = scores.argmax(axis=1)
    right = unseen.belongs[np.arange(len(best)), best]
    confidence, weight = odds.max(axis=1), unseen.weight
    if several:
        said, true, heavy = odds.ravel(), unseen.belongs.ravel(), np.repeat(weight, odds.shape[1])
        guess = odds >= 0.5
    else:
        said, true, heavy = confidence, right, weight
        guess = np.arange(odds.shape[1]) == best[:, None]
    threshold, _ = fit_threshold(said, true, heavy, precision)
    figures = Calibration(
        scale=scale,
        threshold=threshold,
        precision=precision,
        held_out=unseen.items,
        accuracy=round(float(np.average(right, weights=weight)), 4),
        macro_f1=round(macro_f1(unseen.belongs, guess, weight), 4),
        calibration_error=round(calibration_error(said, true, heavy), 4),
        coverage=round(float(np.average(confidence >= threshold, weights=weight)), 4),
    )
    taken = () if several else confusion(unseen.belongs, best, weight)
    return figures, Evidence(reliability(said, true, heavy), coverage_curve(confidence, right, weight), taken)


def calibrate_vote(sample: Sample, precision: float, *, several: bool) -> tuple[Calibration, Evidence]:
    """Calibrate the vote of items of other groups."""
    rows, shares = hear(sample)
    heard = Unseen(
        sample.belongs[rows],
        (sample.weight * sample.importance)[rows],
        sample.group[rows],
        len(np.unique(sample.item[rows])),
        {},
    )
    return calibrate(heard, share_to_score(shares, several=several), precision, several=several)


def macro_f1(truth: NDArray[np.bool_], guess: NDArray[np.bool_], weight: NDArray[np.float64]) -> float:
    """Average the F1 of all classes that somebody has: (N, C), (N, C), (N,) -> 0..1."""
    both, either = weight @ (truth & guess), weight @ truth + weight @ guess
    has = weight @ truth > 0
    return float((2 * both[has] / either[has]).mean()) if has.any() else 0.0


def _fit(unseen: Unseen, scores: NDArray[np.float64], *, several: bool) -> Scale:
    if several:
        return fit_sigmoid(scores, unseen.belongs, unseen.weight)
    return fit_softmax(scores, truth_of(unseen, scores), unseen.weight)
