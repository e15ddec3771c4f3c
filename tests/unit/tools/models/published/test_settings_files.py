"""Settings beside a model: each is read, or named as not read."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from models import Model
from tonari.encoders.image import EncoderConfig
from tonari.errors import InvalidEncoderError
from tonari_tools.cli.main import main
from tonari_tools.models.check import Examined, examine
from tonari_tools.models.published.overrides import Overrides

SCALE = {"image_mean": [0.1, 0.2, 0.3], "image_std": [0.4, 0.5, 0.6]}
PROCESSOR = {"image_processor_type": "ViTImageProcessor", "size": {"height": 8, "width": 8}, "resample": 2, **SCALE}
PRE, NESTED, CLIP = "preprocessor_config.json", "processor_config.json", "open_clip_config.json"
CROPS = {"image_processor_type": "CLIPImageProcessor", "resample": 3}
OPEN_CLIP = {
    "model_cfg": {"vision_cfg": {"image_size": 8}},
    "preprocess_cfg": {"mean": [0.3] * 3, "std": [0.2] * 3, "interpolation": "bilinear", "resize_mode": "squash"},
}


def look(folder: Path, files: dict[str, Any], model: str = "model.onnx", **given: Any) -> Examined:
    (folder / model).parent.mkdir(parents=True, exist_ok=True)
    Model().write(folder / model)
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(content if isinstance(content, str) else json.dumps(content))
    return examine(folder, **given)


def mean(examined: Examined) -> float:
    return EncoderConfig.parse(examined.config).form.mean[0]


@pytest.mark.parametrize(
    ("files", "model", "used"),
    [
        ({PRE: PROCESSOR}, "model.onnx", (PRE,)),
        ({NESTED: {"image_processor": PROCESSOR, "processor_class": "X"}}, "model.onnx", (NESTED,)),
        ({PRE: PROCESSOR, NESTED: {"processor_class": "X"}}, "model.onnx", (PRE,)),
        ({PRE: PROCESSOR}, "onnx/model.onnx", (PRE,)),
        ({f"onnx/{PRE}": PROCESSOR, PRE: {**PROCESSOR, "image_mean": 0.9}}, "onnx/model.onnx", (PRE,)),
        (
            {"modules.json": [{"path": ""}, {"path": "0_CLIPModel"}], f"0_CLIPModel/{PRE}": PROCESSOR},
            "model.onnx",
            (PRE,),
        ),
        ({"modules.json": [{"path": "0_CLIPModel"}], f"0_CLIPModel/{PRE}": PROCESSOR}, "onnx/model.onnx", (PRE,)),
    ],
)
def test_settings_are_found_where_hubs_lay_them(
    tmp_path: Path, files: dict[str, Any], model: str, used: tuple[str, ...]
) -> None:
    examined = look(tmp_path, files, model)
    assert mean(examined) == 0.1
    assert examined.used == used
    assert not examined.warnings


def test_open_clip_is_read(tmp_path: Path) -> None:
    examined = look(tmp_path, {CLIP: OPEN_CLIP})
    config = EncoderConfig.parse(examined.config)
    assert (config.framing.squashed, config.framing.resample, config.form.mean[0]) == ((8, 8), "bilinear", 0.3)
    assert examined.found["framing"] == examined.found["values"] == CLIP
    assert not examined.warnings


def test_what_is_nested_goes_before_what_is_not(tmp_path: Path) -> None:
    """transformers reads them in this order."""
    examined = look(tmp_path, {NESTED: {"image_processor": PROCESSOR}, PRE: {**PROCESSOR, "image_mean": [0.9] * 3}})
    assert mean(examined) == 0.1
    assert examined.used == (NESTED, PRE)


def test_files_that_contradict_each_other_are_named(tmp_path: Path) -> None:
    examined = look(tmp_path, {PRE: PROCESSOR, CLIP: OPEN_CLIP})
    assert mean(examined) == 0.1
    (warning,) = examined.warnings
    assert warning == (
        f"{CLIP} contradicts {PRE}, which was taken. If it is right, say --mean 0.3,0.3,0.3 --std 0.2,0.2,0.2."
    )
    assert not examine(tmp_path, said=Overrides(mean=(0.3,) * 3, std=(0.2,) * 3)).warnings


def test_another_framing_is_named_as_it_is_said(tmp_path: Path) -> None:
    clip = {"size": 8, "crop_size": 8, **SCALE}
    (warning,) = look(tmp_path, {NESTED: {"image_processor": PROCESSOR}, PRE: {**PROCESSOR, **clip, **CROPS}}).warnings
    assert warning.endswith("If it is right, say --resize 8 --resample bicubic.")


def test_files_that_agree_are_not(tmp_path: Path) -> None:
    same = {**OPEN_CLIP["preprocess_cfg"], "mean": SCALE["image_mean"], "std": SCALE["image_std"]}
    examined = look(tmp_path, {PRE: PROCESSOR, CLIP: {**OPEN_CLIP, "preprocess_cfg": same}})
    assert examined.used == (PRE, CLIP)
    assert not examined.warnings


UNREAD = {
    "config.json": {"model_type": "vit"},
    "labels.txt": "cat\ndog",
    "classes.yaml": "- cat",
    "train.toml": "epochs = 3",
    "tokenizer.json": {},
}


def test_what_lies_unread_is_named_and_what_was_read(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    examined = look(tmp_path, {PRE: PROCESSOR, **UNREAD, "README.md": "x", "photo.jpg": "x"})
    assert examined.unread == (
        "config.json (says nothing of pictures)", "classes.yaml", "labels.txt", "tokenizer.json", "train.toml",
    )  # fmt: skip
    assert main(["encoder", "check", str(tmp_path)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert f"read      {PRE}" in lines
    assert f"not read  {', '.join(examined.unread)}" in lines


def test_a_folder_above_counts_if_it_has_settings(tmp_path: Path) -> None:
    files = {"tokenizer.json": {}, "onnx/quantize.json": {}}
    assert look(tmp_path, files, "onnx/model.onnx").unread == ("quantize.json",)
    above = f"{tmp_path.name}/tokenizer.json"
    assert look(tmp_path, {**files, PRE: PROCESSOR}, "onnx/model.onnx").unread == ("quantize.json", above)


def test_of_many_files_some_are_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    look(tmp_path, {PRE: PROCESSOR, **{f"{number:02}.json": {} for number in range(25)}})
    assert main(["encoder", "check", str(tmp_path)]) == 0
    assert "19.json, and 5 more" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("inference.yml", "Normalize:\n  mean: [0.4]", "say it with --resize, --crop, --mean and --std"),
        ("deploy.toml", "input_size = 320", "say it with"),
        ("deploy.prototxt", "transform_param { mean_value: 104 }", "say it with"),
        ("mean.npy", "x", "say it with"),
        ("image_processor.json", json.dumps(PROCESSOR), "image_processor.json reads it"),
    ],
)
def test_a_file_that_seems_to_say_it_is_a_warning(tmp_path: Path, name: str, content: str, says: str) -> None:
    warnings = look(tmp_path, {name: content}).warnings
    assert any(name in warning and says in warning for warning in warnings)
    assert not look(tmp_path, {name: content, PRE: PROCESSOR}).warnings


@pytest.mark.parametrize("content", ["what it means to crop a photo", '{"meaning": 1, "standard": "mean"}', "a\nb"])
def test_other_files_are_no_warning(tmp_path: Path, content: str) -> None:
    warnings = look(tmp_path, {"notes.txt": content}).warnings
    assert not any("notes.txt" in warning for warning in warnings)


def test_of_many_such_files_a_few_are_named(tmp_path: Path) -> None:
    warnings = look(tmp_path, {f"{number}.yaml": "mean: 1" for number in range(9)}).warnings
    (warning,) = [warning for warning in warnings if ".yaml" in warning]
    assert "0.yaml, 1.yaml, 2.yaml, 3.yaml, 4.yaml and 4 more" in warning


def test_a_mean_on_another_scale_is_a_warning(tmp_path: Path) -> None:
    scale = {"image_mean": [123.675, 116.28, 103.53], "image_std": [58.395, 57.12, 57.375]}
    (warning,) = look(tmp_path, {PRE: {**PROCESSOR, **scale}}).warnings
    assert "as if for pixels of 0 to 255" in warning
    assert not look(tmp_path, {PRE: {**PROCESSOR, **scale, "do_rescale": False}}).warnings


def test_settings_under_another_name_can_be_given(tmp_path: Path) -> None:
    look(tmp_path, {PRE: {**PROCESSOR, "image_mean": [0.9] * 3}, "mine.json": PROCESSOR})
    examined = examine(tmp_path, tmp_path / "mine.json")
    assert mean(examined) == 0.1
    assert examined.used == ("mine.json", PRE)
    assert examined.unread == ()
    (tmp_path / "mine.json").write_text(json.dumps({"epochs": 3}))
    with pytest.raises(InvalidEncoderError, match="says nothing of how pictures are prepared"):
        examine(tmp_path, tmp_path / "mine.json")


def test_with_an_encoder_json_nothing_else_is_read(tmp_path: Path) -> None:
    files = {"config.json": "{", PRE: "[]", "encoder.json": look(tmp_path / "first", {PRE: PROCESSOR}).config.decode()}
    examined = look(tmp_path, files)
    assert mean(examined) == 0.1
    assert (examined.used, examined.unread) == (("encoder.json",), ("config.json", PRE))


@pytest.mark.parametrize("member", ["image_size", "vision_config"])
def test_a_size_in_the_config_is_only_likely(tmp_path: Path, member: str) -> None:
    config = {"image_size": 8} if member == "image_size" else {"vision_config": {"image_size": 8}}
    Model(shape=("b", 3, "h", "w")).write(tmp_path / "model.onnx")
    (tmp_path / "config.json").write_text(json.dumps(config))
    examined = examine(tmp_path)
    assert EncoderConfig.parse(examined.config).framing.shortest_edge == 8
    assert "size by image_size in config.json" in examined.found["framing"]
    assert examined.used == ("config.json",)
    assert any("--resize and --crop" in warning for warning in examined.warnings)


@pytest.mark.parametrize("model_type", ["resnet", "convnext"])
def test_the_config_tells_the_processor_where_settings_name_none(tmp_path: Path, model_type: str) -> None:
    processor = {"size": 8, "resample": 3, **SCALE}
    framing = EncoderConfig.parse(
        look(tmp_path, {PRE: processor, "config.json": {"model_type": model_type}}).config
    ).framing
    assert (framing.shortest_edge, framing.height) == (9, 8)


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        (PRE, "[" * 100_000, "is not JSON"),
        (CLIP, "{", "is not JSON"),
        (NESTED, "[]", "is not a JSON object"),
        ("modules.json", "{", "is not JSON"),
        (PRE, "version https://git-lfs.github.com/spec/v1", "is not JSON"),
        (PRE, '{"size": 8, "image_mean": [NaN, 0, 0], "image_std": 1}', "mean"),
    ],
)
def test_broken_settings_are_named(tmp_path: Path, name: str, content: str, says: str) -> None:
    with pytest.raises(InvalidEncoderError, match=says) as refused:
        look(tmp_path, {name: content})
    assert len(refused.value.detail) < 400


def test_modules_do_not_lead_out_of_the_folder(tmp_path: Path) -> None:
    (tmp_path / PRE).write_text(json.dumps(PROCESSOR))
    modules = [{"path": ".."}, {"path": str(tmp_path)}, {"path": 3}, "x"]
    assert look(tmp_path / "in", {"modules.json": modules}).used == ()
