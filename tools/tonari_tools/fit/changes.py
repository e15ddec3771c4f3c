"""What two embeddings differ by: an interval of each figure, and which losses are more than chance among all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tonari_tools.fit.fit_metrics import Metric, by_group

RESAMPLES = 1_000
LEVEL = 95.0
LEAST_FLIPS, FLIPS_A_FIGURE, FLIPS_AT_ONCE = 4_000, 200, 500
CHANCE = 0.025
"""A fit that changes nothing is refused at most this often, whatever the number of figures."""


@dataclass(frozen=True, slots=True)
class Change:
    """A metric before and after.

    Parameters
    ----------
    low, high
        95 % interval of the difference, by resampling of groups.
    chance
        How often one of all figures judged together would lose as clearly as this one did, if none was worse in truth.
    queries, groups
        That the figure is of.
    """

    task: str
    name: str
    before: float
    after: float
    low: float
    high: float
    chance: float
    queries: int
    groups: int

    @property
    def worse(self) -> bool:
        """Whether the loss is more than chance among all figures."""
        return self.chance <= CHANCE

    @property
    def below(self) -> bool:
        """Whether the whole interval lies below zero; of many figures some do by chance."""
        return self.high < 0

    @property
    def better(self) -> bool:
        """Whether the whole interval lies above zero."""
        return self.low > 0


def compare(before: Sequence[Metric], after: Sequence[Metric], seed: int) -> list[Change]:
    """Pair metrics of the same queries; judge them together.

    Parameters
    ----------
    before, after
        All figures that a fit is judged by.

    Returns
    -------
    One change for each pair, in their order.
    """
    pairs = list(zip(before, after, strict=True))
    drawn: dict[int, NDArray[np.float64]] = {}
    intervals: list[tuple[float, float]] = []
    for one, other in pairs:
        counts, sums = by_group(one, other)
        if len(counts) not in drawn:
            drawn[len(counts)] = _resample(len(counts), seed)
        times = drawn[len(counts)]
        differences = (times @ sums) / (times @ counts)
        low, high = np.percentile(differences, [(100 - LEVEL) / 2, (100 + LEVEL) / 2])
        intervals.append((float(low), float(high)))
    figures = zip(pairs, intervals, chances(pairs, seed), strict=True)
    return [_change(one, other, interval, chance) for (one, other), interval, chance in figures]


def _change(before: Metric, after: Metric, interval: tuple[float, float], chance: float) -> Change:
    means = float(before.values.mean()), float(after.values.mean())
    queries, groups = len(before.values), len(np.unique(before.group))
    return Change(before.task, before.name, *means, *interval, chance, queries, groups)


def chances(pairs: Sequence[tuple[Metric, Metric]], seed: int) -> list[float]:
    """Tell of each figure how often chance alone would show a loss as clear as its own among all figures.

    If a figure changed by chance alone, a group might as well have gained what it lost. So the signs of groups are
    drawn many times, those of all figures of a group together, because they rise and fall together. Each time the
    clearest loss is kept: the least p of a figure among its own draws, so that few groups count like many
    [min-P: Westfall and Young, Resampling-Based Multiple Testing, 1993; drawing signs: Winkler et al., Permutation
    inference for the general linear model, NeuroImage 92 (2014)].

    Returns
    -------
    A share of the draws for each pair, 0..1; what was measured is one of the draws.
    """
    if not pairs:
        return []
    groups, place = np.unique(np.concatenate([one.group for one, _ in pairs]), return_inverse=True)
    counts, sums = np.zeros((len(groups), len(pairs))), np.zeros((len(groups), len(pairs)))
    start = 0
    for column, (one, other) in enumerate(pairs):
        rows = place[start : start + len(one.group)]
        start += len(rows)
        counts[:, column] = np.bincount(rows, minlength=len(groups))
        sums[:, column] = np.bincount(rows, other.values - one.values, minlength=len(groups))
    random = np.random.default_rng(seed)
    blocks = range(0, max(LEAST_FLIPS, FLIPS_A_FIGURE * len(pairs)), FLIPS_AT_ONCE)
    signs = (random.choice([-1.0, 1.0], size=(FLIPS_AT_ONCE, len(groups))) for _ in blocks)
    found = _clearness(np.ones((1, len(groups))), counts, sums)
    places = _places(np.concatenate([found, *(_clearness(drawn, counts, sums) for drawn in signs)]))
    clearest = np.sort(places.min(axis=1))
    return [float(chance) for chance in np.searchsorted(clearest, places[0], side="right") / len(clearest)]


def _places(clearness: NDArray[np.float64]) -> NDArray[np.int64]:
    """Count of each figure the draws with a loss at least as clear: (draws, figures)."""
    rounded = clearness.round(DIGITS)
    return np.stack([np.searchsorted(np.sort(column), column, side="right") for column in rounded.T], axis=1)


DIGITS = 9
TINY = 1e-12


def _clearness(
    signs: NDArray[np.float64], counts: NDArray[np.float64], sums: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Mean difference over the root of its square and its squared standard error: -1 a sure loss, 1 a sure gain.

    The order is that of the mean over its error, a ratio estimate over groups; groups that agree give no infinity.

    Parameters
    ----------
    signs : (draws, groups) float64
    counts, sums : (groups, figures) float64
        Queries of each group, and the sum of their differences.

    Returns
    -------
    (draws, figures)
    """
    total = counts.sum(axis=0)
    mean = signs @ sums / total
    spread = np.square(sums).sum(axis=0) - 2 * mean * (signs @ (sums * counts))
    spread += np.square(mean) * np.square(counts).sum(axis=0)
    return np.asarray(mean / np.sqrt(np.square(mean) + np.maximum(spread, 0) / np.square(total) + TINY**2))


def _resample(groups: int, seed: int) -> NDArray[np.float64]:
    """How often each resample draws each group: (:data:`RESAMPLES`, groups)."""
    random = np.random.default_rng(seed)
    drawn = (random.integers(groups, size=groups) for _ in range(RESAMPLES))
    return np.stack([np.bincount(one, minlength=groups) for one in drawn]).astype(np.float64)
