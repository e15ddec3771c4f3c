"""Scores of held-out items -> what scores mean, how often the method is right, and the evidence for both."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tonari.attributes.crossfit import HeldOutScores, held_out_scores, truth_of
from tonari.attributes.labels import Sample
from tonari.attributes.probability import (
    BINS,
    SMALLEST,
    Scale,
    calibration_error,
    fit_sigmoid,
    fit_softmax,
    fit_threshold,
)
from tonari.attributes.vote import share_to_score, vote_among_others
from tonari.contract.findings import ConfusionCount, CoveragePoint, ReliabilityBin

CURVE_POINTS = 50
MOST_PAIRS = 2_000


@dataclass(frozen=True, slots=True)
class Calibration:
    """How good one method is on items that it had not seen, and what its scores mean.

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


@dataclass(frozen=True, slots=True)
class Evidence:
    """What the figures of a method are summed up from; for the report of a build, not for predictions.

    Parameters
    ----------
    reliability
        By ascending confidence, the bins that hold predictions.
    curve
        By descending threshold, at most 50 points.
    confusion
        Pairs of codes, largest first, at most 2,000; empty for tags.
    """

    reliability: tuple[ReliabilityBin, ...]
    curve: tuple[CoveragePoint, ...]
    confusion: tuple[ConfusionCount, ...]


def calibrate(
    held_out: HeldOutScores, scores: NDArray[np.float64], precision: float, *, several: bool
) -> tuple[Calibration, Evidence]:
    """Calibrate a method by its scores (n, C) of held-out views."""
    scale = _fit(held_out, scores, several=several)
    probabilities = scale.sigmoid(scores) if several else scale.softmax(scores)
    best = scores.argmax(axis=1)
    right = held_out.belongs[np.arange(len(best)), best]
    confidence, weight = probabilities.max(axis=1), held_out.weight
    if several:
        stated, true, heavy = probabilities.ravel(), held_out.belongs.ravel(), np.repeat(weight, probabilities.shape[1])
        guess = probabilities >= 0.5
    else:
        stated, true, heavy = confidence, right, weight
        guess = np.arange(probabilities.shape[1]) == best[:, None]
    threshold, _ = fit_threshold(stated, true, heavy, precision)
    figures = Calibration(
        scale=scale,
        threshold=threshold,
        precision=precision,
        held_out=held_out.items,
        accuracy=round(float(np.average(right, weights=weight)), 4),
        macro_f1=round(macro_f1(held_out.belongs, guess, weight), 4),
        calibration_error=round(calibration_error(stated, true, heavy), 4),
        coverage=round(float(np.average(confidence >= threshold, weights=weight)), 4),
    )
    confused = () if several else confusion(held_out.belongs, best, weight)
    return figures, Evidence(reliability(stated, true, heavy), coverage_curve(confidence, right, weight), confused)


def calibrate_vote(sample: Sample, precision: float, *, several: bool) -> tuple[Calibration, Evidence]:
    """Calibrate the vote of items of other groups."""
    rows, shares = vote_among_others(sample)
    held_out = held_out_scores(sample, rows, {})
    return calibrate(held_out, share_to_score(shares, several=several), precision, several=several)


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
    """Tell how many predictions reach each confidence, and how many of those are right; all (N,).

    Points are about evenly spread over coverage, and the last covers all.
    """
    order = np.argsort(-confidence, kind="stable")
    thresholds = np.asarray(confidence[order], np.float64)
    reached = np.cumsum(weight[order])
    accuracy = np.cumsum((weight * right)[order]) / np.maximum(reached, SMALLEST)
    ends = np.flatnonzero(np.append(thresholds[1:] < thresholds[:-1], True)[: len(order)])
    if not len(ends):
        return ()
    coverage = reached / reached[-1]
    wanted = np.arange(1, CURVE_POINTS + 1) / CURVE_POINTS
    chosen = np.unique(ends[np.minimum(np.searchsorted(coverage[ends], wanted - SMALLEST), len(ends) - 1)])
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


def _fit(held_out: HeldOutScores, scores: NDArray[np.float64], *, several: bool) -> Scale:
    if several:
        return fit_sigmoid(scores, held_out.belongs, held_out.weight)
    return fit_softmax(scores, truth_of(held_out, scores), held_out.weight)
