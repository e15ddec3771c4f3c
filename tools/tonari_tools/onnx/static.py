"""A static int8 graph: activations and weights in eight bits, as ``QuantizeLinear`` and ``DequantizeLinear`` pairs.

onnxruntime turns each layer between such pairs into one of whole-number arithmetic [Jacob et al., arXiv:1712.05877].
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper, numpy_helper

from tonari_tools.onnx.calibration import Range
from tonari_tools.onnx.int8_weights import quantise
from tonari_tools.onnx.kernels import BIAS, KERNEL, LAYERS
from tonari_tools.onnx.layers import Layer

LEVELS, LEVELS_FOR_FEW, FEW = 63, 127, 26
"""Seven bits for weights: two products with uint8 then fit in int16, in which processors without VNNI add them; eight
for depthwise kernels, whose products are not added so."""
MOST_BIAS = 2**30


def make_static(model: onnx.ModelProto, layers: Sequence[Layer], ranges: Mapping[str, Range]) -> onnx.ModelProto:
    """Copy ``model`` with these layers in eight bits.

    Other layers read tensors as they are: between rounded ones onnxruntime would round them too, and coarsely.

    Parameters
    ----------
    ranges
        Of each tensor that a layer observes; others are passed over.
    """
    static = onnx.ModelProto()
    static.CopyFrom(model)
    graph = static.graph
    constants = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    writer = _Writer()
    for name in dict.fromkeys(name for layer in layers for name in layer.observed()):
        writer.pair(name, ranges[name])
    for layer in layers:
        bias = constants[layer.bias] if layer.bias else None
        writer.weights(layer, constants[layer.kernel], bias, ranges[layer.given].scale)
    nodes = writer.weave(graph)
    kept = [tensor for tensor in graph.initializer if tensor.name not in writer.replaced]
    for part, fresh in (("node", nodes), ("initializer", [*kept, *writer.constants])):
        graph.ClearField(part)
        getattr(graph, part).extend(fresh)
    return static


class _Writer:
    """Collects constants, and the nodes that undo the rounding of weights."""

    def __init__(self) -> None:
        self.constants: list[onnx.TensorProto] = []
        self.replaced: set[str] = set()
        self._restoring: list[onnx.NodeProto] = []
        self._pairs: dict[str, list[onnx.NodeProto]] = {}
        self._biases: dict[tuple[str, str], str] = {}

    def pair(self, name: str, one: Range) -> None:
        """Round a tensor."""
        steps = [self._constant(f"{name}.scale", one.scale), self._constant(f"{name}.zero", one.zero)]
        self._pairs[name] = [
            helper.make_node("QuantizeLinear", [name, *steps], [f"{name}.rounded"], name=f"{name}.rounded"),
            helper.make_node("DequantizeLinear", [f"{name}.rounded", *steps], [_read(name)], name=_read(name)),
        ]

    def weights(
        self, layer: Layer, kernel: NDArray[np.float32], bias: NDArray[np.float32] | None, step: np.float32
    ) -> None:
        """Store a layer's weights in int8, its bias in int32 in steps of weight and input together."""
        rows = np.moveaxis(kernel, layer.axis, 0)
        codes, scales = quantise(rows, LEVELS_FOR_FEW if rows[0].size < FEW else LEVELS)
        scales = scales.ravel()
        if bias is not None:
            least = np.abs(bias) / (step * np.float32(MOST_BIAS))
            weak = scales < least
            scales = np.where(weak, least, scales)
            codes[weak] = np.rint(rows[weak] / scales[weak].reshape(-1, *[1] * (rows.ndim - 1)))
            whole = np.rint(bias / (scales.astype(np.float64) * step)).astype(np.int32)
            self._restore(f"{layer.kernel}.bias", whole, scales * step, 0)
            self._biases[layer.kernel, layer.bias] = f"{layer.kernel}.bias"
        self._restore(layer.kernel, np.ascontiguousarray(np.moveaxis(codes, 0, layer.axis)), scales, layer.axis)
        self.replaced.add(layer.kernel)

    def weave(self, graph: onnx.GraphProto) -> list[onnx.NodeProto]:
        """Let nodes read rounded tensors."""
        nodes = [*self._restoring, *(node for port in graph.input for node in self._pairs.get(port.name, []))]
        for node in graph.node:
            fresh = onnx.NodeProto()
            fresh.CopyFrom(node)
            exact = node.op_type in LAYERS and node.input[KERNEL] not in self.replaced
            for place, name in enumerate(node.input):
                if name in self._pairs and not exact:
                    fresh.input[place] = _read(name)
                elif place == BIAS and (node.input[KERNEL], name) in self._biases:
                    fresh.input[place] = self._biases[node.input[KERNEL], name]
            nodes += [fresh, *(pair for name in node.output for pair in self._pairs.get(name, []))]
        return nodes

    def _restore(self, name: str, codes: NDArray[Any], scales: NDArray[np.float32], axis: int) -> None:
        parts = {"codes": codes, "scales": scales.astype(np.float32), "zeros": np.zeros(len(scales), codes.dtype)}
        given = [self._constant(f"{name}.{part}", value) for part, value in parts.items()]
        self._restoring.append(helper.make_node("DequantizeLinear", given, [name], name=name, axis=axis))

    def _constant(self, name: str, value: NDArray[Any] | np.generic) -> str:
        self.constants.append(numpy_helper.from_array(np.asarray(value), name))
        return name


def _read(name: str) -> str:
    return f"{name}.read"
