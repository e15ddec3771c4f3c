"""Write an ONNX graph node by node, the same bytes every time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

OPSET = 17
IR_VERSION = 8


class GraphWriter:
    """Collects nodes and constants in the order in which they are written."""

    def __init__(self) -> None:
        self._nodes: list[onnx.NodeProto] = []
        self._constants: dict[str, onnx.TensorProto] = {}

    def constant(self, name: str, value: NDArray[Any] | np.generic) -> str:
        """Add a constant of the array's own dtype and return its name.

        Raises
        ------
        ValueError
            If another constant has this name.
        """
        if name in self._constants:
            raise ValueError(f"two constants named {name}")
        self._constants[name] = numpy_helper.from_array(np.array(value, order="C"), name)
        return name

    def floats(self, name: str, value: Any) -> str:
        """Add a float32 constant and return its name."""
        return self.constant(name, np.asarray(value, np.float32))

    def node(self, kind: str, *inputs: str, output: str | None = None, **attributes: Any) -> str:
        """Add a node with one output and return the output's name."""
        name = output or f"{kind}_{len(self._nodes)}"
        self._nodes.append(helper.make_node(kind, list(inputs), [name], name=name, **attributes))
        return name

    def unit_length(self, vectors: str, *, output: str | None = None) -> str:
        """Add the scaling of each row of ``(batch, D)`` to length 1; a row of zeros stays."""
        length = self.node("ReduceL2", vectors, axes=[1], keepdims=1)
        name = f"{output or vectors}.shortest"
        return self.node("Div", vectors, self.node("Max", length, self.floats(name, 1e-12)), output=output)

    def model(
        self,
        given: tuple[str, Sequence[str | int]],
        answers: Mapping[str, Sequence[str | int]],
        about: Mapping[str, str],
        *,
        dtype: int = TensorProto.UINT8,
    ) -> onnx.ModelProto:
        """Put the graph together and check it.

        Parameters
        ----------
        given
            Name and shape of the input.
        answers
            Names and shapes of the float32 outputs.
        about
            Metadata.
        dtype
            Of the input, as ONNX numbers them.
        """
        graph = helper.make_graph(
            self._nodes,
            "encoder",
            [helper.make_tensor_value_info(given[0], dtype, given[1])],
            [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in answers.items()],
            list(self._constants.values()),
        )
        model = helper.make_model(
            graph, opset_imports=[helper.make_opsetid("", OPSET)], producer_name="tonari", ir_version=IR_VERSION
        )
        helper.set_model_props(model, dict(about))
        onnx.checker.check_model(model, full_check=True)
        return model


def serialise(model: onnx.ModelProto) -> bytes:
    """Give the bytes of a model; equal models give equal bytes."""
    return bytes(model.SerializeToString(deterministic=True))
