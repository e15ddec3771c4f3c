"""What some source says of the way from a picture to a model's input."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

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
    remarks: tuple[str, ...] = field(default=())

    def describe_framing(self) -> str:
        """Say where the framing comes from."""
        return "; ".join((self.source, *self.remarks))


def triple(values: Any, name: str) -> Triple:
    """Read a number per channel, or one for all three.

    Raises
    ------
    UnusableError
        If there are neither one nor three numbers.
    """
    many = values if isinstance(values, list | tuple) else [values]
    numbers = [float(value) for value in many if isinstance(value, int | float) and not isinstance(value, bool)]
    if len(numbers) != len(many) or len(many) not in {1, 3}:
        raise UnusableError(f"{name} is {values!r}, not a number for each of three channels")
    red, green, blue = numbers * (3 // len(numbers))
    return red, green, blue
