"""Store the weights of a graph in int8; the arithmetic stays float32.

``Cast`` and ``Mul`` undo it, which onnxruntime folds once, at load: a third of the file at the speed of float32. (It
leaves ``DequantizeLinear`` standing, to be paid for in each run.)
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

if TYPE_CHECKING:
    from numpy.typing import NDArray

LEVELS = 127
LEAST_WEIGHTS = 8192
LEAST_PER_CHANNEL = 26
CLIPPINGS = np.linspace(0.7, 1.0, 16)


def quantise(kernel: NDArray[np.float32]) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
    """Round each output channel to 255 levels, with the clipping that leaves the least squared error.

    Parameters
    ----------
    kernel
        ``(out, ...)`` float32.

    Returns
    -------
    codes : (out, ...) int8
    scales : (out, 1, ...) float32
        ``codes * scales`` is near ``kernel``.
    """
    rows = kernel.reshape(len(kernel), -1).astype(np.float64)
    widest = np.maximum(np.abs(rows).max(axis=1, keepdims=True), 1e-12) / LEVELS
    best, scales = np.full(widest.shape, np.inf), widest
    for clipping in CLIPPINGS:
        tried = widest * clipping
        error = np.square(np.clip(np.rint(rows / tried), -LEVELS, LEVELS) * tried - rows).sum(axis=1, keepdims=True)
        scales = np.where(error < best, tried, scales)
        best = np.minimum(error, best)
    codes = np.clip(np.rint(rows / scales), -LEVELS, LEVELS).astype(np.int8).reshape(kernel.shape)
    return codes, scales.astype(np.float32).reshape(-1, *[1] * (kernel.ndim - 1))


def _stored(tensor: onnx.TensorProto) -> tuple[list[Any], list[Any]]:
    """Constants and nodes that together give ``tensor``."""
    kernel, name = numpy_helper.to_array(tensor), tensor.name
    if kernel.size < LEAST_WEIGHTS or kernel[0].size < LEAST_PER_CHANNEL:
        half = numpy_helper.from_array(kernel.astype(np.float16), f"{name}.half")
        return [half], [helper.make_node("Cast", [half.name], [name], name=name, to=TensorProto.FLOAT)]
    codes, scales = quantise(kernel)
    constants = [numpy_helper.from_array(codes, f"{name}.codes"), numpy_helper.from_array(scales, f"{name}.scales")]
    whole = f"{name}.whole"
    cast = helper.make_node("Cast", [f"{name}.codes"], [whole], name=whole, to=TensorProto.FLOAT)
    return constants, [cast, helper.make_node("Mul", [whole, f"{name}.scales"], [name], name=name)]


def store_int8(model: onnx.ModelProto) -> onnx.ModelProto:
    """Copy ``model`` with the kernels of its convolutions stored small.

    Kernels become int8 with one scale per output channel, but for two kinds, which become float16: those of few
    weights, which stand first in the network, so that all later layers inherit their errors; and those with too few
    weights per channel to average the rounding out (depthwise). The rest stays.
    """
    kernels = {node.input[1] for node in model.graph.node if node.op_type == "Conv"}
    constants: list[Any] = []
    nodes: list[Any] = []
    for tensor in model.graph.initializer:
        if tensor.name in kernels:
            stored, restoring = _stored(tensor)
            constants += stored
            nodes += restoring
        else:
            constants.append(tensor)
    small = onnx.ModelProto()
    small.CopyFrom(model)
    small.graph.ClearField("initializer")
    small.graph.ClearField("node")
    small.graph.initializer.extend(constants)
    small.graph.node.extend([*nodes, *model.graph.node])
    onnx.checker.check_model(small, full_check=True)
    return small
