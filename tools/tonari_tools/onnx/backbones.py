"""EfficientNet-Lite and MobileNetV2 as ONNX graphs, batch normalisation folded into the convolutions.

Sources: Tan & Le, "EfficientNet" (2019), and Google's Lite variant: no squeeze-and-excitation, ReLU6 for swish;
Sandler et al., "MobileNetV2: Inverted Residuals and Linear Bottlenecks" (2018), names as in torchvision.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from tonari_tools.onnx.graph_writer import Convolver, GraphWriter

LITE_MEAN, LITE_STD = 127.0, 128.0
LITE_EPSILON, MOBILENET_EPSILON = 1e-3, 1e-5
"""Of the batch normalisations."""
AROUND = [1, 1, 1, 1]
WIDTH = 1280
"""Length of the vector that either network gives."""


@dataclass(frozen=True, slots=True)
class Stage:
    """A run of inverted residual blocks; only the first has the stride, the others add their input."""

    repeats: int
    kernel: int
    stride: int
    expansion: int


LITE_STAGES = (
    Stage(1, 3, 1, 1),
    Stage(2, 3, 2, 6),
    Stage(2, 5, 2, 6),
    Stage(3, 3, 2, 6),
    Stage(3, 5, 1, 6),
    Stage(4, 5, 2, 6),
    Stage(1, 3, 1, 6),
)
MOBILENET_STAGES = (
    Stage(1, 3, 1, 1),
    Stage(2, 3, 2, 6),
    Stage(3, 3, 2, 6),
    Stage(4, 3, 2, 6),
    Stage(3, 3, 1, 6),
    Stage(3, 3, 2, 6),
    Stage(1, 3, 1, 6),
)


@dataclass(frozen=True, slots=True)
class Variant:
    """Side of the input in pixels, and what the repeats of all stages but the first and last are multiplied by."""

    size: int
    depth: float


LITE0, LITE2 = Variant(224, 1.0), Variant(260, 1.2)
SIZE = LITE0.size


def same_padding(size: int, kernel: int, stride: int) -> list[int]:
    """TensorFlow's "SAME" padding (top, left, bottom, right): where it is odd, the far side gets more."""
    total = max((math.ceil(size / stride) - 1) * stride + kernel - size, 0)
    return [total // 2, total // 2, total - total // 2, total - total // 2]


class Lite:
    """Writes the network into a graph.

    Parameters
    ----------
    graph
        Where the nodes go.
    weights
        The state dict; it has the widths.
    variant
        The rest.
    """

    def __init__(self, graph: GraphWriter, weights: Mapping[str, NDArray[Any]], variant: Variant = LITE0) -> None:
        self._graph = graph
        self._variant = variant
        self._convolve = Convolver(graph, weights, LITE_EPSILON)

    def embed(self, pixels: str) -> str:
        """Add the network over float32 ``(batch, 3, size, size)`` RGB of 0..255; gives ``(batch, 1280)``."""
        graph, size = self._graph, self._variant.size
        x = graph.node("Sub", pixels, graph.floats("pixels.mean", LITE_MEAN))
        x = graph.node("Div", x, graph.floats("pixels.std", LITE_STD))
        x = self._convolve(x, "_conv_stem", "_bn0", padding=same_padding(size, 3, 2), stride=2)
        block, size = 0, math.ceil(size / 2)
        for stage, repeats in zip(LITE_STAGES, self._repeats(), strict=True):
            for repeat in range(repeats):
                stride = stage.stride if repeat == 0 else 1
                y = self._block(x, f"_blocks.{block}", stage, stride, size)
                x = graph.node("Add", x, y) if repeat else y
                block, size = block + 1, math.ceil(size / stride)
        x = self._convolve(x, "_conv_head", "_bn1")
        return graph.node("Flatten", graph.node("GlobalAveragePool", x), axis=1)

    def _repeats(self) -> list[int]:
        first, *inner, last = (stage.repeats for stage in LITE_STAGES)
        return [first, *(math.ceil(repeats * self._variant.depth) for repeats in inner), last]

    def _block(self, x: str, name: str, stage: Stage, stride: int, size: int) -> str:
        """Inverted residual: expand, filter each channel, project (Sandler et al., 2018)."""
        if stage.expansion > 1:
            x = self._convolve(x, f"{name}._expand_conv", f"{name}._bn0")
        padding = same_padding(size, stage.kernel, stride)
        x = self._convolve(x, f"{name}._depthwise_conv", f"{name}._bn1", padding=padding, stride=stride, depthwise=True)
        return self._convolve(x, f"{name}._project_conv", f"{name}._bn2", linear=True)


def write_mobilenetv2(graph: GraphWriter, weights: Mapping[str, NDArray[Any]], pixels: str) -> str:
    """Add the network over float32 ``(batch, 3, 224, 224)``, normalised; gives ``(batch, 1280)``, any length."""
    convolve = Convolver(graph, weights, MOBILENET_EPSILON)
    x = convolve(pixels, "features.0.0", "features.0.1", padding=AROUND, stride=2)
    block = 1
    for stage in MOBILENET_STAGES:
        for repeat in range(stage.repeats):
            y = _mobilenet_block(convolve, x, f"features.{block}.conv", stage, 1 if repeat else stage.stride)
            x = graph.node("Add", x, y) if repeat else y
            block += 1
    x = convolve(x, f"features.{block}.0", f"features.{block}.1")
    return graph.node("Flatten", graph.node("GlobalAveragePool", x), axis=1)


def _mobilenet_block(convolve: Convolver, x: str, name: str, stage: Stage, stride: int) -> str:
    layer = 0
    if stage.expansion > 1:
        x = convolve(x, f"{name}.0", f"{name}.1")
        layer = 3
    x = convolve(x, f"{name}.{layer}", f"{name}.{layer + 1}", padding=AROUND, stride=stride, depthwise=True)
    return convolve(x, f"{name}.{layer + 3}", f"{name}.{layer + 4}", linear=True)
