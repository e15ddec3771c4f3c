"""Bytes of a picture -> the pixels an encoder takes, or a clear refusal."""

from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import nullcontext
from io import BytesIO

import numpy as np
from numpy.typing import NDArray
from PIL import GifImagePlugin, Image, ImageFile, JpegImagePlugin, PngImagePlugin, _webp

from tonari.errors import InvalidImageError, RequestError
from tonari.images.framing import Box, Framing, Resample
from tonari.images.guards import admit
from tonari.images.headers import Format, Header, truncated
from tonari.images.memory import MemoryBudget

_DECODERS: dict[str, Callable[[BytesIO], ImageFile.ImageFile]] = {
    "JPEG": JpegImagePlugin.JpegImageFile,
    "PNG": PngImagePlugin.PngImageFile,
    "GIF": GifImagePlugin.GifImageFile,
}
_BYTES_PER_PIXEL: dict[Format, int] = {"JPEG": 8, "PNG": 8, "WEBP": 12, "GIF": 6}
"""That decoding takes at most, of a pixel at the size that is decoded."""
_FILTERS: dict[Resample, Image.Resampling] = {
    "bilinear": Image.Resampling.BILINEAR,
    "bicubic": Image.Resampling.BICUBIC,
    "lanczos": Image.Resampling.LANCZOS,
    "box": Image.Resampling.BOX,
    "hamming": Image.Resampling.HAMMING,
    "nearest": Image.Resampling.NEAREST,
}
_PLAIN = {"L", "RGB", "RGBX"}
"""Modes that are resized as they are."""
_SUPPORT = 3
_DRAFT_MARGIN = 2
_BAND_PIXELS = 1 << 18
_LARGE_PIXELS = 1 << 22
_FRACTIONS = (8, 4, 2)
_END_OF_IMAGE = b"\xff\xd9"
_ENDINGS = tuple(
    np.random.default_rng(seed).integers(0, 255, 1024).astype(np.uint8).tobytes() + _END_OF_IMAGE for seed in (1, 2)
)
"""Two ways to go on with a JPEG that has no end marker, neither of which has a marker before its own end."""
Region = tuple[int, int, int, int]
_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def prepare(data: bytes, framing: Framing, memory: MemoryBudget | None = None) -> NDArray[np.uint8]:
    """Decode a picture and frame it.

    EXIF orientation is applied, transparency laid over ``framing.background``, 16 bits cut to 8, an animation reduced
    to its first frame (PNG: its default image). Colour profiles are ignored: what shops publish is sRGB, and a profile
    is one more parser to attack; CMYK is therefore converted by plain arithmetic. A large JPEG is decoded at a fraction
    of its size, at least twice that of the resize; not for the filter ``nearest``. Where its end marker is missing, it
    is decoded twice, with something else behind it each time: if that shows in the pixels, some of the picture is
    missing as well.

    Parameters
    ----------
    data
        A file in one of :data:`tonari.images.guards.FORMATS`, told by its content.
    framing
        What the encoder takes.
    memory
        That threads share which decode at once; without it the picture does not wait for others.

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
    MemoryError
        If there is less memory than it needs.
    """
    name = "picture"
    try:
        header = admit(data)
        name = f"{header.format} file"
        with memory.hold(memory_needed(header, framing)) if memory else nullcontext():
            pixels = _decode(header, framing, framing.size(header.orientation))
            turn = _UPRIGHT.get(header.orientation)
            return np.array(pixels if turn is None else pixels.transpose(turn))
    except (MemoryError, RequestError):
        raise
    except Exception as error:  # Pillow names no closed set of what damaged input raises
        raise InvalidImageError(
            f"The {name} is damaged or ends early ({error!s:.200}): transfer or save it anew."
        ) from error


def memory_needed(header: Header, framing: Framing) -> int:
    """Tell how many bytes decoding takes at most, beside the file as it was read."""
    fraction = _fraction(header, framing)
    pixels = -(-header.width // fraction) * -(-header.height // fraction)
    kept = 2 * header.coefficients if header.scans > 1 else 0
    copies = 2 if header.open_ended else 1
    return copies * (len(header.data) + _BYTES_PER_PIXEL[header.format] * pixels) + kept


def _fraction(header: Header, framing: Framing) -> int:
    """Tell by how much a JPEG is shrunk while it is decoded, as its ``draft`` chooses."""
    if header.format != "JPEG":
        return 1
    width, height = _least(framing, header)
    scale = min(header.width // width, header.height // height)
    return next((fraction for fraction in _FRACTIONS if fraction <= scale), 1)


def _decode(header: Header, framing: Framing, size: tuple[int, int]) -> Image.Image:
    """Decode and cut ``size`` (width, height) pixels out of the centre, still unturned."""
    with _open(header) as image:
        _check_size(image.size, header)
        width, height = _load(image, header, framing)
        if header.open_ended:
            _check_end(image, header, framing)
        box = framing.box((header.width, header.height), (width, height), header.orientation)
        plain: Image.Image = image
        if image.mode not in _PLAIN or image.has_transparency_data:
            region = _reach(box, size, image.size)
            step = 1 if framing.resample == "nearest" else _step(region, box, size)
            plain = _flatten(image, region, framing.background, step)
            box = (
                (box[0] - region[0]) / step,
                (box[1] - region[1]) / step,
                (box[2] - region[0]) / step,
                (box[3] - region[1]) / step,
            )
    return plain.resize(size, _FILTERS[framing.resample], box).convert("RGB")


def _open(header: Header, ending: bytes = _ENDINGS[0]) -> Image.Image:
    """Open a picture; ``ending`` takes the place of an end marker that is missing."""
    if header.format == "WEBP":
        return _open_webp(header)
    return _DECODERS[header.format](BytesIO(header.data + ending if header.open_ended else header.data))


def _load(image: Image.Image, header: Header, framing: Framing) -> tuple[float, float]:
    """Decode all pixels, a large JPEG's at a fraction; gives width and height before they are rounded."""
    drafted = image.draft(None, _least(framing, header)) if isinstance(image, ImageFile.ImageFile) else None
    size = image.size
    image.load()
    return drafted[1][2:] if drafted else size


def _check_end(image: Image.Image, header: Header, framing: Framing) -> None:
    """Refuse a JPEG without its end marker if what stands behind its data shows in the pixels."""
    with _open(header, _ENDINGS[1]) as other:
        _load(other, header, framing)
        if image.tobytes() != other.tobytes():
            raise truncated("JPEG")


def _check_size(size: tuple[int, int], header: Header) -> None:
    if size != (header.width, header.height):
        raise InvalidImageError(f"The {header.format} file gives two sizes: save it anew from the original.")


def _open_webp(header: Header) -> Image.Image:
    """Decode the first frame; Pillow's own reader holds four copies of the canvas at once, this three, then one."""
    decoder = _webp.WebPAnimDecoder(header.data)
    size, _, _, _, mode = decoder.get_info()
    _check_size(size, header)
    frame = decoder.get_next()
    if frame is None:
        raise InvalidImageError("The WEBP file is damaged or ends early: transfer or save it anew.")
    return Image.frombuffer(mode, size, frame[0], "raw", mode, 0, 1)


def _least(framing: Framing, header: Header) -> tuple[int, int]:
    """Width and height under which no JPEG may be decoded at a fraction; never, if single pixels are taken."""
    if framing.resample == "nearest":
        return header.width, header.height
    if framing.shortest_edge:
        return framing.shortest_edge * _DRAFT_MARGIN, framing.shortest_edge * _DRAFT_MARGIN
    width, height = framing.resized(header.width, header.height, header.orientation)
    return width * _DRAFT_MARGIN, height * _DRAFT_MARGIN


def _reach(box: Box, size: tuple[int, int], whole: tuple[int, int]) -> Region:
    """Pixels that a resize of ``box`` to ``size`` looks at, at most."""
    x, y = (math.ceil(_SUPPORT * max(1, (box[i + 2] - box[i]) / size[i])) + 1 for i in (0, 1))
    left, top = max(0, math.floor(box[0]) - x), max(0, math.floor(box[1]) - y)
    return left, top, min(whole[0], math.ceil(box[2]) + x), min(whole[1], math.ceil(box[3]) + y)


def _step(region: Region, box: Box, size: tuple[int, int]) -> int:
    """By how much a large region may be shrunk while it is flattened: to no less than twice the size of the resize."""
    left, top, right, bottom = region
    if (right - left) * (bottom - top) < _LARGE_PIXELS:
        return 1
    return max(1, int(min((box[i + 2] - box[i]) / size[i] for i in (0, 1)) / _DRAFT_MARGIN))


def _flatten(image: Image.Image, region: Region, background: tuple[int, int, int], step: int) -> Image.Image:
    """Give ``region``, shrunk by ``step``, as opaque 8-bit RGB, band by band: no second full-size copy arises."""
    left, top, right, bottom = region
    canvas = Image.new("RGB", (-(-(right - left) // step), -(-(bottom - top) // step)))
    rows = step * max(1, _BAND_PIXELS // ((right - left) * step))
    for upper in range(top, bottom, rows):
        band = image.crop((left, upper, right, min(upper + rows, bottom)))
        if band.mode == "I;16":
            key, band = band.info, Image.fromarray((np.asarray(band) >> 8).astype(np.uint8))
            band.info = key
        if band.has_transparency_data:
            band = band.convert("RGBA")
            opaque = Image.new("RGB", band.size, background)
            opaque.paste(band, (0, 0), band)
        else:
            opaque = band.convert("RGB")
        canvas.paste(opaque.reduce(step) if step > 1 else opaque, (0, (upper - top) // step))
    return canvas
