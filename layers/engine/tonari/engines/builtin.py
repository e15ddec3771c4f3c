"""The built-in engine: the live snapshot, and over it a layer of the items that delta segments changed."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from tonari.contract.engine import (
    MOST_VALUES,
    Description,
    EngineAnswer,
    EngineQuery,
    ScoredItem,
    SearchPlan,
    SnapshotItems,
    Spread,
    StoredItem,
    Values,
)
from tonari.contract.filter_tree import Range
from tonari.engines.layers import Document, Layer
from tonari.fields.facets import count_facet
from tonari.fields.schema import Field, Schema
from tonari.index.planner import Tuning
from tonari.index.vectors import Hits, from_fixed, to_fixed
from tonari.snapshots.indexed import IndexedItem, IndexedView
from tonari.snapshots.segments import Segment
from tonari.snapshots.snapshot import Snapshot
from tonari.snapshots.table import Table, build_table, sort_into_cells

SAMPLES = 12


def open_builtin(snapshot: Snapshot, changes: Segment) -> BuiltinEngine:
    """Answer from a snapshot and from all changes since, whose embeddings are taken as they are stored."""
    return _lay_over(snapshot.table, snapshot.schema, changes.items)


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
    """

    base: Layer
    overlay: Layer
    schema: Schema
    changes: Mapping[str, IndexedItem | None]

    @property
    def _layers(self) -> tuple[Layer, ...]:
        return (self.base, self.overlay) if len(self.overlay) else (self.base,)

    def search(self, query: EngineQuery) -> EngineAnswer:
        """Find the nearest items: those of each layer, merged."""
        found = [(layer.table, layer.find(query)) for layer in self._layers]
        items = [item for table, hits in found for item in _scored(table, hits)]
        if len(found) > 1:
            items.sort(key=lambda item: (-item.score, item.id))
        plan = SearchPlan(
            path=found[0][1].path,
            matching=sum(hits.matching for _, hits in found),
            scanned=sum(hits.scanned for _, hits in found),
            exact=all(hits.exact for _, hits in found),
        )
        return EngineAnswer(tuple(items[: query.k]), plan)

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
        return Description(
            items=len(self.base) + len(self.overlay),
            views=len(table.views) - len(table.index.rows_of(replaced)[0]) + len(self.overlay.table.views),
            samples=self._samples(),
            large_ranges=_large_ranges(table.index.tuning),
            reason=table.index.tuning.reason,
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
        return _lay_over(sort_into_cells(build_table(items, schema, snapshot.dimensions)), schema, {})

    def apply(self, changes: Mapping[str, StoredItem | None]) -> BuiltinEngine:
        """Lay changes over the snapshot, in addition to those made before."""
        indexed = {name: None if item is None else _indexed(item) for name, item in changes.items()}
        return _lay_over(self.base.table, self.schema, {**self.changes, **indexed})


def _lay_over(table: Table, schema: Schema, changes: Mapping[str, IndexedItem | None]) -> BuiltinEngine:
    overlay = build_table((item for item in changes.values() if item), schema, table.views.fixed.shape[1])
    positions = table.positions(list(changes)) if changes else np.empty(0, np.int64)
    return BuiltinEngine(Layer(table, np.sort(positions[positions >= 0])), Layer(overlay), schema, changes)


def _scored(table: Table, hits: Hits) -> list[ScoredItem]:
    embeddings = from_fixed(table.views.fixed[hits.rows])
    found = zip(hits.items.tolist(), hits.rows.tolist(), hits.scores.tolist(), embeddings, strict=True)
    return [
        ScoredItem(table.id(item), score, table.view_name(row), Document(table, item), embedding)
        for item, row, score, embedding in found
    ]


def _large_ranges(tuning: Tuning) -> str:
    """Say how a range is searched that is too large to be scanned at once; a graph serves where nothing narrows it."""
    way = "cells" if tuning.probes else "scan"
    return f"graph and {way}" if tuning.graph else way


def _indexed(item: StoredItem) -> IndexedItem:
    views = zip(item.views, to_fixed(item.embeddings), strict=True)
    return IndexedItem(item.id, dict(item.fields), "", tuple(IndexedView(name, "", row) for name, row in views))
