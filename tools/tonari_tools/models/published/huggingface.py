"""How Hugging Face's image processors prepare pictures: ``preprocessor_config.json``, ``processor_config.json``.

Source: transformers, ``image_processing_utils.py`` (``get_size_dict``) and the processors of ``image_processors.py``:
what differs between them is named at each function here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from tonari.images.tensor import Triple
from tonari_tools.models.published.image_processors import CANNOT, Kind, tell_kind
from tonari_tools.models.published.settings import (
    IMAGENET,
    Filter,
    Frame,
    Guess,
    Size,
    Source,
    UnusableError,
    Values,
    check_cut,
    read_filter,
    read_pixels,
    read_size,
    read_triple,
)

KEYS = frozenset({"size", "crop_size", "image_mean", "image_processor_type", "feature_extractor_type"})
"""Members by which settings of an image processor are known."""
STEPS = frozenset({
    "do_resize", "do_center_crop", "do_rescale", "do_normalize", "do_convert_rgb", "do_flip_channel_order",
    "do_reduce_labels",
})  # fmt: skip
"""The steps that the engine can do, and one that concerns no picture."""
OTHER_FRAMINGS = ("size_divisor", "keep_aspect_ratio", "max_size", "offset", "pad_size")
"""Members that change the framing where they are set."""
NO_CUT_FROM = 384
"""ConvNext resizes to ``size / crop_pct`` and cuts, but squashes to ``size`` from this size up."""
CROP_PCT = {"ConvNext": 224 / 256, "PoolFormer": 0.9}


def huggingface_source(raw: Mapping[str, Any], name: str, model_type: str = "") -> Source:
    """Make a source of the settings of an image processor; ``model_type`` as in :func:`tell_kind`."""
    kind = tell_kind(raw, model_type)
    return Source(name, partial(_frame, raw, kind), partial(_filter, raw, kind), partial(_values, raw, kind))


def _frame(raw: Mapping[str, Any], kind: Kind) -> Frame:
    _check_steps(raw, kind)
    given, remarks, guesses = _given_size(raw, kind)
    share, doubt = _share(raw, kind)
    if share and _is_convnext(raw, kind):
        if "shortest_edge" not in given:
            raise UnusableError(f"has size {given!r}; with crop_pct only shortest_edge can be done")
        edge = given["shortest_edge"]
        if edge >= NO_CUT_FROM:
            return Frame((edge, edge), {"height": edge, "width": edge}, (*remarks, *doubt), guesses)
        return _cut({"shortest_edge": int(edge / share)}, (edge, edge), (*remarks, *doubt), guesses)
    if share:
        given = _enlarge(given, share)
    elif kind.name == "Levit" and "shortest_edge" in given:
        given = {"shortest_edge": int((256 / 224) * given["shortest_edge"])}
    cut, more = _given_cut(raw, kind, given)
    return _cut(given, cut, (*remarks, *doubt, *more), guesses)


def _check_steps(raw: Mapping[str, Any], kind: Kind) -> None:
    if kind.name in CANNOT:
        raise UnusableError(f"is for {kind.name}, which {CANNOT[kind.name]}: this version cannot do that")
    on = sorted(name for name, value in raw.items() if name.startswith("do_") and value and name not in STEPS)
    on += [name for name in OTHER_FRAMINGS if raw.get(name) and not (name == "pad_size" and not raw.get("do_pad"))]
    if raw.get("ensure_multiple_of", 1) not in {1, None}:
        on.append("ensure_multiple_of")
    if on:
        raise UnusableError(f"asks for {', '.join(on)}, which this version cannot do")
    if raw.get("do_resize") is False:
        raise UnusableError("says do_resize false, but pictures come in all sizes")


def _given_size(raw: Mapping[str, Any], kind: Kind) -> tuple[Mapping[str, int], tuple[str, ...], tuple[Guess, ...]]:
    """Give either ``shortest_edge``, or ``height`` and ``width``: what ``get_size_dict`` makes of ``size``."""
    given, remarks = raw.get("size"), kind.remarks
    if given is None and kind.habit:
        given, remarks = kind.habit.size, (*remarks, f"no size in it, so what {kind.name} takes: {kind.habit.size}")
    if isinstance(given, dict):
        sides = {name: side for name, side in given.items() if side is not None}
        if sides.keys() not in ({"shortest_edge"}, {"height", "width"}):
            raise UnusableError(f"has size {given!r}; shortest_edge, or height and width, can be done")
        return {name: read_pixels(side, "size") for name, side in sides.items()}, remarks, ()
    high, wide = read_size(given, "size")
    if isinstance(given, list) and len(given) == 2:
        return {"height": high, "width": wide}, remarks, ()
    square = kind.habit.square if kind.habit else not (raw.get("crop_pct") or _cuts(raw, kind))
    resize = {"height": high, "width": wide} if square else {"shortest_edge": high}
    if kind.habit or raw.get("crop_pct"):
        return resize, remarks, ()
    meaning = f"squashed to {high} x {wide}" if square else f"shortest edge {high}"
    return resize, remarks, (Guess(f"size {given!r} means {meaning}", "--resize and --crop"),)


def _is_convnext(raw: Mapping[str, Any], kind: Kind) -> bool:
    """Tell whether ``crop_pct`` cuts ``size`` itself; PoolFormer's cuts ``crop_size``."""
    return kind.name == "ConvNext" or (not kind.habit and not _cuts(raw, kind))


def _share(raw: Mapping[str, Any], kind: Kind) -> tuple[float | None, tuple[str, ...]]:
    """Read ``crop_pct``, which only ConvNext and PoolFormer know; ConvNext takes its own also for null."""
    if kind.habit and kind.name not in CROP_PCT:
        return None, ()
    given = raw.get("crop_pct")
    if given is None:
        if kind.name == "ConvNext" or (kind.name == "PoolFormer" and "crop_pct" not in raw):
            taken = CROP_PCT[kind.name]
            return taken, (f"no crop_pct in it, so what {kind.name} takes: {taken}",)
        return None, ()
    if isinstance(given, bool) or not isinstance(given, int | float) or not 0 < given <= 1:
        raise UnusableError(f"has crop_pct {given!r}, not above 0 and at most 1")
    return float(given), ()


def _enlarge(given: Mapping[str, int], share: float) -> Mapping[str, int]:
    """Divide a size by ``crop_pct`` as PoolFormer does: equal height and width are the shortest edge to it."""
    sides = set(given.values())
    if len(sides) == 1:
        return {"shortest_edge": int(sides.pop() / share)}
    return {name: int(side / share) for name, side in given.items()}


def _cuts(raw: Mapping[str, Any], kind: Kind) -> bool:
    said = raw.get("do_center_crop")
    if said is not None:
        return bool(said)
    return kind.habit.cuts if kind.habit else raw.get("crop_size") is not None


def _given_cut(raw: Mapping[str, Any], kind: Kind, resize: Mapping[str, int]) -> tuple[Size, tuple[str, ...]]:
    if not _cuts(raw, kind):
        if "shortest_edge" in resize:
            raise UnusableError("resizes by shortest_edge and cuts nothing out, so that pictures differ in size")
        return (resize["height"], resize["width"]), ()
    given = raw.get("crop_size")
    if given is None and kind.habit and kind.habit.cut:
        return (kind.habit.cut, kind.habit.cut), (f"no crop_size in it, so what {kind.name} takes: {kind.habit.cut}",)
    return read_size(given, "crop_size"), ()


def _cut(resize: Mapping[str, int], size: Size, remarks: tuple[str, ...], guesses: tuple[Guess, ...]) -> Frame:
    edge = resize.get("shortest_edge", 0)
    check_cut(size, (resize.get("height", edge), resize.get("width", edge)))
    return Frame(size, resize, remarks, guesses)


def _filter(raw: Mapping[str, Any], kind: Kind) -> Filter:
    given = raw.get("resample")
    if given is not None:
        return Filter(read_filter(given, "resample"))
    if kind.habit and kind.habit.resample:
        return Filter(kind.habit.resample, (f"no resample in it, so what {kind.name} takes: {kind.habit.resample}",))
    guess = Guess("resized by bilinear", "--resample")
    return Filter("bilinear", ("no resample in it, so bilinear",), (guess,))


def _values(raw: Mapping[str, Any], kind: Kind) -> Values:
    """Read mean and deviation as if pixels had been divided by 255, whatever the processor's own factor is.

    EfficientNet can subtract 1 after its factor (``rescale_offset``) and divide by the deviation once more
    (``include_top``); MobileViT normalises nothing and turns RGB into BGR.
    """
    (mean, std), remarks, guesses = _scale(raw, kind)
    if raw.get("include_top", kind.name == "EfficientNet"):
        again = std if _normalises(raw, kind) else read_triple(raw.get("image_std"), "image_std")
        std = _each(std, lambda at: std[at] * again[at])
    whole = 255 * _factor(raw)
    offset = 1.0 if raw.get("rescale_offset") else 0.0
    if abs(whole - 1) > 1e-6 or offset:
        mean, std = _each(mean, lambda at: (mean[at] + offset) / whole), _each(std, lambda at: std[at] / whole)
    if not raw.get("do_flip_channel_order", kind.name == "MobileViT"):
        return Values(mean, std, "RGB", remarks, guesses)
    if len(set(mean)) > 1 or len(set(std)) > 1:
        raise UnusableError(
            "asks for do_flip_channel_order and a mean or deviation per channel: their order is not said"
        )
    return Values(mean, std, "BGR", remarks, guesses)


def _each(values: Triple, change: Callable[[int], float]) -> Triple:
    red, green, blue = map(change, range(len(values)))
    return red, green, blue


def _factor(raw: Mapping[str, Any]) -> float:
    if raw.get("do_rescale") is False:
        return 1.0
    factor = raw.get("rescale_factor")
    if factor is None:
        return 1 / 255
    if isinstance(factor, bool) or not isinstance(factor, int | float) or not factor > 0:
        raise UnusableError(f"has rescale_factor {factor!r}, not a number above 0")
    return float(factor)


def _normalises(raw: Mapping[str, Any], kind: Kind) -> bool:
    said = raw.get("do_normalize")
    if said is not None and not (kind.habit and kind.habit.scale is None):
        return bool(said)
    return kind.habit.scale is not None if kind.habit else raw.get("image_mean") is not None


def _scale(raw: Mapping[str, Any], kind: Kind) -> tuple[tuple[Triple, Triple], tuple[str, ...], tuple[Guess, ...]]:
    """Read ``image_mean`` and ``image_std``, for pixels that the processor's own factor has changed."""
    plain: tuple[Triple, Triple] = (0.0, 0.0, 0.0), (1.0, 1.0, 1.0)
    if not _normalises(raw, kind):
        silent = not kind.habit and raw.get("do_normalize") is None
        return plain, (), (Guess("mean 0 and deviation 1", "--mean and --std"),) if silent else ()
    missing = [name for name in ("image_mean", "image_std") if raw.get(name) is None]
    usual = (kind.habit.scale if kind.habit else None) or IMAGENET
    mean, std = (
        read_triple(taken if raw.get(name) is None else raw[name], name)
        for name, taken in zip(("image_mean", "image_std"), usual, strict=True)
    )
    if not missing:
        return (mean, std), (), ()
    if kind.habit:
        return (mean, std), (f"no {' and '.join(missing)} in it, so what {kind.name} takes",), ()
    return (mean, std), (), (Guess(f"{' and '.join(missing)} are ImageNet's", "--mean and --std"),)
