"""Models that cannot serve: each is refused in one line, and nothing crashes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper

import pictures
from models import Model, insert, over_batch, with_constant, with_external_data
from tonari.errors import InvalidEncoderError
from tonari_tools.cli.main import main
from tonari_tools.models.check import examine
from tonari_tools.models.model_file import MOST_BYTES, find_files, load_model, read_model


def refuse(path: Path, config: Path | None = None) -> str:
    with pytest.raises(InvalidEncoderError) as refused:
        examine(path, config)
    assert "\n" not in refused.value.detail
    return refused.value.detail


@pytest.fixture
def damaged(tmp_path: Path) -> Path:
    Model(metadata={"licence": "CC0"}).write(tmp_path / "whole.onnx")
    with_external_data(tmp_path / "apart.onnx")
    return tmp_path


def second_input(model: onnx.ModelProto) -> None:
    model.graph.input.append(helper.make_tensor_value_info("input_ids", TensorProto.INT64, ["batch", 7]))


def function_of_its_own(model: onnx.ModelProto) -> None:
    insert("Twice", domain="own")(model)
    body = helper.make_node("Add", ["x", "x"], ["y"])
    model.functions.append(helper.make_function("own", "Twice", ["x"], ["y"], [body], [helper.make_opsetid("", 18)]))


def in_a_branch(model: onnx.ModelProto) -> None:
    """A foreign operator inside a graph inside a node."""
    branch = helper.make_graph(
        [helper.make_node("Odd", ["before"], ["odd"], domain="elsewhere")],
        "branch",
        [],
        [helper.make_tensor_value_info("odd", TensorProto.FLOAT, None)],
    )
    model.graph.initializer.append(onnx.numpy_helper.from_array(np.array(True), "yes"))
    last = model.graph.node[-1]
    answer, last.output[0] = last.output[0], "before"
    model.graph.node.append(helper.make_node("If", ["yes"], [answer], then_branch=branch, else_branch=branch))


@pytest.mark.parametrize(
    ("model", "says"),
    [
        (Model(change=insert("Log")), "NaN, infinity or no length"),
        (Model(change=with_constant("Mul", 0)), "NaN, infinity or no length"),
        (Model(change=over_batch), "changes with the batch: cosine"),
        (Model(change=insert("Odd", domain="com.example")), "Odd of the operator domain com.example"),
        (Model(change=insert("Gelu", domain="com.microsoft")), "Gelu of the operator domain com.microsoft"),
        (Model(change=in_a_branch), "Odd of the operator domain elsewhere"),
        (Model(change=insert("Nonsense")), "the operator Nonsense, which opset 18"),
        (Model(change=insert("Gelu")), "the operator Gelu, which opset 18"),
        (Model(change=second_input), "2 inputs"),
        (Model(shape=(4, 3, 8, 8), answered=(4, 5)), "takes 4 pictures at once"),
        (Model(shape=("b", 1, 8, 8)), "no side has three channels"),
        (Model(dtype=TensorProto.FLOAT16), "pictures come as uint8 or float32"),
        (Model(shape=("b", 3, "h", "w")), "nothing says how large pictures should be"),
        (Model(metadata={"embedding_output": "gone"}), "names the output gone"),
    ],
)
def test_it_is_refused(tmp_path: Path, model: Model, says: str) -> None:
    assert says in refuse(model.write(tmp_path / "model.onnx"))


def test_nan_for_one_kind_of_picture_is_found(tmp_path: Path) -> None:
    """The photograph is fine, black is not."""

    def brightness(model: onnx.ModelProto) -> None:
        model.graph.node[2].CopyFrom(helper.make_node("Log", ["mean"], ["logs"]))
        model.graph.node.insert(3, helper.make_node("MatMul", ["logs", "weights"], ["projected"]))

    model = Model("image", "embedding", TensorProto.UINT8, ("batch", 8, 8, 3), change=brightness)
    assert "given black" in refuse(model.write(tmp_path / "model.onnx"))


def test_a_function_inside_the_file_is_no_foreign_operator(tmp_path: Path) -> None:
    examined = examine(Model(change=function_of_its_own).write(tmp_path / "model.onnx"))
    assert json.loads(examined.config)["dimensions"] == 5


def test_an_operator_that_onnxruntime_lacks_is_named(tmp_path: Path) -> None:
    """ONNX has Det for float64; onnxruntime has not for bfloat16: any operator it cannot find by type will do."""

    def narrow(model: onnx.ModelProto) -> None:
        last = model.graph.node[-1]
        answer, last.output[0] = last.output[0], "before"
        model.graph.node.extend(
            [
                helper.make_node("Cast", ["before"], ["narrow"], to=TensorProto.BFLOAT16),
                helper.make_node("Sin", ["narrow"], ["sin"]),
                helper.make_node("Cast", ["sin"], [answer], to=TensorProto.FLOAT),
            ]
        )

    detail = refuse(Model(change=narrow, opset=22).write(tmp_path / "model.onnx"))
    assert "Sin" in detail
    assert "onnxruntime" in detail
    assert "export it" in detail


def test_a_newer_opset_than_onnxruntime_knows_is_refused(tmp_path: Path) -> None:
    assert "does not load" in refuse(Model(opset=99).write(tmp_path / "model.onnx"))


def test_an_open_dimension_is_refused_unless_it_is_said(tmp_path: Path) -> None:
    def open_ended(model: onnx.ModelProto) -> None:
        shape = helper.make_node("Shape", ["mean"], ["lengths"])
        model.graph.initializer.append(onnx.numpy_helper.from_array(np.array([-1], np.int64), "rest"))
        last = model.graph.node[-1]
        answer, last.output[0] = last.output[0], "before"
        nodes = [
            shape,
            helper.make_node("Slice", ["lengths", "zero", "one"], ["batch"]),
            helper.make_node("Concat", ["batch", "rest"], ["to"], axis=0),
            helper.make_node("Reshape", ["before", "to"], [answer]),
        ]
        for name, value in (("zero", 0), ("one", 1)):
            model.graph.initializer.append(onnx.numpy_helper.from_array(np.array([value], np.int64), name))
        model.graph.node.extend(nodes)

    path = Model(answered=("batch", "d"), change=open_ended).write(tmp_path / "model.onnx")
    detail = refuse(path)
    assert "has an open dimension" in detail
    assert "image_embeds: tensor(float) [?, ?]" in detail
    raw = json.loads(examine(Model().write(tmp_path / "fixed.onnx")).config)
    (tmp_path / "own.json").write_text(json.dumps(raw))
    assert json.loads(examine(path, tmp_path / "own.json").config)["dimensions"] == 5
    (tmp_path / "own.json").write_text(json.dumps({**raw, "dimensions": 6}))
    assert "gave (1, 5), encoder.json promises (1, 6)" in refuse(path, tmp_path / "own.json")


def test_an_output_that_is_no_matrix_is_refused(tmp_path: Path) -> None:
    def tokens(model: onnx.ModelProto) -> None:
        insert("Unsqueeze")(model)
        model.graph.node[-1].input.append("axis")
        model.graph.initializer.append(onnx.numpy_helper.from_array(np.array([1], np.int64), "axis"))

    detail = refuse(Model(answer="tokens", answered=("b", 1, 5), change=tokens).write(tmp_path / "model.onnx"))
    assert "No output is a matrix" in detail
    assert "tokens: tensor(float) [?, 1, 5]" in detail


def test_a_model_that_ends_early_is_refused_wherever_it_ends(tmp_path: Path) -> None:
    data = Model(metadata={"name": "whole"}).proto().SerializeToString()
    path = tmp_path / "model.onnx"
    for end in range(0, len(data) - 25, 7):
        path.write_bytes(data[:end])
        detail = refuse(path)
        assert ("ends early" if end else "is empty") in detail, end


@pytest.mark.parametrize(
    ("name", "other"), [(b"MatMul", b"Mat\xfful"), (b"licence", b"licenc\xff"), (b"w.bin", b"\xff.bin")]
)
def test_names_that_are_no_text_are_damage(damaged: Path, name: bytes, other: bytes) -> None:
    path = damaged / ("apart.onnx" if name == b"w.bin" else "whole.onnx")
    path.write_bytes(path.read_bytes().replace(name, other))
    assert "The model is damaged" in refuse(path)


@pytest.mark.parametrize("name", [b"pixel_values", b"image_embeds"])
def test_ends_whose_names_are_no_text_are_named(damaged: Path, name: bytes) -> None:
    path = damaged / "whole.onnx"
    path.write_bytes(path.read_bytes().replace(name, name[:-1] + b"\xff"))
    assert "name is no text" in refuse(path)


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    edits=st.lists(
        st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 4), st.binary(max_size=3)), min_size=1, max_size=4
    ),
    external=st.booleans(),
)
def test_whatever_the_bytes_it_is_read_or_refused_in_one_line(
    damaged: Path, edits: list[tuple[float, int, bytes]], *, external: bool
) -> None:
    """Bytes are taken out and put in; names that are no text come of it, too."""
    data = bytearray((damaged / f"{'apart' if external else 'whole'}.onnx").read_bytes())
    for place, length, instead in edits:
        at = int(place * len(data))
        data[at : at + length] = instead
    (damaged / "damaged.onnx").write_bytes(data)
    try:
        find_files(damaged / "damaged.onnx")
        load_model(damaged / "damaged.onnx")
    except InvalidEncoderError as error:
        refused = error.detail
    else:
        refused = ""
    assert "\n" not in refused


@pytest.mark.parametrize("data", [b"\x00" * 64, b"PK\x03\x04" + bytes(60), b"<html>", b"{}"])
def test_other_files_are_refused(data: bytes) -> None:
    with pytest.raises(InvalidEncoderError, match=r"no ONNX file"):
        read_model(data)


def test_two_gigabytes_are_refused_before_they_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "model.onnx"
    with path.open("wb") as file:
        file.truncate(2 << 30)
    monkeypatch.setattr("pathlib.Path.read_bytes", lambda _: pytest.fail("it was read"))
    detail = refuse(path)
    assert "2,147,483,648 bytes" in detail
    assert f"the limit is {MOST_BYTES:,}" in detail
    path.unlink()


def test_a_folder_without_one_model_is_refused(tmp_path: Path) -> None:
    assert "it holds none" in refuse(tmp_path)
    for name in ("a.onnx", "b.onnx"):
        Model().write(tmp_path / name)
    assert "it holds a.onnx, b.onnx" in refuse(tmp_path)
    assert "is not there" in refuse(tmp_path / "c.onnx")


@pytest.mark.parametrize(("name", "content"), [("config.json", "{"), ("preprocessor_config.json", "[]")])
def test_broken_settings_are_named(tmp_path: Path, name: str, content: str) -> None:
    Model().write(tmp_path / "model.onnx")
    (tmp_path / name).write_text(content)
    assert f"{tmp_path / name} is not" in refuse(tmp_path)


def test_a_graph_that_fails_on_batches_is_used_one_by_one(tmp_path: Path) -> None:
    def one_only(model: onnx.ModelProto) -> None:
        model.graph.initializer.append(onnx.numpy_helper.from_array(np.array([1, 5], np.int64), "to"))
        insert("Reshape")(model)
        model.graph.node[-1].input.append("to")

    examined = examine(Model(answered=(1, 5), change=one_only).write(tmp_path / "model.onnx"))
    assert examined.trial.agreement is None
    assert examined.batches


def test_check_says_all_and_status_0(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = Model().write(tmp_path / "tiny.onnx")
    photo = tmp_path / "photo.jpg"
    photo.write_bytes(pictures.encoded(pictures.photo(), "JPEG"))
    assert main(["encoder", "check", str(path), "--photo", str(photo)]) == 0
    lines = dict(line.split(maxsplit=1) for line in capsys.readouterr().out.splitlines())
    assert lines["name"] == "tiny"
    assert lines["input"].startswith("pixel_values: float32 NCHW RGB, 8 x 8 pixels (named pixel_values")
    assert lines["output"] == "image_embeds: 5 dimensions (named image_embeds)"
    assert lines["batches"].startswith("cosine 1.000000 at least")
    assert float(lines["speed"].split()[0]) >= 0
    assert lines["encoder"] == examine(path).id


def test_check_of_a_bad_model_is_one_line_and_status_1(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = Model(change=over_batch).write(tmp_path / "model.onnx")
    assert main(["encoder", "check", str(path)]) == 1
    written = capsys.readouterr()
    assert written.out == ""
    assert written.err.startswith("tonari: The embedding changes with the batch")
    assert written.err.count("\n") == 1


@pytest.mark.parametrize(("flag", "says"), [("--photo", "cannot be read"), ("--config", "cannot be read")])
def test_files_that_are_not_there_are_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], flag: str, says: str
) -> None:
    line: list[Any] = ["encoder", "check", str(Model().write(tmp_path / "m.onnx")), flag, str(tmp_path / "gone")]
    assert main(line) == 1
    assert says in capsys.readouterr().err
