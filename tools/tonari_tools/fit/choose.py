"""Choose all that a fit leaves open by folds of the fit part; held-out items take no part."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from tonari_tools.fit.measure import Metric, enough, pool, score
from tonari_tools.fit.projection import Weights
from tonari_tools.fit.refusal import FitRefusedError
from tonari_tools.fit.sample import Sample
from tonari_tools.fit.trial import Fold, deal, thin

SHRINKAGES = (0.2, 0.5, 0.8)
ITEM_SHARES = (0.5, 0.8)
FILLS = (0.3, 0.45, 0.6)
STEP = 2**0.125
MOST_STEPS = 12
"""How often the weight of an attribute may be changed, by a factor of :data:`STEP`."""
DIMENSIONS = (64, 128, 256)
TOLERANCE = 0.005
"""So much of the score fewer dimensions may cost."""
Measured: TypeAlias = "Mapping[tuple[str, str], Metric]"
"""By task and name."""
METHOD = "shrunk LDA over all attributes and items, filled up by whitened PCA"


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
    def method(self) -> str:
        """What was done, in a line."""
        return METHOD

    @property
    def dimensions(self) -> int:
        """Of the head."""
        return self.weights.dimensions

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
    parts = list(deal(*thin(sample, rows, seed), seed))
    before = {metric.key: metric for metric in enough(pool(fold.before for fold in parts).values())}
    if not before:
        return None
    scatters = [scatter for fold in parts for scatter in fold.scatters]
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

    def __init__(self, parts: Sequence[Fold], before: Measured, shrinkage: float, item_share: float, seed: int) -> None:
        self.shrinkage, self.item_share, self._seed = shrinkage, item_share, seed
        self._solved = [(fold, fold.solve(shrinkage, item_share)) for fold in parts]
        self._before = before

    def scores(self, candidates: Sequence[Weights]) -> dict[Weights, float]:
        """Score candidates against the backbone over all folds."""
        return {weights: self._score(weights) for weights in candidates}

    def _score(self, weights: Weights) -> float:
        after = pool(fold.measure(found, weights, self._seed) for fold, found in self._solved)
        return score(self._before, after)


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
