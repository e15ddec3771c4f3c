"""The head in the graph gives what numpy gives, whatever the opset, and leaves the rest of the graph alone."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from tonari.encoders.image import EncoderConfig, ImageEncoder
from tonari.errors import InvalidEncoderError
from tonari_tools.fit.fitted_encoder import Taught, append_head, backbone_of, derive
from tonari_tools.fit.lda import Projection, principal_axes, project, to_unit
from tonari_tools.fit.metric_learning import learn
from unit.tools.fit.worlds import held_out, world

FEATURES = 24
TAUGHT = Taught("ab" * 32, 360, 120, 252, 108, "", {"attribute0": 5}, 0)


def backbone(opset: int = 17, *, output: str = "embedding", scale: float = 7.0) -> bytes:
    """Write a graph of 2 x 4 pixels whose first 24 values, scaled, are the embedding; a second output is beside it."""
    nodes = [
        helper.make_node("Cast", ["image"], ["wide"], to=TensorProto.FLOAT),
        helper.make_node("Flatten", ["wide"], ["flat"], axis=1),
        helper.make_node("Mul", ["flat", "scale"], [output]),
        helper.make_node("Relu", [output], ["other"]),
    ]
    graph = helper.make_graph(
        nodes,
        "backbone",
        [helper.make_tensor_value_info("image", TensorProto.UINT8, ["batch", 2, 4, 3])],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", FEATURES]) for name in (output, "other")],
        [numpy_helper.from_array(np.array(scale, np.float32), "scale")],
    )
    model = helper.make_model(graph, ir_version=8, opset_imports=[helper.make_opsetid("", opset)])
    return bytes(model.SerializeToString())


CONFIG = {
    "format": 1,
    "name": "pixels",
    "input": {"name": "image", "dtype": "uint8", "layout": "NHWC", "height": 2, "width": 4},
    "preprocessing": {"version": 1, "shortest_edge": 4, "resample": "bicubic", "background": [255, 255, 255]},
    "output": {"name": "embedding", "normalized": False},
    "dimensions": FEATURES,
    "metric": "cosine",
    "licence": "CC0-1.0",
}


def pictures(count: int = 40) -> np.ndarray:
    return np.random.default_rng(7).integers(0, 256, (count, 2, 4, 3), np.uint8)


def projection(dimensions: int = 8) -> Projection:
    random = np.random.default_rng(8)
    axes = principal_axes(to_unit(pictures(200).reshape(200, -1)).astype(np.float64))
    return project(axes, random.normal(size=(axes.directions.shape[1], dimensions)))


def run(model: bytes, output: str, images: np.ndarray) -> np.ndarray:
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    return session.run([output], {"image": images})[0]


@pytest.mark.parametrize("opset", [9, 11, 13, 17, 18, 20])
def test_the_graph_gives_what_numpy_gives(opset: int) -> None:
    learned = projection()
    model, output = append_head(backbone(opset), "embedding", learned)
    images = pictures()

    expected = learned.apply(to_unit(images.reshape(len(images), -1)))
    np.testing.assert_allclose(run(model, output, images), expected, atol=1e-5)


def test_batches_and_single_pictures_agree() -> None:
    model, output = append_head(backbone(), "embedding", projection())
    images = pictures(5)

    one_by_one = np.concatenate([run(model, output, image[None]) for image in images])
    np.testing.assert_allclose(run(model, output, images), one_by_one, atol=1e-6)


def test_storing_in_float16_moves_vectors_by_less_than_a_thousandth() -> None:
    features = to_unit(pictures(200).reshape(200, -1)).astype(np.float64)
    axes = principal_axes(features)
    weighed = np.random.default_rng(8).normal(size=(axes.directions.shape[1], 8))

    exact = to_unit(axes.along(features) @ weighed)
    np.testing.assert_allclose(project(axes, weighed).apply(features), exact, atol=1e-3)


def test_other_outputs_stay() -> None:
    images = pictures(3)
    before = run(backbone(), "other", images)
    model, output = append_head(backbone(), "embedding", projection())
    graph = onnx.load_model_from_string(model).graph

    assert [given.name for given in graph.output] == [output, "other"]
    np.testing.assert_array_equal(run(model, "other", images), before)


def test_a_head_on_a_head() -> None:
    first, output = append_head(backbone(), "embedding", projection(8))
    again = Projection(np.eye(8, 4, dtype=np.float16), np.zeros(4, np.float32))
    second, last = append_head(first, output, again)
    images = pictures()

    assert last != output
    expected = again.apply(run(first, output, images))
    np.testing.assert_allclose(run(second, last, images), expected, atol=1e-5)


def test_a_black_picture_gives_a_vector() -> None:
    model, output = append_head(backbone(), "embedding", projection())
    vector = run(model, output, np.zeros((1, 2, 4, 3), np.uint8))

    assert np.linalg.norm(vector) == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize(
    ("model", "output", "message"),
    [
        (backbone(), "vector", "no output 'vector'"),
        (backbone()[:40], "embedding", "ends early"),
        (b"", "embedding", "ends early"),
        (backbone(6), "embedding", "opset 6"),
    ],
)
def test_graphs_that_take_no_head(model: bytes, output: str, message: str) -> None:
    with pytest.raises(InvalidEncoderError, match=message):
        append_head(model, output, projection())


def test_the_derived_encoder_runs_and_says_where_it_comes_from(tmp_path: Path) -> None:
    sample = world(features=FEATURES)
    learned = learn(sample, held_out(sample))
    model, config = derive(backbone(), json.dumps(CONFIG).encode(), learned, TAUGHT)
    (tmp_path / "model.onnx").write_bytes(model)
    encoder = ImageEncoder(EncoderConfig.parse(config), tmp_path / "model.onnx")
    images = pictures(4)

    expected = learned.projection.apply(to_unit(images.reshape(4, -1)))
    np.testing.assert_allclose(encoder.embed(list(images)), expected, atol=1e-5)
    about = json.loads(config)
    assert (about["name"], about["licence"]) == ("pixels-fit", "CC0-1.0")
    assert about["dimensions"] == encoder.dimensions == learned.projection.dimensions
    assert about["fit"]["parameters"]["weights"]["dimensions"] == encoder.dimensions
    assert len(about["fit"]["figures"]) == len(learned.changes)
    assert backbone_of(config) == TAUGHT.backbone
    assert backbone_of(json.dumps(CONFIG).encode()) is None


def test_the_same_fit_gives_the_same_bytes() -> None:
    sample = world(features=FEATURES)
    made = [derive(backbone(), json.dumps(CONFIG).encode(), learn(sample, held_out(sample)), TAUGHT) for _ in range(2)]

    assert made[0] == made[1]
