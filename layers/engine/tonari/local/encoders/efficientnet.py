"""EfficientNet-Lite0 as an ONNX graph, batch normalisation folded into the convolutions.

Source: Tan & Le, "EfficientNet" (2019), and Google's Lite variant: no squeeze-and-excitation, ReLU6 for swish.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from tonari.local.encoders.onnx_graph import GraphWriter

SIZE = 224
MEAN = 127.0
STD = 128.0
WIDTH = 1280
BATCH_NORM_EPSILON = 1e-3


@dataclass(frozen=True, slots=True)
class Stage:
    """A run of blocks; only the first has the stride."""

    repeats: int
    kernel: int
    stride: int
    expansion: int


STAGES = (
    Stage(1, 3, 1, 1),
    Stage(2, 3, 2, 6),
    Stage(2, 5, 2, 6),
    Stage(3, 3, 2, 6),
    Stage(3, 5, 1, 6),
    Stage(4, 5, 2, 6),
    Stage(1, 3, 1, 6),
)


def fold(weights: Mapping[str, NDArray[Any]], conv: str, norm: str) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Fold a batch normalisation into the convolution before it, in float64.

    Returns
    -------
    kernel : (out, in / groups, k, k) float32
    bias : (out,) float32
    """
    kernel = weights[f"{conv}.weight"].astype(np.float64)
    gain, shift, mean, variance = (
        weights[f"{norm}.{part}"].astype(np.float64) for part in ("weight", "bias", "running_mean", "running_var")
    )
    scale = gain / np.sqrt(variance + BATCH_NORM_EPSILON)
    folded = kernel * scale[:, None, None, None]
    return folded.astype(np.float32), (shift - mean * scale).astype(np.float32)


def same_padding(size: int, kernel: int, stride: int) -> list[int]:
    """TensorFlow's "SAME" padding (top, left, bottom, right): where it is odd, the far side gets more."""
    total = max((math.ceil(size / stride) - 1) * stride + kernel - size, 0)
    return [total // 2, total // 2, total - total // 2, total - total // 2]


class Lite0:
    """Writes the network into a graph.

    Parameters
    ----------
    graph
        Where the nodes go.
    weights
        The state dict.
    """

    def __init__(self, graph: GraphWriter, weights: Mapping[str, NDArray[Any]]) -> None:
        self._graph = graph
        self._weights = weights
        self._six = (graph.floats("relu6.low", 0), graph.floats("relu6.high", 6))

    def embed(self, pixels: str) -> str:
        """Add the network over float32 ``(batch, 3, 224, 224)`` RGB of 0..255; gives ``(batch, 1280)``, any length."""
        graph = self._graph
        x = graph.node("Sub", pixels, graph.floats("pixels.mean", MEAN))
        x = graph.node("Div", x, graph.floats("pixels.std", STD))
        x = self._convolve(x, "_conv_stem", "_bn0", padding=same_padding(SIZE, 3, 2), stride=2)
        block, size = 0, SIZE // 2
        for stage in STAGES:
            for repeat in range(stage.repeats):
                stride = stage.stride if repeat == 0 else 1
                y = self._block(x, f"_blocks.{block}", stage, stride, size)
                x = graph.node("Add", x, y) if repeat else y
                block, size = block + 1, math.ceil(size / stride)
        x = self._convolve(x, "_conv_head", "_bn1")
        return graph.node("Flatten", graph.node("GlobalAveragePool", x), axis=1)

    def _block(self, x: str, name: str, stage: Stage, stride: int, size: int) -> str:
        """Inverted residual: expand, filter each channel, project (Sandler et al., 2018)."""
        if stage.expansion > 1:
            x = self._convolve(x, f"{name}._expand_conv", f"{name}._bn0")
        x = self._convolve(
            x,
            f"{name}._depthwise_conv",
            f"{name}._bn1",
            padding=same_padding(size, stage.kernel, stride),
            stride=stride,
            groups=len(self._weights[f"{name}._depthwise_conv.weight"]),
        )
        return self._convolve(x, f"{name}._project_conv", f"{name}._bn2", linear=True)

    def _convolve(
        self,
        x: str,
        conv: str,
        norm: str,
        *,
        padding: list[int] | None = None,
        stride: int = 1,
        groups: int = 1,
        linear: bool = False,
    ) -> str:
        kernel, bias = fold(self._weights, conv, norm)
        x = self._graph.node(
            "Conv",
            x,
            self._graph.constant(f"{conv}.weight", kernel),
            self._graph.constant(f"{conv}.bias", bias),
            kernel_shape=list(kernel.shape[2:]),
            strides=[stride, stride],
            pads=padding or [0, 0, 0, 0],
            group=groups,
            output=f"{conv}.out",
        )
        return x if linear else self._graph.node("Clip", x, *self._six, output=f"{conv}.relu6")
