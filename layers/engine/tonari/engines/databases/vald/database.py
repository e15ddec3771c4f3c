"""Vald keeps vectors by id alone; a second database keeps everything else, and knows nothing of vectors.

A vector's id holds the collection, the generation, the item and the number of the view, and a vector is never changed.
What an item is, and of which generation, is written in the second database, which refuses older generations. A vector
that it does not name, of a slow writer or of a write that broke off, is passed over.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import TypeVar
from urllib.parse import urlsplit

import msgspec
import numpy as np
from numpy.typing import NDArray

from tonari.contract.database import (
    Access,
    CollectionState,
    Counts,
    Database,
    FoundRecord,
    Limits,
    NearestQuery,
    Record,
    RecordState,
    SortedRecord,
    Tombstone,
)
from tonari.contract.engine import Place, SearchedWords, SortQuery, Spread, Values
from tonari.contract.filter_tree import Range
from tonari.engines.databases.vald.client import Near, Vald
from tonari.engines.databases.vald.fields import fields_database
from tonari.errors import EngineUnavailableError, SettingError, UnsupportedByEngineError

FOUND = 10_000
COMPARED = 20_000
"""Among so many views at most an exact search under a filter is made: each of their vectors is read."""
BATCH = 10_000
"""So many items are loaded with each write: an agent saves its whole index at the end of it."""
LINEAR = 100_000
"""With so many vectors at most, all of them are compared: an agent does that sooner than it walks its graph."""
PAGE = 1_000
GROWTH = 4
FEW = 50
PLACEHOLDER = np.array([1.0, 0.0], np.float32)
"""Stands for each view's vector in the second database, which then counts and names views as always."""
OF_DIMENSIONS = " of dimensions "

Part = TypeVar("Part")


def connect(access: Access) -> Database:
    """Connect to Vald, and to the database beside it that the URL names.

    The URL is ``grpc://HOST:PORT?fields=KIND+URL``, for example ``grpc://vald:8081?fields=opensearch+https://search:9200``.
    User, password, token and region are those of the second database; Vald asks for none.

    Raises
    ------
    SettingError
        If the URL names no second database.
    """
    url = urlsplit(access.url)
    if not url.query.startswith("fields="):
        raise SettingError(
            "Vald keeps vectors alone. Name the database that keeps fields and documents behind its URL: "
            "grpc://HOST:PORT?fields=KIND+URL, such as grpc://vald:8081?fields=opensearch+https://search:9200."
        )
    fields = fields_database(url.query.removeprefix("fields="), access)
    return ValdDatabase(Vald(url.netloc), fields, access.prefix)


@dataclass(frozen=True, slots=True)
class ValdDatabase:
    """It is a :class:`~tonari.contract.database.Database`.

    Parameters
    ----------
    fields
        Keeps records whose embeddings are placeholders of two dimensions.
    prefix
        What the ids of this deployment's vectors begin with.
    """

    vald: Vald
    fields: Database
    prefix: str

    @property
    def limits(self) -> Limits:
        """Those of Vald, and for ids those of the second database."""
        return Limits(found=FOUND, exact=FOUND, compared=COMPARED, ids=self.fields.limits.ids, batch=BATCH)

    def collections(self) -> dict[str, CollectionState]:
        """Name the collections, as the second database has them."""
        return {name: _state(kept) for name, kept in self.fields.collections().items()}

    def create(self, name: str, state: CollectionState) -> None:
        """Make an empty collection."""
        self.fields.create(name, _kept(state))

    def record(self, name: str, state: CollectionState) -> None:
        """Record a collection's new state."""
        self.fields.record(name, _kept(state))

    def drop(self, name: str) -> None:
        """Delete a collection: its records first, so that nobody asks for vectors that are gone."""
        self.fields.drop(name)
        self.vald.remove([one for one in self.vald.ids() if one.startswith(f"{self.prefix}/{name}/")])
        self.vald.settle()
        self.vald.save()

    def point(self, alias: str, name: str) -> None:
        """Let an alias of the second database name a collection."""
        self.fields.point(alias, name)

    def pointed(self, alias: str) -> str | None:
        """Tell which collection an alias names."""
        return self.fields.pointed(alias)

    def write(self, name: str, records: Sequence[Record | Tombstone]) -> None:
        """Write vectors, then the records that name them, then delete the vectors that no record names any more.

        Vectors are on disk before a record names them; a vector that is deleted may come back, and nobody names it.
        """
        ids = [one.id for one in records]
        before = self._kept_records(name, ids)
        rows = {
            self._key(name, one, number): row
            for one in records
            if isinstance(one, Record)
            for number, row in enumerate(one.embeddings)
        }
        if rows:
            self.vald.put([*rows.items()])
            self.vald.settle()
            self.vald.save()
        for some in _parts(records, self.fields.limits.batch):
            self.fields.write(name, [_without_vectors(one) for one in some])
        now = self._kept_records(name, ids)
        named = {key for one in now for key in self._keys(name, one)}
        former = {key for one in before for key in self._keys(name, one)}
        if old := (former | rows.keys()) - named:
            self.vald.remove(old)
            self.vald.settle()

    def nearest(self, name: str, query: NearestQuery) -> list[FoundRecord]:
        """Ask for more and more vectors until enough are of items in range.

        Graphs that an agent makes of separate clusters, or of vectors that are there two or three times, as in an old
        and a new collection, lose whole clusters, so a graph is asked only where there are too many vectors to compare.
        """
        there = self.fields.count(name, query.within)
        if not there.views:
            return []
        if (stored := self.vald.stored()) < there.views:
            raise EngineUnavailableError(
                f"Vald has lost vectors: it holds {stored:,} in all, and {there.views:,} are in range. Run "
                "`tonari engine drift --repair`, and let its agents keep their index on disk."
            )
        if query.exact:
            if there.views <= COMPARED:
                return self._compared(name, query)
            if query.within.filter is not None or query.within.ids is not None:
                raise UnsupportedByEngineError(
                    f"Vald has no filter: an exact search among {there.views:,} images or passages would read each of "
                    f"their vectors, and at most {COMPARED:,} are read. Leave 'exact' out, or narrow the 'filter'."
                )
        count, linear = min(FOUND, query.k + FEW), query.exact or stored <= LINEAR
        while True:
            near = self.vald.nearest(query.vector, count, exact=linear)
            found = self._found(name, near, query)
            if len(found) >= query.k or len(near) < count:
                return found[: query.k]
            if count == FOUND:
                if query.exact:
                    raise UnsupportedByEngineError(
                        f"Of the {FOUND:,} nearest vectors of all collections, which is how many Vald is asked for, "
                        f"{len(found):,} are of items in range. Ask for so many ('k'), or leave 'exact' out."
                    )
                return found
            count = min(FOUND, GROWTH * count)

    def worded(self, name: str, terms: Sequence[str], k: int, within: Range) -> list[FoundRecord]:
        """Ask the second database."""
        return self.fields.worded(name, terms, k, within)

    def words(self) -> SearchedWords | None:
        """Say whether the second database searches by words."""
        return self.fields.words()

    def sorted(self, name: str, query: SortQuery) -> list[SortedRecord]:
        """Ask the second database."""
        return self.fields.sorted(name, query)

    def read(self, name: str, ids: Sequence[str]) -> list[Record]:
        """Read records, and their vectors.

        Raises
        ------
        EngineUnavailableError
            If Vald has lost a vector.
        """
        kept = self._kept_records(name, ids)
        vectors = self.vald.vectors([key for one in kept for key in self._keys(name, one)])
        return [self._with_vectors(name, one, vectors) for one in kept]

    def count(self, name: str, within: Range) -> Counts:
        """Ask the second database."""
        return self.fields.count(name, within)

    def values(self, name: str, fields: Collection[str], within: Range, most: int | None) -> dict[str, Values | Spread]:
        """Ask the second database."""
        return self.fields.values(name, fields, within, most)

    def states(self, name: str, *, since: int = 0) -> Iterator[RecordState]:
        """Ask the second database; where all are asked for, an item whose vectors are not all there has no state."""
        states = self.fields.states(name, since=since)
        return states if since else self._with_losses(name, states)

    def close(self) -> None:
        """Give back connections."""
        self.vald.close()
        self.fields.close()

    def _with_losses(self, name: str, states: Iterator[RecordState]) -> Iterator[RecordState]:
        start = f"{self.prefix}/{name}/"
        there = {one.removeprefix(start) for one in self.vald.ids() if one.startswith(start)}
        while some := list(islice(states, PAGE)):
            views = {one.id: len(one.views) for one in self._kept_records(name, [one.id for one in some])}
            for one in some:
                wanted = (f"{one.generation}/{number}/{one.id}" for number in range(views.get(one.id, 0)))
                yield one if there.issuperset(wanted) else replace(one, state="")

    def _kept_records(self, name: str, ids: Sequence[str]) -> list[Record]:
        return [one for some in _parts(ids, self.fields.limits.batch) for one in self.fields.read(name, some)]

    def _key(self, name: str, record: Record, number: int) -> str:
        return f"{self.prefix}/{name}/{record.generation}/{number}/{record.id}"

    def _keys(self, name: str, record: Record) -> list[str]:
        return [self._key(name, record, number) for number in range(len(record.views))]

    def _with_vectors(self, name: str, record: Record, vectors: Mapping[str, NDArray[np.float32]]) -> Record:
        keys = self._keys(name, record)
        missing = [number for number, key in enumerate(keys) if key not in vectors]
        if missing:
            raise EngineUnavailableError(
                f"Vald has no vector {missing[0]} of the item {record.id!r:.80} in {name}: try again, and if that "
                "stays, run `tonari engine drift --repair`."
            )
        embeddings = np.stack([vectors[key] for key in keys]) if keys else np.empty((0, 0), np.float32)
        return replace(record, embeddings=embeddings)

    def _found(self, name: str, near: Sequence[Near], query: NearestQuery) -> list[FoundRecord]:
        """Keep what records of items in range name: of each its nearest view, of equals the first."""
        rows = [row for one in near if (row := _row(f"{self.prefix}/{name}/", one)) is not None]
        records = {one.id: one for one in self._in_range(name, query.within, [*{row.item for row in rows}])}
        best: dict[str, _Row] = {}
        for row in sorted(rows, key=lambda row: (-row.score, row.number)):
            record = records.get(row.item)
            if record is not None and record.generation == row.generation and row.number < len(record.views):
                best.setdefault(row.item, row)
        found = sorted(best.values(), key=lambda row: (-row.score, row.item))[: query.k]
        vectors = self.vald.vectors([row.key for row in found]) if query.embeddings else {}
        return [_record(records[row.item], row.score, row.number, vectors.get(row.key)) for row in found]

    def _compared(self, name: str, query: NearestQuery) -> list[FoundRecord]:
        """Read the vectors of all items in range, and compare them."""
        found: list[FoundRecord] = []
        after: Place | None = None
        while page := self.fields.sorted(name, SortQuery(PAGE, query.within, after=after)):
            after = Place(None, page[-1].id)
            for record in self.read(name, [one.id for one in page if one.view]):
                scores = record.embeddings @ query.vector
                number = int(scores.argmax())
                row = record.embeddings[number] if query.embeddings else None
                found.append(_record(record, float(scores[number]), number, row))
            if len(page) < PAGE:
                break
        found.sort(key=lambda one: (-one.score, one.id))
        return found[: query.k]

    def _in_range(self, name: str, within: Range, ids: Sequence[str]) -> list[Record]:
        among = ids if within.ids is None else [*set(within.ids).intersection(ids)]
        if not among:
            return []
        there = self.fields.sorted(name, SortQuery(len(among), replace(within, ids=tuple(among))))
        return self.fields.read(name, [one.id for one in there])


@dataclass(frozen=True, slots=True)
class _Row:
    """A vector that was found, taken apart."""

    key: str
    score: float
    generation: int
    number: int
    item: str


def _parts(all_of_them: Sequence[Part], size: int) -> Iterator[Sequence[Part]]:
    return (all_of_them[start : start + size] for start in range(0, len(all_of_them), size))


def _row(start: str, one: Near) -> _Row | None:
    """Take a vector's id apart; None if it is another collection's."""
    if not one.id.startswith(start):
        return None
    generation, number, item = one.id.removeprefix(start).split("/", 2)
    return _Row(one.id, one.score, int(generation), int(number), item)


def _record(record: Record, score: float, number: int, row: NDArray[np.float32] | None) -> FoundRecord:
    return FoundRecord(record.id, score, record.views[number], record.document, record.generation, record.state, row)


def _without_vectors(record: Record | Tombstone) -> Record | Tombstone:
    if isinstance(record, Tombstone):
        return record
    return replace(record, embeddings=np.tile(PLACEHOLDER, (len(record.views), 1)))


def _kept(state: CollectionState) -> CollectionState:
    """Give the state as the second database keeps it: its vectors are placeholders."""
    encoder = f"{state.encoder}{OF_DIMENSIONS}{state.dimensions}"
    return msgspec.structs.replace(state, dimensions=len(PLACEHOLDER), encoder=encoder)


def _state(kept: CollectionState) -> CollectionState:
    encoder, _, dimensions = kept.encoder.rpartition(OF_DIMENSIONS)
    return msgspec.structs.replace(kept, dimensions=int(dimensions), encoder=encoder)
