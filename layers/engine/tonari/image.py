"""Bytes of a picture -> the pixels an encoder takes, or a clear refusal."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Resample = Literal["bilinear", "bicubic", "lanczos"]


@dataclass(frozen=True, slots=True)
class Framing:
    """How a picture of any size becomes ``height`` x ``width`` pixels.

    Parameters
    ----------
    height, width
        Size in pixels of what the encoder takes.
    shortest_edge
        The picture is resized, its aspect kept, until its shorter side has this many pixels; then the centre is cut out.
    resample
        Filter of the resize.
    background
        RGB colour, 0-255, laid under transparent pixels.
    """

    height: int
    width: int
    shortest_edge: int
    resample: Resample = "bicubic"
    background: tuple[int, int, int] = (255, 255, 255)
