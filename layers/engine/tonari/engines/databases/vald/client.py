"""Vald over gRPC: vectors by id, and nothing else [vald.vdaas.org, Vald APIs]."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, TypeVar

import grpc
import numpy as np
from numpy.typing import NDArray
from vald.v1.agent.core import agent_pb2_grpc
from vald.v1.payload import payload_pb2
from vald.v1.vald import index_pb2_grpc, object_pb2_grpc, remove_pb2_grpc, search_pb2_grpc, upsert_pb2_grpc

from tonari.errors import EngineUnavailableError

SECONDS = 10.0
"""So long a search is waited for: who asks over HTTP waits half a minute at most."""
LONGER = 60.0
"""So long for a stream of vectors, and for what was written to be searched."""
LONGEST = 600.0
"""So long for an agent to index, to save its index, and to list its vectors."""
POLL_SECONDS = 0.05
MOST_BYTES = 64 * 1024 * 1024
FIRST_RETRY, LAST_RETRY = 100, 500
"""Milliseconds between attempts to connect again; gRPC's own waits grow to two minutes."""
STREAM = 5_000
"""So many requests are sent in one stream at most."""
EPSILON = 0.3
"""How far beyond the nearest found so far NGT looks on [Iwasaki & Miyazaki, arXiv:1810.07355]."""
OLDEST = "1.7.13"
"""Its first version whose agents and gateways both count their vectors."""
_GONE = grpc.StatusCode.NOT_FOUND
_FINE = {one.value[0] for one in (grpc.StatusCode.OK, _GONE, grpc.StatusCode.ALREADY_EXISTS)}
"""A vector that is gone was to be deleted or is left out; one that is there just so need not be written."""
_NOTHING_TO_DO = grpc.StatusCode.FAILED_PRECONDITION
_NOT_SPOKEN = grpc.StatusCode.UNIMPLEMENTED

Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True)
class Near:
    """A vector that was found: its id, and its cosine similarity."""

    id: str
    score: float


class Vald:
    """An agent of Vald or its gateway; distances are those of cosine.

    Every call raises EngineUnavailableError if there is no answer in time, or a refusal.
    """

    def __init__(self, host: str) -> None:
        self._host = host
        options = [
            ("grpc.max_receive_message_length", MOST_BYTES),
            ("grpc.max_send_message_length", MOST_BYTES),
            ("grpc.initial_reconnect_backoff_ms", FIRST_RETRY),
            ("grpc.max_reconnect_backoff_ms", LAST_RETRY),
        ]
        self._channel = grpc.insecure_channel(host, options)

    def close(self) -> None:
        """Give the connection back."""
        self._channel.close()

    def put(self, vectors: Sequence[tuple[str, NDArray[np.float32]]]) -> None:
        """Write vectors, at least one; each takes the place of one with its id."""
        config = payload_pb2.Upsert.Config(skip_strict_exist_check=True)
        requests = (
            payload_pb2.Upsert.Request(vector=payload_pb2.Object.Vector(id=one, vector=row.tolist()), config=config)
            for one, row in vectors
        )
        what = f"vectors of {len(vectors[0][1])} dimensions"
        self._run_through(upsert_pb2_grpc.UpsertStub(self._channel).StreamUpsert, requests, what)

    def remove(self, ids: Iterable[str]) -> None:
        """Delete vectors; those that are not there are no error."""
        config = payload_pb2.Remove.Config(skip_strict_exist_check=True)
        requests = (
            payload_pb2.Remove.Request(id=payload_pb2.Object.ID(id=one), config=config) for one in dict.fromkeys(ids)
        )
        self._run_through(remove_pb2_grpc.RemoveStub(self._channel).StreamRemove, requests, "to delete vectors")

    def settle(self) -> None:
        """Wait until all that was written is searched.

        An agent is told to index now, by as many threads as it is configured for, and again if it was busy with what
        another writer told it; a gateway cannot be told, and its agents do so when they are configured to.

        Raises
        ------
        EngineUnavailableError
            If that takes longer than a minute, or ten while an agent is indexing.
        """
        began, heeds = time.monotonic(), True
        while (count := self._counts()).uncommitted or count.indexing:
            if heeds and not count.indexing:
                heeds = self._index()
            waited = time.monotonic() - began
            if waited > (LONGEST if count.indexing else LONGER):
                raise EngineUnavailableError(
                    f"Vald at {self._host} has not indexed {count.uncommitted:,} vectors after {waited:.0f} s: let "
                    "its agents index more often (auto_index_check_duration), or give them more processors."
                )
            time.sleep(POLL_SECONDS)

    def _index(self) -> bool:
        """Let an agent index; tells whether this is one, and no gateway."""
        try:
            agent_pb2_grpc.AgentStub(self._channel).CreateIndex(
                payload_pb2.Control.CreateIndexRequest(), timeout=LONGEST
            )
        except grpc.RpcError as error:
            if error.code() not in (_NOT_SPOKEN, _NOTHING_TO_DO):
                raise self._unavailable(error) from error
            return bool(error.code() != _NOT_SPOKEN)
        return True

    def save(self) -> None:
        """Let an agent write its index to disk, and wait for it; a gateway's agents do so when they are configured to.

        An agent says at once that it is done if another writer told it to save the same: so it is asked whether it is.
        """
        try:
            agent_pb2_grpc.AgentStub(self._channel).SaveIndex(payload_pb2.Empty(), timeout=LONGEST)
        except grpc.RpcError as error:
            if error.code() != _NOT_SPOKEN:
                raise self._unavailable(error) from error
            return
        began = time.monotonic()
        while self._counts().saving:
            if time.monotonic() - began > LONGEST:
                raise EngineUnavailableError(f"Vald at {self._host} is still saving its index after {LONGEST:.0f} s.")
            time.sleep(POLL_SECONDS)

    def stored(self) -> int:
        """Count the vectors that are searched; those of a gateway's replicas count too."""
        return int(self._counts().stored)

    def nearest(self, vector: NDArray[np.float32], count: int, *, exact: bool) -> list[Near]:
        """Find the nearest vectors of all that are there, (D,) float32; exactly by comparing every one."""
        stub = search_pb2_grpc.SearchStub(self._channel)
        config = payload_pb2.Search.Config(num=count, radius=-1, epsilon=EPSILON, timeout=int(SECONDS * 1e9))
        request = payload_pb2.Search.Request(vector=vector.tolist(), config=config)
        try:
            answer = (stub.LinearSearch if exact else stub.Search)(request, timeout=SECONDS)
        except grpc.RpcError as error:
            if error.code() == _GONE:
                return []
            raise self._unavailable(error) from error
        return [Near(one.id, 1.0 - one.distance) for one in answer.results]

    def vectors(self, ids: Sequence[str]) -> dict[str, NDArray[np.float32]]:
        """Read vectors by id; those that are not there are left out."""
        requests = (payload_pb2.Object.VectorRequest(id=payload_pb2.Object.ID(id=one)) for one in ids)
        answers = self._run_through(
            object_pb2_grpc.ObjectStub(self._channel).StreamGetObject, requests, "to give vectors"
        )
        return {one.vector.id: np.array(one.vector.vector, np.float32) for one in answers if one.vector.id}

    def ids(self) -> Iterator[str]:
        """Name all vectors that are there."""
        stub = object_pb2_grpc.ObjectStub(self._channel)
        try:
            for one in stub.StreamListObject(payload_pb2.Object.List.Request(), timeout=LONGEST):
                if one.vector.id:
                    yield one.vector.id
        except grpc.RpcError as error:
            raise self._unavailable(error) from error

    def _counts(self) -> Any:
        stub = index_pb2_grpc.IndexStub(self._channel)
        try:
            return stub.IndexInfo(payload_pb2.Empty(), timeout=SECONDS)
        except grpc.RpcError as error:
            raise self._unavailable(error) from error

    def _run_through(self, call: Callable[..., Iterable[Answer]], requests: Iterable[Any], what: str) -> list[Answer]:
        """Send requests in streams; an answer that there was nothing to do is fine."""
        rest, answers = iter(requests), list[Answer]()
        try:
            while some := list(islice(rest, STREAM)):
                answers.extend(call(iter(some), timeout=LONGER))
        except grpc.RpcError as error:
            raise self._unavailable(error) from error
        for one in answers:
            status: Any = getattr(one, "status", None)
            if status is not None and status.code not in _FINE:
                raise EngineUnavailableError(f"Vald at {self._host} refused {what}: {status.message:.200}")
        return answers

    def _unavailable(self, error: grpc.RpcError) -> EngineUnavailableError:
        remedy = f": is it older than Vald {OLDEST}?" if error.code() == _NOT_SPOKEN else ""
        return EngineUnavailableError(
            f"Vald at {self._host} failed: {error.code().name}, {error.details():.200}{remedy}"
        )
