"""Single linkage that stops at a size: no chain of similar items can grow over a whole class."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray


class Joiner:
    """Joins items to groups, pair by pair; a join that would make a group larger than ``most`` is not made.

    A forest of disjoint sets with path halving [Tarjan and van Leeuwen, Worst-case analysis of set union algorithms,
    Journal of the ACM 31, 1984].

    Parameters
    ----------
    count
        Of items.
    """

    def __init__(self, count: int) -> None:
        self._parent = list(range(count))
        self._size = [1] * count

    def join(self, pairs: NDArray[np.int64], most: int) -> None:
        """Join the two items of each pair, (P, 2), in this order."""
        parent, size = self._parent, self._size
        for one, other in pairs.tolist():
            low, high = self._root(one), self._root(other)
            if low != high and size[low] + size[high] <= most:
                low, high = min(low, high), max(low, high)
                parent[high] = low
                size[low] += size[high]

    def _root(self, item: int) -> int:
        parent = self._parent
        while parent[item] != item:
            parent[item] = item = parent[parent[item]]
        return item

    def groups(self) -> NDArray[np.int64]:
        """Tell the first item of each item's group: (I,)."""
        return np.array([self._root(item) for item in range(len(self._parent))], np.int64)


def pairs_of(group: NDArray[np.int64]) -> NDArray[np.int64]:
    """Pair each item with the first of its group: (P, 2), those who are alone left out."""
    first = firsts(group)
    items = np.flatnonzero(first != np.arange(len(group)))
    return np.stack([first[items], items], axis=1).astype(np.int64)


def firsts(group: NDArray[np.int64]) -> NDArray[np.int64]:
    """Tell the first item of each item's group, by any number of the group: (I,)."""
    _, first, which = np.unique(group, return_index=True, return_inverse=True)
    return np.asarray(first[which], np.int64)


def sizes(group: NDArray[np.int64]) -> NDArray[np.int64]:
    """Tell how many items the group of each item has: (I,)."""
    _, which, counts = np.unique(group, return_inverse=True, return_counts=True)
    return np.asarray(counts[which], np.int64)


def number(keys: Iterable[str]) -> NDArray[np.int64]:
    """Give texts numbers: equal ones alike, in the order in which they come."""
    known: dict[str, int] = {}
    return np.array([known.setdefault(key, len(known)) for key in keys], np.int64)
