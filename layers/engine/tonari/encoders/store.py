"""Encoders on S3: immutable, named by their id."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tonari.encoders.image import EncoderConfig, ImageEncoder, encoder_id
from tonari.errors import CorruptArtefactError, MissingObjectError, NotReadyError
from tonari.storage.bucket import Bucket, local_errors
from tonari.storage.cache import save, touch, turn

PREFIX = "encoders/"
MODEL, CONFIG = "model.onnx", "encoder.json"
_BEGIN_OF_ID = re.compile("[0-9a-f]{1,64}")


@dataclass(frozen=True, slots=True)
class StoredEncoder:
    """An encoder in the bucket: its id, the bytes of ``encoder.json``, and the length of the graph in bytes."""

    id: str
    config: bytes
    size: int


def save_encoder(artefacts: Bucket, model: bytes, config: bytes) -> str:
    """Upload an encoder; gives its id.

    Raises
    ------
    InvalidEncoderError
        If ``encoder.json`` cannot be read; nothing is then uploaded.
    """
    EncoderConfig.parse(config)
    name = encoder_id(model, config)
    artefacts.create(f"{PREFIX}{name}/{MODEL}", model)
    artefacts.create(f"{PREFIX}{name}/{CONFIG}", config)
    return name


def list_encoders(artefacts: Bucket) -> Iterator[StoredEncoder]:
    """List the encoders that are there whole, in the order of their ids."""
    sizes = {found.key: found.size for found in artefacts.list(PREFIX)}
    for key in sizes:
        name, _, file = key.removeprefix(PREFIX).partition("/")
        model = f"{PREFIX}{name}/{MODEL}"
        if file == CONFIG and model in sizes:
            yield StoredEncoder(name, artefacts.get(key).data, sizes[model])


def find_encoder(artefacts: Bucket, begin: str) -> str:
    """Find the encoder whose id begins so.

    Raises
    ------
    NotReadyError
        If there is none, or more than one.
    """
    if not _BEGIN_OF_ID.fullmatch(begin):
        raise NotReadyError(f"{begin!r} is no id of an encoder, nor the beginning of one: up to 64 of 0-9 and a-f.")
    keys = [found.key for found in artefacts.list(f"{PREFIX}{begin}") if found.key.endswith(f"/{CONFIG}")]
    names = [key.removeprefix(PREFIX).partition("/")[0] for key in keys]
    if not names:
        raise NotReadyError(f"No encoder {begin} is in {artefacts.name}: see tonari encoder list.")
    if len(names) > 1:
        raise NotReadyError(f"{begin} begins {len(names)} ids ({', '.join(names[:3])}): give more of it.")
    return names[0]


def load_encoder(artefacts: Bucket, name: str, cache: Path) -> ImageEncoder:
    """Download an encoder, as :func:`fetch_encoder` does, unless the cache has it whole, and start it.

    Raises
    ------
    InvalidEncoderError
        If it cannot serve.
    """
    with local_errors(cache):
        cache.mkdir(parents=True, exist_ok=True)
    model, config = cache / f"{name}.onnx", cache / f"{name}.json"
    if not _whole(name, model, config):
        with turn(cache, name):
            if not _whole(name, model, config):
                for path, data in zip((model, config), fetch_encoder(artefacts, name), strict=True):
                    save(path, data)
    return ImageEncoder(EncoderConfig.parse(config.read_bytes()), model)


def _whole(name: str, model: Path, config: Path) -> bool:
    """Tell whether the cache has an encoder whole, and note that it was asked for."""
    try:
        if encoder_id(model.read_bytes(), config.read_bytes()) != name:
            return False
        touch(model)
        touch(config)
    except OSError:
        return False
    return True


def has_encoder(artefacts: Bucket, name: str) -> bool:
    """Tell whether an encoder has been uploaded whole."""
    return artefacts.head(f"{PREFIX}{name}/{CONFIG}") is not None


def fetch_encoder(artefacts: Bucket, name: str) -> tuple[bytes, bytes]:
    """Download an encoder: the bytes of the graph and of ``encoder.json``.

    Raises
    ------
    CorruptArtefactError
        If they are not those that its id names.
    NotReadyError
        If it is not there.
    """
    try:
        model, config = (artefacts.get(f"{PREFIX}{name}/{file}").data for file in (MODEL, CONFIG))
    except MissingObjectError as error:
        raise NotReadyError(f"The encoder {name} is not in the bucket: run `tonari init`.") from error
    if encoder_id(model, config) != name:
        raise CorruptArtefactError(f"The encoder {name} has sha256 {hashlib.sha256(model).hexdigest()}: damaged.")
    return model, config
