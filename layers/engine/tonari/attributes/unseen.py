"""Fits that leave out a part of the groups, and what they say of it: the ground of all choices and figures."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tonari.attributes.discriminant import Form, discriminant
from tonari.attributes.labels import Sample
from tonari.attributes.probability import IMPOSSIBLE
from tonari.attributes.spread import Spread, kinds_of, measure_spread, second_moment
from tonari.attributes.weights import ClassWeights, plain_means

SHRINKAGES = (0.03, 0.1, 0.2, 0.35, 0.5, 0.7, 0.9)
PRIORS = (0.0, 1.0)
FORMS = tuple(Form(shrinkage, prior) for shrinkage in SHRINKAGES for prior in PRIORS)
KINDS = tuple(Form(0.9, 0.0, kinds, temperature) for kinds in ("groups", "items") for temperature in (1.0, 10.0))
"""Kinds of few items say little of the covariance: much shrinkage."""


@dataclass(frozen=True, slots=True)
class Unseen:
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
    """A part of the groups, and what is measured without it.

    Parameters
    ----------
    number
        Of the part, as :func:`folds_of` gives it.
    known
        The sample without the part.
    spread
        Of ``known``.
    """

    number: int
    known: Sample
    spread: Spread


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
        known = sample.take(fold != number)
        moment = None if few else np.sum([moments[one] for one in numbers if one != number], axis=0)
        yield Fold(number, known, measure_spread(known, several=several, moment=moment))


def score_unseen(sample: Sample, count: int, *, several: bool) -> Unseen:
    """Let plain means, and discriminants of all forms, score each fold unseen; ``C`` is ``count``."""
    fold = folds_of(sample, sample.part)
    codes = tuple(range(count))
    kinds = kinds_of(sample, several=several)
    forms = (*FORMS, *(form for form in KINDS if form.kinds in kinds))
    asked: list[NDArray[np.int64]] = []
    found: dict[Any, list[NDArray[np.float64]]] = {}
    for one in leave_out(sample, several=several):
        rows = np.flatnonzero(fold == one.number)
        asked.append(rows)
        for form in forms:
            weights = discriminant(one.spread, codes, form)
            found.setdefault(form, []).append(score(weights, sample.features[rows], count))
        found.setdefault("means", []).append(score(plain_means(one.known, codes), sample.features[rows], count))
    rows = np.concatenate(asked) if asked else np.empty(0, np.int64)
    return Unseen(
        sample.belongs[rows],
        (sample.weight * sample.importance)[rows],
        sample.group[rows],
        len(np.unique(sample.item[rows])),
        {key: np.concatenate(scores) for key, scores in found.items()},
    )


def score(weights: ClassWeights, features: NDArray[np.float32], count: int) -> NDArray[np.float64]:
    """Score all ``count`` codes; ``weights`` name theirs as their classes: (n, D) -> (n, C)."""
    scores = np.full((len(features), count), 2 * IMPOSSIBLE)
    scores[:, list(weights.classes)] = weights.score_all(features)
    return scores


def truth_of(unseen: Unseen, scores: NDArray[np.float64]) -> NDArray[np.int64]:
    """Give the class of each row, -1 where the fit could not know it."""
    code = unseen.belongs.argmax(axis=1)
    return np.where(scores[np.arange(len(code)), code] > IMPOSSIBLE, code, -1)
