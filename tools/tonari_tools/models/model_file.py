"""A model on disk and the settings beside it, and what can be told of it without running it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import onnx
from onnx import TensorProto
from onnx.defs import SchemaError, get_schema

from tonari.errors import InvalidEncoderError

MOST_BYTES = 400_000_000
"""Length of a model, in bytes: a function holds it in memory and in 512 MB of temporary storage."""
ENCODER, PREPROCESSOR, CONFIG = "encoder.json", "preprocessor_config.json", "config.json"


@dataclass(frozen=True, slots=True)
class ModelFiles:
    """A model and what lies beside it.

    Parameters
    ----------
    path
        Of the ONNX file.
    encoder
        Bytes of the ``encoder.json`` that was given or lies beside it.
    preprocessor, config
        Contents of ``preprocessor_config.json`` and ``config.json``.
    """

    path: Path
    encoder: bytes | None
    preprocessor: dict[str, Any] | None
    config: dict[str, Any] | None


def find_files(model: Path, encoder: Path | None = None) -> ModelFiles:
    """Find the ONNX file and the settings beside it; nothing of the model is read yet.

    Parameters
    ----------
    model
        The file, or a folder with one, as Hugging Face lays them out too (``onnx/model.onnx`` under the settings).
    encoder
        An ``encoder.json`` elsewhere.

    Raises
    ------
    InvalidEncoderError
        If there is no such file, or more than one, or it is over :data:`MOST_BYTES`, or settings are not JSON.
    """
    path = _find(model) if model.is_dir() else model
    if not path.is_file():
        raise InvalidEncoderError(f"{path} is not there: give an .onnx file, or a folder with one.")
    size = path.stat().st_size
    if size > MOST_BYTES:
        raise InvalidEncoderError(
            f"{path} has {size:,} bytes, the limit is {MOST_BYTES:,}: take a smaller model, or store its "
            "weights smaller."
        )
    rooms = [path.parent, *([path.parent.parent] if path.parent.name == "onnx" else [])]
    said = encoder or _beside(rooms, ENCODER)
    return ModelFiles(path, _read(said) if said else None, _json(rooms, PREPROCESSOR), _json(rooms, CONFIG))


def _find(folder: Path) -> Path:
    for usual in (folder / "model.onnx", folder / "onnx" / "model.onnx"):
        if usual.is_file():
            return usual
    found = sorted(folder.glob("*.onnx"))
    if len(found) != 1:
        names = ", ".join(path.name for path in found) or "none"
        raise InvalidEncoderError(f"{folder} should hold one .onnx file, it holds {names}: give the file itself.")
    return found[0]


def _beside(rooms: list[Path], name: str) -> Path | None:
    return next((room / name for room in rooms if (room / name).is_file()), None)


def _json(rooms: list[Path], name: str) -> dict[str, Any] | None:
    path = _beside(rooms, name)
    if path is None:
        return None
    try:
        raw = json.loads(_read(path))
    except ValueError as error:
        raise InvalidEncoderError(f"{path} is not JSON ({error}): mend it, or take it away.") from error
    if not isinstance(raw, dict):
        raise InvalidEncoderError(f"{path} is not a JSON object: mend it, or take it away.")
    return raw


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise InvalidEncoderError(f"{path} cannot be read: {error.strerror}.") from error


STANDARD = frozenset({"", "ai.onnx", "ai.onnx.ml"})
"""Operator domains that are ONNX's own."""


@dataclass(frozen=True, slots=True)
class Read:
    """A sound file: the version of ONNX's operators, how many nodes the graph has, and ``metadata_props``."""

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
    for node in (node for body in _bodies(model) for node in body.node):
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


def _bodies(model: onnx.ModelProto) -> Iterator[onnx.GraphProto | onnx.FunctionProto]:
    """Give the graph and the functions, also the graphs within graphs."""
    bodies: list[onnx.GraphProto | onnx.FunctionProto] = [model.graph, *model.functions]
    for body in bodies:
        yield body
        for attribute in _attributes(body):
            bodies += [attribute.g] if attribute.HasField("g") else []
            bodies += attribute.graphs


def _attributes(body: onnx.GraphProto | onnx.FunctionProto) -> Iterator[onnx.AttributeProto]:
    return (attribute for node in body.node for attribute in node.attribute)


def _tensors(model: onnx.ModelProto) -> Iterator[onnx.TensorProto]:
    """Give all constants, also those in attributes and in graphs within graphs."""
    for body in _bodies(model):
        if isinstance(body, onnx.GraphProto):
            yield from body.initializer
        for attribute in _attributes(body):
            yield from [attribute.t] if attribute.HasField("t") else []
            yield from attribute.tensors
