"""The database in memory holds to the port, so that what is shown with it holds of others too."""

from __future__ import annotations

import pytest

from database_contract import STATE, DatabaseContract, made, refuses
from memory_database import Contents, Fault, MemoryDatabase, at
from tonari.contract.database import Counts, Database
from tonari.contract.filter_tree import EVERYTHING
from tonari.errors import EngineUnavailableError


class TestMemory(DatabaseContract):
    @pytest.fixture(scope="module")
    @classmethod
    def database(cls) -> Database:
        return MemoryDatabase()


def test_refused_calls() -> None:
    refuses(MemoryDatabase(faults=lambda _call, _method: Fault("refused")))


@pytest.mark.parametrize(("kind", "written"), [("refused", 0), ("torn", 1), ("lost", 2), ("slow", 2)])
def test_one_call_meets_a_fault(kind: str, written: int) -> None:
    contents = Contents()
    database = MemoryDatabase(contents, at(2, Fault(kind), "write"))  # type: ignore[arg-type]
    database.create("s1", STATE)
    database.write("s1", [])

    if kind == "slow":
        database.write("s1", [made("one"), made("two")])
    else:
        with pytest.raises(EngineUnavailableError):
            database.write("s1", [made("one"), made("two")])

    assert MemoryDatabase(contents).count("s1", EVERYTHING) == Counts(written, written)
    database.write("s1", [made("one"), made("two")])
    assert database.count("s1", EVERYTHING) == Counts(2, 2)
