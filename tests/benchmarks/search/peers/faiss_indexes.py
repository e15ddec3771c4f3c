"""faiss over float32, each index with an `IDSelectorBitmap`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import faiss  # type: ignore[import-not-found,import-untyped,unused-ignore]
import numpy as np
from numpy.typing import NDArray

from search.filters import Cell, Prepared

from .base import Asked, Engine

PROBES = (4, 8, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512, 768, 1024, 1536, 2048)
BREADTHS = (16, 24, 32, 48, 64, 96, 128, 192, 256, 400, 600, 800, 1600, 3200)
LINKS = 32
BREADTH_AT_BUILD = 80


class _Faiss(Engine):
    index: Any

    def search(self, query: NDArray[np.float32], k: int, ready: Any) -> Any:
        return self.index.search(query[None], k, params=ready[0])[1][0]

    def _selector(self, asked: Asked) -> tuple[Any, Any]:
        """Give the selector and the bits that it points into."""
        if asked.mask is None:
            return None, None
        bits = np.packbits(asked.mask, bitorder="little")
        return faiss.IDSelectorBitmap(bits), bits


class Flat(_Faiss):
    def build(self, given: Prepared, folder: Path) -> None:  # noqa: ARG002
        self.index = faiss.IndexFlatIP(given.rows.shape[1])
        self.index.add(given.rows)

    def settings(self, cell: Cell) -> list[str]:  # noqa: ARG002
        return ["exact"]

    def ready(self, asked: Asked, setting: str) -> Any:  # noqa: ARG002
        selector, bits = self._selector(asked)
        return faiss.SearchParameters(sel=selector), selector, bits

    def about(self) -> str:
        return "IndexFlatIP"


class Inverted(_Faiss):
    def build(self, given: Prepared, folder: Path) -> None:  # noqa: ARG002
        rows, dimensions = given.rows.shape
        self._lists = int(2 ** np.round(np.log2(4 * np.sqrt(rows))))
        self._quantizer = faiss.IndexFlatIP(dimensions)
        self.index = faiss.IndexIVFFlat(self._quantizer, dimensions, self._lists, faiss.METRIC_INNER_PRODUCT)
        self.index.cp.niter = 10
        self.index.cp.max_points_per_centroid = 64
        self.index.train(np.ascontiguousarray(given.rows))
        self.index.add(given.rows)

    def settings(self, cell: Cell) -> list[int]:  # noqa: ARG002
        return [probes for probes in PROBES if probes <= self._lists]

    def ready(self, asked: Asked, setting: int) -> Any:
        selector, bits = self._selector(asked)
        return faiss.SearchParametersIVF(sel=selector, nprobe=setting), selector, bits

    def about(self) -> str:
        return f"IndexIVFFlat, {self._lists} lists, k-means of 10 rounds; setting: nprobe"


class Hnsw(_Faiss):
    def build(self, given: Prepared, folder: Path) -> None:  # noqa: ARG002
        self.index = faiss.IndexHNSWFlat(given.rows.shape[1], LINKS, faiss.METRIC_INNER_PRODUCT)
        self.index.hnsw.efConstruction = BREADTH_AT_BUILD
        self.index.add(given.rows)

    def settings(self, cell: Cell) -> list[int]:  # noqa: ARG002
        return list(BREADTHS)

    def ready(self, asked: Asked, setting: int) -> Any:
        selector, bits = self._selector(asked)
        return faiss.SearchParametersHNSW(sel=selector, efSearch=setting), selector, bits

    def about(self) -> str:
        return f"IndexHNSWFlat, M {LINKS}, efConstruction {BREADTH_AT_BUILD}; setting: efSearch"


ENGINES = {"faiss flat": Flat, "faiss IVF": Inverted, "faiss HNSW": Hnsw}
