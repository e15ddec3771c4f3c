"""How a model wants its pictures prepared, from the settings of Hugging Face's image processors or of timm."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, get_args

from tonari.images.framing import Resample
from tonari.images.tensor import Channels, Triple

IMAGENET_MEAN: Triple = (0.485, 0.456, 0.406)
IMAGENET_STD: Triple = (0.229, 0.224, 0.225)


class UnusableError(ValueError):
    """A source says something that the engine cannot do; the message says what, and what to do."""


@dataclass(frozen=True, slots=True)
class Preprocessing:
    """What a source says.

    Parameters
    ----------
    source
        Its name, for people.
    size
        Height and width of the cut.
    resize
        Either ``shortest_edge``, or ``height`` and ``width``: as in ``encoder.json``.
    resample
        Filter of the resize.
    mean, std
        On the scale of 0 to 1.
    channels
        Their order.
    remarks
        What the source left open, and what was taken.
    """

    source: str
    size: tuple[int, int]
    resize: Mapping[str, int]
    resample: Resample
    mean: Triple
    std: Triple
    channels: Channels = "RGB"
    remarks: tuple[str, ...] = ()


def _triple(values: Any, name: str) -> Triple:
    """Read a number per channel, or one for all three."""
    many = values if isinstance(values, list | tuple) else [values]
    numbers = [float(value) for value in many if isinstance(value, int | float) and not isinstance(value, bool)]
    if len(numbers) != len(many) or len(many) not in {1, 3}:
        raise UnusableError(f"{name} is {values!r}, not a number for each of three channels")
    red, green, blue = numbers * (3 // len(numbers))
    return red, green, blue


STEPS = frozenset(
    {"do_resize", "do_center_crop", "do_rescale", "do_normalize", "do_convert_rgb", "do_flip_channel_order"}
)
"""The steps that the engine can do."""
RESAMPLE: dict[int, Resample] = {1: "lanczos", 2: "bilinear", 3: "bicubic", 4: "box", 5: "hamming"}
"""Numbers of Pillow's filters."""
SQUARE_BY_DEFAULT = ("ViT", "DeiT", "Beit", "Siglip", "Swin")
"""Processors to which a bare number means height and width; to the others, the shortest edge."""
NO_CUT_FROM = 384
"""ConvNext processors resize to ``size / crop_pct`` and cut, but squash to ``size`` from this size up."""


def read_huggingface(raw: Mapping[str, Any], source: str) -> Preprocessing:
    """Read the settings of an image processor.

    Raises
    ------
    UnusableError
        If it does what the engine cannot do, or leaves out what must be known.
    """
    unknown = sorted(name for name, on in raw.items() if name.startswith("do_") and on and name not in STEPS)
    if raw.get("include_top"):
        unknown.append("include_top")
    if unknown:
        raise UnusableError(f"asks for {', '.join(unknown)}, which this version cannot do")
    if not raw.get("do_resize", True):
        raise UnusableError("says do_resize false, but pictures come in all sizes")
    size, resize = _sizes(raw)
    mean, std = _scale(raw)
    return Preprocessing(
        source=source,
        size=size,
        resize=resize,
        resample=_resample(raw.get("resample")),
        mean=mean,
        std=std,
        channels="BGR" if raw.get("do_flip_channel_order") else "RGB",
        remarks=() if raw.get("resample") is not None else ("no resample in it, so bilinear",),
    )


def _sizes(raw: Mapping[str, Any]) -> tuple[tuple[int, int], Mapping[str, int]]:
    kind = str(raw.get("image_processor_type") or raw.get("feature_extractor_type") or "")
    given = raw.get("size")
    if isinstance(given, int):
        square = kind.startswith(SQUARE_BY_DEFAULT) or not _cuts(raw)
        given = {"height": given, "width": given} if square else {"shortest_edge": given}
    if not isinstance(given, dict) or not given.keys() <= {"shortest_edge", "height", "width"}:
        raise UnusableError(f"has size {given!r}; shortest_edge, or height and width, can be done")
    if "shortest_edge" in given:
        return _from_shortest_edge(raw, int(given["shortest_edge"]), kind)
    high, wide = _pair(given, "size")
    cut = _pair(raw.get("crop_size"), "crop_size") if _cuts(raw) else (high, wide)
    return cut, {"height": high, "width": wide}


def _from_shortest_edge(raw: Mapping[str, Any], edge: int, kind: str) -> tuple[tuple[int, int], Mapping[str, int]]:
    if raw.get("crop_pct"):
        if edge >= NO_CUT_FROM and not _cuts(raw):
            return (edge, edge), {"height": edge, "width": edge}
        cut = _pair(raw.get("crop_size", edge), "crop_size")
        return cut, {"shortest_edge": int(edge / float(raw["crop_pct"]))}
    if not _cuts(raw):
        raise UnusableError("resizes by shortest_edge and cuts nothing out, so that pictures differ in size")
    cut = _pair(raw.get("crop_size"), "crop_size")
    return cut, {"shortest_edge": edge * 256 // 224 if kind.startswith("Levit") else edge}


def _cuts(raw: Mapping[str, Any]) -> bool:
    return bool(raw.get("do_center_crop", raw.get("crop_size") is not None))


def _pair(given: Any, name: str) -> tuple[int, int]:
    if isinstance(given, int):
        return given, given
    try:
        return int(given["height"]), int(given["width"])
    except (KeyError, TypeError, ValueError) as error:
        raise UnusableError(f"has {name} {given!r}, not height and width") from error


def _resample(number: Any) -> Resample:
    if number is None:
        return "bilinear"
    if number not in RESAMPLE:
        allowed = ", ".join(f"{code} ({name})" for code, name in RESAMPLE.items())
        raise UnusableError(f"has resample {number!r}; these can be done: {allowed}")
    return RESAMPLE[number]


def _scale(raw: Mapping[str, Any]) -> tuple[Triple, Triple]:
    """Mean and deviation as if values had been divided by 255, whatever the processor's own factor is."""
    factor = float(raw.get("rescale_factor") or 1 / 255) if raw.get("do_rescale", True) else 1.0
    offset = 1.0 if raw.get("rescale_offset") else 0.0
    mean: Triple = (0.0, 0.0, 0.0)
    std: Triple = (1.0, 1.0, 1.0)
    if raw.get("do_normalize", "image_mean" in raw):
        mean, std = (_triple(raw.get(name), name) for name in ("image_mean", "image_std"))
    whole = 255 * factor
    if abs(whole - 1) < 1e-6 and not offset:
        return mean, std
    moved = [(value + offset) / whole for value in mean]
    return _triple(moved, "image_mean"), _triple([value / whole for value in std], "image_std")


CROP_PCT = 0.875
"""What timm takes where a configuration says nothing."""
INTERPOLATION: Resample = "bicubic"


def find_pretrained_cfg(raw: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Find timm's settings in a ``config.json``: under ``pretrained_cfg``, or, in old ones, among the rest."""
    inner = raw.get("pretrained_cfg", raw)
    return inner if isinstance(inner, dict) and "input_size" in inner else None


def read_timm(raw: Mapping[str, Any], source: str) -> Preprocessing:
    """Read how timm evaluates a model.

    Source: timm, ``data/transforms_factory.py``, ``transforms_imagenet_eval``.

    Raises
    ------
    UnusableError
        If it does what the engine cannot do.
    """
    match raw.get("input_size"):
        case [3, int(height), int(width)]:
            pass
        case size:
            raise UnusableError(f"has input_size {size!r}, not 3 channels, height and width")
    share = float(raw.get("crop_pct") or CROP_PCT)
    if not 0 < share <= 1:
        raise UnusableError(f"has crop_pct {share}, not above 0 and at most 1")
    resample: Resample = raw.get("interpolation") or INTERPOLATION
    if resample not in get_args(Resample):
        raise UnusableError(f"has interpolation {resample!r}; these can be done: {', '.join(get_args(Resample))}")
    missing = [name for name in ("crop_pct", "interpolation", "mean", "std") if not raw.get(name)]
    return Preprocessing(
        source=source,
        size=(height, width),
        resize=_resize(raw.get("crop_mode") or "center", height, width, share),
        resample=resample,
        mean=_triple(raw.get("mean") or IMAGENET_MEAN, "mean"),
        std=_triple(raw.get("std") or IMAGENET_STD, "std"),
        remarks=(f"no {', '.join(missing)} in it, so what timm takes then",) if missing else (),
    )


def _resize(mode: str, height: int, width: int, share: float) -> Mapping[str, int]:
    high, wide = math.floor(height / share), math.floor(width / share)
    if mode == "squash":
        return {"height": high, "width": wide}
    if mode != "center" or high != wide:
        raise UnusableError(f"has crop_mode {mode!r} at {height} x {width}; center of a square, or squash, can be done")
    return {"shortest_edge": high}
