"""Bytes of a picture -> the pixels an encoder takes, or a clear refusal."""

from __future__ import annotations

import math
from collections.abc import Callable
from io import BytesIO

import numpy as np
from numpy.typing import NDArray
from PIL import GifImagePlugin, Image, ImageFile, JpegImagePlugin, PngImagePlugin, WebPImagePlugin

from tonari.errors import InvalidImageError, RequestError
from tonari.images.framing import Box, Framing, Resample
from tonari.images.guards import Format, Header, admit

_DECODERS: dict[Format, Callable[[BytesIO], ImageFile.ImageFile]] = {
    "JPEG": JpegImagePlugin.JpegImageFile,
    "PNG": PngImagePlugin.PngImageFile,
    "WEBP": WebPImagePlugin.WebPImageFile,
    "GIF": GifImagePlugin.GifImageFile,
}
_FILTERS: dict[Resample, Image.Resampling] = {
    "bilinear": Image.Resampling.BILINEAR,
    "bicubic": Image.Resampling.BICUBIC,
    "lanczos": Image.Resampling.LANCZOS,
    "box": Image.Resampling.BOX,
    "hamming": Image.Resampling.HAMMING,
}
_SUPPORT = 3
_DRAFT_MARGIN = 2
_BAND_PIXELS = 1 << 20
_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def prepare(data: bytes, framing: Framing) -> NDArray[np.uint8]:
    """Decode a picture and frame it.

    EXIF orientation is applied, transparency laid over ``framing.background``, 16 bits cut to 8, an animation reduced
    to its first frame (PNG: its default image). Colour profiles are ignored: what shops publish is sRGB, and a profile
    is one more parser to attack; CMYK is therefore converted by plain arithmetic. A large JPEG is decoded at a fraction
    of its size, at least twice that of the resize.

    Parameters
    ----------
    data
        A file in one of :data:`tonari.images.guards.FORMATS`, told by its content.
    framing
        What the encoder takes.

    Returns
    -------
    (height, width, 3) uint8
        RGB; equal bytes give equal pixels, in any thread.

    Raises
    ------
    UnsupportedImageError
        If it is no picture, or in another format.
    TooLargeError
        If it has more bytes or pixels than the guards let in.
    InvalidImageError
        If it is damaged, ends early, or costs too much by design.
    """
    header = admit(data)
    try:
        pixels = _decode(header, framing, framing.size(header.orientation))
    except (MemoryError, RequestError):
        raise
    except Exception as error:  # Pillow names no closed set of what damaged input raises
        raise InvalidImageError(
            f"The {header.format} file is damaged or ends early ({error}): transfer or save it anew."
        ) from error
    turn = _UPRIGHT.get(header.orientation)
    return np.array(pixels if turn is None else pixels.transpose(turn))


def _decode(header: Header, framing: Framing, size: tuple[int, int]) -> Image.Image:
    """Decode and cut ``size`` (width, height) pixels out of the centre, still unturned."""
    with _DECODERS[header.format](BytesIO(header.data)) as image:
        if image.size != (header.width, header.height):
            raise InvalidImageError(f"The {header.format} file gives two sizes: save it anew from the original.")
        drafted = image.draft(None, _least(framing, header))
        width, height = drafted[1][2:] if drafted else image.size
        box = framing.box((header.width, header.height), (width, height), header.orientation)
        image.load()
        plain: Image.Image = image
        if image.mode not in {"L", "RGB"} or image.has_transparency_data:
            region = _reach(box, size, image.size)
            plain = _flatten(image, region, framing.background)
            box = box[0] - region[0], box[1] - region[1], box[2] - region[0], box[3] - region[1]
    return plain.resize(size, _FILTERS[framing.resample], box).convert("RGB")


def _least(framing: Framing, header: Header) -> tuple[int, int]:
    """Width and height under which no JPEG may be decoded at a fraction."""
    if framing.shortest_edge:
        return framing.shortest_edge * _DRAFT_MARGIN, framing.shortest_edge * _DRAFT_MARGIN
    width, height = framing.resized(header.width, header.height, header.orientation)
    return width * _DRAFT_MARGIN, height * _DRAFT_MARGIN


def _reach(box: Box, size: tuple[int, int], whole: tuple[int, int]) -> tuple[int, int, int, int]:
    """Pixels that a resize of ``box`` to ``size`` looks at, at most."""
    x, y = (math.ceil(_SUPPORT * max(1, (box[i + 2] - box[i]) / size[i])) + 1 for i in (0, 1))
    left, top = max(0, math.floor(box[0]) - x), max(0, math.floor(box[1]) - y)
    return left, top, min(whole[0], math.ceil(box[2]) + x), min(whole[1], math.ceil(box[3]) + y)


def _flatten(image: Image.Image, region: tuple[int, int, int, int], background: tuple[int, int, int]) -> Image.Image:
    """Give ``region`` as opaque 8-bit RGB, band by band, so that no second full-size copy arises."""
    left, top, right, bottom = region
    canvas = Image.new("RGB", (right - left, bottom - top), background)
    rows = max(1, _BAND_PIXELS // (right - left))
    for upper in range(top, bottom, rows):
        band = image.crop((left, upper, right, min(upper + rows, bottom)))
        if band.mode == "I;16":
            key, band = band.info, Image.fromarray((np.asarray(band) >> 8).astype(np.uint8))
            band.info = key
        if band.has_transparency_data:
            band = band.convert("RGBA")
            canvas.paste(band, (0, upper - top), band)
        else:
            canvas.paste(band.convert("RGB"), (0, upper - top))
    return canvas
