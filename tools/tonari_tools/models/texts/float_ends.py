"""Graphs that take or give float16 -> the same with float32 at their ends; within nothing changes."""

from __future__ import annotations

import onnx
from onnx import TensorProto, helper

HALF, SINGLE = TensorProto.FLOAT16, TensorProto.FLOAT


def has_half_ends(model: onnx.ModelProto) -> bool:
    """Tell whether an input or output of a graph is float16."""
    return any(port.type.tensor_type.elem_type == HALF for port in (*model.graph.input, *model.graph.output))


def with_float32_ends(model: onnx.ModelProto) -> onnx.ModelProto:
    """Copy a graph so that its float16 inputs and outputs are float32, cast within."""
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    graph = copy.graph
    constants = {tensor.name for tensor in graph.initializer}
    for port in graph.input:
        if port.type.tensor_type.elem_type == HALF and port.name not in constants:
            inner = f"{port.name}.half"
            for node in graph.node:
                _rename(node, port.name, inner, inputs=True)
            graph.node.insert(0, helper.make_node("Cast", [port.name], [inner], name=inner, to=HALF))
            port.type.tensor_type.elem_type = SINGLE
    for port in graph.output:
        if port.type.tensor_type.elem_type == HALF:
            inner = f"{port.name}.half"
            for node in graph.node:
                _rename(node, port.name, inner, inputs=True)
                _rename(node, port.name, inner, inputs=False)
            graph.node.append(helper.make_node("Cast", [inner], [port.name], name=f"{inner}.single", to=SINGLE))
            port.type.tensor_type.elem_type = SINGLE
    return copy


def _rename(node: onnx.NodeProto, old: str, new: str, *, inputs: bool) -> None:
    names = node.input if inputs else node.output
    for place, name in enumerate(names):
        if name == old:
            names[place] = new
    for attribute in node.attribute:
        for inner in (attribute.g, *attribute.graphs):
            for one in inner.node:
                _rename(one, old, new, inputs=inputs)
