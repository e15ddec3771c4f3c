"""Milvus Lite: the embedded engine, filter by `array_contains`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import milvus_lite  # type: ignore[import-not-found,import-untyped,unused-ignore]  # noqa: F401  # pymilvus alone would import without it
import numpy as np
from numpy.typing import NDArray
from pymilvus import DataType, MilvusClient  # type: ignore[import-not-found,import-untyped,unused-ignore]

from search.filters import Cell, Prepared

from .base import Asked, Engine
from .ranges import lists, number

BATCH = 5_000
LONGEST = 1_024


class Milvus(Engine):
    asks = 3

    def build(self, given: Prepared, folder: Path) -> None:
        rows, dimensions = given.rows.shape
        values, start = lists(given, self.asks)
        self._client = MilvusClient(str(folder / "views.db"))
        schema = self._client.create_schema(auto_id=False)
        schema.add_field("id", DataType.INT64, is_primary=True)
        schema.add_field("vector", DataType.FLOAT_VECTOR, dim=dimensions)
        schema.add_field("ranges", DataType.ARRAY, element_type=DataType.INT64, max_capacity=LONGEST)
        indexes = self._client.prepare_index_params()
        indexes.add_index("vector", index_type="FLAT", metric_type="COSINE")
        self._client.create_collection("views", schema=schema, index_params=indexes)
        for begin in range(0, rows, BATCH):
            self._client.insert(
                "views",
                [
                    {"id": row, "vector": given.rows[row], "ranges": values[start[row] : start[row + 1]].tolist()}
                    for row in range(begin, min(rows, begin + BATCH))
                ],
            )
        self._client.load_collection("views")

    def settings(self, cell: Cell) -> list[str]:  # noqa: ARG002
        return ["exact"]

    def ready(self, asked: Asked, setting: str) -> str:  # noqa: ARG002
        wanted = number(asked)
        return "" if wanted is None else f"array_contains(ranges, {wanted})"

    def search(self, query: NDArray[np.float32], k: int, ready: str) -> Any:
        found = self._client.search("views", data=[query.tolist()], anns_field="vector", limit=k, filter=ready)
        return [hit["id"] for hit in found[0]]

    def about(self) -> str:
        return "FLAT"


ENGINES = {"Milvus Lite": Milvus}
