"""Folds of the fit part, on which candidates are tried."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from tonari_tools.fit.lda import Directions, Scatter, measure_scatter, solve, usable_classes
from tonari_tools.fit.measure import Metric, Parts, measure, unseen_metrics
from tonari_tools.fit.projection import Weights, to_unit, weigh
from tonari_tools.fit.sample import Sample
from tonari_tools.fit.split import deal_classes, folds

FOLDS = 5
CLASS_FOLDS = 4
LEAST_CLASSES = 4
"""So many usable classes an attribute needs for some of them to be left out."""
MOST_ROWS = 4_000
MOST_AXES = 320


@dataclass(frozen=True, slots=True)
class Fold:
    """One fold, and within it a smaller fit that lacks some classes of one attribute.

    Parameters
    ----------
    sample, rows
        All of the fit part.
    parts
        What is fitted on, what is measured.
    seen
        What the smaller fit is fitted on.
    attribute, unseen
        The classes that it lacks; no attribute if there is none of enough classes.
    scatters
        Of the fit and of the smaller one.
    before
        The backbone's metrics.
    """

    sample: Sample
    rows: NDArray[np.float64]
    parts: Parts
    seen: NDArray[np.int64]
    attribute: str
    unseen: list[int]
    scatters: tuple[Scatter, Scatter]
    before: list[Metric]

    def solve(self, shrinkage: float, item_share: float) -> list[Directions]:
        """Solve the fit, and the smaller one where there is one."""
        taught = (self.parts.known, self.seen) if self.attribute else (self.parts.known,)
        return [
            solve(self.rows[known], scatter, shrinkage, item_share)
            for known, scatter in zip(taught, self.scatters, strict=False)
        ]

    def measure(self, solved: list[Directions], weights: Weights, seed: int) -> list[Metric]:
        """Measure what :meth:`solve` gave."""
        vectors = [to_unit(self.rows @ weigh(directions, weights)) for directions in solved]
        return _measure(vectors[0], vectors[-1], self, seed)


def thin(sample: Sample, rows: NDArray[np.float64], seed: int) -> tuple[Sample, NDArray[np.float64]]:
    """Keep the leading axes, and whole groups, as many as :data:`MOST_ROWS` rows have room for."""
    rows = rows[:, :MOST_AXES]
    if len(sample) <= MOST_ROWS:
        return sample, rows
    groups, place = np.unique(sample.group, return_inverse=True)
    turn = np.random.default_rng(seed).permutation(len(groups))[place]
    taken = np.sort(np.argsort(turn, kind="stable")[:MOST_ROWS])
    return sample.take(taken), rows[taken]


def deal(sample: Sample, rows: NDArray[np.float64], seed: int) -> Iterator[Fold]:
    """Deal the fit part out; the attributes take turns in lacking a quarter of their classes.

    Parameters
    ----------
    rows : (N, R) float64
        Coordinates of the sample along principal axes.

    Returns
    -------
    Those folds in which there is something to learn and to measure.
    """
    dealt = folds(sample.group, FOLDS, seed)
    vectors = to_unit(sample.features)
    classes = {name: usable_classes(codes, sample.item).tolist() for name, codes in sample.labels.items()}
    names = [name for name, found in classes.items() if len(found) >= LEAST_CLASSES]
    for number in range(FOLDS):
        parts = Parts(np.flatnonzero(dealt != number), np.flatnonzero(dealt == number))
        name = names[number % len(names)] if names else ""
        unseen = deal_classes(classes[name], CLASS_FOLDS, seed)[number // len(names) % CLASS_FOLDS] if name else []
        seen = parts.known[~np.isin(sample.labels[name][parts.known], unseen)] if name else parts.known
        if not len(seen) or not len(parts.held):
            continue
        scatters = _scatter(sample, rows, parts.known), _scatter(sample, rows, seen)
        if any(scatter.attributes is None and scatter.items is None for scatter in scatters):
            continue
        fold = Fold(sample, rows, parts, seen, name, unseen, scatters, [])
        before = _measure(vectors, vectors, fold, seed)
        if before:
            yield replace(fold, before=before)


def _scatter(sample: Sample, rows: NDArray[np.float64], known: NDArray[np.int64]) -> Scatter:
    taught = sample.take(known)
    return measure_scatter(rows[known], taught.item, taught.labels, sample.features.shape[1])


def _measure(whole: NDArray[np.float32], lacking: NDArray[np.float32], fold: Fold, seed: int) -> list[Metric]:
    metrics = measure(whole, fold.sample, fold.parts, seed)
    if fold.attribute:
        metrics += unseen_metrics(lacking, fold.attribute, fold.sample, fold.parts.held, fold.unseen)
    return metrics
