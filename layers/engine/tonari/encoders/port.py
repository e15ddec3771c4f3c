"""The port: what the other rooms know of an encoder, whatever it encodes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from tonari.images.framing import Region

Modality = Literal["image", "text"]
Role = Literal["query", "passage"]
"""Some encoders are trained with another prefix for questions than for what is searched."""


@dataclass(frozen=True, slots=True)
class EncodedTexts:
    """Embeddings of n texts.

    Parameters
    ----------
    embeddings : (n, D) float32, rows of length 1
    cut : (n,) bool
        Of which texts the end was left out, for they had more tokens than the encoder takes.
    """

    embeddings: NDArray[np.float32]
    cut: NDArray[np.bool_]


class Encoder(Protocol):
    """Turns views, and queries, into embeddings of one space, each on its own.

    What identifies a view's bytes, its source key (an image's ETag, a passage's sha256), is compared for equality
    alone; no room looks into it.
    """

    @property
    def name(self) -> str:
        """For people."""

    @property
    def modalities(self) -> frozenset[Modality]:
        """What it encodes: pictures, texts, or, where it is a joint encoder, both."""

    @property
    def dimensions(self) -> int:
        """``D``, the length of an embedding."""

    def encode(self, data: bytes, region: Region | None = None) -> NDArray[np.float32]:
        """Encode the bytes of one picture.

        Parameters
        ----------
        region
            The only part of a picture that is looked at.

        Returns
        -------
        (D,) float32, of length 1

        Raises
        ------
        UnsupportedQueryError
            If it encodes no pictures.
        RequestError
            If the bytes are no view that can be encoded, whatever goes wrong with them; the subclass says why.
        InvalidEncoderError
            If the encoder can encode no view at all.
        """

    def encode_texts(self, texts: Sequence[str], role: Role) -> EncodedTexts:
        """Encode texts; the embedding of each depends on no other.

        Raises
        ------
        UnsupportedQueryError
            If it encodes no texts.
        InvalidTextError
            If a text has no token, or the graph gives NaN, infinity or zero for it.
        InvalidEncoderError
            If the encoder can encode no text at all.
        """
