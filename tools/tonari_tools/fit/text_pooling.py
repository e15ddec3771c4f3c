"""The pooling of a text graph, which ``encoder.json`` declares, written into the graph, so that a map can follow it."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from tonari.contract.encoder import TextPart
from tonari.errors import InvalidEncoderError
from tonari_tools.models.model_file import read_model
from tonari_tools.onnx.graph_writer import serialise

AXES_ARE_INPUT = 13
"""Since this opset ``ReduceSum`` takes its axes as an input."""
LEAST_OPSET = {"mean": 7, "first": 7, "last": 12}
POOLED, MASK = "pooled.texts", "attention_mask"


def pool_in_graph(graph: bytes, part: TextPart, dimensions: int) -> tuple[bytes, str, str | None]:
    """Let a graph give one vector a text, float32 ``(batch, D)``, as ``part`` says that its tokens are pooled.

    The mean is given as a sum over the mask: what follows looks at directions alone.

    Returns
    -------
    The new graph, the name of its output, and that of the input that takes the mask, which may be new.

    Raises
    ------
    InvalidEncoderError
        If the graph is damaged, or of an opset that is too old.
    """
    if part.pooling == "none":
        return graph, part.output.name, part.inputs.mask
    opset = read_model(graph).opset
    if opset < LEAST_OPSET[part.pooling]:
        raise InvalidEncoderError(
            f"The graph is of opset {opset}, to pool {part.pooling} in it needs {LEAST_OPSET[part.pooling]} or later: "
            "convert it with onnx.version_converter."
        )
    model = onnx.load_model_from_string(graph)
    body, tokens = model.graph, part.output.name
    mask = part.inputs.mask or (None if part.pooling == "first" else _add_mask(body, part.inputs.ids))
    if part.pooling == "first":
        _constant(body, "pooled.first", np.array(0, np.int64))
        body.node.append(helper.make_node("Gather", [tokens, "pooled.first"], [POOLED], name=POOLED, axis=1))
    elif part.pooling == "mean":
        _append_sum(body, tokens, str(mask))
    else:
        _append_last(body, tokens, str(mask), opset)
    place = next(i for i, port in enumerate(body.output) if port.name == tokens)
    body.output[place].CopyFrom(helper.make_tensor_value_info(POOLED, TensorProto.FLOAT, ("batch", dimensions)))
    onnx.checker.check_model(model, full_check=True)
    return serialise(model), POOLED, mask


def _constant(body: onnx.GraphProto, name: str, value: NDArray[Any]) -> None:
    body.initializer.append(numpy_helper.from_array(value, name))


def _add_mask(body: onnx.GraphProto, ids: str) -> str:
    """Let the graph take the mask too: a row as long as that of the ids."""
    port = onnx.ValueInfoProto()
    port.CopyFrom(next(one for one in body.input if one.name == ids))
    port.name = MASK
    body.input.append(port)
    return MASK


def _append_sum(body: onnx.GraphProto, tokens: str, mask: str) -> None:
    _constant(body, "pooled.row", np.array([0, 1, -1], np.int64))
    _constant(body, "pooled.flat", np.array([0, -1], np.int64))
    body.node.extend(
        [
            helper.make_node("Cast", [mask], ["pooled.mask"], name="pooled.mask", to=TensorProto.FLOAT),
            helper.make_node("Reshape", ["pooled.mask", "pooled.row"], ["pooled.weights"], name="pooled.weights"),
            helper.make_node("MatMul", ["pooled.weights", tokens], ["pooled.sum"], name="pooled.sum"),
            helper.make_node("Reshape", ["pooled.sum", "pooled.flat"], [POOLED], name=POOLED),
        ]
    )


def _append_last(body: onnx.GraphProto, tokens: str, mask: str, opset: int) -> None:
    _constant(body, "pooled.one", np.array(1, np.int64))
    axes = ["pooled.axes"] if opset >= AXES_ARE_INPUT else []
    if axes:
        _constant(body, "pooled.axes", np.array([1], np.int64))
    told: dict[str, Any] = {} if axes else {"axes": [1]}
    body.node.extend(
        [
            helper.make_node("Cast", [mask], ["pooled.mask"], name="pooled.mask", to=TensorProto.INT64),
            helper.make_node("ReduceSum", ["pooled.mask", *axes], ["pooled.count"], name="pooled.count", **told),
            helper.make_node("Sub", ["pooled.count", "pooled.one"], ["pooled.last"], name="pooled.last"),
            helper.make_node("GatherND", [tokens, "pooled.last"], [POOLED], name=POOLED, batch_dims=1),
        ]
    )
