"""What the user says of a model by options of the command line: it goes before whatever files say."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from tonari.errors import InvalidRequestError
from tonari.images.framing import Resample
from tonari.images.tensor import Channels, Layout, Triple
from tonari_tools.models.published.settings import MOST_PIXELS, Size

MOST_MEAN, MOST_STD = 2.0, 8.0
"""Beyond them a mean or a deviation is not one of pixels between 0 and 1."""
SEPARATOR = re.compile(r"[,;\s]+")
SIDES = re.compile(r"\s*(\d+)\s*(?:[x,]\s*(\d+)\s*)?", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Overrides:
    """What was said; None where nothing was.

    Parameters
    ----------
    resize
        One number: the shortest edge. Height and width: a picture is squashed to them.
    crop
        Height and width of the cut, which is what the graph takes.
    resample
        Filter of the resize.
    mean, std
        Per channel, on the scale of 0 to 1.
    channels, layout
        Of the graph's input.
    output
        Name of the output that is the embedding.
    """

    resize: int | Size | None = None
    crop: Size | None = None
    resample: Resample | None = None
    mean: Triple | None = None
    std: Triple | None = None
    channels: Channels | None = None
    layout: Layout | None = None
    output: str | None = None

    def flags(self) -> tuple[str, ...]:
        """Name the options that were given."""
        return tuple(f"--{one.name}" for one in fields(self) if getattr(self, one.name) is not None)

    @property
    def resized(self) -> Mapping[str, int] | None:
        """The resize as ``encoder.json`` writes it."""
        if isinstance(self.resize, int):
            return {"shortest_edge": self.resize}
        return self.resize and {"height": self.resize[0], "width": self.resize[1]}


NOTHING = Overrides()
"""All is left to the files."""


def parse_resize(text: str) -> int | Size:
    """Read ``256`` as the shortest edge, ``256x192`` as height and width.

    Raises
    ------
    ValueError
        If it is neither; the message says what is expected.
    """
    sides = _sides(text)
    if sides is None:
        raise ValueError(
            f"{text!r} is neither the shortest edge (256) nor a height and width to squash to (256x192), in pixels "
            f"from 1 to {MOST_PIXELS}"
        )
    return sides[0] if len(sides) == 1 else (sides[0], sides[1])


def parse_crop(text: str) -> Size:
    """Read ``224`` as a square, ``224x160`` as height and width.

    Raises
    ------
    ValueError
        If it is neither.
    """
    sides = _sides(text)
    if sides is None:
        raise ValueError(
            f"{text!r} is neither the side of a square (224) nor a height and width (224x160), in pixels from 1 to "
            f"{MOST_PIXELS}"
        )
    return sides[0], sides[-1]


def _sides(text: str) -> list[int] | None:
    found = SIDES.fullmatch(text)
    sides = [int(side) for side in found.groups() if side] if found else []
    return sides if sides and all(1 <= side <= MOST_PIXELS for side in sides) else None


def parse_mean(text: str) -> Triple:
    """Read a mean, as :func:`parse_triple`.

    Raises
    ------
    ValueError
        If it is something else, or on another scale.
    """
    values = parse_triple(text)
    _check_scale(text, values, MOST_MEAN)
    return values


def _check_scale(text: str, values: Triple, most: float) -> None:
    if max(map(abs, values)) > most:
        divided = ",".join(f"{value / 255:.4g}" for value in values)
        raise ValueError(f"{text!r} is on the scale of 0 to 255; pixels are taken as 0 to 1: say {divided}")


def parse_triple(text: str) -> Triple:
    """Read ``0.5`` or ``0.485,0.456,0.406``; brackets around it do no harm.

    Raises
    ------
    ValueError
        If it is something else.
    """
    parts = [part for part in SEPARATOR.split(text.strip().strip("[]()")) if part]
    try:
        numbers = [float(part) for part in parts]
    except ValueError:
        numbers = []
    if len(numbers) not in {1, 3} or not all(map(math.isfinite, numbers)):
        raise ValueError(f"{text!r} is neither a number nor one for each of red, green and blue (0.485,0.456,0.406)")
    red, green, blue = numbers * (3 // len(numbers))
    return red, green, blue


def parse_std(text: str) -> Triple:
    """Read a deviation, as :func:`parse_triple`.

    Raises
    ------
    ValueError
        If it is something else, or not above 0.
    """
    values = parse_triple(text)
    if min(values) <= 0:
        raise ValueError(f"{text!r} must be above 0: it is divided by")
    _check_scale(text, values, MOST_STD)
    return values


def override_config(config: Mapping[str, Any], said: Overrides) -> dict[str, Any]:
    """Put what was said into an ``encoder.json`` that is there already.

    Raises
    ------
    InvalidRequestError
        If it is of format 1, which has no room for it, or takes pixels as they are.
    """
    if config.get("format") != 2:
        raise InvalidRequestError(
            f"{said.flags()[0]} cannot be put into an encoder.json of format {config.get('format')!r}: take the file "
            "away, so that the model is looked at, or write format 2."
        )
    if (said.mean or said.std) and config.get("input", {}).get("dtype") == "uint8":
        raise InvalidRequestError("The graph takes uint8, pixels as they are: --mean and --std have no place.")
    size = {} if said.crop is None else {"height": said.crop[0], "width": said.crop[1]}
    given = {
        name: value for name in ("mean", "std", "channels", "layout") if (value := getattr(said, name)) is not None
    }
    return {
        **config,
        "input": {**config.get("input", {}), **size, **given},
        "preprocessing": {
            **config.get("preprocessing", {}),
            **({"resize": dict(said.resized)} if said.resized else {}),
            **({"resample": said.resample} if said.resample else {}),
        },
        "output": {"name": said.output} if said.output else config.get("output"),
    }
