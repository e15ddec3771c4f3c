"""MobileNetV2 as an ONNX graph, batch normalisation folded into the convolutions.

Source: Sandler et al., "MobileNetV2: Inverted Residuals and Linear Bottlenecks" (2018); names as in torchvision.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from tonari_tools.onnx.convolution import Convolver
from tonari_tools.onnx.onnx_graph import GraphWriter

SIZE = 224
WIDTH = 1280
BATCH_NORM_EPSILON = 1e-5
AROUND = [1, 1, 1, 1]


@dataclass(frozen=True, slots=True)
class Stage:
    """A run of blocks; only the first has the stride, the others add their input."""

    expansion: int
    repeats: int
    stride: int


STAGES = (
    Stage(1, 1, 1),
    Stage(6, 2, 2),
    Stage(6, 3, 2),
    Stage(6, 4, 2),
    Stage(6, 3, 1),
    Stage(6, 3, 2),
    Stage(6, 1, 1),
)


def embed(graph: GraphWriter, weights: Mapping[str, NDArray[Any]], pixels: str) -> str:
    """Add the network over float32 ``(batch, 3, 224, 224)``, normalised; gives ``(batch, 1280)``, any length."""
    convolve = Convolver(graph, weights, BATCH_NORM_EPSILON)
    x = convolve(pixels, "features.0.0", "features.0.1", padding=AROUND, stride=2)
    block = 1
    for stage in STAGES:
        for repeat in range(stage.repeats):
            y = _block(convolve, x, f"features.{block}.conv", stage, 1 if repeat else stage.stride)
            x = graph.node("Add", x, y) if repeat else y
            block += 1
    x = convolve(x, f"features.{block}.0", f"features.{block}.1")
    return graph.node("Flatten", graph.node("GlobalAveragePool", x), axis=1)


def _block(convolve: Convolver, x: str, name: str, stage: Stage, stride: int) -> str:
    layer = 0
    if stage.expansion > 1:
        x = convolve(x, f"{name}.0", f"{name}.1")
        layer = 3
    x = convolve(x, f"{name}.{layer}", f"{name}.{layer + 1}", padding=AROUND, stride=stride, depthwise=True)
    return convolve(x, f"{name}.{layer + 3}", f"{name}.{layer + 4}", linear=True)
