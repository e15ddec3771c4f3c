"""Cross-fitting: each part of the groups is scored by fits that left it out, and the best form is chosen by that."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tonari.attributes.discriminant import (
    ClassStatistics,
    Form,
    class_statistics,
    discriminant,
    second_moment,
    subclasses_of,
)
from tonari.attributes.labels import Sample
from tonari.attributes.probability import IMPOSSIBLE, SMALLEST, fit_sigmoid, fit_softmax, sigmoid_losses
from tonari.attributes.weights import ClassWeights, plain_means

SHRINKAGES = (0.03, 0.1, 0.2, 0.35, 0.5, 0.7, 0.9)
PRIORS = (0.0, 1.0)
PLAIN_FORMS = tuple(Form(shrinkage, prior) for shrinkage in SHRINKAGES for prior in PRIORS)
MIXTURE_FORMS = tuple(
    Form(0.9, 0.0, subclasses, temperature) for subclasses in ("groups", "items") for temperature in (1.0, 10.0)
)
"""Subclasses of few items say little of the covariance: much shrinkage."""
USUAL = Form(0.5, 0.0)


@dataclass(frozen=True, slots=True)
class HeldOutScores:
    """Scores of views by fits that had not seen their groups.

    Parameters
    ----------
    belongs : (n, C) bool
    weight : (n,) float64
    group : (n,) int64
    items
        How many items the views are of.
    scores
        By method or form of the discriminant, (n, C); classes that the fit had not seen have a score under all others.
    """

    belongs: NDArray[np.bool_]
    weight: NDArray[np.float64]
    group: NDArray[np.int64]
    items: int
    scores: Mapping[Any, NDArray[np.float64]]


@dataclass(frozen=True, slots=True)
class Fold:
    """A part of the groups by its number in :func:`folds_of`; the sample without it, and the statistics of that."""

    number: int
    training: Sample
    statistics: ClassStatistics


def folds_of(sample: Sample, part: NDArray[np.int64]) -> NDArray[np.int64]:
    """Give the fold of each tenth: fifths, but tenths where the sample has fewer views than dimensions."""
    return part if len(sample) < sample.features.shape[1] else part // 2


def leave_out(sample: Sample, *, several: bool) -> Iterator[Fold]:
    """Measure a sample without each of its folds in turn; nothing comes where all of it is one fold."""
    few = len(sample) < sample.features.shape[1]
    fold = folds_of(sample, sample.part)
    numbers = np.unique(fold).tolist()
    if len(numbers) < 2:
        return
    moments = {} if few else {one: second_moment(sample.take(fold == one)) for one in numbers}
    for number in numbers:
        training = sample.take(fold != number)
        moment = None if few else np.sum([moments[one] for one in numbers if one != number], axis=0)
        yield Fold(number, training, class_statistics(training, several=several, moment=moment))


def score_held_out(sample: Sample, count: int, *, several: bool) -> HeldOutScores:
    """Score each fold by plain means, and by discriminants of all forms, fitted without it; ``C`` is ``count``."""
    fold = folds_of(sample, sample.part)
    codes = tuple(range(count))
    subclasses = subclasses_of(sample, several=several)
    forms = (*PLAIN_FORMS, *(form for form in MIXTURE_FORMS if form.subclasses in subclasses))
    asked: list[NDArray[np.int64]] = []
    found: dict[Any, list[NDArray[np.float64]]] = {}
    for one in leave_out(sample, several=several):
        rows = np.flatnonzero(fold == one.number)
        asked.append(rows)
        for form in forms:
            weights = discriminant(one.statistics, codes, form)
            found.setdefault(form, []).append(score_codes(weights, sample.features[rows], count))
        means = plain_means(one.training, codes)
        found.setdefault("means", []).append(score_codes(means, sample.features[rows], count))
    rows = np.concatenate(asked) if asked else np.empty(0, np.int64)
    return held_out_scores(sample, rows, {key: np.concatenate(scores) for key, scores in found.items()})


def held_out_scores(
    sample: Sample, rows: NDArray[np.int64], scores: Mapping[Any, NDArray[np.float64]]
) -> HeldOutScores:
    """Put scores of some rows of a sample beside what these rows are."""
    return HeldOutScores(
        sample.belongs[rows],
        (sample.weight * sample.importance)[rows],
        sample.group[rows],
        len(np.unique(sample.item[rows])),
        scores,
    )


def score_codes(weights: ClassWeights, features: NDArray[np.float32], count: int) -> NDArray[np.float64]:
    """Score all ``count`` codes; ``weights`` name theirs as their classes: (n, D) -> (n, C)."""
    scores = np.full((len(features), count), 2 * IMPOSSIBLE)
    scores[:, list(weights.classes)] = weights.score_all(features)
    return scores


def truth_of(held_out: HeldOutScores, scores: NDArray[np.float64]) -> NDArray[np.int64]:
    """Give the class of each row, -1 where the fit could not know it."""
    code = held_out.belongs.argmax(axis=1)
    return np.where(scores[np.arange(len(code)), code] > IMPOSSIBLE, code, -1)


def choose_form(held_out: HeldOutScores, *, several: bool) -> Form:
    """Choose by the rule of one standard error [Breiman et al., CART, 1984].

    Of all shrinkages and priors that are not surely worse than the best, those nearest to the middle: a best figure
    alone may be luck. Classes are parted into subclasses where that is surely better.
    """
    quality = {form: _quality(held_out, held_out.scores[form], several=several) for form in PLAIN_FORMS}
    share = held_out.weight / float(held_out.weight.sum())
    best: NDArray[np.float64] = max(quality.values(), key=lambda one: float(share @ one))

    def surely_worse(one: NDArray[np.float64]) -> bool:
        lost = best - one
        mean = float(share @ lost)
        return mean > float(np.sqrt(share**2 @ (lost - mean) ** 2))

    good = [form for form, one in quality.items() if not surely_worse(one)]
    chosen = min(good, key=lambda form: (abs(form.shrinkage - USUAL.shrinkage), abs(form.prior - USUAL.prior)))
    return _with_subclasses(held_out, chosen)


def _with_subclasses(held_out: HeldOutScores, chosen: Form) -> Form:
    """Take subclasses if they raise the likelihood of the labels by more than a standard error over groups.

    Likelihood tells more than the number of right answers, where there are few.
    """
    mixtures = [form for form in MIXTURE_FORMS if form in held_out.scores]
    if not mixtures:
        return chosen
    truth = truth_of(held_out, held_out.scores[chosen])
    share = held_out.weight * (truth >= 0)
    share /= max(float(share.sum()), SMALLEST)
    likely = {form: _log_likelihood(held_out, form, truth) for form in (chosen, *mixtures)}
    best = max(mixtures, key=lambda form: float(share @ likely[form]))
    gain = likely[best] - likely[chosen]
    mean = float(share @ gain)
    _, group = np.unique(held_out.group, return_inverse=True)
    error = float(np.sqrt(np.square(np.bincount(group, share * (gain - mean))).sum()))
    return best if mean > error else chosen


def _log_likelihood(held_out: HeldOutScores, form: Form, truth: NDArray[np.int64]) -> NDArray[np.float64]:
    """Log probability of each row's class, (n,), calibrated."""
    scores = held_out.scores[form]
    probabilities = fit_softmax(scores, truth, held_out.weight).softmax(scores)
    return np.asarray(np.log(np.maximum(probabilities[np.arange(len(truth)), truth], SMALLEST)))


def _quality(held_out: HeldOutScores, scores: NDArray[np.float64], *, several: bool) -> NDArray[np.float64]:
    """Tell for each row whether its best class is right; for tags, the log likelihood of its tags, in nats."""
    if several:
        scale = fit_sigmoid(scores, held_out.belongs, held_out.weight)
        return -sigmoid_losses(scores, held_out.belongs, scale)
    right: NDArray[np.bool_] = held_out.belongs[np.arange(len(scores)), scores.argmax(axis=1)]
    return right.astype(np.float64)
