"""The items in range, nearest first, from snapshot and overlay as one: what an answer is chosen from.

The order is total: by descending score, then by id. A score is what the answer says, the cosine similarity rounded to
six decimals; it is computed in float64, view by view, so that it never depends on what else was scored along with it
and an order seen once holds for the next request.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from tonari.fields.filters import Filter
from tonari.index.planner import find
from tonari.index.vectors import UNIT, Hits
from tonari.query.ranges import Side
from tonari.snapshots.table import Table

DECIMALS = 6
MARGIN = 1e-5
"""By how much a score of the planner (float32) may differ from the one here, with room to spare."""
SPARE = 8
BLOCK = 4096


@dataclass(frozen=True, slots=True)
class Query:
    """What is looked for.

    Parameters
    ----------
    embeddings : (Q, D) float32, rows of length 1
        Usually one; an item that serves as query brings all its views.
    items
        The items that serve as query: they are not among their own neighbours.
    """

    embeddings: NDArray[np.float32]
    items: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Found:
    """One item of one part, before its document is read."""

    table: Table
    position: int
    row: int
    score: float
    id: str

    @property
    def order(self) -> tuple[float, str]:
        """By what items are ordered."""
        return -self.score, self.id


@dataclass(frozen=True, slots=True)
class Plan:
    """How an answer was come by; ``matching`` counts items in range, ``scanned`` views that were compared."""

    path: str
    matching: int
    scanned: int
    exact: bool


class Nearest:
    """Gives the items in range batch by batch, each batch farther off than the one before, none twice.

    That is exact where the searches are. Where they are approximate, a later batch may have an item that belonged into
    an earlier one.

    Attributes
    ----------
    done
        Whether all items in range that have a view were given.
    """

    def __init__(self, query: Query, both: tuple[Side, ...], *, exact: bool) -> None:
        self._queries, self._sides, self._exact = query.embeddings, both, exact
        self._given: list[NDArray[np.int64]] = [np.empty(0, np.int64) for _ in both]
        self.done = False
        self._plans: list[Plan] = []

    @property
    def plan(self) -> Plan:
        """What all searches took, once there was a batch."""
        first, *later = self._plans
        return replace(
            first,
            scanned=first.scanned + sum(plan.scanned for plan in later),
            exact=first.exact and all(plan.exact for plan in later),
        )

    def narrow(self, condition: Filter) -> None:
        """Go on among what a filter matches."""
        self._sides = tuple(side.within(condition) for side in self._sides)

    def batch(self, count: int) -> list[Found]:
        """Give the next items, about ``count`` of them and none only if there are none."""
        most = sum(len(side.table) for side in self._sides)
        reach = count
        while not self.done:
            found, certain = self._search(min(reach, most) + SPARE)
            if found or not np.isfinite(certain):
                self.done = not np.isfinite(certain)
                return found
            reach *= 4
        return []

    def _search(self, count: int) -> tuple[list[Found], float]:
        """Give what is certainly nearest, in order, and the score down to which that reaches."""
        self._sides = tuple(
            side.without(given) if len(given) else side for side, given in zip(self._sides, self._given, strict=True)
        )
        searches = [
            find(self._queries, side.table.index, count, side.allowed, exact=self._exact) for side in self._sides
        ]
        self._plans.append(_plan(searches))
        # What a search did not return may score as high as the last that it did return, and rounding may lift it.
        certain = max((float(s.scores[-1]) + MARGIN for s in searches if len(s.items) == count), default=-np.inf)
        found: list[Found] = []
        for number, (side, hits) in enumerate(zip(self._sides, searches, strict=True)):
            scores, rows = score_items(self._queries, side.table, hits.items.astype(np.int64))
            sure = np.flatnonzero(scores > certain)
            self._given[number] = hits.items[sure].astype(np.int64)
            found += _collect(side.table, hits.items[sure], rows[sure], scores[sure])
        return sorted(found, key=lambda one: one.order), certain


def _plan(searches: list[Hits]) -> Plan:
    return Plan(
        path=searches[0].path,
        matching=sum(hits.matching for hits in searches),
        scanned=sum(hits.scanned for hits in searches),
        exact=all(hits.exact for hits in searches),
    )


def _collect(
    table: Table, items: NDArray[np.int32], rows: NDArray[np.int64], scores: NDArray[np.float64]
) -> Iterator[Found]:
    for item, row, score in zip(items.tolist(), rows.tolist(), scores.tolist(), strict=True):
        yield Found(table, item, row, score, table.id(item))


def score_items(
    queries: NDArray[np.float32], table: Table, items: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Score items by their best view.

    Parameters
    ----------
    items : (n,) int64
        Positions of items that have a view.

    Returns
    -------
    scores : (n,) float64
        Rounded to six decimals.
    rows : (n,) int64
        The best view of each; of equals, the one that its document names first.
    """
    index = table.index
    if not len(items):
        return np.empty(0), items
    size = index.first[items + 1] - index.first[items]
    begin = np.cumsum(size) - size
    rows = index.rows[np.repeat(index.first[items] - begin, size) + np.arange(int(size.sum()))]
    scores: NDArray[np.float64] = np.empty(len(rows))
    wide = queries.astype(np.float64)
    for start in range(0, len(rows), BLOCK):
        block = table.views.fixed[rows[start : start + BLOCK]] / UNIT
        scores[start : start + BLOCK] = np.vecdot(block[:, None], wide).max(axis=1)
    scores = np.asarray(np.round(np.clip(scores, -1, 1), DECIMALS) + 0.0, np.float64)  # -0.0 would be another text
    best = np.maximum.reduceat(scores, begin)
    places = np.where(scores == np.repeat(best, size), np.arange(len(rows)), len(rows))
    return best, rows[np.minimum.reduceat(places, begin)]
