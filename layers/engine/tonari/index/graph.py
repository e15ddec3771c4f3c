"""A USearch HNSW graph: the only importer of usearch.

usearch 2.26.2-2.26.6 imported before onnxruntime kills the process; older ones, to which this package is held, do not.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from usearch.index import Index as UsearchIndex

from tonari.errors import CorruptArtefactError

CONNECTIVITY = 16
EXPANSION_ADD = 128
EXPANSION_SEARCH = 400


class Graph:
    """A USearch HNSW graph over int8 codes, by the cosine of their angle [Malkov and Yashunin, arXiv:1603.09320]."""

    def __init__(self, index: UsearchIndex) -> None:
        self._index = index

    @classmethod
    def build(cls, codes: NDArray[np.int8]) -> Graph:
        """Add the rows in order, by one thread: the same codes give the same file.

        Parameters
        ----------
        codes : (N, D) int8
            Row ``i`` gets key ``i``.
        """
        index = UsearchIndex(
            ndim=codes.shape[1],
            metric="cos",
            dtype="i8",
            connectivity=CONNECTIVITY,
            expansion_add=EXPANSION_ADD,
            expansion_search=EXPANSION_SEARCH,
        )
        if len(codes):
            index.add(np.arange(len(codes), dtype=np.uint64), codes, threads=1)
        return cls(index)

    @classmethod
    def open(cls, path: Path, rows: int, dimensions: int) -> Graph:
        """Map a graph file, whose sha256 the caller has verified: USearch itself has no checksum.

        Raises
        ------
        CorruptArtefactError
            If it is no graph, or one of another size, dimension, scalar or metric than the snapshot's codes.
        """
        try:
            about = UsearchIndex.metadata(str(path))
        except ValueError as error:
            raise CorruptArtefactError(f"The file {path.name} is no graph: {error}") from error
        found = about and (
            about["count_present"],
            about["dimensions"],
            about["kind_metric"].name,
            about["kind_scalar"].name,
        )
        if found != (rows, dimensions, "Cos", "I8"):
            raise CorruptArtefactError(f"The graph should be ({rows}, {dimensions}, Cos, I8), the file is {found}.")
        index: Any = UsearchIndex.restore(str(path), view=True)
        index.expansion_search = EXPANSION_SEARCH
        return cls(index)

    def save(self, path: Path) -> None:
        """Write the graph file."""
        self._index.save(str(path))

    def expand(self, expansion: int) -> None:
        """Set how many candidates a search keeps: more → recall nearer to 1, slower."""
        index: Any = self._index
        index.expansion_search = expansion

    def search(self, query: NDArray[np.int8], count: int) -> NDArray[np.int64]:
        """Find the rows nearest to one query.

        Parameters
        ----------
        query : (D,) int8
        count
            How many rows at most.

        Returns
        -------
        (n,) int64, nearest first
        """
        found = self._index.search(query, count, threads=1)
        return np.asarray(found.keys, dtype=np.int64)
