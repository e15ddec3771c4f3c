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
from tonari.index.vectors import Candidates

SEED = 3
CONNECTIVITY = 16
EXPANSION_ADD = 128
EXPANSION_SEARCH = 1
"""So that a walk keeps exactly as many candidates as it is asked for."""


class Graph:
    """A USearch HNSW graph over int8 codes, by the cosine of their angle [Malkov and Yashunin, arXiv:1603.09320]."""

    def __init__(self, index: UsearchIndex) -> None:
        self._index = index

    @classmethod
    def build(cls, codes: NDArray[np.int8]) -> Graph:
        """Add the rows by one thread, shuffled with a seed: the same codes give the same file.

        Added cell by cell, rows are linked within their cell: walks then have to be about twice as wide.

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
            keys = np.random.default_rng(SEED).permutation(len(codes))
            index.add(keys.astype(np.uint64), codes[keys], threads=1)
        return cls(index)

    @classmethod
    def open(cls, source: Path | bytes, rows: int, dimensions: int) -> Graph:
        """Map a graph file or read its bytes, whose sha256 the caller has verified: USearch itself has no checksum.

        Raises
        ------
        CorruptArtefactError
            If it is no graph, or one of another size, dimension, scalar or metric than the snapshot's codes.
        """
        name, given = (source.name, str(source)) if isinstance(source, Path) else ("given", source)
        try:
            about = UsearchIndex.metadata(given)
        except ValueError as error:
            raise CorruptArtefactError(f"The file {name} is no graph: {error}; rebuild.") from error
        found = about and (
            about["count_present"],
            about["dimensions"],
            about["kind_metric"].name,
            about["kind_scalar"].name,
        )
        if found != (rows, dimensions, "Cos", "I8"):
            raise CorruptArtefactError(
                f"The graph should be ({rows}, {dimensions}, Cos, I8), the file is {found}: rebuild."
            )
        index: Any = UsearchIndex.restore(given, view=isinstance(source, Path))
        index.expansion_search = EXPANSION_SEARCH
        return cls(index)

    def codes(self, rows: NDArray[np.int64]) -> NDArray[np.int8]:
        """Give the codes that it holds of some rows, (n, D); 0 where it has none."""
        found: Any = self._index.get(rows.astype(np.uint64))
        missing = np.zeros(self._index.ndim, np.int8)
        return np.array([missing if one is None else one for one in found], np.int8).reshape(len(rows), -1)

    def save(self, path: Path) -> None:
        """Write the graph file."""
        self._index.save(str(path))

    def to_bytes(self) -> bytes:
        """Give the bytes of the graph file."""
        index: Any = self._index
        return bytes(index.save(None))

    def search(self, query: NDArray[np.int8], count: int) -> Candidates:
        """Walk to the rows nearest to one query; more of them → recall nearer to 1, slower.

        Parameters
        ----------
        query : (D,) int8
        count
            How many rows to keep while walking, and to return at most: the expansion (``ef``).

        Returns
        -------
        Candidates
            Nearest first.
        """
        found: Any = self._index.search(query, count, threads=1)
        return Candidates(np.asarray(found.keys, dtype=np.int64), int(found.computed_distances))
