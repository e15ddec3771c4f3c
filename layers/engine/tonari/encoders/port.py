"""The port: what the other rooms know of an encoder, whatever it encodes."""

from __future__ import annotations

from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from tonari.images.framing import Region


class Encoder(Protocol):
    """Turns the bytes of a view into its embedding, each view on its own.

    What identifies those bytes, the view's source key (an image's ETag), is compared for equality alone; no room looks
    into it.
    """

    @property
    def name(self) -> str:
        """For people."""

    @property
    def modality(self) -> Literal["image"]:
        """What a view is."""

    @property
    def dimensions(self) -> int:
        """``D``, the length of an embedding."""

    def encode(self, data: bytes, region: Region | None = None) -> NDArray[np.float32]:
        """Encode the bytes of one view.

        Parameters
        ----------
        region
            The only part of a picture that is looked at.

        Returns
        -------
        (D,) float32, of length 1

        Raises
        ------
        RequestError
            If the bytes are no view that can be encoded, whatever goes wrong with them; the subclass says why.
        InvalidEncoderError
            If the encoder can encode no view at all.
        """
