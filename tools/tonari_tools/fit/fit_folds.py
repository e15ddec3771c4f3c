"""Folds of the fit part: what is fitted on, what is asked, and smaller fits that lack some classes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tonari_tools.fit.fit_metrics import Metric, Parts, choose_asked, measure, unseen_metrics
from tonari_tools.fit.fit_sample import Sample, deal_classes, folds
from tonari_tools.fit.lda import Directions, Scatter, measure_scatter, solve, to_unit, usable_classes
from tonari_tools.fit.neighbours import rank_others

FOLDS = 5
CLASS_FOLDS = 4
LEAST_CLASSES = 4
"""So many usable classes an attribute needs for some of them to be left out."""
LESSONS = 2
"""Smaller fits in each fold, of an attribute each."""
MOST_ASKED, MOST_UNSEEN = 500, 250
"""Queries of each fold, and of classes that a smaller fit lacks."""
MOST_ROWS = 4_000
MOST_AXES = 320


@dataclass(frozen=True, slots=True)
class Lesson:
    """A smaller fit within a fold, which lacks some classes of one attribute, and the queries about them.

    Parameters
    ----------
    attribute
        Its classes are left out, with all views that have them.
    scatter
        Of what is left.
    asked : (q,) int64
        Held-out rows of the classes that are left out.
    """

    attribute: str
    scatter: Scatter
    asked: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Fold:
    """One fold, and within it smaller fits that lack some classes of one attribute each.

    Parameters
    ----------
    sample, rows
        All of the fit part, and its (N, R) float32 coordinates.
    parts
        What is fitted on, what is measured.
    scatter
        Of what is fitted on.
    asked : (Q,) int64
        The held-out rows that are queries.
    unseen
        The smaller fits.
    """

    sample: Sample
    rows: NDArray[np.float32]
    parts: Parts
    scatter: Scatter
    asked: NDArray[np.int64]
    unseen: Sequence[Lesson]

    def solve(self, shrinkage: float, item_share: float) -> list[Directions]:
        """Solve the fit, then the smaller ones."""
        scatters = [self.scatter, *(lesson.scatter for lesson in self.unseen)]
        return [solve(scatter, shrinkage, item_share) for scatter in scatters]

    def measure(self, maps: Sequence[NDArray[np.float64]]) -> list[Metric]:
        """Measure the embedding that the fit gives, and what the smaller ones' do for the classes that they lack.

        Parameters
        ----------
        maps : (R, D) float64 each
            That of the fit, then those of the smaller ones.
        """
        metrics = measure(self._project(slice(None), maps[0]), self.sample, self.parts, self.asked)
        for lesson, one in zip(self.unseen, maps[1:], strict=True):
            metrics += self._ask(lesson, self._project(self.parts.held, one))
        return metrics

    def measure_backbone(self) -> list[Metric]:
        """Measure the same of the embedding as it is."""
        backbone = to_unit(self.sample.features)
        metrics = measure(backbone, self.sample, self.parts, self.asked)
        for lesson in self.unseen:
            metrics += self._ask(lesson, backbone[self.parts.held])
        return metrics

    def _project(self, chosen: slice | NDArray[np.int64], one: NDArray[np.float64]) -> NDArray[np.float32]:
        return to_unit(self.rows[chosen] @ one.astype(np.float32))

    def _ask(self, lesson: Lesson, vectors: NDArray[np.float32]) -> list[Metric]:
        held, asked = self.parts.held, lesson.asked
        ranked = rank_others(vectors, self.sample.item[held], np.searchsorted(held, asked))
        return unseen_metrics(lesson.attribute, ranked, self.sample, held, asked)


def thin(sample: Sample, rows: NDArray[np.float64], seed: int) -> tuple[Sample, NDArray[np.float64]]:
    """Keep the leading axes, and whole groups, as many as :data:`MOST_ROWS` rows have room for."""
    rows = rows[:, :MOST_AXES]
    if len(sample) <= MOST_ROWS:
        return sample, rows
    groups, place = np.unique(sample.group, return_inverse=True)
    turn = np.random.default_rng(seed).permutation(len(groups))[place]
    taken = np.sort(np.argsort(turn, kind="stable")[:MOST_ROWS])
    return sample.take(taken), rows[taken]


def deal(sample: Sample, rows: NDArray[np.float64], seed: int) -> Iterator[tuple[Fold, list[Metric]]]:
    """Deal the fit part out; in each fold :data:`LESSONS` attributes in turn lack a quarter of their classes each.

    Parameters
    ----------
    rows : (N, R) float64
        Coordinates of the sample along principal axes.

    Returns
    -------
    Those folds in which there is something to learn and to measure, each with the backbone's metrics.
    """
    dealt = folds(sample.group, FOLDS, seed)
    single = rows.astype(np.float32)
    classes = {name: usable_classes(codes, sample.item).tolist() for name, codes in sample.labels.items()}
    names = [name for name, found in classes.items() if len(found) >= LEAST_CLASSES]
    turns = [(name, left_out) for left_out in range(CLASS_FOLDS) for name in names]
    for number in range(FOLDS):
        parts = Parts(np.flatnonzero(dealt != number), np.flatnonzero(dealt == number))
        scatter = measure_scatter(rows[parts.known], sample.take(parts.known)) if len(parts.known) else None
        if scatter is None or not len(parts.held):
            continue
        lessons = []
        for turn in range(min(LESSONS, len(names))):
            name, left_out = turns[(number * min(LESSONS, len(names)) + turn) % len(turns)]
            unseen = deal_classes(classes[name], CLASS_FOLDS, seed)[left_out]
            known = parts.known[~np.isin(sample.labels[name][parts.known], unseen)]
            smaller = measure_scatter(rows[known], sample.take(known)) if len(known) else None
            asked = parts.held[np.isin(sample.labels[name][parts.held], unseen)]
            if smaller is not None and len(asked):
                lessons.append(Lesson(name, smaller, choose_asked(asked, seed, MOST_UNSEEN)))
        fold = Fold(sample, single, parts, scatter, choose_asked(parts.held, seed, MOST_ASKED), lessons)
        if before := fold.measure_backbone():
            yield fold, before
