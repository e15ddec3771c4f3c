"""HNSW libraries whose filter is a Python function, or none at all."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from search.filters import Cell, Prepared

from .base import Asked, Engine

BREADTHS = (16, 24, 32, 48, 64, 96, 128, 192, 256, 400, 800, 1600)
FETCHES = (16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8192)
LINKS = 16
BREADTH_AT_BUILD = 128


class Hnswlib(Engine):
    """The filter is the `__getitem__` of a list of bools: the quickest callable tried."""

    asks = 40

    def build(self, given: Prepared, folder: Path) -> None:  # noqa: ARG002
        import hnswlib  # type: ignore[import-not-found,import-untyped,unused-ignore]

        self._index = hnswlib.Index(space="ip", dim=given.rows.shape[1])
        self._index.init_index(len(given.rows), M=LINKS, ef_construction=BREADTH_AT_BUILD)
        self._index.add_items(given.rows, num_threads=1)

    def settings(self, cell: Cell) -> list[int]:  # noqa: ARG002
        return list(BREADTHS)

    def ready(self, asked: Asked, setting: int) -> Any:
        self._index.set_ef(setting)
        return None if asked.mask is None else asked.mask.tolist().__getitem__

    def search(self, query: NDArray[np.float32], k: int, ready: Any) -> Any:
        return self._index.knn_query(query, k, num_threads=1, filter=ready)[0][0]

    def about(self) -> str:
        return f"M {LINKS}, ef_construction {BREADTH_AT_BUILD}, filter in Python; setting: ef"


class Usearch(Engine):
    """No filter: so many neighbours are fetched that enough of them are in range."""

    def build(self, given: Prepared, folder: Path) -> None:  # noqa: ARG002
        import onnxruntime  # type: ignore[import-not-found,import-untyped,unused-ignore]  # noqa: F401  # usearch needs it loaded first
        from usearch.index import Index  # type: ignore[import-not-found,import-untyped,unused-ignore]

        self._index = Index(ndim=given.rows.shape[1], metric="cos", connectivity=LINKS, expansion_add=BREADTH_AT_BUILD)
        self._index.add(np.arange(len(given.rows)), np.ascontiguousarray(given.rows), threads=1)

    def settings(self, cell: Cell) -> list[int]:
        return [fetch for fetch in FETCHES if fetch * cell.selectivity <= 32 * FETCHES[0]]

    def ready(self, asked: Asked, setting: int) -> Any:
        index: Any = self._index
        index.expansion_search = setting
        return setting, asked.mask

    def search(self, query: NDArray[np.float32], k: int, ready: Any) -> Any:
        fetch, mask = ready
        keys = self._index.search(query, fetch, threads=1).keys
        return keys[:k] if mask is None else keys[mask[keys]][:k]

    def about(self) -> str:
        return (
            f"{self._index.dtype.name}, connectivity {LINKS}, expansion_add {BREADTH_AT_BUILD}; "
            "setting: how many are fetched, and expansion_search"
        )


ENGINES = {"hnswlib": Hnswlib, "USearch": Usearch}
