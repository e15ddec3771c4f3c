"""Scores of held-out items -> what scores mean, how often the method is right, and the evidence for both."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tonari.attributes.confidence import Answers, fit_confidence
from tonari.attributes.crossfit import HeldOutScores, truth_of
from tonari.attributes.probability import (
    BINS,
    SMALLEST,
    Scale,
    calibration_error,
    fit_sigmoid,
    fit_softmax,
    log_odds,
)
from tonari.attributes.support import by_confidence, fit_threshold
from tonari.contract.findings import ConfusionCount, CoveragePoint, MethodQuality, ReliabilityBin

LIKELY = 0.5
"""A tag is given from here on at the lowest: what is likely not there must not ride on the sure ones."""
CURVE_POINTS = 50
MOST_PAIRS = 2_000
DECIMALS = 4


@dataclass(frozen=True, slots=True)
class Calibration:
    """How good one method is on items that it had not seen, and what its scores mean.

    Parameters
    ----------
    scale
        Scores to probabilities.
    threshold
        Least probability that is given as the value; over 1 if the precision asked for is never surely reached.
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
    support
        How many independent answers those at or over the threshold are worth; 0 if there is no threshold.
    """

    scale: Scale
    threshold: float
    precision: float
    held_out: int
    accuracy: float
    macro_f1: float
    calibration_error: float
    coverage: float
    support: float = 0.0

    def of(self, codes: Sequence[int]) -> Calibration:
        """Take some of the classes, as :meth:`Scale.of` does."""
        return replace(self, scale=self.scale.of(codes))


def calibrate(
    held_out: HeldOutScores,
    scores: NDArray[np.float64],
    classes: tuple[Any, ...],
    precision: float,
    *,
    several: bool,
) -> tuple[Calibration, MethodQuality]:
    """Calibrate a method by its scores (n, C) of held-out views; with what is reported of it."""
    belongs, weight, count = held_out.belongs, held_out.weight, scores.shape[1]
    if several:
        scale = fit_sigmoid(scores, belongs, weight)
        probabilities = scale.sigmoid(scores)
        best, confidence = probabilities.argmax(axis=1), probabilities.max(axis=1)
        right = belongs[np.arange(len(best)), best]
        stated, true, heavy = probabilities.ravel(), belongs.ravel(), np.repeat(weight, count)
        group, guess = np.repeat(held_out.group, count), probabilities >= LIKELY
    else:
        scale, best, confidence = _calibrated(held_out, scores)
        right = belongs[np.arange(len(best)), best]
        stated, true, heavy, group = confidence, right, weight, held_out.group
        guess = np.arange(count) == best[:, None]
    asked = stated >= (LIKELY if several and precision > 0 else 0.0)
    threshold, support = fit_threshold(stated[asked], true[asked], heavy[asked], group[asked], precision)
    figures: dict[str, Any] = {
        "threshold": threshold,
        "precision": precision,
        "held_out": held_out.items,
        "accuracy": _round(np.average(right, weights=weight)),
        "macro_f1": _round(macro_f1(belongs, guess, weight)),
        "calibration_error": _round(calibration_error(stated, true, heavy)),
        "coverage": _round(np.average(confidence >= threshold, weights=weight)),
        "support": _round(support),
    }
    bins, points = reliability(stated, true, heavy), coverage_curve(confidence, right, weight)
    confused = () if several else confusion(belongs, best, weight)
    return Calibration(scale, **figures), MethodQuality(
        **figures,
        reliability=tuple(ReliabilityBin(_round(one.confidence), _round(one.right), _round(one.share)) for one in bins),
        curve=tuple(CoveragePoint(one.threshold, _round(one.coverage), _round(one.accuracy)) for one in points),
        confusion=tuple(
            ConfusionCount(classes[one.truth], classes[one.predicted], _round(one.items)) for one in confused
        ),
    )


def _calibrated(
    held_out: HeldOutScores, scores: NDArray[np.float64]
) -> tuple[Scale, NDArray[np.int64], NDArray[np.float64]]:
    """Give the scale, the best class of each row, and how sure a scale is of that which has not seen the row's group.

    A row whose class no fit could know is a wrong answer like any other.
    """
    plain = fit_softmax(scores, truth_of(held_out, scores), held_out.weight)
    probabilities = plain.softmax(scores)
    best = probabilities.argmax(axis=1)
    right = held_out.belongs[np.arange(len(best)), best]
    answers = Answers(log_odds(probabilities.max(axis=1)), best, right, held_out.weight)
    count = scores.shape[1]
    found = fit_confidence(answers, held_out.group, count)
    line = found.line
    scale = replace(plain, slope=line.slope, offset=line.offset, lean=tuple(line.lean.tolist()))
    return scale, best, np.maximum(found.held_out, 1 / count)


def macro_f1(truth: NDArray[np.bool_], guess: NDArray[np.bool_], weight: NDArray[np.float64]) -> float:
    """Average the F1 of all classes that somebody has: (N, C), (N, C), (N,) -> 0..1."""
    both, either = weight @ (truth & guess), weight @ truth + weight @ guess
    has = weight @ truth > 0
    return float((2 * both[has] / either[has]).mean()) if has.any() else 0.0


def reliability(
    confidence: NDArray[np.floating], right: NDArray[np.bool_], weight: NDArray[np.float64]
) -> tuple[ReliabilityBin, ...]:
    """Sort predictions into 15 equal bins of confidence: those whose mean gap is the calibration error; all (N,)."""
    number = np.minimum((confidence * BINS).astype(np.int64), BINS - 1)
    heavy = np.bincount(number, weight, BINS)
    filled = np.flatnonzero(heavy > 0)
    means = np.bincount(number, weight * confidence, BINS)[filled] / heavy[filled]
    rights = np.bincount(number, weight * right, BINS)[filled] / heavy[filled]
    shares = heavy[filled] / max(float(heavy.sum()), SMALLEST)
    return tuple(ReliabilityBin(*one) for one in zip(means.tolist(), rights.tolist(), shares.tolist(), strict=True))


def coverage_curve(
    confidence: NDArray[np.floating], right: NDArray[np.bool_], weight: NDArray[np.float64]
) -> tuple[CoveragePoint, ...]:
    """Take at most 50 points of :func:`by_confidence`, about evenly spread over coverage; the last covers all."""
    thresholds, coverage, accuracy = by_confidence(confidence, right, weight)
    if not len(thresholds):
        return ()
    wanted = np.arange(1, CURVE_POINTS + 1) / CURVE_POINTS
    chosen = np.unique(np.minimum(np.searchsorted(coverage, wanted - SMALLEST), len(thresholds) - 1))
    points = zip(thresholds[chosen].tolist(), coverage[chosen].tolist(), accuracy[chosen].tolist(), strict=True)
    return tuple(CoveragePoint(*one) for one in points)


def confusion(
    belongs: NDArray[np.bool_], predicted: NDArray[np.int64], weight: NDArray[np.float64]
) -> tuple[ConfusionCount, ...]:
    """Count how often each class was predicted for each, by codes: (N, C), (N,), (N,)."""
    pairs = belongs.argmax(axis=1) * belongs.shape[1] + predicted
    distinct, which = np.unique(pairs, return_inverse=True)
    items = np.bincount(which, weight, len(distinct))
    first = np.argsort(-items, kind="stable")[:MOST_PAIRS]
    truth, answer = np.divmod(distinct[first], belongs.shape[1])
    return tuple(
        ConfusionCount(*one) for one in zip(truth.tolist(), answer.tolist(), items[first].tolist(), strict=True)
    )


def _round(figure: float | np.floating) -> float:
    return round(float(figure), DECIMALS)
