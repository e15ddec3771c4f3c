from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from tonari_tools.onnx.graph_writer import GraphWriter, serialise
from tonari_tools.onnx.int8_weights import quantise, store_int8


def test_rounds_each_channel_by_its_own_scale():
    kernel = np.random.default_rng(0).normal(size=(8, 16, 3, 3)).astype(np.float32)
    kernel *= np.logspace(-3, 3, 8, dtype=np.float32)[:, None, None, None]
    codes, scales = quantise(kernel)
    assert codes.dtype == np.int8
    assert scales.shape == (8, 1, 1, 1)
    error = np.linalg.norm((codes * scales - kernel).reshape(8, -1), axis=1)
    assert (error / np.linalg.norm(kernel.reshape(8, -1), axis=1)).max() < 0.012


def test_clips_an_outlier_when_that_leaves_less_error():
    kernel = np.random.default_rng(1).normal(size=(1, 4096)).astype(np.float32)
    kernel[0, 0] = 6
    codes, scales = quantise(kernel)
    plain = np.abs(kernel).max() / 127
    assert scales[0, 0] < plain
    assert np.square(codes * scales - kernel).sum() < np.square(np.rint(kernel / plain) * plain - kernel).sum()


def test_a_channel_of_zeros_stays_zero():
    codes, scales = quantise(np.zeros((2, 30), np.float32))
    assert not codes.any()
    assert np.isfinite(scales).all()


@pytest.fixture
def model():
    graph = GraphWriter()
    rng = np.random.default_rng(2)
    x = graph.node("Cast", "image", to=onnx.TensorProto.FLOAT)
    x = graph.node("Conv", x, graph.floats("wide", rng.normal(size=(512, 3, 3, 3))), kernel_shape=[3, 3])
    x = graph.node("Conv", x, graph.floats("narrow", rng.normal(size=(4, 512, 1, 1))), kernel_shape=[1, 1])
    x = graph.node("Conv", x, graph.floats("depthwise", rng.normal(size=(4, 1, 3, 3))), kernel_shape=[3, 3], group=4)
    graph.node("Mul", x, graph.floats("gain", 2.0), output="out")
    return graph.model(("image", ["batch", 3, 8, 8]), {"out": ["batch", 4, 4, 4]}, {})


def test_only_kernels_are_stored_small(model):
    small = store_int8(model)
    kinds = {tensor.name: numpy_helper.to_array(tensor).dtype for tensor in small.graph.initializer}
    assert kinds == {
        "wide.codes": np.int8,
        "wide.scales": np.float32,
        "narrow.half": np.float16,
        "depthwise.half": np.float16,
        "gain": np.float32,
    }
    assert {tensor.name for tensor in model.graph.initializer} == {"wide", "narrow", "depthwise", "gain"}


def test_equal_models_give_equal_bytes(model):
    assert serialise(store_int8(model)) == serialise(store_int8(model))


def test_a_constant_cannot_be_named_twice():
    graph = GraphWriter()
    graph.floats("a", 1)
    with pytest.raises(ValueError, match="two constants named a"):
        graph.floats("a", 2)
