"""A model on disk -> an encoder that has been tried, or one line that says what is wrong."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from tonari.encoders.image import EncoderConfig, encoder_id
from tonari.encoders.onnx import Port, graph_ports
from tonari.errors import InvalidEncoderError
from tonari_tools.models.detect import detect
from tonari_tools.models.files import ModelFiles, find_files
from tonari_tools.models.soundness import Read, read_model
from tonari_tools.models.trial import Trial, drawn_photos, try_encoder


@dataclass(frozen=True, slots=True)
class Examined:
    """An encoder that works.

    Parameters
    ----------
    files
        Where it was found.
    read
        Of the file.
    model, config
        Bytes of ``model.onnx`` and ``encoder.json``.
    found
        Per decision, what it rests on.
    batches
        Whether the graph takes several pictures at once.
    trial
        How it did.
    """

    files: ModelFiles
    read: Read
    model: bytes
    config: bytes
    found: Mapping[str, str]
    batches: bool
    trial: Trial

    @property
    def id(self) -> str:
        """Its identity."""
        return encoder_id(self.model, self.config)


def examine(model: Path, config: Path | None = None, photo: bytes | None = None) -> Examined:
    """Find out what a model is, and try it.

    Parameters
    ----------
    model
        An ONNX file, or a folder with one.
    config
        An ``encoder.json`` that says all.
    photo
        What to encode; default: a drawn one.

    Raises
    ------
    InvalidEncoderError
        If it cannot serve.
    RequestError
        If ``photo`` cannot be read.
    """
    files = find_files(model, config)
    data = files.path.read_bytes()
    read = read_model(data)
    inputs, outputs = _ports(files.path)
    detected = detect(files, read, inputs, outputs, hashlib.sha256(data).hexdigest())
    parsed = EncoderConfig.parse(detected.config)
    batches = any(port.name == parsed.input_name and port.shape[:1] == (None,) for port in inputs)
    trial = try_encoder(parsed, files.path, photo or drawn_photos()[0], batches=batches)
    return Examined(files, read, data, detected.config, detected.found, batches, trial)


def _ports(path: Path) -> tuple[tuple[Port, ...], tuple[Port, ...]]:
    try:
        return graph_ports(path)
    except InvalidEncoderError as error:
        raise InvalidEncoderError(
            f"{error.detail} (onnxruntime {version('onnxruntime')}): export it with operators and an opset that this "
            "version has."
        ) from error
