"""Pairs of rows that are nearly the same, found cell by cell."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

from tonari.index.cells import Cells
from tonari.index.vectors import Views, from_codes, from_fixed

LEAST, MOST = 0.96, 0.99
TIMES_NEARER = 4
"""How many times nearer than the nearest view of another group two views must be to count as the same picture."""
ASKED = 256
SEED = 11
BLOCK = 512
COLUMNS = 16_384
COMPARED = 4_096
WINDOW = 16_384
WINDOW_BYTES = 1 << 22
EDGES = 8
"""Per row and block: a row that is like many others is tied to a few of them, which are tied to others."""


def copies(fixed: NDArray[np.int16]) -> NDArray[np.int64]:
    """Tell the first row that has the same embedding, to the bit, as each row: (N, D) -> (N,).

    Rows are compared by a 64-bit hash; two that differ and yet share one count as different.
    """
    random = np.random.default_rng(SEED)
    odd = random.integers(0, 1 << 63, fixed.shape[1], np.uint64) * np.uint64(2) + np.uint64(1)
    digest = np.empty(len(fixed), np.uint64)
    for start in range(0, len(fixed), COLUMNS):
        bits = np.ascontiguousarray(fixed[start : start + COLUMNS]).view(np.uint16)
        digest[start : start + COLUMNS] = bits.astype(np.uint64) @ odd
    _, first, which = np.unique(digest, return_index=True, return_inverse=True)
    same = np.asarray(first[which], np.int64)
    for start in range(0, len(fixed), COLUMNS):
        block = slice(start, start + COLUMNS)
        differs = (fixed[block] != fixed[same[block]]).any(axis=1)
        same[block][differs] = np.arange(len(fixed))[block][differs]
    return same


def near_pairs(
    views: Views, cells: Cells | None, least: float, progress: Callable[[int, int], None]
) -> NDArray[np.int64]:
    """Find pairs of rows of different items whose cosine is ``least`` or more.

    Each row is compared with the rows of its own cell and of the second nearest one: a pair that is parted twice is
    missed. In a cell of more than 16,384 different rows, which is one of many like pictures, each is compared with as
    many before it, in the order of the coordinate that varies most. So memory is bounded, and time grows with the
    views, whatever they show.

    Parameters
    ----------
    progress
        Is told how many rows are done, and of how many.

    Returns
    -------
    (E, 2) int64
        Not all pairs, but enough of them to connect what hangs together.
    """
    same = copies(views.fixed)
    twice = np.flatnonzero(same != np.arange(len(same)))
    found = [np.stack([twice, same[twice]], axis=1)]
    rows = np.flatnonzero(same == np.arange(len(same)))
    if cells is None or len(cells) < 2:
        window = max(WINDOW, WINDOW_BYTES // max(views.fixed.shape[1], 1))
        found += _within(views, rows, least, window)
    else:
        cell = np.searchsorted(cells.start, rows, side="right") - 1
        second = _second_nearest(views, cells, rows, cell)
        begin = np.searchsorted(cell, np.arange(len(cells) + 1))
        visiting = np.argsort(second, kind="stable")
        entry = np.searchsorted(second[visiting], np.arange(len(cells) + 1))
        for number in range(len(cells)):
            residents = rows[begin[number] : begin[number + 1]]
            found += _within(views, residents, least, WINDOW)
            if len(residents) <= WINDOW:
                visitors = rows[visiting[entry[number] : entry[number + 1]]]
                found += _between(views, visitors, residents, least)
            progress(int(begin[number + 1]), len(rows))
    progress(len(rows), len(rows))
    return np.concatenate(found)


def same_picture_from(views: Views, group: NDArray[np.int64]) -> float:
    """Choose the cosine from which two views count as the same picture.

    0.96 parts re-encoded photographs from photographs of other products (``docs/decisions/audit.md``). Where an encoder
    draws like things together, or the catalogue is dense, more is asked for: a quarter of the typical distance
    (``1 - cosine``) of the nearest view of another group, up to 0.99.

    Parameters
    ----------
    group : (I,) int64
        Views of items of one group are not compared.
    """
    rows = np.sort(np.random.default_rng(SEED).permutation(len(views))[:ASKED])
    nearest = nearest_outside(views.item, views.fixed, group, rows)
    typical = float(np.median(nearest)) if len(nearest) else 0.0
    return float(np.clip(1 - (1 - typical) / TIMES_NEARER, LEAST, MOST))


def nearest_outside(
    item: NDArray[np.int32],
    fixed: NDArray[np.int16],
    group: NDArray[np.int64],
    rows: NDArray[np.int64],
    progress: Callable[[int, int], None] = lambda *_: None,
) -> NDArray[np.float32]:
    """Give the cosine of some views with the nearest view of another group.

    Memory is bounded: all rows are compared with 4,096 at once.

    Parameters
    ----------
    item : (N,) int32
        The item of each view.
    fixed : (N, D) int16
    group : (I,) int64
    rows : (n,) int64
        The views that ask.
    progress
        Is told with how many views they have been compared, and of how many.

    Returns
    -------
    (n,) float32
        ``-inf`` where there is no other group.
    """
    queries, own = from_fixed(fixed[rows]), group[item[rows]]
    best = np.full(len(rows), -np.inf, np.float32)
    for start in range(0, len(fixed), COMPARED):
        progress(start, len(fixed))
        block = slice(start, start + COMPARED)
        scores = queries @ from_fixed(fixed[block]).T
        scores[own[:, None] == group[item[block]]] = -np.inf
        np.maximum(best, scores.max(axis=1), out=best)
    progress(len(fixed), len(fixed))
    return best


def components(count: int, edges: NDArray[np.int64]) -> list[NDArray[np.int64]]:
    """Find the connected components of ``count`` nodes, without a loop over edges.

    Roots are hooked to lower roots and paths are halved until nothing moves [Shiloach and Vishkin, An O(log n) parallel
    connectivity algorithm, Journal of Algorithms 3, 1982].

    Parameters
    ----------
    edges : (E, 2) int64

    Returns
    -------
    The nodes of each component of two or more, ascending.
    """
    root = np.arange(count)
    while True:
        one, other = root[edges[:, 0]], root[edges[:, 1]]
        apart = one != other
        if not apart.any():
            break
        low, high = np.minimum(one, other)[apart], np.maximum(one, other)[apart]
        np.minimum.at(root, high, low)
        while not np.array_equal(root, upper := root[root]):
            root = upper
    nodes = np.unique(edges)
    order = nodes[np.argsort(root[nodes], kind="stable")]
    begin = np.flatnonzero(np.diff(root[order], prepend=-1))
    return np.split(order, begin[1:]) if len(order) else []


def _second_nearest(views: Views, cells: Cells, rows: NDArray[np.int64], cell: NDArray[np.int64]) -> NDArray[np.int64]:
    second = np.empty(len(rows), np.int64)
    directions = cells.centroids / np.maximum(np.linalg.norm(cells.centroids, axis=1, keepdims=True), 1e-12)
    for start in range(0, len(rows), COLUMNS):
        block = slice(start, start + COLUMNS)
        scores = from_codes(views.codes[rows[block]]) @ directions.T
        scores[np.arange(len(scores)), cell[block]] = -np.inf
        second[block] = scores.argmax(axis=1)
    return second


def _within(views: Views, rows: NDArray[np.int64], least: float, window: int) -> Iterator[NDArray[np.int64]]:
    """Compare each row with those before it, at most ``window`` of them."""
    if len(rows) > window:
        spread = from_fixed(views.fixed[rows[:: len(rows) // window]]).var(axis=0)
        rows = rows[np.argsort(views.fixed[rows, int(spread.argmax())], kind="stable")]
    for start in range(0, len(rows), BLOCK):
        block = rows[start : start + BLOCK]
        before = np.arange(start, start + len(block))
        for left in range(max(0, start - window), start + len(block), COLUMNS):
            columns = rows[left : min(left + COLUMNS, start + len(block))]
            earlier = np.arange(left, left + len(columns)) < before[:, None]
            yield _ties(views, block, columns, least, earlier)


def _between(
    views: Views, visitors: NDArray[np.int64], residents: NDArray[np.int64], least: float
) -> Iterator[NDArray[np.int64]]:
    if not len(residents):
        return
    for start in range(0, len(visitors), BLOCK):
        yield _ties(views, visitors[start : start + BLOCK], residents, least, np.True_)


def _ties(
    views: Views,
    rows: NDArray[np.int64],
    columns: NDArray[np.int64],
    least: float,
    wanted: NDArray[np.bool_] | np.bool_,
) -> NDArray[np.int64]:
    """Give the pairs in one block, for each row the nearest eight."""
    scores = from_fixed(views.fixed[rows]) @ from_fixed(views.fixed[columns]).T
    scores[~((scores >= least) & wanted & (views.item[rows][:, None] != views.item[columns]))] = -np.inf
    kept = np.flatnonzero(np.isfinite(scores).any(axis=1))
    if scores.shape[1] > EDGES and len(kept):
        best = np.argpartition(-scores[kept], EDGES, axis=1)[:, :EDGES]
    else:
        best = np.broadcast_to(np.arange(scores.shape[1]), (len(kept), scores.shape[1]))
    good = np.isfinite(np.take_along_axis(scores[kept], best, axis=1))
    return np.stack([rows[np.repeat(kept, good.sum(axis=1))], columns[best[good]]], axis=1).astype(np.int64)
