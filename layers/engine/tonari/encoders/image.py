"""The encoder: an ONNX graph and its ``encoder.json``, which turn bytes into unit vectors."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tonari.encoders.bundle import EncoderConfig
from tonari.encoders.onnx import Session
from tonari.errors import InvalidEncoderError
from tonari.images.decode import prepare
from tonari.images.tensor import to_tensor

__all__ = ["Encoder", "EncoderConfig", "encoder_id"]


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

    def read(self, data: bytes) -> NDArray[np.generic]:
        """Turn the bytes of one view into what the graph takes.

        Returns
        -------
        array
            The graph's input without the batch axis; what else it is, is the encoder's own business.

        Raises
        ------
        UnsupportedImageError, InvalidImageError, TooLargeError
        """
        return to_tensor(prepare(data, self.config.framing), self.config.form)

    def embed(self, views: Sequence[NDArray[np.generic]]) -> NDArray[np.float32]:
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
