"""How pictures are prepared for a model: what the user says, else the first source that speaks, else a guess."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from tonari.errors import InvalidEncoderError
from tonari.images.tensor import Channels
from tonari_tools.models.graph_ends import Input
from tonari_tools.models.published.huggingface import KEYS, huggingface_source
from tonari_tools.models.published.open_clip import find_preprocess_cfg, open_clip_source
from tonari_tools.models.published.overrides import Overrides
from tonari_tools.models.published.settings import (
    IMAGENET,
    Filter,
    Frame,
    Guess,
    Preprocessing,
    Size,
    Source,
    UnusableError,
    Values,
    join,
    read_source,
)
from tonari_tools.models.published.timm import find_pretrained_cfg, timm_source

Part = TypeVar("Part", Frame, Filter, Values)
SIZED = "--resize and --crop"
SCALED = "--mean and --std"
FRAMING, VALUES = frozenset({"--resize", "--crop", "--resample"}), frozenset({"--mean", "--std", "--channels"})
NOTHING_SAYS = "nothing says"
BROKEN = (TypeError, ValueError, ArithmeticError)
"""What reading settings of an unusual form raises."""
TOLERANCE = 1e-4
"""By how much means and deviations of two sources differ at most, where they mean the same."""


def find_source(raw: Mapping[str, Any], name: str, model_type: str = "") -> Source | None:
    """Tell by its content what kind of settings a file has.

    Parameters
    ----------
    name
        By which it is called in messages.
    model_type
        Of the ``config.json`` beside it.

    Returns
    -------
    None if it says nothing of pictures.
    """
    nested = raw.get("image_processor")
    if isinstance(nested, dict):
        raw, name = nested, f"image_processor in {name}"
    if (timm := find_pretrained_cfg(raw)) is not None:
        return timm_source(timm, f"timm's pretrained_cfg in {name}" if "pretrained_cfg" in raw else f"timm's {name}")
    if (clip := find_preprocess_cfg(raw)) is not None:
        return open_clip_source(clip, name)
    return huggingface_source(raw, name, model_type) if raw.keys() & KEYS else None


@dataclass(frozen=True, slots=True)
class Chosen:
    """What was found; where from, for framing and values; and where sources contradict the one that was taken."""

    preprocessing: Preprocessing
    found: Mapping[str, str]
    contradictions: tuple[str, ...]


def choose_preprocessing(
    sources: Sequence[Source], said: Overrides, given: Input, likely: tuple[Size, str] | None = None
) -> Chosen:
    """Put together how pictures are prepared.

    Parameters
    ----------
    sources
        In the order in which they are believed.
    said
        What the user says: it goes before all of them.
    given
        The graph's input.
    likely
        A size that is only likely, where the graph leaves it open, and who says it.

    Raises
    ------
    InvalidEncoderError
        If the first source says what cannot be done, or what the graph does not take, or no size is to be found.
    """
    source = next(iter(sources), None) or _guessing(given, likely)
    frame = _with_crop(_frame(source, said, given), said, given, source.name)
    resize_filter = Filter(said.resample) if said.resample else _read(source, source.filter, "--resample")
    values = _values(source, said, given)
    framed = bool(said.resize and (said.crop or given.size) and said.resample)
    found = {
        "framing": _reason(FRAMING & set(said.flags()), "" if framed else source.name, frame, resize_filter),
        "values": _reason(VALUES & set(said.flags()), "" if said.mean and said.std else source.name, values),
    }
    if given.dtype == "uint8":
        found["values"] = "the graph takes uint8: raw RGB"
    contradictions = (_contradiction(other, source, said) for other in sources[1:])
    return Chosen(join(source.name, frame, resize_filter, values), found, tuple(filter(None, contradictions)))


def _reason(flags: Iterable[str], name: str, *parts: Frame | Filter | Values) -> str:
    remarks = [remark for part in parts for remark in part.remarks]
    guesses = [f"guessed: {guess.what}" for part in parts for guess in part.guesses]
    return "; ".join(filter(None, (", ".join(sorted(flags)), name, *remarks, *guesses)))


def _frame(source: Source, said: Overrides, given: Input) -> Frame:
    size = said.crop or given.size
    if said.resized is None:
        if said.crop and not given.size and source.name == NOTHING_SAYS:
            return _guessed_frame(said.crop)
        return _read(source, source.frame, SIZED)
    if size is None:
        size = _read(source, source.frame, SIZED).size
    return Frame(size, said.resized)


def _with_crop(frame: Frame, said: Overrides, given: Input, name: str) -> Frame:
    size = said.crop or frame.size
    if given.size not in {None, size}:
        graph = given.size and " x ".join(map(str, given.size))
        who = "--crop" if said.crop else name
        remedy = "leave it out" if said.crop else f"mend one, say {SIZED}, or give --config encoder.json"
        raise InvalidEncoderError(f"{who} says {size[0]} x {size[1]} pixels, the graph takes {graph}: {remedy}.")
    edge = frame.resize.get("shortest_edge", 0)
    high, wide = frame.resize.get("height", edge), frame.resize.get("width", edge)
    if size[0] > high or size[1] > wide:
        who = "--resize" if said.resize else name
        raise InvalidEncoderError(
            f"{who} makes pictures {high} x {wide} pixels at least, {size[0]} x {size[1]} are cut out: say a larger "
            "--resize, or a smaller --crop."
        )
    guesses = () if said.resize and said.crop else frame.guesses
    return Frame(size, frame.resize, frame.remarks, guesses, frame.rounding)


def _values(source: Source, said: Overrides, given: Input) -> Values:
    if given.dtype == "uint8":
        if said.mean or said.std:
            flag = "--mean" if said.mean else "--std"
            raise InvalidEncoderError(f"The graph takes uint8, pixels as they are: {flag} has no place, leave it out.")
        return Values(*IMAGENET, said.channels or _channels(source), (), _unsaid(source, said))
    if said.mean and said.std:
        return Values(said.mean, said.std, said.channels or _channels(source), (), _unsaid(source, said))
    read = _read(source, source.values, SCALED)
    rest = " and ".join(flag for flag in ("--mean", "--std") if flag not in said.flags())
    guesses = (*(Guess(guess.what, rest) for guess in read.guesses), *_unsaid(source, said))
    return Values(said.mean or read.mean, said.std or read.std, said.channels or read.channels, read.remarks, guesses)


def _unsaid(source: Source, said: Overrides) -> tuple[Guess, ...]:
    guessed = source.name == NOTHING_SAYS and not said.channels
    return (Guess("channels in the order RGB", "--channels"),) if guessed else ()


def _channels(source: Source) -> Channels:
    try:
        return source.values().channels
    except BROKEN:
        return "RGB"


def _read(source: Source, part: Callable[[], Part], flags: str) -> Part:
    try:
        return part()
    except UnusableError as error:
        raise InvalidEncoderError(
            f"{source.name} {error}. Say {flags} yourself, or all of it in --config encoder.json."
        ) from error
    except BROKEN as error:
        raise InvalidEncoderError(
            f"{source.name} is not of the usual form ({error}): say {flags} yourself, or give --config encoder.json."
        ) from error


def _contradiction(other: Source, taken: Source, said: Overrides) -> str | None:
    """Say in what another source differs, as far as it matters; one that cannot be read is not asked."""
    try:
        one, two = read_source(other), read_source(taken)
    except BROKEN:
        return None
    differing = {flag: value for flag, value in _as_flags(one).items() if _differs(value, _as_flags(two)[flag])}
    wanted = [f"{flag} {_written(value)}" for flag, value in differing.items() if flag not in said.flags()]
    if not wanted:
        return None
    return f"{other.name} contradicts {two.source}, which was taken. If it is right, say {' '.join(wanted)}."


def _as_flags(found: Preprocessing) -> dict[str, str | tuple[float, ...]]:
    """Give settings as the options that would say them."""
    return {
        "--resize": tuple(found.resize.values()),
        "--crop": found.size,
        "--resample": found.resample,
        "--mean": found.mean,
        "--std": found.std,
    }


def _written(value: str | tuple[float, ...]) -> str:
    if isinstance(value, str):
        return value
    return ("x" if isinstance(value[0], int) else ",").join(f"{part:g}" for part in value)


def _differs(one: Any, two: Any) -> bool:
    if isinstance(one, str) or len(one) != len(two):
        return bool(one != two)
    return any(abs(first - second) > TOLERANCE for first, second in zip(one, two, strict=True))


def _guessing(given: Input, likely: tuple[Size, str] | None) -> Source:
    """Make a source of what is usual."""

    def frame() -> Frame:
        if given.size is not None:
            return _guessed_frame(given.size)
        if likely is None:
            raise InvalidEncoderError(
                f"The input {given.name} has an open height or width, and nothing says how large pictures should be: "
                "say --resize and --crop, put its preprocessor_config.json beside it, or give --config encoder.json."
            )
        guessed = _guessed_frame(likely[0])
        return Frame(guessed.size, guessed.resize, (f"size by {likely[1]}",), guessed.guesses)

    def resample() -> Filter:
        return Filter("bicubic", (), (Guess("resized by bicubic", "--resample"),))

    def values() -> Values:
        return Values(*IMAGENET, "RGB", (), (Guess("mean and deviation of ImageNet", SCALED),))

    return Source(NOTHING_SAYS, frame, resample, values)


def _guessed_frame(size: Size) -> Frame:
    high, wide = size
    if high == wide:
        what = f"shortest edge {high}, centre {high} x {high}"
        return Frame(size, {"shortest_edge": high}, (), (Guess(what, SIZED),))
    return Frame(size, {"height": high, "width": wide}, (), (Guess(f"squashed to {high} x {wide}", SIZED),))
