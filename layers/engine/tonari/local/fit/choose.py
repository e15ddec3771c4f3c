"""Choose shrinkage, fill, share of the items and dimensions by folds of the fit part; held-out items take no part."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from tonari.local.fit.lda import Scatter, measure_scatter, solve
from tonari.local.fit.measure import Metric, Parts, measure, pool, score
from tonari.local.fit.projection import to_unit, weigh
from tonari.local.fit.split import folds

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from tonari.local.fit.lda import Directions
    from tonari.local.fit.sample import Sample

FOLDS = 5
SHRINKAGES = (0.1, 0.3, 0.5, 0.8)
ITEM_SHARES = (0.0, 0.5, 0.8)
FILLS = (0.15, 0.3, 0.6, 1.0)
DIMENSIONS = (64, 128, 256)
CLASS_FOLDS = 4
LEAST_CLASSES = 4
MOST_ROWS = 6_000
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
    """One fold: what the backbone's metrics are, and what a projection is fitted and measured on."""

    sample: Sample
    rows: NDArray[np.float64]
    parts: Parts
    scatter: Scatter
    before: list[Metric]


def choose(sample: Sample, rows: NDArray[np.float64], dimensions: Sequence[int], seed: int) -> Parameters | None:
    """Choose by cross-validation over groups.

    Shrinkage, share and fill are chosen at the most dimensions, then dimensions and fill together: the fewest that
    cost no more than :data:`TOLERANCE`.

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
    both = all(fold.scatter.items is not None and fold.scatter.attributes is not None for fold in parts)
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
    dealt = folds(sample.group, FOLDS, seed)
    vectors = to_unit(sample.features)
    for number in range(FOLDS):
        parts = Parts(np.flatnonzero(dealt != number), np.flatnonzero(dealt == number))
        if not len(parts.known) or not len(parts.held):
            continue
        known = sample.take(parts.known)
        scatter = measure_scatter(rows[parts.known], known.item, known.labels, sample.features.shape[1])
        if scatter.attributes is not None or scatter.items is not None:
            yield _Fold(sample, rows, parts, scatter, measure(vectors, sample, parts, seed))


def _try(
    parts: Sequence[_Fold], base: Parameters, fills: Sequence[float], dimensions: Sequence[int], seed: int
) -> dict[Parameters, float]:
    """Score candidates of one shrinkage and share, whose equations are solved once."""
    solved = [solve(fold.rows[fold.parts.known], fold.scatter, base.shrinkage, base.item_share) for fold in parts]
    before = pool(fold.before for fold in parts)
    scores = {}
    for fill, size in itertools.product(fills, dimensions):
        after = pool(_after(*pair, fill, size, seed) for pair in zip(parts, solved, strict=True))
        gains = {key: float(after[key].values.mean() - metric.values.mean()) for key, metric in before.items()}
        scores[replace(base, fill=fill, dimensions=size)] = score(gains)
    return scores


def _after(fold: _Fold, found: Directions, fill: float, dimensions: int, seed: int) -> list[Metric]:
    return measure(to_unit(fold.rows @ weigh(found, fill, dimensions)), fold.sample, fold.parts, seed)


def _best(scores: Mapping[Parameters, float]) -> Parameters:
    return min(scores, key=lambda p: (-scores[p], p))
