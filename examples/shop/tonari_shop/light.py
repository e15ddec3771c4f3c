"""Soft layers: light and shade on a product, the shadow that it casts. All are drawn small, then enlarged."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from tonari_shop.camera import COARSE, SIZE, Camera
from tonari_shop.shapes import Kind, Part


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
