"""The files of a snapshot: their names, and arrays that are read from them or mapped."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tonari.errors import CorruptArtefactError
from tonari.index.cells import Cells
from tonari.index.planner import VectorIndex

PREFIX = "snapshots/"
MANIFEST = "manifest.json"
TABLES, DOCUMENTS, VECTORS, CODES = "tables.npz", "documents.jsonl", "vectors.npy", "codes.npy"
GRAPH, CLASSES, REJECTED = "graph.usearch", "classes.npz", "rejected.json"
CELLS = "cells.npz"
REPORT, AUDIT = "report.json", "audit.json"
FILES = (TABLES, DOCUMENTS, VECTORS, CODES, CELLS, CLASSES, REJECTED, GRAPH)
"""What serves."""
REPORTED = (REPORT, AUDIT)
"""What only tells: nobody fetches it to serve."""


def save_search(index: VectorIndex, folder: Path) -> None:
    """Write graph and cells; where there are no cells, none."""
    if index.graph is not None:
        index.graph.save(folder / GRAPH)
    none = np.empty((0, index.views.codes.shape[1]), np.float32), np.zeros(1, np.int64)
    centroids, start = (index.cells.centroids, index.cells.start) if index.cells else none
    np.savez(folder / CELLS, centroids=centroids, start=start)


def read_cells(path: Path) -> Cells | None:
    """Undo :func:`save_search` for the cells."""
    arrays = read_arrays(path)
    return Cells(arrays["centroids"], arrays["start"]) if len(arrays["centroids"]) else None


def read_arrays(path: Path) -> dict[str, NDArray[Any]]:
    """Read an ``.npz`` file."""
    with np.load(path, allow_pickle=False) as arrays:
        return dict(arrays)


def map_array(path: Path, shape: tuple[int, int], dtype: type[np.generic]) -> NDArray[Any]:
    """Map an ``.npy`` file, as an ordinary array: slices of numpy's own class for mapped files take ten times as long.

    Raises
    ------
    CorruptArtefactError
        If it holds another shape or type.
    """
    array: NDArray[Any] = np.load(path, mmap_mode="r" if shape[0] else None, allow_pickle=False)
    if array.shape != shape or array.dtype != dtype:
        raise CorruptArtefactError(f"{path.name} holds {array.shape} {array.dtype}, recorded is {shape}.")
    return np.asarray(array)


def map_bytes(path: Path) -> NDArray[np.uint8]:
    """Map a file as it is."""
    return np.memmap(path, np.uint8, "r") if path.stat().st_size else np.empty(0, np.uint8)
