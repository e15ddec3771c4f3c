"""How timm evaluates a model: ``pretrained_cfg`` in its ``config.json``.

Source: pytorch-image-models, ``timm/data/config.py`` (``resolve_data_config``: what is taken where a configuration is
silent) and ``timm/data/transforms_factory.py`` (``transforms_imagenet_eval``).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import partial
from typing import Any

from tonari.images.framing import Resample
from tonari_tools.models.published.settings import (
    IMAGENET,
    Filter,
    Frame,
    Source,
    UnusableError,
    Values,
    read_filter,
    read_pixels,
    read_triple,
)

CROP_PCT = 0.875
"""What timm takes where a configuration says nothing."""
INTERPOLATION: Resample = "bicubic"


def find_pretrained_cfg(raw: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Find timm's settings in a ``config.json``: under ``pretrained_cfg``, or, in old ones, among the rest."""
    inner = raw.get("pretrained_cfg", raw)
    return inner if isinstance(inner, dict) and "input_size" in inner else None


def timm_source(raw: Mapping[str, Any], name: str) -> Source:
    """Make a source of a ``pretrained_cfg``."""
    return Source(name, partial(_frame, raw), partial(_filter, raw), partial(_values, raw))


def _frame(raw: Mapping[str, Any]) -> Frame:
    match raw.get("input_size"):
        case [3, high, wide]:
            height, width = read_pixels(high, "input_size"), read_pixels(wide, "input_size")
        case size:
            raise UnusableError(f"has input_size {size!r}, not 3 channels, height and width")
    if raw.get("crop_border_pixels"):
        raise UnusableError(f"has crop_border_pixels {raw['crop_border_pixels']!r}, which this version cannot do")
    share = float(raw.get("crop_pct") or CROP_PCT)
    if not 0 < share <= 1:
        raise UnusableError(f"has crop_pct {share}, not above 0 and at most 1")
    resize = _resize(raw.get("crop_mode") or "center", height, width, share)
    return Frame((height, width), resize, _silent(raw, "crop_pct", CROP_PCT), rounding="even")


def _resize(mode: str, height: int, width: int, share: float) -> Mapping[str, int]:
    high, wide = (read_pixels(math.floor(side / share), "crop_pct") for side in (height, width))
    if mode == "squash":
        return {"height": high, "width": wide}
    if mode != "center" or high != wide:
        raise UnusableError(f"has crop_mode {mode!r} at {height} x {width}; center of a square, or squash, can be done")
    return {"shortest_edge": high}


def _filter(raw: Mapping[str, Any]) -> Filter:
    given = raw.get("interpolation") or INTERPOLATION
    return Filter(read_filter(given, "interpolation"), _silent(raw, "interpolation", INTERPOLATION))


def _values(raw: Mapping[str, Any]) -> Values:
    mean, std = (
        read_triple(raw.get(name) or taken, name) for name, taken in zip(("mean", "std"), IMAGENET, strict=True)
    )
    return Values(
        mean, std, "RGB", tuple(part for name in ("mean", "std") for part in _silent(raw, name, "ImageNet's"))
    )


def _silent(raw: Mapping[str, Any], name: str, taken: object) -> tuple[str, ...]:
    return () if raw.get(name) else (f"no {name} in it, so timm's own: {taken}",)
