"""The default encoder, as the two files beside this module; ``tonari_tools.onnx.recipe`` makes the same bytes."""

from __future__ import annotations

from importlib.resources import files
from typing import NamedTuple


class BuiltEncoder(NamedTuple):
    """An encoder as it is published.

    Parameters
    ----------
    model
        Bytes of ``model.onnx``.
    config
        Bytes of ``encoder.json``.
    """

    model: bytes
    config: bytes


def read_default() -> BuiltEncoder:
    """Read the default encoder: it gives embeddings of 1,472 dimensions from 224 x 224 pixels."""
    folder = files(__name__)
    return BuiltEncoder((folder / "model.onnx").read_bytes(), (folder / "encoder.json").read_bytes())
