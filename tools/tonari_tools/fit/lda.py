"""Fisher's discriminant over all attributes together, shrunk, and filled up by whitened principal components."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

MOST_AXES = 512
LEAST_VARIANCE = 1e-10
LEAST_DISCRIMINATION = 1e-6


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
    """Find the axes along which the features vary; constant directions are left out.

    Parameters
    ----------
    features : (N, F) float64
    """
    mean = features.mean(axis=0)
    return Axes(mean, _directions(features - mean, most))


def _directions(x: NDArray[np.float64], most: int) -> NDArray[np.float64]:
    """Orthonormal columns, the longest first; with N < F the smaller Gram matrix gives the same ones."""
    many = len(x) > x.shape[1]
    variance, vectors = np.linalg.eigh(x.T @ x if many else x @ x.T)
    kept = np.flatnonzero(variance > LEAST_VARIANCE * max(float(variance[-1]), 1e-12))[::-1][:most]
    return np.asarray(vectors[:, kept] if many else x.T @ vectors[:, kept] / np.sqrt(variance[kept]))


@dataclass(frozen=True, slots=True)
class Scatter:
    """What classes and items say of the metric, in coordinates of R axes.

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


def measure_scatter(
    rows: NDArray[np.float64],
    item: NDArray[np.int64],
    labels: Mapping[str, NDArray[np.int64]],
    features: int,
) -> Scatter:
    """Measure the scatter within and between classes, and within items.

    A class of one item does not say what its items share, and is left out; so is an attribute with one class left.

    Parameters
    ----------
    rows : (N, R) float64
    item : (N,) int64
    labels : (N,) int64 each
        -1 where unknown.
    """
    within, between = [], {}
    for name, codes in labels.items():
        known = np.isin(codes, usable_classes(codes, item))
        if len(np.unique(codes[known])) < 2:
            continue
        residual, means, counts = _about_means(rows[known], codes[known])
        within.append(residual.T @ residual / len(residual))
        between[name] = means * np.sqrt(counts / counts.sum())[:, None]
    residual, _, counts = _about_means(rows, item)
    freedom = len(rows) - len(counts)
    return Scatter(
        attributes=np.mean(within, axis=0) if within else None,
        items=residual.T @ residual / freedom if freedom else None,
        between=between,
        features=features,
    )


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

    Within is ``(1 - item_share)`` parts of the attributes' covariance and ``item_share`` parts of the items', where
    both are known, shrunk to a multiple of the identity [Friedman, Regularized Discriminant Analysis, JASA 1989].

    Parameters
    ----------
    rows : (N, R) float64
    shrinkage, item_share
        0..1.

    Raises
    ------
    ValueError
        If neither classes nor items say anything: then there is nothing to whiten by.
    """
    within = _mixed(scatter, item_share)
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
    order = np.flatnonzero(left > LEAST_VARIANCE * max(float(left[-1]), 1e-12))[::-1]
    return Directions(whiten, attributes, everything, axes[:, order])


def _span(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """Orthonormal columns that span the rows, the most varied first."""
    _, strength, directions = np.linalg.svd(rows, full_matrices=False)
    return np.asarray(directions[strength > LEAST_DISCRIMINATION].T)


def _mixed(scatter: Scatter, item_share: float) -> NDArray[np.float64]:
    if scatter.attributes is None:
        if scatter.items is None:
            raise ValueError("neither classes nor items of several views")
        return scatter.items
    if scatter.items is None:
        return scatter.attributes
    return (1 - item_share) * scatter.attributes + item_share * scatter.items
