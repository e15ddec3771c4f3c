"""Tiny ONNX graphs, each made on the spot."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from onnx import TensorProto, helper, numpy_helper

MEAN_COLOUR: dict[str, Any] = {
    "format": 1,
    "name": "mean colour",
    "input": {"name": "image", "dtype": "uint8", "layout": "NHWC", "height": 4, "width": 4},
    "preprocessing": {"version": 1, "shortest_edge": 4, "resample": "bilinear", "background": [255, 255, 255]},
    "output": {"name": "embedding"},
    "dimensions": 3,
    "metric": "cosine",
}
"""``encoder.json`` of :func:`mean_colour`."""


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


def every_pixel(path: Path) -> Path:
    """Write a graph that gives each channel of each pixel, grey being 0.

    Input ``image``: uint8 ``(1, 4, 4, 3)``. Output ``embedding``: float32 ``(1, 48)``.
    """
    nodes = [
        helper.make_node("Cast", ["image"], ["wide"], to=TensorProto.FLOAT),
        helper.make_node("Sub", ["wide", "grey"], ["signed"]),
        helper.make_node("Flatten", ["signed"], ["embedding"]),
    ]
    graph = helper.make_graph(
        nodes,
        "every_pixel",
        [helper.make_tensor_value_info("image", TensorProto.UINT8, [1, 4, 4, 3])],
        [helper.make_tensor_value_info("embedding", TensorProto.FLOAT, [1, 48])],
        [numpy_helper.from_array(np.array(127.5, np.float32), "grey")],
    )
    model = helper.make_model(graph, ir_version=8, opset_imports=[helper.make_opsetid("", 18)])
    path.write_bytes(model.SerializeToString())
    return path


def fussy(path: Path) -> Path:
    """Write a graph like :func:`mean_colour`, which fails on pictures whose mean red is above 2."""
    nodes = [
        helper.make_node("Cast", ["image"], ["wide"], to=TensorProto.FLOAT),
        helper.make_node("ReduceMean", ["wide", "axes"], ["mean"], keepdims=0),
        helper.make_node("Cast", ["mean"], ["whole"], to=TensorProto.INT64),
        helper.make_node("Gather", ["whole", "first"], ["row"], axis=1),
        helper.make_node("Gather", ["ones", "row"], ["factor"]),
        helper.make_node("Mul", ["mean", "factor"], ["embedding"]),
    ]
    graph = helper.make_graph(
        nodes,
        "fussy",
        [helper.make_tensor_value_info("image", TensorProto.UINT8, [1, 4, 4, 3])],
        [helper.make_tensor_value_info("embedding", TensorProto.FLOAT, [1, 3])],
        [
            numpy_helper.from_array(np.array([1, 2], np.int64), "axes"),
            numpy_helper.from_array(np.array([0], np.int64), "first"),
            numpy_helper.from_array(np.ones(3, np.float32), "ones"),
        ],
    )
    model = helper.make_model(graph, ir_version=8, opset_imports=[helper.make_opsetid("", 18)])
    path.write_bytes(model.SerializeToString())
    return path
