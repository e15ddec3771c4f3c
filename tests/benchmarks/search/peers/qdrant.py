"""Qdrant's local mode: vectors in memory, compared in numpy, filter by a payload value."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from qdrant_client import QdrantClient, models  # type: ignore[import-not-found,import-untyped,unused-ignore]

from search.filters import Cell, Prepared

from .base import Asked, Engine
from .ranges import lists, number

BATCH = 5_000


class Qdrant(Engine):
    asks = 3

    def build(self, given: Prepared, folder: Path) -> None:  # noqa: ARG002
        rows, dimensions = given.rows.shape
        values, start = lists(given, self.asks)
        self._client = QdrantClient(":memory:")
        self._client.create_collection(
            "views", vectors_config=models.VectorParams(size=dimensions, distance=models.Distance.COSINE)
        )
        for begin in range(0, rows, BATCH):
            numbers = range(begin, min(rows, begin + BATCH))
            self._client.upsert(
                "views",
                models.Batch(
                    ids=list(numbers),
                    vectors=np.asarray(given.rows[begin : begin + BATCH]).tolist(),
                    payloads=[{"ranges": values[start[row] : start[row + 1]].tolist()} for row in numbers],
                ),
            )

    def settings(self, cell: Cell) -> list[str]:  # noqa: ARG002
        return ["exact"]

    def ready(self, asked: Asked, setting: str) -> Any:  # noqa: ARG002
        wanted = number(asked)
        if wanted is None:
            return None
        return models.Filter(must=[models.FieldCondition(key="ranges", match=models.MatchValue(value=wanted))])

    def search(self, query: NDArray[np.float32], k: int, ready: Any) -> Any:
        found = self._client.query_points("views", query=query, query_filter=ready, limit=k, with_payload=False)
        return [point.id for point in found.points]

    def about(self) -> str:
        return "local mode is exact"


ENGINES = {"Qdrant local": Qdrant}
