"""The joint encoder: two graphs over one space, so that words find pictures, and pictures words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tonari.encoders.image import ImageEncoder
from tonari.encoders.port import EncodedTexts, Modality, Role
from tonari.encoders.text import TextEncoder
from tonari.images.framing import Region


class JointEncoder:
    """An encoder of pictures and one of texts that were trained together [CLIP: Radford et al., ICML 2021]."""

    modalities: Final = frozenset[Modality]({"image", "text"})

    def __init__(self, pictures: ImageEncoder, texts: TextEncoder) -> None:
        self.pictures, self.texts = pictures, texts
        self.name, self.dimensions = pictures.name, pictures.dimensions

    def encode(self, data: bytes, region: Region | None = None) -> NDArray[np.float32]:
        """Encode the bytes of one picture: see :meth:`tonari.encoders.port.Encoder.encode`."""
        return self.pictures.encode(data, region)

    def encode_texts(self, texts: Sequence[str], role: Role) -> EncodedTexts:
        """Encode texts: see :meth:`tonari.encoders.port.Encoder.encode_texts`."""
        return self.texts.encode_texts(texts, role)
