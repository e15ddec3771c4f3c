"""Store the weights of a graph in int8; the arithmetic stays float32.

``Cast`` and ``Mul`` undo it, which onnxruntime folds once, at load: a third of the file at the speed of float32. (It
leaves ``DequantizeLinear`` standing, to be paid for in each run.)
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, inliner, numpy_helper
from onnx.reference import ReferenceEvaluator

KERNEL, BIAS = 1, 2
"""Places of weights and bias among the inputs of a layer."""
LAYERS = ("Conv", "Gemm", "MatMul")
CONSTANTS_ARE_NO_INPUTS = 4
"""Since this version of the format."""
PLAIN = frozenset(
    {"Cast", "Constant", "DequantizeLinear", "Identity", "Mul", "Reshape", "Squeeze", "Transpose", "Unsqueeze"}
)
"""Operators by which exporters, and int8 storage, make weights of constants."""


def channel_axes(graph: onnx.GraphProto) -> dict[str, int]:
    """Find the float32 constants that layers take as weights: by name, the axis of the output channels."""
    constants = {tensor.name: len(tensor.dims) for tensor in graph.initializer if tensor.data_type == TensorProto.FLOAT}
    axes: dict[str, int] = {}
    for node in graph.node:
        name = _weights(node)
        axis = _axis(node, constants.get(name, 0))
        if axis is not None:
            axes.setdefault(name, axis)
    return axes


def expose_kernels(model: onnx.ModelProto) -> onnx.ModelProto:
    """Copy ``model`` so that weights computed from constants are constants themselves; its answers are the same."""
    plain = onnx.ModelProto()
    plain.CopyFrom(inliner.inline_local_functions(model) if model.functions else model)
    plain.ir_version = max(plain.ir_version, CONSTANTS_ARE_NO_INPUTS)
    graph = plain.graph
    constants = {tensor.name: tensor for tensor in graph.initializer}
    makers = {name: node for node in graph.node for name in node.output}
    versions = {entry.domain: entry.version for entry in plain.opset_import}
    opsets = [helper.make_opsetid(domain, version) for domain, version in versions.items()]

    def value(name: str) -> NDArray[Any] | None:
        """Compute what ``name`` is; None if it is more than plain operators of constants."""
        if name in constants:
            return numpy_helper.to_array(constants[name])
        node = makers.get(name)
        if node is None or node.op_type not in PLAIN or node.domain not in {"", "ai.onnx"}:
            return None
        inputs = {given: value(given) for given in node.input if given}
        if any(given is None for given in inputs.values()):
            return None
        ports = [helper.make_value_info(given, onnx.TypeProto()) for given in inputs]
        alone = helper.make_graph([node], "constant", ports, [helper.make_value_info(name, onnx.TypeProto())])
        evaluator: Any = ReferenceEvaluator(helper.make_model(alone, opset_imports=opsets))
        return np.asarray(evaluator.run([name], inputs)[0])

    named = [name for name in map(_weights, graph.node) if name in makers]
    made = {name: kernel for name in named if (kernel := value(name)) is not None}
    if made:
        nodes = [node for node in graph.node if not set(node.output) & made.keys()]
        graph.ClearField("node")
        graph.node.extend(nodes)
        graph.initializer.extend(numpy_helper.from_array(kernel, name) for name, kernel in made.items())
        _prune(graph)
    names = {tensor.name for tensor in graph.initializer}
    ports = [port for port in graph.input if port.name not in names]
    graph.ClearField("input")
    graph.input.extend(ports)
    return plain


def _weights(node: onnx.NodeProto) -> str:
    """Name what a layer takes as its weights; empty if it is no layer."""
    layer = node.op_type in LAYERS and node.domain in {"", "ai.onnx"} and len(node.input) > KERNEL
    return str(node.input[KERNEL]) if layer else ""


def _axis(node: onnx.NodeProto, dimensions: int) -> int | None:
    if node.op_type == "Conv":
        return 0 if dimensions > 2 else None
    if dimensions != 2:
        return None
    return 0 if any(attribute.name == "transB" and attribute.i for attribute in node.attribute) else 1


def _prune(graph: onnx.GraphProto) -> None:
    """Take away what nothing uses any more."""
    while True:
        used = {port.name for port in graph.output} | set(_names_used(graph))
        kept = [node for node in graph.node if set(node.output) & used]
        if len(kept) == len(graph.node):
            break
        graph.ClearField("node")
        graph.node.extend(kept)
    constants = [tensor for tensor in graph.initializer if tensor.name in used]
    graph.ClearField("initializer")
    graph.initializer.extend(constants)


def _names_used(graph: onnx.GraphProto) -> Iterator[str]:
    """Name the tensors that nodes read, once for each time, also in graphs within."""
    for node in graph.node:
        yield from node.input
        for attribute in node.attribute:
            for inner in (attribute.g, *attribute.graphs):
                yield from (port.name for port in inner.output)
                yield from _names_used(inner)


LEVELS = 127
LEAST_WEIGHTS = 8192
LEAST_PER_CHANNEL = 26
CLIPPINGS = np.linspace(0.7, 1.0, 16)
MATRIX = 2
HALF = np.finfo(np.float16)


def quantise(kernel: NDArray[np.float32], levels: int = LEVELS) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
    """Round each output channel to steps of one size, with the clipping that leaves the least squared error.

    Parameters
    ----------
    kernel
        ``(out, ...)`` float32.
    levels
        Steps on either side of zero, at most 127.

    Returns
    -------
    codes : (out, ...) int8
    scales : (out, 1, ...) float32
        ``codes * scales`` is near ``kernel``.
    """
    rows = kernel.reshape(len(kernel), -1).astype(np.float64)
    widest = np.maximum(np.abs(rows).max(axis=1, keepdims=True), 1e-12) / levels
    best, scales = np.full(widest.shape, np.inf), widest
    for clipping in CLIPPINGS:
        tried = widest * clipping
        error = np.square(np.clip(np.rint(rows / tried), -levels, levels) * tried - rows).sum(axis=1, keepdims=True)
        scales = np.where(error < best, tried, scales)
        best = np.minimum(error, best)
    codes = np.clip(np.rint(rows / scales), -levels, levels).astype(np.int8).reshape(kernel.shape)
    return codes, scales.astype(np.float32).reshape(-1, *[1] * (kernel.ndim - 1))


def _stored(tensor: onnx.TensorProto, axis: int) -> tuple[list[Any], list[Any]]:
    """Constants and nodes that together give ``tensor``."""
    kernel, name = np.moveaxis(numpy_helper.to_array(tensor), axis, 0), tensor.name
    if kernel.size < LEAST_WEIGHTS or kernel[0].size < LEAST_PER_CHANNEL:
        if kernel.ndim == MATRIX or np.abs(kernel).max(initial=0) > HALF.max:
            return [tensor], []
        half = numpy_helper.from_array(kernel.astype(HALF.dtype), f"{name}.half")
        return [half], [helper.make_node("Cast", [half.name], [name], name=name, to=TensorProto.FLOAT)]
    codes, scales = (np.ascontiguousarray(np.moveaxis(part, 0, axis)) for part in quantise(kernel))
    constants = [numpy_helper.from_array(codes, f"{name}.codes"), numpy_helper.from_array(scales, f"{name}.scales")]
    whole = f"{name}.whole"
    cast = helper.make_node("Cast", [f"{name}.codes"], [whole], name=whole, to=TensorProto.FLOAT)
    return constants, [cast, helper.make_node("Mul", [whole, f"{name}.scales"], [name], name=name)]


def store_int8(model: onnx.ModelProto) -> onnx.ModelProto:
    """Copy ``model`` with the weights of its layers stored small.

    Kernels of convolutions and matrices of linear layers become int8 with one scale per output channel, but for two
    kinds: those of few weights, which in convolutions stand first, so that all later layers inherit their errors; and
    those with too few weights per channel to average the rounding out (depthwise). Of these, kernels become float16 and
    matrices stay. The rest stays.
    """
    axes = channel_axes(model.graph)
    small = onnx.ModelProto()
    small.CopyFrom(model)
    small.graph.ClearField("initializer")
    small.graph.ClearField("node")
    for tensor in model.graph.initializer:
        constants, nodes = _stored(tensor, axes[tensor.name]) if tensor.name in axes else ([tensor], [])
        small.graph.initializer.extend(constants)
        small.graph.node.extend(nodes)
    small.graph.node.extend(model.graph.node)
    return small
