"""LanceDB: IVF_PQ with refinement over a table on disk, a label index over the ranges, filter before search."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import lancedb  # type: ignore[import-not-found,import-untyped,unused-ignore]
import numpy as np
import pyarrow as pa  # type: ignore[import-not-found,import-untyped,unused-ignore]
from numpy.typing import NDArray

from search.filters import Cell, Prepared

from .base import Asked, Engine
from .ranges import lists, number

SETTINGS = ((10, 5), (20, 10), (50, 10), (100, 20), (200, 20), (400, 50))


class Lance(Engine):
    asks = 20

    def build(self, given: Prepared, folder: Path) -> None:
        rows, dimensions = given.rows.shape
        values, start = lists(given, self.asks)
        flat = pa.array(np.ascontiguousarray(given.rows).reshape(-1), pa.float32())
        table = pa.table(
            {
                "id": np.arange(rows),
                "vector": pa.FixedSizeListArray.from_arrays(flat, dimensions),
                "ranges": pa.ListArray.from_arrays(pa.array(start, pa.int32()), pa.array(values, pa.int32())),
            }
        )
        self._table = lancedb.connect(folder).create_table("views", table)
        self._lists = int(2 ** np.round(np.log2(2 * np.sqrt(rows))))
        self._table.create_index(
            metric="cosine",
            vector_column_name="vector",
            index_type="IVF_PQ",
            num_partitions=self._lists,
            num_sub_vectors=dimensions // 8,
        )
        self._table.create_scalar_index("ranges", index_type="LABEL_LIST")

    def settings(self, cell: Cell) -> list[tuple[int, int]]:  # noqa: ARG002
        return [(probes, refine) for probes, refine in SETTINGS if probes <= self._lists]

    def ready(self, asked: Asked, setting: tuple[int, int]) -> Any:
        return number(asked), *setting

    def search(self, query: NDArray[np.float32], k: int, ready: Any) -> Any:
        wanted, probes, refine = ready
        search = self._table.search(query).distance_type("cosine").nprobes(probes).refine_factor(refine).limit(k)
        if wanted is not None:
            search = search.where(f"array_has(ranges, {wanted})", prefilter=True)
        return search.select(["id"]).to_arrow()["id"].to_numpy()

    def about(self) -> str:
        return f"IVF_PQ, {self._lists} partitions, D/8 sub-vectors, LABEL_LIST index; setting: nprobes, refine_factor"


ENGINES = {"LanceDB": Lance}
