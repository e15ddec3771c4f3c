from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import numpy_helper

from networks import noise, small, write
from tonari.encoders.image import EncoderConfig, ImageEncoder
from tonari.encoders.onnx import Session
from tonari.errors import InvalidEncoderError, UnencodableImageError
from tonari.images.framing import Framing
from tonari_tools.onnx.graph_writer import serialise
from tonari_tools.onnx.static_int8 import Quantiser, choose_static

SIDE, DIMENSIONS = 32, 128


@pytest.fixture(scope="module")
def model():
    return small()


@pytest.fixture(scope="module")
def quantiser(model, tmp_path_factory):
    return Quantiser(model, "image", noise(16), tmp_path_factory.mktemp("quantiser"))


@pytest.fixture(scope="module")
def static(quantiser):
    return quantiser.quantise(0)


def embed(path):
    session = Session(path, ("image",), "embedding", 1, UnencodableImageError)
    rows = np.concatenate([session.run({"image": view[None]}) for view in noise(24)[16:]]).astype(float)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def run_kinds(path, folder):
    """Name the operators that are left when onnxruntime has made the graph its own."""
    options = onnxruntime.SessionOptions()
    options.optimized_model_filepath = str(folder / "optimised.onnx")
    options.log_severity_level = 3
    onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    return [node.op_type for node in onnx.load(folder / "optimised.onnx").graph.node]


def stored(model):
    return {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}


def test_layers_in_the_order_of_the_graph(model, quantiser):
    kernels = {node.name: node.input[1] for node in model.graph.node if len(node.input) > 1}
    named = [kernels[name].partition(".")[2] for name in quantiser.layers]
    assert named == ["stem", "depth", "point", "side", "gemm", "matrix"]


def test_layers_without_a_name_are_found(model, tmp_path):
    bare = onnx.ModelProto()
    bare.CopyFrom(model)
    for node in bare.graph.node:
        node.name = ""
    quantiser = Quantiser(bare, "image", noise(4), tmp_path)
    assert len(quantiser.layers) == 6
    assert run_kinds(write(quantiser.quantise(3), tmp_path / "a.onnx"), tmp_path).count("QLinearConv") == 1


def test_embeddings_stay_near(model, static, tmp_path):
    exact, rounded = embed(write(model, tmp_path / "a.onnx")), embed(write(static, tmp_path / "b.onnx"))
    assert (exact * rounded).sum(axis=1).min() > 0.98
    assert not np.allclose(exact, rounded, atol=1e-4)


def test_the_arithmetic_is_done_in_whole_numbers(static, tmp_path):
    kinds = run_kinds(write(static, tmp_path / "a.onnx"), tmp_path)
    assert kinds.count("QLinearConv") == 4
    assert not {"Conv", "Gemm", "MatMul", "Clip", "Relu"} & set(kinds)


@pytest.mark.parametrize("spared", [1, 2, 3])
def test_spared_layers_stay_in_float32_also_when_loaded(quantiser, spared, tmp_path):
    """onnxruntime rounds a float32 kernel that reads a rounded tensor and gives one, by one scale for all channels."""
    kinds = run_kinds(write(quantiser.quantise(spared), tmp_path / "a.onnx"), tmp_path)
    assert kinds.count("QLinearConv") == 4 - spared
    assert sum(kind in {"Conv", "FusedConv"} for kind in kinds) == spared
    kernels = [value for value in stored(onnx.load(tmp_path / "optimised.onnx")).values() if value.ndim == 4]
    assert [value.dtype for value in kernels].count(np.float32) == spared


def test_weights_are_of_seven_bits_but_for_depthwise(static):
    codes = {name: value.astype(int) for name, value in stored(static).items() if name.endswith("_quantized")}
    widest = {name: np.abs(codes[f"layer.{name}_quantized"]).max() for name in ("stem", "depth", "point", "gemm")}
    assert widest == {"stem": 64, "depth": 127, "point": 64, "gemm": 64}


def test_each_output_channel_has_a_scale(static):
    shapes = {name: value.shape for name, value in stored(static).items() if name.endswith("_scale")}
    assert shapes["layer.point_scale"] == (256,)
    assert shapes["layer.gemm_scale"] == (64,)
    assert shapes["layer.matrix_scale"] == (DIMENSIONS,)


def test_the_bias_of_a_dead_channel_is_kept(model, tmp_path):
    dead = onnx.ModelProto()
    dead.CopyFrom(model)
    (tensor,) = (one for one in dead.graph.initializer if one.name == "layer.point")
    kernel = numpy_helper.to_array(tensor).copy()
    kernel[7] = 0
    tensor.CopyFrom(numpy_helper.from_array(kernel, "layer.point"))
    made = stored(Quantiser(dead, "image", noise(4), tmp_path).quantise(0))
    whole = made["layer.point.offset_quantized"] * made["layer.point.offset_quantized_scale"].astype(float)
    assert not made["layer.point_quantized"][7].any()
    np.testing.assert_allclose(whole, stored(model)["layer.point.offset"], rtol=0.1, atol=5e-3)


def test_nothing_of_the_making_stays_in_the_file(static):
    assert {entry.key for entry in static.metadata_props} == {"name"}
    assert not static.graph.value_info


def test_equal_input_gives_equal_bytes(model, static, tmp_path):
    assert serialise(Quantiser(model, "image", noise(16), tmp_path).quantise(0)) == serialise(static)


def encoder(model, folder):
    framing = Framing(SIDE, SIDE, SIDE)
    config = EncoderConfig("small", "image", "embedding", framing, DIMENSIONS)
    return ImageEncoder(config, write(model, folder / "original.onnx"))


def test_no_layer_is_spared_without_need(model, tmp_path):
    chosen = choose_static(model, encoder(model, tmp_path), noise(8))
    assert (chosen.rounded, chosen.layers) == (6, 6)


def test_layers_are_spared_where_the_agreement_asks_for_it(model, tmp_path):
    """A stem that spreads over six orders of magnitude within a channel cannot be rounded."""
    hard = onnx.ModelProto()
    hard.CopyFrom(model)
    (tensor,) = (one for one in hard.graph.initializer if one.name == "layer.stem")
    kernel = numpy_helper.to_array(tensor).copy()
    kernel[:, :2] *= 1e3
    kernel[:, 1] = -kernel[:, 0]
    tensor.CopyFrom(numpy_helper.from_array(kernel, "layer.stem"))
    greys = [np.repeat(view[..., :1], 3, axis=2) for view in noise(8)]
    assert choose_static(hard, encoder(hard, tmp_path), greys).rounded < 6


def test_an_opset_that_is_too_old_is_refused(model, tmp_path):
    old = onnx.ModelProto()
    old.CopyFrom(model)
    old.opset_import[0].version = 12
    with pytest.raises(InvalidEncoderError, match="opset 12, a static one needs 13"):
        choose_static(old, encoder(model, tmp_path), noise(2))


def test_what_onnxruntime_cannot_do_is_one_clear_line(model, tmp_path):
    quantiser = Quantiser(model, "image", [np.zeros((2, 2, 3), np.uint8)], tmp_path)
    with pytest.raises(InvalidEncoderError, match=r"cannot make the graph static \([^\n]+\): leave --static away"):
        quantiser.quantise(0)


def test_nothing_is_written_at_home(tmp_path):
    """onnxruntime's telemetry is off, also where its quantiser is imported first."""
    environment = {name: value for name, value in os.environ.items() if name != "ORT_DISABLE_TELEMETRY"}
    done = subprocess.run(
        [sys.executable, "-c", "import tonari_tools.onnx.static_int8"],
        env=environment | {"HOME": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path), "PYTHONDONTWRITEBYTECODE": "1"},
        check=True,
    )
    assert done.returncode == 0
    assert list(tmp_path.iterdir()) == []
