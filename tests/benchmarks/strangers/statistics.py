"""Ways to say how familiar a query is: all from one catalogue, higher is more familiar."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

SHRINKAGE = 0.5
KEPT = 64
EPSILON = 1e-3


@dataclass(frozen=True)
class Catalogue:
    """Unit rows (N, D) with a group and a class of each."""

    rows: np.ndarray
    group: np.ndarray
    label: np.ndarray

    def take(self, kept: np.ndarray) -> Catalogue:
        return Catalogue(self.rows[kept], self.group[kept], self.label[kept])


Score = Callable[[Catalogue, np.ndarray, np.ndarray | None], np.ndarray]
"""Takes queries (Q, D), and where they are of the catalogue itself their groups, which are then left out."""


def nearest(catalogue: Catalogue, queries: np.ndarray, group: np.ndarray | None, k: int) -> tuple[np.ndarray, ...]:
    """Give the k nearest rows outside of each query's group, and their cosines, the nearest first."""
    scores = queries @ catalogue.rows.T
    if group is not None:
        scores[group[:, None] == catalogue.group] = -1
    rows = np.argpartition(-scores, k, axis=1)[:, :k]
    found = np.take_along_axis(scores, rows, axis=1)
    order = np.argsort(-found, axis=1)
    return np.take_along_axis(rows, order, axis=1), np.take_along_axis(found, order, axis=1)


def of_nearest(k: int) -> Score:
    """Mean cosine of the k nearest rows."""
    return lambda catalogue, queries, group: nearest(catalogue, queries, group, k)[1].mean(axis=1)


def of_density(k: int) -> Score:
    """Distance of the k nearest rows over what is usual there: theirs to their own nearest (a local outlier factor)."""

    def score(catalogue: Catalogue, queries: np.ndarray, group: np.ndarray | None) -> np.ndarray:
        _, usual = nearest(catalogue, catalogue.rows, catalogue.group, k)
        rows, found = nearest(catalogue, queries, group, k)
        return -(1 - found.mean(axis=1)) / (1 - usual[rows].mean(axis=(1, 2)) + EPSILON)

    return score


def mahalanobis(catalogue: Catalogue, queries: np.ndarray, group: np.ndarray | None) -> np.ndarray:
    """Distance to the nearest class mean in the shrunk within-class covariance [Lee et al., NeurIPS 2018]."""

    def fit(known: Catalogue) -> Callable[[np.ndarray], np.ndarray]:
        classes, label = np.unique(known.label, return_inverse=True)
        means = np.stack([known.rows[label == code].mean(axis=0) for code in range(len(classes))])
        rest = known.rows - means[label]
        covariance = (1 - SHRINKAGE) * rest.T @ rest / len(rest)
        covariance += SHRINKAGE * np.trace(covariance) / (1 - SHRINKAGE) / len(covariance) * np.eye(len(covariance))
        values, vectors = np.linalg.eigh(covariance)
        whiten = vectors / np.sqrt(values)
        centres = means @ whiten

        def score(rows: np.ndarray) -> np.ndarray:
            white = rows @ whiten
            far = (white**2).sum(axis=1)[:, None] + (centres**2).sum(axis=1) - 2 * white @ centres.T
            return np.asarray(-far.min(axis=1))

        return score

    return _cross_fitted(fit, catalogue, queries, group)


def residual(catalogue: Catalogue, queries: np.ndarray, group: np.ndarray | None) -> np.ndarray:
    """What the 64 leading principal components leave of a query."""

    def fit(known: Catalogue) -> Callable[[np.ndarray], np.ndarray]:
        mean = known.rows.mean(axis=0)
        leading = np.linalg.svd(known.rows - mean, full_matrices=False)[2][:KEPT]

        def score(rows: np.ndarray) -> np.ndarray:
            rest = rows - mean
            return np.asarray(((rest @ leading.T) ** 2).sum(axis=1) - (rest**2).sum(axis=1))

        return score

    return _cross_fitted(fit, catalogue, queries, group)


def _cross_fitted(
    fit: Callable[[Catalogue], Callable[[np.ndarray], np.ndarray]],
    catalogue: Catalogue,
    queries: np.ndarray,
    group: np.ndarray | None,
) -> np.ndarray:
    """Score queries of the catalogue itself by what was fitted to the other half of its groups."""
    if group is None:
        return fit(catalogue)(queries)
    scores = np.empty(len(queries))
    for half in range(2):
        asks = group % 2 == half
        if asks.any():
            scores[asks] = fit(catalogue.take(catalogue.group % 2 != half))(queries[asks])
    return scores


FITTED = {"Mahalanobis", "residual of 64"}
"""What takes a decomposition: thirds of the groups are held out in turn, not tenths."""
STATISTICS: dict[str, Score] = {
    "nearest cosine": of_nearest(1),
    "mean of 5 cosines": of_nearest(5),
    "local density, 5": of_density(5),
    "Mahalanobis": mahalanobis,
    "residual of 64": residual,
}
