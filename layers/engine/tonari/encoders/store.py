"""Encoders on S3: immutable, named by their id."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from tonari.contract.encoder import CONFIG, MODEL, EncoderFile, PartedEncoder, files_of, read_encoder_file
from tonari.encoders.bundle import Bundle
from tonari.encoders.image import EncoderConfig, ImageEncoder, encoder_id
from tonari.encoders.joint import JointEncoder
from tonari.encoders.port import Encoder
from tonari.encoders.text import TextEncoder
from tonari.errors import CorruptArtefactError, InvalidEncoderError, MissingObjectError, NotReadyError
from tonari.storage.bucket import Bucket, local_errors
from tonari.storage.cache import save, touch, turn

PREFIX = "encoders/"
_BEGIN_OF_ID = re.compile("[0-9a-f]{1,64}")


@dataclass(frozen=True, slots=True)
class StoredEncoder:
    """An encoder in the bucket: its id, the bytes of ``encoder.json``, and the length of its other files in bytes."""

    id: str
    config: bytes
    size: int


def save_bundle(artefacts: Bucket, bundle: Bundle) -> str:
    """Upload an encoder, ``encoder.json`` last; gives its id."""
    name = bundle.id
    for file in (*files_of(bundle.about), CONFIG):
        artefacts.create(f"{PREFIX}{name}/{file}", bundle.files[file])
    return name


def save_encoder(artefacts: Bucket, model: bytes, config: bytes) -> str:
    """Upload an encoder of pictures; gives its id.

    Raises
    ------
    InvalidEncoderError
        If ``encoder.json`` cannot be read; nothing is then uploaded.
    """
    EncoderConfig.parse(config)
    return save_bundle(artefacts, Bundle.of_pictures(model, config))


def list_encoders(artefacts: Bucket) -> Iterator[StoredEncoder]:
    """List the encoders that are there whole, in the order of their ids."""
    sizes = {found.key: found.size for found in artefacts.list(PREFIX)}
    for key in sizes:
        name, _, file = key.removeprefix(PREFIX).partition("/")
        if file != CONFIG:
            continue
        config = artefacts.get(key).data
        files = [f"{PREFIX}{name}/{one}" for one in _named_in(config)]
        if all(one in sizes for one in files):
            yield StoredEncoder(name, config, sum(sizes[one] for one in files))


def _named_in(config: bytes) -> tuple[str, ...]:
    """Name the files of an encoder; those of another version's are taken to be one graph."""
    try:
        return files_of(read_encoder_file(config))
    except InvalidEncoderError:
        return (MODEL,)


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


def load_encoder(artefacts: Bucket, name: str, cache: Path) -> Encoder:
    """Download an encoder, as :func:`fetch_bundle` does, unless the cache has it whole, and start it.

    Raises
    ------
    InvalidEncoderError
        If it cannot serve.
    """
    with local_errors(cache):
        cache.mkdir(parents=True, exist_ok=True)
    about = _whole(name, cache)
    if about is None:
        with turn(cache, name):
            about = _whole(name, cache)
            if about is None:
                bundle = fetch_bundle(artefacts, name)
                about = bundle.about
                for file, data in bundle.files.items():
                    save(_cached(cache, name, file), data)
    return open_encoder(about, {file: _cached(cache, name, file) for file in files_of(about)})


def open_encoder(about: EncoderFile, files: Mapping[str, Path]) -> Encoder:
    """Start an encoder whose files lie in a folder.

    Parameters
    ----------
    files
        By the names that ``encoder.json`` gives them.

    Raises
    ------
    InvalidEncoderError
        If it cannot serve.
    """
    if not isinstance(about, PartedEncoder):
        return ImageEncoder(EncoderConfig.of(about, about), files[MODEL])
    pictures = texts = None
    if about.image is not None:
        pictures = ImageEncoder(EncoderConfig.of(about, about.image), files[about.image.graph])
    if about.text is not None:
        graph, tokenizer = files[about.text.graph], files[about.text.tokenizer]
        texts = TextEncoder(about.name, about.dimensions, about.text, graph, tokenizer)
    if pictures is not None and texts is not None:
        return JointEncoder(pictures, texts)
    found = pictures or texts
    if found is None:
        raise InvalidEncoderError("encoder.json has neither 'image' nor 'text': one is needed at least.")
    return found


def _cached(cache: Path, name: str, file: str) -> Path:
    """Say where a file of an encoder lies in the cache."""
    return cache / {MODEL: f"{name}.onnx", CONFIG: f"{name}.json"}.get(file, f"{name}.{file}")


def _whole(name: str, cache: Path) -> EncoderFile | None:
    """Read what an encoder is that the cache has whole, and note that it was asked for; None if it has not."""
    try:
        config = _cached(cache, name, CONFIG).read_bytes()
        paths = {file: _cached(cache, name, file) for file in (*_named_in(config), CONFIG)}
        bundle = Bundle({file: path.read_bytes() for file, path in paths.items()})
        if bundle.id != name:
            return None
        for path in paths.values():
            touch(path)
    except (OSError, InvalidEncoderError):
        return None
    return bundle.about


def has_encoder(artefacts: Bucket, name: str) -> bool:
    """Tell whether an encoder has been uploaded whole."""
    return artefacts.head(f"{PREFIX}{name}/{CONFIG}") is not None


def fetch_bundle(artefacts: Bucket, name: str) -> Bundle:
    """Download an encoder.

    Raises
    ------
    CorruptArtefactError
        If its files are not those that its id names.
    InvalidEncoderError
        If ``encoder.json`` is another version's, or none.
    NotReadyError
        If it is not there, or not whole.
    """
    try:
        config = artefacts.get(f"{PREFIX}{name}/{CONFIG}").data
    except MissingObjectError as error:
        raise NotReadyError(f"The encoder {name} is not in the bucket: run `tonari init`.") from error
    try:
        files = {file: artefacts.get(f"{PREFIX}{name}/{file}").data for file in _named_in(config)}
    except MissingObjectError as error:
        read_encoder_file(config)  # another version's may have no file of that name
        raise NotReadyError(f"The encoder {name} is not whole in the bucket: add it again. {error.detail}") from error
    try:
        bundle = Bundle({**files, CONFIG: config})
        found = bundle.id
    except InvalidEncoderError:
        found = encoder_id(files[MODEL], config)
        if found == name:  # another version's, and whole
            raise
    if found != name:
        raise CorruptArtefactError(f"The encoder {name} has files with the id {found}: damaged.")
    return bundle


def fetch_encoder(artefacts: Bucket, name: str) -> tuple[bytes, bytes]:
    """Download an encoder of pictures: the bytes of the graph and of ``encoder.json``; see :func:`fetch_bundle`.

    Raises
    ------
    InvalidEncoderError
        If it is one of texts.
    """
    bundle = fetch_bundle(artefacts, name)
    if MODEL not in bundle.files:
        raise InvalidEncoderError(f"The encoder {name} is not one of pictures alone.")
    return bundle.files[MODEL], bundle.config
