from __future__ import annotations

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import numpy_helper

from networks import noise, small, write
from tonari.encoders.onnx import Session
from tonari_tools.onnx.calibration import calibrate
from tonari_tools.onnx.layers import find_layers
from tonari_tools.onnx.onnx_graph import serialise
from tonari_tools.onnx.static import make_static


@pytest.fixture(scope="module")
def model():
    return small()


@pytest.fixture(scope="module")
def layers(model):
    return find_layers(model.graph)


@pytest.fixture(scope="module")
def ranges(model, layers):
    return calibrate(model, "image", [name for layer in layers for name in layer.observed()], noise(16))


def embed(path):
    session = Session(path, "image", "embedding", 1)
    rows = np.concatenate([session.run(view[None]) for view in noise(24)[16:]]).astype(float)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def run_kinds(path, folder):
    """Name the operators that are left when onnxruntime has made the graph its own."""
    options = onnxruntime.SessionOptions()
    options.optimized_model_filepath = str(folder / "optimised.onnx")
    options.log_severity_level = 3
    onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    return [node.op_type for node in onnx.load(folder / "optimised.onnx").graph.node]


def test_layers_and_what_they_observe(layers):
    assert [layer.kernel.partition(".")[2] for layer in layers] == ["stem", "depth", "point", "side", "gemm", "matrix"]
    assert [layer.answer for layer in layers] == ["Clip_4", "Relu_6", "Relu_8", "Conv_9", "", ""]
    assert [bool(layer.bias) for layer in layers] == [True, False, True, False, True, False]


def test_layers_that_are_left_alone(model):
    odd = onnx.ModelProto()
    odd.CopyFrom(model)
    nodes = {node.input[1]: node for node in odd.graph.node if len(node.input) > 1}
    nodes["layer.gemm"].attribute.append(onnx.helper.make_attribute("alpha", 0.5))
    nodes["layer.stem"].input[2] = "image.bias"
    odd.graph.node.append(onnx.helper.make_node("Identity", ["layer.point"], ["again"]))
    assert [layer.kernel for layer in find_layers(odd.graph)] == ["layer.depth", "layer.side", "layer.matrix"]


def test_embeddings_stay_near(model, layers, ranges, tmp_path):
    exact = embed(write(model, tmp_path / "a.onnx"))
    static = embed(write(make_static(model, layers, ranges), tmp_path / "b.onnx"))
    cosines = (exact * static).sum(axis=1)
    assert cosines.min() > 0.98
    assert not np.allclose(exact, static, atol=1e-4)


def test_the_arithmetic_is_done_in_whole_numbers(model, layers, ranges, tmp_path):
    kinds = run_kinds(write(make_static(model, layers, ranges), tmp_path / "a.onnx"), tmp_path)
    assert kinds.count("QLinearConv") == 4
    assert not {"Conv", "Gemm", "MatMul", "Clip", "Relu"} & set(kinds)


def test_layers_that_were_not_asked_for_stay_in_float32(model, layers, ranges, tmp_path):
    path = write(make_static(model, layers[2:], ranges), tmp_path / "a.onnx")
    kinds = run_kinds(path, tmp_path)
    assert kinds.count("QLinearConv") == 2
    assert sum(kind in {"Conv", "FusedConv"} for kind in kinds) == 2


@pytest.mark.parametrize("rounded", [False, True])
def test_a_layer_between_rounded_ones_is_not_rounded_at_load(model, layers, ranges, rounded, tmp_path):
    """onnxruntime rounds a float32 kernel that reads a rounded tensor and gives one: were it to read one, it would."""
    spread = onnx.ModelProto()
    spread.CopyFrom(model)
    (depth,) = (tensor for tensor in spread.graph.initializer if tensor.name == "layer.depth")
    kernel = numpy_helper.to_array(depth) * np.logspace(-4, 0, 32, dtype=np.float32).reshape(-1, 1, 1, 1)
    depth.CopyFrom(numpy_helper.from_array(kernel, "layer.depth"))
    make = make_static(spread, [layers[0], *layers[2:]], ranges)
    for node in make.graph.node:
        if rounded and node.input[1:2] == ["layer.depth"]:
            node.input[0] += ".read"
    run_kinds(write(make, tmp_path / "a.onnx"), tmp_path)
    stored = [numpy_helper.to_array(tensor) for tensor in onnx.load(tmp_path / "optimised.onnx").graph.initializer]
    kernels = [one.dtype for one in stored if one.size == kernel.size]
    assert kernels == [np.int8 if rounded else np.float32]


def test_weights_are_of_seven_bits_but_for_depthwise(model, layers, ranges):
    stored = {one.name: numpy_helper.to_array(one) for one in make_static(model, layers, ranges).graph.initializer}
    widest = {name: int(np.abs(stored[f"layer.{name}.codes"]).max()) for name in ("stem", "depth", "point", "gemm")}
    assert widest == {"stem": 63, "depth": 127, "point": 63, "gemm": 63}


def test_the_bias_of_a_dead_channel_is_kept(model, layers, ranges):
    dead = onnx.ModelProto()
    dead.CopyFrom(model)
    (tensor,) = (one for one in dead.graph.initializer if one.name == "layer.point")
    kernel = numpy_helper.to_array(tensor).copy()
    kernel[7] = 0
    tensor.CopyFrom(numpy_helper.from_array(kernel, "layer.point"))
    stored = {one.name: numpy_helper.to_array(one) for one in make_static(dead, layers, ranges).graph.initializer}
    whole = stored["layer.point.bias.codes"] * stored["layer.point.bias.scales"].astype(float)
    bias = next(numpy_helper.to_array(one) for one in model.graph.initializer if one.name == "layer.point.offset")
    assert not stored["layer.point.codes"][7].any()
    np.testing.assert_allclose(whole, bias, rtol=0.02, atol=1e-3)


def test_equal_input_gives_equal_bytes(model, layers, ranges):
    assert serialise(make_static(model, layers, ranges)) == serialise(make_static(model, layers, ranges))
