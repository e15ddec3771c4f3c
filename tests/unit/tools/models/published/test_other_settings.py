"""Settings of open_clip and timm, how files are told apart, and settings that nobody would write."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tonari.errors import InvalidEncoderError
from tonari_tools.models.graph_ends import Input
from tonari_tools.models.preprocessing import choose_preprocessing, find_source
from tonari_tools.models.published.open_clip import find_preprocess_cfg, open_clip_source
from tonari_tools.models.published.overrides import NOTHING
from tonari_tools.models.published.settings import CLIP, HALF, IMAGENET, UnusableError, read_source
from tonari_tools.models.published.timm import timm_source
from unit.tools.models.published.test_published_settings import edge, framing, squash

TINY = {"input_size": [3, 8, 8]}
OPEN_CLIP = {
    "model_cfg": {"vision_cfg": {"image_size": 256}},
    "preprocess_cfg": {
        "size": 224,
        "mean": [0.5] * 3,
        "std": [0.5] * 3,
        "interpolation": "bilinear",
        "resize_mode": "squash",
    },
}


@pytest.mark.parametrize(
    ("raw", "expected", "resample", "mean"),
    [
        (OPEN_CLIP, squash(256), "bilinear", HALF[0]),
        ({"preprocess_cfg": OPEN_CLIP["preprocess_cfg"]}, squash(224), "bilinear", HALF[0]),
        ({"preprocess_cfg": {"mean": 0.1, "std": 0.2}, "model_cfg": {}}, edge(224, 224), "bicubic", (0.1, 0.1, 0.1)),
        ({"preprocess_cfg": {"size": [192, 192], "interpolation": "random"}}, edge(192, 192), "bicubic", CLIP[0]),
        (
            {"preprocess_cfg": {"size": [192, 128], "resize_mode": "squash"}},
            (192, 128, "->", 192, 128),
            "bicubic",
            CLIP[0],
        ),
        (
            {
                "size": 512,
                "mean": [0.5] * 3,
                "std": [0.5] * 3,
                "resize_mode": "shortest",
                "interpolation": "bicubic",
                "image_processor_type": "JinaCLIPImageProcessor",
                "fill_color": [0, 0, 0],
            },
            edge(512, 512),
            "bicubic",
            HALF[0],
        ),
    ],
)
def test_open_clip(raw: dict[str, Any], expected: tuple[Any, ...], resample: str, mean: Any) -> None:
    source = find_source(raw, "open_clip_config.json")
    assert source
    found = read_source(source)
    assert (framing(found), found.resample, found.mean) == (expected, resample, mean)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"resize_mode": "longest"}, "has resize_mode 'longest' at 256 x 256"),
        ({"resize_mode": "shortest", "size": [2, 3]}, "'shortest' at 2 x 3"),
        ({"mode": "L"}, "mode 'L'"),
        ({"interpolation": "cubic-ish"}, "interpolation 'cubic-ish'"),
        ({"mean": "x"}, "mean 'x'"),
    ],
)
def test_what_open_clip_does_and_the_engine_cannot(changes: dict[str, Any], says: str) -> None:
    raw = {**OPEN_CLIP, "preprocess_cfg": {**OPEN_CLIP["preprocess_cfg"], **changes}}
    if "size" in changes:
        raw["model_cfg"] = {}
    settings = find_preprocess_cfg(raw)
    assert settings
    with pytest.raises(UnusableError, match=says):
        read_source(open_clip_source(settings, "x"))


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, edge(256, 224)),
        ({"crop_pct": 0.95}, edge(235, 224)),
        ({"crop_mode": "squash", "crop_pct": 1.0}, squash(224)),
        ({"crop_mode": "squash"}, squash(256, 224)),
        ({"input_size": [3, 288, 288], "crop_pct": 1.0}, edge(288, 288)),
        ({"test_input_size": [3, 288, 288], "test_crop_pct": 1.0}, edge(256, 224)),
    ],
)
def test_timm(changes: dict[str, Any], expected: tuple[Any, ...]) -> None:
    found = read_source(timm_source({"input_size": [3, 224, 224], "crop_pct": 0.875, **changes}, "config.json"))
    assert framing(found) == expected
    assert (found.mean, found.std, found.resample) == (*IMAGENET, "bicubic")
    assert not found.guesses
    assert any("no mean in it, so timm's own" in remark for remark in found.remarks)


@pytest.mark.parametrize(
    ("raw", "name"),
    [
        ({"image_processor": {"size": 224}, "processor_class": "X"}, "image_processor in x.json"),
        ({"pretrained_cfg": TINY}, "timm's pretrained_cfg in x.json"),
        (
            {"image_processor_type": "TimmWrapperImageProcessor", "pretrained_cfg": TINY},
            "timm's pretrained_cfg in x.json",
        ),
        ({"processor_class": "CLIPProcessor", "image_seq_len": 8}, None),
        ({"model_type": "vit", "image_size": 224}, None),
        ({"feature_size": 80, "sampling_rate": 16000}, None),
        ({}, None),
    ],
)
def test_files_are_known_by_their_content(raw: dict[str, Any], name: str | None) -> None:
    source = find_source(raw, "x.json")
    assert (source and source.name) == name


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-3, 500)
    | st.floats()
    | st.sampled_from(["bicubic", "squash", "RGB", "x", ""]),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["height", "width", "shortest_edge"]), inner)
    ),
    max_leaves=4,
)
NAMES = [
    "size",
    "crop_size",
    "crop_pct",
    "resample",
    "image_mean",
    "image_std",
    "do_resize",
    "do_center_crop",
    "do_rescale",
    "do_normalize",
    "do_pad",
    "do_flip_channel_order",
    "rescale_factor",
    "rescale_offset",
    "include_top",
    "input_size",
    "crop_mode",
    "interpolation",
    "mean",
    "std",
    "mode",
    "resize_mode",
    "preprocess_cfg",
    "model_cfg",
    "pretrained_cfg",
    "image_processor",
    "ensure_multiple_of",
    "size_divisor",
    "processor_class",
]
KINDS = st.sampled_from(["ConvNext", "PoolFormer", "Levit", "CLIP", "ViT", "MobileViT", "EfficientNet", "Odd"])


@given(st.dictionaries(st.sampled_from(NAMES), VALUES, max_size=8), KINDS, st.sampled_from([(224, 224), None]))
def test_any_settings_are_read_or_refused(raw: dict[str, Any], kind: str, size: Any) -> None:
    given_input = Input("x", "float32", "NCHW", size, "")
    typed: Mapping[str, Any] = {**raw, "image_processor_type": f"{kind}ImageProcessor"}
    for settings in (raw, typed, json.loads(json.dumps({"preprocess_cfg": raw}))):
        source = find_source(settings, "x.json")
        with contextlib.suppress(InvalidEncoderError):
            found = choose_preprocessing([source] if source else [], NOTHING, given_input)
            high, wide = found.preprocessing.size
            assert 1 <= high <= 4096
            assert 1 <= wide <= 4096
