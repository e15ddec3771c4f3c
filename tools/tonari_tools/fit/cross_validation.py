"""Choose all that a fit leaves open by folds of the fit part; held-out items take no part."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from tonari_tools.fit.fit_metrics import Key, Metric, Parts, enough, measure, pool, score, unseen_metrics
from tonari_tools.fit.fit_sample import FitRefusedError, Sample, deal_classes, folds
from tonari_tools.fit.lda import (
    Directions,
    Scatter,
    Weights,
    measure_scatter,
    solve,
    to_unit,
    usable_classes,
    weigh,
)

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
    attribute, unseen
        The classes that the smaller fit lacks; no attribute if there is none of enough classes.
    taught
        Rows and scatter of the fit, and of the smaller one where there is one.
    """

    sample: Sample
    rows: NDArray[np.float64]
    parts: Parts
    attribute: str
    unseen: list[int]
    taught: Sequence[tuple[NDArray[np.int64], Scatter]]

    def solve(self, shrinkage: float, item_share: float) -> list[Directions]:
        """Solve the fit, and the smaller one where there is one."""
        return [solve(self.rows[known], scatter, shrinkage, item_share) for known, scatter in self.taught]

    def measure(self, embeddings: Sequence[NDArray[np.float32]], seed: int) -> list[Metric]:
        """Measure the embedding that the fit gives, and what the smaller one's does for the classes that it lacks."""
        metrics = measure(embeddings[0], self.sample, self.parts, seed)
        if self.attribute:
            metrics += unseen_metrics(embeddings[-1], self.attribute, self.sample, self.parts.held, self.unseen)
        return metrics


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
    """Deal the fit part out; the attributes take turns in lacking a quarter of their classes.

    Parameters
    ----------
    rows : (N, R) float64
        Coordinates of the sample along principal axes.

    Returns
    -------
    Those folds in which there is something to learn and to measure, each with the backbone's metrics.
    """
    dealt = folds(sample.group, FOLDS, seed)
    backbone = to_unit(sample.features)
    classes = {name: usable_classes(codes, sample.item).tolist() for name, codes in sample.labels.items()}
    names = [name for name, found in classes.items() if len(found) >= LEAST_CLASSES]
    for number in range(FOLDS):
        parts = Parts(np.flatnonzero(dealt != number), np.flatnonzero(dealt == number))
        name, unseen, fits = "", list[int](), [parts.known]
        if names:
            name = names[number % len(names)]
            unseen = deal_classes(classes[name], CLASS_FOLDS, seed)[number // len(names) % CLASS_FOLDS]
            fits.append(parts.known[~np.isin(sample.labels[name][parts.known], unseen)])
        if not len(fits[-1]) or not len(parts.held):
            continue
        scatters = [measure_scatter(rows[known], sample.take(known)) for known in fits]
        taught = [(known, scatter) for known, scatter in zip(fits, scatters, strict=True) if scatter]
        fold = Fold(sample, rows, parts, name, unseen, taught)
        if len(taught) == len(fits) and (before := fold.measure([backbone], seed)):
            yield fold, before


SHRINKAGES = (0.2, 0.5, 0.8)
ITEM_SHARES = (0.5, 0.8)
FILLS = (0.3, 0.45, 0.6)
STEP = 2**0.125
MOST_STEPS = 12
"""How often the weight of an attribute may be changed, by a factor of :data:`STEP`."""
DIMENSIONS = (64, 128, 256)
TOLERANCE = 0.005
"""So much of the score fewer dimensions may cost."""


@dataclass(frozen=True, slots=True, order=True)
class Parameters:
    """What is chosen.

    Parameters
    ----------
    shrinkage
        Share of the identity in the covariance within.
    item_share
        Share of the items' covariance in it, the rest being the attributes'.
    weights
        Of the directions that these give.
    """

    shrinkage: float
    item_share: float
    weights: Weights

    @property
    def summary(self) -> str:
        """What was chosen, in a line."""
        weights = ", ".join(f"{name} {weight:g}" for name, weight in self.weights.attributes)
        return f"shrinkage {self.shrinkage:g}, items' share {self.item_share:g}, fill {self.weights.fill:g}" + (
            f", weights {weights}" if weights else ""
        )


def choose(sample: Sample, rows: NDArray[np.float64], dimensions: Sequence[int], seed: int) -> Parameters | None:
    """Choose by cross-validation over groups.

    What a fit does for classes that it has not seen counts too. Shrinkage, the items' share and the fill are chosen
    first, at the most dimensions; then the attributes' weights, one step after the other; then dimensions and fill
    together: the fewest dimensions that cost no more than :data:`TOLERANCE`.

    Parameters
    ----------
    sample
        The fit part alone.
    rows : (N, R) float64
        Its coordinates along the principal axes.
    dimensions
        Those that may be chosen, ascending.

    Returns
    -------
    None if the folds have nothing to learn from, or nothing that a candidate could be measured by.

    Raises
    ------
    FitRefusedError
        If every candidate loses more on the folds than it gains.
    """
    dealt = list(deal(*thin(sample, rows, seed), seed))
    before = {metric.key: metric for metric in enough(pool(metrics for _, metrics in dealt).values())}
    if not before:
        return None
    parts = [fold for fold, _ in dealt]
    scatters = [scatter for fold in parts for _, scatter in fold.taught]
    labelled = any(scatter.attributes is not None for scatter in scatters)
    shares = ITEM_SHARES if labelled and all(scatter.items is not None for scatter in scatters) else (0.0,)
    fills = FILLS if labelled else (1.0,)
    plain = Weights(1.0, tuple((name, 1.0) for name in sample.labels), dimensions[-1])
    trials = [_Trial(parts, before, s, share, seed) for s, share in itertools.product(SHRINKAGES, shares)]
    first = [(trial, trial.scores([replace(plain, fill=fill) for fill in fills])) for trial in trials]
    trial, tried = max(first, key=lambda pair: max(pair[1].values()))
    weights = _balance(trial, _best(tried)) if labelled else _best(tried)
    sizes = [replace(weights, fill=fill, dimensions=size) for fill, size in itertools.product(fills, dimensions)]
    scores = trial.scores(sizes)
    if max(scores.values()) < 0:
        raise FitRefusedError(
            "Cross-validation over the items to learn from finds nothing that would not put at risk what the encoder "
            "can do already: use it as it is, or push more items or labels."
        )
    least = max(scores.values()) - TOLERANCE
    fewest = min(weights.dimensions for weights, found in scores.items() if found >= least)
    best = _best({weights: found for weights, found in scores.items() if weights.dimensions == fewest})
    return Parameters(trial.shrinkage, trial.item_share, best)


class _Trial:
    """Candidates of one shrinkage and share, whose equations are solved once."""

    def __init__(
        self, parts: Sequence[Fold], before: Mapping[Key, Metric], shrinkage: float, item_share: float, seed: int
    ) -> None:
        self.shrinkage, self.item_share, self._before, self._seed = shrinkage, item_share, before, seed
        self._solved = [(fold, fold.solve(shrinkage, item_share)) for fold in parts]

    def scores(self, candidates: Sequence[Weights]) -> dict[Weights, float]:
        """Score candidates against the backbone over all folds."""
        return {weights: score(self._before, pool(self._after(weights))) for weights in candidates}

    def _after(self, weights: Weights) -> Iterator[list[Metric]]:
        for fold, solved in self._solved:
            embeddings = [to_unit(fold.rows @ weigh(directions, weights)) for directions in solved]
            yield fold.measure(embeddings, self._seed)


def _balance(trial: _Trial, best: Weights) -> Weights:
    """Raise or lower the weight of that attribute where it helps most, until it helps no more.

    An attribute whose classes lie far apart would otherwise drown the others.
    """
    for _ in range(MOST_STEPS):
        given = best.attributes
        changed = [
            replace(best, attributes=(*given[:place], (name, weight * factor), *given[place + 1 :]))
            for place, (name, weight) in enumerate(given)
            for factor in (1 / STEP, STEP)
        ]
        scores = trial.scores([best, *changed])
        better = _best(scores)
        if better == best:
            break
        best = better
    return best


def _best(scores: Mapping[Weights, float]) -> Weights:
    return min(scores, key=lambda weights: (-scores[weights], weights))
