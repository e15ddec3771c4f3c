"""Choose all that a fit leaves open by folds of the fit part; held-out items take no part."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from tonari.snapshots.snapshot import Progress
from tonari_tools.fit.fit_folds import Fold, deal, thin
from tonari_tools.fit.fit_metrics import Key, Metric, enough, pool, score
from tonari_tools.fit.fit_sample import FitRefusedError, Sample
from tonari_tools.fit.lda import Directions, Weights, condense, weigh

Candidate = TypeVar("Candidate")


def silent(_stage: str, _done: int, _total: int) -> None:
    """Hear of progress and say nothing."""


SHRINKAGES = (0.2, 0.5, 0.8)
ITEM_SHARES = (0.5, 0.8)
FILLS = (0.3, 0.45, 0.6)
STEP = 2**0.25
MOST_CHANGES = 3
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


def choose(
    sample: Sample, rows: NDArray[np.float64], dimensions: Sequence[int], seed: int, progress: Progress = silent
) -> Parameters | None:
    """Choose by cross-validation over groups.

    What a fit does for classes that it has not seen counts too. Shrinkage, the items' share and the fill are chosen
    first, at the most dimensions; then each attribute's weight, one attribute after the other; then dimensions and
    fill together: the fewest dimensions that cost no more than :data:`TOLERANCE`. So many candidates are tried as there
    are attributes, times a constant, and each costs little more for one more attribute.

    Parameters
    ----------
    sample
        The fit part alone.
    rows : (N, R) float64
        Its coordinates along the principal axes.
    dimensions
        Those that may be chosen, ascending.
    progress
        Is told what is being tried, how many candidates are done, and how many there may be.

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
    labelled = any(fold.scatter.attributes is not None for fold in parts)
    both = labelled and all(fold.scatter.items is not None for fold in parts)
    fills = FILLS if labelled else (1.0,)
    plain = Weights(1.0, tuple((name, 1.0) for name in sample.labels), dimensions[-1])
    trials = [
        _Trial(parts, before, shrinkage, share)
        for shrinkage, share in itertools.product(SHRINKAGES, ITEM_SHARES if both else (0.0,))
    ]
    candidates = [(trial, replace(plain, fill=fill)) for trial in trials for fill in fills]
    trial, best = max(
        _watched(candidates, "shrinkage, items' share and fill", progress), key=lambda pair: pair[0].score(pair[1])
    )
    best = _balance(trial, best, progress) if labelled else best
    sizes = [replace(best, fill=fill, dimensions=size) for fill, size in itertools.product(fills, dimensions)]
    scores = {weights: trial.score_condensed(weights) for weights in _watched(sizes, "fill and dimensions", progress)}
    if max(scores.values()) < 0:
        raise FitRefusedError(
            "Cross-validation over the items to learn from finds nothing that would not put at risk what the encoder "
            "can do already: use it as it is, or push more items or labels."
        )
    least = max(scores.values()) - TOLERANCE
    fewest = min(weights.dimensions for weights, found in scores.items() if found >= least)
    kept = {weights: found for weights, found in scores.items() if weights.dimensions == fewest}
    return Parameters(trial.shrinkage, trial.item_share, min(kept, key=lambda weights: (-kept[weights], weights)))


def _watched(candidates: Sequence[Candidate], stage: str, progress: Progress) -> Iterator[Candidate]:
    """Hand out candidates, and tell how many have been tried."""
    for done, candidate in enumerate(candidates):
        progress(stage, done, len(candidates))
        yield candidate
    progress(stage, len(candidates), len(candidates))


class _Trial:
    """Candidates of one shrinkage and share: equations are solved once, when the first is tried, each scored once."""

    def __init__(
        self, parts: Sequence[Fold], before: Mapping[Key, Metric], shrinkage: float, item_share: float
    ) -> None:
        self.shrinkage, self.item_share = shrinkage, item_share
        self._parts, self._before = parts, before
        self._scores: dict[Weights, float] = {}

    @cached_property
    def _solved(self) -> list[tuple[Fold, list[Directions]]]:
        return [(fold, fold.solve(self.shrinkage, self.item_share)) for fold in self._parts]

    def score(self, weights: Weights) -> float:
        """Score a candidate against the backbone over all folds, in as many dimensions as its attributes need."""
        if weights not in self._scores:
            self._scores[weights] = self._score([weigh(one, weights) for one in solved] for _, solved in self._solved)
        return self._scores[weights]

    def score_condensed(self, weights: Weights) -> float:
        """Score a candidate in no more dimensions than it names."""
        return self._score([condense(one, weights) for one in solved] for _, solved in self._solved)

    def _score(self, maps: Iterable[Sequence[NDArray[np.float64]]]) -> float:
        folds = (fold for fold, _ in self._solved)
        return score(self._before, pool(fold.measure(given) for fold, given in zip(folds, maps, strict=True)))


def _balance(trial: _Trial, best: Weights, progress: Progress) -> Weights:
    """Raise the weight of each attribute in turn as long as that helps, or else lower it.

    An attribute whose classes lie far apart would otherwise drown the others. An attribute is tried at most
    ``MOST_CHANGES + 1`` times.
    """
    most = MOST_CHANGES + 1
    for place, (name, _) in enumerate(best.attributes):
        stage, began, done = f"weight of {name}", best, 0
        for factor in (STEP, 1 / STEP):
            while done < most:
                progress(stage, done, most)
                changed = _times(best, place, factor)
                done += 1
                if trial.score(changed) <= trial.score(best):
                    break
                best = changed
            if best != began:
                break
        progress(stage, most, most)
    return best


def _times(weights: Weights, place: int, factor: float) -> Weights:
    """Multiply the weight of one attribute."""
    given = list(weights.attributes)
    given[place] = given[place][0], given[place][1] * factor
    return replace(weights, attributes=tuple(given))
