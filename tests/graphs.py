"""Tiny ONNX graphs, each made on the spot."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from onnx import TensorProto, helper, numpy_helper


def mean_colour(path: Path, factors: Sequence[float] = (1, 1, 1), side: int = 4) -> Path:
    """Write a graph that gives the mean colour of a picture, each channel times a factor.

    Input ``image``: uint8 ``(1, side, side, 3)``. Output ``embedding``: float32 ``(1, 3)``.
    """
    nodes = [
        helper.make_node("Cast", ["image"], ["wide"], to=TensorProto.FLOAT),
        helper.make_node("ReduceMean", ["wide", "axes"], ["mean"], keepdims=0),
        helper.make_node("Mul", ["mean", "factors"], ["embedding"]),
    ]
    graph = helper.make_graph(
        nodes,
        "mean_colour",
        [helper.make_tensor_value_info("image", TensorProto.UINT8, [1, side, side, 3])],
        [helper.make_tensor_value_info("embedding", TensorProto.FLOAT, [1, 3])],
        [
            numpy_helper.from_array(np.array([1, 2], np.int64), "axes"),
            numpy_helper.from_array(np.array(factors, np.float32), "factors"),
        ],
    )
    model = helper.make_model(graph, ir_version=8, opset_imports=[helper.make_opsetid("", 18)])
    path.write_bytes(model.SerializeToString())
    return path
