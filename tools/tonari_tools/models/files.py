"""A model on disk, and the settings that lie beside it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tonari.errors import InvalidEncoderError

MOST_BYTES = 400_000_000
"""Length of a model, in bytes: a function holds it in memory and in 512 MB of temporary storage."""
ENCODER, PREPROCESSOR, CONFIG = "encoder.json", "preprocessor_config.json", "config.json"


@dataclass(frozen=True, slots=True)
class ModelFiles:
    """A model and what lies beside it.

    Parameters
    ----------
    path
        Of the ONNX file.
    size
        In bytes.
    encoder
        Bytes of the ``encoder.json`` that was given or lies beside it.
    preprocessor, config
        Contents of ``preprocessor_config.json`` and ``config.json``.
    """

    path: Path
    size: int
    encoder: bytes | None
    preprocessor: dict[str, Any] | None
    config: dict[str, Any] | None


def find_files(model: Path, encoder: Path | None = None) -> ModelFiles:
    """Find the ONNX file and the settings beside it; nothing of the model is read yet.

    Parameters
    ----------
    model
        The file, or a folder with one, as Hugging Face lays them out too (``onnx/model.onnx`` under the settings).
    encoder
        An ``encoder.json`` elsewhere.

    Raises
    ------
    InvalidEncoderError
        If there is no such file, or more than one, or it is over :data:`MOST_BYTES`, or settings are not JSON.
    """
    path = _find(model) if model.is_dir() else model
    if not path.is_file():
        raise InvalidEncoderError(f"{path} is not there: give an .onnx file, or a folder with one.")
    size = path.stat().st_size
    if size > MOST_BYTES:
        raise InvalidEncoderError(
            f"{path} has {size:,} bytes, the limit is {MOST_BYTES:,}: take a smaller model, or store its "
            "weights smaller."
        )
    rooms = [path.parent, *([path.parent.parent] if path.parent.name == "onnx" else [])]
    return ModelFiles(path, size, _encoder(encoder, rooms), _json(rooms, PREPROCESSOR), _json(rooms, CONFIG))


def _find(folder: Path) -> Path:
    for usual in (folder / "model.onnx", folder / "onnx" / "model.onnx"):
        if usual.is_file():
            return usual
    found = sorted(folder.glob("*.onnx"))
    if len(found) != 1:
        names = ", ".join(path.name for path in found) or "none"
        raise InvalidEncoderError(f"{folder} should hold one .onnx file, it holds {names}: give the file itself.")
    return found[0]


def _encoder(given: Path | None, rooms: list[Path]) -> bytes | None:
    path = given or next((room / ENCODER for room in rooms if (room / ENCODER).is_file()), None)
    return _read(path) if path else None


def _json(rooms: list[Path], name: str) -> dict[str, Any] | None:
    for room in rooms:
        if (room / name).is_file():
            try:
                raw = json.loads(_read(room / name))
            except ValueError as error:
                raise InvalidEncoderError(f"{room / name} is not JSON ({error}): mend it, or take it away.") from error
            if not isinstance(raw, dict):
                raise InvalidEncoderError(f"{room / name} is not a JSON object: mend it, or take it away.")
            return raw
    return None


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise InvalidEncoderError(f"{path} cannot be read: {error.strerror}.") from error
