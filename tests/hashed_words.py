"""Small encoders whose embeddings are known: words are hashed, pictures are their mean colour."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from io import BytesIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from tonari.encoders.port import EncodedTexts, Modality, Role
from tonari.errors import InvalidTextError, UnencodableImageError, UnsupportedQueryError
from tonari.images.framing import Region

DIMENSIONS = 16
_WORD = re.compile(r"\w+")


def hashed(text: str, most: int) -> tuple[NDArray[np.float32], bool]:
    """Sum a vector of each of the first words; (16,) float32 of length 1, and whether there were more words."""
    words = _WORD.findall(text.lower())
    if not words:
        raise InvalidTextError("The text has no word: give it one.")
    total = np.zeros(DIMENSIONS)
    for word in words[:most]:
        total += np.random.default_rng(_seed(word)).standard_normal(DIMENSIONS)
    return np.asarray(total / np.linalg.norm(total), np.float32), len(words) > most


def _seed(word: str) -> int:
    return int.from_bytes(hashlib.sha256(word.encode()).digest()[:8])


class HashedWords:
    """An encoder of texts, or of texts and pictures; ``texts`` and ``pictures`` hold all that it was given."""

    dimensions = DIMENSIONS

    def __init__(self, *modalities: Modality, most: int = 60) -> None:
        self.modalities: frozenset[Modality] = frozenset(modalities)
        self.name = f"hashed words of {' and '.join(sorted(modalities))}"
        self.texts: list[str] = []
        self.pictures = 0
        self._most = most

    def encode(self, data: bytes, region: Region | None = None) -> NDArray[np.float32]:  # noqa: ARG002
        """Encode a picture by its mean colour."""
        if "image" not in self.modalities:
            raise UnsupportedQueryError("It encodes texts alone.")
        self.pictures += 1
        try:
            pixel = Image.open(BytesIO(data)).convert("RGB").resize((1, 1)).tobytes()
        except OSError as error:
            raise UnencodableImageError("It is no picture.") from error
        row = np.zeros(DIMENSIONS, np.float32)
        row[:3] = np.frombuffer(pixel, np.uint8) + 1.0
        return np.asarray(row / np.linalg.norm(row), np.float32)

    def encode_texts(self, texts: Sequence[str], role: Role) -> EncodedTexts:  # noqa: ARG002
        """Encode texts by their words."""
        if "text" not in self.modalities:
            raise UnsupportedQueryError("It encodes pictures alone.")
        made = [hashed(text, self._most) for text in texts]
        self.texts += texts
        rows = np.array([row for row, _ in made], np.float32).reshape(-1, DIMENSIONS)
        return EncodedTexts(rows, np.array([cut for _, cut in made], np.bool_))
