"""A stand-in for an agent of Vald: its gRPC protocol over the index that is inside Vald, NGT.

Vald itself is a server in Go that no package registry has. This program speaks its protobufs for the tests and the
demo: vectors by id, of which a search finds those that were indexed since they came, as an agent does. It runs by the
Python of an environment of its own: ``python vald_standin.py PORT FOLDER``.
"""

from __future__ import annotations

import sqlite3
import sys
import tempfile
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import grpc
import ngtpy
import numpy as np
from vald.v1.agent.core import agent_pb2_grpc
from vald.v1.payload import payload_pb2
from vald.v1.vald import index_pb2_grpc, object_pb2_grpc, remove_pb2_grpc, search_pb2_grpc, upsert_pb2_grpc

THREADS = 8
MOST_BYTES = 64 * 1024 * 1024
OK, NOT_FOUND = grpc.StatusCode.OK.value[0], grpc.StatusCode.NOT_FOUND.value[0]
INVALID, ALREADY = grpc.StatusCode.INVALID_ARGUMENT.value[0], grpc.StatusCode.ALREADY_EXISTS.value[0]


class Vectors:
    """Vectors by id; an index over those that were there when it was made last, of which a file has those it saved."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.lock = threading.RLock()
        self._kept = sqlite3.connect(folder / "vectors.sqlite", check_same_thread=False, isolation_level=None)
        self._kept.execute("PRAGMA journal_mode = WAL")
        self._kept.execute("CREATE TABLE IF NOT EXISTS vectors (id TEXT PRIMARY KEY, row BLOB NOT NULL)")
        self.rows: dict[str, bytes] = dict(self._kept.execute("SELECT id, row FROM vectors"))
        self._index: Any = None
        self._place: dict[str, int] = {}
        self._id: dict[int, str] = {}
        self.waiting: set[str] = set(self.rows)
        self._unsaved: set[str] = set()

    def put(self, name: str, row: list[float]) -> tuple[int, str]:
        """Keep a vector; gives code and message of an agent's answer."""
        packed = np.array(row, np.float32).tobytes()
        with self.lock:
            other = next(iter(self.rows.values()), packed)
            if len(other) != len(packed):
                return INVALID, "Upsert API Incompatible Dimension Size detected"
            if self.rows.get(name) == packed:
                return ALREADY, f"Update API uuid {name}'s same data already exists"
            self.rows[name] = packed
            self.waiting.add(name)
        return OK, ""

    def remove(self, name: str) -> bool:
        """Forget a vector; False if it was not there."""
        with self.lock:
            self.waiting.add(name)
            return self.rows.pop(name, None) is not None

    def commit(self) -> None:
        """Bring the index up to what is kept."""
        with self.lock:
            if not self.rows:
                self._index, self._place, self._id = None, {}, {}
            for name in self.waiting:
                if (place := self._place.pop(name, None)) is not None:
                    del self._id[place]
                    self._index.remove(place)
                if name in self.rows:
                    row = np.frombuffer(self.rows[name], np.float32)
                    place = self._open(len(row)).insert(row)
                    self._place[name], self._id[place] = place, name
            if self._index is not None and self.waiting:
                self._index.build_index()
            self._unsaved |= self.waiting
            self.waiting.clear()

    def save(self) -> None:
        """Write what was indexed to the file."""
        with self.lock:
            self._kept.execute("BEGIN")
            self._kept.executemany("DELETE FROM vectors WHERE id = ?", [(name,) for name in self._unsaved])
            there = [(name, self.rows[name]) for name in self._unsaved if name in self.rows]
            self._kept.executemany("INSERT INTO vectors VALUES (?, ?)", there)
            self._kept.execute("COMMIT")
            self._unsaved.clear()

    def search(self, row: list[float], count: int, epsilon: float, *, exact: bool) -> list[tuple[str, float]]:
        """Find the nearest indexed vectors: id and cosine distance."""
        with self.lock:
            if self._index is None:
                return []
            query = np.array(row, np.float32)
            if exact:
                found = self._index.linear_search(query, size=count)
            else:
                found = self._index.search(query, size=count, epsilon=epsilon)
            return [(self._id[place], distance) for place, distance in found if place in self._id]

    def _open(self, dimensions: int) -> Any:
        if self._index is None:
            path = f"{tempfile.mkdtemp(prefix='ngt-')}/index"
            ngtpy.create(path, dimension=dimensions, distance_type="Cosine", object_type="Float")
            self._index = ngtpy.Index(path)
        return self._index


class Agent(
    upsert_pb2_grpc.UpsertServicer,  # type: ignore[misc]
    remove_pb2_grpc.RemoveServicer,  # type: ignore[misc]
    search_pb2_grpc.SearchServicer,  # type: ignore[misc]
    object_pb2_grpc.ObjectServicer,  # type: ignore[misc]
    index_pb2_grpc.IndexServicer,  # type: ignore[misc]
    agent_pb2_grpc.AgentServicer,  # type: ignore[misc]
):
    """The calls that tonari makes; others are answered UNIMPLEMENTED."""

    def __init__(self, vectors: Vectors) -> None:
        self.vectors = vectors

    def StreamUpsert(self, requests: Any, _: Any) -> Iterator[Any]:  # noqa: N802
        """Keep vectors."""
        for request in requests:
            code, message = self.vectors.put(request.vector.id, list(request.vector.vector))
            answer = payload_pb2.Object.StreamLocation()
            if code != OK:
                answer.status.code, answer.status.message = code, message
            else:
                answer.location.uuid = request.vector.id
            yield answer

    def StreamRemove(self, requests: Any, _: Any) -> Iterator[Any]:  # noqa: N802
        """Forget vectors."""
        for request in requests:
            answer = payload_pb2.Object.StreamLocation()
            if self.vectors.remove(request.id.id):
                answer.location.uuid = request.id.id
            else:
                answer.status.code, answer.status.message = NOT_FOUND, "it is not there"
            yield answer

    def Search(self, request: Any, _: Any) -> Any:  # noqa: N802
        """Search the index."""
        return self._search(request, exact=False)

    def LinearSearch(self, request: Any, _: Any) -> Any:  # noqa: N802
        """Compare every vector of the index."""
        return self._search(request, exact=True)

    def _search(self, request: Any, *, exact: bool) -> Any:
        found = self.vectors.search(list(request.vector), request.config.num, request.config.epsilon, exact=exact)
        results = [payload_pb2.Object.Distance(id=name, distance=distance) for name, distance in found]
        return payload_pb2.Search.Response(results=results)

    def StreamGetObject(self, requests: Any, _: Any) -> Iterator[Any]:  # noqa: N802
        """Give vectors, indexed or not."""
        for request in requests:
            row = self.vectors.rows.get(request.id.id)
            answer = payload_pb2.Object.StreamVector()
            if row is None:
                answer.status.code, answer.status.message = NOT_FOUND, "it is not there"
            else:
                answer.vector.id = request.id.id
                answer.vector.vector.extend(np.frombuffer(row, np.float32).tolist())
            yield answer

    def StreamListObject(self, _request: Any, _: Any) -> Iterator[Any]:  # noqa: N802
        """Give all vectors."""
        with self.vectors.lock:
            rows = [*self.vectors.rows.items()]
        for name, row in rows:
            answer = payload_pb2.Object.List.Response()
            answer.vector.id = name
            answer.vector.vector.extend(np.frombuffer(row, np.float32).tolist())
            yield answer

    def IndexInfo(self, _request: Any, _: Any) -> Any:  # noqa: N802
        """Count what is indexed, and what waits for it."""
        with self.vectors.lock:
            waiting = len(self.vectors.waiting)
            return payload_pb2.Info.Index.Count(stored=len(self.vectors.rows), uncommitted=waiting, indexing=False)

    def CreateIndex(self, _request: Any, context: Any) -> Any:  # noqa: N802
        """Index what waits; as an agent does, refuse if nothing does."""
        with self.vectors.lock:
            if not self.vectors.waiting:
                context.abort(grpc.StatusCode.FAILED_PRECONDITION, "nothing waits to be indexed")
            self.vectors.commit()
        return payload_pb2.Empty()

    def SaveIndex(self, _request: Any, _: Any) -> Any:  # noqa: N802
        """Save what is indexed."""
        self.vectors.save()
        return payload_pb2.Empty()


def main(port: int, folder: Path) -> None:
    """Serve until killed."""
    vectors = Vectors(folder)
    vectors.commit()
    agent = Agent(vectors)
    limits = [("grpc.max_receive_message_length", MOST_BYTES), ("grpc.max_send_message_length", MOST_BYTES)]
    server = grpc.server(ThreadPoolExecutor(THREADS), options=limits)
    upsert_pb2_grpc.add_UpsertServicer_to_server(agent, server)
    remove_pb2_grpc.add_RemoveServicer_to_server(agent, server)
    search_pb2_grpc.add_SearchServicer_to_server(agent, server)
    object_pb2_grpc.add_ObjectServicer_to_server(agent, server)
    index_pb2_grpc.add_IndexServicer_to_server(agent, server)
    agent_pb2_grpc.add_AgentServicer_to_server(agent, server)
    server.add_insecure_port(f"127.0.0.1:{port}")
    server.start()
    server.wait_for_termination()


if __name__ == "__main__":
    main(int(sys.argv[1]), Path(sys.argv[2]))
