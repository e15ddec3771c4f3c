"""What the user says by options: it goes before files, and takes the place of guesses."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from onnx import TensorProto

from models import Model
from tonari.encoders.image import EncoderConfig
from tonari.errors import InvalidEncoderError, InvalidRequestError
from tonari_tools.cli.main import main
from tonari_tools.models.check import Examined, examine
from tonari_tools.models.published.overrides import Overrides, parse_crop, parse_resize, parse_std, parse_triple
from tonari_tools.models.published.settings import IMAGENET

VIT = {
    "image_processor_type": "ViTImageProcessor",
    "size": {"height": 8, "width": 8},
    "resample": 2,
    "image_mean": [0.1, 0.2, 0.3],
    "image_std": [0.4, 0.5, 0.6],
}
ALL = Overrides(
    resize=10, crop=(8, 8), resample="hamming", mean=(0.7, 0.8, 0.9), std=(0.3, 0.2, 0.1), channels="BGR", layout="NCHW"
)
OPEN = Model(shape=("b", 3, "h", "w"))


def look(folder: Path, said: Overrides, model: Model | None = None, processor: Any = None) -> Examined:
    (model or Model()).write(folder / "model.onnx")
    if processor:
        (folder / "preprocessor_config.json").write_text(json.dumps(processor))
    return examine(folder, said=said)


def guessed(examined: Examined) -> set[str]:
    (sentence,) = [warning for warning in examined.warnings if warning.startswith("guessed")] or [""]
    return set(re.findall(r"--\w+", sentence))


@pytest.mark.parametrize("processor", [None, VIT, {**VIT, "do_pad": True, "image_mean": "odd", "resample": 99}])
def test_all_that_is_said_is_taken_and_nothing_else_read(tmp_path: Path, processor: Any) -> None:
    examined = look(tmp_path, ALL, processor=processor)
    config = EncoderConfig.parse(examined.config)
    assert (config.framing.shortest_edge, config.framing.resample) == (10, "hamming")
    assert (config.form.mean, config.form.std, config.form.channels) == (ALL.mean, ALL.std, "BGR")
    assert not examined.warnings
    assert examined.found["framing"] == "--crop, --resample, --resize"
    assert examined.found["values"] == "--channels, --mean, --std"
    assert "--layout" in examined.found["input"]


@pytest.mark.parametrize(
    ("said", "left"),
    [
        (Overrides(), {"--resize", "--crop", "--resample", "--mean", "--std", "--channels"}),
        (Overrides(channels="RGB"), {"--resize", "--crop", "--resample", "--mean", "--std"}),
        (Overrides(resize=10, channels="RGB"), {"--resample", "--mean", "--std"}),
        (Overrides(resize=10, resample="box", channels="BGR"), {"--mean", "--std"}),
        (Overrides(mean=(0.5,) * 3), {"--resize", "--crop", "--resample", "--std", "--channels"}),
        (Overrides(mean=(0.5,) * 3, std=(0.5,) * 3), {"--resize", "--crop", "--resample", "--channels"}),
        (Overrides(crop=(8, 8), channels="RGB"), {"--resize", "--crop", "--resample", "--mean", "--std"}),
        (Overrides(resize=(9, 8), crop=(8, 8), resample="box", mean=(0.5,) * 3, std=(0.5,) * 3), {"--channels"}),
    ],
)
def test_what_is_not_said_is_a_warning_with_its_flag(tmp_path: Path, said: Overrides, left: set[str]) -> None:
    assert guessed(look(tmp_path, said)) == left


def test_bytes_need_no_mean(tmp_path: Path) -> None:
    model = Model("image", "embedding", TensorProto.UINT8, ("batch", 8, 8, 3))
    assert guessed(look(tmp_path, Overrides(), model)) == {"--resize", "--crop", "--resample", "--channels"}
    with pytest.raises(InvalidEncoderError, match="takes uint8, pixels as they are: --mean has no place"):
        look(tmp_path, Overrides(mean=(0.5,) * 3), model)


@pytest.mark.parametrize(
    ("said", "resize", "size"),
    [
        (Overrides(resize=12), {"shortest_edge": 12}, [8, 8]),
        (Overrides(resize=(12, 9)), {"height": 12, "width": 9}, [8, 8]),
        (Overrides(resize=12, crop=(10, 9)), {"shortest_edge": 12}, [10, 9]),
        (Overrides(crop=(6, 7)), {"height": 8, "width": 8}, [6, 7]),
    ],
)
def test_what_files_say_fills_up_what_is_not_said(
    tmp_path: Path, said: Overrides, resize: Any, size: list[int]
) -> None:
    raw = json.loads(look(tmp_path, said, OPEN, VIT).config)
    assert raw["preprocessing"]["resize"] == resize
    assert [raw["input"]["height"], raw["input"]["width"]] == size
    assert raw["input"]["mean"] == VIT["image_mean"]


def test_an_open_size_can_be_said(tmp_path: Path) -> None:
    with pytest.raises(InvalidEncoderError, match="say --resize and --crop, put its preprocessor_config"):
        look(tmp_path, Overrides(), OPEN)
    assert json.loads(look(tmp_path, Overrides(crop=(8, 6)), OPEN).config)["preprocessing"]["resize"] == {
        "height": 8,
        "width": 6,
    }
    with pytest.raises(InvalidEncoderError, match="open height or width"):
        look(tmp_path, Overrides(resize=8), OPEN)


def test_one_part_of_an_unusable_file_can_be_said(tmp_path: Path) -> None:
    broken = {**VIT, "size": {"longest_edge": 9}}
    with pytest.raises(InvalidEncoderError, match=r"longest_edge.*Say --resize and --crop yourself"):
        look(tmp_path, Overrides(), processor=broken)
    config = EncoderConfig.parse(look(tmp_path, Overrides(resize=9), processor=broken).config)
    assert (config.framing.shortest_edge, config.form.mean) == (9, (0.1, 0.2, 0.3))


@pytest.mark.parametrize(
    ("said", "says"),
    [
        (Overrides(crop=(9, 9)), "--crop says 9 x 9 pixels, the graph takes 8 x 8: leave it out"),
        (Overrides(resize=7), "--resize makes pictures 7 x 7 pixels at least, 8 x 8 are cut out"),
        (Overrides(resize=(8, 7)), "--resize makes pictures 8 x 7 pixels"),
        (Overrides(layout="NHWC"), "--layout NHWC does not fit the input pixel_values"),
        (Overrides(output="gone"), "--output names the output gone, the graph has image_embeds"),
    ],
)
def test_what_the_graph_does_not_take_is_refused(tmp_path: Path, said: Overrides, says: str) -> None:
    with pytest.raises(InvalidEncoderError, match=says):
        look(tmp_path, said)


def two_matrices(model: Any) -> None:
    model.graph.output.add().CopyFrom(model.graph.output[0])
    model.graph.output[1].name = "projected"


def test_a_choice_among_outputs_is_said(tmp_path: Path) -> None:
    model = Model("x", "y", change=two_matrices)
    examined = look(tmp_path, Overrides(), model)
    assert any("the embedding is y: tensor(float) [?, 5], not projected" in warning for warning in examined.warnings)
    assert "--output" in guessed(examined)
    chosen = look(tmp_path, Overrides(output="projected"), model)
    assert EncoderConfig.parse(chosen.config).output_name == "projected"
    assert "--output" not in guessed(chosen)


def test_a_layout_that_is_not_said_is_a_warning(tmp_path: Path) -> None:
    model = Model(shape=("b", "c", "h", "w"))
    examined = look(tmp_path, Overrides(crop=(8, 8)), model)
    assert "--layout" in guessed(examined)
    assert "--layout" not in guessed(look(tmp_path, Overrides(crop=(8, 8), layout="NCHW"), model))


def test_an_encoder_json_is_overruled_too(tmp_path: Path) -> None:
    (tmp_path / "encoder.json").write_bytes(look(tmp_path, ALL, processor=VIT).config)
    plain = examine(tmp_path)
    changed = examine(tmp_path, said=Overrides(mean=IMAGENET[0], resize=(20, 20)))
    first, second = json.loads(plain.config), json.loads(changed.config)
    assert second["input"] == {**first["input"], "mean": list(IMAGENET[0])}
    assert second["preprocessing"] == {**first["preprocessing"], "resize": {"height": 20, "width": 20}}
    assert changed.found["framing"] == "encoder.json, but for --resize"
    assert changed.found["values"] == "encoder.json, but for --mean"
    assert second["found"]["values"] == "--channels, --mean, --std, but for --mean"
    assert second["found"]["output"] == first["found"]["output"]
    assert changed.id != plain.id


def test_an_encoder_json_of_bytes_needs_no_mean(tmp_path: Path) -> None:
    model = Model("image", "embedding", TensorProto.UINT8, ("batch", 8, 8, 3))
    (tmp_path / "encoder.json").write_bytes(look(tmp_path, Overrides(), model).config)
    with pytest.raises(InvalidRequestError, match="takes uint8, pixels as they are"):
        examine(tmp_path, said=Overrides(std=(0.5,) * 3))


def test_format_1_has_no_room_for_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Model().write(tmp_path / "model.onnx")
    (tmp_path / "encoder.json").write_text(json.dumps({"format": 1}))
    assert main(["encoder", "check", str(tmp_path), "--mean", "0.5"]) == 1
    assert "--mean cannot be put into an encoder.json of format 1" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "value"),
    [("256", 256), ("256x192", (256, 192)), (" 256 X 192 ", (256, 192)), ("256,192", (256, 192)), ("1", 1)],
)
def test_sizes_are_read(text: str, value: Any) -> None:
    assert parse_resize(text) == value
    assert parse_crop(text) == (value if isinstance(value, tuple) else (value, value))


@pytest.mark.parametrize("text", ["", "0", "-1", "256x", "x256", "256x192x3", "4097", "2.5", "big", "224x0"])
def test_other_sizes_are_refused(text: str) -> None:
    for parse in (parse_resize, parse_crop):
        with pytest.raises(ValueError, match="in pixels from 1 to 4096"):
            parse(text)


@pytest.mark.parametrize("text", ["0.5", "0.5,0.5,0.5", "0.5 0.5 0.5", "[0.5, 0.5, 0.5]", "(0.5;0.5;0.5)"])
def test_numbers_are_read(text: str) -> None:
    assert parse_triple(text) == parse_std(text) == (0.5, 0.5, 0.5)


@pytest.mark.parametrize("text", ["", "a", "0.5,0.5", "1,2,3,4", "nan", "inf,1,1"])
def test_other_numbers_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="neither a number nor one for each"):
        parse_triple(text)
    for std in ("0", "0.5,-1,0.5"):
        with pytest.raises(ValueError, match="above 0"):
            parse_std(std)


def test_the_command_line_warns_and_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = str(Model().write(tmp_path / "tiny.onnx"))
    assert main(["encoder", "check", path]) == 0
    written = capsys.readouterr()
    assert written.err.startswith(
        "tonari: warning: guessed, because no file says it: shortest edge 8, centre 8 x 8 (say"
    )
    assert "mean and deviation of ImageNet (say it with --mean and --std)" in written.err
    assert written.err.count("\n") == 1
    flags = ["--resize", "10", "--resample", "box", "--mean", "0.5", "--std", "0.5,0.5,0.25", "--channels", "RGB"]
    assert main(["encoder", "check", path, *flags]) == 0
    written = capsys.readouterr()
    assert written.err == ""
    assert "shortest edge 10, centre 8 x 8, box (--resample, --resize)" in written.out
    assert "mean 0.5 0.5 0.5, deviation 0.5 0.5 0.25 (--channels, --mean, --std)" in written.out


@pytest.mark.parametrize(
    ("flags", "says"),
    [
        (["--mean", "grey"], "Invalid value for '--mean': 'grey' is neither a number nor"),
        (["--mean", "123.675,116.28,103.53"], "pixels are taken as 0 to 1: say 0.485,0.456,0.406"),
        (["--std", "58.395"], "'58.395' is on the scale of 0 to 255; pixels are taken as 0 to 1: say 0.229"),
        (["--std", "0"], "Invalid value for '--std': '0' must be above 0"),
        (["--resize", "224p"], "Invalid value for '--resize': '224p' is neither the shortest edge"),
        (["--crop", "0"], "Invalid value for '--crop'"),
        (["--resample", "cubic"], "Invalid value for '--resample'"),
        (["--channels", "GRB"], "Invalid value for '--channels'"),
    ],
)
def test_wrong_usage_is_one_line_and_status_2(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], flags: list[str], says: str
) -> None:
    assert main(["encoder", "check", str(Model().write(tmp_path / "m.onnx")), *flags]) == 2
    written = capsys.readouterr()
    assert says in written.err
    assert written.err.count("\n") == 1


def test_add_and_shrink_take_the_same_options(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = str(Model().write(tmp_path / "m.onnx"))
    bucket = tmp_path / "bucket"
    bucket.mkdir()
    assert main(["encoder", "add", path, "--mean", "0.5", "--std", "0.25", "--artefacts", str(bucket)]) == 0
    written = capsys.readouterr()
    (config,) = bucket.rglob("encoder.json")
    assert json.loads(config.read_bytes())["input"]["std"] == [0.25] * 3
    assert config.parent.name == written.out.strip()
    assert "warning: guessed, because no file says it: shortest edge 8" in written.err
    assert main(["encoder", "shrink", path, str(tmp_path / "out"), "--crop", "9"]) == 1
    assert "--crop says 9 x 9 pixels" in capsys.readouterr().err
