"""An engine past one machine: a collection of a vector database, and in memory what that does not hold yet.

The head says what is true; the database may lag behind it, or run ahead. An item whose record there is not the one that
the head's segments name is answered from memory, so that no deleted item and no old state is ever found.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import TypeVar

import numpy as np
from msgspec import structs
from numpy.typing import NDArray

from tonari.contract.answers import Plan
from tonari.contract.database import (
    CollectionState,
    Counts,
    Database,
    FoundRecord,
    Record,
    SortedRecord,
    Tombstone,
    collection_name,
)
from tonari.contract.engine import (
    MOST_VALUES,
    Description,
    EngineAnswer,
    EngineQuery,
    Place,
    ScoredItem,
    SearchedWords,
    SnapshotItems,
    SortedItem,
    SortedItems,
    SortQuery,
    Spread,
    StoredItem,
    Values,
    WordQuery,
)
from tonari.contract.filter_tree import EVERYTHING, Condition, Range
from tonari.engines.asking import Scored, ask_nearest, first
from tonari.engines.lagging import Lag, Seen
from tonari.engines.layers import merge_sorted, scored
from tonari.engines.merging import merge_spreads, merge_values
from tonari.errors import EngineUnavailableError, MissingCollectionError, UnsupportedQueryError
from tonari.fields.facets import count_facet
from tonari.fields.schema import Field, Schema
from tonari.snapshots.described import load_described
from tonari.snapshots.records import RecordMaker, indexed_item, stored_item
from tonari.snapshots.segments import Segment
from tonari.snapshots.snapshot import Snapshot
from tonari.snapshots.snapshot_words import NO_TEXTS
from tonari.storage.bucket import Bucket
from tonari.words.analysis import take_apart
from tonari.words.searched import searched_of

SAMPLES = 12
LOOKED_AT = 200
"""Among so many items, the first by id, samples are chosen."""
TRIES = 5

Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True)
class RemoteOpening:
    """Opens the engine of a vector database.

    Parameters
    ----------
    database
        Where the collections are.
    kind
        What database it is, as answers name it.
    """

    database: Database
    kind: str

    def load_first(self, artefacts: Bucket, name: str, cache: Path, encoder: str) -> Snapshot:
        """Load what predicts: the items are elsewhere."""
        return load_described(artefacts, name, cache, encoder)

    def load(self, artefacts: Bucket, name: str, cache: Path, encoder: str) -> Snapshot:
        """Load what predicts: the items are elsewhere."""
        return load_described(artefacts, name, cache, encoder)

    def open(self, snapshot: Snapshot, changes: Segment, generation: int) -> RemoteEngine:
        """Answer from the snapshot's collection, and from memory where that is not what the generation says.

        Raises
        ------
        EngineUnavailableError
            If the database cannot be asked, or holds no complete collection of this snapshot.
        """
        name = collection_name(snapshot.id)
        state = self.database.collections().get(name)
        if state is None or not state.complete:
            there = "holds no collection" if state is None else f"has loaded {state.loaded:,} of {state.items:,} items"
            raise MissingCollectionError(
                f"{self.kind} {there} of the live snapshot {snapshot.id}: run `tonari engine load`, or wait for the "
                "rebuild that loads it."
            )
        held = self.database.states(name, since=1)
        lag = Lag.of(changes.items, held, generation, snapshot.schema, state.dimensions)
        return RemoteEngine(self.database, self.kind, name, state, snapshot.schema, lag)


@dataclass(frozen=True, slots=True)
class RemoteEngine:
    """Asks a collection of a vector database, and merges what it finds with what is in memory.

    It is an :class:`~tonari.contract.engine.Engine`.

    Parameters
    ----------
    kind
        What database it is.
    name
        Of the collection.
    state
        What was recorded of it.
    schema
        Of the fields.
    lag
        What the collection does not hold as it should.
    """

    database: Database
    kind: str
    name: str
    state: CollectionState
    schema: Schema
    lag: Lag

    def search(self, query: EngineQuery) -> EngineAnswer:
        """Find the nearest items."""
        return self._settled(lambda lag: self._search(query, lag))

    def search_words(self, query: WordQuery) -> EngineAnswer:
        """Find the items whose texts answer some words best; those that are in memory are found once they are there."""
        looked = take_apart(query.text)
        reason = self._words().reason
        if reason:
            raise UnsupportedQueryError(reason)
        return self._settled(lambda lag: self._search_words(query, (*looked.terms, *looked.ids), lag))

    def sort(self, query: SortQuery) -> SortedItems:
        """Give the first items of an order."""
        return self._settled(lambda lag: self._sort(query, lag))

    def read(self, ids: Sequence[str]) -> dict[str, StoredItem]:
        """Read items by id; those that do not exist are left out."""
        return self._settled(lambda lag: self._read(ids, lag))

    def count(
        self, fields: Collection[str], within: Range, most: int | None = MOST_VALUES
    ) -> dict[str, Values | Spread]:
        """Count the values of fields over all items in range."""
        if not fields:
            return {}
        overlay, rest = self.lag.overlay, self.lag.narrowed(within)
        if not len(overlay):
            return self.database.values(self.name, fields, rest, most)
        mask, columns = overlay.allowed(within), overlay.table.columns
        stored = self.database.values(self.name, fields, rest, None)
        return {
            field: self._added(field, stored[field], count_facet([(columns[field], mask)], None), within, most)
            for field in fields
        }

    def _added(
        self, field: str, stored: Values | Spread, own: Values | Spread, within: Range, most: int | None
    ) -> Values | Spread:
        if isinstance(stored, Values) and isinstance(own, Values):
            return merge_values(stored, own, most)
        if isinstance(stored, Spread) and isinstance(own, Spread):
            return merge_spreads(stored, own, lambda least: self._count(_from(within, field, least)).items)
        raise TypeError(f"{field} is counted in two ways")

    def describe(self) -> Description:
        """Say what collection and memory hold."""
        held = self._count(EVERYTHING)
        seen = [one.place.id for one in self.sort(SortQuery(LOOKED_AT)).items if one.view is not None]
        chosen = np.unique(np.linspace(0, len(seen) - 1, SAMPLES).astype(int)) if seen else ()
        return Description(
            items=held.items,
            views=held.views,
            samples=tuple(seen[place] for place in chosen),
            large_ranges=self.kind,
            reason="",
            words=self._words(),
        )

    def catch_up(self) -> RemoteEngine:
        """Compare again what the database has changed, if some of it was answered from memory."""
        if not self.lag.hidden:
            return self
        try:
            held = [*self.database.states(self.name, since=1)]
        except EngineUnavailableError:
            return self
        lag = Lag.of(self.lag.changes, held, self.lag.generation, self.schema, self.state.dimensions)
        return self if lag.hidden == self.lag.hidden else replace(self, lag=lag)

    def publish(self, snapshot: SnapshotItems) -> RemoteEngine:
        """Load the items of a snapshot into a collection of their own."""
        name, schema = collection_name(snapshot.id), Schema({one: Field(kind) for one, kind in snapshot.types.items()})
        maker = RecordMaker.of(schema)
        state = CollectionState(
            snapshot=snapshot.id,
            encoder=snapshot.encoder,
            dimensions=snapshot.dimensions,
            types=dict(snapshot.types),
            items=0,
            views=0,
        )
        self.database.create(name, state)
        rest, items, views = iter(snapshot.items), 0, 0
        while some := list(islice(rest, self.database.limits.batch)):
            records = [maker.of_snapshot(indexed_item(item)) for item in some]
            self.database.write(name, records)
            items, views = items + len(records), views + sum(len(one.views) for one in records)
        state = structs.replace(state, items=items, views=views, loaded=items, complete=True)
        self.database.record(name, state)
        return RemoteEngine(self.database, self.kind, name, state, schema, Lag.of({}, (), 0, schema, state.dimensions))

    def apply(self, changes: Mapping[str, StoredItem | None]) -> RemoteEngine:
        """Write changes as those of one more generation."""
        generation, maker = self.lag.generation + 1, RecordMaker.of(self.schema)
        indexed = {name: None if item is None else indexed_item(item) for name, item in changes.items()}
        self.database.write(
            self.name,
            [
                Tombstone(name, generation) if item is None else maker.record(item, generation)
                for name, item in indexed.items()
            ],
        )
        changed = {**self.lag.changes, **indexed}
        held = self.database.states(self.name, since=1)
        return replace(self, lag=Lag.of(changed, held, generation, self.schema, self.state.dimensions))

    def _settled(self, ask: Callable[[Lag], tuple[Answer, Iterable[Seen]]]) -> Answer:
        """Ask again, without them, while rows come that are neither the head's nor newer."""
        lag = self.lag
        for _ in range(TRIES):
            answer, seen = ask(lag)
            stale = [row.id for row in seen if lag.is_stale(row)]
            if not stale:
                return answer
            lag = lag.hiding(stale, self.schema, self.state.dimensions)
        raise EngineUnavailableError(
            f"{self.kind} gave old states of items {TRIES} times in a row: another program writes into its collection "
            f"{self.name}, or `tonari engine drift --repair` is needed."
        )

    def _search(self, query: EngineQuery, lag: Lag) -> tuple[EngineAnswer, list[FoundRecord]]:
        within, overlay = lag.narrowed(query.within), lag.overlay
        there = self.database.count(self.name, within)
        rows, exact = ask_nearest(self.database, self.name, query, within, there, self.state.views)
        items = [_item(one) for one in rows]
        matching, compared = there.items, there.views if exact else len(rows)
        if len(overlay):
            hits = overlay.find(query)
            items += scored(overlay.table, hits, query.vectors)
            items.sort(key=lambda item: (-item.score, item.id))
            matching, compared = matching + hits.matching, compared + hits.scanned
        plan = Plan(self.kind, matching, compared, exact)
        return EngineAnswer(tuple(items[: query.k]), plan), [row for _, row in rows]

    def _search_words(self, query: WordQuery, terms: Sequence[str], lag: Lag) -> tuple[EngineAnswer, list[FoundRecord]]:
        within = lag.narrowed(query.within)
        rows = first(
            lambda count: [self.database.worded(self.name, terms, count, within)],
            query.k,
            query.after,
            self.database.limits.found,
        )
        if query.embeddings:
            read = {one.id: one for one in self._records([row.id for _, row in rows])}
            rows = [(score, replace(row, embedding=_first_embedding(read.get(row.id)))) for score, row in rows]
        plan = Plan("words", self._count(query.within).items, len(rows), exact=True)
        nothing = np.zeros(self.state.dimensions, np.float32)
        items = [_item(one) for one in rows]
        items = [replace(item, embedding=item.embedding if len(item.embedding) else nothing) for item in items]
        return EngineAnswer(tuple(items), plan), [row for _, row in rows]

    def _sort(self, query: SortQuery, lag: Lag) -> tuple[SortedItems, list[SortedRecord]]:
        within = lag.narrowed(query.within)
        rows = self.database.sorted(self.name, replace(query, within=within))
        items = tuple(SortedItem(Place(row.value, row.id), json.loads(row.document), row.view or None) for row in rows)
        found = [SortedItems(items, self.database.count(self.name, within).items)]
        if len(lag.overlay):
            found.append(lag.overlay.sort(query))
        return merge_sorted(found, query), rows

    def _read(self, ids: Sequence[str], lag: Lag) -> tuple[dict[str, StoredItem], list[Record]]:
        rows = self._records([one for one in ids if one not in lag.hidden])
        return {row.id: stored_item(row, self.state.dimensions) for row in rows} | lag.overlay.read(ids), rows

    def _records(self, ids: Sequence[str]) -> list[Record]:
        return self.database.read(self.name, ids) if ids else []

    def _count(self, within: Range) -> Counts:
        there, overlay = self.database.count(self.name, self.lag.narrowed(within)), self.lag.overlay
        if not len(overlay):
            return there
        allowed = overlay.allowed(within)
        views = int(np.count_nonzero(allowed[overlay.table.views.item]))
        return Counts(there.items + int(np.count_nonzero(allowed)), there.views + views)

    def _words(self) -> SearchedWords:
        return self.database.words() or SearchedWords(
            tuple(searched_of(self.schema).weights), "" if searched_of(self.schema).weights else NO_TEXTS
        )


def _item(one: Scored) -> ScoredItem:
    score, row = one
    embedding = np.empty(0, np.float32) if row.embedding is None else row.embedding
    return ScoredItem(row.id, score, score, row.view, json.loads(row.document), embedding)


def _first_embedding(record: Record | None) -> NDArray[np.float32] | None:
    return record.embeddings[0] if record is not None and len(record.views) else None


def _from(within: Range, field: str, least: float) -> Range:
    return within.matching(Condition(field, "$gte", (least,)))
