"""What published settings say of preparing pictures, as values; and how numbers, sizes and filters are read in them."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, get_args

from tonari.images.framing import Resample, Rounding
from tonari.images.tensor import Channels, Triple

IMAGENET: tuple[Triple, Triple] = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
CLIP: tuple[Triple, Triple] = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)
HALF: tuple[Triple, Triple] = (0.5, 0.5, 0.5), (0.5, 0.5, 0.5)
MOST_PIXELS = 4096
"""A side of what an encoder takes, or of a picture that has been resized, in pixels."""
RESAMPLE: dict[int, Resample] = {0: "nearest", 1: "lanczos", 2: "bilinear", 3: "bicubic", 4: "box", 5: "hamming"}
"""Numbers of Pillow's filters."""
Size = tuple[int, int]
"""Height and width."""


class UnusableError(ValueError):
    """A source says something that the engine cannot do; the message continues a sentence that begins with its name."""


@dataclass(frozen=True, slots=True)
class Guess:
    """Something that nobody said.

    Parameters
    ----------
    what
        What was taken, for example ``mean and deviation of ImageNet``.
    flags
        Options of the command line by which the user says it instead.
    """

    what: str
    flags: str


@dataclass(frozen=True, slots=True)
class Frame:
    """How large a picture becomes, in pixels.

    Parameters
    ----------
    size
        Height and width of the cut.
    resize
        Either ``shortest_edge``, or ``height`` and ``width``: as in ``encoder.json``.
    remarks
        What the source left out, and its own library takes then.
    guesses
        What the source left out, and nobody says.
    rounding
        Of the place of the cut: see :class:`tonari.images.framing.Framing`.
    """

    size: Size
    resize: Mapping[str, int]
    remarks: tuple[str, ...] = ()
    guesses: tuple[Guess, ...] = ()
    rounding: Rounding = "pixels"


@dataclass(frozen=True, slots=True)
class Filter:
    """By which filter a picture is resized; see :class:`Frame` for the rest."""

    resample: Resample
    remarks: tuple[str, ...] = ()
    guesses: tuple[Guess, ...] = ()


@dataclass(frozen=True, slots=True)
class Values:
    """How a pixel becomes numbers: mean and deviation on the scale of 0 to 1, in the order of ``channels``."""

    mean: Triple
    std: Triple
    channels: Channels = "RGB"
    remarks: tuple[str, ...] = ()
    guesses: tuple[Guess, ...] = ()


@dataclass(frozen=True, slots=True)
class Source:
    """Where settings come from, and how each part of them is read; reading raises :class:`UnusableError`.

    A part that the user says by options is not read: what cannot be done in it then does no harm.
    """

    name: str
    frame: Callable[[], Frame]
    filter: Callable[[], Filter]
    values: Callable[[], Values]


@dataclass(frozen=True, slots=True)
class Preprocessing:
    """All parts together; for the names see :class:`Frame`, :class:`Filter` and :class:`Values`."""

    source: str
    size: Size
    resize: Mapping[str, int]
    resample: Resample
    mean: Triple
    std: Triple
    channels: Channels = "RGB"
    remarks: tuple[str, ...] = ()
    guesses: tuple[Guess, ...] = ()
    rounding: Rounding = "pixels"


def read_source(source: Source) -> Preprocessing:
    """Read all parts of a source.

    Raises
    ------
    UnusableError
        If it does what the engine cannot do, or leaves out what must be known.
    """
    return join(source.name, source.frame(), source.filter(), source.values())


def join(name: str, frame: Frame, resize_filter: Filter, values: Values) -> Preprocessing:
    """Put the parts together."""
    return Preprocessing(
        name,
        frame.size,
        frame.resize,
        resize_filter.resample,
        values.mean,
        values.std,
        values.channels,
        (*frame.remarks, *resize_filter.remarks, *values.remarks),
        (*frame.guesses, *resize_filter.guesses, *values.guesses),
        frame.rounding,
    )


def read_triple(values: Any, name: str) -> Triple:
    """Read a number per channel, or one for all three.

    Raises
    ------
    UnusableError
        If it is something else.
    """
    many = values if isinstance(values, list | tuple) else [values]
    numbers = [float(value) for value in many if isinstance(value, int | float) and not isinstance(value, bool)]
    if not all(map(math.isfinite, numbers)):
        raise UnusableError(f"has {name} {values!r}, not finite numbers")
    if name.endswith("std") and any(number <= 0 for number in numbers):
        raise UnusableError(f"has {name} {values!r}, which must be above 0: it is divided by")
    if len(numbers) != len(many) or len(many) not in {1, 3}:
        raise UnusableError(f"has {name} {values!r}, not a number for each of three channels")
    red, green, blue = numbers * (3 // len(numbers))
    return red, green, blue


def read_pixels(value: Any, name: str) -> int:
    """Read a length in whole pixels, from 1 to :data:`MOST_PIXELS`.

    Raises
    ------
    UnusableError
        If it is none.
    """
    whole = isinstance(value, int) or (isinstance(value, float) and value.is_integer())
    if isinstance(value, bool) or not whole or not 1 <= value <= MOST_PIXELS:
        raise UnusableError(f"has {name} {value!r}, not a number of pixels from 1 to {MOST_PIXELS}")
    return int(value)


def read_size(given: Any, name: str) -> Size:
    """Read height and width: one number for both, a list of one or two, or a mapping.

    Raises
    ------
    UnusableError
        If it is something else.
    """
    match given:
        case {"height": high, "width": wide} if len(given) == 2:
            pass
        case [high, wide]:
            pass
        case [one]:
            high = wide = one
        case int() | float():
            high = wide = given
        case _:
            raise UnusableError(f"has {name} {given!r}, not height and width")
    return read_pixels(high, name), read_pixels(wide, name)


def read_filter(given: Any, name: str) -> Resample:
    """Read a filter: Pillow's number or name.

    Raises
    ------
    UnusableError
        If the engine has no such filter.
    """
    said: Any = RESAMPLE.get(given) if isinstance(given, int) and not isinstance(given, bool) else given
    if isinstance(said, str):
        said = said.lower().rpartition(".")[2]
    if said not in get_args(Resample):
        allowed = ", ".join(f"{code} ({known})" for code, known in RESAMPLE.items())
        raise UnusableError(f"has {name} {given!r}; these can be done: {allowed}")
    found: Resample = said
    return found


def check_cut(size: Size, resized: Size) -> None:
    """Refuse a cut that is larger than the picture out of which it is taken, in height or width.

    Raises
    ------
    UnusableError
        If it is: libraries fill up the rest with black then, which the engine does not.
    """
    if size[0] > resized[0] or size[1] > resized[1]:
        raise UnusableError(
            f"cuts {size[0]} x {size[1]} pixels out of a picture of {resized[0]} x {resized[1]}, with black around it, "
            "which this version cannot do"
        )
