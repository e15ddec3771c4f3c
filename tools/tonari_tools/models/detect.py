"""What a model says of itself -> its ``encoder.json``, each decision with where it comes from."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tonari.encoders.onnx import TensorInfo
from tonari.errors import InvalidEncoderError
from tonari.images.tensor import DType, Layout
from tonari_tools.models.model_file import ModelFiles, Read
from tonari_tools.models.preprocessing import (
    IMAGENET_MEAN,
    IMAGENET_STD,
    Preprocessing,
    UnusableError,
    find_pretrained_cfg,
    read_huggingface,
    read_timm,
)

HUGGINGFACE_KEYS = frozenset(
    {"size", "crop_size", "resample", "image_mean", "image_std", "do_center_crop", "do_normalize", "do_rescale"}
)
WHITE = [255, 255, 255]
Reader = Callable[[Mapping[str, Any], str], Preprocessing]
"""Reads the settings of a source; it is given their content and the source's name."""
INPUTS = ("image", "pixel_values", "input")
OUTPUTS = ("embedding", "image_embeds", "pooler_output")
DTYPES: dict[str, DType] = {"tensor(uint8)": "uint8", "tensor(float)": "float32"}
CLASSES = frozenset({1000, 1001, 21_841, 21_843})
"""Lengths that say classes of ImageNet rather than an embedding."""


def detect(
    files: ModelFiles, read: Read, inputs: Sequence[TensorInfo], outputs: Sequence[TensorInfo], sha256: str
) -> tuple[bytes, Mapping[str, str]]:
    """Make an ``encoder.json`` for a model, or take the one that was given.

    Looked at in this order: ``encoder.json``, the model's own metadata, ``preprocessor_config.json``, timm's
    ``pretrained_cfg``, the shape and type of the input.

    Parameters
    ----------
    sha256
        Of the model (hex), recorded.

    Returns
    -------
    Its bytes, and per decision, what it rests on.

    Raises
    ------
    InvalidEncoderError
        If something is missing or cannot be done.
    """
    if files.encoder is not None:
        return files.encoder, dict.fromkeys(("input", "framing", "values", "output"), "encoder.json")
    given, output = choose_input(inputs), choose_output(outputs, read.metadata.get("embedding_output"))
    said = _first(files, read)
    if said is None:
        said = _infer(given)
    elif given.size not in {None, said.size}:
        raise InvalidEncoderError(
            f"{said.source} says {said.size[0]} x {said.size[1]} pixels, the graph takes "
            f"{given.size and ' x '.join(map(str, given.size))}: mend one, or give --config encoder.json."
        )
    raw = given.dtype == "uint8"
    found = {
        "input": given.reason,
        "framing": "; ".join((said.source, *said.remarks)),
        "values": "the graph takes uint8: raw RGB" if raw else said.source,
        "output": output.reason,
    }
    scale = {} if raw else {"mean": list(said.mean), "std": list(said.std)}
    config: dict[str, Any] = {
        "format": 2,
        "name": read.metadata.get("name") or _name(files),
        "input": {
            "name": given.name,
            "dtype": given.dtype,
            "layout": given.layout,
            "channels": said.channels,
            "height": said.size[0],
            "width": said.size[1],
            **scale,
        },
        "preprocessing": {
            "version": 2,
            "resize": dict(said.resize),
            "resample": said.resample,
            "background": WHITE,
        },
        "output": {"name": output.name},
        "dimensions": output.dimensions,
        "metric": "cosine",
        "found": found,
        "model_sha256": sha256,
        **{name: read.metadata[name] for name in ("source", "licence", "license") if name in read.metadata},
    }
    return (json.dumps(config, indent=2) + "\n").encode(), found


def _name(files: ModelFiles) -> str:
    architecture = files.config and files.config.get("architecture")
    stem = files.path.stem
    return str(architecture or (files.path.resolve().parent.name if stem == "model" else stem))


def _first(files: ModelFiles, read: Read) -> Preprocessing | None:
    """Read the first source that says how pictures are prepared."""
    for source, reader, raw in _sources(files, read):
        try:
            return reader(raw, source)
        except UnusableError as error:
            raise InvalidEncoderError(f"{source} {error}. Say what to do instead in --config encoder.json.") from error
        except (TypeError, ValueError, OverflowError, ZeroDivisionError) as error:
            raise InvalidEncoderError(
                f"{source} is not of the usual form ({error}): give --config encoder.json."
            ) from error
    return None


def _sources(files: ModelFiles, read: Read) -> Iterator[tuple[str, Reader, Mapping[str, Any]]]:
    metadata = {name: _decoded(value) for name, value in read.metadata.items()}
    inner = metadata.get("preprocessor_config")
    if isinstance(inner, dict):
        yield "preprocessor_config in the model's metadata", read_huggingface, inner
    elif "size" in metadata and metadata.keys() & (HUGGINGFACE_KEYS - {"size"}):
        yield "the model's metadata", read_huggingface, metadata
    if files.preprocessor is not None:
        yield "preprocessor_config.json", read_huggingface, files.preprocessor
    timm = find_pretrained_cfg(files.config or {})
    if timm is not None:
        yield "timm's pretrained_cfg in config.json", read_timm, timm
    timm = metadata.get("pretrained_cfg")
    if isinstance(timm, dict):
        yield "timm's pretrained_cfg in the model's metadata", read_timm, timm


def _decoded(value: str) -> Any:
    try:
        return json.loads(value)
    except ValueError:
        return value


def _infer(given: Input) -> Preprocessing:
    if given.size is None:
        raise InvalidEncoderError(
            f"The input {given.name} has an open height or width, and nothing says how large pictures should be: put "
            "its preprocessor_config.json beside it, or give --config encoder.json."
        )
    high, wide = given.size
    square = high == wide
    framing = "shortest edge to its size, centre cut" if square else "not square: squashed"
    values = "raw RGB" if given.dtype == "uint8" else "mean and deviation of ImageNet"
    return Preprocessing(
        source=f"nothing says; {given.dtype} {given.layout}: {values}, {framing}",
        size=given.size,
        resize={"shortest_edge": high} if square else {"height": high, "width": wide},
        resample="bicubic",
        mean=IMAGENET_MEAN,
        std=IMAGENET_STD,
    )


@dataclass(frozen=True, slots=True)
class Input:
    """The input that takes the picture; height and width, None where the graph leaves them open; why this one."""

    name: str
    dtype: DType
    layout: Layout
    size: tuple[int, int] | None
    reason: str


@dataclass(frozen=True, slots=True)
class Output:
    """The output that is the embedding, its dimensions, and why this one."""

    name: str
    dimensions: int
    reason: str


def choose_input(tensors: Sequence[TensorInfo]) -> Input:
    """Choose the picture's input, and make out its layout.

    Raises
    ------
    InvalidEncoderError
        If there are others beside it, or it takes no picture.
    """
    if len(tensors) != 1:
        listed = ", ".join(describe(tensor) for tensor in tensors) or "none"
        known = [tensor.name for tensor in tensors if tensor.name in INPUTS]
        remedy = f"export the part from {known[0]} to the embedding alone" if known else "export an image encoder"
        raise InvalidEncoderError(
            f"The model has {len(tensors)} inputs ({listed}), one picture is what it gets: {remedy}."
        )
    (tensor,) = tensors
    if tensor.kind not in DTYPES or len(tensor.shape) != 4:
        raise InvalidEncoderError(
            f"The input is {describe(tensor)}: pictures come as uint8 or float32 of four dimensions; export it so."
        )
    if tensor.shape[0] not in {None, 1}:
        raise InvalidEncoderError(
            f"The input {describe(tensor)} takes {tensor.shape[0]} pictures at once; views are encoded one by one: "
            "export it with a batch of 1, or an open one."
        )
    dtype = DTYPES[tensor.kind]
    layout, why = _layout(tensor, dtype)
    height, width = tensor.shape[2:] if layout == "NCHW" else tensor.shape[1:3]
    size = None if height is None or width is None else (height, width)
    known_name = f"named {tensor.name}" if tensor.name in INPUTS else "the only input"
    return Input(tensor.name, dtype, layout, size, f"{known_name}, {tensor.kind}, {why}")


def _layout(tensor: TensorInfo, dtype: DType) -> tuple[Layout, str]:
    first, last = tensor.shape[1] == 3, tensor.shape[3] == 3
    if first != last:
        return ("NCHW", "channels first") if first else ("NHWC", "channels last")
    if {tensor.shape[1], tensor.shape[3]} <= {3, None}:
        taken: Layout = "NCHW" if dtype == "float32" else "NHWC"
        return taken, f"channels not said, so {taken} as is usual for {dtype}"
    raise InvalidEncoderError(
        f"The input is {describe(tensor)}: no side has three channels; export it for RGB pictures."
    )


def choose_output(tensors: Sequence[TensorInfo], named: str | None) -> Output:
    """Choose the embedding: the one the model's metadata names, one of :data:`OUTPUTS`, else the first matrix.

    Raises
    ------
    InvalidEncoderError
        If no output is a float32 matrix of fixed width.
    """
    by_name = {tensor.name: tensor for tensor in tensors}
    if named and named not in by_name:
        raise InvalidEncoderError(f"The metadata names the output {named}, the graph has {', '.join(by_name)}.")
    usual = next((name for name in (named, *OUTPUTS) if name in by_name), None)
    tensor = by_name[usual] if usual else next((tensor for tensor in tensors if len(tensor.shape) == 2), None)
    listed = ", ".join(describe(tensor) for tensor in tensors)
    if tensor is None:
        raise InvalidEncoderError(
            f"No output is a matrix (batch, dimensions), the graph has {listed}: pool it in the graph."
        )
    reason = f"named {tensor.name}" if usual else "the first output of two dimensions"
    if tensor.kind != "tensor(float)" or len(tensor.shape) != 2:
        raise InvalidEncoderError(f"The output is {describe(tensor)}: an embedding is float32 (batch, dimensions).")
    dimensions = tensor.shape[1]
    if dimensions is None or dimensions < 1:
        raise InvalidEncoderError(
            f"The output {describe(tensor)} has an open dimension, an embedding a fixed one: export only the batch as "
            'dynamic, or say "dimensions" in --config encoder.json.'
        )
    if dimensions in CLASSES:
        reason += (
            f"; {dimensions} numbers look like the scores of a classifier: the layer before it is the better embedding"
        )
    return Output(tensor.name, dimensions, reason)


def describe(tensor: TensorInfo) -> str:
    """Say name, type and shape, for example ``image: tensor(uint8) [?, 224, 224, 3]``."""
    return f"{tensor.name}: {tensor.kind} [{', '.join('?' if size is None else str(size) for size in tensor.shape)}]"
