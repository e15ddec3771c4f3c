"""PostgreSQL with pgvector: a schema for a deployment, and in it two tables for each collection, items and views."""

from __future__ import annotations

import functools
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

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
from tonari.contract.filter_tree import EVERYTHING, Range
from tonari.contract.forms import decode
from tonari.engines.databases.pgvector.facets import count_values, spread_of
from tonari.engines.databases.pgvector.filters import in_range
from tonari.engines.databases.pgvector.layout import (
    COPY_END,
    COPY_HEAD,
    MOST_DIMENSIONS,
    Layout,
    copied_views,
    escaped,
    unescaped,
)
from tonari.engines.databases.pgvector.rows import found_record, sorted_record, stored_record
from tonari.engines.databases.pgvector.schema import Schema
from tonari.engines.databases.pgvector.searches import first_views, nearest_views, stored_items
from tonari.engines.databases.pgvector.sessions import EXPANSION, Session, Sessions, execute, fetch
from tonari.errors import MissingCollectionError, UnsupportedByEngineError

LIMITS = Limits(found=10_000, exact=1_000_000, compared=1_000_000_000, ids=50_000, batch=1_000)
BATCH = 10_000
MARGIN = 10
MOST_EXPANSION = 1_000
"""Greatest ``hnsw.ef_search``."""
NO_WORDS = (
    "PostgreSQL has no search by words that scores by BM25. Search by picture or by meaning, or use OpenSearch or "
    "Elasticsearch as the engine."
)


def connect(access: Access) -> PostgresDatabase:
    """Reach the collections of one deployment, which lie in the schema that ``access.prefix`` names."""
    return PostgresDatabase(Sessions(access), Schema(access.prefix))


@dataclass(frozen=True)
class PostgresDatabase:
    """It is a :class:`~tonari.contract.database.Database`.

    Nearest views are found by HNSW, whose search goes on where a filter lets few pass [pgvector 0.8, iterative scans].
    """

    sessions: Sessions
    schema: Schema
    _layouts: dict[str, Layout] = field(default_factory=dict)
    _totals: dict[str, tuple[int, Counts]] = field(default_factory=dict)

    @property
    def limits(self) -> Limits:
        """How much is answered at once."""
        return LIMITS

    def collections(self) -> dict[str, CollectionState]:
        """Name the collections, each with what is recorded of it."""

        def work(session: Session) -> dict[str, CollectionState]:
            if not self.schema.is_there(session):
                return {}
            rows = fetch(session, f"SELECT name, state FROM {self.schema.of('collections')} ORDER BY name")
            return {name: decode(state.encode(), CollectionState, name) for name, state in rows}

        return self.sessions.ask(work)

    def create(self, name: str, state: CollectionState) -> None:
        """Make an empty collection; one that is there stays as it is."""
        if state.dimensions > MOST_DIMENSIONS:
            raise UnsupportedByEngineError(
                f"pgvector keeps embeddings of up to {MOST_DIMENSIONS:,} dimensions, and these have "
                f"{state.dimensions:,}: use an encoder with fewer."
            )

        def work(session: Session) -> None:
            self.schema.make(session)
            kept = (name, msgspec.json.encode(state).decode())
            statement = (
                f"INSERT INTO {self.schema.of('collections')} (name, state) VALUES (%s, %s) ON CONFLICT DO NOTHING"
            )
            if execute(session, statement, kept):
                for made in Layout(self.schema.name, name, state).made():
                    execute(session, made)

        self.sessions.run(work)

    def record(self, name: str, state: CollectionState) -> None:
        """Record a collection's new state; once all its items are written, they are indexed before."""

        def work(session: Session) -> None:
            layout = self._layout(session, name)
            if state.loaded >= state.items and not self._is_complete(session, name):
                execute(session, "SET LOCAL statement_timeout = 0")
                for statement in layout.indexes():
                    execute(session, statement)
            kept = (msgspec.json.encode(state).decode(), name)
            if not execute(session, f"UPDATE {self.schema.of('collections')} SET state = %s WHERE name = %s", kept):
                raise _missing(name)

        self.sessions.run(work)
        self._layouts[name] = Layout(self.schema.name, name, state)

    def drop(self, name: str) -> None:
        """Delete a collection, and the aliases that name it."""

        def work(session: Session) -> None:
            if not self.schema.is_there(session):
                return
            self.schema.lock(session)
            named = fetch(session, f"DELETE FROM {self.schema.of('aliases')} WHERE name = %s RETURNING alias", (name,))
            for (alias,) in named:
                execute(session, f"DROP VIEW IF EXISTS {self.schema.of(alias)}")
            for table in (f"{name}_items", f"{name}_views"):
                execute(session, f"DROP TABLE IF EXISTS {self.schema.of(table)}")
            execute(session, f"DELETE FROM {self.schema.of('collections')} WHERE name = %s", (name,))

        self.sessions.run(work)
        self._layouts.pop(name, None)
        self._totals.pop(name, None)

    def point(self, alias: str, name: str) -> None:
        """Let an alias name a collection: a view of its items, which other programs can read too."""

        def work(session: Session) -> None:
            layout = self._layout(session, name)
            self.schema.lock(session)
            statement = (
                f"INSERT INTO {self.schema.of('aliases')} (alias, name) VALUES (%s, %s) "
                "ON CONFLICT (alias) DO UPDATE SET name = excluded.name"
            )
            execute(session, statement, (alias, name))
            execute(session, f"DROP VIEW IF EXISTS {self.schema.of(alias)}")
            execute(session, layout.readable(alias))

        self.sessions.run(work)

    def pointed(self, alias: str) -> str | None:
        """Tell which collection an alias names."""

        def work(session: Session) -> str | None:
            if not self.schema.is_there(session):
                return None
            rows = fetch(session, f"SELECT name FROM {self.schema.of('aliases')} WHERE alias = %s", (alias,))
            return rows[0][0] if rows else None

        return self.sessions.ask(work)

    def write(self, name: str, records: Sequence[Record | Tombstone]) -> None:
        """Write items, each whole, and all in one transaction: an older record never replaces a newer one."""
        newest: dict[str, Record | Tombstone] = {}
        for record in records:
            if record.id not in newest or newest[record.id].generation <= record.generation:
                newest[record.id] = record
        self.sessions.run(lambda session: self._write(session, self._layout(session, name), newest))

    def _write(self, session: Session, layout: Layout, newest: dict[str, Record | Tombstone]) -> None:
        if not newest:
            return
        # In one order, so that two writers of the same items wait for each other and not in a circle.
        rows = [layout.row(newest[one]) for one in sorted(newest)]
        taken: dict[str, int] = {}
        with session.cursor() as cursor:
            cursor.executemany(layout.written(), rows, returning=True)
            for result in cursor.results():
                taken.update((unescaped(item_id), number) for number, item_id in result.fetchall())
            cursor.execute(f"DELETE FROM {layout.views} WHERE item = ANY(%s)", (list(taken.values()),))
            with cursor.copy(f"COPY {layout.views} FROM STDIN (FORMAT BINARY)") as copy:
                copy.write(COPY_HEAD)
                for one, number in taken.items():
                    record = newest[one]
                    if isinstance(record, Record) and record.views:
                        copy.write(copied_views(record, number))
                copy.write(COPY_END)
        changed = f"UPDATE {self.schema.of('collections')} SET changes = changes + 1 WHERE name = %s"
        execute(session, changed, (layout.name,))

    def nearest(self, name: str, query: NearestQuery) -> list[FoundRecord]:
        """Find the items nearest to a vector."""
        layout = self.sessions.ask(lambda session: self._layout(session, name))
        per_item = layout.state.views / max(layout.state.items, 1)
        rows_wanted = round(query.k * max(per_item, 1)) + MARGIN
        while True:
            rows = self._nearest(layout, query, rows_wanted)
            best = {row[0]: row for row in reversed(rows)}
            if len(best) >= query.k or len(rows) < rows_wanted:
                chosen = sorted(best.values(), key=lambda row: row[5:7])[: query.k]
                return [found_record(row, layout.state.dimensions) for row in chosen]
            rows_wanted *= 4

    def _nearest(self, layout: Layout, query: NearestQuery, count: int) -> list[tuple[Any, ...]]:
        """Give the nearest views, the nearest first."""
        search = nearest_views(layout, query, count)

        def wider(session: Session) -> list[tuple[Any, ...]]:
            expansion = min(count, MOST_EXPANSION)
            fetch(session, "SELECT set_config('hnsw.ef_search', %s, true)", (str(expansion),))
            return fetch(session, search.sql, search.parameters)

        if query.exact or count <= EXPANSION:
            rows = self.sessions.ask(lambda session: fetch(session, search.sql, search.parameters))
        else:
            rows = self.sessions.run(wider)
        return sorted(rows, key=lambda row: row[5:7])

    def worded(self, name: str, terms: Sequence[str], k: int, within: Range) -> list[FoundRecord]:  # noqa: ARG002
        """Refuse: see :meth:`words`."""
        raise UnsupportedByEngineError(NO_WORDS)

    def words(self) -> SearchedWords | None:
        """Say why no search by words is possible."""
        return SearchedWords((), NO_WORDS)

    def sorted(self, name: str, query: SortQuery) -> list[SortedRecord]:
        """Give the first items of an order."""

        def work(session: Session) -> list[SortedRecord]:
            search = first_views(self._layout(session, name), query)
            return [sorted_record(row) for row in fetch(session, search.sql, search.parameters)]

        return self.sessions.ask(work)

    def read(self, name: str, ids: Sequence[str]) -> list[Record]:
        """Read items; ``terms`` are not kept."""

        def work(session: Session) -> list[Record]:
            layout = self._layout(session, name)
            search = stored_items(layout, ids)
            return [stored_record(row, layout) for row in fetch(session, search.sql, search.parameters)]

        return self.sessions.ask(work)

    def count(self, name: str, within: Range) -> Counts:
        """Count the items in range and their views; all of them are counted once after each write."""
        return self.sessions.ask(lambda session: self._count(session, self._layout(session, name), within))

    def _count(self, session: Session, layout: Layout, within: Range) -> Counts:
        where = in_range(within, layout.columns)
        changes = f"(SELECT changes FROM {self.schema.of('collections')} WHERE name = %s)"
        if within == EVERYTHING and layout.name in self._totals:
            written, counts = self._totals[layout.name]
            if fetch(session, f"SELECT {changes}", (layout.name,)) == [(written,)]:
                return counts
        statement = f"SELECT {changes}, count(*), coalesce(sum(i.views), 0) FROM {layout.items} i WHERE {where.sql}"
        ((written, items, views),) = fetch(session, statement, (layout.name, *where.parameters))
        counts = Counts(items, int(views))
        if within == EVERYTHING and written is not None:
            self._totals[layout.name] = written, counts
        return counts

    def values(self, name: str, fields: Collection[str], within: Range, most: int | None) -> dict[str, Values | Spread]:
        """Count the values of fields."""

        def work(session: Session) -> dict[str, Values | Spread]:
            layout = self._layout(session, name)
            ask = functools.partial(fetch, session)
            counted: dict[str, Values | Spread] = {}
            for one in fields:
                numbers = layout.columns[one].type in ("number", "date")
                counted[one] = (
                    spread_of(ask, layout, one, within) if numbers else count_values(ask, layout, one, within, most)
                )
            return counted

        return self.sessions.ask(work)

    def states(self, name: str, *, since: int = 0) -> Iterator[RecordState]:
        """Give what the collection holds, a batch at a time."""
        last: str | None = None
        while True:
            batch = self.sessions.ask(functools.partial(self._states, name=name, since=since, last=last))
            yield from batch
            if len(batch) < BATCH:
                return
            last = batch[-1].id

    def _states(self, session: Session, *, name: str, since: int, last: str | None) -> list[RecordState]:
        layout = self._layout(session, name)
        behind = "" if last is None else " AND i.id > %s"
        statement = (
            f"SELECT i.id, i.generation, CASE WHEN i.deleted THEN NULL ELSE i.state END FROM {layout.items} i "
            f"WHERE i.generation >= {int(since)}{behind} ORDER BY i.id LIMIT {BATCH}"
        )
        rows = fetch(session, statement, () if last is None else (escaped(last),))
        return [
            RecordState(unescaped(one), generation, None if state is None else unescaped(state))
            for one, generation, state in rows
        ]

    def close(self) -> None:
        """Give back connections."""
        self.sessions.close()

    def _layout(self, session: Session, name: str) -> Layout:
        """Give the tables of a collection, whose fields never change."""
        kept = self._layouts.get(name)
        return kept if kept is not None else self._layouts.setdefault(name, self._read_layout(session, name))

    def _read_layout(self, session: Session, name: str) -> Layout:
        rows = fetch(session, f"SELECT state FROM {self.schema.of('collections')} WHERE name = %s", (name,))
        if not rows:
            raise _missing(name)
        return Layout(self.schema.name, name, decode(rows[0][0].encode(), CollectionState, name))

    def _is_complete(self, session: Session, name: str) -> bool:
        return self._read_layout(session, name).state.complete


def _missing(name: str) -> MissingCollectionError:
    return MissingCollectionError(
        f"PostgreSQL holds no collection {name}: load the snapshot that is live with `tonari engine load`."
    )
