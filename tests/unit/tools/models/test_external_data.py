"""Weights in files beside the graph: put into it, or named as what is wrong with them."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest

from models import Model, with_external_data
from tonari.encoders.image import EncoderConfig, ImageEncoder
from tonari.errors import InvalidEncoderError
from tonari_tools.cli.main import main
from tonari_tools.models.check import examine
from tonari_tools.models.model_file import MOST_BYTES, load_model, read_model
from tonari_tools.models.trial import drawn_photos


def refuse(path: Path) -> str:
    with pytest.raises(InvalidEncoderError) as refused:
        examine(path)
    assert "\n" not in refused.value.detail
    return refused.value.detail


def scattered(path: Path, place: Callable[[str], str]) -> Path:
    """Write a model, and each of its tensors into the file that ``place`` names; every second one at an offset."""
    model = Model().proto()
    for number, tensor in enumerate(model.graph.initializer):
        data, location, offset = tensor.raw_data, place(tensor.name), 64 * (number % 2)
        (path.parent / location).parent.mkdir(parents=True, exist_ok=True)
        (path.parent / location).write_bytes(bytes(offset) + data)
        said = {"location": location, **({"offset": str(offset), "length": str(len(data))} if offset else {})}
        point(tensor, **said)
    path.write_bytes(model.SerializeToString())
    return path


def point(tensor: onnx.TensorProto, **said: str) -> None:
    tensor.ClearField("raw_data")
    del tensor.external_data[:]
    tensor.data_location = onnx.TensorProto.EXTERNAL
    for key, value in said.items():
        tensor.external_data.add(key=key, value=value)


def pointing(path: Path, **said: str) -> Path:
    """Write a model whose tensors all say that they lie elsewhere, and the file ``model.onnx_data``."""
    model = Model().proto()
    for tensor in model.graph.initializer:
        point(tensor, **said)
    path.write_bytes(model.SerializeToString())
    (path.parent / "model.onnx_data").write_bytes(bytes(100))
    return path


@pytest.fixture
def whole(tmp_path: Path) -> Path:
    (tmp_path / "whole").mkdir()
    return Model().write(tmp_path / "whole" / "model.onnx")


@pytest.mark.parametrize(
    "place",
    [
        lambda _: "model.onnx_data",
        lambda name: f"{name}.bin",
        lambda name: f"weights/deep/{name}",
        lambda name: f"onnx data, {name}",
    ],
)
def test_one_file_comes_of_it_with_the_same_answers(tmp_path: Path, whole: Path, place: Callable[[str], str]) -> None:
    one = place("a") == place("b")
    path = with_external_data(tmp_path / "model.onnx") if one else scattered(tmp_path / "model.onnx", place)
    examined = examine(path)
    assert sum(examined.merged.values()) == 3
    assert len(examined.merged) == (1 if one else 3)
    assert read_model(examined.model).operators == 4
    (tmp_path / "merged.onnx").write_bytes(examined.model)
    encoders = [ImageEncoder(EncoderConfig.parse(examined.config), file) for file in (tmp_path / "merged.onnx", whole)]
    first, second = (encoder.embed([encoder.read(drawn_photos()[0])]) for encoder in encoders)
    np.testing.assert_array_equal(first, second)


def test_the_same_files_give_the_same_encoder(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    first, second = (with_external_data(tmp_path / name / "model.onnx") for name in ("one", "two"))
    assert load_model(first).data == load_model(second).data


def test_links_as_in_the_cache_of_the_hub_are_followed(tmp_path: Path) -> None:
    (tmp_path / "blobs").mkdir()
    (tmp_path / "snapshot").mkdir()
    with_external_data(tmp_path / "blobs" / "model.onnx")
    for name in ("model.onnx", "w.bin"):
        (tmp_path / "blobs" / name).rename(tmp_path / "blobs" / f"hash-of-{name}")
        (tmp_path / "snapshot" / name).symlink_to(Path("..", "blobs", f"hash-of-{name}"))
    assert examine(tmp_path / "snapshot").merged == {"w.bin": 3}


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    path = with_external_data(tmp_path / "model.onnx")
    (tmp_path / "w.bin").unlink()
    detail = refuse(path)
    assert f"keeps 3 tensors in w.bin, which is not in {tmp_path}" in detail
    assert "external_data=False" in detail


def test_a_file_that_ends_early_is_named(tmp_path: Path) -> None:
    path = with_external_data(tmp_path / "model.onnx")
    size = (tmp_path / "w.bin").stat().st_size
    os.truncate(tmp_path / "w.bin", size - 5)
    assert f"w.bin ends early: it has {size - 5:,} bytes" in refuse(path)


@pytest.mark.parametrize(
    "location",
    ["../model.onnx_data", "a/../../b", "/etc/passwd", "C:\\Windows\\x", "..\\x", "\\\\server\\x", "", "a\x00b"],
)
def test_a_place_outside_the_folder_is_not_opened(tmp_path: Path, location: str) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "model.onnx_data").write_bytes(bytes(100))
    assert "outside its own folder" in refuse(pointing(tmp_path / "in" / "model.onnx", location=location))


@pytest.mark.parametrize(
    ("said", "says"),
    [
        ({"offset": "0"}, "does not say where its weights lie"),
        ({"location": "model.onnx_data", "offset": "x"}, "does not say where its weights lie"),
        ({"location": "model.onnx_data", "offset": "-1"}, "negative offset or length"),
        ({"location": "model.onnx_data", "length": "-1"}, "negative offset or length"),
        ({"location": "model.onnx_data", "offset": "101"}, "model.onnx_data ends early"),
        ({"location": "model.onnx_data", "offset": "96", "length": "8"}, "model.onnx_data ends early"),
        ({"location": "model.onnx_data", "length": "3"}, "does not load"),
        ({"location": "x" * 5000}, "put it there"),
    ],
)
def test_what_cannot_be_is_refused(tmp_path: Path, said: dict[str, str], says: str) -> None:
    assert says in refuse(pointing(tmp_path / "model.onnx", **said))


def test_more_than_a_function_holds_is_refused_before_it_is_read(tmp_path: Path) -> None:
    path = pointing(tmp_path / "model.onnx", location="model.onnx_data", offset="0", length=str(MOST_BYTES))
    os.truncate(tmp_path / "model.onnx_data", MOST_BYTES)
    detail = refuse(path)
    assert f"{3 * MOST_BYTES:,} bytes of weights in model.onnx_data" in detail
    assert "the limit of 39" in detail
    assert "2 GB" in detail


def test_what_does_not_fit_beside_the_graph_is_refused(tmp_path: Path) -> None:
    path = with_external_data(tmp_path / "model.onnx")
    with pytest.raises(InvalidEncoderError, match="over the limit of 10 "):
        load_model(path, path.stat().st_size + 10)


def test_check_says_what_was_merged(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["encoder", "check", str(with_external_data(tmp_path / "model.onnx"))]) == 0
    assert "weights  3 tensors of w.bin, put into one file" in capsys.readouterr().out


def test_what_is_uploaded_has_all_weights(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path, bucket = with_external_data(tmp_path / "model.onnx"), tmp_path / "bucket"
    bucket.mkdir()
    assert main(["encoder", "add", str(path), "--artefacts", str(bucket)]) == 0
    (uploaded,) = bucket.rglob("model.onnx")
    assert uploaded.parent.name == capsys.readouterr().out.strip()
    assert read_model(uploaded.read_bytes()).operators == 4
    assert main(["encoder", "check", str(uploaded.parent)]) == 0


def test_the_weights_alone_are_no_model(tmp_path: Path) -> None:
    pointing(tmp_path / "model.onnx", location="model.onnx_data")
    (tmp_path / "model.onnx_data").write_bytes(b"\x01" * 100)
    assert "holds the weights of an ONNX file, not its graph" in refuse(tmp_path / "model.onnx_data")
