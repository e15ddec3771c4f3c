"""Milvus has no conditional write: two writers are interleaved at every step, and writes are broken off."""

from __future__ import annotations

import secrets
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from pymilvus import MilvusClient

from database_contract import STATE, made
from engines.conftest import client_of
from tonari.contract.database import Access, Counts, Database, Record, RecordState, Tombstone
from tonari.contract.engine import SortQuery
from tonari.contract.filter_tree import EVERYTHING
from tonari.engines.databases.milvus.client import Client
from tonari.engines.databases.milvus.database import MilvusDatabase
from tonari.errors import EngineUnavailableError
from tonari_tools.local_engines.running import Running

STEPS = ("insert", "settle", "rows", "delete", "after")
OLD, NEW = made("one", 4, views=3, brand="old"), made("one", 5, views=2, brand="new")


class Hooked(Client):
    """A client during whose write something else happens, once, just before a step."""

    def __init__(self, access: Access, step: str, what: Callable[[], None]) -> None:
        super().__init__(access)
        self.step, self.what = step, what

    def insert(self, name: str, rows: Any) -> None:
        self._before("insert")
        super().insert(name, rows)

    def settle(self, name: str) -> None:
        self._before("settle")
        super().settle(name)

    def rows(self, name: str, *about: Any, **options: Any) -> Iterator[dict[str, Any]]:
        if "stamp" in about[1]:
            self._before("rows")
        return super().rows(name, *about, **options)

    def delete(self, name: str, expression: str) -> None:
        self._before("delete")
        super().delete(name, expression)

    def _before(self, step: str) -> None:
        if step == self.step:
            self.step = ""
            self.what()


@pytest.fixture(autouse=True)
def only_milvus(engine: str) -> None:
    if client_of(engine) != "milvus":
        pytest.skip("about Milvus")


@pytest.fixture
def name(database: Database) -> Iterator[str]:
    name = f"m{uuid.uuid4().hex[:12]}"
    database.create(name, STATE)
    yield name
    database.drop(name)


def hooked(running: Running, step: str, what: Callable[[], None]) -> Database:
    return MilvusDatabase(Hooked(running.access, step, what), running.access.prefix)


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize(("first", "second"), [(OLD, NEW), (NEW, OLD)], ids=["old first", "new first"])
def test_two_writers_interleaved(
    database: Database, running: Running, name: str, first: Record, second: Record, step: str
) -> None:
    database.write(name, [made("one", 1, views=4), made("two", 1)])
    slow = hooked(running, step, lambda: database.write(name, [second]))
    slow.write(name, [first])
    if step == "after":
        database.write(name, [second])

    assert list(database.states(name)) == [RecordState("one", 5, "one@5"), RecordState("two", 1, "two@1")]
    assert database.count(name, EVERYTHING) == Counts(2, 3)
    assert [record.fields for record in database.read(name, ["one"])] == [{"brand": "new"}]
    slow.close()


@pytest.mark.parametrize("step", STEPS[1:4])
def test_a_tombstone_between_a_write(database: Database, running: Running, name: str, step: str) -> None:
    database.write(name, [made("one", 1)])
    slow = hooked(running, step, lambda: database.write(name, [Tombstone("one", 6)]))
    slow.write(name, [NEW])
    assert list(database.states(name)) == [RecordState("one", 6, None)]
    assert database.count(name, EVERYTHING) == Counts(0, 0)
    slow.close()


@pytest.mark.parametrize("step", STEPS[1:4])
def test_a_write_that_breaks_off_is_healed_by_the_next(
    database: Database, running: Running, name: str, step: str
) -> None:
    def fail() -> None:
        raise EngineUnavailableError("cut")

    database.write(name, [made("one", 1, views=4)])
    slow = hooked(running, step, fail)
    with pytest.raises(EngineUnavailableError):
        slow.write(name, [NEW])
    Client(running.access).settle(f"{running.access.prefix}_{name}")  # the write has not returned, nor waited for that
    assert list(database.states(name)) == [RecordState("one", 5, "one@5")]
    assert [one.document for one in database.sorted(name, SortQuery(5))] == [NEW.document]

    slow.write(name, [NEW])

    assert list(database.states(name)) == [RecordState("one", 5, "one@5")]
    assert database.count(name, EVERYTHING) == Counts(1, 2)
    slow.close()


def test_documents_and_texts_that_no_column_holds(database: Database, name: str) -> None:
    long = secrets.token_hex(200_000)
    records = [made("one", views=2, brand=long, tags=("a", long[::-1])), made("two", views=0, brand=long[:-1])]
    database.write(name, records)

    found = {record.id: record for record in database.read(name, ["one", "two"])}
    for record in records:
        assert found[record.id].fields == {**record.fields, **_sorted_tags(record)}
        assert found[record.id].document == record.document
        assert found[record.id].state == record.state
    ordered = database.sorted(name, SortQuery(5, sort="brand", descending=True))
    assert [(one.id, one.value) for one in ordered] == [("one", long), ("two", long[:-1])]
    assert [one.document for one in ordered] == [record.document for record in records]
    assert list(database.states(name)) == [RecordState("one", 0, "one@0"), RecordState("two", 0, "two@0")]
    assert database.count(name, EVERYTHING) == Counts(2, 2)


def test_a_collection_that_was_released_is_loaded_again(database: Database, running: Running, name: str) -> None:
    database.write(name, [made("one")])
    client = MilvusClient(running.access.url)
    client.release_collection(f"{running.access.prefix}_{name}")
    client.close()

    assert database.count(name, EVERYTHING) == Counts(1, 1)


def _sorted_tags(record: Record) -> dict[str, Any]:
    return {"tags": tuple(sorted(record.fields["tags"]))} if "tags" in record.fields else {}
