"""A backbone and what was learned -> the files of a new encoder, the map appended to the graph."""

from __future__ import annotations

import hashlib
import itertools
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from tonari.contract.encoder import CONFIG, PartedEncoder
from tonari.encoders.bundle import Bundle
from tonari.encoders.image import EncoderConfig
from tonari.errors import InvalidEncoderError
from tonari_tools.fit.lda import Projection
from tonari_tools.fit.metric_learning import Learned
from tonari_tools.fit.text_pooling import pool_in_graph
from tonari_tools.models.model_file import read_model
from tonari_tools.onnx.graph_writer import serialise

LEAST_OPSET = 7
AXES_ARE_INPUT = 18
"""Since this opset ``ReduceL2`` takes its axes as an input."""


def append_head(model: bytes, output: str, projection: Projection) -> tuple[bytes, str]:
    """Let a graph give ``l2(l2(output) @ matrix + offset)`` instead of one of its outputs.

    The matrix is stored in float16 and cast, which onnxruntime does once, at load; the arithmetic is float32.

    Parameters
    ----------
    model
        An ONNX graph with a float32 output ``(batch, F)``.
    output
        Its name. Other outputs stay.

    Returns
    -------
    The new graph and the name of its output, float32 ``(batch, D)``.

    Raises
    ------
    InvalidEncoderError
        If the graph is damaged, has no such output, or an opset that is too old.
    """
    opset = read_model(model).opset
    if opset < LEAST_OPSET:
        raise InvalidEncoderError(
            f"The graph is of opset {opset}, a head needs {LEAST_OPSET} or later: convert it with "
            "onnx.version_converter."
        )
    graph = onnx.load_model_from_string(model)
    place = next((i for i, given in enumerate(graph.graph.output) if given.name == output), None)
    if place is None:
        raise InvalidEncoderError(f"The graph has no output {output!r} to which a head could be appended.")
    taken = {name for node in graph.graph.node for name in (node.name, *node.input, *node.output)}
    for ports in (graph.graph.input, graph.graph.output, graph.graph.initializer, graph.graph.value_info):
        taken.update(port.name for port in ports)

    def new(wanted: str) -> str:
        numbered = (f"{wanted}.{number}" for number in itertools.count(2))
        name = next(name for name in itertools.chain([wanted], numbered) if name not in taken)
        taken.add(name)
        return name

    def constant(name: str, value: NDArray[Any]) -> str:
        graph.graph.initializer.append(numpy_helper.from_array(value, new(name)))
        return str(graph.graph.initializer[-1].name)

    def node(kind: str, *inputs: str, name: str, **attributes: Any) -> str:
        made = new(name)
        graph.graph.node.append(helper.make_node(kind, list(inputs), [made], name=made, **attributes))
        return made

    least = constant("head.least", np.array(1e-12, np.float32))
    axes = [constant("head.axes", np.array([1], np.int64))] if opset >= AXES_ARE_INPUT else []
    told = {} if axes else {"axes": [1]}

    def unit(vectors: str, name: str) -> str:
        length = node("ReduceL2", vectors, *axes, name=f"{name}.length", keepdims=1, **told)
        return node("Div", vectors, node("Max", length, least, name=f"{name}.divisor"), name=name)

    matrix = node("Cast", constant("head.matrix", projection.matrix), name="head.whole", to=TensorProto.FLOAT)
    offset = constant("head.offset", projection.offset)
    answer = unit(node("Gemm", unit(output, "head.given"), matrix, offset, name="head.projected"), "embedding.fit")
    shape: tuple[str, int] = ("batch", projection.dimensions)
    graph.graph.output[place].CopyFrom(helper.make_tensor_value_info(answer, TensorProto.FLOAT, shape))
    onnx.checker.check_model(graph, full_check=True)
    return serialise(graph), answer


METHOD = "shrunk LDA over all attributes and items, filled up by whitened PCA"
WITHOUT_LABELS = "PCA"
SUFFIX = "-fit"
DIGITS = 4


@dataclass(frozen=True, slots=True)
class Taught:
    """What a fit was made from, as ``encoder.json`` tells it.

    Parameters
    ----------
    backbone
        Id of the encoder to which the head was appended.
    views, items
        Of the sample.
    fit_views, held_out_views
        Of its parts.
    split_by
        Field whose hash divides them, empty for the id.
    attributes
        How many classes each has.
    seed
        Of all that was drawn.
    """

    backbone: str
    views: int
    items: int
    fit_views: int
    held_out_views: int
    split_by: str
    attributes: Mapping[str, int]
    seed: int


def derive(model: bytes, config: bytes, learned: Learned, taught: Taught) -> tuple[bytes, bytes]:
    """Append the head and say in ``encoder.json`` where it comes from; the same input gives the same bytes.

    Returns
    -------
    The bytes of ``model.onnx`` and of ``encoder.json``.

    Raises
    ------
    InvalidEncoderError
        If the graph does not take a head.
    """
    graph, output = append_head(model, EncoderConfig.parse(config).output_name, learned.projection)
    about = _about(config, learned, taught)
    about["output"] = {**about["output"], "name": output, "normalized": True}
    return graph, _written(about)


def derive_texts(bundle: Bundle, learned: Learned, taught: Taught) -> Bundle:
    """Pool in the graph for texts, append the head, and say in ``encoder.json`` where it comes from.

    Raises
    ------
    InvalidEncoderError
        If it is no encoder of texts alone, or its graph does not take a head.
    """
    file = bundle.about
    if not isinstance(file, PartedEncoder) or file.text is None or file.image is not None:
        raise InvalidEncoderError("A map of texts goes behind an encoder of texts alone.")
    pooled, name, mask = pool_in_graph(bundle.files[file.text.graph], file.text, file.dimensions)
    graph, output = append_head(pooled, name, learned.projection)
    about = _about(bundle.config, learned, taught)
    inputs = {**about["text"]["inputs"], "mask": mask}
    about["text"] = {**about["text"], "inputs": inputs, "output": {"name": output}, "pooling": "none"}
    if "sha256" in about:
        about["sha256"] = {**about["sha256"], file.text.graph: hashlib.sha256(graph).hexdigest()}
    return Bundle({**bundle.files, file.text.graph: graph, CONFIG: _written(about)})


def _about(config: bytes, learned: Learned, taught: Taught) -> dict[str, Any]:
    """Give ``encoder.json`` with name, dimensions and what the fit was made from; its output is still the old one."""
    about: dict[str, Any] = json.loads(config)
    about["name"] += SUFFIX
    about["dimensions"] = learned.projection.dimensions
    parameters = learned.parameters
    about["fit"] = {
        **asdict(taught),
        "method": METHOD if parameters else WITHOUT_LABELS,
        "parameters": asdict(parameters) if parameters else {},
        "figures": [
            {
                "of": f"{change.task} {change.name}",
                "before": round(change.before, DIGITS),
                "after": round(change.after, DIGITS),
                "interval": [round(change.low, DIGITS), round(change.high, DIGITS)],
            }
            for change in learned.changes
        ],
    }
    return about


def _written(about: Mapping[str, Any]) -> bytes:
    return (json.dumps(about, indent=2, ensure_ascii=False) + "\n").encode()


def backbone_of(config: bytes) -> str | None:
    """Tell from which encoder an encoder was fitted; None if from none."""
    found = json.loads(config).get("fit")
    return found["backbone"] if isinstance(found, dict) else None
