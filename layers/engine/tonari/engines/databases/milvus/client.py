"""Milvus' own client: collections and rows; what goes wrong, in tonari's own errors."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

import grpc
import numpy as np
from numpy.typing import NDArray
from pymilvus import DataType, MilvusClient, MilvusException

from tonari.contract.database import Access
from tonari.engines.databases.milvus.columns import MOST_BYTES, MOST_LISTED, Column
from tonari.engines.databases.milvus.filters import text
from tonari.errors import EngineUnavailableError, MissingCollectionError

Answer = TypeVar("Answer")
PAGE = 16_384
"""Rows that Milvus gives at once."""
SECONDS = 10
"""For a question; one that nobody answers is asked again until then."""
LONGER = 60
"""For what writes, makes and loads. A server that was killed serves again after some 30 s (``common.session.ttl``)."""
NO_COLLECTION, NOT_LOADED, NO_ALIAS = 100, 101, 1600
GRAPH = {"M": 32, "efConstruction": 256}
"""Of HNSW [Malkov, Yashunin: Efficient and robust approximate nearest neighbor search, 2018]."""
LEAST_EXPANSION = 400
SETTLED, FRESH = "Bounded", "Strong"
"""Milvus' consistency: what one shard's node has seen already, and all that was written before the question."""
TYPES = {
    "number": DataType.DOUBLE,
    "date": DataType.DOUBLE,
    "boolean": DataType.INT8,
    "string": DataType.VARCHAR,
    "strings": DataType.ARRAY,
}


class Client:
    """Asks Milvus, from several threads. It connects when it is first used.

    Parameters
    ----------
    access
        With ``https`` certificates are checked.
    """

    def __init__(self, access: Access) -> None:
        logging.getLogger("pymilvus").setLevel(logging.CRITICAL)  # what it reports is raised as well
        self._access = access
        self._lock = threading.Lock()
        self._made: MilvusClient | None = None
        self._version = ""

    def create(self, name: str, columns: Sequence[Column], dimensions: int) -> None:
        """Make a collection of rows with its index, and load it; what is there of it stays."""

        def make(client: MilvusClient) -> None:
            if not client.has_collection(name, timeout=SECONDS):
                client.create_collection(
                    name, schema=_schema(columns, dimensions), consistency_level=FRESH, timeout=LONGER
                )
            if not client.list_indexes(name, timeout=SECONDS):
                index = client.prepare_index_params()
                index.add_index("embedding", index_type="HNSW", metric_type="IP", params=GRAPH)
                client.create_index(name, index, timeout=LONGER)
            client.load_collection(name, timeout=LONGER)

        self._ask(name, make, LONGER)

    def drop(self, name: str) -> None:
        """Delete a collection and the aliases that name it."""

        def away(client: MilvusClient) -> None:
            if client.has_collection(name, timeout=SECONDS):
                for alias in client.list_aliases(name, timeout=SECONDS).get("aliases", []):
                    client.drop_alias(alias, timeout=SECONDS)
                client.drop_collection(name, timeout=LONGER)

        self._ask(name, away, LONGER)

    def names(self) -> frozenset[str]:
        """Name all collections."""
        return frozenset(self._ask("", lambda client: client.list_collections(timeout=SECONDS)))

    def aliased(self, alias: str) -> str | None:
        """Tell which collection an alias names."""

        def find(client: MilvusClient) -> str | None:
            try:
                said = client.describe_alias(alias, timeout=SECONDS)
            except MilvusException as error:
                if error.code == NO_ALIAS or "not found" in error.message or "not exist" in error.message:
                    return None
                raise
            return said.get("collection_name") or None

        return self._ask(alias, find)

    def point(self, alias: str, name: str) -> None:
        """Let an alias name a collection, in one step."""
        there = self.aliased(alias)
        if there is None:
            self._ask(name, lambda client: client.create_alias(name, alias, timeout=SECONDS))
        elif there != name:
            self._ask(name, lambda client: client.alter_alias(name, alias, timeout=SECONDS))

    def insert(self, name: str, rows: Sequence[Mapping[str, Any]]) -> None:
        """Add rows, whose keys are new."""
        self._ask(name, lambda client: client.insert(name, list(rows), timeout=LONGER), LONGER)

    def upsert(self, name: str, row: Mapping[str, Any]) -> None:
        """Write one row, in place of the one of its key."""
        self._ask(name, lambda client: client.upsert(name, [dict(row)], timeout=LONGER), LONGER)

    def delete(self, name: str, expression: str) -> None:
        """Delete rows by their keys."""
        self._ask(name, lambda client: client.delete(name, filter=expression, timeout=LONGER), LONGER)

    def settle(self, name: str) -> None:
        """Wait until what was written is seen by whoever asks."""
        self._count(name, 'key == ""', FRESH, LONGER)

    def count(self, name: str, expression: str) -> int:
        """Count rows."""
        return self._count(name, expression, SETTLED, SECONDS)

    def _count(self, name: str, expression: str, consistency: str, seconds: float) -> int:
        def ask(client: MilvusClient) -> int:
            (row,) = client.query(
                name, expression, output_fields=["count(*)"], consistency_level=consistency, timeout=seconds
            )
            return int(row["count(*)"])

        return self._ask(name, ask, seconds)

    def rows(
        self, name: str, expression: str, fields: Sequence[str], *, size: int = PAGE, consistency: str = SETTLED
    ) -> Iterator[dict[str, Any]]:
        """Give rows by ascending key, reading ``size`` at once; ``fields`` have the key among them."""
        last, ordered = "", self._ordered()
        while True:
            page = self._ask(
                name,
                lambda client, last=last: client.query(  # type: ignore[misc]
                    name,
                    f"key > {text(last)} and ({expression})",
                    output_fields=list(fields),
                    limit=size,
                    **ordered,
                    consistency_level=consistency,
                    timeout=SECONDS,
                ),
            )
            yield from page
            if len(page) < size:
                return
            last = page[-1]["key"]

    def nearest(
        self, name: str, vector: NDArray[np.float32], expression: str, limit: int, fields: Sequence[str]
    ) -> list[tuple[float, dict[str, Any]]]:
        """Find the rows of greatest inner product, (D,), each with that, descending."""
        (hits,) = self._ask(
            name,
            lambda client: client.search(
                name,
                data=[vector],
                anns_field="embedding",
                filter=expression,
                limit=limit,
                output_fields=list(fields),
                search_params={"metric_type": "IP", "params": {"ef": expansion(limit)}},
                consistency_level=SETTLED,
                timeout=SECONDS,
            ),
        )
        return [(float(hit["distance"]), hit["entity"]) for hit in hits]

    def flush(self, name: str) -> None:
        """Let what was written be indexed."""
        self._ask(name, lambda client: client.flush(name, timeout=LONGER), LONGER)

    def indexed(self, name: str) -> int | None:
        """Count the rows, deleted ones too, that are searched by their index; None if the server does not tell."""

        def ask(client: MilvusClient) -> int | None:
            try:
                return int(sum(one.num_rows for one in client.list_loaded_segments(name, timeout=SECONDS)))
            except grpc.RpcError as error:
                if isinstance(error, grpc.Call) and error.code() is grpc.StatusCode.UNIMPLEMENTED:  # Milvus Lite
                    return None
                raise

        return self._ask(name, ask)

    def close(self) -> None:
        """Close the connection."""
        with self._lock:
            made, self._made = self._made, None
        if made is not None:
            made.close()

    def _ordered(self) -> dict[str, str]:
        """Say how the rows of the least keys are asked for: 2.3 gives them anyway, and would wait for a moment."""
        if not self._version:
            self._version = self._ask("", lambda client: client.get_server_version(timeout=SECONDS))
        return {} if self._version.startswith("v2.3.") else {"iterator": "True"}

    def _client(self) -> MilvusClient:
        with self._lock:
            if self._made is None:
                access = self._access
                secure = access.url.startswith("https:")
                given = {"server_pem_path": access.authority} if access.authority else {}
                self._made = MilvusClient(
                    access.url,
                    user=access.user,
                    password=access.password,
                    token=access.token,
                    timeout=SECONDS,
                    secure=secure,
                    dedicated=True,
                    **given,
                )
            return self._made

    def _ask(self, name: str, ask: Callable[[MilvusClient], Answer], seconds: float = SECONDS) -> Answer:
        """Ask, and let a collection that is not in memory be loaded first, for which so many seconds are waited."""
        try:
            client = self._client()
            try:
                return ask(client)
            except MilvusException as error:
                if error.code != NOT_LOADED:
                    raise
            client.load_collection(name, timeout=seconds)
            return ask(client)
        except MilvusException as error:
            raise _translated(error, name) from error
        except (grpc.RpcError, grpc.FutureTimeoutError, OSError) as error:
            said = error.details() if isinstance(error, grpc.Call) else type(error).__name__
            raise EngineUnavailableError(f"Milvus does not answer: {said}.") from error


def expansion(limit: int) -> int:
    """Choose HNSW's ``ef`` for so many rows."""
    return min(32_768, max(LEAST_EXPANSION, 4 * limit))


def _translated(error: MilvusException, name: str) -> EngineUnavailableError:
    said = str(error.message).lower()
    if error.code == NO_COLLECTION or ("collection" in said and ("not found" in said or "can't find" in said)):
        return MissingCollectionError(f"Milvus has no collection {name}.")
    return EngineUnavailableError(f"Milvus did not do what was asked: {str(error.message)[:300]}")


def _schema(columns: Sequence[Column], dimensions: int) -> Any:
    schema = MilvusClient.create_schema(auto_id=False, enable_dynamic_field=False)
    schema.add_field("key", DataType.VARCHAR, is_primary=True, max_length=600)
    for name, most in {"item": 256, "state": MOST_BYTES, "view": MOST_BYTES, "document": MOST_BYTES}.items():
        schema.add_field(name, DataType.VARCHAR, max_length=most)
    for name in ("generation", "stamp"):
        schema.add_field(name, DataType.INT64)
    for name in ("place", "views", "parts"):
        schema.add_field(name, DataType.INT16)
    for column in columns:
        given: dict[str, Any] = {}
        if column.type in ("string", "strings"):
            given["max_length"] = MOST_BYTES
        if column.type == "strings":
            given |= {"element_type": DataType.VARCHAR, "max_capacity": MOST_LISTED + 1}
        schema.add_field(column.name, TYPES[column.type], **given)
    schema.add_field("embedding", DataType.FLOAT_VECTOR, dim=dimensions)
    return schema
