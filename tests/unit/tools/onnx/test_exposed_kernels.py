from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from tonari.encoders.onnx import Session
from tonari.errors import UnencodableImageError
from tonari_tools.onnx.int8_weights import channel_axes, expose_kernels, store_int8

GIVEN = np.random.default_rng(0).normal(size=(2, 128)).astype(np.float32)
MATRIX = np.random.default_rng(1).normal(size=(64, 128)).astype(np.float32)


def node(kind, inputs, output, **attributes):
    return helper.make_node(kind, inputs, [output], **attributes)


def build(nodes, constants, **options):
    graph = helper.make_graph(
        [*nodes, node("MatMul", ["x", "weights"], "y")],
        "linear",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", 128])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["batch", 64])],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    return helper.make_model(graph, ir_version=8, opset_imports=[helper.make_opsetid("", 18)], **options)


def scaled():
    codes, scales = np.rint(MATRIX * 20).astype(np.int8), np.full((64, 1), 0.05, np.float32)
    nodes = [
        node("Cast", ["codes"], "whole", to=TensorProto.FLOAT),
        node("Mul", ["whole", "scales"], "turned"),
        node("Transpose", ["turned"], "weights", perm=[1, 0]),
    ]
    return build(nodes, {"codes": codes, "scales": scales})


def in_a_node():
    return build([node("Constant", [], "weights", value=numpy_helper.from_array(MATRIX.T.copy()))], {})


def half():
    nodes = [node("Cast", ["half"], "weights", to=TensorProto.FLOAT)]
    return build(nodes, {"half": MATRIX.T.astype(np.float16)})


def in_a_function():
    turn = helper.make_function(
        "mine", "Turn", ["a"], ["b"], [node("Transpose", ["a"], "b", perm=[1, 0])], [helper.make_opsetid("", 18)]
    )
    model = build([node("Turn", ["matrix"], "weights", domain="mine")], {"matrix": MATRIX}, functions=[turn])
    model.opset_import.append(helper.make_opsetid("mine", 1))
    return model


def run(model, path):
    path.write_bytes(model.SerializeToString())
    return Session(path, ("x",), "y", 1, UnencodableImageError).run({"x": GIVEN})


@pytest.mark.parametrize("make", [scaled, in_a_node, half, in_a_function])
def test_weights_that_are_computed_become_constants(make, tmp_path):
    model = make()
    plain = expose_kernels(model)
    assert [one.op_type for one in plain.graph.node] == ["MatMul"]
    assert len(plain.graph.initializer) == 1
    assert channel_axes(plain.graph) == {plain.graph.node[0].input[1]: 1}
    np.testing.assert_allclose(run(plain, tmp_path / "a.onnx"), run(model, tmp_path / "b.onnx"), rtol=1e-5, atol=1e-4)


def test_weights_that_depend_on_the_picture_stay(tmp_path):
    model = build([node("Transpose", ["x"], "weights", perm=[1, 0])], {})
    plain = expose_kernels(model)
    assert not channel_axes(plain.graph)
    np.testing.assert_array_equal(run(plain, tmp_path / "a.onnx"), run(model, tmp_path / "b.onnx"))


def test_constants_that_others_use_stay():
    model = build([node("Transpose", ["matrix"], "weights", perm=[1, 0])], {"matrix": MATRIX})
    model.graph.node.append(node("ReduceSum", ["matrix"], "sum"))
    model.graph.output.append(helper.make_tensor_value_info("sum", TensorProto.FLOAT, None))
    assert {tensor.name for tensor in expose_kernels(model).graph.initializer} == {"matrix", "weights"}


def test_constants_that_a_graph_within_uses_stay():
    inner = helper.make_graph(
        [node("Add", ["y", "least"], "z")], "then", [], [helper.make_empty_tensor_value_info("z")]
    )
    other = helper.make_graph([node("Identity", ["y"], "w")], "else", [], [helper.make_empty_tensor_value_info("w")])
    nodes = [node("Transpose", ["matrix"], "weights", perm=[1, 0])]
    model = build(nodes, {"matrix": MATRIX, "least": np.float32(1), "yes": np.array(True)})
    model.graph.node.append(helper.make_node("If", ["yes"], ["out"], then_branch=inner, else_branch=other))
    model.graph.output.append(helper.make_tensor_value_info("out", TensorProto.FLOAT, None))
    assert {tensor.name for tensor in expose_kernels(model).graph.initializer} == {"weights", "least", "yes"}


def test_old_files_that_list_weights_as_inputs(tmp_path):
    model = build([], {"weights": MATRIX.T.copy()})
    model.ir_version = 3
    model.graph.input.append(helper.make_tensor_value_info("weights", TensorProto.FLOAT, [128, 64]))
    small = store_int8(expose_kernels(model))
    assert [port.name for port in small.graph.input] == ["x"]
    assert run(small, tmp_path / "a.onnx").shape == (2, 64)


@pytest.mark.parametrize(("kind", "turned", "axis"), [("MatMul", False, 1), ("Gemm", False, 1), ("Gemm", True, 0)])
def test_matrices_are_rounded_by_output_channel(kind, turned, axis, tmp_path):
    weights = (MATRIX if turned else MATRIX.T) * np.logspace(-3, 3, 64, dtype=np.float32).reshape(
        (-1, 1) if turned else (1, -1)
    )
    model = build([], {"weights": np.ascontiguousarray(weights)})
    model.graph.node[0].CopyFrom(node(kind, ["x", "weights"], "y", **({"transB": 1} if turned else {})))
    exact = run(model, tmp_path / "a.onnx")
    small = store_int8(model)
    stored = {tensor.name: numpy_helper.to_array(tensor) for tensor in small.graph.initializer}
    assert stored["weights.codes"].dtype == np.int8
    assert stored["weights.scales"].shape == ((64, 1) if axis == 0 else (1, 64))
    off = np.linalg.norm(run(small, tmp_path / "b.onnx") - exact, axis=0) / np.linalg.norm(exact, axis=0)
    assert off.max() < 0.1


def test_small_matrices_and_huge_kernels_stay():
    matrix = build([], {"weights": np.ones((128, 32), np.float32)})
    assert [tensor.name for tensor in store_int8(matrix).graph.initializer] == ["weights"]
    kernel = build([], {"kernel": np.full((2, 128, 1, 1), 1e6, np.float32)})
    kernel.graph.node[0].CopyFrom(node("Conv", ["x", "kernel"], "y"))
    (kept,) = store_int8(kernel).graph.initializer
    assert kept.data_type == onnx.TensorProto.FLOAT
