from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

import grpc
import numpy as np
import pytest
from vald.v1.agent.core import agent_pb2_grpc
from vald.v1.payload import payload_pb2
from vald.v1.vald import index_pb2_grpc

from memory_database import MemoryDatabase
from tonari.contract.database import Access, CollectionState
from tonari.engines.databases.vald.client import Vald
from tonari.engines.databases.vald.database import ValdDatabase, connect
from tonari.engines.databases.vald.fields import fields_database
from tonari.errors import EngineUnavailableError, SettingError

STATE = CollectionState(snapshot="s", encoder="e", dimensions=256, types={"price": "number"}, items=0, views=0)


@pytest.mark.parametrize("url", ["grpc://127.0.0.1:1", "grpc://127.0.0.1:1?other=x"])
def test_vald_alone_is_refused_with_the_remedy(url: str) -> None:
    with pytest.raises(SettingError, match=r"fields=opensearch\+https"):
        connect(Access(url))


@pytest.mark.parametrize("named", ["solr+http://127.0.0.1", "opensearch", "", "vald+grpc://127.0.0.1:1"])
def test_a_database_beside_it_that_nobody_knows(named: str) -> None:
    with pytest.raises(SettingError, match="one of opensearch, elasticsearch, pgvector, milvus"):
        fields_database(named, Access("grpc://127.0.0.1:1"))


def test_the_second_database_keeps_how_many_dimensions_the_vectors_have() -> None:
    beside = MemoryDatabase()
    database = ValdDatabase(Vald("127.0.0.1:1"), beside, "shop")

    database.create("s_1", STATE)

    assert database.collections() == {"s_1": STATE}
    assert beside.collections()["s_1"].dimensions == 2
    database.close()


def test_nobody_answers() -> None:
    beside = MemoryDatabase()
    database = ValdDatabase(Vald("127.0.0.1:1"), beside, "shop")
    database.create("s_1", STATE)

    with pytest.raises(EngineUnavailableError, match=r"Vald at 127\.0\.0\.1:1 failed: UNAVAILABLE"):
        database.drop("s_1")
    database.close()


def test_connects_again_soon_however_long_nobody_answered() -> None:
    attempts, wanted, end = [], 12, time.monotonic() + 15
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(0.1)

        def refuse() -> None:
            while len(attempts) < wanted and time.monotonic() < end:
                with suppress(TimeoutError):
                    listener.accept()[0].close()
                    attempts.append(time.monotonic())

        thread = threading.Thread(target=refuse)
        thread.start()
        client = Vald(f"127.0.0.1:{listener.getsockname()[1]}")
        while thread.is_alive():
            with pytest.raises(EngineUnavailableError, match="UNAVAILABLE"):
                client.nearest(np.ones(2, np.float32), 1, exact=True)
            thread.join(0.05)
        client.close()
    assert len(attempts) == wanted


class Agent(agent_pb2_grpc.AgentServicer, index_pb2_grpc.IndexServicer):  # type: ignore[misc]
    """Counts one vector that waits until it is told to index for the second time, and saves for a while."""

    def __init__(self) -> None:
        self.told: list[Any] = []
        self.saving = 0

    def IndexInfo(self, _request: Any, _: Any) -> Any:  # noqa: N802
        self.saving = max(0, self.saving - 1)
        waiting = 0 if len(self.told) > 1 else 1
        return payload_pb2.Info.Index.Count(stored=1, uncommitted=waiting, indexing=False, saving=self.saving > 0)

    def CreateIndex(self, request: Any, _: Any) -> Any:  # noqa: N802
        self.told.append(request)
        return payload_pb2.Empty()

    def SaveIndex(self, _request: Any, _: Any) -> Any:  # noqa: N802
        self.saving = 5
        return payload_pb2.Empty()


@pytest.fixture
def agent() -> Iterator[tuple[Agent, Vald]]:
    agent, server = Agent(), grpc.server(ThreadPoolExecutor(2))
    agent_pb2_grpc.add_AgentServicer_to_server(agent, server)
    index_pb2_grpc.add_IndexServicer_to_server(agent, server)
    client = Vald(f"127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}")
    server.start()
    yield agent, client
    client.close()
    server.stop(0).wait()


def test_an_agent_that_was_busy_is_told_again_to_index_by_its_own_number_of_threads(agent: tuple[Agent, Vald]) -> None:
    server, client = agent
    client.settle()
    assert [one.pool_size for one in server.told] == [0, 0]
    assert client.stored() == 1


def test_what_another_writer_told_an_agent_to_save_is_waited_for(agent: tuple[Agent, Vald]) -> None:
    server, client = agent
    client.save()
    assert server.saving == 0
