"""Pixels as transformers prepares them against ours: the same published settings, the same drawn pictures.

Run it in an environment of its own, for the versions of transformers that are to be compared::

    python -m venv compare && compare/bin/pip install transformers pillow numpy msgspec
    PYTHONPATH=layers/engine:tools compare/bin/python tests/benchmarks/published_settings.py

torch is not needed: the processors that work on Pillow's pictures are asked. Settings have the form in which models on
the Hugging Face hub publish them, each named after one; they were written down here, not downloaded.
"""

from __future__ import annotations

import importlib
import io
import sys
from collections.abc import Mapping
from typing import Any

import numpy as np
import PIL
import transformers
from PIL import Image, ImageDraw

from tonari.images.decode import prepare
from tonari.images.framing import Framing
from tonari.images.tensor import TensorForm, to_tensor
from tonari_tools.models.published.huggingface import huggingface_source
from tonari_tools.models.published.settings import Preprocessing, read_source

IMAGENET = {"image_mean": [0.485, 0.456, 0.406], "image_std": [0.229, 0.224, 0.225]}
HALF = {"image_mean": [0.5, 0.5, 0.5], "image_std": [0.5, 0.5, 0.5]}
CLIP = {
    "image_mean": [0.48145466, 0.4578275, 0.40821073],
    "image_std": [0.26862954, 0.26130258, 0.27577711],
}
BOTH = {"do_resize": True, "do_normalize": True}
PUBLISHED: Mapping[str, tuple[str, str, Mapping[str, Any]]] = {
    "microsoft/resnet-50": (
        "convnext",
        "ConvNext",
        {"crop_pct": 0.875, "size": 224, "resample": 3, **BOTH, **IMAGENET},
    ),
    "facebook/convnext-tiny-224": (
        "convnext",
        "ConvNext",
        {"crop_pct": 0.875, "size": {"shortest_edge": 224}, "resample": 3, **BOTH, **IMAGENET},
    ),
    "facebook/convnext-base-384": (
        "convnext",
        "ConvNext",
        {"crop_pct": None, "size": 384, "resample": 3, **BOTH, **IMAGENET},
    ),
    "facebook/regnet-y-040, null": (
        "convnext",
        "ConvNext",
        {"crop_pct": None, "size": 224, "resample": 3, **BOTH, **IMAGENET},
    ),
    "facebook/levit-128S": ("levit", "Levit", {"size": 224, "resample": 3, "do_center_crop": True, **BOTH, **IMAGENET}),
    "levit, size 192": (
        "levit",
        "Levit",
        {"size": {"shortest_edge": 199}, "crop_size": 192, "resample": 3, **BOTH, **IMAGENET},
    ),
    "google/vit-base-patch16-224": ("vit", "ViT", {"size": 224, "resample": 2, **BOTH, **HALF}),
    "microsoft/swin-tiny-patch4-window7-224": ("vit", "ViT", {"size": 224, "resample": 3, **BOTH, **IMAGENET}),
    "facebook/deit-base-distilled-patch16-224": (
        "deit",
        "DeiT",
        {"size": 256, "crop_size": 224, "do_center_crop": True, "resample": 3, **BOTH, **IMAGENET},
    ),
    "microsoft/beit-base-patch16-224": (
        "beit",
        "Beit",
        {"size": 224, "crop_size": 224, "do_center_crop": False, "resample": 2, **BOTH, **HALF},
    ),
    "openai/clip-vit-base-patch32": (
        "clip",
        "CLIP",
        {"size": 224, "crop_size": 224, "do_center_crop": True, "resample": 3, **BOTH, **CLIP},
    ),
    "google/siglip-base-patch16-224": (
        "siglip",
        "Siglip",
        {"size": {"height": 224, "width": 224}, "resample": 3, "rescale_factor": 1 / 255, **BOTH, **HALF},
    ),
    "facebook/dinov2-base": (
        "bit",
        "Bit",
        {
            "size": {"shortest_edge": 256},
            "crop_size": {"height": 224, "width": 224},
            "do_center_crop": True,
            "resample": 3,
            **BOTH,
            **IMAGENET,
        },
    ),
    "google/efficientnet-b0": (
        "efficientnet",
        "EfficientNet",
        {
            "size": {"height": 224, "width": 224},
            "crop_size": {"height": 289, "width": 289},
            "do_center_crop": False,
            "include_top": True,
            "rescale_offset": False,
            "rescale_factor": 1 / 255,
            "resample": 0,
            **BOTH,
            "image_mean": [0.485, 0.456, 0.406],
            "image_std": [0.47853944, 0.4732864, 0.47434163],
        },
    ),
    "kakaobrain/align-base": (
        "efficientnet",
        "EfficientNet",
        {
            "size": {"height": 346, "width": 346},
            "crop_size": {"height": 289, "width": 289},
            "do_center_crop": True,
            "include_top": False,
            "rescale_offset": True,
            "rescale_factor": 1 / 127.5,
            "resample": 2,
            "do_resize": True,
            "do_normalize": False,
            **HALF,
        },
    ),
    "google/mobilenet_v1_0.75_192": (
        "mobilenet_v1",
        "MobileNetV1",
        {
            "size": {"shortest_edge": 219},
            "crop_size": {"height": 192, "width": 192},
            "do_center_crop": True,
            "resample": 2,
            **BOTH,
            **HALF,
        },
    ),
    "google/mobilenet_v2_1.0_224": (
        "mobilenet_v2",
        "MobileNetV2",
        {
            "size": {"shortest_edge": 256},
            "crop_size": {"height": 224, "width": 224},
            "do_center_crop": True,
            "resample": 2,
            **BOTH,
            **HALF,
        },
    ),
    "apple/mobilevit-small": (
        "mobilevit",
        "MobileViT",
        {
            "size": 288,
            "crop_size": 256,
            "do_center_crop": True,
            "do_flip_channel_order": True,
            "resample": 2,
            "do_resize": True,
        },
    ),
    "sail/poolformer_s12": (
        "poolformer",
        "PoolFormer",
        {"size": 224, "crop_size": 224, "crop_pct": 0.9, "do_center_crop": True, "resample": 3, **BOTH, **IMAGENET},
    ),
    "poolformer, height and width": (
        "poolformer",
        "PoolFormer",
        {"size": {"height": 224, "width": 200}, "crop_size": 192, "crop_pct": 0.9, "resample": 3, **BOTH, **IMAGENET},
    ),
    "Zetatech/pvt-tiny-224": ("pvt", "Pvt", {"size": 224, "resample": 2, **BOTH, **IMAGENET}),
    "Salesforce/blip-image-captioning-base": (
        "blip",
        "Blip",
        {"size": {"height": 384, "width": 384}, "resample": 3, **BOTH, **CLIP},
    ),
    "OFA-Sys/chinese-clip-vit-base-patch16": (
        "chinese_clip",
        "ChineseCLIP",
        {
            "size": {"height": 224, "width": 224},
            "crop_size": {"height": 224, "width": 224},
            "do_center_crop": True,
            "resample": 3,
            **BOTH,
            **CLIP,
        },
    ),
    "Intel/dpt-large": (
        "dpt",
        "DPT",
        {
            "size": {"height": 384, "width": 384},
            "ensure_multiple_of": 1,
            "keep_aspect_ratio": False,
            "resample": 2,
            **BOTH,
            **HALF,
        },
    ),
    "pixels unscaled": (
        "vit",
        "ViT",
        {"size": 64, "do_rescale": False, "resample": 2, "image_mean": [127.5] * 3, "image_std": [127.5] * 3},
    ),
    "vit, all silent": ("vit", "ViT", {}),
    "clip, all silent": ("clip", "CLIP", {}),
    "deit, all silent": ("deit", "DeiT", {}),
    "mobilenet_v2, all silent": ("mobilenet_v2", "MobileNetV2", {}),
    "poolformer, all silent": ("poolformer", "PoolFormer", {}),
    "levit, all silent": ("levit", "Levit", {}),
    "bit, all silent": ("bit", "Bit", {}),
    "siglip, all silent": ("siglip", "Siglip", {}),
    "blip, all silent": ("blip", "Blip", {}),
    "flava, all silent": ("flava", "Flava", {}),
}
"""Name: module and kind of the processor, settings."""
MOST_APART = 0.1
"""Mean difference, in 255ths: a picture cut one pixel aside has some 10."""
SIZES = ((640, 480), (333, 517), (97, 231), (800, 257), (224, 224))


def drawn(width: int, height: int, seed: int) -> Image.Image:
    """Draw coloured noise under shapes, so that a pixel aside shows."""
    random = np.random.default_rng(seed)
    noise = random.integers(0, 256, (height // 8 + 1, width // 8 + 1, 3), np.uint8)
    picture = Image.fromarray(noise).resize((width, height), Image.Resampling.BICUBIC)
    draw = ImageDraw.Draw(picture)
    for _ in range(12):
        left, top = int(random.integers(width)), int(random.integers(height))
        colour = tuple(int(value) for value in random.integers(0, 256, 3))
        draw.ellipse((left, top, left + width // 5, top + height // 5), fill=colour)
    return picture


def theirs(module: str, kind: str) -> Any:
    """Find the processor that needs no torch."""
    for name, end in ((f"image_processing_pil_{module}", "Pil"), (f"image_processing_{module}", "")):
        try:
            found = importlib.import_module(f"transformers.models.{module}.{name}")
            return getattr(found, f"{kind}ImageProcessor{end}")
        except (ImportError, AttributeError):
            continue
    raise LookupError(kind)


def ours(read: Preprocessing, data: bytes) -> Any:
    """Prepare a picture as the engine does."""
    high, wide = read.resize.get("height"), read.resize.get("width")
    framing = Framing(
        *read.size,
        read.resize.get("shortest_edge"),
        read.resample,
        squashed=(high, wide) if high and wide else None,
        rounding="pixels",
    )
    return to_tensor(prepare(data, framing), TensorForm("float32", "NCHW", read.channels, read.mean, read.std))


def compare(name: str) -> tuple[str, float, float]:
    """Compare one; gives framing, largest and mean difference, in 255ths of a pixel's range."""
    module, kind, settings = PUBLISHED[name]
    read = read_source(huggingface_source({"image_processor_type": f"{kind}ImageProcessor", **settings}, name))
    processor = theirs(module, kind)(**settings)
    unit = np.array(read.std, np.float32)[:, None, None] * 255
    largest, means = 0.0, []
    for seed, size in enumerate(SIZES):
        picture = drawn(*size, seed)
        buffer = io.BytesIO()
        picture.save(buffer, "PNG")
        wanted = np.asarray(processor(picture, return_tensors="np")["pixel_values"][0], np.float32)
        got = ours(read, buffer.getvalue())
        if wanted.shape != got.shape:
            raise ValueError(f"{name}: {got.shape}, {wanted.shape} is due")
        apart = np.abs(got - wanted) * unit
        largest, means = max(largest, float(apart.max())), [*means, float(apart.mean())]
    resize = " x ".join(map(str, read.resize.values()))
    return f"{resize} -> {' x '.join(map(str, read.size))}, {read.resample}", largest, float(np.mean(means))


def main() -> int:
    print(f"transformers {transformers.__version__}, Pillow {PIL.__version__}, {len(SIZES)} pictures each\n")
    print("| settings | resize -> cut | largest difference | mean |\n|---|---|---|---|")
    worst = 0.0
    for name in PUBLISHED:
        try:
            framing, largest, mean = compare(name)
        except TypeError as error:
            print(f"| {name} | transformers fails: {error} | | |")
            continue
        print(f"| {name} | {framing} | {largest:.1f} | {mean:.4f} |")
        worst = max(worst, mean)
    return int(worst > MOST_APART)


if __name__ == "__main__":
    sys.exit(main())
