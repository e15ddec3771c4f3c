"""``preprocessor_config.json`` of Hugging Face's image processors -> :class:`Preprocessing`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tonari.images.framing import Resample
from tonari.images.tensor import Triple
from tonari_tools.models.preprocessing import Preprocessing, UnusableError, triple

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
    mean, std = (0.0,) * 3, (1.0,) * 3
    if raw.get("do_normalize", "image_mean" in raw):
        mean, std = (triple(raw.get(name), name) for name in ("image_mean", "image_std"))
    whole = 255 * factor
    if abs(whole - 1) < 1e-6 and not offset:
        return triple(mean, "image_mean"), triple(std, "image_std")
    moved = [(value + offset) / whole for value in mean]
    return triple(moved, "image_mean"), triple([value / whole for value in std], "image_std")
