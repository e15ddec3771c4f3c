"""tonari's planner over a snapshot built as the product builds it; nothing is tuned here."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from search.filters import Cell, Prepared
from tonari.builds.assemble import build_snapshot
from tonari.fields.schema import Schema
from tonari.index.planner import find
from tonari.index.vectors import to_fixed
from tonari.snapshots.indexed import IndexedItem, IndexedView
from tonari.snapshots.table import build_table

from .base import Asked, Engine


class Tonari(Engine):
    """Every item has one view and no fields; the filter is the mask of items that `find` takes."""

    def build(self, given: Prepared, folder: Path) -> None:  # noqa: ARG002
        items = (
            IndexedItem(f"{number:07}", {}, "", (IndexedView("", "", to_fixed(row)),))
            for number, row in enumerate(given.rows)
        )
        table = build_table(items, Schema({}), given.rows.shape[1])
        snapshot = build_snapshot("", Schema({}), table, {})
        self._index, self._recall = snapshot.table.index, snapshot.recall

    def settings(self, cell: Cell) -> list[str]:  # noqa: ARG002
        return ["as built"]

    def ready(self, asked: Asked, setting: str) -> NDArray[np.bool_] | None:  # noqa: ARG002
        return asked.mask

    def search(self, query: NDArray[np.float32], k: int, ready: NDArray[np.bool_] | None) -> Any:
        return find(query[None], self._index, k, ready).items

    def about(self) -> str:
        cells = 0 if self._index.cells is None else len(self._index.cells)
        return f"{cells} cells, {self._index.tuning}, recall measured at build {dict(self._recall)}"


ENGINES = {"tonari": Tonari}
