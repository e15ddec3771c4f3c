"""What values the tensors of a graph take over photographs, and which 256 steps serve them best."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from tonari.encoders.onnx import Session
from tonari_tools.onnx.onnx_graph import serialise

DRAWN = 1024
"""Values drawn from each tensor for each view."""
STEPS = 255
CLIPPINGS = np.linspace(0.4, 1.0, 25)
BELOW_ONE = 1 - 1e-6
ANSWER = "calibration.values"


@dataclass(frozen=True, slots=True)
class Range:
    """Steps of a tensor in uint8: ``value = (code - zero) * scale``."""

    scale: np.float32
    zero: np.uint8


def calibrate(
    model: onnx.ModelProto, given: str, tensors: Sequence[str], views: Iterable[NDArray[np.generic]]
) -> dict[str, Range]:
    """Find the range of each tensor.

    Parameters
    ----------
    given
        The graph's input.
    tensors
        Names of float32 tensors.
    views
        Inputs without the batch axis.

    Raises
    ------
    InvalidEncoderError
        If the graph fails on a view.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "observed.onnx")
        path.write_bytes(serialise(_observed(model, tensors)))
        session = Session(path, given, ANSWER, 1)
        values = np.stack([session.run(view[None]) for view in views], axis=1)
    return {name: best_range(drawn.ravel()) for name, drawn in zip(tensors, values, strict=True)}


def best_range(values: NDArray[np.float32]) -> Range:
    """Choose the range, zero in it, whose clipping and rounding leave the least squared error.

    Parameters
    ----------
    values : (N,) float32
    """
    low, high = min(float(values.min()), 0.0), max(float(values.max()), 1e-6)
    tried = [_range(low * clipping, high * clipping) for clipping in CLIPPINGS]
    return min(tried, key=lambda one: _error(one, values))


def _range(low: float, high: float) -> Range:
    scale = np.float32((high - low) / STEPS)
    return Range(scale, np.uint8(np.clip(np.rint(-low / scale), 0, STEPS)))


def _error(one: Range, values: NDArray[np.float32]) -> float:
    zero = np.float32(one.zero)
    codes = np.clip(np.rint(values / one.scale) + zero, 0, STEPS)
    return float(np.square((codes - zero) * one.scale - values, dtype=np.float64).sum())


def _observed(model: onnx.ModelProto, tensors: Sequence[str]) -> onnx.ModelProto:
    """Let the graph give ``(tensors, DRAWN)``: of each tensor the values at fixed, random places."""
    places = (np.sort(np.random.default_rng(0).random(DRAWN)) * BELOW_ONE).astype(np.float32)
    constants = {"calibration.places": places, "calibration.flat": np.array([-1]), "calibration.row": np.array([1, -1])}
    nodes: list[onnx.NodeProto] = []

    def node(kind: str, *inputs: str, name: str, **attributes: Any) -> str:
        nodes.append(helper.make_node(kind, list(inputs), [name], name=name, **attributes))
        return name

    rows = []
    for number, tensor in enumerate(tensors):
        name = f"calibration.{number}"
        flat = node("Reshape", tensor, "calibration.flat", name=f"{name}.flat")
        size = node("Cast", node("Size", flat, name=f"{name}.size"), name=f"{name}.wide", to=TensorProto.FLOAT)
        place = node("Floor", node("Mul", "calibration.places", size, name=f"{name}.mul"), name=f"{name}.floor")
        place = node("Cast", place, name=f"{name}.place", to=TensorProto.INT64)
        drawn = node("Gather", flat, place, name=f"{name}.drawn")
        rows.append(node("Reshape", drawn, "calibration.row", name=f"{name}.row"))
    node("Concat", *rows, name=ANSWER, axis=0)
    observed = onnx.ModelProto()
    observed.CopyFrom(model)
    graph = observed.graph
    graph.initializer.extend(numpy_helper.from_array(value, name) for name, value in constants.items())
    graph.node.extend(nodes)
    graph.ClearField("output")
    graph.output.append(helper.make_tensor_value_info(ANSWER, TensorProto.FLOAT, [len(tensors), DRAWN]))
    return observed
