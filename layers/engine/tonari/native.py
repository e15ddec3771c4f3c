"""The only importer of onnxruntime, usearch and numkong.

onnxruntime comes first: usearch 2.26.2-2.26.6 imported before it kills the process. Its telemetry writes under
``$HOME`` unless it is told not to before the import.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

os.environ["ORT_DISABLE_TELEMETRY"] = "1"

import onnxruntime  # isort: skip
import numkong  # isort: skip
import numpy as np

from usearch.index import Index as UsearchIndex  # isort: skip

from tonari.errors import CorruptArtefactError, InvalidEncoderError

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

CONNECTIVITY = 16
EXPANSION_ADD = 128
EXPANSION_SEARCH = 400


@dataclass(frozen=True, slots=True)
class Port:
    """An input or output of an ONNX graph.

    Parameters
    ----------
    name
    kind
        As onnxruntime says it, for example ``tensor(float)``.
    shape
        Of each axis the size, or None where it is open.
    """

    name: str
    kind: str
    shape: tuple[int | None, ...]


def graph_ports(model: Path) -> tuple[tuple[Port, ...], tuple[Port, ...]]:
    """Name the inputs and the outputs of a graph.

    Raises
    ------
    InvalidEncoderError
        If the file does not load.
    """
    session = _load(model, 1)
    return tuple(map(_port, session.get_inputs())), tuple(map(_port, session.get_outputs()))


def _port(given: Any) -> Port:
    return Port(given.name, given.type, tuple(size if isinstance(size, int) else None for size in given.shape))


def _load(model: Path, threads: int) -> Any:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    try:
        return onnxruntime.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])
    except Exception as error:
        raise InvalidEncoderError(f"The ONNX graph does not load: {_one_line(error)}") from error


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())


class Session:
    """An ONNX graph with one input and one chosen output.

    Raises
    ------
    InvalidEncoderError
        If the file does not load or lacks the input or output.
    """

    def __init__(self, model: Path, input_name: str, output_name: str, threads: int) -> None:
        self._session = _load(model, threads)
        inputs = [given.name for given in self._session.get_inputs()]
        outputs = [given.name for given in self._session.get_outputs()]
        if inputs != [input_name] or output_name not in outputs:
            raise InvalidEncoderError(
                f"encoder.json names input {input_name!r} and output {output_name!r}; "
                f"the graph has inputs {inputs} and outputs {outputs}."
            )
        self._input, self._output = input_name, output_name

    def run(self, batch: NDArray[np.generic]) -> NDArray[np.float32]:
        """Run the graph.

        Raises
        ------
        InvalidEncoderError
            If it fails, for example because the batch has another shape than the graph takes.
        """
        try:
            (output,) = self._session.run([self._output], {self._input: batch})
        except Exception as error:
            raise InvalidEncoderError(
                f"The ONNX graph failed on input {batch.shape} {batch.dtype}: {_one_line(error)}"
            ) from error
        return cast("NDArray[np.float32]", output)


def dot_products(queries: NDArray[np.int8], codes: NDArray[np.int8]) -> NDArray[np.int32]:
    """Exact integer dot products of int8 rows.

    Parameters
    ----------
    queries : (Q, D) int8
    codes : (N, D) int8
        At least one row, as of ``queries``.

    Returns
    -------
    (Q, N) int32
    """
    return np.asarray(numkong.dots_packed(codes, numkong.dots_pack(queries))).T


def count_true(mask: NDArray[np.bool_]) -> int:
    """Count the true places of a mask: quicker than numpy where they are a million."""
    return int(numkong.sum(mask.view(np.uint8))) if len(mask) else 0


class Packed:
    """Rows laid out for the dot products of all of them with a query: several times as fast as :func:`dot_products`.

    Parameters
    ----------
    codes : (N, D) int8
        At least one row.
    """

    def __init__(self, codes: NDArray[np.int8]) -> None:
        self._rows = numkong.dots_pack(codes)

    def dot_products(self, queries: NDArray[np.int8]) -> NDArray[np.int32]:
        """Exact integer dot products (Q, N) with queries (Q, D), at least one."""
        return np.asarray(numkong.dots_packed(queries, self._rows))


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
