"""The encoder: an ONNX graph and its ``encoder.json``, which turn bytes into unit vectors."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from tonari.errors import InvalidEncoderError
from tonari.image import Framing, prepare
from tonari.native import Session

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

FORMAT = 1
PREPROCESSING_VERSION = 1


@dataclass(frozen=True, slots=True)
class EncoderConfig:
    """What ``encoder.json`` says.

    Parameters
    ----------
    name
        For people.
    input_name, output_name
        Names in the ONNX graph: uint8 ``(batch, height, width, 3)`` RGB in, float32 ``(batch, dimensions)`` out.
    framing
        How a picture becomes the input.
    dimensions
        ``D``, the length of an embedding.
    """

    name: str
    input_name: str
    output_name: str
    framing: Framing
    dimensions: int

    @classmethod
    def parse(cls, data: bytes) -> EncoderConfig:
        """Read ``encoder.json``.

        Raises
        ------
        InvalidEncoderError
            If a field is missing or says something this version cannot do.
        """
        try:
            raw: dict[str, Any] = json.loads(data)
            given, pre = raw["input"], raw["preprocessing"]
            if raw["format"] != FORMAT or pre["version"] != PREPROCESSING_VERSION:
                raise InvalidEncoderError(
                    f"encoder.json has format {raw['format']} and preprocessing {pre['version']}; "
                    f"this version reads format {FORMAT} and preprocessing {PREPROCESSING_VERSION}: update one of them."
                )
            if (given["dtype"], given["layout"], raw["metric"]) != ("uint8", "NHWC", "cosine"):
                raise InvalidEncoderError("encoder.json must say input uint8 in layout NHWC, and metric cosine.")
            if int(raw["dimensions"]) < 1:
                raise InvalidEncoderError(f"encoder.json has dimensions {raw['dimensions']}; at least 1 is needed.")
            return cls(
                name=str(raw["name"]),
                input_name=str(given["name"]),
                output_name=str(raw["output"]["name"]),
                framing=Framing(
                    height=int(given["height"]),
                    width=int(given["width"]),
                    shortest_edge=int(pre["shortest_edge"]),
                    resample=pre["resample"],
                    background=tuple(pre["background"]),
                ),
                dimensions=int(raw["dimensions"]),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise InvalidEncoderError(f"encoder.json is not of the documented form: {error!r}.") from error


def encoder_id(model: bytes, config: bytes) -> str:
    """Identity of an encoder: sha256 (hex) over the sha256 of the graph and of ``encoder.json``."""
    both = hashlib.sha256(model).digest() + hashlib.sha256(config).digest()
    return hashlib.sha256(both).hexdigest()


class Encoder:
    """An encoder ready to run.

    Parameters
    ----------
    config
        From ``encoder.json``.
    model
        Path of the ONNX file.
    threads
        Threads that one inference may use.

    Raises
    ------
    InvalidEncoderError
        If the graph does not load or has not the input and output that ``config`` names.
    """

    def __init__(self, config: EncoderConfig, model: Path, threads: int = 1) -> None:
        self.config = config
        self._session = Session(model, config.input_name, config.output_name, threads)

    @property
    def dimensions(self) -> int:
        """``D``."""
        return self.config.dimensions

    def read(self, data: bytes) -> NDArray[np.uint8]:
        """Turn the bytes of one view into what the graph takes.

        Returns
        -------
        (height, width, 3) uint8

        Raises
        ------
        UnsupportedImageError, InvalidImageError, TooLargeError
        """
        return prepare(data, self.config.framing)

    def embed(self, views: Sequence[NDArray[np.uint8]]) -> NDArray[np.float32]:
        """Encode views that :meth:`read` gave, one by one, so that a view's embedding never depends on its neighbours.

        Returns
        -------
        (N, D) float32, rows of length 1

        Raises
        ------
        InvalidEncoderError
            If the graph gives NaN, infinity, zero or another shape.
        """
        embeddings = np.empty((len(views), self.dimensions), np.float32)
        for row, view in zip(embeddings, views, strict=True):
            output = self._session.run(view[None])
            if output.shape != (1, self.dimensions):
                raise InvalidEncoderError(
                    f"The graph gave {output.shape}, encoder.json promises (1, {self.dimensions})."
                )
            length = float(np.linalg.norm(output.astype(np.float64)))
            if not np.isfinite(length) or length == 0:
                raise InvalidEncoderError("The graph gave a vector with NaN, infinity or no length.")
            row[:] = output[0] / length
        return embeddings
