"""Coarse cells: rows lie sorted by the nearest of some centroids, and a search visits the nearest cells first.

Inverted lists as in Rii [Matsui, Hinami and Satoh, Reconfigurable Inverted Index, ACM Multimedia 2018], with int8 codes
in the place of product quantisation.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from tonari.index import quantise
from tonari.native import dot_products

if TYPE_CHECKING:
    from numpy.typing import NDArray

SEED = 7
ROUNDS = 8
SAMPLED_PER_CELL = 64
BLOCK = 16_384
GROWTH = 4
SPREAD = 0.4
"""How much nearer to a query than its cell's mean a row is taken to lie, in units of the cell's radius."""


@dataclass(frozen=True, slots=True)
class Cells:
    """A partition of N rows into C cells.

    Parameters
    ----------
    centroids : (C, D) float32
        Means of the cells' rows, which have length 1: the shorter a mean, the wider its cell.
    start : (C + 1,) int64
        Where each cell's rows begin; a cell may be empty.
    radius : (C,) float32
        Root mean square distance of a cell's rows from their mean.
    """

    centroids: NDArray[np.float32]
    start: NDArray[np.int64]
    radius: NDArray[np.float32] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        squares = np.einsum("ij,ij->i", self.centroids, self.centroids)
        object.__setattr__(self, "radius", np.sqrt(np.maximum(0, 1 - squares)))

    def __len__(self) -> int:
        """``C``."""
        return len(self.centroids)

    def nearness(self, queries: NDArray[np.float32]) -> NDArray[np.float32]:
        """Tell what cosine with the nearest query is to be hoped for in each cell: that of its mean, and some more.

        Parameters
        ----------
        queries : (Q, D) float32, rows of length 1

        Returns
        -------
        (C,) float32
        """
        means = self.centroids @ queries.T
        return np.asarray((means[:, 0] if len(queries) == 1 else means.max(axis=1)) + SPREAD * self.radius)


@dataclass(frozen=True, slots=True)
class Reach:
    """How far a visit goes.

    Parameters
    ----------
    cells
        Least number of cells.
    enough
        How many rows in range make the first opinion of what there is to be found: at least 1.
    slack
        How much nearer to the query than what is to be hoped for in a cell the ``enough``-th best row must be before
        the cell is passed over, as a difference of cosines.
    """

    cells: int
    enough: int
    slack: float


@dataclass(frozen=True, slots=True)
class Visit:
    """Rows met in the nearest cells.

    Parameters
    ----------
    rows : (n,) int64
        Those in range.
    coarse : (n,) float64
        Their int8 dot products with the nearest query, comparable with each other only.
    """

    rows: NDArray[np.int64]
    coarse: NDArray[np.float64]


def cell_count(rows: int) -> int:
    """Choose C: about four times the square root of N, a power of two."""
    return int(2 ** np.ceil(np.log2(4 * np.sqrt(rows)) - 0.5)) if rows > 16 else 1


def train(vectors: NDArray[np.float16], count: int) -> NDArray[np.float32]:
    """Find centroids by spherical k-means on a sample, seeded [Dhillon and Modha, Machine Learning 42, 2001].

    Parameters
    ----------
    vectors : (N, D) float16, rows of length 1
    count
        ``C``, at most ``N``.

    Returns
    -------
    (C, D) float32
    """
    random = np.random.default_rng(SEED)
    size = min(len(vectors), SAMPLED_PER_CELL * count)
    sample = vectors[np.sort(random.choice(len(vectors), size, replace=False))].astype(np.float32)
    centroids = sample[np.sort(random.choice(size, count, replace=False))].copy()
    for _ in range(ROUNDS):
        cell = assign(sample, centroids)
        order = np.argsort(cell, kind="stable")
        start = np.searchsorted(cell[order], np.arange(count + 1))
        filled = np.flatnonzero(np.diff(start))
        sums = np.add.reduceat(sample[order], start[filled], axis=0)
        centroids[filled] = sums / np.diff(start)[filled, None]
    return centroids


def assign(vectors: NDArray[np.floating], centroids: NDArray[np.float32]) -> NDArray[np.int32]:
    """Tell the centroid of each row whose direction is nearest.

    Returns
    -------
    (N,) int32
    """
    cell = np.empty(len(vectors), np.int32)
    directions = centroids / np.maximum(np.linalg.norm(centroids, axis=1, keepdims=True), 1e-12)
    for start in range(0, len(vectors), BLOCK):
        cell[start : start + BLOCK] = (vectors[start : start + BLOCK].astype(np.float32) @ directions.T).argmax(axis=1)
    return cell


def visit(
    queries: NDArray[np.float32],
    cells: Cells,
    codes: NDArray[np.int8],
    item: NDArray[np.int32],
    allowed: NDArray[np.bool_] | None,
    reach: Reach,
) -> Visit:
    """Visit cells, nearest first, until those left are too far off to hold rows as near as the best that were met.

    That one rule serves every filter: where few rows are in range, or the range runs against the query, the best rows
    met are far off, and cells as far off are then worth a visit. A query in a dense place of its own, which no mean is
    near to, is judged by the best cell's promise instead of its rows.

    Parameters
    ----------
    queries : (Q, D) float32, rows of length 1
    codes : (N, D) int8
        In the order of the cells.
    item : (N,) int32
        The item of each row.
    allowed : (I,) bool
        Which items are in range, all if it is None.
    """
    query_codes, scale = quantise(queries)
    scale *= float(dot_products(codes[:1], codes[:1])[0, 0]) ** 0.5
    farness = -cells.nearness(queries)
    order = np.argsort(farness)
    farness = farness[order]
    done, count = 0, min(reach.cells, len(cells))
    met = Visit(np.empty(0, np.int64), np.empty(0))
    while True:
        met = _joined(met, _meet(query_codes, cells, order[done:count], codes, item, allowed))
        worth = len(cells)
        if len(met.rows) >= reach.enough:
            best = len(met.rows) - reach.enough
            score = float(np.partition(met.coarse, best)[best]) / scale
            worth = int(np.searchsorted(farness, max(-score, farness[0]) + reach.slack, side="right"))
        if worth <= count:
            return met
        done, count = count, min(worth, GROWTH * count)


def _joined(one: Visit, other: Visit) -> Visit:
    if not len(one.rows):
        return other
    return Visit(np.concatenate((one.rows, other.rows)), np.concatenate((one.coarse, other.coarse)))


def _meet(
    query_codes: NDArray[np.int8],
    cells: Cells,
    chosen: NDArray[np.int64],
    codes: NDArray[np.int8],
    item: NDArray[np.int32],
    allowed: NDArray[np.bool_] | None,
) -> Visit:
    """Score the rows in range of some cells."""
    begin = cells.start[chosen]
    size = cells.start[chosen + 1] - begin
    rows = np.repeat(begin - np.cumsum(size) + size, size) + np.arange(int(size.sum()))
    if allowed is not None:
        rows = rows[np.flatnonzero(allowed.take(item.take(rows)))]
    if not len(rows):
        return Visit(rows, np.empty(0))
    return Visit(rows, dot_products(query_codes, codes.take(rows, axis=0)).max(axis=0))
