"""The encoder of pictures: an ONNX graph and its ``encoder.json``, which turn bytes into unit vectors."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, cast

import numpy as np
from numpy.typing import NDArray

from tonari.contract.encoder import (
    EncoderFile,
    FramedEncoder,
    PartedEncoder,
    PicturePart,
    RawEncoder,
    read_encoder_file,
)
from tonari.encoders.onnx import Session
from tonari.encoders.port import EncodedTexts, Modality, Role
from tonari.errors import InvalidEncoderError, UnencodableImageError, UnsupportedQueryError
from tonari.images.decode import prepare
from tonari.images.framing import Framing, Region, Resample, Rounding
from tonari.images.memory import MemoryBudget
from tonari.images.tensor import RAW, Channels, DType, Layout, TensorForm, to_tensor

DECODED_AT_ONCE = 400_000_000
"""Bytes that the threads of an encoder may fill with pictures being decoded: two of the dearest, or dozens of the usual
ones. Whatever the memory of a function, it must hold that beside the encoder and the snapshot."""

_CUTS: dict[str, Rounding] = {"exact": "none", "down": "pixels", "even": "even"}


@dataclass(frozen=True, slots=True)
class EncoderConfig:
    """What ``encoder.json`` says.

    Format 1 has raw pixels (uint8, NHWC) cut out of the exact centre; format 2 says all of :class:`Framing` and
    :class:`TensorForm`.

    Parameters
    ----------
    input_name, output_name
        Names in the ONNX graph: pixels in, float32 ``(batch, dimensions)`` out.
    framing
        How a picture becomes pixels.
    dimensions
        ``D``, the length of an embedding.
    form
        How the pixels become the input.
    """

    name: str
    input_name: str
    output_name: str
    framing: Framing
    dimensions: int
    form: TensorForm = RAW

    @classmethod
    def parse(cls, data: bytes) -> EncoderConfig:
        """Read ``encoder.json``.

        Raises
        ------
        InvalidEncoderError
            If a field is missing or says something this version cannot do.
        """
        file = read_encoder_file(data)
        if not isinstance(file, PartedEncoder):
            return cls.of(file, file)
        if file.image is None:
            raise InvalidEncoderError(f"The encoder {file.name} encodes texts and no pictures.")
        return cls.of(file, file.image)

    @classmethod
    def of(cls, file: EncoderFile, part: RawEncoder | FramedEncoder | PicturePart) -> EncoderConfig:
        """Take what concerns pictures from ``encoder.json``; raises what :meth:`parse` does."""
        try:
            framing, form = _read_raw(part) if isinstance(part, RawEncoder) else _read_framed(part)
        except (TypeError, ValueError, OverflowError) as error:
            raise InvalidEncoderError(f"encoder.json is not of the documented form: {error}.") from error
        return cls(file.name, part.input.name, part.output.name, framing, file.dimensions, form)


def _read_raw(file: RawEncoder) -> tuple[Framing, TensorForm]:
    given, prepared = file.input, file.preprocessing
    if (given.dtype, given.layout) != ("uint8", "NHWC"):
        raise InvalidEncoderError("encoder.json of format 1 must say input uint8 in layout NHWC; format 2 says more.")
    resample = cast("Resample", prepared.resample)
    return Framing(given.height, given.width, prepared.shortest_edge, resample, prepared.background), RAW


def _read_framed(file: FramedEncoder | PicturePart) -> tuple[Framing, TensorForm]:
    given, prepared = file.input, file.preprocessing
    resize = prepared.resize
    squashed = None
    if prepared.cut not in _CUTS:
        raise ValueError(f"cut {prepared.cut!r} is none of {', '.join(_CUTS)}")
    if resize.shortest_edge is None:
        if resize.height is None or resize.width is None:
            raise ValueError("resize has neither shortest_edge nor height and width")
        squashed = (resize.height, resize.width)
    framing = Framing(
        given.height,
        given.width,
        resize.shortest_edge,
        cast("Resample", prepared.resample),
        prepared.background,
        squashed=squashed,
        rounding=_CUTS[prepared.cut],
    )
    kind = cast("DType", given.dtype), cast("Layout", given.layout), cast("Channels", given.channels)
    if given.dtype != "float32":
        return framing, TensorForm(*kind)
    if given.mean is None or given.std is None:
        raise ValueError("an input of float32 needs mean and std")
    return framing, TensorForm(*kind, given.mean, given.std)


def encoder_id(model: bytes, config: bytes) -> str:
    """Identity of an encoder: sha256 (hex) over the sha256 of the graph and of ``encoder.json``."""
    both = hashlib.sha256(model).digest() + hashlib.sha256(config).digest()
    return hashlib.sha256(both).hexdigest()


class ImageEncoder:
    """An encoder of pictures, ready to run.

    Parameters
    ----------
    threads
        That one inference may use.

    Raises
    ------
    InvalidEncoderError
        If the graph does not load or has not the input and output that ``config`` names.
    """

    modalities: Final = frozenset[Modality]({"image"})

    def __init__(self, config: EncoderConfig, model: Path, threads: int = 1) -> None:
        self.config, self.name, self.dimensions = config, config.name, config.dimensions
        self._memory = MemoryBudget(DECODED_AT_ONCE)
        self._session = Session(model, (config.input_name,), config.output_name, threads, UnencodableImageError)

    def encode(self, data: bytes, region: Region | None = None) -> NDArray[np.float32]:
        """Encode the bytes of one picture: see :meth:`tonari.encoders.port.Encoder.encode`."""
        try:
            embedding: NDArray[np.float32] = self.embed([self.read(data, region)])[0]
        except MemoryError as error:
            raise UnencodableImageError("The picture needs more memory than there is: scale it down.") from error
        return embedding

    def encode_texts(self, texts: Sequence[str], role: Role) -> EncodedTexts:  # noqa: ARG002
        """Refuse: see :meth:`tonari.encoders.port.Encoder.encode_texts`."""
        raise UnsupportedQueryError(f"The encoder {self.name} encodes pictures and no texts: see docs/encoders.md.")

    def read(self, data: bytes, region: Region | None = None) -> NDArray[np.generic]:
        """Turn the bytes of one picture into the graph's input, without its batch axis.

        Raises
        ------
        UnsupportedImageError, InvalidImageError, TooLargeError, InvalidRequestError, MemoryError
        """
        return to_tensor(prepare(data, self.config.framing, self._memory, region), self.config.form)

    def embed(self, views: Sequence[NDArray[np.generic]]) -> NDArray[np.float32]:
        """Encode views that :meth:`read` gave, one by one, so that a view's embedding never depends on its neighbours.

        Returns
        -------
        (N, D) float32, rows of length 1

        Raises
        ------
        InvalidEncoderError
            If the graph takes no such views, or gives another shape than ``encoder.json`` promises.
        UnencodableImageError
            If it fails on a view that it should take, or gives NaN, infinity or zero for it.
        MemoryError
        """
        embeddings = np.empty((len(views), self.dimensions), np.float32)
        for row, view in zip(embeddings, views, strict=True):
            output = self._session.run({self.config.input_name: view[None]})
            if output.shape != (1, self.dimensions):
                raise InvalidEncoderError(
                    f"The graph gave {output.shape}, encoder.json promises (1, {self.dimensions})."
                )
            length = float(np.linalg.norm(output.astype(np.float64)))
            if not np.isfinite(length) or length == 0:
                raise UnencodableImageError(
                    f"The encoder {self.name} gives a vector with NaN, infinity or no length for this picture: replace "
                    "the picture; if it does so for many, replace the encoder."
                )
            row[:] = output[0] / length
        return embeddings
