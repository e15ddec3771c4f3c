"""Where a view is taken from, and at which sizes it is drawn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import cos, radians, sin

from tonari_shop.shapes import Point

SIZE = 384
FINE = 2
"""Edges are drawn at this multiple of the size and averaged."""
COARSE = 4
"""Light and shadow, which are soft, are drawn at this fraction of the size."""


@dataclass(frozen=True, slots=True)
class Camera:
    """Where a view is taken from.

    Parameters
    ----------
    zoom
        1 shows the square of 100 units.
    focus
        The point, in units, that comes to the middle.
    turn
        Degrees, clockwise.
    across
        Factor on the horizontal: below 1 as if seen from the side, negative mirrors.
    """

    zoom: float = 1.0
    focus: Point = (50.0, 50.0)
    turn: float = 0.0
    across: float = 1.0

    def project(self, points: Sequence[Point], pixels: int) -> list[Point]:
        """Units -> pixels of a square picture of that side."""
        scale = self.zoom * pixels / 100
        c, s = cos(radians(self.turn)) * scale, sin(radians(self.turn)) * scale
        (fx, fy), middle, a = self.focus, pixels / 2, self.across
        return [(c * (x - fx) * a - s * (y - fy) + middle, s * (x - fx) * a + c * (y - fy) + middle) for x, y in points]
