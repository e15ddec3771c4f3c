"""A database in memory, which compares a query with everything and can be told to fail: for tests of what uses one."""

from __future__ import annotations

import math
import threading
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from tonari.contract.database import (
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
from tonari.contract.engine import Place, SearchedWords, SortQuery, Spread, Values
from tonari.contract.filter_tree import Range
from tonari.errors import EngineUnavailableError, MissingCollectionError
from tonari.fields.columns import Column, build_columns
from tonari.fields.facets import count_facet
from tonari.fields.masks import evaluate
from tonari.fields.schema import Field, Schema

K1, B = 1.2, 0.75
LIMITS = Limits(found=10_000, exact=1_000_000, compared=1_000_000, ids=50_000, batch=200)


@dataclass(frozen=True, slots=True)
class Fault:
    """What happens to a call.

    Parameters
    ----------
    kind
        ``refused``: nothing is done. ``lost``: all is done, and the answer does not come. ``torn``: of a write half is
        done, and the answer does not come; other calls are refused.
    seconds
        How long it takes before that.
    """

    kind: Literal["refused", "lost", "torn", "slow"]
    seconds: float = 0.0


Faults = Callable[[int, str], Fault | None]
"""Which fault befalls a call, by its number, from 1 on, and the name of its method."""


def at(number: int, fault: Fault, method: str = "") -> Faults:
    """Let a fault befall one call: the n-th, or the n-th of a method."""
    seen = Counter[str]()

    def faults(call: int, name: str) -> Fault | None:
        seen[name] += 1
        return fault if (seen[method] if method else call) == number and method in ("", name) else None

    return faults


@dataclass(frozen=True)
class Held:
    """A collection."""

    state: CollectionState
    records: Mapping[str, Record | Tombstone] = field(default_factory=dict)


@dataclass
class Contents:
    """What is kept, whoever asks: two databases over one of these are two clients of one server."""

    collections: dict[str, Held] = field(default_factory=dict)
    aliases: dict[str, str] = field(default_factory=dict)
    lock: threading.RLock = field(default_factory=threading.RLock)


@dataclass
class MemoryDatabase:
    """It is a :class:`~tonari.contract.database.Database`.

    Parameters
    ----------
    contents
        What is kept.
    faults
        Asked before each call.
    no_words
        Why words are not searched; empty if they are.
    forgets
        Share of the items in range that an approximate search does not find.
    calls
        Names of the methods called so far.
    """

    contents: Contents = field(default_factory=Contents)
    faults: Faults = lambda _number, _method: None
    limits: Limits = LIMITS
    no_words: str = ""
    forgets: float = 0.0
    calls: list[str] = field(default_factory=list)

    def collections(self) -> dict[str, CollectionState]:
        with self._call("collections"):
            return {name: held.state for name, held in sorted(self.contents.collections.items())}

    def create(self, name: str, state: CollectionState) -> None:
        with self._call("create"):
            self.contents.collections.setdefault(name, Held(state))

    def record(self, name: str, state: CollectionState) -> None:
        with self._call("record"):
            self.contents.collections[name] = replace(self._held(name), state=state)

    def drop(self, name: str) -> None:
        with self._call("drop"):
            self.contents.collections.pop(name, None)
            for alias in [alias for alias, named in self.contents.aliases.items() if named == name]:
                del self.contents.aliases[alias]

    def point(self, alias: str, name: str) -> None:
        with self._call("point"):
            self._held(name)
            self.contents.aliases[alias] = name

    def pointed(self, alias: str) -> str | None:
        with self._call("pointed"):
            return self.contents.aliases.get(alias)

    def write(self, name: str, records: Sequence[Record | Tombstone]) -> None:
        with self._call("write", lambda: self._write(name, records[: len(records) // 2])):
            self._write(name, records)

    def _write(self, name: str, records: Sequence[Record | Tombstone]) -> None:
        held = self._held(name)
        there = dict(held.records)
        for record in records:
            if record.id not in there or there[record.id].generation <= record.generation:
                there[record.id] = record
        self.contents.collections[name] = replace(held, records=there)

    def nearest(self, name: str, query: NearestQuery) -> list[FoundRecord]:
        with self._call("nearest"):
            records = [record for record in self._in_range(name, query.within) if record.views]
        if self.forgets and not query.exact:
            records = records[: max(1, round(len(records) * (1 - self.forgets)))]
        found = []
        for record in records:
            scores = record.embeddings @ query.vector
            best = int(scores.argmax())
            found.append(_found(record, float(scores[best]), best, embeddings=query.embeddings))
        found.sort(key=lambda one: (-one.score, one.id))
        return found[: query.k]

    def worded(self, name: str, terms: Sequence[str], k: int, within: Range) -> list[FoundRecord]:
        with self._call("worded"):
            everything = [record for record in self._held(name).records.values() if isinstance(record, Record)]
            asked = self._in_range(name, within)
        counted = {record.id: Counter(record.terms) for record in everything}
        mean = sum(one.total() for one in counted.values()) / max(len(counted), 1)
        found = []
        for record in asked:
            own = counted[record.id]
            score = sum(_bm25(own, term, list(counted.values()), mean) for term in set(terms) if own[term])
            if score:
                found.append(_found(record, score, 0, embeddings=False))
        found.sort(key=lambda one: (-one.score, one.id))
        return found[:k]

    def words(self) -> SearchedWords | None:
        return SearchedWords((), self.no_words) if self.no_words else None

    def sorted(self, name: str, query: SortQuery) -> list[SortedRecord]:
        with self._call("sorted"):
            types, records = self._held(name).state.types, self._in_range(name, query.within)
        by = query.sort if query.sort is not None and types.get(query.sort) != "strings" else None
        places = [Place(record.fields.get(by) if by is not None else None, record.id) for record in records]
        ordered = sorted(zip(places, records, strict=True), key=lambda one: one[0].id)
        if query.sort is None:
            ordered = ordered[::-1] if query.descending else ordered
        else:
            valued = [one for one in ordered if one[0].value is not None]
            valued.sort(key=lambda one: one[0].value, reverse=query.descending)
            ordered = valued + [one for one in ordered if one[0].value is None]
        return [
            SortedRecord(
                record.id, place.value, next(iter(record.views), ""), record.document, record.generation, record.state
            )
            for place, record in ordered
            if query.after is None or follows(place, query.after, query)
        ][: query.k]

    def read(self, name: str, ids: Sequence[str]) -> list[Record]:
        with self._call("read"):
            there = self._held(name).records
        return [record for one in dict.fromkeys(ids) if isinstance(record := there.get(one), Record)]

    def count(self, name: str, within: Range) -> Counts:
        with self._call("count"):
            records = self._in_range(name, within)
        return Counts(len(records), sum(len(record.views) for record in records))

    def values(self, name: str, fields: Collection[str], within: Range, most: int | None) -> dict[str, Values | Spread]:
        with self._call("values"):
            columns = columns_of(self._in_range(name, within), self._held(name).state)
        return {name: count_facet([(columns[name], None)], most) for name in fields}

    def states(self, name: str, *, since: int = 0) -> Iterator[RecordState]:
        with self._call("states"):
            there = self._held(name).records
        for record in sorted(there.values(), key=lambda one: one.id.encode()):
            if record.generation >= since:
                state = record.state if isinstance(record, Record) else None
                yield RecordState(record.id, record.generation, state)

    def close(self) -> None:
        """Nothing is open."""

    def _held(self, name: str) -> Held:
        held = self.contents.collections.get(name)
        if held is None:
            raise MissingCollectionError(f"There is no collection {name}.")
        return held

    def _in_range(self, name: str, within: Range) -> list[Record]:
        held = self._held(name)
        records = [record for record in held.records.values() if isinstance(record, Record)]
        mask = np.ones(len(records), np.bool_)
        if within.filter is not None:
            mask = evaluate(within.filter, columns_of(records, held.state), len(records))
        among, excluded = None if within.ids is None else set(within.ids), set(within.excluded)
        return [
            record
            for record, matches in zip(records, mask.tolist(), strict=True)
            if matches and record.id not in excluded and (among is None or record.id in among)
        ]

    @contextmanager
    def _call(self, method: str, half: Callable[[], None] = lambda: None) -> Iterator[None]:
        with self.contents.lock:
            self.calls.append(method)
            fault = self.faults(len(self.calls), method)
        if fault is not None and fault.seconds:
            time.sleep(fault.seconds)
        with self.contents.lock:
            if fault is not None and fault.kind in ("refused", "torn"):
                if fault.kind == "torn":
                    half()
                raise EngineUnavailableError(f"The database in memory fails, as it was told, in {method}.")
            yield
        if fault is not None and fault.kind == "lost":
            raise EngineUnavailableError(f"The database in memory loses its answer, as it was told, in {method}.")


def columns_of(records: Sequence[Record], state: CollectionState) -> dict[str, Column]:
    """Lay the fields of records out in columns, for filters and facets."""
    kinds = {name: "number" if kind == "date" else kind for name, kind in state.types.items()}
    schema = Schema({name: Field(kind, missing=()) for name, kind in kinds.items()})
    documents = [
        {name: list(value) if isinstance(value, tuple) else value for name, value in record.fields.items()}
        for record in records
    ]
    return build_columns(documents, schema)


def follows(place: Place, last: Place, query: SortQuery) -> bool:
    """Tell whether a place follows another one in the order of a query."""
    if query.sort is None:
        return place.id < last.id if query.descending else place.id > last.id
    if place.value is None or last.value is None or place.value == last.value:
        missing = (place.value is None, last.value is None)
        return missing == (True, False) or (missing[0] == missing[1] and place.id > last.id)
    return bool(place.value < last.value if query.descending else place.value > last.value)


def _found(record: Record, score: float, view: int, *, embeddings: bool) -> FoundRecord:
    row: NDArray[np.float32] | None = record.embeddings[view] if record.views and embeddings else None
    name = record.views[view] if record.views else ""
    return FoundRecord(record.id, score, name, record.document, record.generation, record.state, row)


def _bm25(own: Counter[str], term: str, everywhere: Sequence[Counter[str]], mean: float) -> float:
    """Score an item for one of its terms [Robertson, Walker et al., TREC-3, 1994]."""
    having = sum(term in one for one in everywhere)
    rarity = math.log(1 + (len(everywhere) - having + 0.5) / (having + 0.5))
    return rarity * own[term] * (K1 + 1) / (own[term] + K1 * (1 - B + B * own.total() / mean))
