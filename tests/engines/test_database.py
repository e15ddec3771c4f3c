"""Each engine's database holds to the port."""

from __future__ import annotations

from dataclasses import replace
from urllib.parse import urlsplit

import msgspec
import numpy as np
import pytest

from database_contract import DIMENSIONS, STATE, DatabaseContract, made, refuses
from engines.conftest import client_of
from tonari.contract.database import Counts, Database
from tonari.contract.filter_tree import EVERYTHING
from tonari.engines.opening import connect_to
from tonari.errors import EngineUnavailableError, MissingCollectionError
from tonari_tools.local_engines.running import Running, free_port


@pytest.mark.feature("writes by generation, tombstones, any text, several at once")
class TestDatabase(DatabaseContract):
    pass


def test_a_database_that_cannot_be_reached(engine: str, running: Running) -> None:
    url = urlsplit(running.access.url)._replace(netloc=f"127.0.0.1:{free_port()}").geturl()
    database = connect_to(client_of(engine), replace(running.access, url=url, user="u", password="secret"))  # noqa: S106
    refuses(database)
    database.close()


def test_deployments_do_not_see_each_other(engine: str, running: Running, database: Database) -> None:
    other = connect_to(client_of(engine), replace(running.access, prefix="other"))
    other.create("s1", STATE)
    other.point("live", "s1")
    try:
        assert "s1" not in database.collections()
        assert database.pointed("live") is None
        assert other.pointed("live") == "s1"
    finally:
        other.drop("s1")
        other.close()


def test_two_clients_see_the_same(engine: str, running: Running, database: Database) -> None:
    other = connect_to(client_of(engine), running.access)
    try:
        for number in (1, 2):
            other.create("two", STATE)
            other.write("two", [made(str(one), views=number) for one in range(3 * number)])
            assert database.count("two", EVERYTHING) == Counts(3 * number, 3 * number * number)
            other.write("two", [made("9", 1, views=5)])
            assert database.count("two", EVERYTHING) == Counts(3 * number + 1, 3 * number * number + 5)
            other.drop("two")
            with pytest.raises(MissingCollectionError):
                database.count("two", EVERYTHING)
    finally:
        other.drop("two")
        other.close()


@pytest.mark.parametrize("dimensions", [1, 1_344, 2_048])
def test_other_numbers_of_dimensions(engine: str, database: Database, dimensions: int) -> None:
    name = f"d{dimensions}"
    rows = np.random.default_rng(1).standard_normal((30, dimensions)).astype(np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    state = msgspec.structs.replace(STATE, dimensions=dimensions, items=30, views=30)
    database.create(name, state)
    records = [replace(made(str(number)), embeddings=rows[[number]]) for number in range(30)]
    try:
        if client_of(engine) == "vald":  # whose agents are configured for one number of dimensions
            database.write(name, [made("usual")])
            with pytest.raises(EngineUnavailableError, match=f"{dimensions} dimensions"):
                database.write(name, records)
            return
        database.write(name, records)
        database.record(name, msgspec.structs.replace(state, loaded=30, complete=True))
        (found,) = database.read(name, ["7"])
        np.testing.assert_allclose(found.embeddings, rows[[7]], atol=2e-3)
        assert dimensions != DIMENSIONS
    finally:
        database.drop(name)
