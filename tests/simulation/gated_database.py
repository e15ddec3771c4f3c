"""A vector database as one actor reaches it: each request, and of a write each row, passes the gate of the store."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from itertools import islice
from typing import TypeVar

from botocore.exceptions import BotoCoreError, ClientError

from simulation.store import Call, SimulatedStore
from tonari.contract.database import (
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
from tonari.contract.engine import SearchedWords, SortQuery, Spread, Values
from tonari.contract.filter_tree import Range
from tonari.errors import EngineUnavailableError

Made = TypeVar("Made")
ENGINE = "engine"
PAGE = 2
"""Rows in one answer of a long list: between two answers others may write."""


class GatedDatabase:
    """It is a :class:`~tonari.contract.database.Database` over another one.

    Parameters
    ----------
    on_write
        Told actor, collection and row after each row that was written.
    """

    def __init__(
        self,
        inner: Database,
        store: SimulatedStore,
        actor: str,
        on_write: Callable[[str, str, Record | Tombstone], None] = lambda *_: None,
    ) -> None:
        self._inner, self._store, self._actor, self._on_write = inner, store, actor, on_write

    @property
    def limits(self) -> Limits:
        return self._inner.limits

    def collections(self) -> dict[str, CollectionState]:
        return self._pass("list", "", self._inner.collections)

    def create(self, name: str, state: CollectionState) -> None:
        self._pass("put", name, lambda: self._inner.create(name, state))

    def record(self, name: str, state: CollectionState) -> None:
        self._pass("put", f"{name}/state", lambda: self._inner.record(name, state))

    def drop(self, name: str) -> None:
        self._pass("delete", name, lambda: self._inner.drop(name))

    def point(self, alias: str, name: str) -> None:
        self._pass("put", alias, lambda: self._inner.point(alias, name))

    def pointed(self, alias: str) -> str | None:
        return self._pass("get", alias, lambda: self._inner.pointed(alias))

    def write(self, name: str, records: Sequence[Record | Tombstone]) -> None:
        for one in records:

            def write(one: Record | Tombstone = one) -> None:
                self._inner.write(name, [one])
                self._on_write(self._actor, name, one)

            self._pass("put", f"{name}/{one.id}", write)

    def nearest(self, name: str, query: NearestQuery) -> list[FoundRecord]:
        return self._pass("get", name, lambda: self._inner.nearest(name, query))

    def worded(self, name: str, terms: Sequence[str], k: int, within: Range) -> list[FoundRecord]:
        return self._pass("get", name, lambda: self._inner.worded(name, terms, k, within))

    def words(self) -> SearchedWords | None:
        return self._inner.words()

    def sorted(self, name: str, query: SortQuery) -> list[SortedRecord]:
        return self._pass("get", name, lambda: self._inner.sorted(name, query))

    def read(self, name: str, ids: Sequence[str]) -> list[Record]:
        return self._pass("get", name, lambda: self._inner.read(name, ids))

    def count(self, name: str, within: Range) -> Counts:
        return self._pass("get", name, lambda: self._inner.count(name, within))

    def values(self, name: str, fields: Collection[str], within: Range, most: int | None) -> dict[str, Values | Spread]:
        return self._pass("get", name, lambda: self._inner.values(name, fields, within, most))

    def states(self, name: str, *, since: int = 0) -> Iterator[RecordState]:
        after: bytes | None = None
        while True:

            def page(after: bytes | None = after) -> list[RecordState]:
                rows = self._inner.states(name, since=since)
                return list(islice((one for one in rows if after is None or one.id.encode() > after), PAGE))

            found = self._pass("list", name, page)
            yield from found
            if len(found) < PAGE:
                return
            after = found[-1].id.encode()

    def close(self) -> None:
        self._inner.close()

    def _pass(self, what: str, key: str, do: Callable[[], Made]) -> Made:
        try:
            return self._store.gate(Call(self._actor, what, ENGINE, key), do)
        except (BotoCoreError, ClientError) as error:
            raise EngineUnavailableError("The database did not answer.") from error
