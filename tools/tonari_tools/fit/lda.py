"""Fisher's discriminant over all attributes together, shrunk, filled up by whitened principal components; as a map."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tonari_tools.fit.fit_sample import Sample

MOST_AXES = 512
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

    def along(self, features: NDArray[np.float64]) -> NDArray[np.float64]:
        """Coordinates ``(N, R)`` of features ``(N, F)``."""
        return (features - self.mean) @ self.directions


def principal_axes(features: NDArray[np.float64], most: int = MOST_AXES) -> Axes:
    """Find the axes along which features ``(N, F)`` vary; constant directions are left out."""
    mean = features.mean(axis=0)
    x = features - mean
    many = len(x) > x.shape[1]  # with N < F the smaller Gram matrix gives the same axes
    variance, vectors = np.linalg.eigh(x.T @ x if many else x @ x.T)
    kept = _varied(variance)[:most]
    return Axes(mean, np.asarray(vectors[:, kept] if many else x.T @ vectors[:, kept] / np.sqrt(variance[kept])))


def _varied(variance: NDArray[np.float64]) -> NDArray[np.int64]:
    """Those of ascending variances that are not zero, the largest first."""
    return np.flatnonzero(variance > LEAST_VARIANCE * max(float(variance[-1]), 1e-12))[::-1]


@dataclass(frozen=True, slots=True)
class Scatter:
    """What classes and items say of the metric, in coordinates of R axes; at least one of them says something.

    Parameters
    ----------
    attributes : (R, R) float64
        Covariance within classes, the mean over the attributes; None without attributes.
    items : (R, R) float64
        Covariance within items; None where no item has two views.
    between : (C, R) float64 each
        By attribute: rows, one per class, whose Gram matrix is the covariance between the classes.
    features
        ``F``: over so many features shrinkage spreads the variance.
    """

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
    within, between = [], {}
    for name, codes in taught.labels.items():
        known = np.isin(codes, usable_classes(codes, taught.item))
        if len(np.unique(codes[known])) < 2:
            continue
        residual, means, counts = _about_means(rows[known], codes[known])
        within.append(residual.T @ residual / len(residual))
        between[name] = means * np.sqrt(counts / counts.sum())[:, None]
    residual, _, counts = _about_means(rows, taught.item)
    freedom = len(rows) - len(counts)
    if not within and not freedom:
        return None
    attributes = np.mean(within, axis=0) if within else None
    items = residual.T @ residual / freedom if freedom else None
    return Scatter(attributes, items, between, taught.features.shape[1])


def usable_classes(codes: NDArray[np.int64], item: NDArray[np.int64]) -> NDArray[np.int64]:
    """Classes that two items or more have."""
    pairs = np.unique(np.stack([codes, item]), axis=1)
    classes, items = np.unique(pairs[0], return_counts=True)
    return classes[(items > 1) & (classes >= 0)]


def _about_means(
    rows: NDArray[np.float64], codes: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.int64]]:
    """Rows less the mean of their class; the means of the classes that occur; how many rows each has."""
    _, place, counts = np.unique(codes, return_inverse=True, return_counts=True)
    means = np.zeros((len(counts), rows.shape[1]))
    np.add.at(means, place, rows)
    means /= counts[:, None]
    return rows - means[place], means, counts


@dataclass(frozen=True, slots=True)
class Directions:
    """Directions in coordinates in which variance within classes is one.

    Parameters
    ----------
    whiten : (R, R) float64
        From coordinates of R axes to those.
    attributes : (R, K) float64 each
        By attribute: orthonormal directions that tell its classes apart.
    between : (C, R) float64
        Means of all classes of all attributes, times the root of their share.
    filling : (R, M) float64
        What is left beside them, of falling variance.
    """

    whiten: NDArray[np.float64]
    attributes: Mapping[str, NDArray[np.float64]]
    between: NDArray[np.float64]
    filling: NDArray[np.float64]


def solve(rows: NDArray[np.float64], scatter: Scatter, shrinkage: float, item_share: float) -> Directions:
    """Whiten by the covariance within, then find what tells classes apart, then what variance is left.

    Within is shrunk to a multiple of the identity [Friedman, Regularized Discriminant Analysis, JASA 1989].

    Parameters
    ----------
    rows : (N, R) float64
    shrinkage, item_share
        0..1.
    """
    within = scatter.within(item_share)
    size = rows.shape[1]
    spread = max(float(np.trace(within)) / scatter.features, 1e-12)
    variance, vectors = np.linalg.eigh((1 - shrinkage) * within + shrinkage * spread * np.eye(size))
    whiten = vectors / np.sqrt(np.maximum(variance, LEAST_VARIANCE * spread))
    between = {name: means @ whiten for name, means in scatter.between.items()}
    attributes = {name: _span(means) for name, means in between.items()}
    everything = np.vstack([np.empty((0, size)), *between.values()])
    known = _span(everything)
    rest = rows @ whiten
    rest -= (rest @ known) @ known.T
    left, axes = np.linalg.eigh(rest.T @ rest)
    return Directions(whiten, attributes, everything, axes[:, _varied(left)])


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
        return to_unit(embeddings.astype(np.float64) @ self.matrix.astype(np.float64) + self.offset)


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
    return np.asarray(rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12), np.float32)


def weigh(directions: Directions, weights: Weights) -> NDArray[np.float64]:
    """Lay the attributes' directions and the filling ones side by side, each times its weight.

    The attributes' directions are first made orthonormal with the least change to each [Löwdin, J. Chem. Phys. 18
    (1950) 365], so that equal weights treat all that tells classes apart alike. Then they are turned so that the first
    columns tell most: those stay where there are more than ``dimensions``.

    Returns
    -------
    (R, d) float64
        ``d`` is ``dimensions``, or fewer where there are not as many directions.
    """
    chosen = dict(weights.attributes)
    names = [name for name, columns in directions.attributes.items() for _ in columns.T]
    together = np.hstack([np.empty((len(directions.whiten), 0)), *directions.attributes.values()])
    axes, shares, turn = np.linalg.svd(together, full_matrices=False)
    own = axes[:, shares > LEAST_SHARE] @ turn[shares > LEAST_SHARE]
    telling = own * np.array([chosen[name] for name in names])
    _, strength, turn = np.linalg.svd(directions.between @ telling, full_matrices=False)
    kept = (telling @ turn[strength > LEAST_SHARE * strength.max(initial=0)].T)[:, : weights.dimensions]
    filling = weights.fill * directions.filling[:, : weights.dimensions - kept.shape[1]]
    return np.asarray(directions.whiten @ np.hstack([kept, filling]))


def project(axes: Axes, weighed: NDArray[np.float64]) -> Projection:
    """Make the map from features to the weighed directions ``(R, D)`` of their axes.

    The scale does not matter, for the result is given length 1: the largest entry becomes 1, which float16 holds well.
    The offset is computed from the rounded matrix, so that the mean of the features still goes to the origin.
    """
    matrix = axes.directions @ weighed
    rounded = (matrix / np.abs(matrix).max()).astype(np.float16)
    return Projection(rounded, (-axes.mean @ rounded.astype(np.float64)).astype(np.float32))
