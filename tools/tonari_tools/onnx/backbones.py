"""EfficientNet-Lite and MobileNetV2 as ONNX graphs, batch normalisation folded into the convolutions.

Sources: Tan & Le, "EfficientNet" (2019), and Google's Lite variant: no squeeze-and-excitation, ReLU6 for swish;
Sandler et al., "MobileNetV2: Inverted Residuals and Linear Bottlenecks" (2018), names as in torchvision.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from tonari_tools.onnx.graph_writer import Convolver, GraphWriter, Weights

LITE_MEAN, LITE_STD = 127.0, 128.0
LITE_EPSILON, MOBILENET_EPSILON = 1e-3, 1e-5
"""Of the batch normalisations."""
AROUND = [1, 1, 1, 1]
WIDTH = 1280
"""Length of the vector that either network gives."""


class Stage(NamedTuple):
    """A run of inverted residual blocks; only the first has the stride, the others add their input."""

    repeats: int
    kernel: int
    stride: int


LITE_STAGES = (
    Stage(1, 3, 1),
    Stage(2, 3, 2),
    Stage(2, 5, 2),
    Stage(3, 3, 2),
    Stage(3, 5, 1),
    Stage(4, 5, 2),
    Stage(1, 3, 1),
)
MOBILENET_STAGES = (
    Stage(1, 3, 1),
    Stage(2, 3, 2),
    Stage(3, 3, 2),
    Stage(4, 3, 2),
    Stage(3, 3, 1),
    Stage(3, 3, 2),
    Stage(1, 3, 1),
)
"""The very first block of either network is the only one that does not expand."""


class Variant(NamedTuple):
    """Side of the input in pixels, and what the repeats of all stages but the first and last are multiplied by."""

    size: int
    depth: float


LITE0, LITE2 = Variant(224, 1.0), Variant(260, 1.2)
SIZE = LITE0.size
STRIDE = 32
"""Pixels of the picture to a cell of the last maps."""


def same_padding(size: int, kernel: int, stride: int) -> list[int]:
    """TensorFlow's "SAME" padding (top, left, bottom, right): where it is odd, the far side gets more."""
    total = max((math.ceil(size / stride) - 1) * stride + kernel - size, 0)
    return [total // 2, total // 2, total - total // 2, total - total // 2]


def write_lite(graph: GraphWriter, weights: Weights, pixels: str, variant: Variant = LITE0) -> str:
    """Add the network over float32 ``(batch, 3, size, size)`` RGB of 0..255; gives ``(batch, 1280, side, side)``.

    ``side`` is ``size / 32``, rounded up; no response is negative.
    """
    convolve, size = Convolver(graph, weights, LITE_EPSILON), variant.size
    x = graph.node("Sub", pixels, graph.floats("pixels.mean", LITE_MEAN))
    x = graph.node("Div", x, graph.floats("pixels.std", LITE_STD))
    x = convolve(x, "_conv_stem", "_bn0", padding=same_padding(size, 3, 2), stride=2)
    block, size = 0, math.ceil(size / 2)
    for stage in LITE_STAGES:
        outer = stage in {LITE_STAGES[0], LITE_STAGES[-1]}
        for repeat in range(stage.repeats if outer else math.ceil(stage.repeats * variant.depth)):
            stride, name = 1 if repeat else stage.stride, f"_blocks.{block}"
            padding = same_padding(size, stage.kernel, stride)
            y = convolve(x, f"{name}._expand_conv", f"{name}._bn0") if block else x
            y = convolve(y, f"{name}._depthwise_conv", f"{name}._bn1", padding=padding, stride=stride, depthwise=True)
            y = convolve(y, f"{name}._project_conv", f"{name}._bn2", linear=True)
            x = graph.node("Add", x, y) if repeat else y
            block, size = block + 1, math.ceil(size / stride)
    return convolve(x, "_conv_head", "_bn1")


def write_mobilenetv2(graph: GraphWriter, weights: Weights, pixels: str) -> str:
    """Add the network over float32 ``(batch, 3, 224, 224)``, normalised; gives ``(batch, 1280)``, any length."""
    convolve, block = Convolver(graph, weights, MOBILENET_EPSILON), 1
    x = convolve(pixels, "features.0.0", "features.0.1", padding=AROUND, stride=2)
    for stage in MOBILENET_STAGES:
        for repeat in range(stage.repeats):
            stride, name, layer = 1 if repeat else stage.stride, f"features.{block}.conv", 3 if block > 1 else 0
            y = convolve(x, f"{name}.0", f"{name}.1") if block > 1 else x
            y = convolve(y, f"{name}.{layer}", f"{name}.{layer + 1}", padding=AROUND, stride=stride, depthwise=True)
            y = convolve(y, f"{name}.{layer + 3}", f"{name}.{layer + 4}", linear=True)
            x = graph.node("Add", x, y) if repeat else y
            block += 1
    return average(graph, convolve(x, f"features.{block}.0", f"features.{block}.1"))


def average(graph: GraphWriter, maps: str) -> str:
    """Add the mean over all places of ``(batch, channels, side, side)``; gives ``(batch, channels)``."""
    return graph.node("Flatten", graph.node("GlobalAveragePool", maps), axis=1)
