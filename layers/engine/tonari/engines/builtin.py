"""The built-in engine: the live snapshot, and over it a layer of the items that delta segments changed."""

from __future__ import annotations

from collections.abc import Collection, ItemsView, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from tonari.contract.answers import Plan
from tonari.contract.engine import (
    MOST_VALUES,
    Description,
    EngineAnswer,
    EngineQuery,
    Place,
    ScoredItem,
    SnapshotItems,
    SortedItem,
    SortedItems,
    SortQuery,
    Spread,
    StoredItem,
    Values,
    WordQuery,
)
from tonari.contract.filter_tree import EVERYTHING, Range
from tonari.engines.words import LayeredWords
from tonari.fields.facets import count_facet
from tonari.fields.masks import evaluate
from tonari.fields.order import first_by_value
from tonari.fields.schema import Field, Schema
from tonari.index.planner import find, find_after
from tonari.index.scoring import upper_scores
from tonari.index.shortening import rotated
from tonari.index.vectors import Hits, to_fixed
from tonari.snapshots.indexed import IndexedItem, IndexedView
from tonari.snapshots.segments import Segment
from tonari.snapshots.snapshot import Snapshot
from tonari.snapshots.snapshot_words import SnapshotWords
from tonari.snapshots.table import Table, build_table, sort_into_cells
from tonari.words.word_index import look

SAMPLES = 12
FEW = 16
"""Up to so many items are left out by asking for as many more, which keeps a range whole and the graph in use."""


def open_builtin(snapshot: Snapshot, changes: Segment) -> BuiltinEngine:
    """Answer from a snapshot and from all changes since, whose embeddings are taken as they are stored."""
    engine = _lay_over(snapshot.table, snapshot.schema, changes.items, snapshot.words)
    engine.words.open_if_asked()
    return engine


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


@dataclass(frozen=True, slots=True)
class BuiltinEngine:
    """Searches a snapshot and the changes over it, and merges what it finds.

    It is an :class:`~tonari.contract.engine.Engine`.

    Parameters
    ----------
    base
        The snapshot.
    overlay
        Items that were added or replaced since.
    schema
        Of the fields.
    changes
        What ``overlay`` was made from: items by id, None for those that were deleted.
    words
        Of both layers.
    """

    base: Layer
    overlay: Layer
    schema: Schema
    changes: Mapping[str, IndexedItem | None]
    words: LayeredWords

    @property
    def _layers(self) -> tuple[Layer, ...]:
        return (self.base, self.overlay) if len(self.overlay) else (self.base,)

    def search(self, query: EngineQuery) -> EngineAnswer:
        """Find the nearest items: those of each layer, merged."""
        found = [(layer.table, layer.find(query)) for layer in self._layers]
        items = [item for table, hits in found for item in _scored(table, hits, query.vectors)]
        if len(found) > 1:
            items.sort(key=lambda item: (-item.score, item.id))
        plan = Plan(
            path=found[0][1].path,
            matching=sum(hits.matching for _, hits in found),
            scanned=sum(hits.scanned for _, hits in found),
            exact=all(hits.exact for _, hits in found),
            vectors=self._vectors,
        )
        return EngineAnswer(tuple(items[: query.k]), plan)

    @property
    def _vectors(self) -> Literal["full", "rotated"]:
        return "full" if self.base.table.views.whole else "rotated"

    def search_words(self, query: WordQuery) -> EngineAnswer:
        """Find the items whose texts answer some words best."""
        looked, index = look(query.text), self.words.open()
        mask = np.concatenate([layer.allowed(query.within) for layer in (self.base, self.overlay)])
        hits = index.search(looked, query.k, mask, query.after, self._id_of)
        return EngineAnswer(
            tuple(self._worded(*one) for one in zip(hits.numbers.tolist(), hits.scores.tolist(), strict=True)),
            Plan("words", int(np.count_nonzero(mask)), hits.having, exact=True, vectors=self._vectors),
        )

    def _place(self, number: int) -> tuple[Table, int]:
        """Find an item by its number in the index of words."""
        first = len(self.base.table)
        return (self.base.table, number) if number < first else (self.overlay.table, number - first)

    def _id_of(self, number: int) -> str:
        table, position = self._place(number)
        return table.id(position)

    def _worded(self, number: int, score: float) -> ScoredItem:
        table, position = self._place(number)
        rows, document = table.rows(position)[:1], Document(table, position)
        if not len(rows):
            nothing = np.zeros(table.views.dimensions, np.float32)
            return ScoredItem(table.id(position), score, score, "", document, nothing)
        embedding = table.views.embeddings(rows)[0]
        return ScoredItem(table.id(position), score, score, table.view_name(int(rows[0])), document, embedding)

    def sort(self, query: SortQuery) -> SortedItems:
        """Give the first items of an order: those of each layer, merged."""
        found = [layer.sort(query) for layer in self._layers]
        items = sorted((item for one in found for item in one.items), key=_id_of)
        if query.sort is None:
            items.sort(key=_id_of, reverse=query.descending)
        else:
            valued = [item for item in items if item.place.value is not None]
            valued.sort(key=lambda item: item.place.value, reverse=query.descending)
            items = valued + [item for item in items if item.place.value is None]
        return SortedItems(tuple(items[: query.k]), sum(one.matching for one in found))

    def read(self, ids: Sequence[str]) -> dict[str, StoredItem]:
        """Read items by id; those that do not exist are left out."""
        return {item: stored for layer in self._layers for item, stored in layer.read(ids).items()}

    def count(
        self, fields: Collection[str], within: Range, most: int | None = MOST_VALUES
    ) -> dict[str, Values | Spread]:
        """Count the values of fields over all items in range."""
        if not fields:
            return {}
        masked = [(layer.table.columns, layer.mask(within)) for layer in self._layers]
        return {name: count_facet([(columns[name], mask) for columns, mask in masked], most) for name in fields}

    def describe(self) -> Description:
        """Say what snapshot and overlay hold."""
        table, replaced = self.base.table, self.base.replaced
        tuning = table.index.tuning
        way = "cells" if tuning.probes else "scan"
        return Description(
            items=len(self.base) + len(self.overlay),
            views=len(table.views) - len(table.index.rows_of(replaced)[0]) + len(self.overlay.table.views),
            samples=self._samples(),
            large_ranges=f"graph and {way}" if tuning.graph else way,
            reason=tuning.reason,
            whole=table.views.whole,
            words=self.words.describe(),
        )

    def _samples(self) -> tuple[str, ...]:
        table = self.base.table
        shown = np.setdiff1d(table.views.item, self.base.replaced)
        chosen = np.unique(np.linspace(0, len(shown) - 1, SAMPLES).astype(int)) if len(shown) else np.empty(0, int)
        return tuple(table.id(int(position)) for position in shown[chosen])

    def publish(self, snapshot: SnapshotItems) -> BuiltinEngine:
        """Lay the items of a snapshot out for searching; what is published through the bucket is opened instead."""
        schema = Schema({name: Field(kind) for name, kind in snapshot.types.items()})
        items = (_indexed(item) for item in snapshot.items)
        return _lay_over(sort_into_cells(build_table(items, schema, snapshot.dimensions)), schema, {}, None)

    def apply(self, changes: Mapping[str, StoredItem | None]) -> BuiltinEngine:
        """Lay changes over the snapshot, in addition to those made before."""
        indexed = {name: None if item is None else _indexed(item) for name, item in changes.items()}
        return _lay_over(self.base.table, self.schema, {**self.changes, **indexed}, self.words.source)


def _lay_over(
    table: Table,
    schema: Schema,
    changes: Mapping[str, IndexedItem | None],
    source: SnapshotWords | str | None,
) -> BuiltinEngine:
    overlay = build_table((item for item in changes.values() if item), schema, table.views.dimensions)
    if not table.views.whole and table.views.rotation is not None:
        # Scores of both layers are compared, so they are estimated alike.
        index = rotated(overlay.index, table.views.rotation)
        overlay = replace(overlay, index=index.without_embeddings())
    positions = table.positions(list(changes))
    replaced = np.sort(positions[positions >= 0])
    words = LayeredWords(table, overlay, replaced, schema, source)
    return BuiltinEngine(Layer(table, replaced), Layer(overlay, np.empty(0, np.int64)), schema, changes, words)


def _first_by_id(table: Table, candidates: NDArray[np.int64], query: SortQuery) -> NDArray[np.int64]:
    """Take the first candidates, (n,) ascending positions, in the order of their ids."""
    if query.after is not None:
        behind = table.follow(query.after.id)
        before = behind - 1 if table.find(query.after.id) is not None else behind
        candidates = candidates[candidates < before] if query.descending else candidates[candidates >= behind]
    return candidates[::-1][: query.k] if query.descending else candidates[: query.k]


def _id_of(item: SortedItem) -> str:
    return item.place.id


def _scored(table: Table, hits: Hits, queries: NDArray[np.float32]) -> list[ScoredItem]:
    embeddings = table.views.embeddings(hits.rows)
    upper = upper_scores(queries, table.views, hits.rows, hits.scores).tolist()
    found = zip(hits.items.tolist(), hits.rows.tolist(), hits.scores.tolist(), upper, embeddings, strict=True)
    return [
        ScoredItem(table.id(item), score, most, table.view_name(row), Document(table, item), embedding)
        for item, row, score, most, embedding in found
    ]


def _indexed(item: StoredItem) -> IndexedItem:
    views = zip(item.views, to_fixed(item.embeddings), strict=True)
    return IndexedItem(item.id, dict(item.fields), "", tuple(IndexedView(name, "", row) for name, row in views))
