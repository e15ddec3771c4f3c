"""Convolutions into an ONNX graph, the batch normalisation after each folded in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tonari_tools.onnx.onnx_graph import GraphWriter


def fold(
    weights: Mapping[str, NDArray[Any]], conv: str, norm: str, epsilon: float
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
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
    scale = gain / np.sqrt(variance + epsilon)
    folded = kernel * scale[:, None, None, None]
    return folded.astype(np.float32), (shift - mean * scale).astype(np.float32)


class Convolver:
    """Writes convolutions with ReLU6 after them.

    Parameters
    ----------
    graph
        Where the nodes go.
    weights
        The state dict.
    epsilon
        Of the batch normalisations.
    """

    def __init__(self, graph: GraphWriter, weights: Mapping[str, NDArray[Any]], epsilon: float) -> None:
        self._graph = graph
        self._weights = weights
        self._epsilon = epsilon
        self._six = (graph.floats("relu6.low", 0), graph.floats("relu6.high", 6))

    def __call__(
        self,
        x: str,
        conv: str,
        norm: str,
        *,
        padding: list[int] | None = None,
        stride: int = 1,
        depthwise: bool = False,
        linear: bool = False,
    ) -> str:
        """Add the convolution ``conv`` and the normalisation ``norm``; ``linear`` without ReLU6."""
        kernel, bias = fold(self._weights, conv, norm, self._epsilon)
        x = self._graph.node(
            "Conv",
            x,
            self._graph.constant(f"{conv}.weight", kernel),
            self._graph.constant(f"{conv}.bias", bias),
            kernel_shape=list(kernel.shape[2:]),
            strides=[stride, stride],
            pads=padding or [0, 0, 0, 0],
            group=len(kernel) if depthwise else 1,
            output=f"{conv}.out",
        )
        return x if linear else self._graph.node("Clip", x, *self._six, output=f"{conv}.relu6")
