"""Milvus 2.3 and newer: a collection of rows for each snapshot, and one more in which all are recorded."""

from __future__ import annotations

import threading
import time
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field

import msgspec

from tonari.contract.database import (
    Access,
    CollectionState,
    Counts,
    FoundRecord,
    Limits,
    NearestQuery,
    Record,
    RecordState,
    SortedRecord,
    Tombstone,
)
from tonari.contract.engine import SearchedWords, SortQuery, Spread, Values
from tonari.contract.filter_tree import Range
from tonari.contract.forms import decode
from tonari.engines.databases.milvus.client import FRESH, PAGE, Client
from tonari.engines.databases.milvus.filters import ITEMS, VIEWS, in_range, texts
from tonari.engines.databases.milvus.reading import READ, WHOLE_ROWS, Layout, Reader
from tonari.engines.databases.milvus.rows import STATE, newest, record_of, states_in, unpacked
from tonari.engines.databases.milvus.writes import in_batches, write
from tonari.errors import EngineUnavailableError, MissingCollectionError, UnsupportedByEngineError
from tonari.fields.columns import build_columns
from tonari.fields.facets import count_facet
from tonari.fields.schema import Field, Schema

LIMITS = Limits(found=PAGE, exact=READ, compared=READ, ids=50_000, batch=5_000)
STATES = "_states"
"""The collection that records the others; none of them begins with an underscore."""
IDS = 1_000
MOST_SCANNED = 1_000
"""Rows that need no index: Milvus compares a query with each, up to some thousands, and then with some of them only."""
INDEXING = 600.0
HANDED_OVER = 20.0
"""Seconds for which all has to be indexed: for a moment Milvus still searches the rows as they were."""
POLL = 0.25
NO_WORDS = (
    "Milvus 2.3 does not search by words. Search by picture or by meaning, or use OpenSearch or Elasticsearch as the "
    "engine."
)


def connect(access: Access) -> MilvusDatabase:
    """Reach the collections of one deployment, whose names begin with ``access.prefix``; nothing is asked yet."""
    return MilvusDatabase(Client(access), access.prefix)


@dataclass(frozen=True)
class MilvusDatabase:
    """It is a :class:`~tonari.contract.database.Database`.

    A write has been seen by every reader when it returns, as long as each collection is in memory once: Milvus'
    ``replica_number`` is 1, which is what :meth:`create` asks for.
    """

    client: Client
    prefix: str
    limits: Limits = LIMITS
    _layouts: dict[str, Layout] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    # collections and aliases

    def collections(self) -> dict[str, CollectionState]:
        """Name the collections, each with what is recorded of it."""
        there = self.client.names()
        if self._name(STATES) not in there:
            return {}
        return {name: state for name, state in sorted(self._states().items()) if self._name(name) in there}

    def create(self, name: str, state: CollectionState) -> None:
        """Make an empty collection; one that was half made is completed."""
        layout = Layout.of(state)
        self.client.create(self._name(STATES), (), 2)
        self.client.create(self._name(name), list(layout.columns.values()), layout.dimensions)
        if name not in self._states():
            self._record(name, state)

    def record(self, name: str, state: CollectionState) -> None:
        """Record a collection's new state; once all items are written, wait until nearly all are indexed."""
        before = self._state(name)
        if state.loaded >= state.items:
            self._index(name, wait=not before.complete)
        self._record(name, state)

    def drop(self, name: str) -> None:
        """Delete a collection; one that is not there is no error."""
        if self._name(STATES) in self.client.names():
            self.client.delete(self._name(STATES), f"key in {texts([name])}")
            self.client.settle(self._name(STATES))
        self.client.drop(self._name(name))
        with self._lock:
            self._layouts.pop(name, None)

    def point(self, alias: str, name: str) -> None:
        """Let an alias name a collection, in one step, instead of the one it named before."""
        if self._name(name) not in self.client.names():
            raise MissingCollectionError(f"Milvus has no collection {self._name(name)}.")
        self.client.point(self._name(alias), self._name(name))

    def pointed(self, alias: str) -> str | None:
        """Tell which collection an alias names."""
        named = self.client.aliased(self._name(alias))
        return None if named is None else named.removeprefix(f"{self.prefix}_")

    # writing and reading

    def write(self, name: str, records: Sequence[Record | Tombstone]) -> None:
        """Write items, each whole, as :mod:`tonari.engines.databases.milvus.writes` says."""
        layout = self._layout(name)
        if records:
            write(self.client, self._name(name), records, layout.columns, layout.dimensions)

    def read(self, name: str, ids: Sequence[str]) -> list[Record]:
        """Read items; those that do not exist, or were deleted, are left out."""
        layout = self._layout(name)
        wanted = (*STATE, "view", "document", *(column.name for column in layout.columns.values()), "embedding")
        found: list[Record] = []
        for some in in_batches(list(dict.fromkeys(ids)), IDS):
            rows = self.client.rows(self._name(name), f"item in {texts(some)}", wanted, size=WHOLE_ROWS)
            records = (record_of(own, layout.columns) for own in newest(rows).values())
            found += [record for record in records if record is not None]
        return found

    def states(self, name: str, *, since: int = 0) -> Iterator[RecordState]:
        """Give what the collection holds, tombstones too: records of this generation and newer ones, by ascending id.

        The state of an item whose write broke off is an empty text.
        """
        self._layout(name)
        yield from states_in(self.client.rows(self._name(name), f"generation >= {since}", STATE))

    # asking

    def nearest(self, name: str, query: NearestQuery) -> list[FoundRecord]:
        """Find the items nearest to a vector; exactly after reading the embeddings of all in range."""
        return self._reader(name).nearest(query)

    def worded(self, name: str, terms: Sequence[str], k: int, within: Range) -> list[FoundRecord]:  # noqa: ARG002
        """Refuse: there is no such search."""
        raise UnsupportedByEngineError(NO_WORDS)

    def words(self) -> SearchedWords | None:
        """Say why no search by words is possible."""
        return SearchedWords((), NO_WORDS)

    def sorted(self, name: str, query: SortQuery) -> list[SortedRecord]:
        """Give the first items of an order: by ascending id as Milvus keeps them, otherwise after reading all."""
        return self._reader(name).sorted(query)

    def count(self, name: str, within: Range) -> Counts:
        """Count the items in range and their views."""
        columns = self._layout(name).columns
        items, views = (self.client.count(self._name(name), in_range(rows, within, columns)) for rows in (ITEMS, VIEWS))
        return Counts(items, views)

    def values(self, name: str, fields: Collection[str], within: Range, most: int | None) -> dict[str, Values | Spread]:
        """Count the values of fields, after reading all in range."""
        types = self._layout(name).columns
        if not fields:
            return {}
        items = [
            {one: list(value) if isinstance(value, tuple) else value for one, value in values.items()}
            for values in self._reader(name).values(fields, within)
        ]
        kinds = {one: types[one].type for one in fields}
        schema = Schema({one: Field("number" if kind == "date" else kind, missing=()) for one, kind in kinds.items()})
        columns = build_columns(items, schema)
        return {one: count_facet([(columns[one], None)], most) for one in fields}

    def close(self) -> None:
        """Give back the connection."""
        self.client.close()

    # how

    def _name(self, name: str) -> str:
        return f"{self.prefix}_{name}"

    def _states(self) -> dict[str, CollectionState]:
        rows = self.client.rows(self._name(STATES), 'key != ""', ("key", "document"), consistency=FRESH)
        return {row["key"]: decode(unpacked(row)[0].encode(), CollectionState, row["key"]) for row in rows}

    def _state(self, name: str) -> CollectionState:
        state = self.collections().get(name)
        if state is None:
            raise MissingCollectionError(f"Milvus has no collection {self._name(name)} that tonari made.")
        return state

    def _record(self, name: str, state: CollectionState) -> None:
        row = {
            "key": name,
            "item": name,
            "document": f"={msgspec.json.encode(state).decode()}",
            "state": "",
            "view": "",
        }
        numbers = dict.fromkeys(("generation", "stamp", "place", "views", "parts"), 0)
        self.client.upsert(self._name(STATES), {**row, **numbers, "embedding": [0.0, 0.0]})
        self.client.settle(self._name(STATES))

    def _reader(self, name: str) -> Reader:
        return Reader(self.client, self._name(name), self._layout(name))

    def _layout(self, name: str) -> Layout:
        with self._lock:
            known = self._layouts.get(name)
        if known is None:
            known = Layout.of(self._state(name))
            with self._lock:
                self._layouts[name] = known
        return known

    def _index(self, name: str, *, wait: bool) -> None:
        """Let Milvus index what it holds, if that is more than it scans well."""
        there = self._name(name)
        if self._unindexed(there) <= MOST_SCANNED:
            return
        self.client.flush(there)
        deadline, since = time.monotonic() + INDEXING, None
        while wait and (since is None or time.monotonic() < since + HANDED_OVER):
            left = self._unindexed(there)
            since = None if left > MOST_SCANNED else since or time.monotonic()
            if time.monotonic() > deadline:
                raise EngineUnavailableError(
                    f"Milvus has not indexed {left:,} rows within {INDEXING:.0f} s: wait, and go on loading."
                )
            time.sleep(POLL)

    def _unindexed(self, there: str) -> int:
        indexed = self.client.indexed(there)
        return 0 if indexed is None else self.client.count(there, 'key != ""') - indexed
