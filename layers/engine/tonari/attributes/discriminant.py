"""Fisher's discriminant: class means, and the shrunk within-class covariance that weighs them.

With ``S`` the pooled within-class covariance of ``D`` dimensions and ``t`` its mean variance, ``trace(S)/D``, the
covariance in use is ``(1 - a) S + a t I`` [Friedman, Regularized discriminant analysis, JASA 84, 1989; Ledoit and Wolf,
A well-conditioned estimator for large-dimensional covariance matrices, JMVA 88, 2004]. Classes score
``W x + b`` with ``W = S⁻¹ m`` and ``b = -m' S⁻¹ m / 2 + p log(share)``. One eigendecomposition serves every ``a``.

Tags are predicted one against the rest: the mean of the items that have the tag against the mean of the others. ``S``
is then the covariance about the mean of all. That within the two sides of one tag differs from it by one rank, so
Sherman and Morrison's formula gives its inverse for the price of a product.

A class may hold unlike things: a kitchen has kettles and toasters. Where there are few groups (products), or few items,
each of them may be a subclass with a mean of its own [mixture discriminant analysis; Hastie and Tibshirani, JRSS B 58,
1996].
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from tonari.attributes.labels import Sample
from tonari.attributes.totals import Totals, totals_of
from tonari.attributes.weights import ClassWeights

MOST_EXPLAINED = 0.95
LEAST_VARIANCE = 1e-12
TINY = 1e-12
LEAST_VARIED = 1e-6
MOST_SUBCLASSES = 100
"""Where there would be more, a class has items enough for one mean."""

Subclasses = Literal["classes", "groups", "items"]
"""What has a weight vector of its own: each class, each group of a class, or each item."""


@dataclass(frozen=True, slots=True)
class Form:
    """What a discriminant leaves open.

    Parameters
    ----------
    shrinkage
        ``a`` above, over 0 and at most 1, where only the means count.
    prior
        ``p`` above: 0 takes all classes for equally frequent, 1 as frequent as in the catalogue.
    subclasses
        What has a vector of its own; ``prior`` is 0 where that is not the class.
    temperature
        At which the scores of a class's vectors are mixed; of refined weights, by which the discriminant's scores were
        divided before.
    strength
        How strongly refined weights are held to the discriminant, :mod:`tonari.attributes.refine`; None if they
        are the discriminant itself.
    """

    shrinkage: float
    prior: float
    subclasses: Subclasses = "classes"
    temperature: float = 1.0
    strength: float | None = None


@dataclass(frozen=True, slots=True)
class ClassStatistics:
    """Means of classes, and the covariance about them in eigenvectors.

    Parameters
    ----------
    item_means : (C, D) float64
        Every item counted once.
    means : (C, D) float64
        Views counted as they teach.
    others : (C, D) float64
        Mean of the items that lack the class; only for tags, else ``(0, D)``.
    share : (C,) float64
        Of the catalogue's items; classes that nobody has here have 0.
    eigenvectors : (D, R) float64
        Of the covariance, orthonormal.
    eigenvalues : (R,) float64
        The covariance is 0 in all directions but these ``R``.
    mean_variance : float
        Over all D dimensions; 1 if nothing varies but by rounding.
    sampled : (C,) int64
        From how many items each mean was taken.
    subclasses : (V, D) float64, (V,) int64 each
        Means of the items of one class and group, or of one item, and their classes, ascending; left out for tags, and
        where they would be more than :data:`MOST_SUBCLASSES`.
    """

    item_means: NDArray[np.float64]
    means: NDArray[np.float64]
    others: NDArray[np.float64]
    share: NDArray[np.float64]
    eigenvectors: NDArray[np.float64]
    eigenvalues: NDArray[np.float64]
    mean_variance: float
    sampled: NDArray[np.int64]
    subclasses: Mapping[Subclasses, tuple[NDArray[np.float64], NDArray[np.int64]]]

    def times_inverse(self, rows: NDArray[np.float64], shrinkage: float) -> NDArray[np.float64]:
        """Multiply rows by the inverse of the shrunk covariance: (n, D) -> (n, D)."""
        floor = shrinkage * self.mean_variance
        along = rows @ self.eigenvectors
        gain = 1 / ((1 - shrinkage) * self.eigenvalues + floor) - 1 / floor
        return np.asarray((along * gain) @ self.eigenvectors.T + rows / floor)

    def times_inverse_root(self, rows: NDArray[np.float64], shrinkage: float) -> NDArray[np.float64]:
        """Multiply rows by the root of the inverse of the shrunk covariance: (n, D) -> (n, D)."""
        floor = (shrinkage * self.mean_variance) ** 0.5
        along = rows @ self.eigenvectors
        gain = 1 / np.sqrt((1 - shrinkage) * self.eigenvalues + floor**2) - 1 / floor
        return np.asarray((along * gain) @ self.eigenvectors.T + rows / floor)


def discriminant(statistics: ClassStatistics, classes: tuple[Any, ...], form: Form) -> ClassWeights:
    """Solve for the weight vectors of the classes that the sample has."""
    known = np.flatnonzero(statistics.sampled > 0)
    means, share = statistics.means[known], np.clip(statistics.share[known], 1e-12, 1 - 1e-12)
    first = np.arange(len(known))
    if len(statistics.others):
        weights, bias = _against_the_rest(statistics, known, share, form.shrinkage)
        bias += form.prior * np.log(share / (1 - share))
    elif form.subclasses != "classes":
        subclass_means, of_class = statistics.subclasses[form.subclasses]
        weights, bias = _about_means(statistics, subclass_means, form.shrinkage)
        first = np.searchsorted(of_class, known)
    else:
        weights, bias = _about_means(statistics, means, form.shrinkage)
        bias += form.prior * np.log(share)
    return ClassWeights(
        tuple(classes[code] for code in known),
        weights.astype(np.float32),
        bias.astype(np.float32),
        statistics.sampled[known],
        first,
        form.temperature,
    )


def _about_means(
    statistics: ClassStatistics, means: NDArray[np.float64], shrinkage: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    weights = statistics.times_inverse(means, shrinkage)
    return weights, -0.5 * np.einsum("cd,cd->c", means, weights)


def _against_the_rest(
    statistics: ClassStatistics, known: NDArray[np.int64], share: NDArray[np.float64], shrinkage: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    apart = statistics.means[known] - statistics.others[known]
    weights = statistics.times_inverse(apart, shrinkage)
    explained = share * (1 - share) * np.einsum("cd,cd->c", apart, weights)
    weights /= 1 - np.minimum(explained, MOST_EXPLAINED)[:, None]
    middle = (statistics.means[known] + statistics.others[known]) / 2
    return weights, -np.einsum("cd,cd->c", middle, weights)


def class_statistics(sample: Sample, *, several: bool, totals: Totals | None = None) -> ClassStatistics:
    """Take the means and the covariance of a sample and its rest; views count as they teach.

    Parameters
    ----------
    several
        The classes are tags: the covariance is that about the mean of all.
    totals
        Of all that teaches, where they are known already.
    """
    totals = totals_of(sample) if totals is None else totals
    has, weight = totals.class_weight, float(totals.weight)
    means = totals.class_vector / np.maximum(has, TINY)[:, None]
    if several:
        others = (totals.vector - totals.class_vector) / np.maximum(weight - has, TINY)[:, None]
        sizes = np.array([weight])
        centre = totals.vector[None] / max(weight, TINY)
        about = np.zeros(len(sample), np.int64)
    else:
        others, sizes, centre = means[:0], has, means
        about = np.nonzero(sample.belongs)[1]
    free = max(float(sizes.sum()) - np.count_nonzero(sizes), 1.0)
    if len(sample) < means.shape[1] and np.isclose(weight, sample.teaching.sum()):
        scaled = (sample.features - centre[about]) * np.sqrt(sample.teaching / free)[:, None]
        eigenvectors, eigenvalues = _eigen_of_few(scaled)
    else:
        eigenvalues, eigenvectors = np.linalg.eigh((totals.moment - (centre.T * sizes) @ centre) / free)
        eigenvalues = np.maximum(eigenvalues, 0)
    variance = float(eigenvalues.sum())
    varied = variance > LEAST_VARIED * float(np.trace(totals.moment)) / max(weight, TINY)
    mean_variance = variance / means.shape[1] if varied else 1.0
    numbered = subclasses_of(sample, several=several)
    subclasses = {name: _subclass_means(sample, number) for name, number in numbered.items()}
    share = totals.class_items / max(float(totals.items), TINY)
    sampled = np.rint(totals.class_items).astype(np.int64)
    item_means = totals.class_sum / np.maximum(totals.class_items, TINY)[:, None]
    return ClassStatistics(
        item_means, means, others, share, eigenvectors, eigenvalues, mean_variance, sampled, subclasses
    )


def subclasses_of(sample: Sample, *, several: bool) -> dict[Subclasses, NDArray[np.int64]]:
    """Give each view the number of its subclass, (N,), where the whole sample has few enough of them."""
    if several or not len(sample) or sample.rest is not None:
        return {}
    of_class = np.nonzero(sample.belongs)[1]
    parted: dict[Subclasses, NDArray[np.int64]] = {"groups": sample.group, "items": sample.item}
    numbered = {}
    for name, parts in parted.items():
        number = np.unique(np.stack([of_class, parts]), axis=1, return_inverse=True)[1].reshape(-1)
        if number.max() < MOST_SUBCLASSES:
            numbered[name] = number
    return numbered


def _subclass_means(sample: Sample, number: NDArray[np.int64]) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Take the mean of each subclass, and its class: subclasses are numbered by class."""
    _, first = np.unique(number, return_index=True)
    weighted = (number == np.arange(len(first))[:, None]) * sample.weight
    return _mean(weighted, weighted.sum(axis=1), sample.features), np.nonzero(sample.belongs[first])[1]


def _mean(
    weight: NDArray[np.float64], total: NDArray[np.float64], features: NDArray[np.float32]
) -> NDArray[np.float64]:
    return np.asarray((weight @ features) / np.maximum(total, 1e-12)[:, None])


def _eigen_of_few(rows: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Decompose ``rows.T @ rows`` by the products of the rows, which are fewer than the dimensions."""
    eigenvalues, turned = np.linalg.eigh(rows @ rows.T)
    kept = eigenvalues > max(float(eigenvalues.max(initial=0)) * 1e-10, LEAST_VARIANCE)
    return rows.T @ (turned[:, kept] / np.sqrt(eigenvalues[kept])), eigenvalues[kept]
