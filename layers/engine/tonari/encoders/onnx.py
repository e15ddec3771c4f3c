"""The only importer of onnxruntime.

Its telemetry writes under ``$HOME`` unless it is told not to before the import.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

os.environ["ORT_DISABLE_TELEMETRY"] = "1"

import onnxruntime  # isort: skip

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tonari.errors import InvalidEncoderError, RequestError

_KINDS = {
    "uint8": "tensor(uint8)",
    "float32": "tensor(float)",
    "int32": "tensor(int32)",
    "int64": "tensor(int64)",
}
"""What onnxruntime calls the types in which pixels and tokens come."""


@dataclass(frozen=True, slots=True)
class TensorInfo:
    """An input or output of an ONNX graph, as it says itself.

    Parameters
    ----------
    kind
        As onnxruntime says it, for example ``tensor(float)``.
    shape
        Of each axis the size, or None where it is open.
    """

    name: str
    kind: str
    shape: tuple[int | None, ...]


def graph_signature(model: Path) -> tuple[tuple[TensorInfo, ...], tuple[TensorInfo, ...]]:
    """Name the inputs and the outputs of a graph.

    Raises
    ------
    InvalidEncoderError
        If the file does not load, or names are no text.
    """
    return _ends(_load(model, 1))


def _ends(session: Any) -> tuple[tuple[TensorInfo, ...], tuple[TensorInfo, ...]]:
    try:
        return tuple(map(_info, session.get_inputs())), tuple(map(_info, session.get_outputs()))
    except UnicodeDecodeError as error:
        raise InvalidEncoderError(
            "The ONNX graph has an input, output or axis whose name is no text: export it again."
        ) from error


def _info(given: Any) -> TensorInfo:
    return TensorInfo(given.name, given.type, tuple(size if isinstance(size, int) else None for size in given.shape))


def _takes(given: TensorInfo, batch: NDArray[np.generic]) -> bool:
    """Tell whether a graph declares that it takes inputs of this type and shape."""
    if given.kind != _KINDS.get(batch.dtype.name) or len(given.shape) != batch.ndim:
        return False
    return all(size in {None, is_there} for size, is_there in zip(given.shape, batch.shape, strict=True))


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
    """An ONNX graph with some inputs and one chosen output.

    Parameters
    ----------
    fault
        What is raised where the graph takes such inputs, but fails on these.

    Raises
    ------
    InvalidEncoderError
        If the file does not load, has other inputs, or lacks the output.
    """

    def __init__(
        self, model: Path, inputs: Sequence[str], output: str, threads: int, fault: type[RequestError]
    ) -> None:
        self._session = _load(model, threads)
        given, answers = _ends(self._session)
        self._inputs = {one.name: one for one in given}
        outputs = [one.name for one in answers]
        if {*inputs} != {*self._inputs} or output not in outputs:
            named = f"input {inputs[0]!r}" if len(inputs) == 1 else f"inputs {[*inputs]}"
            raise InvalidEncoderError(
                f"encoder.json names {named} and output {output!r}; the graph has inputs {[*self._inputs]} and outputs "
                f"{outputs}."
            )
        self._output, self._fault = output, fault

    def kind(self, name: str) -> str:
        """Name the type of an input as onnxruntime does, for example ``tensor(int64)``."""
        return self._inputs[name].kind

    def run(self, feeds: Mapping[str, NDArray[np.generic]]) -> NDArray[np.float32]:
        """Run the graph.

        Parameters
        ----------
        feeds
            All inputs by name.

        Raises
        ------
        InvalidEncoderError
            If the graph takes no inputs of these types or shapes.
        RequestError
            ``fault``, if it takes such inputs, but fails on these.
        MemoryError
        """
        try:
            (output,) = self._session.run([self._output], dict(feeds))
        except MemoryError:
            raise
        except Exception as error:
            shown = ", ".join(f"{batch.shape} {batch.dtype}" for batch in feeds.values())
            failed = f"The ONNX graph failed on input {shown}: {_one_line(error)}"
            takes = all(_takes(self._inputs[name], batch) for name, batch in feeds.items())
            raise (self._fault if takes else InvalidEncoderError)(failed) from error
        return cast("NDArray[np.float32]", output)
