"""An agent of Vald may lose vectors that it took: that is seen, refused, found by the comparison, and mended."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from database_contract import STATE, exactly, made
from engines.conftest import client_of
from tonari.contract.database import Database, NearestQuery, RecordState
from tonari.engines.databases.vald.database import ValdDatabase
from tonari.errors import EngineUnavailableError


@pytest.fixture
def vald(engine: str, database: Database) -> ValdDatabase:
    if client_of(engine) != "vald":
        pytest.skip("about Vald")
    assert isinstance(database, ValdDatabase)
    return database


@pytest.fixture
def name(vald: ValdDatabase) -> Iterator[str]:
    vald.create("lost", STATE)
    yield "lost"
    vald.drop("lost")


def lose(vald: ValdDatabase, name: str, *items: str) -> None:
    vald.vald.remove([one for one in vald.vald.ids() if one.rpartition("/")[2] in items and f"/{name}/" in one])
    vald.vald.settle()


def test_lost_vectors(vald: ValdDatabase, name: str) -> None:
    records = [made("one", views=2), made("two"), made("none", views=0)]
    query = NearestQuery(records[0].embeddings[0], 3)
    vald.write(name, records)
    assert list(vald.states(name)) == [RecordState(one, 0, f"{one}@0") for one in ("none", "one", "two")]
    assert {one.id for one in exactly(vald, name, query)} == {"one", "two"}

    lose(vald, name, "one")
    for exact in (False, True):
        with pytest.raises(EngineUnavailableError, match=r"holds 1 in all, and 3 are in range.*drift --repair"):
            vald.nearest(name, NearestQuery(query.vector, 3, exact=exact))
    with pytest.raises(EngineUnavailableError, match=r"no vector 0 of the item 'one'.*drift --repair"):
        vald.read(name, ["one"])
    assert [one.id for one in vald.read(name, ["two", "none"])] == ["none", "two"]
    assert list(vald.states(name)) == [
        RecordState("none", 0, "none@0"),
        RecordState("one", 0, ""),
        RecordState("two", 0, "two@0"),
    ]

    vald.write(name, records[:1])
    assert list(vald.states(name)) == [RecordState(one, 0, f"{one}@0") for one in ("none", "one", "two")]
    assert {one.id for one in exactly(vald, name, query)} == {"one", "two"}
