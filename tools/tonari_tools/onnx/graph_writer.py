"""Write an ONNX graph node by node, the same bytes every time; convolutions with the batch normalisation folded in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

Weights = Mapping[str, NDArray[Any]]
"""A state dict."""
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


def fold(weights: Weights, conv: str, norm: str, epsilon: float) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Fold a batch normalisation into the convolution before it, in float64.

    Returns
    -------
    kernel : (out, in / groups, k, k) float32
    bias : (out,) float32
    """
    kernel = weights[f"{conv}.weight"].astype(np.float64)
    gain, shift, mean, variance = (
        weights[f"{norm}.{part}"].astype(np.float64) for part in ("weight", "bias", "running_mean", "running_var")
    )
    scale = gain / np.sqrt(variance + epsilon)
    folded = kernel * scale[:, None, None, None]
    return folded.astype(np.float32), (shift - mean * scale).astype(np.float32)


class Convolver:
    """Writes convolutions with ReLU6 after them; ``epsilon`` is that of the batch normalisations."""

    def __init__(self, graph: GraphWriter, weights: Weights, epsilon: float) -> None:
        self._graph, self._weights, self._epsilon = graph, weights, epsilon
        self._six = (graph.floats("relu6.low", 0), graph.floats("relu6.high", 6))

    def __call__(
        self,
        x: str,
        conv: str,
        norm: str,
        *,
        padding: list[int] | None = None,
        stride: int = 1,
        depthwise: bool = False,
        linear: bool = False,
    ) -> str:
        """Add the convolution ``conv`` and the normalisation ``norm``; ``linear`` without ReLU6."""
        kernel, bias = fold(self._weights, conv, norm, self._epsilon)
        x = self._graph.node(
            "Conv",
            x,
            self._graph.constant(f"{conv}.weight", kernel),
            self._graph.constant(f"{conv}.bias", bias),
            kernel_shape=list(kernel.shape[2:]),
            strides=[stride, stride],
            pads=padding or [0, 0, 0, 0],
            group=len(kernel) if depthwise else 1,
            output=f"{conv}.out",
        )
        return x if linear else self._graph.node("Clip", x, *self._six, output=f"{conv}.relu6")
