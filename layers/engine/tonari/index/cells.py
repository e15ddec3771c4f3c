"""Inverted lists: rows lie sorted by the nearest of some centroids, and a search probes the nearest cells first.

Inverted lists as in Rii [Matsui, Hinami and Satoh, Reconfigurable Inverted Index, ACM Multimedia 2018], with int8 codes
in the place of product quantisation.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tonari.index.kernels import Packed
from tonari.index.vectors import from_codes, quantise

RADIUS_SHARE = 0.3
"""How much nearer to a query than its cell's mean a row is taken to lie, in units of the cell's radius."""
RANK_PENALTY = 0.12
"""What is added to a cell's relative distance for every doubling of its rank."""
LEAST_DISTANCE = 0.02
"""Least distance, one less a cosine, that others are measured by: copies of a query say nothing of what lies around."""

SEED = 7
ROUNDS = 8
SAMPLED_PER_CELL = 64
BLOCK = 16_384


@dataclass(frozen=True, slots=True)
class Cells:
    """A partition of N rows into C cells, one at least.

    Parameters
    ----------
    centroids : (C, D) float32
        Means of the cells' rows, which have length 1: the shorter a mean, the wider its cell.
    start : (C + 1,) int64
        Where each cell's rows begin; a cell may be empty.
    offset : (C,) float32
        What the cosine of a query with each mean is subtracted from to give the distance at which the nearest rows of
        the cell are expected: 1, less a share of the root mean square distance of the rows from their mean; at least
        the mean's length, which no cosine with it exceeds, so that no distance is negative but by rounding.
    penalty : (C,) float32
        What is added to the relative distance of the cell of each rank.
    """

    centroids: NDArray[np.float32]
    start: NDArray[np.int64]
    offset: NDArray[np.float32] = field(init=False, repr=False)
    penalty: NDArray[np.float32] = field(init=False, repr=False)
    _packed: Packed = field(init=False, repr=False)
    _scale: float = field(init=False, repr=False)
    _numbers: NDArray[np.int32] = field(init=False, repr=False)
    _low: np.int32 = field(init=False, repr=False)
    _high: np.int32 = field(init=False, repr=False)

    def __post_init__(self) -> None:
        squares = np.einsum("ij,ij->i", self.centroids, self.centroids)
        ranks = np.arange(1, len(squares) + 1, dtype=np.float32)
        codes, scale = quantise(self.centroids)
        nearest = 1 - np.float32(RADIUS_SHARE) * np.sqrt(np.maximum(0, 1 - squares))
        object.__setattr__(self, "offset", np.maximum(nearest, np.sqrt(squares)))
        object.__setattr__(self, "penalty", np.float32(RANK_PENALTY) * np.log2(ranks))
        object.__setattr__(self, "_packed", Packed(codes))
        object.__setattr__(self, "_scale", scale)
        object.__setattr__(self, "_numbers", np.arange(len(codes), dtype=np.int32))
        low = (1 << (len(codes) - 1).bit_length()) - 1
        object.__setattr__(self, "_low", np.int32(low))
        object.__setattr__(self, "_high", np.int32(~low))

    def __len__(self) -> int:
        """``C``."""
        return len(self.centroids)

    def rank(self, codes: NDArray[np.int8], scale: float) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
        """Put the cells in the order in which they are to be probed.

        Parameters
        ----------
        codes, scale
            (Q, D), of the queries, as :func:`tonari.index.vectors.quantise` gives them.

        Returns
        -------
        order : (C,) int32
            Cells, nearest first.
        distance : (C,) float32
            At what distance from the nearest query, one less a cosine, the nearest rows of each are expected, to three
            digits or so; ascending.
        """
        products = self._packed.dot_products(codes)
        nearest = products[0] if len(products) == 1 else products.max(axis=0)
        distance = nearest.astype(np.float32)
        distance *= -1 / (scale * self._scale)
        distance += self.offset
        # Floats of one sign are in the order of their bits; the lowest bits of each make room for its number.
        keys = distance.view(np.int32)
        keys &= self._high
        keys |= self._numbers
        keys.sort()
        return keys & self._low, distance

    def relative_distance(self, distance: NDArray[np.float32], found: float) -> NDArray[np.float32]:
        """Divide the distance of ranked cells by that of the rows found so far, and add a penalty that grows with rank.

        True neighbours sit in the first few cells; where a filter has taken those, in others that are hardly farther
        away than what was found instead.

        Parameters
        ----------
        distance : (C,) float32
            As :meth:`rank` gives it.
        found
            Distance of the last of the best rows.

        Returns
        -------
        (C,) float32, ascending.
        """
        return np.asarray(distance / max(found, float(distance[0]), LEAST_DISTANCE) + self.penalty)


def cell_count(rows: int) -> int:
    """Choose C: about twice the square root of N, a power of two."""
    return int(2 ** np.ceil(np.log2(2 * np.sqrt(rows)) - 0.5)) if rows > 16 else 1


def train(codes: NDArray[np.int8], count: int) -> NDArray[np.float32]:
    """Find centroids by spherical k-means on a sample, seeded [Dhillon and Modha, Machine Learning 42, 2001].

    Parameters
    ----------
    codes : (N, D) int8
        Of vectors of length 1.
    count
        ``C``, at most ``N``.

    Returns
    -------
    (C, D) float32
    """
    random = np.random.default_rng(SEED)
    size = min(len(codes), SAMPLED_PER_CELL * count)
    sample = from_codes(codes[np.sort(random.choice(len(codes), size, replace=False))])
    centroids = sample[np.sort(random.choice(size, count, replace=False))].copy()
    for _ in range(ROUNDS):
        cell = assign(sample, centroids)
        order = np.argsort(cell, kind="stable")
        start = np.searchsorted(cell[order], np.arange(count + 1))
        filled = np.flatnonzero(np.diff(start))
        sums = np.add.reduceat(sample[order], start[filled], axis=0)
        centroids[filled] = sums / np.diff(start)[filled, None]
    return centroids


def assign(vectors: NDArray[Any], centroids: NDArray[np.float32]) -> NDArray[np.int32]:
    """Tell the centroid of each row whose direction is nearest, whatever the lengths: (N,) int32."""
    cell = np.empty(len(vectors), np.int32)
    directions = centroids / np.maximum(np.linalg.norm(centroids, axis=1, keepdims=True), 1e-12)
    for start in range(0, len(vectors), BLOCK):
        cell[start : start + BLOCK] = (vectors[start : start + BLOCK].astype(np.float32) @ directions.T).argmax(axis=1)
    return cell
