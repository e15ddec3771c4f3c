"""Pictures as data: filled and stroked paths in a square of 100 x 100 units, y pointing down."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Literal, TypeAlias

Point: TypeAlias = tuple[float, float]
Kind: TypeAlias = Literal["fill", "line", "fold", "gloss"]

STEPS = 14
CENTRE = 50.0


@dataclass(frozen=True, slots=True)
class Part:
    """One stroke of the brush.

    Parameters
    ----------
    points
        Polygon (``fill``) or polyline, in units.
    paint
        Name of a colour of the product's palette; ``fabric`` is ``main`` with the pattern printed on it.
    kind
        ``fill`` and ``line`` are crisp; ``fold`` is a soft shadow, ``gloss`` a soft light.
    width
        Of a line, in units.
    """

    points: tuple[Point, ...]
    paint: str = "fabric"
    kind: Kind = "fill"
    width: float = 0.0


def trace(path: str) -> tuple[Point, ...]:
    """Follow a path in the absolute subset ``M L Q C`` of SVG's path syntax, curves cut into short lines."""
    points: list[Point] = []
    numbers: list[float] = []
    command = "M"
    for token in path.split():
        if token.isalpha():
            command = token
            continue
        numbers.append(float(token))
        needed = {"M": 2, "L": 2, "Q": 4, "C": 6}[command]
        if len(numbers) == needed:
            points += _segment(points[-1:], list(zip(numbers[::2], numbers[1::2], strict=True)))
            numbers.clear()
    return tuple(points)


def _segment(start: Sequence[Point], controls: Sequence[Point]) -> list[Point]:
    if len(controls) == 1:
        return list(controls)
    curve: list[Point] = []
    for step in range(1, STEPS + 1):
        t = step / STEPS
        level = [*start, *controls]
        while len(level) > 1:  # de Casteljau
            level = [(a + (c - a) * t, b + (d - b) * t) for (a, b), (c, d) in pairwise(level)]
        curve += level
    return curve


def mirror(points: Iterable[Point]) -> tuple[Point, ...]:
    """Reflect at the vertical axis."""
    return tuple((2 * CENTRE - x, y) for x, y in points)


def fill(path: str, paint: str = "fabric") -> Part:
    """Fill a path."""
    return Part(trace(path), paint)


def pair(part: Part) -> tuple[Part, Part]:
    """Give a part and its mirror image."""
    return part, replace(part, points=mirror(part.points))


def whole(half: str, paint: str = "fabric") -> Part:
    """Fill a symmetric shape, of which ``half`` is the right side from top to bottom."""
    right = trace(half)
    return Part(right + mirror(right)[::-1], paint)


def line(path: str, paint: str = "dark", width: float = 0.6) -> Part:
    """Draw along a path."""
    return Part(trace(path), paint, "line", width)


def fold(path: str, width: float = 2.5) -> Part:
    """Lay a soft shadow, as of a crease."""
    return Part(trace(path), "black", "fold", width)


def gloss(path: str, width: float = 3.0) -> Part:
    """Lay a soft light, as on glaze or leather."""
    return Part(trace(path), "white", "gloss", width)


def oval(x: float, y: float, across: float, down: float, paint: str = "fabric") -> Part:
    """Fill an ellipse around ``(x, y)`` with these radii."""
    return Part(trace(ring(x, y, across, down)), paint)


def ring(x: float, y: float, across: float, down: float) -> str:
    """Give the path of an ellipse around ``(x, y)`` with these radii."""
    a, d = across * 0.5523, down * 0.5523
    left, right, top, bottom = x - across, x + across, y - down, y + down
    return (
        f"M {x} {top} C {x + a} {top} {right} {y - d} {right} {y} C {right} {y + d} {x + a} {bottom} {x} {bottom} "
        f"C {x - a} {bottom} {left} {y + d} {left} {y} C {left} {y - d} {x - a} {top} {x} {top}"
    )
