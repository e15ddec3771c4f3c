"""A small histogram of colour inside the graph: what a classifier's embedding has thrown away.

Each cell of a grid over the picture spreads its vote over the nearest of a lattice of colours; the square roots of the
shares make a cosine of two histograms their Bhattacharyya coefficient. Colours are CIE Lab with the chroma companded as
the colour difference CIE94 weighs it, so that greys are told apart by tints that would not matter between strong reds.

A cell counts by where it lies, by how unlike white it is, and by how strongly the network's last convolution responds
there. It responds where it sees an object [Wei et al., Selective convolutional descriptor aggregation for fine-grained
image retrieval, IEEE TIP 26, 2017; they add up the channels likewise].
"""

from __future__ import annotations

import itertools

import numpy as np
from numpy.typing import NDArray

from tonari_tools.onnx.graph_writer import GraphWriter

GRID = 28
MIDDLE = 1 / 3
LIGHTNESS = 0.7
CHROMA = 0.045
SPACING = 8.2
SOFTNESS = 3.0
BINS = 192
BACKDROP = 10.0
BACKDROP_SHARE = 0.05
LEAST_RESPONSE = 1e-6

RGB_TO_XYZ = np.array([[0.412453, 0.357580, 0.180423], [0.212671, 0.715160, 0.072169], [0.019334, 0.119193, 0.950227]])
D65 = np.array([0.950456, 1.0, 1.088754])
XYZ_TO_AB = np.array([[500.0, -500.0, 0.0], [0.0, 200.0, -200.0]])


def companded_lab(rgb: NDArray[np.float64]) -> NDArray[np.float64]:
    """Colours as the histogram places them.

    Parameters
    ----------
    rgb
        ``(..., 3)`` sRGB, 0..255.

    Returns
    -------
    (..., 3) float64
        ``LIGHTNESS * L*``, and a*, b* shortened to a chroma of ``log(1 + CHROMA * C*) / CHROMA``, whose derivative is
        the weight of chroma in CIE94.
    """
    linear = rgb / 255
    linear = np.where(linear > 0.04045, ((linear + 0.055) / 1.055) ** 2.4, linear / 12.92)
    xyz = linear @ (RGB_TO_XYZ / D65[:, None]).T
    root = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    ab = root @ XYZ_TO_AB.T
    chroma = np.maximum(np.linalg.norm(ab, axis=-1, keepdims=True), 1e-3)
    lightness = LIGHTNESS * (116 * root[..., 1:2] - 16)
    placed: NDArray[np.float64] = np.concatenate([lightness, ab * np.log1p(CHROMA * chroma) / (CHROMA * chroma)], -1)
    return placed


def lattice() -> NDArray[np.float64]:
    """Centres ``(BINS, 3)`` of a face-centred cubic lattice: those that own most of the sRGB cube."""
    line = np.linspace(0, 255, 33)
    cube = companded_lab(np.array(list(itertools.product(line, line, line))))
    reach = zip(np.floor(cube.min(axis=0) / SPACING), np.ceil(cube.max(axis=0) / SPACING), strict=True)
    steps = np.array(list(itertools.product(*(np.arange(least, most + 1) for least, most in reach))))
    points = steps[steps.sum(axis=1) % 2 == 0] * SPACING
    nearest = (cube @ points.T - np.square(points).sum(axis=1) / 2).argmax(axis=1)
    share = np.bincount(nearest, minlength=len(points))
    centres: NDArray[np.float64] = points[np.sort(np.argsort(-share, kind="stable")[:BINS])]
    return centres


def middle() -> NDArray[np.float64]:
    """Weights ``(GRID * GRID,)`` of the cells: a Gaussian around the middle, where products stand."""
    line = np.exp(-np.square((np.arange(GRID) - (GRID - 1) / 2) / (GRID * MIDDLE)) / 2)
    weights: NDArray[np.float64] = np.outer(line, line).ravel()
    return weights


def write_histogram(graph: GraphWriter, pixels: str, size: int, maps: str, side: int) -> str:
    """Add the histogram of float32 ``(batch, 3, size, size)`` RGB of 0..255; gives unit rows ``(batch, BINS)``.

    Near-white cells, mostly backdrop, count ``BACKDROP_SHARE`` of the others; a white product is then still white.

    Parameters
    ----------
    maps
        Responses of the network's last convolution, none negative: ``(batch, channels, side, side)``.
    """
    cell, centres = size // GRID, lattice()
    x = graph.node("AveragePool", pixels, kernel_shape=[cell, cell], strides=[cell, cell])
    x = graph.node("Reshape", x, graph.constant("colour.rows", np.array([0, 3, GRID * GRID])))
    colours = _write_lab(graph, graph.node("Transpose", x, perm=[0, 2, 1]))
    offset = graph.floats("colour.offset", -np.square(centres).sum(axis=1) / (2 * SOFTNESS**2))
    logits = graph.node("MatMul", colours, graph.floats("colour.centres", centres.T / SOFTNESS**2))
    votes = graph.node("Softmax", graph.node("Add", logits, offset), axis=2)
    shares = graph.node("MatMul", _write_weights(graph, colours, maps, side), votes)
    return graph.unit_length(graph.node("Sqrt", graph.node("Flatten", shares, axis=1)), output="colour.unit")


def _write_weights(graph: GraphWriter, colours: str, maps: str, side: int) -> str:
    """How much each cell counts: ``(batch, 1, GRID * GRID)``."""
    apart = graph.node("Sub", colours, graph.floats("backdrop.white", [100 * LIGHTNESS, 0, 0]))
    apart = graph.node("ReduceSumSquare", apart, axes=[2], keepdims=1)
    alike = graph.node("Exp", graph.node("Mul", apart, graph.floats("backdrop.width", -1 / (2 * BACKDROP**2))))
    lost = graph.node("Mul", alike, graph.floats("backdrop.loss", 1 - BACKDROP_SHARE))
    kept = graph.node("Sub", graph.floats("backdrop.all", 1), lost)
    weights = graph.node("Mul", kept, graph.floats("colour.middle", middle()[:, None]))
    weights = graph.node("Transpose", weights, perm=[0, 2, 1])
    return graph.node("Mul", weights, _write_attention(graph, maps, side))


def _write_attention(graph: GraphWriter, maps: str, side: int) -> str:
    """How strongly the network responds at each cell, between its own cells bilinearly: ``(batch, 1, GRID * GRID)``."""
    response = graph.node("ReduceMean", maps, axes=[1], keepdims=1)
    response = graph.node("Max", response, graph.floats("attention.least", LEAST_RESPONSE))
    scales = graph.floats("attention.scales", [1, 1, GRID / side, GRID / side])
    response = graph.node("Resize", response, "", scales, mode="linear")
    return graph.node("Reshape", response, graph.constant("attention.row", np.array([0, 1, GRID * GRID])))


def _write_lab(graph: GraphWriter, rgb: str) -> str:
    """Write :func:`companded_lab` into the graph."""
    x = graph.node("Div", rgb, graph.floats("srgb.white", 255))
    steep = graph.node("Div", graph.node("Add", x, graph.floats("srgb.a", 0.055)), graph.floats("srgb.b", 1.055))
    steep = graph.node("Pow", steep, graph.floats("srgb.gamma", 2.4))
    flat = graph.node("Div", x, graph.floats("srgb.slope", 12.92))
    x = graph.node("Where", graph.node("Greater", x, graph.floats("srgb.knee", 0.04045)), steep, flat)
    x = graph.node("MatMul", x, graph.floats("lab.xyz", (RGB_TO_XYZ / D65[:, None]).T))
    root = graph.node("Max", x, graph.floats("lab.least", 1e-6))
    root = graph.node("Pow", root, graph.floats("lab.third", 1 / 3))
    line = graph.node("Mul", x, graph.floats("lab.slope", 7.787))
    line = graph.node("Add", line, graph.floats("lab.foot", 16 / 116))
    x = graph.node("Where", graph.node("Greater", x, graph.floats("lab.knee", 0.008856)), root, line)
    lightness = graph.node("MatMul", x, graph.floats("lab.l", [[0], [116 * LIGHTNESS], [0]]))
    lightness = graph.node("Sub", lightness, graph.floats("lab.black", 16 * LIGHTNESS))
    ab = graph.node("MatMul", x, graph.floats("lab.ab", XYZ_TO_AB.T))
    chroma = graph.node("ReduceL2", ab, axes=[2], keepdims=1)
    scaled = graph.node("Mul", chroma, graph.floats("cie94.chroma", CHROMA))
    scaled = graph.node("Max", scaled, graph.floats("cie94.grey", CHROMA * 1e-3))
    short = graph.node("Log", graph.node("Add", scaled, graph.floats("cie94.one", 1)))
    return graph.node("Concat", lightness, graph.node("Mul", ab, graph.node("Div", short, scaled)), axis=2)
