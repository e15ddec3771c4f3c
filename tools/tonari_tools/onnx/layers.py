"""Which layers of a graph can be done in whole numbers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import onnx
from onnx import TensorProto

from tonari_tools.onnx.kernels import BIAS, KERNEL, channel_axes, names_used

ABSORBED = frozenset({"Clip", "Relu"})
"""Activations that onnxruntime merges into the layer before them."""
LEAST_MATRIX = 8192


@dataclass(frozen=True, slots=True)
class Layer:
    """A layer.

    Parameters
    ----------
    given
        The tensor that enters it.
    kernel
        Name of its weights, which are no other layer's.
    bias
        Name of its bias; empty if it has none.
    axis
        Of the output channels of its weights.
    answer
        The tensor that leaves a convolution, after the activation that it absorbs; empty for others, whose answer
        stays in float32.
    """

    given: str
    kernel: str
    bias: str
    axis: int
    answer: str

    def observed(self) -> tuple[str, ...]:
        """Name the tensors whose range must be known."""
        return (self.given, self.answer) if self.answer else (self.given,)


def find_layers(graph: onnx.GraphProto) -> list[Layer]:
    """Find the convolutions, and the linear layers of some size, whose weights and biases are constants."""
    axes, used = channel_axes(graph), Counter(names_used(graph))
    used.update(port.name for port in graph.output)
    constants = {tensor.name: tensor for tensor in graph.initializer}
    readers = {name: node for node in graph.node for name in node.input}
    layers = []
    for node in graph.node:
        name = node.input[KERNEL] if len(node.input) > KERNEL else ""
        bias = node.input[BIAS] if len(node.input) > BIAS else ""
        if name not in axes or used[name] != 1 or (bias and not _is_bias(constants.get(bias))):
            continue
        if node.op_type == "Conv":
            answer = _absorb(node.output[0], readers, used)
        elif _is_plain_matrix(node, constants[name]):
            answer = ""
        else:
            continue
        layers.append(Layer(node.input[0], name, bias, axes[name], answer))
    return layers


def _is_bias(tensor: onnx.TensorProto | None) -> bool:
    return tensor is not None and tensor.data_type == TensorProto.FLOAT and len(tensor.dims) == 1


def _is_plain_matrix(node: onnx.NodeProto, weights: onnx.TensorProto) -> bool:
    scaled = any(one.name in {"alpha", "beta"} and one.f != 1 for one in node.attribute)
    turned = any(one.name == "transA" and one.i for one in node.attribute)
    return int(np.prod(weights.dims)) >= LEAST_MATRIX and not scaled and not turned


def _absorb(answer: str, readers: Mapping[str, onnx.NodeProto], used: Mapping[str, int]) -> str:
    reader = readers.get(answer)
    if reader is not None and used[answer] == 1 and reader.op_type in ABSORBED and reader.input[0] == answer:
        return str(reader.output[0])
    return answer
