"""``encoder.json``: what lies beside a graph in the bucket, as it is written."""

from __future__ import annotations

import json
import re
from typing import Annotated, Final, Literal, TypeAlias

import msgspec
from msgspec import Meta

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
    """How a picture is prepared in format 2: resized, then the centre cut out.

    That is cut out at whole pixels, half a one rounded ``down`` or to the ``even`` side, or ``exact`` as in format 1.
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


MODEL: Final = "model.onnx"
CONFIG: Final = "encoder.json"
Pooling = Literal["none", "mean", "first", "last"]
MOST_TOKENS: Final = 8_192
FORMATS_OF_PARTS: Final = 2
"""Version of the preprocessing of pictures in format 3."""


class PicturePart(msgspec.Struct, frozen=True):
    """Of format 3: the graph of pictures, a file beside ``encoder.json``; the rest as in format 2."""

    graph: str
    input: Input
    preprocessing: Preprocessing
    output: Output


class TextInputs(msgspec.Struct, frozen=True):
    """Names of the graph's inputs, integers ``(batch, tokens)``; None for what it does not take."""

    ids: str
    mask: str | None = None
    types: str | None = None


class Prefixes(msgspec.Struct, frozen=True):
    """What stands before a text, as the model was trained."""

    query: str = ""
    passage: str = ""


class TextPart(msgspec.Struct, frozen=True):
    """Of format 3: the graph of texts and its tokenizer, files beside ``encoder.json``.

    Parameters
    ----------
    tokenizer
        A file of the library ``tokenizers``.
    output
        Float32: ``(batch, dimensions)`` if the graph pools, else ``(batch, tokens, dimensions)``.
    pooling
        How the vectors of the tokens become one: not at all, their mean, the first, the last.
    max_tokens
        Of a text, with those that the tokenizer adds; the rest is left out.
    pad_to
        For graphs that take one length alone: to how many tokens every text is filled up.
    lower
        Whether texts are turned to lower case first, where the tokenizer does not do so itself.
    """

    graph: str
    tokenizer: str
    inputs: TextInputs
    output: Output
    max_tokens: Annotated[int, Meta(ge=1, le=MOST_TOKENS)]
    pooling: Pooling = "none"
    pad_to: Annotated[int, Meta(ge=1, le=MOST_TOKENS)] | None = None
    prefixes: Prefixes = Prefixes()
    lower: bool = False


class PartedEncoder(msgspec.Struct, frozen=True):
    """Format 3: pictures, texts, or both in one space."""

    format: int
    name: str
    dimensions: int
    metric: str
    image: PicturePart | None = None
    text: TextPart | None = None

    @property
    def files(self) -> tuple[str, ...]:
        """Names of the files beside ``encoder.json``."""
        named = [self.image.graph] if self.image else []
        return (*named, self.text.graph, self.text.tokenizer) if self.text else tuple(named)


EncoderFile: TypeAlias = RawEncoder | FramedEncoder | PartedEncoder
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}\.(onnx|json)")


class _Version(msgspec.Struct, frozen=True):
    version: int


class _Versions(msgspec.Struct, frozen=True):
    format: int
    preprocessing: _Version = _Version(2)


FORMATS: Final[dict[tuple[int, int], type[EncoderFile]]] = {
    (1, 1): RawEncoder,
    (2, 2): FramedEncoder,
    (3, 2): PartedEncoder,
}
"""By format and version of the preprocessing."""


def read_encoder_file(data: bytes) -> EncoderFile:
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
    if isinstance(file, PartedEncoder):
        _check_parts(file)
    return file


def files_of(file: EncoderFile) -> tuple[str, ...]:
    """Name the files that lie beside ``encoder.json``."""
    return file.files if isinstance(file, PartedEncoder) else (MODEL,)


def _check_parts(file: PartedEncoder) -> None:
    if file.image is None and file.text is None:
        raise InvalidEncoderError("encoder.json of format 3 has neither 'image' nor 'text': one is needed at least.")
    if file.image is not None and file.image.preprocessing.version != FORMATS_OF_PARTS:
        raise InvalidEncoderError(
            f"encoder.json has preprocessing {file.image.preprocessing.version} of its pictures; this version reads "
            f"{FORMATS_OF_PARTS}: update one of them."
        )
    if file.text and file.text.pad_to is not None and file.text.pad_to < file.text.max_tokens:
        raise InvalidEncoderError(
            f"encoder.json fills texts up to {file.text.pad_to} tokens ('pad_to') and lets them have "
            f"{file.text.max_tokens} ('max_tokens'): the former must not be less."
        )
    wrong = [name for name in file.files if not _NAME.fullmatch(name) or name == CONFIG]
    if wrong:
        raise InvalidEncoderError(
            f"encoder.json names a file {wrong[0]!r:.80}: names have letters, digits and _ . - only, end in .onnx or "
            ".json, and have 64 characters before that at most."
        )
    if len({*file.files}) < len(file.files):
        raise InvalidEncoderError("encoder.json names one file for two purposes: give each its own.")
