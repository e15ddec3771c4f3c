"""Store the weights of a graph in int8; the arithmetic stays float32.

``Cast`` and ``Mul`` undo it, which onnxruntime folds once, at load: a third of the file at the speed of float32. (It
leaves ``DequantizeLinear`` standing, to be paid for in each run.)
"""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from tonari_tools.onnx.kernels import channel_axes

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
    constants: list[Any] = []
    nodes: list[Any] = []
    for tensor in model.graph.initializer:
        stored, restoring = _stored(tensor, axes[tensor.name]) if tensor.name in axes else ([tensor], [])
        constants += stored
        nodes += restoring
    small = onnx.ModelProto()
    small.CopyFrom(model)
    small.graph.ClearField("initializer")
    small.graph.ClearField("node")
    small.graph.initializer.extend(constants)
    small.graph.node.extend([*nodes, *model.graph.node])
    return small
