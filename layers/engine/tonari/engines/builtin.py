"""The built-in engine: the live snapshot, and over it a layer of the items that delta segments changed."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np

from tonari.contract.answers import Plan
from tonari.contract.engine import (
    MOST_VALUES,
    Description,
    EngineAnswer,
    EngineQuery,
    ScoredItem,
    SnapshotItems,
    SortedItems,
    SortQuery,
    Spread,
    StoredItem,
    Values,
    WordQuery,
)
from tonari.contract.filter_tree import Range
from tonari.engines.layers import Document, Layer, merge_sorted, scored
from tonari.engines.words import LayeredWords
from tonari.fields.facets import count_facet
from tonari.fields.schema import Field, Schema
from tonari.index.shortening import rotated
from tonari.index.vectors import to_fixed
from tonari.snapshots.indexed import IndexedItem, IndexedView
from tonari.snapshots.segments import Segment
from tonari.snapshots.snapshot import Snapshot, load_scanned, load_snapshot
from tonari.snapshots.snapshot_words import SnapshotWords
from tonari.snapshots.table import Table, build_table, sort_into_cells
from tonari.storage.bucket import Bucket
from tonari.words.word_index import look

SAMPLES = 12


class BuiltinOpening:
    """Opens the built-in engine, whose items come from the snapshot's own files."""

    def load_first(self, artefacts: Bucket, name: str, cache: Path, encoder: str) -> Snapshot:
        """Load what candidates are found by: see :func:`tonari.snapshots.snapshot.load_scanned`."""
        return load_scanned(artefacts, name, cache, encoder)

    def load(self, artefacts: Bucket, name: str, cache: Path, encoder: str) -> Snapshot:
        """Load a snapshot whole."""
        return load_snapshot(artefacts, name, cache, encoder)

    def open(self, snapshot: Snapshot, changes: Segment, generation: int) -> BuiltinEngine:  # noqa: ARG002
        """Answer from a snapshot and from all changes since: see :func:`open_builtin`."""
        return open_builtin(snapshot, changes)


def open_builtin(snapshot: Snapshot, changes: Segment) -> BuiltinEngine:
    """Answer from a snapshot and from all changes since, whose embeddings are taken as they are stored."""
    engine = _lay_over(snapshot.table, snapshot.schema, changes.items, snapshot.words)
    engine.words.open_if_asked()
    return engine


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
        items = [item for table, hits in found for item in scored(table, hits, query.vectors)]
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
        return merge_sorted([layer.sort(query) for layer in self._layers], query)

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

    def catch_up(self) -> BuiltinEngine:
        """Give this engine: it has everything."""
        return self

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


def _indexed(item: StoredItem) -> IndexedItem:
    views = zip(item.views, to_fixed(item.embeddings), strict=True)
    return IndexedItem(item.id, dict(item.fields), "", tuple(IndexedView(name, "", row) for name, row in views))
