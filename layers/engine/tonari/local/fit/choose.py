"""Choose shrinkage, fill, share of the items and dimensions by folds of the fit part; held-out items take no part."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from tonari.local.fit.lda import Scatter, measure_scatter, solve, usable_classes
from tonari.local.fit.measure import Metric, Parts, measure, pool, score, unseen_metrics
from tonari.local.fit.projection import to_unit, weigh
from tonari.local.fit.split import deal_classes, folds

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from tonari.local.fit.lda import Directions
    from tonari.local.fit.sample import Sample

FOLDS = 5
SHRINKAGES = (0.2, 0.5, 0.8)
ITEM_SHARES = (0.5, 0.8)
FILLS = (0.3, 0.45, 0.6)
DIMENSIONS = (64, 128, 256)
CLASS_FOLDS = 4
LEAST_CLASSES = 4
MOST_ROWS = 4_000
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
    fill
        Weight of what the discriminants leave.
    dimensions
        ``D``.
    """

    shrinkage: float
    item_share: float
    fill: float
    dimensions: int


@dataclass(frozen=True, slots=True)
class _Fold:
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


def choose(sample: Sample, rows: NDArray[np.float64], dimensions: Sequence[int], seed: int) -> Parameters | None:
    """Choose by cross-validation over groups.

    What a fit does for classes that it has not seen counts too. Shrinkage, share and fill are chosen at the most
    dimensions, then dimensions and fill together: the fewest dimensions that cost no more than :data:`TOLERANCE`.

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
    None if the folds have nothing that a candidate could be measured by.
    """
    parts = [fold for fold in _fold(*_thin(sample, rows, seed), seed) if fold.before]
    if not parts:
        return None
    both = all(s.items is not None and s.attributes is not None for fold in parts for s in fold.scatters)
    widest = Parameters(SHRINKAGES[0], 0.0, FILLS[0], dimensions[-1])
    grid = itertools.product(SHRINKAGES, ITEM_SHARES if both else (0.0,))
    tried: dict[Parameters, float] = {}
    for shrinkage, share in grid:
        base = replace(widest, shrinkage=shrinkage, item_share=share)
        tried |= _try(parts, base, FILLS, dimensions[-1:], seed)
    scores = _try(parts, _best(tried), FILLS, dimensions, seed)
    least = max(scores.values()) - TOLERANCE
    fewest = min(p.dimensions for p, score in scores.items() if score >= least)
    return _best({p: score for p, score in scores.items() if p.dimensions == fewest})


def _thin(sample: Sample, rows: NDArray[np.float64], seed: int) -> tuple[Sample, NDArray[np.float64]]:
    """Keep whole groups, as many as :data:`MOST_ROWS` rows have room for."""
    if len(sample) <= MOST_ROWS:
        return sample, rows
    groups, place = np.unique(sample.group, return_inverse=True)
    turn = np.random.default_rng(seed).permutation(len(groups))[place]
    taken = np.sort(np.argsort(turn, kind="stable")[:MOST_ROWS])
    return sample.take(taken), rows[taken]


def _fold(sample: Sample, rows: NDArray[np.float64], seed: int) -> Iterator[_Fold]:
    """Deal the fit part out; the attributes take turns in lacking a fifth of their classes."""
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
        fold = _Fold(sample, rows, parts, seen, name, unseen, scatters, [])
        yield replace(fold, before=_measure(vectors, vectors, fold, seed))


def _scatter(sample: Sample, rows: NDArray[np.float64], known: NDArray[np.int64]) -> Scatter:
    taught = sample.take(known)
    return measure_scatter(rows[known], taught.item, taught.labels, sample.features.shape[1])


def _measure(whole: NDArray[np.float32], lacking: NDArray[np.float32], fold: _Fold, seed: int) -> list[Metric]:
    """Measure the fold's fit, and at the unseen classes the smaller one."""
    metrics = measure(whole, fold.sample, fold.parts, seed)
    if fold.attribute:
        metrics += unseen_metrics(lacking, fold.attribute, fold.sample, fold.parts.held, fold.unseen)
    return metrics


def _try(
    parts: Sequence[_Fold], base: Parameters, fills: Sequence[float], dimensions: Sequence[int], seed: int
) -> dict[Parameters, float]:
    """Score candidates of one shrinkage and share, whose equations are solved once."""
    solved = [_solve(fold, base) for fold in parts]
    before = pool(fold.before for fold in parts)
    scores = {}
    for fill, size in itertools.product(fills, dimensions):
        after = pool(_after(*pair, fill, size, seed) for pair in zip(parts, solved, strict=True))
        gains = {key: float(after[key].values.mean() - metric.values.mean()) for key, metric in before.items()}
        scores[replace(base, fill=fill, dimensions=size)] = score(gains)
    return scores


def _solve(fold: _Fold, base: Parameters) -> list[Directions]:
    taught = (fold.parts.known, fold.seen) if fold.attribute else (fold.parts.known,)
    return [
        solve(fold.rows[known], scatter, base.shrinkage, base.item_share)
        for known, scatter in zip(taught, fold.scatters, strict=False)
    ]


def _after(fold: _Fold, found: list[Directions], fill: float, dimensions: int, seed: int) -> list[Metric]:
    vectors = [to_unit(fold.rows @ weigh(directions, fill, dimensions)) for directions in found]
    return _measure(vectors[0], vectors[-1], fold, seed)


def _best(scores: Mapping[Parameters, float]) -> Parameters:
    return min(scores, key=lambda p: (-scores[p], p))
