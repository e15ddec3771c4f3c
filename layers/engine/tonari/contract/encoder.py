"""``encoder.json``: what lies beside a graph in the bucket, as it is written."""

from __future__ import annotations

import json
from typing import TypeAlias

import msgspec

from tonari.contract.forms import convert
from tonari.errors import InvalidEncoderError

Colour: TypeAlias = tuple[int, int, int]
Triple: TypeAlias = tuple[float, float, float]


class Output(msgspec.Struct, frozen=True):
    """Which of the graph's outputs is the embedding, float32 ``(batch, dimensions)``."""

    name: str


class RawInput(msgspec.Struct, frozen=True):
    """Name, type and layout of the graph's input; height and width in pixels."""

    name: str
    dtype: str
    layout: str
    height: int
    width: int


class RawPreprocessing(msgspec.Struct, frozen=True):
    """How a picture is prepared in format 1: resized to its shortest edge, the exact centre cut out."""

    version: int
    shortest_edge: int
    resample: str
    background: Colour


class RawEncoder(msgspec.Struct, frozen=True):
    """Format 1: raw pixels, uint8 NHWC."""

    format: int
    name: str
    input: RawInput
    preprocessing: RawPreprocessing
    output: Output
    dimensions: int
    metric: str


class Input(RawInput, frozen=True, kw_only=True):
    """The graph's input: order of the channels; for float32 ``(value / 255 - mean) / std``."""

    channels: str
    mean: Triple | None = None
    std: Triple | None = None


class Resize(msgspec.Struct, frozen=True):
    """Either the shortest edge, or height and width whatever the aspect; in pixels."""

    shortest_edge: int | None = None
    height: int | None = None
    width: int | None = None


class Preprocessing(msgspec.Struct, frozen=True):
    """How a picture is prepared in format 2: resized, then the centre cut out at whole pixels.

    Half a pixel at the place of the cut is rounded ``down`` or to the ``even`` side.
    """

    version: int
    resize: Resize
    resample: str
    background: Colour
    cut: str = "down"


class FramedEncoder(msgspec.Struct, frozen=True):
    """Format 2: says all of how a picture becomes the graph's input."""

    format: int
    name: str
    input: Input
    preprocessing: Preprocessing
    output: Output
    dimensions: int
    metric: str


class _Version(msgspec.Struct, frozen=True):
    version: int


class _Versions(msgspec.Struct, frozen=True):
    format: int
    preprocessing: _Version


FORMATS: dict[tuple[int, int], type[RawEncoder | FramedEncoder]] = {(1, 1): RawEncoder, (2, 2): FramedEncoder}
"""By format and version of the preprocessing."""


def read_encoder_file(data: bytes) -> RawEncoder | FramedEncoder:
    """Read ``encoder.json``; members that are not declared here are passed over.

    Raises
    ------
    InvalidEncoderError
        If it is no JSON, a member is missing or of another type, or its format is another version's.
    """
    try:
        raw = json.loads(data)
        said = convert(raw, _Versions, strict=False)
        found = FORMATS.get((said.format, said.preprocessing.version))
        if found is None:
            reads = " and ".join(f"format {known} with preprocessing {its}" for known, its in FORMATS)
            raise InvalidEncoderError(
                f"encoder.json has format {said.format} and preprocessing {said.preprocessing.version}; this version "
                f"reads {reads}: update one of them."
            )
        file = convert(raw, found, strict=False)
    except (ValueError, RecursionError) as error:
        raise InvalidEncoderError(f"encoder.json is not of the documented form: {error}.") from error
    if file.metric != "cosine":
        raise InvalidEncoderError("encoder.json must say metric cosine.")
    if file.dimensions < 1:
        raise InvalidEncoderError(f"encoder.json has dimensions {file.dimensions}; at least 1 is needed.")
    return file
