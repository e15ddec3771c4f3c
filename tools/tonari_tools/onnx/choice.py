"""How many of the first layers stay in float32, so that a static graph keeps near the original."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray

from tonari.encoders.image import Encoder
from tonari.errors import InvalidEncoderError
from tonari_tools.onnx.agreement import measure_agreement
from tonari_tools.onnx.calibration import calibrate
from tonari_tools.onnx.int8_weights import store_int8
from tonari_tools.onnx.layers import find_layers
from tonari_tools.onnx.onnx_graph import serialise
from tonari_tools.onnx.static import make_static

LEAST_OPSET = 13
"""Since this one ``DequantizeLinear`` takes a scale per channel."""
AIM = 0.992
"""Mean cosine over the calibrating photographs at which no more layers are spared."""
SPARED = (0, 1, 2, 3, 4, 6, 8, 12, 16)
"""How many are tried. All later layers inherit the first ones' errors, and they cost most."""


@dataclass(frozen=True, slots=True)
class Static:
    """A static graph, how many layers it has in eight bits, and of how many."""

    model: bytes
    rounded: int
    layers: int


def choose_static(model: onnx.ModelProto, original: Encoder, views: Sequence[NDArray[np.generic]]) -> Static:
    """Round as many layers as let the mean agreement over ``views`` be ``AIM``, or be the best that was tried.

    Raises
    ------
    InvalidEncoderError
        If the graph has no such layer, or an opset that is too old.
    """
    opset = max((one.version for one in model.opset_import if one.domain in {"", "ai.onnx"}), default=0)
    if opset < LEAST_OPSET:
        raise InvalidEncoderError(
            f"The graph is of opset {opset}, a static one needs {LEAST_OPSET}: convert it with onnx.version_converter, "
            "or leave --static away."
        )
    layers = find_layers(model.graph)
    if not layers:
        raise InvalidEncoderError(
            "The graph has no convolution or large linear layer whose weights are constants: leave --static away."
        )
    observed = list(dict.fromkeys(name for layer in layers for name in layer.observed()))
    ranges = calibrate(model, original.config.input_name, observed, views)
    best = -1.0
    for spared in SPARED:
        if spared and spared >= len(layers):
            break
        tried = serialise(store_int8(make_static(model, layers[spared:], ranges)))
        agreement = _try(tried, original, views)
        if agreement > best:
            best, found = agreement, Static(tried, len(layers) - spared, len(layers))
        if agreement >= AIM:
            break
    return found


def _try(model: bytes, original: Encoder, views: Sequence[NDArray[np.generic]]) -> float:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "tried.onnx")
        path.write_bytes(model)
        return measure_agreement(original, Encoder(original.config, path), views).mean
