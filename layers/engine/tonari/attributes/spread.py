"""What a sample says of its classes: their means, the covariance about them, and the means of their kinds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from tonari.attributes.labels import Sample

BLOCK = 8192
LEAST_VARIANCE = 1e-12
LEAST_VARIED = 1e-6
MOST_KINDS = 100
"""So many means of kinds are taken; where there would be more, a class has items enough for one mean."""

Kinds = Literal["classes", "groups", "items"]
"""What has a vector of its own."""


@dataclass(frozen=True, slots=True)
class Spread:
    """Means of classes and the covariance about them, by its axes.

    Parameters
    ----------
    means : (C, D) float64
    others : (C, D) float64
        Mean of the items that have not the class; only for tags, else ``(0, D)``.
    share : (C,) float64
        Of the catalogue's items; classes that nobody has here have 0.
    axes : (D, R) float64
        Orthonormal eigenvectors of the covariance.
    variances : (R,) float64
        Its eigenvalues; it has none outside of ``axes``.
    typical : float
        Mean variance over all D dimensions; 1 if nothing varies but by rounding.
    sampled : (C,) int64
        From how many items each mean was taken.
    kinds : (V, D) float64, (V,) int64 each
        Means of the items of one class and group, or of one item, and their classes, ascending; left out for tags, and
        where they would be more than :data:`MOST_KINDS`.
    """

    means: NDArray[np.float64]
    others: NDArray[np.float64]
    share: NDArray[np.float64]
    axes: NDArray[np.float64]
    variances: NDArray[np.float64]
    typical: float
    sampled: NDArray[np.int64]
    kinds: Mapping[Kinds, tuple[NDArray[np.float64], NDArray[np.int64]]]

    def through(self, rows: NDArray[np.float64], shrinkage: float) -> NDArray[np.float64]:
        """Multiply rows by the inverse of the shrunk covariance: (n, D) -> (n, D)."""
        floor = shrinkage * self.typical
        along = rows @ self.axes
        gain = 1 / ((1 - shrinkage) * self.variances + floor) - 1 / floor
        return np.asarray((along * gain) @ self.axes.T + rows / floor)


def second_moment(sample: Sample) -> NDArray[np.float64]:
    """Sum the weighted outer products of a sample's views: (D, D)."""
    root = np.sqrt(sample.weight).astype(np.float32)
    total = np.zeros((sample.features.shape[1],) * 2)
    for start in range(0, len(sample), BLOCK):
        rows = sample.features[start : start + BLOCK] * root[start : start + BLOCK, None]
        total += rows.T @ rows
    return total


def measure_spread(sample: Sample, *, several: bool, moment: NDArray[np.float64] | None = None) -> Spread:
    """Take the means and the covariance of a sample; an item counts once, however many views it has.

    Parameters
    ----------
    several
        The classes are tags: the covariance is that about the mean of all.
    moment : (D, D) float64
        What :func:`second_moment` gives, where it is known already.
    """
    weighted = sample.belongs.T * sample.weight
    has = weighted.sum(axis=1)
    means = _mean(weighted, has, sample.features)
    speaks = sample.weight * sample.importance
    share = (sample.belongs.T * speaks).sum(axis=1) / max(speaks.sum(), 1e-12)
    if several:
        lacking = ~sample.belongs.T * sample.weight
        others = _mean(lacking, lacking.sum(axis=1), sample.features)
        sizes = sample.weight.sum(keepdims=True)
        centre = _mean(sample.weight[None], sizes, sample.features)
        about = np.zeros(len(sample), np.int64)
    else:
        others, sizes, centre = means[:0], has, means
        about = np.nonzero(sample.belongs)[1]
    free = max(float(sizes.sum()) - np.count_nonzero(sizes), 1.0)
    if len(sample) < means.shape[1]:
        axes, variances = _from_views((sample.features - centre[about]) * np.sqrt(sample.weight / free)[:, None])
    else:
        moment = second_moment(sample) if moment is None else moment
        variances, axes = np.linalg.eigh((moment - (centre.T * sizes) @ centre) / free)
        variances = np.maximum(variances, 0)
    total = float(variances.sum())
    length = float(sample.weight @ np.einsum("nd,nd->n", sample.features, sample.features))
    varied = total > LEAST_VARIED * length / max(float(sample.weight.sum()), 1e-12)
    typical = total / means.shape[1] if varied else 1.0
    kinds = {name: _kind_means(sample, kind) for name, kind in kinds_of(sample, several=several).items()}
    return Spread(means, others, share, axes, variances, typical, np.rint(has).astype(np.int64), kinds)


def kinds_of(sample: Sample, *, several: bool) -> dict[Kinds, NDArray[np.int64]]:
    """Give each view the number of its kind, (N,), where there are few enough; any part of the sample has them too."""
    if several or not len(sample):
        return {}
    of_class = np.nonzero(sample.belongs)[1]
    parted: dict[Kinds, NDArray[np.int64]] = {"groups": sample.group, "items": sample.item}
    numbered = {name: _number(of_class, parts) for name, parts in parted.items()}
    return {name: kind for name, kind in numbered.items() if kind.max() < MOST_KINDS}


def _number(of_class: NDArray[np.int64], parts: NDArray[np.int64]) -> NDArray[np.int64]:
    _, kind = np.unique(np.stack([of_class, parts]), axis=1, return_inverse=True)
    return kind.reshape(-1)


def _kind_means(sample: Sample, kind: NDArray[np.int64]) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Take the mean of each kind, and its class: kinds are numbered by class."""
    _, first = np.unique(kind, return_index=True)
    weighted = (kind == np.arange(len(first))[:, None]) * sample.weight
    return _mean(weighted, weighted.sum(axis=1), sample.features), np.nonzero(sample.belongs[first])[1]


def _mean(
    weight: NDArray[np.float64], total: NDArray[np.float64], features: NDArray[np.float32]
) -> NDArray[np.float64]:
    return np.asarray((weight @ features) / np.maximum(total, 1e-12)[:, None])


def _from_views(rows: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Find the axes of ``rows.T @ rows`` from the products of the rows, which are fewer than the dimensions."""
    variances, turned = np.linalg.eigh(rows @ rows.T)
    kept = variances > max(float(variances.max(initial=0)) * 1e-10, LEAST_VARIANCE)
    return rows.T @ (turned[:, kept] / np.sqrt(variances[kept])), variances[kept]
