"""Where in a picture of any size the few pixels lie that an encoder takes: sizes and places, no pixels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

Resample = Literal["bilinear", "bicubic", "lanczos", "box", "hamming", "nearest"]
Rounding = Literal["none", "pixels", "even"]
Box = tuple[float, float, float, float]
Pixels = tuple[int, int, int, int]
"""Left, top, right and bottom edge of a box, in whole pixels."""

SIDEWAYS = frozenset({5, 6, 7, 8})
"""EXIF orientations that swap width and height."""
_FROM_THE_RIGHT = frozenset({2, 3, 7, 8})
_FROM_THE_BOTTOM = frozenset({3, 4, 6, 7})


@dataclass(frozen=True, slots=True)
class Region:
    """A box in a picture as it is seen, upright: shares of its width and height, 0-1, from its left and upper edge."""

    x: float
    y: float
    width: float
    height: float

    def pixels(self, width: int, height: int, orientation: int) -> Pixels:
        """Give the box in whole pixels of a file of this size and EXIF orientation, before it is turned upright."""
        across, down = (height, width) if orientation in SIDEWAYS else (width, height)
        horizontal, vertical = _whole(self.x, self.width, across), _whole(self.y, self.height, down)
        if orientation in SIDEWAYS:
            horizontal, vertical = vertical, horizontal
        if orientation in _FROM_THE_RIGHT:
            horizontal = width - horizontal[1], width - horizontal[0]
        if orientation in _FROM_THE_BOTTOM:
            vertical = height - vertical[1], height - vertical[0]
        return horizontal[0], vertical[0], horizontal[1], vertical[1]


@dataclass(frozen=True, slots=True)
class Framing:
    """How a picture of any size becomes ``height`` x ``width`` pixels: it is resized, then the centre is cut out.

    Parameters
    ----------
    height, width
        Size in pixels of what the encoder takes.
    shortest_edge
        The picture is resized, its aspect kept, until its shorter side has this many pixels; or
    squashed
        it is resized to this height and width, whatever its aspect. Exactly one of the two is given.
    resample
        Filter of the resize, antialiased; but ``nearest`` takes single pixels.
    background
        RGB colour, 0-255, laid under transparent pixels.
    rounding
        ``none``: the cut is taken out of the exact centre. ``pixels``: longer side and place of the cut are rounded
        down to whole pixels of the resized picture, as the image processors of Hugging Face do. ``even``: half a pixel
        at the place of the cut goes to the even side, as torchvision's ``center_crop`` has it (timm, open_clip).

    Raises
    ------
    ValueError
        If no picture could be framed so.
    """

    height: int
    width: int
    shortest_edge: int | None = None
    resample: Resample = "bicubic"
    background: tuple[int, int, int] = (255, 255, 255)
    squashed: tuple[int, int] | None = None
    rounding: Rounding = "none"

    def __post_init__(self) -> None:
        if (self.shortest_edge is None) == (self.squashed is None):
            raise ValueError("a picture is resized either to a shortest_edge or squashed to a height and width")
        high, wide = self.squashed or (self.shortest_edge or 0,) * 2
        if not (1 <= self.height <= high and 1 <= self.width <= wide):
            resized = f"squashed size {high} x {wide}" if self.squashed else f"shortest_edge {high}"
            raise ValueError(f"height {self.height} and width {self.width} must lie between 1 and {resized}")
        if self.resample not in get_args(Resample):
            raise ValueError(f"resample {self.resample!r} is none of {', '.join(get_args(Resample))}")
        if self.rounding not in get_args(Rounding):
            raise ValueError(f"rounding {self.rounding!r} is none of {', '.join(get_args(Rounding))}")
        if len(self.background) != 3 or not all(0 <= value <= 255 for value in self.background):
            raise ValueError(f"background {self.background} is not three values from 0 to 255")

    def size(self, orientation: int) -> tuple[int, int]:
        """Width and height of the cut in a file of this EXIF orientation, before it is turned upright."""
        return _turned((self.width, self.height), orientation)

    def resized(self, width: int, height: int, orientation: int) -> tuple[int, int]:
        """Width and height to which a file of this size is resized, before it is cut and turned upright."""
        if self.squashed:
            return _turned((self.squashed[1], self.squashed[0]), orientation)
        edge, shorter = self.shortest_edge or 0, min(width, height)
        return edge * width // shorter, edge * height // shorter

    def box(self, original: tuple[int, int], decoded: tuple[float, float], orientation: int) -> Box:
        """Find the part of a picture that becomes the cut; cutting before resizing saves the work on the rest.

        Parameters
        ----------
        original
            Width and height of the file.
        decoded
            Those at which it has been decoded, perhaps a fraction.
        orientation
            Of EXIF: how the file is to be turned afterwards.

        Returns
        -------
        left, top, right, bottom, in pixels of the decoded picture
        """
        size = self.size(orientation)
        if self.rounding == "none" and self.shortest_edge:
            step = min(decoded) / self.shortest_edge
            across, down = min(size[0] * step, decoded[0]), min(size[1] * step, decoded[1])
            left, top = (decoded[0] - across) / 2, (decoded[1] - down) / 2
            return left, top, left + across, top + down
        whole = self.resized(*original, orientation)
        x = _span(whole[0], size[0], decoded[0], self.rounding, far=orientation in _FROM_THE_RIGHT)
        y = _span(whole[1], size[1], decoded[1], self.rounding, far=orientation in _FROM_THE_BOTTOM)
        return x[0], y[0], x[1], y[1]


def _turned(size: tuple[int, int], orientation: int) -> tuple[int, int]:
    return (size[1], size[0]) if orientation in SIDEWAYS else size


def _span(whole: int, cut: int, length: float, rounding: Rounding, *, far: bool) -> tuple[float, float]:
    """Begin and end of the cut along one side of ``length`` pixels that is resized to ``whole``."""
    start = (whole - cut) / 2
    if rounding != "none":
        near = (whole - cut) // 2 if rounding == "pixels" else round((whole - cut) / 2)
        start = whole - cut - near if far else near
    step = length / whole
    return start * step, min((start + cut) * step, length)


def _whole(start: float, length: float, side: int) -> tuple[int, int]:
    """Begin and end of a share of one side, in whole pixels."""
    return max(0, round(start * side)), min(side, round((start + length) * side))
