"""Small networks, with layers of every kind that is shrunk."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto

from tonari_tools.onnx.graph_writer import GraphWriter, serialise

SIDE, DIMENSIONS = 32, 128


def small(*, names: str = "layer") -> onnx.ModelProto:
    """Convolutions (wide, depthwise, pointwise, without bias), a residual sum, a Gemm and a MatMul."""
    graph, rng = GraphWriter(), np.random.default_rng(0)

    def weights(name: str, *shape: int, axis: int = 0) -> str:
        fan = np.prod(shape) / shape[axis]
        return graph.floats(f"{names}.{name}", rng.normal(size=shape) * np.sqrt(2 / fan))

    def bias(name: str, size: int) -> str:
        return graph.floats(f"{names}.{name}.offset", rng.normal(size=size) / 10)

    x = graph.node("Transpose", graph.node("Cast", "image", to=TensorProto.FLOAT), perm=[0, 3, 1, 2])
    x = graph.node("Div", x, graph.floats("white", 255))
    x = graph.node("Conv", x, weights("stem", 32, 3, 3, 3), bias("stem", 32), kernel_shape=[3, 3], strides=[2, 2])
    x = graph.node("Clip", x, graph.floats("low", 0), graph.floats("high", 6))
    x = graph.node("Conv", x, weights("depth", 32, 1, 3, 3), kernel_shape=[3, 3], group=32, pads=[1, 1, 1, 1])
    x = graph.node("Relu", x)
    x = graph.node("Conv", x, weights("point", 256, 32, 1, 1), bias("point", 256), kernel_shape=[1, 1])
    x = y = graph.node("Relu", x)
    x = graph.node("Conv", x, weights("side", 256, 1, 3, 3), kernel_shape=[3, 3], group=256, pads=[1, 1, 1, 1])
    x = graph.node("Flatten", graph.node("GlobalAveragePool", graph.node("Add", x, y)), axis=1)
    x = graph.node("Gemm", x, weights("gemm", 64, 256), bias("gemm", 64), transB=1)
    x = graph.node("Tanh", x)
    graph.node("MatMul", x, weights("matrix", 64, DIMENSIONS, axis=1), output="embedding")
    return graph.model(("image", ["batch", SIDE, SIDE, 3]), {"embedding": ["batch", DIMENSIONS]}, {"name": "small"})


def cancelling() -> onnx.ModelProto:
    """What a picture is told by, is the difference of large weights: eight bits have none of it."""
    graph, rng = GraphWriter(), np.random.default_rng(1)
    x = graph.node(
        "AveragePool", graph.node("Cast", "image", to=TensorProto.FLOAT), kernel_shape=[8, 1], strides=[8, 1]
    )
    x = graph.node("Flatten", x, axis=1)
    wide = SIDE * SIDE * 3 // 8
    x = graph.node("MatMul", x, graph.floats("matrix", 100 + rng.normal(size=(wide, DIMENSIONS)) / 100))
    mean = graph.node("ReduceMean", x, axes=[1], keepdims=1)
    graph.node("Add", graph.node("Sub", x, mean), graph.floats("offset", np.ones(DIMENSIONS)), output="embedding")
    return graph.model(("image", ["batch", SIDE, SIDE, 3]), {"embedding": ["batch", DIMENSIONS]}, {})


def write(model: onnx.ModelProto, path: Path) -> Path:
    path.write_bytes(serialise(model))
    return path


def noise(count: int) -> list[np.ndarray]:
    """Blurred colours, unlike from one to the next."""
    rng = np.random.default_rng(2)
    coarse = rng.integers(0, 256, (count, SIDE // 8, SIDE // 8, 3), dtype=np.uint8)
    return list(coarse.repeat(8, axis=1).repeat(8, axis=2))
