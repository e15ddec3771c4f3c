"""Cross-fitting: each part of the groups is scored by fits that left it out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tonari.attributes.discriminant import (
    ClassStatistics,
    Form,
    class_statistics,
    discriminant,
    subclasses_of,
)
from tonari.attributes.labels import Sample
from tonari.attributes.probability import IMPOSSIBLE
from tonari.attributes.refine import refine
from tonari.attributes.totals import add_up, totals_of
from tonari.attributes.weights import ClassWeights, plain_means
from tonari.catalogue.holdout import PARTS

SHRINKAGES = (0.001, 0.003, 0.01, 0.03, 0.1, 0.2, 0.35, 0.5, 0.7, 0.9)
PRIORS = (0.0, 1.0)
PLAIN_FORMS = tuple(Form(shrinkage, prior) for shrinkage in SHRINKAGES for prior in PRIORS)
MIXTURE_FORMS = tuple(
    Form(0.9, 0.0, subclasses, temperature) for subclasses in ("groups", "items") for temperature in (1.0, 10.0)
)
"""Subclasses of few items say little of the covariance: much shrinkage."""
USUAL = Form(0.5, 0.0)
TENTH, FIFTH = PARTS // 10, PARTS // 5
SMALL = 10
"""Items a class on average, under which classes are small."""


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
        By method or form of the discriminant, (n, C) float32; classes that the fit had not seen have a score under all
        others.
    """

    belongs: NDArray[np.bool_]
    weight: NDArray[np.float64]
    group: NDArray[np.int64]
    items: int
    scores: Mapping[Any, NDArray[np.float32]]


@dataclass(frozen=True, slots=True)
class Fold:
    """A part of the groups by its number in :func:`folds_of`, and what all others teach.

    Parameters
    ----------
    held_out : (N,) bool
        Views of the sample that are of this part.
    statistics
        Of the others, the rest's included.
    """

    number: int
    held_out: NDArray[np.bool_]
    statistics: ClassStatistics


def folds_of(sample: Sample, part: NDArray[np.int64]) -> NDArray[np.int64]:
    """Give the fold of each thirtieth: fifths; tenths where there are fewer views than dimensions.

    Where classes are small besides, all thirty are left out in turn: there each item counts for the means and the
    covariance, and what nine tenths have taught scores otherwise than what all have.
    """
    if not _few(sample):
        return part // FIFTH
    return part if float(sample.weight.sum()) < SMALL * sample.belongs.shape[1] else part // TENTH


def _few(sample: Sample) -> bool:
    return sample.rest is None and len(sample) < sample.features.shape[1]


def leave_out(sample: Sample, *, several: bool) -> Iterator[Fold]:
    """Measure a sample and its rest without each of the folds in turn; nothing comes where all of it is one fold."""
    fold, each = folds_of(sample, sample.part), folds_of(sample, np.arange(PARTS))
    numbers = np.unique(fold).tolist()
    if len(numbers) < 2:
        return
    few = _few(sample)
    known = range(0) if few else range(int(each[-1]) + 1)
    totals = {number: totals_of(sample, np.flatnonzero(each == number).tolist()) for number in known}
    for number in numbers:
        held_out = fold == number
        others = None if few else add_up(one for other, one in totals.items() if other != number)
        statistics = class_statistics(sample.take(~held_out), several=several, totals=others)
        yield Fold(number, held_out, statistics)


@dataclass(frozen=True, slots=True)
class ScoresOnDemand(Mapping[Any, NDArray[np.float32]]):
    """Scores of each fold by fits without it: by plain means, ``"means"``, and by discriminants of all forms.

    They are computed each time they are asked for: those of all forms together may take more memory than all else.
    """

    sample: Sample
    folds: Sequence[Fold]
    count: int
    forms: tuple[Form, ...]

    def __getitem__(self, key: Any) -> NDArray[np.float32]:
        """Score the rows of :func:`rows_of`: (n, C)."""
        if key not in self:
            raise KeyError(key)
        scores = [
            score_codes(self._weights(one.statistics, key), self.sample.features[one.held_out], self.count)
            for one in self.folds
        ]
        return np.concatenate([np.empty((0, self.count), np.float32), *scores])

    def __contains__(self, key: object) -> bool:
        """Tell without computing."""
        return key == "means" or key in self.forms

    def __iter__(self) -> Iterator[Any]:
        """Give the forms, and ``"means"``."""
        return iter((*self.forms, "means"))

    def __len__(self) -> int:
        """How many there are."""
        return len(self.forms) + 1

    def _weights(self, statistics: ClassStatistics, key: Any) -> ClassWeights:
        codes = tuple(range(self.count))
        if key == "means":
            return plain_means(statistics.item_means, statistics.sampled, codes)
        return discriminant(statistics, codes, key)


def score_held_out(sample: Sample, folds: Sequence[Fold], count: int, *, several: bool) -> HeldOutScores:
    """Score each fold by plain means, and by discriminants of all forms, fitted without it; ``C`` is ``count``."""
    subclasses = subclasses_of(sample, several=several)
    forms = (*PLAIN_FORMS, *(form for form in MIXTURE_FORMS if form.subclasses in subclasses))
    return held_out_scores(sample, rows_of(folds), ScoresOnDemand(sample, folds, count, forms))


def score_refined(
    sample: Sample, folds: Sequence[Fold], count: int, form: Form, *, several: bool
) -> Iterator[tuple[Form, NDArray[np.float32]]]:
    """Score each fold likewise by refinements of one form: all folds at the largest strength, then at the next."""
    descents = [refine(sample, one.statistics, form, several=several, teaches=~one.held_out) for one in folds]
    for refined in zip(*descents, strict=True):
        scores = [
            score_codes(weights, sample.features[one.held_out], count)
            for one, (_, weights) in zip(folds, refined, strict=True)
        ]
        yield refined[0][0], np.concatenate(scores)


def rows_of(folds: Sequence[Fold]) -> NDArray[np.int64]:
    """Give the views of the sample in the order in which the folds hold them out."""
    return np.concatenate([np.empty(0, np.int64), *(np.flatnonzero(one.held_out) for one in folds)])


def held_out_scores(
    sample: Sample, rows: NDArray[np.int64], scores: Mapping[Any, NDArray[np.float32]]
) -> HeldOutScores:
    """Put scores of some rows of a sample beside what these rows are."""
    return HeldOutScores(
        sample.belongs[rows],
        (sample.weight * sample.importance)[rows],
        sample.group[rows],
        len(np.unique(sample.item[rows])),
        scores,
    )


def score_codes(weights: ClassWeights, features: NDArray[np.float32], count: int) -> NDArray[np.float32]:
    """Score all ``count`` codes; ``weights`` name theirs as their classes: (n, D) -> (n, C)."""
    scores = np.full((len(features), count), 2 * IMPOSSIBLE, np.float32)
    scores[:, list(weights.classes)] = weights.score_all(features)
    return scores


def truth_of(held_out: HeldOutScores, scores: NDArray[np.floating]) -> NDArray[np.int64]:
    """Give the class of each row, -1 where the fit could not know it."""
    code = held_out.belongs.argmax(axis=1)
    return np.where(scores[np.arange(len(code)), code] > IMPOSSIBLE, code, -1)
