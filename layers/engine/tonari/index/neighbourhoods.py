"""The nearest rows of every row, and how far away the somewhat farther ones are: what "unusually near" is judged by."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tonari.index.cells import Cells, assign, train
from tonari.index.near_pairs import copies
from tonari.index.vectors import Views, from_fixed

NEAR = 16
ITEMS_PER_RANK = 40
LEAST_RANK, MOST_RANK = 16, 64
CANDIDATES = 1024
MOST_CANDIDATES = 8192
BLOCK = 512
SMALLEST = 1e-6


@dataclass(frozen=True, slots=True)
class Neighbourhoods:
    """What lies around each of N rows; of rows with one embedding, only the first is looked at.

    Parameters
    ----------
    nearest : (N, 16) int32
        Rows of other items, nearest first; -1 where there are no more.
    distance : (N, 16) float32
        ``1 - cosine`` of each.
    middle, scale : (N,) float32
        Distance of the neighbour of half the rank, and of the whole ``rank``; NaN where there are not as many.
    rank
        Which neighbour ``scale`` is the distance of.
    """

    nearest: NDArray[np.int32]
    distance: NDArray[np.float32]
    middle: NDArray[np.float32]
    scale: NDArray[np.float32]
    rank: int


def neighbourhoods(views: Views, cells: Cells | None, progress: Callable[[int, int], None]) -> Neighbourhoods:
    """Find the neighbours of every row among the rows of the nearest cells: 1,024 rows at least.

    Time grows with N, and memory by 150 bytes a row: a cell of more than 8,192 rows, which is one of many like
    pictures, is searched by windows in the order of the coordinate that varies most.

    Parameters
    ----------
    cells
        In whose order the rows lie; None if they lie in no order.
    progress
        Is told how many rows are done, and of how many.
    """
    count = len(views)
    rank = int(np.clip(count // ITEMS_PER_RANK, LEAST_RANK, MOST_RANK))
    nearest = np.full((count, NEAR), -1, np.int32)
    distance = np.full((count, NEAR), np.inf, np.float32)
    middle, scale = np.full(count, np.nan, np.float32), np.full(count, np.nan, np.float32)
    rows = np.flatnonzero(copies(views.fixed) == np.arange(count))
    done = 0
    for asking, candidates in _tasks(views, cells, rows):
        found, ordered = _nearest(views, asking, candidates, rank)
        width = min(NEAR, found.shape[1])
        there = np.isfinite(ordered[:, :width])
        nearest[asking, :width] = np.where(there, found[:, :width], -1)
        distance[asking, :width] = ordered[:, :width]
        if ordered.shape[1] >= rank:
            middle[asking] = np.where(np.isfinite(ordered[:, rank - 1]), ordered[:, rank // 2 - 1], np.nan)
            scale[asking] = np.where(np.isfinite(ordered[:, rank - 1]), ordered[:, rank - 1], np.nan)
        done += len(asking)
        progress(done, len(rows))
    return Neighbourhoods(nearest, distance, middle, scale, rank)


def _tasks(
    views: Views, cells: Cells | None, rows: NDArray[np.int64]
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Give rows that ask, and those among which each block of them finds its neighbours."""
    if len(rows) <= 4 * CANDIDATES:
        for start in range(0, len(rows), BLOCK):
            yield rows[start : start + BLOCK], rows
        return
    if cells is None:
        centroids = train(views.codes, max(2, len(rows) // CANDIDATES))
        cell = assign(views.codes[rows], centroids)
    else:
        centroids = cells.centroids
        cell = (np.searchsorted(cells.start, rows, side="right") - 1).astype(np.int32)
    members = rows[np.argsort(cell, kind="stable")]
    begin = np.searchsorted(np.sort(cell), np.arange(len(centroids) + 1))
    sizes = np.diff(begin)
    directions = centroids / np.maximum(np.linalg.norm(centroids, axis=1, keepdims=True), SMALLEST)
    for number in np.flatnonzero(sizes).tolist():
        own = members[begin[number] : begin[number + 1]]
        if len(own) > MOST_CANDIDATES:
            yield from _windows(views, own)
            continue
        order = np.argsort(-(directions @ directions[number]), kind="stable")
        enough = int(np.searchsorted(np.cumsum(sizes[order]), CANDIDATES)) + 1
        near = [one for one in order[:enough].tolist() if one != number and sizes[one] <= MOST_CANDIDATES]
        candidates = np.concatenate([own, *(members[begin[one] : begin[one + 1]] for one in near)])
        for start in range(0, len(own), BLOCK):
            yield own[start : start + BLOCK], candidates


def _windows(views: Views, rows: NDArray[np.int64]) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    spread = from_fixed(views.fixed[rows[:: len(rows) // CANDIDATES]]).var(axis=0)
    rows = rows[np.argsort(views.fixed[rows, int(spread.argmax())], kind="stable")]
    for start in range(0, len(rows), BLOCK):
        yield rows[start : start + BLOCK], rows[max(0, start - CANDIDATES) : start + BLOCK + CANDIDATES]


def _nearest(
    views: Views, asking: NDArray[np.int64], candidates: NDArray[np.int64], rank: int
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Find the rows of other items that are nearest, and how far: (n, rank) each, or fewer."""
    away = 1 - from_fixed(views.fixed[asking]) @ from_fixed(views.fixed[candidates]).T
    np.maximum(away, SMALLEST, out=away)
    away[views.item[asking][:, None] == views.item[candidates]] = np.inf
    wanted = min(rank, len(candidates))
    best = np.argpartition(away, wanted - 1, axis=1)[:, :wanted]
    found = np.take_along_axis(away, best, axis=1)
    order = np.argsort(found, axis=1, kind="stable")
    return candidates[np.take_along_axis(best, order, axis=1)], np.take_along_axis(found, order, axis=1)
