"""Coarse cells: rows lie sorted by the nearest of some centroids, and a search visits the nearest cells first.

Inverted lists as in Rii [Matsui, Hinami and Satoh, Reconfigurable Inverted Index, ACM Multimedia 2018], with int8 codes
in the place of product quantisation.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from tonari.native import dot_products

if TYPE_CHECKING:
    from numpy.typing import NDArray

SEED = 7
ROUNDS = 8
SAMPLED_PER_CELL = 100
BLOCK = 16_384
DENSE = 0.25
"""Share of a visited cell's rows that must be in range before scoring all of them in place beats gathering some."""


@dataclass(frozen=True, slots=True)
class Cells:
    """A partition of N rows into C cells.

    Parameters
    ----------
    centroids : (C, D) float32, rows of length 1
    start : (C + 1,) int64
        Where each cell's rows begin; a cell may be empty.
    """

    centroids: NDArray[np.float32]
    start: NDArray[np.int64]

    def __len__(self) -> int:
        """``C``."""
        return len(self.centroids)


@dataclass(frozen=True, slots=True)
class Visit:
    """Rows met in the nearest cells.

    Parameters
    ----------
    rows : (n,) int64
        Those in range.
    coarse : (n,) float64
        Their int8 dot products with the nearest query, comparable with each other only.
    cells
        How many cells were visited.
    met
        How many rows lie in them, in range or not.
    """

    rows: NDArray[np.int64]
    coarse: NDArray[np.float64]
    cells: int
    met: int


def cell_count(rows: int) -> int:
    """Choose C: about twice the square root of N, a power of two."""
    return int(2 ** np.ceil(np.log2(max(1.0, 2 * np.sqrt(rows))) - 0.5)) if rows else 1


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
        centroids[filled] = sums / np.maximum(np.linalg.norm(sums, axis=1, keepdims=True), 1e-12)
    return centroids


def assign(vectors: NDArray[np.floating], centroids: NDArray[np.float32]) -> NDArray[np.int32]:
    """Tell the nearest centroid of each row.

    Returns
    -------
    (N,) int32
    """
    cell = np.empty(len(vectors), np.int32)
    for start in range(0, len(vectors), BLOCK):
        cell[start : start + BLOCK] = (vectors[start : start + BLOCK].astype(np.float32) @ centroids.T).argmax(axis=1)
    return cell


def visit(
    queries: NDArray[np.float32],
    query_codes: NDArray[np.int8],
    cells: Cells,
    codes: NDArray[np.int8],
    item: NDArray[np.int32],
    allowed: NDArray[np.bool_] | None,
    least_cells: int,
    least_rows: int,
) -> Visit:
    """Visit the nearest cells, at least ``least_cells`` and as many as it takes to meet ``least_rows`` rows in range.

    More cells → recall nearer to 1, slower. The second bound is what keeps recall where the range runs against the
    query: cells near it are then thin, and more of them are visited.

    Parameters
    ----------
    queries : (Q, D) float32
    query_codes : (Q, D) int8
    codes : (N, D) int8
        In the order of the cells.
    item : (N,) int32
        The item of each row.
    allowed : (I,) bool
        Which items are in range, all if it is None.
    """
    nearness = (cells.centroids @ queries.T).max(axis=1)
    sizes = np.diff(cells.start)
    count = min(least_cells, len(cells))
    while True:
        near = np.argpartition(-nearness, count - 1)[:count] if count < len(cells) else np.arange(len(cells))
        near.sort()
        begin, size = cells.start[near], sizes[near]
        met = int(size.sum())
        rows = np.repeat(begin - np.cumsum(size) + size, size) + np.arange(met)
        kept = None if allowed is None else allowed[item[rows]]
        found = met if kept is None else int(np.count_nonzero(kept))
        if found >= least_rows or count == len(cells):
            break
        count = min(len(cells), max(2 * count, int(1.2 * count * least_rows / max(found, 1)) if found else 4 * count))
    if kept is None or found > DENSE * met:
        coarse = _score_in_place(query_codes, codes, begin, size)
        return Visit(rows, coarse, count, met) if kept is None else Visit(rows[kept], coarse[kept], count, met)
    rows = rows[kept]
    coarse = dot_products(query_codes, codes[rows]).max(axis=0) if found else np.empty(0)
    return Visit(rows, coarse, count, met)


def _score_in_place(
    query_codes: NDArray[np.int8], codes: NDArray[np.int8], begin: NDArray[np.int64], size: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Score whole cells without copying them; neighbouring cells are scored as one."""
    ends = begin + size
    first = np.flatnonzero(np.concatenate(([True], begin[1:] != ends[:-1])))
    last = np.concatenate((first[1:], [len(begin)])) - 1
    runs = [dot_products(query_codes, codes[a:b]) for a, b in zip(begin[first], ends[last], strict=True) if b > a]
    return np.concatenate(runs, axis=1).max(axis=0) if runs else np.empty(0)
