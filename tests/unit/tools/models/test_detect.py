"""Where a model says how pictures are prepared, and which source wins."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx import TensorProto, numpy_helper

from models import Model
from tonari.encoders.image import EncoderConfig
from tonari.errors import InvalidEncoderError
from tonari.images.framing import Framing, Rounding
from tonari.images.tensor import RAW, TensorForm
from tonari_tools.models.check import examine

HALF = {"image_mean": [0.5, 0.5, 0.5], "image_std": [0.5, 0.5, 0.25]}
VIT = {
    "image_processor_type": "ViTImageProcessor",
    "do_resize": True,
    "size": {"height": 8, "width": 8},
    "resample": 2,
    "do_rescale": True,
    "rescale_factor": 1 / 255,
    "do_normalize": True,
    **HALF,
}
CLIP = {
    "do_resize": True,
    "size": {"shortest_edge": 10},
    "resample": 3,
    "do_center_crop": True,
    "crop_size": {"height": 8, "width": 8},
    "do_normalize": True,
    **HALF,
}
TIMM = {
    "architecture": "tiny_net",
    "pretrained_cfg": {
        "input_size": [3, 8, 8],
        "interpolation": "lanczos",
        "crop_pct": 0.8,
        "crop_mode": "center",
        "mean": [0.1, 0.2, 0.3],
        "std": [0.4, 0.5, 0.6],
    },
}
FORM_HALF = TensorForm("float32", "NCHW", mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.25))
FORM_TIMM = TensorForm("float32", "NCHW", mean=(0.1, 0.2, 0.3), std=(0.4, 0.5, 0.6))
FORM_IMAGENET = TensorForm("float32", "NCHW", mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225))


def framing(
    edge: int | None = None,
    resample: Any = "bicubic",
    squashed: tuple[int, int] | None = None,
    rounding: Rounding = "pixels",
) -> Framing:
    return Framing(8, 8, edge, resample, squashed=squashed, rounding=rounding)


def by_timm(edge: int | None, squashed: tuple[int, int] | None = None) -> Framing:
    return framing(edge, "lanczos", squashed, "even")


def look(folder: Path, model: Model | None = None, **beside: dict[str, Any]) -> tuple[EncoderConfig, dict[str, Any]]:
    """Write a model with JSON files beside it, and give what is found out."""
    (model or Model()).write(folder / "model.onnx")
    for name, content in beside.items():
        (folder / f"{name}.json").write_text(json.dumps(content))
    examined = examine(folder)
    raw: dict[str, Any] = json.loads(examined.config)
    assert raw["found"] == examined.found
    return EncoderConfig.parse(examined.config), raw["found"]


def metadata(**values: Any) -> Model:
    return Model(
        metadata={name: value if isinstance(value, str) else json.dumps(value) for name, value in values.items()}
    )


def test_nothing_said_of_floats_is_imagenet(tmp_path: Path) -> None:
    config, found = look(tmp_path)
    assert config.form == FORM_IMAGENET
    assert config.framing == framing(8)
    assert (config.input_name, config.output_name, config.dimensions) == ("pixel_values", "image_embeds", 5)
    assert found["framing"].startswith("nothing says; guessed: shortest edge 8, centre 8 x 8")
    assert found["values"].startswith("nothing says; guessed: mean and deviation of ImageNet")
    assert found["output"] == "named image_embeds"


def test_nothing_said_of_bytes_is_raw(tmp_path: Path) -> None:
    config, found = look(tmp_path, Model("image", "embedding", TensorProto.UINT8, ("batch", 8, 8, 3)))
    assert config.form == RAW
    assert found["values"] == "the graph takes uint8: raw RGB"


@pytest.mark.parametrize(
    ("dtype", "shape", "layout"),
    [
        (TensorProto.UINT8, (1, 3, 8, 8), "NCHW"),
        (TensorProto.FLOAT, ("n", 8, 8, 3), "NHWC"),
        (TensorProto.FLOAT, ("n", 3, 8, 3), "NCHW"),
    ],
)
def test_the_layout_is_read_off_the_shape(tmp_path: Path, dtype: int, shape: Any, layout: str) -> None:
    config, _ = look(tmp_path, Model(dtype=dtype, shape=shape, answered=(shape[0], 5)))
    assert config.form.layout == layout
    assert (config.framing.height, config.framing.width) == (8, shape[3] if layout == "NCHW" else shape[2])


def test_an_unsquare_input_is_squashed_into(tmp_path: Path) -> None:
    config, found = look(tmp_path, Model(shape=("n", 3, 16, 8)))
    assert (config.framing.height, config.framing.width, config.framing.squashed) == (16, 8, (16, 8))
    assert "squashed" in found["framing"]


def test_a_processor_of_vit_squashes(tmp_path: Path) -> None:
    config, found = look(tmp_path, preprocessor_config=VIT)
    assert config.framing == framing(None, "bilinear", (8, 8))
    assert config.form == FORM_HALF
    assert found["framing"] == found["values"] == "preprocessor_config.json"


def test_a_processor_of_clip_cuts(tmp_path: Path) -> None:
    assert look(tmp_path, preprocessor_config=CLIP)[0].framing == framing(10)


def test_timm_is_read_from_its_config(tmp_path: Path) -> None:
    config, found = look(tmp_path, config=TIMM)
    assert (config.framing, config.form, config.name) == (by_timm(10), FORM_TIMM, "tiny_net")
    assert found["framing"] == "timm's pretrained_cfg in config.json"


def test_timm_is_read_from_the_metadata(tmp_path: Path) -> None:
    config, found = look(tmp_path, metadata(pretrained_cfg=TIMM["pretrained_cfg"]))
    assert (config.framing, config.form) == (by_timm(10), FORM_TIMM)
    assert found["values"] == "timm's pretrained_cfg in the model's metadata"


def test_the_config_of_transformers_says_nothing_of_pictures(tmp_path: Path) -> None:
    assert look(tmp_path, config={"architectures": ["ViTModel"], "image_size": 384})[0].form == FORM_IMAGENET


@pytest.mark.parametrize("given", [{"preprocessor_config": CLIP}, CLIP])
def test_the_metadata_come_before_files(tmp_path: Path, given: dict[str, Any]) -> None:
    config, found = look(tmp_path, metadata(**given), preprocessor_config=VIT, config=TIMM)
    assert config.framing == framing(10)
    assert found["values"].endswith("the model's metadata")


def test_a_processor_comes_before_timm(tmp_path: Path) -> None:
    assert look(tmp_path, preprocessor_config=VIT, config=TIMM)[0].form == FORM_HALF


def test_metadata_name_the_model_and_its_output(tmp_path: Path) -> None:
    def two(model: Any) -> None:
        model.graph.output.add().CopyFrom(model.graph.output[0])
        model.graph.output[1].name = "projected"

    model = metadata(name="mine", embedding_output="projected", licence="MIT")
    model.change = two
    config, _ = look(tmp_path, model)
    assert (config.name, config.output_name) == ("mine", "projected")


def test_a_given_encoder_json_wins_and_stays_as_it_is(tmp_path: Path) -> None:
    look(tmp_path, preprocessor_config=VIT)
    own = json.loads(examine(tmp_path).config)
    own["preprocessing"]["resample"] = "hamming"
    (tmp_path / "elsewhere.json").write_text(json.dumps(own))
    examined = examine(tmp_path, tmp_path / "elsewhere.json")
    assert examined.config == (tmp_path / "elsewhere.json").read_bytes()
    assert set(examined.found.values()) == {"encoder.json"}
    (tmp_path / "encoder.json").write_bytes(examined.config)
    assert examine(tmp_path).id == examined.id


@pytest.mark.parametrize("order", [["embedding", "pooler_output"], ["pooler_output", "embedding"]])
def test_outputs_are_known_by_name_in_order(tmp_path: Path, order: list[str]) -> None:
    def more(model: Any) -> None:
        del model.graph.output[:]
        for name in order:
            model.graph.node.add(op_type="Identity", input=["projected"], output=[name])
            one = model.graph.output.add(name=name)
            one.type.tensor_type.elem_type = TensorProto.FLOAT

    assert look(tmp_path, Model(answer="unused", change=more))[0].output_name == "embedding"


def test_of_unknown_names_the_first_matrix_is_taken(tmp_path: Path) -> None:
    def tensor_first(model: Any) -> None:
        first = model.graph.output.add(name="wide")
        first.type.tensor_type.elem_type = TensorProto.FLOAT
        model.graph.output.reverse()

    config, found = look(tmp_path, Model("x", "y", change=tensor_first))
    assert (config.input_name, config.output_name) == ("x", "y")
    assert found["output"] == "the first output of two dimensions"


def test_scores_of_classes_are_remarked_on(tmp_path: Path) -> None:
    def thousand(model: Any) -> None:
        for constant, shape in zip(model.graph.initializer[1:], ((3, 1000), (1000,)), strict=True):
            constant.CopyFrom(numpy_helper.from_array(np.ones(shape, np.float32), constant.name))

    _, found = look(tmp_path, Model(answered=("batch", 1000), change=thousand))
    assert "scores of a classifier" in found["output"]


def test_an_open_size_is_taken_from_the_processor(tmp_path: Path) -> None:
    config, found = look(tmp_path, Model(shape=("b", "c", "h", "w")), preprocessor_config=CLIP)
    assert config.form.layout == "NCHW"
    assert (config.framing.height, config.framing.width) == (8, 8)
    assert "channels not said" in found["input"]


def test_the_layout_of_hugging_face_folders_is_known(tmp_path: Path) -> None:
    (tmp_path / "onnx").mkdir()
    Model().write(tmp_path / "onnx" / "model.onnx")
    (tmp_path / "preprocessor_config.json").write_text(json.dumps(VIT))
    examined = examine(tmp_path)
    assert examined.found["values"] == "preprocessor_config.json"
    assert json.loads(examined.config)["name"] == tmp_path.name


@pytest.mark.parametrize(
    ("changes", "edge", "squashed"),
    [
        ({"size": 8, "do_center_crop": False}, None, (8, 8)),
        ({"size": 10}, 10, None),
        ({"size": {"height": 12, "width": 10}}, None, (12, 10)),
        ({"size": {"shortest_edge": 8}, "crop_pct": 0.5, "do_center_crop": None, "crop_size": None}, 16, None),
        ({"size": {"shortest_edge": 7}, "feature_extractor_type": "LevitFeatureExtractor"}, 8, None),
        ({"size": 10, "image_processor_type": "DeiTImageProcessor"}, None, (10, 10)),
        ({"crop_size": 8}, 10, None),
    ],
)
def test_sizes_as_processors_write_them(
    tmp_path: Path, changes: dict[str, Any], edge: int | None, squashed: tuple[int, int] | None
) -> None:
    raw = {name: value for name, value in {**CLIP, **changes}.items() if value is not None}
    assert look(tmp_path, preprocessor_config=raw)[0].framing == framing(edge, squashed=squashed)


@pytest.mark.parametrize(
    ("changes", "low", "high"),
    [
        ({}, -1.0, 1.0),
        ({"do_normalize": False}, 0.0, 1.0),
        ({"do_normalize": False, "do_rescale": False}, 0.0, 255.0),
        ({"do_normalize": False, "rescale_factor": 1 / 127.5, "rescale_offset": True}, -1.0, 1.0),
        ({"do_rescale": False, "image_mean": [127.5], "image_std": [127.5]}, -1.0, 1.0),
        ({"image_mean": 0.0, "image_std": 0.5}, 0.0, 2.0),
    ],
)
def test_black_and_white_become_what_the_processor_makes_of_them(
    tmp_path: Path, changes: dict[str, Any], low: float, high: float
) -> None:
    form = look(tmp_path, preprocessor_config={**VIT, **changes})[0].form
    red = [(value / 255 - form.mean[0]) / form.std[0] for value in (0, 255)]
    assert red == pytest.approx([low, high], abs=1e-6)


def test_channels_can_be_turned(tmp_path: Path) -> None:
    turned = {**VIT, "do_normalize": False, "do_flip_channel_order": True}
    assert look(tmp_path, preprocessor_config=turned)[0].form.channels == "BGR"


def test_a_missing_filter_is_remarked_on(tmp_path: Path) -> None:
    config, found = look(tmp_path, preprocessor_config={name: VIT[name] for name in VIT if name != "resample"})
    assert config.framing.resample == "bilinear"
    assert "no resample in it" in found["framing"]


@pytest.mark.parametrize(
    ("changes", "edge", "squashed"),
    [
        ({"crop_mode": "squash", "crop_pct": 1.0}, None, (8, 8)),
        ({"crop_pct": 0.3}, 26, None),
        ({"crop_pct": None}, 9, None),
    ],
)
def test_crops_as_timm_writes_them(
    tmp_path: Path, changes: dict[str, Any], edge: int | None, squashed: tuple[int, int] | None
) -> None:
    raw = {**TIMM["pretrained_cfg"], **changes}
    for name, beside in (("nested", {"pretrained_cfg": raw}), ("flat", raw)):
        (tmp_path / name).mkdir()
        assert look(tmp_path / name, config=beside)[0].framing == by_timm(edge, squashed)


@pytest.mark.parametrize(
    ("source", "changes", "says"),
    [
        ("processor", {"do_pad": True}, "asks for do_pad, which this version cannot do"),
        ("processor", {"do_resize": False}, "do_resize false"),
        ("processor", {"resample": 7}, r"has resample 7; these can be done: 0 \(nearest\), 1 \(lanczos\)"),
        ("processor", {"size": {"longest_edge": 8}}, "has size {'longest_edge': 8}"),
        ("processor", {"size": {"shortest_edge": 8}}, "cuts nothing out"),
        ("processor", {"image_mean": [1, 2]}, r"has image_mean \[1, 2\], not a number for each"),
        (
            "processor",
            {"image_std": [0, 0, 0]},
            r"preprocessor_config.json has image_std \[0, 0, 0\], which must be above 0",
        ),
        (
            "processor",
            {"image_mean": [math.nan] * 3},
            r"preprocessor_config.json has image_mean .*, not finite numbers",
        ),
        ("timm", {"std": [0.5, 0.5, -1]}, "config.json has std .*, which must be above 0"),
        ("processor", {"size": {"height": "x", "width": 1}}, "has size 'x', not a number of pixels"),
        ("processor", {"size": {"height": 9, "width": 9}}, "says 9 x 9 pixels, the graph takes 8 x 8"),
        ("processor", {"rescale_factor": "x"}, "has rescale_factor 'x'"),
        ("timm", {"input_size": [1, 8, 8]}, r"input_size \[1, 8, 8\]"),
        ("timm", {"crop_mode": "border"}, "crop_mode 'border'"),
        ("timm", {"crop_pct": 1.5}, "crop_pct 1.5"),
        ("timm", {"crop_pct": [1]}, "not of the usual form"),
        ("timm", {"crop_border_pixels": 4}, "crop_border_pixels 4"),
        ("timm", {"interpolation": "random"}, "interpolation 'random'"),
    ],
)
def test_what_cannot_be_done_is_refused(tmp_path: Path, source: str, changes: dict[str, Any], says: str) -> None:
    beside: dict[str, Any] = (
        {"preprocessor_config": {**VIT, **changes}}
        if source == "processor"
        else {"config": {"pretrained_cfg": {**TIMM["pretrained_cfg"], **changes}}}
    )
    with pytest.raises(InvalidEncoderError, match=says) as refused:
        look(tmp_path, **beside)
    assert "\n" not in refused.value.detail
