"""Fisher's discriminant: class means seen through the shrunk within-class covariance.

With ``S`` the pooled within-class covariance of ``D`` dimensions and ``t`` its mean variance, ``trace(S)/D``, the
covariance in use is ``(1 - a) S + a t I`` [Friedman, Regularized discriminant analysis, JASA 84, 1989; Ledoit and Wolf,
A well-conditioned estimator for large-dimensional covariance matrices, JMVA 88, 2004]. Classes score
``W x + b`` with ``W = S⁻¹ m`` and ``b = -m' S⁻¹ m / 2 + p log(share)``. One eigendecomposition serves every ``a``.

Tags are told one against the rest: the mean of those that have the tag against the mean of the others. ``S`` is then
the covariance about the mean of all, from which that within one tag's two sides differs by one rank, so that Sherman
and Morrison's formula gives its inverse for the price of a product.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from tonari.attributes.weights import ClassWeights

if TYPE_CHECKING:
    from typing import Any

    from numpy.typing import NDArray

    from tonari.attributes.labels import Sample

MOST_EXPLAINED = 0.95
BLOCK = 8192
LEAST_VARIANCE = 1e-12
LEAST_VARIED = 1e-6


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
    """

    means: NDArray[np.float64]
    others: NDArray[np.float64]
    share: NDArray[np.float64]
    axes: NDArray[np.float64]
    variances: NDArray[np.float64]
    typical: float
    sampled: NDArray[np.int64]

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
    return Spread(means, others, share, axes, variances, typical, np.rint(has).astype(np.int64))


def _mean(
    weight: NDArray[np.float64], total: NDArray[np.float64], features: NDArray[np.float32]
) -> NDArray[np.float64]:
    return np.asarray((weight @ features) / np.maximum(total, 1e-12)[:, None])


def _from_views(rows: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Find the axes of ``rows.T @ rows`` from the products of the rows, which are fewer than the dimensions."""
    variances, turned = np.linalg.eigh(rows @ rows.T)
    kept = variances > max(float(variances.max(initial=0)) * 1e-10, LEAST_VARIANCE)
    return rows.T @ (turned[:, kept] / np.sqrt(variances[kept])), variances[kept]


def discriminant(spread: Spread, classes: tuple[Any, ...], shrinkage: float, prior: float) -> ClassWeights:
    """Solve for the weight vectors of the classes that the sample has.

    Parameters
    ----------
    shrinkage
        ``a`` above, over 0 and at most 1, where only the means count.
    prior
        ``p`` above: 0 takes all classes for equally frequent, 1 as frequent as in the catalogue.
    """
    known = np.flatnonzero(spread.sampled > 0)
    means, share = spread.means[known], np.clip(spread.share[known], 1e-12, 1 - 1e-12)
    if len(spread.others):
        weights, bias = _against_the_rest(spread, known, share, shrinkage)
        bias += prior * np.log(share / (1 - share))
    else:
        weights = spread.through(means, shrinkage)
        bias = -0.5 * np.einsum("cd,cd->c", means, weights) + prior * np.log(share)
    return ClassWeights(
        tuple(classes[code] for code in known),
        weights.astype(np.float32),
        bias.astype(np.float32),
        spread.sampled[known],
    )


def _against_the_rest(
    spread: Spread, known: NDArray[np.int64], share: NDArray[np.float64], shrinkage: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    apart = spread.means[known] - spread.others[known]
    weights = spread.through(apart, shrinkage)
    explained = share * (1 - share) * np.einsum("cd,cd->c", apart, weights)
    weights /= 1 - np.minimum(explained, MOST_EXPLAINED)[:, None]
    middle = (spread.means[known] + spread.others[known]) / 2
    return weights, -np.einsum("cd,cd->c", middle, weights)
