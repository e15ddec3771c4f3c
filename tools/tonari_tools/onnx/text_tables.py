"""Store the tables in which a graph looks tokens up in int8, a scale a row; what is looked up is made float32 again.

Only the rows of a text are turned back, not the table: of a large vocabulary that saves memory too, and time at load.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

LEVELS = 127
LEAST_WEIGHTS = 8192


def store_tables(model: onnx.ModelProto) -> onnx.ModelProto:
    """Copy ``model`` with its large tables, float32 ``(rows, D)`` that are looked up by rows alone, stored in int8."""
    graph = model.graph
    uses = Counter(name for node in graph.node for name in node.input)
    lookups = {node.input[0]: node for node in graph.node if node.op_type == "Gather" and _axis(node) == 0}
    looked_up = Counter(node.input[0] for node in graph.node if node.op_type == "Gather" and _axis(node) == 0)
    tables = {
        tensor.name: tensor
        for tensor in graph.initializer
        if tensor.name in lookups
        and uses[tensor.name] == looked_up[tensor.name]
        and tensor.data_type == TensorProto.FLOAT
        and len(tensor.dims) == 2
        and np.prod(tensor.dims) >= LEAST_WEIGHTS
    }
    small = onnx.ModelProto()
    small.CopyFrom(model)
    small.graph.ClearField("initializer")
    small.graph.ClearField("node")
    for tensor in graph.initializer:
        if tensor.name not in tables:
            small.graph.initializer.append(tensor)
            continue
        codes, scales = _rows_in_int8(numpy_helper.to_array(tensor))
        small.graph.initializer.append(numpy_helper.from_array(codes, f"{tensor.name}.codes"))
        small.graph.initializer.append(numpy_helper.from_array(scales, f"{tensor.name}.scales"))
    for node in graph.node:
        small.graph.node.extend(_lookup(node) if node.op_type == "Gather" and node.input[0] in tables else [node])
    return small


def _axis(node: onnx.NodeProto) -> int:
    return next((attribute.i for attribute in node.attribute if attribute.name == "axis"), 0)


def _lookup(node: onnx.NodeProto) -> list[onnx.NodeProto]:
    table, ids, answer = node.input[0], node.input[1], node.output[0]
    codes, whole, scales = (f"{answer}.{part}" for part in ("codes", "whole", "scales"))
    return [
        helper.make_node("Gather", [f"{table}.codes", ids], [codes], name=codes, axis=0),
        helper.make_node("Cast", [codes], [whole], name=whole, to=TensorProto.FLOAT),
        helper.make_node("Gather", [f"{table}.scales", ids], [scales], name=scales, axis=0),
        helper.make_node("Mul", [whole, scales], [answer], name=answer),
    ]


def _rows_in_int8(table: NDArray[Any]) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
    """Round each row to steps of one size: codes ``(rows, D)``, scales ``(rows, 1)``."""
    widest = np.abs(table).max(axis=1, keepdims=True)
    scales = (np.maximum(widest, 1e-12) / LEVELS).astype(np.float32)
    return np.rint(table / scales).astype(np.int8), scales
