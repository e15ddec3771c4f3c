"""Settings as models on the Hugging Face hub have them: what transformers, timm and open_clip make of them.

Framings are those with which transformers gave the same pixels (tests/benchmarks/published_settings.py).
"""

from __future__ import annotations

from typing import Any

import pytest

from tonari_tools.models.published.huggingface import huggingface_source
from tonari_tools.models.published.settings import CLIP, HALF, IMAGENET, Preprocessing, UnusableError, read_source

MEAN_OF_IMAGENET = {"image_mean": list(IMAGENET[0]), "image_std": list(IMAGENET[1])}
BOTH = {"do_resize": True, "do_normalize": True}
RESNET = {"crop_pct": 0.875, "feature_extractor_type": "ConvNextFeatureExtractor", "size": 224, "resample": 3}
FULL = {"resample": 3, **BOTH, **MEAN_OF_IMAGENET}
CONVNEXT, LEVIT, POOL = (
    {"image_processor_type": f"{kind}ImageProcessor"} for kind in ("ConvNext", "Levit", "PoolFormer")
)
HIGH_AND_WIDE = {"height": 224, "width": 224}


def of(kind: str, **raw: Any) -> dict[str, Any]:
    return {"image_processor_type": f"{kind}ImageProcessor", **raw}


def framing(found: Preprocessing) -> tuple[Any, ...]:
    return (*found.resize.values(), "->", *found.size)


def edge(resized: int, cut: int) -> tuple[Any, ...]:
    return resized, "->", cut, cut


def squash(side: int, cut: int = 0) -> tuple[Any, ...]:
    return side, side, "->", cut or side, cut or side


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ({**RESNET, **FULL}, edge(256, 224)),
        ({**RESNET, "size": {"shortest_edge": 224}}, edge(256, 224)),
        ({**RESNET, "crop_pct": 0.95}, edge(235, 224)),
        ({**RESNET, "size": 384}, squash(384)),
        ({**RESNET, "size": 383}, edge(437, 383)),
        ({**RESNET, "crop_pct": None}, edge(256, 224)),
        ({**CONVNEXT, "size": 224}, edge(256, 224)),
        ({**CONVNEXT, "crop_size": 200, "size": 224}, edge(256, 224)),
        ({"image_processor_type": "ConvNextImageProcessorFast", "size": {"shortest_edge": 288}}, edge(329, 288)),
        ({"crop_pct": 0.875, "size": 224, "resample": 3}, edge(256, 224)),
        (CONVNEXT, squash(384)),
        ({**LEVIT, "size": 224}, edge(256, 224)),
        ({**LEVIT, "size": {"shortest_edge": 199}, "crop_size": 192}, edge(227, 192)),
        ({**LEVIT, "size": HIGH_AND_WIDE, "crop_size": 200}, squash(224, 200)),
        ({**POOL, "size": 224, "crop_pct": 0.9}, edge(248, 224)),
        ({**POOL, "size": HIGH_AND_WIDE, "crop_pct": 0.9}, edge(248, 224)),
        ({**POOL, "size": HIGH_AND_WIDE, "crop_pct": None}, squash(224)),
        (POOL, edge(248, 224)),
        ({"feature_extractor_type": "ViTFeatureExtractor", "size": 224}, squash(224)),
        ({"feature_extractor_type": "ViTFeatureExtractor", "size": 224, "crop_size": 200}, squash(224)),
        ({"feature_extractor_type": "DeiTFeatureExtractor", "size": 256, "crop_size": 224}, squash(256, 224)),
        ({"feature_extractor_type": "BeitFeatureExtractor", "size": 224, "do_center_crop": False}, squash(224)),
        ({"feature_extractor_type": "BeitFeatureExtractor", "size": 256, "do_center_crop": True}, squash(256, 224)),
        ({"feature_extractor_type": "CLIPFeatureExtractor", "size": 224, "crop_size": 224}, edge(224, 224)),
        (of("CLIP"), edge(224, 224)),
        (of("CLIP", size=HIGH_AND_WIDE), squash(224)),
        (of("Siglip", size=HIGH_AND_WIDE), squash(224)),
        (of("Bit", size={"shortest_edge": 256}, crop_size=224), edge(256, 224)),
        (of("Bit", size=[256, 256], crop_size=[224, 224]), squash(256, 224)),
        (of("EfficientNet", size=HIGH_AND_WIDE, crop_size=289), squash(224)),
        (of("MobileNetV2"), edge(256, 224)),
        (of("MobileNetV1", size={"shortest_edge": 219}, crop_size=192), edge(219, 192)),
        (of("MobileViT", size=288), edge(288, 256)),
        (of("Pvt", size=224), squash(224)),
        ({"image_processor_type": "DINOv3ViTImageProcessorFast", "size": HIGH_AND_WIDE}, squash(224)),
        (of("Blip"), squash(384)),
        (of("DPT", ensure_multiple_of=1, keep_aspect_ratio=False), squash(384)),
        ({"processor_class": "CLIPProcessor", "size": 224}, edge(224, 224)),
        ({"size": {"shortest_edge": 224, "longest_edge": None}, "crop_size": HIGH_AND_WIDE}, edge(224, 224)),
        (of("ViT", do_pad=False, pad_size=HIGH_AND_WIDE), squash(224)),
    ],
)
def test_the_framing_is_that_of_transformers(raw: dict[str, Any], expected: tuple[Any, ...]) -> None:
    found = read_source(huggingface_source(raw, "preprocessor_config.json"))
    assert framing(found) == expected


@pytest.mark.parametrize(
    ("model_type", "expected"),
    [
        ("resnet", edge(256, 224)),
        ("convnextv2", edge(256, 224)),
        ("vit", squash(224)),
        ("clip", edge(224, 224)),
        ("levit", edge(256, 224)),
    ],
)
def test_without_a_type_the_model_tells_the_processor(model_type: str, expected: tuple[Any, ...]) -> None:
    found = read_source(huggingface_source({"size": 224, "resample": 3, **MEAN_OF_IMAGENET}, "x", model_type))
    assert framing(found) == expected
    assert not found.guesses
    assert any(f"by model_type {model_type}" in remark for remark in found.remarks)


@pytest.mark.parametrize(
    ("raw", "resample", "mean", "std"),
    [
        (of("ViT"), "bilinear", *HALF),
        (of("CLIP"), "bicubic", *CLIP),
        (of("Levit"), "bicubic", *IMAGENET),
    ],
)
def test_what_a_known_processor_leaves_out_is_what_it_takes(
    raw: dict[str, Any], resample: str, mean: Any, std: Any
) -> None:
    found = read_source(huggingface_source(raw, "x"))
    assert (found.resample, found.mean, found.std) == (resample, mean, std)
    assert not found.guesses
    assert any("no image_mean and image_std in it" in remark for remark in found.remarks)


@pytest.mark.parametrize(
    ("raw", "guessed"),
    [
        ({"size": 224, **FULL}, {"--resize and --crop"}),
        ({"size": 224, "crop_size": 224, **FULL}, {"--resize and --crop"}),
        ({"size": HIGH_AND_WIDE, **FULL}, set()),
        ({"size": HIGH_AND_WIDE, **BOTH, "resample": 3}, {"--mean and --std"}),
        ({"size": HIGH_AND_WIDE, **BOTH, "resample": 3, "image_mean": [0.5] * 3}, {"--mean and --std"}),
        ({"size": HIGH_AND_WIDE, "resample": 3}, {"--mean and --std"}),
        ({"size": HIGH_AND_WIDE, **MEAN_OF_IMAGENET}, {"--resample"}),
        ({**CONVNEXT, "size": 224, **MEAN_OF_IMAGENET}, {"--resample"}),
        (of("OurOwn", size=224, **FULL), {"--resize and --crop"}),
    ],
)
def test_what_nobody_says_is_a_guess(raw: dict[str, Any], guessed: set[str]) -> None:
    assert {guess.flags for guess in read_source(huggingface_source(raw, "x")).guesses} == guessed


@pytest.mark.parametrize(
    ("raw", "channels", "black", "white"),
    [
        (of("MobileViT", size=288, image_mean=[0.5] * 3), "BGR", 0, 1),
        (of("MobileViT", size=288, do_flip_channel_order=False), "RGB", 0, 1),
        (of("EfficientNet", include_top=False), "RGB", -1, 1),
        (of("EfficientNet"), "RGB", -2, 2),
        (of("EfficientNet", do_normalize=False, image_std=0.25), "RGB", 0, 4),
        (
            of("EfficientNet", do_normalize=False, include_top=False, rescale_offset=True, rescale_factor=1 / 127.5),
            "RGB",
            -1,
            1,
        ),
        (of("ViT", do_rescale=False, do_normalize=False), "RGB", 0, 255),
    ],
)
def test_black_and_white_become_what_transformers_makes_of_them(
    raw: dict[str, Any], channels: str, black: float, white: float
) -> None:
    found = read_source(huggingface_source(raw, "x"))
    assert found.channels == channels
    ends = [(value - found.mean[0]) / found.std[0] for value in (0.0, 1.0)]
    assert ends == pytest.approx([black, white], abs=1e-6)


@pytest.mark.parametrize(
    ("raw", "says"),
    [
        ({**CONVNEXT, "size": HIGH_AND_WIDE}, "with crop_pct only shortest_edge can be done"),
        ({**RESNET, "crop_pct": 1.2}, "crop_pct 1.2"),
        ({**RESNET, "crop_pct": "most"}, "crop_pct 'most'"),
        (of("Perceiver"), "Perceiver, which cuts before it resizes"),
        ({"image_processor_type": "Siglip2ImageProcessorFast"}, "as many patches"),
        (of("TimmWrapper"), "pretrained_cfg in config.json"),
        (of("MobileViT"), "cuts 256 x 256 pixels out of a picture of 224 x 224"),
        (of("DPT", keep_aspect_ratio=True), "keep_aspect_ratio"),
        (of("DPT", ensure_multiple_of=14), "ensure_multiple_of"),
        (of("DPT", do_pad=True, size_divisor=16), "do_pad, size_divisor"),
        (of("Vilt", size_divisor=32, size=384), "size_divisor"),
        (of("OwlViT", do_thumbnail=True, size=7), "do_thumbnail"),
        ({"size": {"shortest_edge": 800, "longest_edge": 1333}}, "longest_edge"),
        ({"size": {"max_height": 8, "max_width": 8}}, "max_height"),
        ({"size": [1, 2, 3]}, r"has size \[1, 2, 3\]"),
        ({"size": 0}, "from 1 to 4096"),
        ({"size": 10**6}, "from 1 to 4096"),
        ({"size": True}, "has size True"),
        ({"size": HIGH_AND_WIDE, "crop_size": {"shortest_edge": 224}}, "has crop_size"),
        ({"size": HIGH_AND_WIDE, "do_center_crop": True}, "has crop_size None"),
        ({"image_mean": [0.5] * 3}, "has size None"),
        ({"size": HIGH_AND_WIDE, "do_flip_channel_order": True, **FULL}, "order is not said"),
        ({"size": HIGH_AND_WIDE, "rescale_factor": 0}, "has rescale_factor 0"),
    ],
)
def test_what_cannot_be_done_is_named(raw: dict[str, Any], says: str) -> None:
    with pytest.raises(UnusableError, match=says):
        read_source(huggingface_source(raw, "x"))
