"""The k-NN vote on one item of the catalogue, in which its own group has no voice."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tonari.attributes import VOTERS, Labels, vote
from tonari.index.planner import find
from tonari.index.vectors import from_fixed
from tonari.snapshots.table import Table


@dataclass(frozen=True, slots=True)
class Verdict:
    """How the neighbours voted: the share of each code, best first, and who they were, nearest first."""

    shares: dict[int, float]
    neighbours: tuple[str, ...]

    @property
    def best(self) -> int | None:
        """The code with most votes."""
        return next(iter(self.shares), None)


class Electorate:
    """Those who may vote on an attribute: the items that have it.

    Parameters
    ----------
    group : (I,) int64
        Number of each item's ``split_by`` value.
    """

    def __init__(self, table: Table, labels: Labels, group: NDArray[np.int64]) -> None:
        self._part, self._labels, self._group = table, labels, group
        self._may = np.zeros(len(table), np.bool_)
        self._may[labels.items] = True
        self._order = np.argsort(group, kind="stable")
        self._sorted = group[self._order]

    def codes(self, item: int) -> list[int]:
        """Tell the codes that an item has."""
        begin, end = np.searchsorted(self._labels.items, [item, item + 1])
        return [int(code) for code in self._labels.codes[begin:end]]

    def ask(self, item: int) -> Verdict:
        """Let the nearest items of other groups vote, over the search that serves."""
        begin, end = np.searchsorted(self._sorted, [self._group[item], self._group[item] + 1])
        own = self._order[begin:end]
        before = self._may[own]
        self._may[own] = False
        queries = from_fixed(self._part.views.fixed[self._part.rows(item)])
        hits = find(queries, self._part.index, VOTERS, self._may)
        self._may[own] = before
        nearest = hits.items.tolist()
        ranked = vote([self.codes(one) for one in nearest], hits.scores.tolist())
        return Verdict({one.value: one.score for one in ranked}, tuple(self._part.id(one) for one in nearest))
