"""Bytes of a picture -> the pixels an encoder takes, or a clear refusal."""

from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import nullcontext
from io import BytesIO

import numpy as np
from numpy.typing import NDArray
from PIL import GifImagePlugin, Image, ImageFile, JpegImagePlugin, PngImagePlugin, _webp

from tonari.errors import InvalidImageError, InvalidRequestError, RequestError
from tonari.images.framing import SIDEWAYS, Box, Framing, Pixels, Region, Resample
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
LEAST_REGION = 16
"""Pixels that a region has at least on each side: what is smaller shows too little to search with."""
_MOST_FOR_REGION = 30_000_000
"""A JPEG of more pixels is decoded at half its size at least, where a region is framed. Its whole would usually be
decoded at a smaller fraction; this keeps time and memory near those of the other formats at their limits."""
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
_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def prepare(
    data: bytes, framing: Framing, memory: MemoryBudget | None = None, region: Region | None = None
) -> NDArray[np.uint8]:
    """Decode a picture and frame it, or a region of it.

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
    region
        The only part that is framed, as if it had been cut out and sent by itself. Its edges are rounded to whole
        pixels; a JPEG is decoded at no smaller fraction than the region alone would be.

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
    InvalidRequestError
        If the region has less than :data:`LEAST_REGION` pixels a side.
    MemoryError
        If there is less memory than it needs.
    """
    name = "picture"
    try:
        header = admit(data)
        name = f"{header.format} file"
        box = _box(header, region)
        with memory.hold(memory_needed(header, framing, region)) if memory else nullcontext():
            pixels = _decode(header, framing, box)
            turn = _UPRIGHT.get(header.orientation)
            return np.array(pixels if turn is None else pixels.transpose(turn))
    except (MemoryError, RequestError):
        raise
    except Exception as error:  # Pillow names no closed set of what damaged input raises
        raise InvalidImageError(
            f"The {name} is damaged or ends early ({error!s:.200}): transfer or save it anew."
        ) from error


def memory_needed(header: Header, framing: Framing, region: Region | None = None) -> int:
    """Tell how many bytes decoding takes at most, beside the file as it was read."""
    fraction = _fraction(header, framing, _box(header, region))
    pixels = -(-header.width // fraction) * -(-header.height // fraction)
    kept = 2 * header.coefficients if header.scans > 1 else 0
    copies = 2 if header.open_ended else 1
    return copies * (len(header.data) + _BYTES_PER_PIXEL[header.format] * pixels) + kept


def _box(header: Header, region: Region | None) -> Pixels:
    """Give the part of a file that is framed, all of it without a region."""
    if region is None:
        return 0, 0, header.width, header.height
    left, top, right, bottom = region.pixels(header.width, header.height, header.orientation)
    if min(right - left, bottom - top) < LEAST_REGION:
        sizes = [(right - left, bottom - top), (header.width, header.height)]
        seen, whole = (
            f"{one[1]:,} x {one[0]:,}" if header.orientation in SIDEWAYS else f"{one[0]:,} x {one[1]:,}"
            for one in sizes
        )
        raise InvalidRequestError(
            f"'region' has {seen} pixels of this picture of {whole}, it needs at least {LEAST_REGION} a side: choose a "
            "larger region, or send a larger picture."
        )
    return left, top, right, bottom


def _fraction(header: Header, framing: Framing, part: Pixels) -> int:
    """Tell by how much a JPEG is shrunk while it is decoded.

    What is framed keeps at least :data:`_DRAFT_MARGIN` times the pixels that it is resized to. A region of a very large
    file may have fewer: no more than :data:`_MOST_FOR_REGION` pixels of the file are decoded for it.
    """
    if header.format != "JPEG" or framing.resample == "nearest":
        return 1
    across, down = part[2] - part[0], part[3] - part[1]
    if framing.shortest_edge:
        width = height = framing.shortest_edge
    else:
        width, height = framing.resized(across, down, header.orientation)
    scale = min(across // (width * _DRAFT_MARGIN), down // (height * _DRAFT_MARGIN))
    wanted = next((fraction for fraction in _FRACTIONS if fraction <= scale), 1)
    if (across, down) == (header.width, header.height):
        return wanted
    return max(wanted, 2 if header.width * header.height > _MOST_FOR_REGION else 1)


def _decode(header: Header, framing: Framing, part: Pixels) -> Image.Image:
    """Decode a picture and frame a part of it, still unturned."""
    whole = part == (0, 0, header.width, header.height)
    with _open(header) as image:
        _check_size(image.size, header)
        decoded = _load(image, header, framing, part)
        if header.open_ended:
            _check_end(image, header, framing, part)
        if whole:
            return _frame(image, framing, (header.width, header.height), decoded, header)
        x, y = decoded[0] / header.width, decoded[1] / header.height
        cut = image.crop((round(part[0] * x), round(part[1] * y), round(part[2] * x), round(part[3] * y)))
    return _frame(cut, framing, (part[2] - part[0], part[3] - part[1]), cut.size, header)


def _frame(
    image: Image.Image, framing: Framing, original: tuple[int, int], decoded: tuple[float, float], header: Header
) -> Image.Image:
    """Cut the centre out of a picture and resize it; ``original`` is its size before it was decoded at a fraction."""
    size = framing.size(header.orientation)
    box = framing.box(original, decoded, header.orientation)
    plain = image
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


def _load(image: Image.Image, header: Header, framing: Framing, part: Pixels) -> tuple[float, float]:
    """Decode all pixels, a large JPEG's at a fraction; gives width and height before they are rounded."""
    fraction = _fraction(header, framing, part)
    smaller = header.width // fraction, header.height // fraction
    drafted = image.draft(None, smaller) if isinstance(image, ImageFile.ImageFile) else None
    size = image.size
    image.load()
    return drafted[1][2:] if drafted else size


def _check_end(image: Image.Image, header: Header, framing: Framing, part: Pixels) -> None:
    """Refuse a JPEG without its end marker if what stands behind its data shows in the pixels."""
    with _open(header, _ENDINGS[1]) as other:
        _load(other, header, framing, part)
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


def _reach(box: Box, size: tuple[int, int], whole: tuple[int, int]) -> Pixels:
    """Pixels that a resize of ``box`` to ``size`` looks at, at most."""
    x, y = (math.ceil(_SUPPORT * max(1, (box[i + 2] - box[i]) / size[i])) + 1 for i in (0, 1))
    left, top = max(0, math.floor(box[0]) - x), max(0, math.floor(box[1]) - y)
    return left, top, min(whole[0], math.ceil(box[2]) + x), min(whole[1], math.ceil(box[3]) + y)


def _step(region: Pixels, box: Box, size: tuple[int, int]) -> int:
    """By how much a large region may be shrunk while it is flattened: to no less than twice the size of the resize."""
    left, top, right, bottom = region
    if (right - left) * (bottom - top) < _LARGE_PIXELS:
        return 1
    return max(1, int(min((box[i + 2] - box[i]) / size[i] for i in (0, 1)) / _DRAFT_MARGIN))


def _flatten(image: Image.Image, region: Pixels, background: tuple[int, int, int], step: int) -> Image.Image:
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
