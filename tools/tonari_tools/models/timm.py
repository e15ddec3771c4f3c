"""``pretrained_cfg`` of timm -> :class:`Preprocessing`."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, get_args

from tonari.images.framing import Resample
from tonari_tools.models.preprocessing import IMAGENET_MEAN, IMAGENET_STD, Preprocessing, UnusableError, triple

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
    size = raw.get("input_size")
    if (
        not isinstance(size, list | tuple)
        or len(size) != 3
        or size[0] != 3
        or not all(isinstance(n, int) for n in size)
    ):
        raise UnusableError(f"has input_size {size!r}, not 3 channels, height and width")
    height, width = int(size[1]), int(size[2])
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
        mean=triple(raw.get("mean") or IMAGENET_MEAN, "mean"),
        std=triple(raw.get("std") or IMAGENET_STD, "std"),
        remarks=(f"no {', '.join(missing)} in it, so what timm takes then",) if missing else (),
    )


def _resize(mode: str, height: int, width: int, share: float) -> Mapping[str, int]:
    high, wide = math.floor(height / share), math.floor(width / share)
    if mode == "squash":
        return {"height": high, "width": wide}
    if mode != "center" or high != wide:
        raise UnusableError(f"has crop_mode {mode!r} at {height} x {width}; center of a square, or squash, can be done")
    return {"shortest_edge": high}
