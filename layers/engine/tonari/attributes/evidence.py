"""What stands behind a method's figures: how often it was right at each confidence, and what it took for what.

None of this is needed to predict; it is told in the report of a build.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tonari.attributes.probability import BINS

CURVE_POINTS = 50
MOST_PAIRS = 2_000
SMALLEST = 1e-12
DECIMALS = 4


@dataclass(frozen=True, slots=True)
class Bin:
    """Predictions of about one confidence.

    Parameters
    ----------
    confidence
        Their mean.
    right
        Share of them that were right.
    share
        Of all predictions that they are.
    """

    confidence: float
    right: float
    share: float


@dataclass(frozen=True, slots=True)
class Point:
    """What is given from one threshold on: the share of all, and the share of that which is right."""

    threshold: float
    coverage: float
    accuracy: float


@dataclass(frozen=True, slots=True)
class Taken:
    """How many items (by weight) of the class ``truth`` were said to be of the class ``said``; both are codes."""

    truth: int
    said: int
    items: float


@dataclass(frozen=True, slots=True)
class Evidence:
    """Of one method.

    Parameters
    ----------
    reliability
        By ascending confidence, the bins that hold predictions.
    curve
        By descending threshold, at most 50 points.
    confusion
        Largest first, at most 2,000; empty for tags.
    """

    reliability: tuple[Bin, ...]
    curve: tuple[Point, ...]
    confusion: tuple[Taken, ...]

    def report(self, classes: tuple[Any, ...]) -> Mapping[str, Any]:
        """Give it as JSON, with the classes in the place of codes."""
        return {
            "reliability": [
                {"confidence": _round(one.confidence), "right": _round(one.right), "share": _round(one.share)}
                for one in self.reliability
            ],
            "curve": [
                {"threshold": one.threshold, "coverage": _round(one.coverage), "accuracy": _round(one.accuracy)}
                for one in self.curve
            ],
            "confusion": [
                {"truth": classes[one.truth], "said": classes[one.said], "items": _round(one.items)}
                for one in self.confusion
            ],
        }


def reliability(
    confidence: NDArray[np.floating], right: NDArray[np.bool_], weight: NDArray[np.float64]
) -> tuple[Bin, ...]:
    """Sort predictions into 15 equal bins of confidence: those whose mean gap is the calibration error; all (N,)."""
    place = np.minimum((confidence * BINS).astype(np.int64), BINS - 1)
    heavy = np.bincount(place, weight, BINS)
    filled = np.flatnonzero(heavy > 0)
    means = np.bincount(place, weight * confidence, BINS)[filled] / heavy[filled]
    rights = np.bincount(place, weight * right, BINS)[filled] / heavy[filled]
    shares = heavy[filled] / max(float(heavy.sum()), SMALLEST)
    return tuple(Bin(*one) for one in zip(means.tolist(), rights.tolist(), shares.tolist(), strict=True))


def coverage_curve(
    confidence: NDArray[np.floating], right: NDArray[np.bool_], weight: NDArray[np.float64]
) -> tuple[Point, ...]:
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
    return tuple(Point(*one) for one in points)


def confusion(belongs: NDArray[np.bool_], said: NDArray[np.int64], weight: NDArray[np.float64]) -> tuple[Taken, ...]:
    """Count what was taken for what: (N, C), (N,), (N,)."""
    pairs = belongs.argmax(axis=1) * belongs.shape[1] + said
    kinds, which = np.unique(pairs, return_inverse=True)
    items = np.bincount(which, weight, len(kinds))
    first = np.argsort(-items, kind="stable")[:MOST_PAIRS]
    truth, answer = np.divmod(kinds[first], belongs.shape[1])
    return tuple(Taken(*one) for one in zip(truth.tolist(), answer.tolist(), items[first].tolist(), strict=True))


def _round(value: float) -> float:
    return round(value, DECIMALS)
