"""Fisher's discriminant over all attributes together, shrunk, filled up by whitened principal components; as a map."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tonari_tools.fit.fit_sample import Sample

MOST_AXES = 512
BLOCK = 1_024
"""Rows that are computed with at a time."""
LEAST_VARIANCE = 1e-10
LEAST_DISCRIMINATION = 1e-6
LEAST_SHARE = 1e-6


@dataclass(frozen=True, slots=True)
class Axes:
    """Principal axes of the features.

    Parameters
    ----------
    mean : (F,) float64
    directions : (F, R) float64
        Orthonormal, of falling variance.
    """

    mean: NDArray[np.float64]
    directions: NDArray[np.float64]

    def along(self, features: NDArray[np.floating]) -> NDArray[np.float64]:
        """Coordinates ``(N, R)`` of features ``(N, F)``."""
        rows = np.empty((len(features), self.directions.shape[1]))
        for start in range(0, len(features), BLOCK):
            rows[start : start + BLOCK] = (features[start : start + BLOCK] - self.mean) @ self.directions
        return rows


def principal_axes(features: NDArray[np.floating], most: int = MOST_AXES) -> Axes:
    """Find the axes along which features ``(N, F)`` vary; constant directions are left out.

    Sums are in float64, a block of rows after the other, so that no second copy of the features is made.
    """
    mean = features.mean(axis=0, dtype=np.float64)
    if len(features) <= features.shape[1]:  # with N < F the smaller Gram matrix gives the same axes
        x = features - mean
        variance, vectors = np.linalg.eigh(x @ x.T)
        kept = _varied(variance)[:most]
        return Axes(mean, np.asarray(x.T @ vectors[:, kept] / np.sqrt(variance[kept])))
    gram = np.zeros((len(mean), len(mean)))
    for start in range(0, len(features), BLOCK):
        x = features[start : start + BLOCK] - mean
        gram += x.T @ x
    variance, vectors = np.linalg.eigh(gram)
    return Axes(mean, np.asarray(vectors[:, _varied(variance)[:most]]))


def _varied(variance: NDArray[np.float64]) -> NDArray[np.int64]:
    """Those of ascending variances that are not zero, the largest first."""
    return np.flatnonzero(variance > LEAST_VARIANCE * max(float(variance[-1]), 1e-12))[::-1]


@dataclass(frozen=True, slots=True)
class Scatter:
    """What classes and items say of the metric, in coordinates of R axes; at least one of them says something.

    Parameters
    ----------
    total : (R, R) float64
        Gram matrix of all rows.
    attributes : (R, R) float64
        Covariance within classes, the mean over the attributes; None without attributes.
    items : (R, R) float64
        Covariance within items; None where no item has two views.
    between : (C, R) float64 each
        By attribute: rows, one per class, whose Gram matrix is the covariance between the classes.
    features
        ``F``: over so many features shrinkage spreads the variance.
    """

    total: NDArray[np.float64]
    attributes: NDArray[np.float64] | None
    items: NDArray[np.float64] | None
    between: Mapping[str, NDArray[np.float64]]
    features: int

    def within(self, item_share: float) -> NDArray[np.float64]:
        """``item_share`` parts of the items' covariance, the rest of the attributes', where both are known."""
        if self.attributes is None or self.items is None:
            known = self.items if self.attributes is None else self.attributes
            return np.asarray(known)
        return (1 - item_share) * self.attributes + item_share * self.items


def measure_scatter(rows: NDArray[np.float64], taught: Sample) -> Scatter | None:
    """Measure the scatter within and between classes, and within items.

    A class of one item does not say what its items share, and is left out; so is an attribute with one class left.

    Parameters
    ----------
    rows : (N, R) float64
        Coordinates of the sample.

    Returns
    -------
    None if there are neither classes nor items of several views.
    """
    total = rows.T @ rows
    within, between = [], {}
    for name, codes in taught.labels.items():
        known = np.isin(codes, usable_classes(codes, taught.item))
        if len(np.unique(codes[known])) < 2:
            continue
        means, counts = _means(rows[known], codes[known])
        between[name] = means * np.sqrt(counts / counts.sum())[:, None]
        within.append(_gram_of(rows, known, total) / counts.sum() - between[name].T @ between[name])
    several, views = _of_several_views(taught.item)
    if not within and not len(several):
        return None
    attributes = np.mean(within, axis=0) if within else None
    items = None
    if len(several):
        means, counts = _means(rows[several], views)
        residual = rows[several] - means[views]
        items = residual.T @ residual / (len(several) - len(counts))
    return Scatter(total, attributes, items, between, taught.features.shape[1])


def _gram_of(rows: NDArray[np.float64], known: NDArray[np.bool_], total: NDArray[np.float64]) -> NDArray[np.float64]:
    """Gram matrix of some rows: that of all, less that of the others where these are fewer."""
    if 2 * np.count_nonzero(known) > len(known):
        return np.asarray(total - rows[~known].T @ rows[~known])
    return np.asarray(rows[known].T @ rows[known])


def _of_several_views(item: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Rows of items that have two or more, and the number of their item among these."""
    _, place, counts = np.unique(item, return_inverse=True, return_counts=True)
    several = np.flatnonzero(counts[place] > 1)
    return several, np.unique(item[several], return_inverse=True)[1]


def usable_classes(codes: NDArray[np.int64], item: NDArray[np.int64]) -> NDArray[np.int64]:
    """Classes that two items or more have."""
    numbers, items = np.unique(codes, return_inverse=True), np.unique(item, return_inverse=True)[1]
    pairs = np.unique(numbers[1] * (items.max(initial=0) + 1) + items)
    owners = np.bincount(pairs // (items.max(initial=0) + 1), minlength=len(numbers[0]))
    return numbers[0][(owners > 1) & (numbers[0] >= 0)]


def _means(rows: NDArray[np.float64], codes: NDArray[np.int64]) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Means of the classes that occur, ascending, and how many rows each has."""
    order = np.argsort(codes, kind="stable")
    _, first, counts = np.unique(codes[order], return_index=True, return_counts=True)
    return np.add.reduceat(rows[order], first) / counts[:, None], counts


@dataclass(frozen=True, slots=True)
class Directions:
    """Directions in coordinates in which variance within classes is one.

    Parameters
    ----------
    whiten : (R, R) float64
        From coordinates of R axes to those.
    attributes : (R, K) float64 each
        By attribute: orthonormal directions that tell its classes apart.
    telling : (R, sum of K) float64
        All of these, made orthonormal together with the least change to each.
    between : (C, R) float64
        Means of all classes of all attributes, times the root of their share.
    filling : (R, M) float64
        What is left beside them, of falling variance.
    """

    whiten: NDArray[np.float64]
    attributes: Mapping[str, NDArray[np.float64]]
    telling: NDArray[np.float64]
    between: NDArray[np.float64]
    filling: NDArray[np.float64]


def solve(scatter: Scatter, shrinkage: float, item_share: float) -> Directions:
    """Whiten by the covariance within, then find what tells classes apart, then what variance is left.

    Within is shrunk to a multiple of the identity [Friedman, Regularized Discriminant Analysis, JASA 1989]. The
    attributes' directions are made orthonormal with the least change to each [Löwdin, J. Chem. Phys. 18 (1950) 365],
    so that equal weights treat all that tells classes apart alike.

    Parameters
    ----------
    shrinkage, item_share
        0..1.
    """
    within = scatter.within(item_share)
    size = len(within)
    spread = max(float(np.trace(within)) / scatter.features, 1e-12)
    variance, vectors = np.linalg.eigh((1 - shrinkage) * within + shrinkage * spread * np.eye(size))
    whiten = vectors / np.sqrt(np.maximum(variance, LEAST_VARIANCE * spread))
    between = {name: means @ whiten for name, means in scatter.between.items()}
    attributes = {name: _span(means) for name, means in between.items()}
    together = np.hstack([np.empty((size, 0)), *attributes.values()])
    axes, shares, turn = np.linalg.svd(together, full_matrices=False)
    axes, turn = axes[:, shares > LEAST_SHARE], turn[shares > LEAST_SHARE]
    rest = np.eye(size) - axes @ axes.T
    left, filling = np.linalg.eigh(rest @ (whiten.T @ scatter.total @ whiten) @ rest)
    means = np.vstack([np.empty((0, size)), *between.values()])
    return Directions(whiten, attributes, axes @ turn, means, filling[:, _varied(left)])


def _span(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """Orthonormal columns that span the rows, the most varied first."""
    _, strength, directions = np.linalg.svd(rows, full_matrices=False)
    return np.asarray(directions[strength > LEAST_DISCRIMINATION].T)


@dataclass(frozen=True, slots=True)
class Projection:
    """``l2(embedding @ matrix + offset)``.

    Parameters
    ----------
    matrix : (F, D) float16
    offset : (D,) float32
    """

    matrix: NDArray[np.float16]
    offset: NDArray[np.float32]

    @property
    def dimensions(self) -> int:
        """``D``."""
        return int(self.matrix.shape[1])

    def apply(self, embeddings: NDArray[np.floating]) -> NDArray[np.float32]:
        """Project embeddings of length 1.

        Parameters
        ----------
        embeddings : (N, F)

        Returns
        -------
        (N, D) float32, rows of length 1
        """
        matrix, rows = self.matrix.astype(np.float64), np.empty((len(embeddings), self.dimensions), np.float32)
        for start in range(0, len(embeddings), BLOCK):
            rows[start : start + BLOCK] = to_unit(embeddings[start : start + BLOCK] @ matrix + self.offset)
        return rows


@dataclass(frozen=True, slots=True, order=True)
class Weights:
    """How much each direction counts.

    Parameters
    ----------
    fill
        Weight of the filling directions.
    attributes
        Weight of the directions of each attribute, by name.
    dimensions
        How many directions there are.
    """

    fill: float
    attributes: tuple[tuple[str, float], ...]
    dimensions: int


def to_unit(rows: NDArray[np.floating]) -> NDArray[np.float32]:
    """Give rows ``(N, D)`` length 1; rows of zeros stay."""
    lengths = np.sqrt(np.einsum("ij,ij->i", rows, rows, dtype=np.float64))[:, None]
    return np.asarray(rows / np.maximum(lengths, 1e-12), np.float32)


def weigh(directions: Directions, weights: Weights) -> NDArray[np.float64]:
    """Lay the attributes' directions and the filling ones side by side, each times its weight.

    Returns
    -------
    (R, d) float64
        ``d`` is ``dimensions``, or fewer where there are not as many directions, or more where attributes have more.
    """
    telling = _times_weights(directions, weights)
    filling = weights.fill * directions.filling[:, : max(0, weights.dimensions - telling.shape[1])]
    return np.asarray(directions.whiten @ np.hstack([telling, filling]))


def condense(directions: Directions, weights: Weights) -> NDArray[np.float64]:
    """Do what :func:`weigh` does in no more than ``dimensions``.

    The attributes' directions are turned so that the first columns tell most: those stay where there are too many.
    Distances are those of :func:`weigh` where all stay.

    Returns
    -------
    (R, d) float64
        ``d`` is ``dimensions``, or fewer where there are not as many directions.
    """
    telling = _times_weights(directions, weights)
    told = directions.between @ telling
    strength, turn = np.linalg.eigh(told.T @ told)
    turn = turn[:, strength > LEAST_SHARE**2 * strength.max(initial=0)][:, ::-1]
    kept = (telling @ turn)[:, : weights.dimensions]
    filling = weights.fill * directions.filling[:, : weights.dimensions - kept.shape[1]]
    return np.asarray(directions.whiten @ np.hstack([kept, filling]))


def _times_weights(directions: Directions, weights: Weights) -> NDArray[np.float64]:
    chosen = dict(weights.attributes)
    names = [name for name, columns in directions.attributes.items() for _ in columns.T]
    return np.asarray(directions.telling * np.array([chosen[name] for name in names]))


def project(axes: Axes, weighed: NDArray[np.float64]) -> Projection:
    """Make the map from features to the weighed directions ``(R, D)`` of their axes.

    The scale does not matter, for the result is given length 1: the largest entry becomes 1, which float16 holds well.
    The offset is computed from the rounded matrix, so that the mean of the features still goes to the origin.
    """
    matrix = axes.directions @ weighed
    rounded = (matrix / np.abs(matrix).max()).astype(np.float16)
    return Projection(rounded, (-axes.mean @ rounded.astype(np.float64)).astype(np.float32))
