"""From parts to a photograph: where the camera stands, light and shadow, paint, pattern, backdrop, JPEG."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import cos, radians, sin
from typing import Literal, TypeAlias

import numpy as np
from PIL import Image, ImageChops, ImageDraw, ImageFilter

from tonari_shop.shapes import Kind, Part, Point

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


def strokes(parts: Sequence[Part], camera: Camera, kind: Kind, strength: int) -> Image.Image:
    """Draw the soft strokes of one kind."""
    side = SIZE // COARSE
    layer = Image.new("L", (side, side))
    brush = ImageDraw.Draw(layer)
    for part in parts:
        if part.kind == kind:
            width = max(1, round(part.width * camera.zoom * side / 100))
            brush.line(camera.project(part.points, side), strength, width, joint="curve")
    return layer.filter(ImageFilter.GaussianBlur(1.6))


def volume(soft: Image.Image) -> Image.Image:
    """Light from the upper left: sides that turn away from it are darker."""
    far = _shift(soft.filter(ImageFilter.GaussianBlur(6)), -4, -4)
    return far.point([round(min(255, 148 + value * 0.46)) for value in range(256)])


def shadow(soft: Image.Image, *, standing: bool) -> Image.Image:
    """Darken what is behind the product, or the floor that it stands on; 255 is no shadow."""
    if standing:
        left, _, right, bottom = soft.getbbox() or (0, 0, *soft.size)
        cast = Image.new("L", soft.size)
        ImageDraw.Draw(cast).ellipse((left + 2, bottom - 5, right + 4, bottom + 4), 150)
        blurred = cast.filter(ImageFilter.GaussianBlur(2.5))
    else:
        blurred = _shift(soft, 2, 4).filter(ImageFilter.GaussianBlur(3.5))
    return blurred.point([255 - round(value * 0.42) for value in range(256)])


def _shift(layer: Image.Image, right: int, down: int) -> Image.Image:
    """Move the picture; what comes in at the border repeats it."""
    reach, side = max(abs(right), abs(down)), layer.width
    wide = np.pad(np.asarray(layer), reach, mode="edge")
    top, left = reach - down, reach - right
    return Image.fromarray(wide[top : top + side, left : left + side])


def enlarge(coarse: Image.Image) -> Image.Image:
    """Bring a soft layer to the size of the picture, as RGB."""
    layer = coarse.resize((SIZE, SIZE), Image.Resampling.BILINEAR)
    return Image.merge("RGB", (layer, layer, layer))


Rgb: TypeAlias = tuple[int, int, int]
Pattern: TypeAlias = Literal["plain", "striped", "dotted", "checked"]

QUALITY = 86


@dataclass(frozen=True, slots=True)
class Backdrop:
    """What stands behind: a wall lit from the middle, perhaps with a disc on it and a floor before it."""

    wall: Rgb
    edge: Rgb
    disc: Rgb | None = None
    floor: Rgb | None = None


@dataclass(frozen=True, slots=True)
class Product:
    """What is photographed: parts, the colours of their paints, and how the fabric is printed, in ``second``."""

    parts: tuple[Part, ...]
    palette: Mapping[str, Rgb]
    pattern: Pattern
    second: Rgb
    period: float


def photograph(product: Product, camera: Camera, backdrop: Backdrop) -> bytes:
    """Take one view as a JPEG of ``SIZE`` x ``SIZE`` pixels."""
    colours, outline = _paint(product, camera)
    soft = outline.reduce(COARSE)
    shade = ImageChops.multiply(volume(soft), ImageChops.invert(strokes(product.parts, camera, "fold", 70)))
    lit = ImageChops.multiply(colours, enlarge(shade))
    if any(part.kind == "gloss" for part in product.parts):
        lit = ImageChops.screen(lit, enlarge(strokes(product.parts, camera, "gloss", 110)))
    scene = ImageChops.multiply(_backdrop(backdrop), enlarge(shadow(soft, standing=backdrop.floor is not None)))
    scene.paste(lit, mask=outline)
    file = io.BytesIO()
    scene.save(file, "JPEG", quality=QUALITY)
    return file.getvalue()


def _paint(product: Product, camera: Camera) -> tuple[Image.Image, Image.Image]:
    """Flat colours, and the outline as a mask."""
    side = SIZE * FINE
    colours, outline = Image.new("RGB", (side, side), product.palette["main"]), Image.new("L", (side, side))
    brush, cutter = ImageDraw.Draw(colours), ImageDraw.Draw(outline)
    fabric = None if product.pattern == "plain" else _fabric(product, camera)
    for part in product.parts:
        points = camera.project(part.points, side)
        if part.kind == "line":
            width = max(1, round(part.width * camera.zoom * side / 100))
            _line(brush, points, product.palette[part.paint], width)
            _line(cutter, points, 255, width)
        elif part.kind == "fill":
            cutter.polygon(points, 255)
            if part.paint == "fabric" and fabric:
                stencil = Image.new("L", (side, side))
                ImageDraw.Draw(stencil).polygon(points, 255)
                colours.paste(fabric, mask=stencil)
            else:
                brush.polygon(points, product.palette["main" if part.paint == "fabric" else part.paint])
    return colours.reduce(FINE), outline.reduce(FINE)


def _line(brush: ImageDraw.ImageDraw, points: Sequence[Point], paint: Rgb | int, width: int) -> None:
    brush.line(points, paint, width, joint="curve")
    if width > 3:
        reach = width / 2 - 0.5
        for x, y in (points[0], points[-1]):
            brush.ellipse((x - reach, y - reach, x + reach, y + reach), paint)


def _fabric(product: Product, camera: Camera) -> Image.Image:
    side = SIZE * FINE
    cloth = Image.new("RGB", (side, side), product.palette["main"])
    brush, step = ImageDraw.Draw(cloth), product.period
    count = int(100 / step) + 1
    if product.pattern == "dotted":
        reach = step * 0.23 * camera.zoom * side / 100
        dots = [
            ((column + row % 2 / 2) * step, row * step * 0.8)
            for row in range(int(count * 1.25) + 1)
            for column in range(count)
        ]
        for x, y in camera.project(dots, side):
            brush.ellipse((x - reach, y - reach, x + reach, y + reach), product.second)
        return cloth
    width = max(1, round(step * 0.36 * camera.zoom * side / 100))
    for place in (index * step for index in range(count)):
        brush.line(camera.project([(0, place), (100, place)], side), product.second, width)
    if product.pattern == "checked":
        warp = Image.new("L", (side, side))
        for place in (index * step for index in range(count)):
            ImageDraw.Draw(warp).line(camera.project([(place, 0), (place, 100)], side), 140, width)
        cloth = Image.blend(cloth, Image.new("RGB", (side, side), product.palette["main"]), 0.45)
        cloth.paste(product.second, mask=warp)
    return cloth


@lru_cache(maxsize=64)
def _backdrop(backdrop: Backdrop) -> Image.Image:
    square = (SIZE, SIZE)
    glow = Image.radial_gradient("L").resize(square)
    scene = Image.composite(Image.new("RGB", square, backdrop.edge), Image.new("RGB", square, backdrop.wall), glow)
    if backdrop.floor:
        ground = Image.new("L", (SIZE * FINE, SIZE * FINE))
        ImageDraw.Draw(ground).rectangle((0, SIZE * FINE * 0.76, SIZE * FINE, SIZE * FINE), 255)
        scene.paste(backdrop.floor, mask=ground.reduce(FINE).filter(ImageFilter.GaussianBlur(1)))
    if backdrop.disc:
        disc = Image.new("L", (SIZE * FINE, SIZE * FINE))
        middle, reach = SIZE * FINE / 2, SIZE * FINE * 0.41
        ImageDraw.Draw(disc).ellipse((middle - reach, middle - reach, middle + reach, middle + reach), 255)
        scene.paste(backdrop.disc, mask=disc.reduce(FINE))
    return scene
