"""What a model says of itself -> its ``encoder.json``, each decision with where it comes from."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tonari.encoders.onnx import TensorInfo
from tonari.errors import InvalidEncoderError
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
from tonari_tools.models.signature import Input, choose_input, choose_output

HUGGINGFACE_KEYS = frozenset(
    {"size", "crop_size", "resample", "image_mean", "image_std", "do_center_crop", "do_normalize", "do_rescale"}
)
WHITE = [255, 255, 255]


@dataclass(frozen=True, slots=True)
class Detected:
    """An encoder as it was made out.

    Parameters
    ----------
    config
        Bytes of ``encoder.json``.
    found
        Per decision, what it rests on.
    """

    config: bytes
    found: Mapping[str, str]


def detect(
    files: ModelFiles, read: Read, inputs: Sequence[TensorInfo], outputs: Sequence[TensorInfo], sha256: str
) -> Detected:
    """Make an ``encoder.json`` for a model, or take the one that was given.

    Looked at in this order: ``encoder.json``, the model's own metadata, ``preprocessor_config.json``, timm's
    ``pretrained_cfg``, the shape and type of the input.

    Parameters
    ----------
    sha256
        Of the model (hex), recorded.

    Raises
    ------
    InvalidEncoderError
        If something is missing or cannot be done.
    """
    if files.encoder is not None:
        return Detected(files.encoder, dict.fromkeys(("input", "framing", "values", "output"), "encoder.json"))
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
        "framing": said.describe_framing(),
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
    return Detected((json.dumps(config, indent=2) + "\n").encode(), found)


def _name(files: ModelFiles) -> str:
    architecture = files.config and files.config.get("architecture")
    stem = files.path.stem
    return str(architecture or (files.path.resolve().parent.name if stem == "model" else stem))


def _first(files: ModelFiles, read: Read) -> Preprocessing | None:
    """Read the first source that says how pictures are prepared."""
    for source, kind, raw in _sources(files, read):
        try:
            return read_huggingface(raw, source) if kind == "huggingface" else read_timm(raw, source)
        except UnusableError as error:
            raise InvalidEncoderError(f"{source} {error}. Say what to do instead in --config encoder.json.") from error
        except (TypeError, ValueError, OverflowError, ZeroDivisionError) as error:
            raise InvalidEncoderError(
                f"{source} is not of the usual form ({error}): give --config encoder.json."
            ) from error
    return None


def _sources(files: ModelFiles, read: Read) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
    metadata = {name: _decoded(value) for name, value in read.metadata.items()}
    inner = metadata.get("preprocessor_config")
    if isinstance(inner, dict):
        yield "preprocessor_config in the model's metadata", "huggingface", inner
    elif "size" in metadata and metadata.keys() & (HUGGINGFACE_KEYS - {"size"}):
        yield "the model's metadata", "huggingface", metadata
    if files.preprocessor is not None:
        yield "preprocessor_config.json", "huggingface", files.preprocessor
    timm = find_pretrained_cfg(files.config or {})
    if timm is not None:
        yield "timm's pretrained_cfg in config.json", "timm", timm
    timm = metadata.get("pretrained_cfg")
    if isinstance(timm, dict):
        yield "timm's pretrained_cfg in the model's metadata", "timm", timm


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
    if given.dtype == "uint8":
        source = f"nothing says; {given.dtype} {given.layout}: raw RGB, {framing}"
    else:
        source = f"nothing says; {given.dtype} {given.layout}: mean and deviation of ImageNet, {framing}"
    return Preprocessing(
        source=source,
        size=given.size,
        resize={"shortest_edge": high} if square else {"height": high, "width": wide},
        resample="bicubic",
        mean=IMAGENET_MEAN,
        std=IMAGENET_STD,
    )
