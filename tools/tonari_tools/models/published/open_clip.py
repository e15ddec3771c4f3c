"""How open_clip prepares pictures: ``open_clip_config.json``.

Source: open_clip, ``src/open_clip/transform.py`` (``PreprocessCfg``, ``image_transform``) and ``factory.py``: the size
is ``image_size`` of the model's ``vision_cfg``, whatever ``preprocess_cfg`` says.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from tonari_tools.models.published.settings import (
    CLIP,
    Filter,
    Frame,
    Source,
    UnusableError,
    Values,
    read_filter,
    read_size,
    read_triple,
)

DEFAULTS: Mapping[str, Any] = {
    "size": 224,
    "mode": "RGB",
    "mean": CLIP[0],
    "std": CLIP[1],
    "interpolation": "bicubic",
    "resize_mode": "shortest",
}
"""What open_clip takes where a configuration says nothing."""


def find_preprocess_cfg(raw: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Find open_clip's settings: ``preprocess_cfg`` with the size of ``model_cfg``, or the same names unnested.

    Unnested they stand in ``preprocessor_config.json`` of models that brought open_clip's transform along (Jina CLIP).
    """
    inner, model = raw.get("preprocess_cfg"), raw.get("model_cfg")
    if isinstance(inner, dict) or isinstance(model, dict):
        vision = model.get("vision_cfg") if isinstance(model, dict) else None
        size = vision.get("image_size") if isinstance(vision, dict) else None
        return {**(inner if isinstance(inner, dict) else {}), **({"size": size} if size is not None else {})}
    if {"mean", "std"} <= raw.keys() and raw.keys() & {"resize_mode", "interpolation"} and "input_size" not in raw:
        return raw
    return None


def open_clip_source(raw: Mapping[str, Any], name: str) -> Source:
    """Make a source of a ``preprocess_cfg``."""
    return Source(name, partial(_frame, raw), partial(_filter, raw), partial(_values, raw))


def _said(raw: Mapping[str, Any], name: str) -> tuple[Any, tuple[str, ...]]:
    if raw.get(name) is not None:
        return raw[name], ()
    taken = "CLIP's" if name in {"mean", "std"} else DEFAULTS[name]
    return DEFAULTS[name], (f"no {name} in it, so open_clip's own: {taken}",)


def _frame(raw: Mapping[str, Any]) -> Frame:
    given, remarks = _said(raw, "size")
    mode, _ = _said(raw, "resize_mode")
    high, wide = read_size(given, "size")
    if mode == "squash":
        return Frame((high, wide), {"height": high, "width": wide}, remarks, rounding="even")
    if mode != "shortest" or high != wide:
        raise UnusableError(
            f"has resize_mode {mode!r} at {high} x {wide}; shortest to a square, or squash, can be done"
        )
    return Frame((high, wide), {"shortest_edge": high}, remarks, rounding="even")


def _filter(raw: Mapping[str, Any]) -> Filter:
    given, remarks = _said(raw, "interpolation")
    return Filter(read_filter("bicubic" if given == "random" else given, "interpolation"), remarks)


def _values(raw: Mapping[str, Any]) -> Values:
    mode, _ = _said(raw, "mode")
    if mode != "RGB":
        raise UnusableError(f"has mode {mode!r}; RGB can be done")
    (mean, first), (std, second) = _said(raw, "mean"), _said(raw, "std")
    return Values(read_triple(mean, "mean"), read_triple(std, "std"), "RGB", (*first, *second))
