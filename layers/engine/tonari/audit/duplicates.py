"""Near-duplicates: pictures that several items show, be they scaled or compressed otherwise."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from tonari.audit.near_pairs import near_pairs
from tonari.catalogue.documents import image_key
from tonari.contract.findings import DuplicateGroup, Duplicates
from tonari.index.vectors import Views, from_fixed
from tonari.snapshots.table import Table

LEAST, MOST = 0.96, 0.99
TIMES_NEARER = 4
"""How many times nearer than the nearest view of another group two views must be to count as the same picture."""
ASKED = 256
SEED = 11
COLUMNS = 16_384
MOST_GROUPS = 500
MOST_SHOWN = 50


def find_duplicates(table: Table, group: NDArray[np.int64], progress: Callable[[int, int], None]) -> Duplicates:
    """Group the views of different items that show the same picture, the groups of most items first.

    Parameters
    ----------
    group : (I,) int64
        Number of each item's ``split_by`` value.
    progress
        Is told how many views are done, and of how many.

    Returns
    -------
    Of at most 500 groups, each with the first 50 of its items; ``score`` is the least cosine between those that are
    named.
    """
    views = table.views
    threshold = same_picture_from(views, group)
    alike = components(len(views), near_pairs(views, table.index.cells, threshold, progress))
    first_views = (rows[np.unique(views.item[rows], return_index=True)[1]] for rows in alike)
    groups = sorted((rows for rows in first_views if len(rows) > 1), key=lambda rows: (-len(rows), int(rows[0])))
    shown = tuple(_show(table, rows) for rows in groups[:MOST_GROUPS])
    return Duplicates(len(views), round(threshold, 4), len(groups), shown)


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
    asking, own = from_fixed(views.fixed[rows]), group[views.item[rows]]
    nearest = np.full(len(rows), -1, np.float32)
    for start in range(0, len(views), COLUMNS):
        block = slice(start, start + COLUMNS)
        scores = asking @ from_fixed(views.fixed[block]).T
        scores[own[:, None] == group[views.item[block]]] = -1
        nearest = np.maximum(nearest, scores.max(axis=1))
    typical = float(np.median(nearest)) if len(nearest) else 0.0
    return float(np.clip(1 - (1 - typical) / TIMES_NEARER, LEAST, MOST))


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


def _show(table: Table, rows: NDArray[np.int64]) -> DuplicateGroup:
    shown = rows[:MOST_SHOWN]
    near = from_fixed(table.views.fixed[shown])
    ids = tuple(table.id(int(table.views.item[row])) for row in shown)
    images = tuple(image_key(item, table.view_name(int(row))) for item, row in zip(ids, shown, strict=True))
    return DuplicateGroup(ids, images, round(min(1.0, float((near @ near.T).min())), 4), len(rows))
