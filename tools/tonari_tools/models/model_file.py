"""A model on disk and the settings beside it, and what can be told of it without running it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import onnx
from onnx.defs import SchemaError, get_schema

from tonari.errors import InvalidEncoderError
from tonari_tools.models.external_data import ONE_FILE, external_tensors, merge_external_data, on_one_line
from tonari_tools.models.foreign_files import tell_content, tell_folder, tell_name
from tonari_tools.models.published.settings_files import (
    ENCODER,
    Beside,
    find_file,
    is_encoder,
    is_there,
    look_beside,
    name_beside,
    read_bytes,
    rooms_of,
)

MOST_BYTES = 400_000_000
"""Length of a model, in bytes: a function holds it in memory and in 512 MB of temporary storage."""
USUAL = ("model.onnx", "onnx/model.onnx")
PICTURES_ALONE = ("vision_model.onnx", "onnx/vision_model.onnx")
"""The part for pictures of a model that takes text too, as the Hugging Face hub lays it out."""


@dataclass(frozen=True, slots=True)
class ModelFiles:
    """A model and what lies beside it.

    Parameters
    ----------
    path
        Of the ONNX file.
    encoder
        Bytes of the ``encoder.json`` that was given or lies beside it.
    given
        Path of that file, or of other settings that were given.
    beside
        Other settings there; with an ``encoder.json`` they are named, and none is read.
    """

    path: Path
    encoder: bytes | None
    given: Path | None
    beside: Beside


def find_files(model: Path, config: Path | None = None, most: int = MOST_BYTES) -> ModelFiles:
    """Find the ONNX file and the settings beside it; nothing of the model is read yet but its first bytes.

    Parameters
    ----------
    model
        The file, or a folder with one, as Hugging Face lays them out too (``onnx/model.onnx`` under the settings).
    config
        An ``encoder.json`` elsewhere, or a file with other settings.
    most
        Bytes of the ONNX file.

    Raises
    ------
    InvalidEncoderError
        If there is no such file, or more than one, or it is no ONNX file, or is over ``most``, or settings
        are not JSON.
    """
    path = _find(model) if _is_folder(model) else model
    if not is_there(path):
        raise InvalidEncoderError(f"{path} is not there: give an .onnx file, or a folder with one.")
    try:
        size, foreign = path.stat().st_size, tell_content(path)
    except OSError as error:
        raise InvalidEncoderError(f"{path} cannot be read: {error.strerror}.") from error
    if foreign:
        raise InvalidEncoderError(f"{path} {foreign}.")
    if size > most:
        told = tell_name(path)
        raise InvalidEncoderError(
            f"{path} {told}."
            if told
            else f"{path} has {size:,} bytes, the limit is {most:,}: take a smaller model, or store its weights "
            "smaller."
        )
    encoder = config or find_file(rooms_of(path), ENCODER)
    if encoder is None:
        return ModelFiles(path, None, None, look_beside(path))
    said = read_bytes(encoder)
    if config is None or is_encoder(said):
        return ModelFiles(path, said, encoder, name_beside(path, encoder))
    return ModelFiles(path, None, encoder, look_beside(path))


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except (OSError, ValueError):
        return False


def _find(folder: Path) -> Path:
    usual = next((folder / name for name in (*PICTURES_ALONE, *USUAL) if (folder / name).is_file()), None)
    if usual:
        return usual
    found = [one for room in (folder, folder / "onnx") for one in _onnx_files(room)]
    if len(found) == 1:
        return found[0]
    if not found and (told := tell_name(folder)):
        raise InvalidEncoderError(f"{folder} {told}.")
    if not found and (told := tell_folder(_names(folder))):
        raise InvalidEncoderError(f"{folder} holds no .onnx file: {told}.")
    names = ", ".join(str(path.relative_to(folder)) for path in found) or "none"
    raise InvalidEncoderError(f"{folder} should hold one .onnx file, it holds {names}: give the file itself.")


def _onnx_files(folder: Path) -> list[Path]:
    return [folder / name for name in _names(folder) if name.lower().endswith(".onnx")]


def _names(folder: Path) -> list[str]:
    try:
        return sorted(one.name for one in folder.iterdir())
    except OSError:
        return []


STANDARD = frozenset({"", "ai.onnx", "ai.onnx.ml"})
"""Operator domains that are ONNX's own."""


@dataclass(frozen=True, slots=True)
class Read:
    """A sound file: the version of ONNX's operators, how many nodes the graph has, and ``metadata_props``."""

    opset: int
    operators: int
    metadata: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Loaded:
    """A model as one file: its bytes, what can be told of it, and the files that were put into it.

    Parameters
    ----------
    merged
        Names of the files with weights, and how many tensors came from each.
    changed
        Whether more was done to it than that: a part was cut out of a graph, or its ends became float32.
    """

    data: bytes
    read: Read
    merged: Mapping[str, int]
    changed: bool = False


def load_model(path: Path, most: int = MOST_BYTES) -> Loaded:
    """Read an ONNX file, with the weights that it keeps in other files, ``most`` bytes in all.

    Raises
    ------
    InvalidEncoderError
        As :func:`read_model` does, or if weights are missing, or too many.
    """
    data = read_bytes(path)
    try:
        model = _parse(data)
    except InvalidEncoderError as error:
        if told := tell_name(path):
            raise InvalidEncoderError(f"{path} {told}.") from error
        raise
    with _named_damage():
        external = external_tensors(_tensors(model))
        if not external:
            return Loaded(data, _inspect(model), {})
        merged = merge_external_data(external, path.parent, most - len(data))
        return Loaded(model.SerializeToString(deterministic=True), _inspect(model), merged)


def read_model(data: bytes) -> Read:
    """Read an ONNX file as far as it can be without running it.

    Raises
    ------
    InvalidEncoderError
        If it is cut off or no ONNX file, has its weights elsewhere, or uses operators that are not ONNX's own.
    """
    model = _parse(data)
    with _named_damage():
        if external := external_tensors(_tensors(model)):
            raise InvalidEncoderError(
                f"The model keeps {len(external)} tensors ({external[0].name}, …) in another file: {ONE_FILE}."
            )
        return _inspect(model)


@contextmanager
def _named_damage() -> Iterator[None]:
    """Say of a file that is read as one of ONNX, but has names that are no text, that it is damaged."""
    try:
        yield
    except (AttributeError, TypeError, ValueError, OverflowError) as error:
        raise InvalidEncoderError(
            f"The model is damaged ({type(error).__name__}): transfer or export it again."
        ) from error


def _parse(data: bytes) -> onnx.ModelProto:
    try:
        model = onnx.load_from_string(data)
    except Exception as error:  # protobuf's own, which onnx lets through
        raise InvalidEncoderError(
            f"The model is no ONNX file, or ends early ({len(data):,} bytes): transfer or export it again."
        ) from error
    if not model.graph.node or not model.graph.output or not model.opset_import:
        raise InvalidEncoderError(
            f"The model has no graph, or no operator versions ({len(data):,} bytes): it ends early, or is no ONNX file."
        )
    return model


def _inspect(model: onnx.ModelProto) -> Read:
    opset = max((one.version for one in model.opset_import if one.domain in {"", "ai.onnx"}), default=0)
    _check_operators(model, opset)
    metadata = {prop.key: prop.value for prop in model.metadata_props}
    if not all(isinstance(text, str) for pair in metadata.items() for text in pair):
        raise ValueError("metadata that are no text")
    return Read(opset, len(model.graph.node), metadata)


def _check_operators(model: onnx.ModelProto, opset: int) -> None:
    own = {(function.domain, function.name) for function in model.functions}
    for node in (node for body in _bodies(model) for node in body.node):
        if (node.domain, node.op_type) in own:
            continue
        kind, domain = on_one_line(node.op_type), on_one_line(node.domain)
        if node.domain not in STANDARD:
            raise InvalidEncoderError(
                f"The model uses {kind} of the operator domain {domain}: only ONNX's own operators run "
                "everywhere; export it without optimisations and extensions."
            )
        try:
            get_schema(node.op_type, opset, "" if node.domain == "ai.onnx" else node.domain)
        except SchemaError as error:
            if node.domain == "ai.onnx.ml":
                continue
            raise InvalidEncoderError(
                f"The model uses the operator {kind}, which opset {opset} of ONNX {onnx.__version__} does not "
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
