from __future__ import annotations

import numpy as np
import onnx
import pytest

from tonari.encoders.onnx import Session
from tonari.errors import UnencodableImageError
from tonari_tools.onnx.backbones import same_padding
from tonari_tools.onnx.graph_writer import fold, serialise
from tonari_tools.onnx.recipe import write_graph


def convolve(x, kernel, padding, stride, groups):
    """Slide ``kernel`` over ``(channels, height, width)`` in float64, one tap at a time."""
    top, left, bottom, right = padding
    x = np.pad(x, ((0, 0), (top, bottom), (left, right)))
    size = kernel.shape[2]
    rows, columns = ((side - size) // stride + 1 for side in x.shape[1:])
    out = np.zeros((len(kernel), rows, columns))
    for i in range(size):
        for j in range(size):
            patch = x[:, i : i + rows * stride : stride, j : j + columns * stride : stride][:, :rows, :columns]
            if groups == 1:
                out += np.einsum("oc,chw->ohw", kernel[:, :, i, j], patch)
            else:
                out += kernel[:, 0, i, j, None, None] * patch
    return out


def normalise(x, weights, name):
    gain, shift, mean, variance = (
        weights[f"{name}.{part}"].astype(float)[:, None, None]
        for part in ("weight", "bias", "running_mean", "running_var")
    )
    return (x - mean) / np.sqrt(variance + 1e-3) * gain + shift


def first_blocks(picture, weights):
    """Stem, block 0 and block 1 as the paper has them: convolution, then batch normalisation, then ReLU6."""

    def step(x, conv, norm, *, padding=(0, 0, 0, 0), stride=1, groups=1, linear=False):
        x = normalise(convolve(x, weights[f"{conv}.weight"].astype(float), padding, stride, groups), weights, norm)
        return x if linear else np.clip(x, 0, 6)

    x = (picture.transpose(2, 0, 1) - 127.0) / 128.0
    x = step(x, "_conv_stem", "_bn0", padding=(0, 0, 1, 1), stride=2)
    x = step(x, "_blocks.0._depthwise_conv", "_blocks.0._bn1", padding=(1, 1, 1, 1), groups=32)
    x = step(x, "_blocks.0._project_conv", "_blocks.0._bn2", linear=True)
    x = step(x, "_blocks.1._expand_conv", "_blocks.1._bn0")
    x = step(x, "_blocks.1._depthwise_conv", "_blocks.1._bn1", padding=(0, 0, 1, 1), stride=2, groups=96)
    return step(x, "_blocks.1._project_conv", "_blocks.1._bn2", linear=True)


def test_the_folded_graph_agrees_with_unfolded_arithmetic(weights, tmp_path):
    model = write_graph(weights, {})
    inner = "_blocks.1._project_conv.out"
    model.graph.output.append(onnx.helper.make_tensor_value_info(inner, onnx.TensorProto.FLOAT, None))
    path = tmp_path / "model.onnx"
    path.write_bytes(serialise(model))
    picture = np.random.default_rng(0).integers(0, 256, (224, 224, 3), dtype=np.uint8)
    ours = Session(path, ("image",), inner, 1, UnencodableImageError).run({"image": picture[None]})[0]
    expected = first_blocks(picture, weights)
    assert ours.shape == expected.shape == (24, 56, 56)
    np.testing.assert_allclose(ours, expected, atol=2e-4 * np.abs(expected).max())


def test_folding_keeps_what_the_two_steps_give(weights):
    kernel, bias = fold(weights, "_conv_stem", "_bn0", 1e-3)
    x = np.random.default_rng(1).normal(size=(3, 3, 3))
    two_steps = normalise(convolve(x, weights["_conv_stem.weight"].astype(float), (0, 0, 0, 0), 1, 1), weights, "_bn0")
    one_step = np.einsum("ocij,cij->o", kernel.astype(float), x) + bias
    np.testing.assert_allclose(one_step, two_steps[:, 0, 0], atol=1e-5)


@pytest.mark.parametrize(
    ("size", "kernel", "stride", "padding"),
    [(224, 3, 2, [0, 0, 1, 1]), (112, 3, 1, [1, 1, 1, 1]), (56, 5, 2, [1, 1, 2, 2]), (7, 3, 2, [1, 1, 1, 1])],
)
def test_odd_padding_goes_to_the_far_side(size, kernel, stride, padding):
    assert same_padding(size, kernel, stride) == padding
