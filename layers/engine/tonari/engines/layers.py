"""Items laid out for searching in memory, over or under which other layers lie."""

from __future__ import annotations

from collections.abc import ItemsView, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tonari.contract.engine import EngineQuery, Place, ScoredItem, SortedItem, SortedItems, SortQuery, StoredItem
from tonari.contract.filter_tree import EVERYTHING, Range
from tonari.fields.masks import evaluate
from tonari.fields.order import first_by_value
from tonari.index.planner import find, find_after
from tonari.index.scoring import upper_scores
from tonari.index.vectors import Hits
from tonari.snapshots.table import Table

FEW = 16
"""Up to so many items are left out by asking for as many more, which keeps a range whole and the graph in use."""


class Document(Mapping[str, Any]):
    """An item's document, parsed whenever it is read, and not kept: of many items found, few are shown."""

    def __init__(self, table: Table, position: int) -> None:
        self._table, self._position = table, position

    def __getitem__(self, name: str) -> Any:
        return self._fields()[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._fields())

    def __len__(self) -> int:
        return len(self._fields())

    def items(self) -> ItemsView[str, Any]:
        """Parse the document once, for all of its fields."""
        return self._fields().items()

    def _fields(self) -> dict[str, Any]:
        return self._table.fields(self._position)


@dataclass(frozen=True, slots=True)
class Layer:
    """Items laid out for searching, and which of them no longer count.

    Parameters
    ----------
    table
        I items.
    replaced : (n,) int64
        Positions of items that a layer above replaces or deletes.
    """

    table: Table
    replaced: NDArray[np.int64]

    def __len__(self) -> int:
        """How many items count."""
        return len(self.table) - len(self.replaced)

    def find(self, query: EngineQuery) -> Hits:
        """Find the nearest items in range."""
        within, index = query.within, self.table.index
        if query.after is not None:
            score, item = query.after
            return find_after(query.vectors, index, query.k, self.mask(within), score, self.table.follow(item))
        if within.filter is None and within.ids is None and len(self.replaced) + len(within.excluded) <= FEW:
            left_out = np.union1d(self.replaced, self._positions(within.excluded))
            hits = find(query.vectors, index, query.k + len(left_out), exact=query.exact)
            kept = np.flatnonzero(np.isin(hits.items, left_out, invert=True))[: query.k]
            return replace(
                hits,
                items=hits.items[kept],
                rows=hits.rows[kept],
                scores=hits.scores[kept],
                matching=hits.matching - len(left_out),
            )
        return find(query.vectors, index, query.k, self.mask(within), exact=query.exact)

    def sort(self, query: SortQuery) -> SortedItems:
        """Give the first items of an order."""
        table, after, allowed = self.table, query.after, self.allowed(query.within)
        if query.sort is None:
            found = _first_by_id(table, np.flatnonzero(allowed), query)
        else:
            last = None if after is None else (after.value, table.follow(after.id))
            column = table.columns.get(query.sort)
            found = first_by_value(column, allowed, query.k, descending=query.descending, after=last)
        items = tuple(self._sorted(position, query.sort) for position in found.tolist())
        return SortedItems(items, int(np.count_nonzero(allowed)))

    def _sorted(self, position: int, field: str | None) -> SortedItem:
        table = self.table
        rows = table.rows(position)
        place = Place(None if field is None else table.value(field, position), table.id(position))
        return SortedItem(place, Document(table, position), table.view_name(int(rows[0])) if len(rows) else None)

    def allowed(self, within: Range) -> NDArray[np.bool_]:
        """Tell which items count and are in range, (I,) bool."""
        mask = self.mask(within)
        return np.ones(len(self.table), np.bool_) if mask is None else mask

    def mask(self, within: Range) -> NDArray[np.bool_] | None:
        """Tell which items count and are in range.

        Returns
        -------
        (I,) bool, or None if all of them are.
        """
        if within == EVERYTHING and not len(self.replaced):
            return None
        allowed = np.ones(len(self.table), np.bool_)
        if within.filter is not None:
            allowed = evaluate(within.filter, self.table.columns, len(self.table))
        if within.ids is not None:
            among = np.zeros(len(self.table), np.bool_)
            among[self._positions(within.ids)] = True
            allowed &= among
        allowed[self.replaced] = False
        allowed[self._positions(within.excluded)] = False
        return allowed

    def read(self, ids: Sequence[str]) -> dict[str, StoredItem]:
        """Read items by id; those that are not here, or no longer count, are left out."""
        positions = self._positions(ids)
        counting = positions[np.isin(positions, self.replaced, invert=True)].tolist()
        return {self.table.id(position): self._stored(position) for position in counting}

    def _stored(self, position: int) -> StoredItem:
        rows = self.table.rows(position)
        names = tuple(self.table.view_name(int(row)) for row in rows)
        fields = Document(self.table, position)
        return StoredItem(self.table.id(position), fields, names, self.table.views.kept(rows))

    def _positions(self, ids: Sequence[str]) -> NDArray[np.int64]:
        if not ids:
            return np.empty(0, np.int64)
        positions = self.table.positions(ids)
        return positions[positions >= 0]


def _first_by_id(table: Table, candidates: NDArray[np.int64], query: SortQuery) -> NDArray[np.int64]:
    """Take the first candidates, (n,) ascending positions, in the order of their ids."""
    if query.after is not None:
        behind = table.follow(query.after.id)
        before = behind - 1 if table.find(query.after.id) is not None else behind
        candidates = candidates[candidates < before] if query.descending else candidates[candidates >= behind]
    return candidates[::-1][: query.k] if query.descending else candidates[: query.k]


def scored(table: Table, hits: Hits, queries: NDArray[np.float32]) -> list[ScoredItem]:
    """Say what a search of a layer found for queries, (Q, D)."""
    embeddings = table.views.embeddings(hits.rows)
    upper = upper_scores(queries, table.views, hits.rows, hits.scores).tolist()
    found = zip(hits.items.tolist(), hits.rows.tolist(), hits.scores.tolist(), upper, embeddings, strict=True)
    return [
        ScoredItem(table.id(item), score, most, table.view_name(row), Document(table, item), embedding)
        for item, row, score, most, embedding in found
    ]


def merge_sorted(found: Sequence[SortedItems], query: SortQuery) -> SortedItems:
    """Merge what several layers gave for one order."""
    items = sorted((item for one in found for item in one.items), key=_id_of)
    if query.sort is None:
        items.sort(key=_id_of, reverse=query.descending)
    else:
        valued = [item for item in items if item.place.value is not None]
        valued.sort(key=lambda item: item.place.value, reverse=query.descending)
        items = valued + [item for item in items if item.place.value is None]
    return SortedItems(tuple(items[: query.k]), sum(one.matching for one in found))


def _id_of(item: SortedItem) -> str:
    return item.place.id
