"""A graph of a text or joint model, read and made ready: one half cut out where it has both, float32 at its ends."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import onnx

from tonari.contract.encoder import MODEL
from tonari.encoders.onnx import TensorInfo, graph_signature
from tonari.errors import InvalidEncoderError
from tonari_tools.models.model_file import Loaded, find_files, load_model
from tonari_tools.models.texts.float_ends import has_half_ends, with_float32_ends
from tonari_tools.models.texts.halves import cut_out
from tonari_tools.models.texts.text_ends import IDS, MASK, TYPES

MOST_READ = 2_000_000_000
"""Bytes of a graph that is read: an ONNX file cannot have more. What a function can hold is less."""
PIXELS = "pixel_values"
PICTURE_OUTPUT, TEXT_OUTPUT = "image_embeds", "text_embeds"


@dataclass(frozen=True, slots=True)
class Ends:
    """Inputs and outputs of a graph."""

    inputs: tuple[TensorInfo, ...]
    outputs: tuple[TensorInfo, ...]


def look_at(path: Path) -> onnx.ModelProto | None:
    """Read a graph without weights that lie elsewhere; None if it cannot be read."""
    try:
        return onnx.load(str(path), load_external_data=False) if path.stat().st_size <= MOST_READ else None
    except Exception:  # noqa: BLE001  protobuf's own; who reads it in earnest says what is wrong
        return None


def inputs_of(model: onnx.ModelProto) -> set[str]:
    """Name what a graph is given."""
    constants = {tensor.name for tensor in model.graph.initializer}
    return {port.name for port in model.graph.input} - constants


def with_single_ends(loaded: Loaded) -> Loaded:
    """Make float16 ends float32."""
    model = onnx.load_from_string(loaded.data)
    if not has_half_ends(model):
        return loaded
    data = with_float32_ends(model).SerializeToString(deterministic=True)
    return dataclasses.replace(loaded, data=data, changed=True)


def picture_half(loaded: Loaded) -> Loaded:
    """Cut the half for pictures out of a graph of both, with float32 ends."""
    return _half(loaded, PICTURE_OUTPUT, {PIXELS})


def text_half(loaded: Loaded) -> Loaded:
    """Cut the half for texts out of a graph of both, with float32 ends."""
    return _half(loaded, TEXT_OUTPUT, {IDS, MASK, TYPES})


def _half(loaded: Loaded, output: str, inputs: set[str]) -> Loaded:
    data = cut_out(onnx.load_from_string(loaded.data), output, inputs)
    operators = len(onnx.load_from_string(data).graph.node)
    read = dataclasses.replace(loaded.read, operators=operators)
    return with_single_ends(dataclasses.replace(loaded, data=data, read=read, changed=True))


def load_texts(path: Path, *, whole: bool) -> Loaded:
    """Read the graph for texts; ``whole`` says that it takes pictures too.

    Raises
    ------
    InvalidEncoderError
        If it cannot be used, or not be parted.
    """
    loaded = load_model(find_files(path, None, MOST_READ).path, MOST_READ)
    return text_half(loaded) if whole else with_single_ends(loaded)


@contextmanager
def on_disk(files: Mapping[str, bytes]) -> Iterator[dict[str, Path]]:
    """Write files into a passing folder; gives their paths by name."""
    with TemporaryDirectory() as folder:
        paths = {name: Path(folder, name) for name in files}
        for name, data in files.items():
            paths[name].write_bytes(data)
        yield paths


def ends_of(data: bytes) -> Ends:
    """Name inputs and outputs of a graph.

    Raises
    ------
    InvalidEncoderError
        If it does not load.
    """
    with on_disk({MODEL: data}) as paths:
        try:
            return Ends(*graph_signature(paths[MODEL]))
        except InvalidEncoderError as error:
            raise InvalidEncoderError(
                f"{error.detail}: export it with operators and an opset that this version of onnxruntime has."
            ) from error
