"""Edges -> connected components, without a loop over edges."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def components(count: int, edges: NDArray[np.int64]) -> list[NDArray[np.int64]]:
    """Find which of ``count`` nodes hang together.

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
