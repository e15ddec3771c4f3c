"""What each kind of Hugging Face image processor takes where its settings are silent, and which kind a file is of.

Source: transformers 4.57 and 5.24, ``models/*/image_processing_*.py`` (the arguments of ``__init__``) and
``models/auto/image_processing_auto.py`` (kinds by ``model_type``); tests/benchmarks/published_settings.py compares.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tonari.images.framing import Resample
from tonari.images.tensor import Triple
from tonari_tools.models.published.settings import CLIP, HALF, IMAGENET

SUFFIX = re.compile(r"(Image|)(Processor|FeatureExtractor)(Fast|Pil|)$")


@dataclass(frozen=True, slots=True)
class Habit:
    """What a kind of processor takes where its settings are silent.

    Parameters
    ----------
    square
        Whether a bare number is height and width; else it is the shortest edge.
    size
        The bare number that stands for no ``size``.
    cut
        Side of the cut where ``crop_size`` is missing; None if it never cuts.
    cuts
        Whether it cuts where ``do_center_crop`` is missing.
    scale
        Mean and deviation; None if it never normalises.
    resample
        None where versions of transformers differ.
    """

    square: bool
    size: int
    cut: int | None
    cuts: bool
    scale: tuple[Triple, Triple] | None
    resample: Resample | None


HABITS: Mapping[str, Habit] = {
    "ViT": Habit(True, 224, None, False, HALF, "bilinear"),
    "Siglip": Habit(True, 224, None, False, HALF, "bicubic"),
    "Pvt": Habit(True, 224, None, False, IMAGENET, None),
    "Blip": Habit(True, 384, None, False, CLIP, "bicubic"),
    "DINOv3ViT": Habit(True, 224, None, False, IMAGENET, "bilinear"),
    "DPT": Habit(True, 384, None, False, HALF, "bicubic"),
    "Segformer": Habit(True, 512, None, False, IMAGENET, "bilinear"),
    "EfficientNet": Habit(True, 346, 289, False, HALF, None),
    "Beit": Habit(True, 224, 224, False, HALF, "bicubic"),
    "DeiT": Habit(True, 256, 224, True, HALF, "bicubic"),
    "Flava": Habit(True, 224, 224, True, CLIP, "bicubic"),
    "CLIP": Habit(False, 224, 224, True, CLIP, "bicubic"),
    "ChineseCLIP": Habit(False, 224, 224, True, CLIP, "bicubic"),
    "Bit": Habit(False, 224, 224, True, CLIP, "bicubic"),
    "MobileNetV1": Habit(False, 256, 224, True, HALF, "bilinear"),
    "MobileNetV2": Habit(False, 256, 224, True, HALF, "bilinear"),
    "MobileViT": Habit(False, 224, 256, True, None, None),
    "VideoMAE": Habit(False, 224, 224, True, HALF, "bilinear"),
    "Levit": Habit(False, 224, 224, True, IMAGENET, "bicubic"),
    "PoolFormer": Habit(False, 224, 224, True, IMAGENET, "bicubic"),
    "ConvNext": Habit(False, 384, None, False, HALF, None),
}
"""By the name of the processor, without ``ImageProcessor``, ``FeatureExtractor`` and what follows them."""
BY_MODEL_TYPE: Mapping[str, str] = {
    name: kind
    for kind, names in {
        "ViT": "vit vit_mae vit_msn swin swinv2 swiftformer dinat nat ijepa clipseg mgp-str",
        "Siglip": "siglip siglip_vision_model",
        "Pvt": "pvt pvt_v2",
        "Blip": "blip blip-2",
        "DINOv3ViT": "dinov3_vit dinov3_convnext",
        "DPT": "dpt",
        "Segformer": "segformer",
        "EfficientNet": "efficientnet align",
        "Beit": "beit data2vec-vision",
        "DeiT": "deit",
        "Flava": "flava",
        "CLIP": "clip clip_vision_model altclip groupvit git metaclip_2 mlcd xclip aimv2",
        "ChineseCLIP": "chinese_clip",
        "Bit": "bit dinov2 dinov2_with_registers focalnet hiera",
        "MobileNetV1": "mobilenet_v1",
        "MobileNetV2": "mobilenet_v2",
        "MobileViT": "mobilevit mobilevitv2",
        "Levit": "levit",
        "PoolFormer": "poolformer",
        "ConvNext": "convnext convnextv2 resnet regnet cvt van",
    }.items()
    for name in names.split()
}
"""By ``model_type`` of a ``config.json``: the processor that transformers takes where a file names none."""
CANNOT: Mapping[str, str] = {
    "Perceiver": "cuts before it resizes",
    "Siglip2": "makes as many patches as fit the aspect of each picture",
    "TimmWrapper": "refers to timm's pretrained_cfg in config.json, which is not there",
}
"""Processors whose framing the engine does not have, and what it is."""


@dataclass(frozen=True, slots=True)
class Kind:
    """Name of the kind of a file, ``""`` if it is not told; its habit, if it is known; and how it was told."""

    name: str
    habit: Habit | None
    remarks: tuple[str, ...] = ()


def tell_kind(raw: Mapping[str, Any], model_type: str = "") -> Kind:
    """Tell which kind of processor settings are for.

    Parameters
    ----------
    model_type
        Of the ``config.json`` beside them, as transformers asks it where settings name no processor.
    """
    for member in ("image_processor_type", "feature_extractor_type"):
        if isinstance(raw.get(member), str):
            return _known(SUFFIX.sub("", raw[member]))
    if model_type in BY_MODEL_TYPE:
        name = BY_MODEL_TYPE[model_type]
        return Kind(name, HABITS[name], (f"{name} by model_type {model_type} of config.json",))
    told = raw.get("processor_class")
    return _known(SUFFIX.sub("", told)) if isinstance(told, str) else Kind("", None)


def _known(name: str) -> Kind:
    found = next((known for known in (*HABITS, *CANNOT) if known.casefold() == name.casefold()), name)
    return Kind(found, HABITS.get(found))
