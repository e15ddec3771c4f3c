"""Coarse cells from embeddings: spherical k-means, seeded."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tonari.index.vectors import from_fixed

SEED = 7
ROUNDS = 8
SAMPLED_PER_CELL = 64
BLOCK = 16_384


def cell_count(rows: int) -> int:
    """Choose C: about four times the square root of N, a power of two."""
    return int(2 ** np.ceil(np.log2(4 * np.sqrt(rows)) - 0.5)) if rows > 16 else 1


def train(fixed: NDArray[np.int16], count: int) -> NDArray[np.float32]:
    """Find centroids by spherical k-means on a sample, seeded [Dhillon and Modha, Machine Learning 42, 2001].

    Parameters
    ----------
    fixed : (N, D) int16
        Embeddings, as :func:`tonari.index.vectors.to_fixed` gives them.
    count
        ``C``, at most ``N``.

    Returns
    -------
    (C, D) float32
    """
    random = np.random.default_rng(SEED)
    size = min(len(fixed), SAMPLED_PER_CELL * count)
    sample = from_fixed(fixed[np.sort(random.choice(len(fixed), size, replace=False))])
    centroids = sample[np.sort(random.choice(size, count, replace=False))].copy()
    for _ in range(ROUNDS):
        cell = _nearest(sample, centroids)
        order = np.argsort(cell, kind="stable")
        start = np.searchsorted(cell[order], np.arange(count + 1))
        filled = np.flatnonzero(np.diff(start))
        sums = np.add.reduceat(sample[order], start[filled], axis=0)
        centroids[filled] = sums / np.diff(start)[filled, None]
    return centroids


def assign(fixed: NDArray[np.int16], centroids: NDArray[np.float32]) -> NDArray[np.int32]:
    """Tell the centroid of each row whose direction is nearest.

    Returns
    -------
    (N,) int32
    """
    return _nearest(fixed, centroids)


def _nearest(vectors: NDArray[Any], centroids: NDArray[np.float32]) -> NDArray[np.int32]:
    """Compare directions, whatever the lengths."""
    cell = np.empty(len(vectors), np.int32)
    directions = centroids / np.maximum(np.linalg.norm(centroids, axis=1, keepdims=True), 1e-12)
    for start in range(0, len(vectors), BLOCK):
        cell[start : start + BLOCK] = (vectors[start : start + BLOCK].astype(np.float32) @ directions.T).argmax(axis=1)
    return cell
