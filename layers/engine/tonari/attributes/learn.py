"""A sample of one attribute -> its weights: tuned and calibrated on items unseen in the fit, then fitted to all."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from tonari.attributes.discriminant import discriminant, measure_spread, second_moment
from tonari.attributes.probability import (
    IMPOSSIBLE,
    Scale,
    calibration_error,
    fit_sigmoid,
    fit_softmax,
    fit_threshold,
    sigmoid_losses,
)
from tonari.attributes.vote import hear, share_to_score
from tonari.attributes.weights import ClassWeights, plain_means

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from numpy.typing import NDArray

    from tonari.attributes.labels import Sample

Method = Literal["discriminant", "means", "vote"]

SHRINKAGES = (0.03, 0.1, 0.2, 0.35, 0.5, 0.7, 0.9)
PRIORS = (0.0, 1.0)
SHRINKAGE, PRIOR = 0.5, 0.0
LEAST_TRIED = 30
LEAST_HELD_OUT = 100
PRECISION = 0.9


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


@dataclass(frozen=True, slots=True)
class Learned:
    """All that is known about one attribute.

    Parameters
    ----------
    several
        Whether an item may have more than one class.
    means, discriminant
        Weights of the classes that have items with views.
    shrinkage, prior
        Of the discriminant, as chosen on held-out items.
    calibrations
        By method; empty where fewer than 100 items could be held out.
    """

    several: bool
    means: ClassWeights
    discriminant: ClassWeights
    shrinkage: float
    prior: float
    calibrations: Mapping[Method, Calibration]

    @property
    def classes(self) -> tuple[Any, ...]:
        """``C`` values."""
        return self.discriminant.classes

    def report(self) -> dict[str, Any]:
        """Give the figures as JSON."""
        return {
            "classes": len(self.classes),
            "sampled": int(self.discriminant.sampled.sum()),
            "shrinkage": self.shrinkage,
            "prior": self.prior,
            "methods": {method: asdict(calibration) for method, calibration in self.calibrations.items()},
        }


@dataclass(frozen=True, slots=True)
class _Unseen:
    """Scores of views by fits that had not seen their groups.

    Parameters
    ----------
    scores
        By method or tried parameters, (n, C); classes that the fit had not seen have a score under all others.
    """

    belongs: NDArray[np.bool_]
    weight: NDArray[np.float64]
    items: int
    scores: Mapping[Any, NDArray[np.float64]]


def learn(sample: Sample, classes: tuple[Any, ...], *, several: bool, precision: float = PRECISION) -> Learned:
    """Fit one attribute.

    Each fifth of the groups, by their hash, is held out in turn: each tenth, where there are fewer views than
    dimensions. Shrinkage and prior are chosen by how often they are right there (for tags: by the likelihood), scales
    are fitted to the same scores; the weights are then fitted again to all.

    Parameters
    ----------
    several
        The classes are tags: items may have more than one.
    precision
        How often values that are given shall be right.
    """
    shrinkage, prior = SHRINKAGE, PRIOR
    calibrations: dict[Method, Calibration] = {}
    unseen = _score_unseen(sample, classes, several=several)
    if unseen.items >= LEAST_TRIED and len(classes) > 1:
        shrinkage, prior = _choose(unseen, several=several)
    if unseen.items >= LEAST_HELD_OUT and len(classes) > 1:
        calibrations = {
            "discriminant": _calibrate(unseen, unseen.scores[shrinkage, prior], precision, several=several),
            "means": _calibrate(unseen, unseen.scores["means"], precision, several=several),
            "vote": _calibrate_vote(sample, precision, several=several),
        }
    weights = discriminant(measure_spread(sample, several=several), classes, shrinkage, prior)
    return Learned(several, plain_means(sample, classes), weights, shrinkage, prior, calibrations)


def _score_unseen(sample: Sample, classes: tuple[Any, ...], *, several: bool) -> _Unseen:
    few = len(sample) < sample.features.shape[1]
    part = sample.part if few else sample.part // 2
    codes = tuple(range(len(classes)))
    asked: list[NDArray[np.int64]] = []
    found: dict[Any, list[NDArray[np.float64]]] = {}
    parts = np.unique(part).tolist()
    moments = {} if few else {one: second_moment(sample.take(part == one)) for one in parts}
    for held_out in parts if len(parts) > 1 else []:
        rows, known = np.flatnonzero(part == held_out), sample.take(part != held_out)
        moment = None if few else np.sum([moments[one] for one in parts if one != held_out], axis=0)
        spread = measure_spread(known, several=several, moment=moment)
        asked.append(rows)
        for shrinkage in SHRINKAGES:
            for prior in PRIORS:
                one = discriminant(spread, codes, shrinkage, prior)
                found.setdefault((shrinkage, prior), []).append(_score(one, sample.features[rows], len(codes)))
        found.setdefault("means", []).append(_score(plain_means(known, codes), sample.features[rows], len(codes)))
    rows = np.concatenate(asked) if asked else np.empty(0, np.int64)
    return _Unseen(
        sample.belongs[rows],
        (sample.weight * sample.importance)[rows],
        len(np.unique(sample.item[rows])),
        {key: np.concatenate(scores) for key, scores in found.items()},
    )


def _score(weights: ClassWeights, features: NDArray[np.float32], count: int) -> NDArray[np.float64]:
    scores = np.full((len(features), count), 2 * IMPOSSIBLE)
    scores[:, list(weights.classes)] = features @ weights.weights.T + weights.bias
    return scores


def _fit(unseen: _Unseen, scores: NDArray[np.float64], *, several: bool) -> Scale:
    if several:
        return fit_sigmoid(scores, unseen.belongs, unseen.weight)
    return fit_softmax(scores, _truth(unseen, scores), unseen.weight)


def _choose(unseen: _Unseen, *, several: bool) -> tuple[float, float]:
    """Choose shrinkage and prior by the rule of one standard error [Breiman et al., CART, 1984].

    Of all that are not surely worse than the best, the one nearest to the middle: a best figure alone may be luck.
    """
    worth = {
        key: _worth(unseen, scores, several=several) for key, scores in unseen.scores.items() if isinstance(key, tuple)
    }
    share = unseen.weight / float(unseen.weight.sum())
    best: NDArray[np.float64] = max(worth.values(), key=lambda one: float(share @ one))

    def surely_worse(one: NDArray[np.float64]) -> bool:
        lost = best - one
        mean = float(share @ lost)
        return mean > float(np.sqrt(share**2 @ (lost - mean) ** 2))

    good = [key for key, one in worth.items() if not surely_worse(one)]
    return min(good, key=lambda key: (abs(key[0] - SHRINKAGE), abs(key[1] - PRIOR)))


def _worth(unseen: _Unseen, scores: NDArray[np.float64], *, several: bool) -> NDArray[np.float64]:
    """Tell for each row whether its best class is right; for tags, how likely they are made, in nats."""
    if several:
        scale = fit_sigmoid(scores, unseen.belongs, unseen.weight)
        return -sigmoid_losses(scores, unseen.belongs, scale)
    right: NDArray[np.bool_] = unseen.belongs[np.arange(len(scores)), scores.argmax(axis=1)]
    return right.astype(np.float64)


def _truth(unseen: _Unseen, scores: NDArray[np.float64]) -> NDArray[np.int64]:
    """Give the class of each row, -1 where the fit could not know it."""
    code = unseen.belongs.argmax(axis=1)
    return np.where(scores[np.arange(len(code)), code] > IMPOSSIBLE, code, -1)


def _calibrate_vote(sample: Sample, precision: float, *, several: bool) -> Calibration:
    rows, shares = hear(sample)
    heard = _Unseen(
        sample.belongs[rows], (sample.weight * sample.importance)[rows], len(np.unique(sample.item[rows])), {}
    )
    return _calibrate(heard, share_to_score(shares, several=several), precision, several=several)


def _calibrate(unseen: _Unseen, scores: NDArray[np.float64], precision: float, *, several: bool) -> Calibration:
    scale = _fit(unseen, scores, several=several)
    odds = scale.sigmoid(scores) if several else scale.softmax(scores)
    best = scores.argmax(axis=1)
    right = unseen.belongs[np.arange(len(best)), best]
    confidence, weight = odds.max(axis=1), unseen.weight
    if several:
        pairs = np.repeat(weight, odds.shape[1])
        threshold, _ = fit_threshold(odds.ravel(), unseen.belongs.ravel(), pairs, precision)
        error, guess = calibration_error(odds.ravel(), unseen.belongs.ravel(), pairs), odds >= 0.5
    else:
        threshold, _ = fit_threshold(confidence, right, weight, precision)
        error = calibration_error(confidence, right, weight)
        guess = np.arange(odds.shape[1]) == best[:, None]
    return Calibration(
        scale=scale,
        threshold=threshold,
        precision=precision,
        held_out=unseen.items,
        accuracy=round(float(np.average(right, weights=weight)), 4),
        macro_f1=round(macro_f1(unseen.belongs, guess, weight), 4),
        calibration_error=round(error, 4),
        coverage=round(float(np.average(confidence >= threshold, weights=weight)), 4),
    )


def macro_f1(truth: NDArray[np.bool_], guess: NDArray[np.bool_], weight: NDArray[np.float64]) -> float:
    """Average the F1 of all classes that somebody has: (N, C), (N, C), (N,) -> 0..1."""
    both, either = weight @ (truth & guess), weight @ truth + weight @ guess
    has = weight @ truth > 0
    return float((2 * both[has] / either[has]).mean()) if has.any() else 0.0
