"""What can be told of an ONNX file without running it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import onnx
from onnx import TensorProto
from onnx.defs import SchemaError, get_schema

from tonari.errors import InvalidEncoderError

STANDARD = frozenset({"", "ai.onnx", "ai.onnx.ml"})
"""Operator domains that are ONNX's own."""


@dataclass(frozen=True, slots=True)
class Read:
    """A sound file.

    Parameters
    ----------
    opset
        Version of ONNX's operators.
    operators
        How many nodes the graph has.
    metadata
        ``metadata_props``.
    """

    opset: int
    operators: int
    metadata: Mapping[str, str]


def read_model(data: bytes) -> Read:
    """Read an ONNX file as far as it can be without running it.

    Raises
    ------
    InvalidEncoderError
        If it is cut off or no ONNX file, has its weights elsewhere, or uses operators that are not ONNX's own.
    """
    try:
        model = onnx.load_from_string(data)
    except Exception as error:  # protobuf's own, which onnx lets through
        raise InvalidEncoderError(
            f"The model is no ONNX file, or ends early ({len(data):,} bytes): transfer or export it again."
        ) from error
    graph = model.graph
    if not graph.node or not graph.output or not model.opset_import:
        raise InvalidEncoderError(
            f"The model has no graph, or no operator versions ({len(data):,} bytes): it ends early, or is no ONNX file."
        )
    external = [tensor.name for tensor in _tensors(model) if tensor.data_location == TensorProto.EXTERNAL]
    if external:
        raise InvalidEncoderError(
            f"The model keeps {len(external)} tensors ({external[0]}, …) in another file: export it as one file, in "
            "torch.onnx.export with external_data=False."
        )
    opset = max((one.version for one in model.opset_import if one.domain in {"", "ai.onnx"}), default=0)
    _check_operators(model, opset)
    return Read(opset, len(graph.node), {prop.key: prop.value for prop in model.metadata_props})


def _check_operators(model: onnx.ModelProto, opset: int) -> None:
    own = {(function.domain, function.name) for function in model.functions}
    for node in _all_nodes(model):
        if (node.domain, node.op_type) in own:
            continue
        if node.domain not in STANDARD:
            raise InvalidEncoderError(
                f"The model uses {node.op_type} of the operator domain {node.domain}: only ONNX's own operators run "
                "everywhere; export it without optimisations and extensions."
            )
        try:
            get_schema(node.op_type, opset, "" if node.domain == "ai.onnx" else node.domain)
        except SchemaError as error:
            if node.domain == "ai.onnx.ml":
                continue
            raise InvalidEncoderError(
                f"The model uses the operator {node.op_type}, which opset {opset} of ONNX {onnx.__version__} does not "
                "have: export it for another opset."
            ) from error


def _all_nodes(model: onnx.ModelProto) -> Iterator[onnx.NodeProto]:
    for body in (model.graph.node, *(function.node for function in model.functions)):
        for node in body:
            yield from _nodes(node)


def _nodes(node: onnx.NodeProto) -> Iterator[onnx.NodeProto]:
    """Give a node and those of the graphs inside it."""
    yield node
    for graph in _graphs(node):
        for inner in graph.node:
            yield from _nodes(inner)


def _graphs(node: onnx.NodeProto) -> Iterator[onnx.GraphProto]:
    for attribute in node.attribute:
        if attribute.HasField("g"):
            yield attribute.g
        yield from attribute.graphs


def _tensors(model: onnx.ModelProto) -> Iterator[onnx.TensorProto]:
    """Give all constants, also those in attributes and in graphs within graphs."""
    yield from model.graph.initializer
    for node in _all_nodes(model):
        for attribute in node.attribute:
            if attribute.HasField("t"):
                yield attribute.t
            yield from attribute.tensors
        for graph in _graphs(node):
            yield from graph.initializer
