"""What a world is made of: tiny pictures, documents, two real encoders that see them differently, and two that read."""

from __future__ import annotations

import functools
import json
import tempfile
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from graphs import mean_colour
from hashed_words import HashedWords
from tonari.catalogue.passages import Passage
from tonari.contract.artefacts import ViewRule
from tonari.encoders.image import EncoderConfig, ImageEncoder, encoder_id
from tonari.errors import RequestError
from tonari.images.framing import Region

ITEMS = ("w", "x", "y", "z")
NAMES = ("1.png", "2.png")
COLOURS = ((200, 30, 40), (30, 160, 60), (40, 60, 190), (220, 200, 50))
FACTORS = ((1.0, 1.0, 1.0), (4.0, 1.0, 0.25))


def _png(colour: tuple[int, int, int]) -> bytes:
    buffer = BytesIO()
    Image.new("RGB", (8, 8), colour).save(buffer, "PNG")
    return buffer.getvalue()


PICTURES = (*map(_png, COLOURS), b"no picture")
_LONG = " ".join(["It lies at the river."] * 50)
_WRITTEN = (
    {"title": "A boat", "price": 4},
    {"title": "A boat", "price": 5, "text": _LONG},
    {"title": "A boat", "price": 6, "text": _LONG + " It is for sale.", "images": ["1.png"]},
    {"title": "?", "price": 7},
)
DOCUMENTS = (
    *(b'{"price": %d}' % price for price in range(3)),
    b'{"price": 3, "images": ["2.png"]}',
    b"no document",
    *(json.dumps(one).encode() for one in _WRITTEN),
)


class RememberingEncoder(ImageEncoder):
    """A real encoder that is asked once for each picture: thousands of worlds have the same few."""

    def encode(self, data: bytes, region: Region | None = None) -> NDArray[np.float32]:
        found = self._encode(data, region)
        if isinstance(found, RequestError):
            raise found
        return found

    @functools.cache  # noqa: B019 (there are two, for as long as the process lives)
    def _encode(self, data: bytes, region: Region | None) -> NDArray[np.float32] | RequestError:
        try:
            return super().encode(data, region)
        except RequestError as error:
            return error


@dataclass(frozen=True)
class EncoderFiles:
    """An encoder, and its files as they lie in the bucket."""

    id: str
    model: bytes
    config: bytes
    encoder: RememberingEncoder | HashedWords

    @property
    def rule(self) -> ViewRule:
        """How it has views chosen, where no schema says more."""
        return ViewRule(tuple(sorted(self.encoder.modalities)))

    def embedding(self, data: bytes | Passage) -> NDArray[np.float32] | None:
        """Encode a picture or a passage, (D,) float32; None for what cannot be encoded."""
        try:
            if isinstance(data, Passage):
                return self.encoder.encode_texts([data.whole], "passage").embeddings[0]
            return self.encoder.encode(data)
        except RequestError:
            return None


@functools.cache
def encoders() -> dict[str, EncoderFiles]:
    """Give the encoders by id, loaded once per process."""
    with tempfile.TemporaryDirectory() as folder:
        made = [_encoder(Path(folder), number) for number in range(len(FACTORS))]
    made += [_reading(made[0], HashedWords("text")), _reading(made[0], HashedWords("image", "text"))]
    return {one.id: one for one in made}


def picture_encoders() -> dict[str, EncoderFiles]:
    """Give those by id that other processes open from their files."""
    return {name: one for name, one in encoders().items() if isinstance(one.encoder, RememberingEncoder)}


def _reading(files: EncoderFiles, encoder: HashedWords) -> EncoderFiles:
    """Give an encoder that reads files of its own, which are never opened."""
    config = json.dumps({**json.loads(files.config), "name": encoder.name}).encode()
    return EncoderFiles(encoder_id(files.model, config), files.model, config, encoder)


def _encoder(folder: Path, number: int) -> EncoderFiles:
    path = mean_colour(folder / f"{number}.onnx", FACTORS[number])
    about = {
        "format": 1,
        "name": f"mean colour {number}",
        "input": {"name": "image", "dtype": "uint8", "layout": "NHWC", "height": 4, "width": 4},
        "preprocessing": {"version": 1, "shortest_edge": 4, "resample": "bilinear", "background": [255, 255, 255]},
        "output": {"name": "embedding"},
        "dimensions": 3,
        "metric": "cosine",
    }
    model, config = path.read_bytes(), json.dumps(about).encode()
    return EncoderFiles(encoder_id(model, config), model, config, RememberingEncoder(EncoderConfig.parse(config), path))
