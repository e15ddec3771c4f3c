"""Which files are let in to be decoded, decided by their header before any pixel is made."""

from __future__ import annotations

from typing import Final

from tonari.errors import InvalidImageError, TooLargeError
from tonari.images.headers import Format, Header, read_header

FORMATS: Final = ("image/jpeg", "image/png", "image/webp", "image/gif")
"""Content types that :func:`tonari.images.decode.prepare` takes: what shops publish and their customers send. TIFF and
BMP are not for the web. AVIF and HEIC cannot be bounded before decoding, since a coded frame may be larger than its
container says."""
MAX_BYTES: Final = 50_000_000
"""Length of a file, in bytes."""
MAX_PIXELS: Final[dict[Format, int]] = {
    "JPEG": 50_000_000,
    "PNG": 16_000_000,
    "WEBP": 13_000_000,
    "GIF": 25_000_000,
}
"""Width times height, in pixels. A JPEG is decoded at a fraction of its size; the others cannot be, so each has the
limit at which the dearest picture takes about a second of one processor and 200 MB (``make torture``)."""
MAX_DEEP_PIXELS: Final = 13_000_000
"""Width times height of a PNG of 16 bits a channel."""
MAX_COEFFICIENTS: Final = 52_000_000
"""Of a JPEG of several scans, whose decoder keeps the coefficients of all scans, two bytes each, at whatever size it is
decoded: 13 megapixels of CMYK, 34 of the usual halved colour."""
OPEN_SHARE: Final = 2
"""A JPEG without its end marker is decoded twice, and so may have one part in this of the pixels and coefficients."""
MAX_SIDE: Final = 30_000
"""Width or height, in pixels: a longer JPEG may be too narrow to be decoded at a fraction of its size."""
MAX_SCANS: Final = 32
"""Scans of a JPEG; encoders write about ten."""


def admit(data: bytes) -> Header:
    """Read the header of a picture that may be decoded.

    Raises
    ------
    UnsupportedImageError
        If it is no picture, or not in one of :data:`FORMATS`.
    TooLargeError
        If it is over :data:`MAX_BYTES`, :data:`MAX_PIXELS`, :data:`MAX_DEEP_PIXELS`, :data:`MAX_SIDE` or
        :data:`MAX_COEFFICIENTS`.
    InvalidImageError
        If its structure is damaged, it ends early or has more than :data:`MAX_SCANS`.
    """
    if len(data) > MAX_BYTES:
        raise too_long(len(data))
    header = read_header(data)
    name, width, height = header.format, header.width, header.height
    if min(width, height) < 1:
        raise InvalidImageError(f"The {name} file says {width} x {height} pixels: save it anew from the original.")
    if max(width, height) > MAX_SIDE:
        raise TooLargeError(
            f"The picture has {width:,} x {height:,} pixels, a side may have {MAX_SIDE:,}: scale it down."
        )
    share = OPEN_SHARE if header.open_ended else 1
    most = (MAX_DEEP_PIXELS if header.bits == 16 else MAX_PIXELS[name]) // share
    kind = " of 16 bits" if header.bits == 16 else " without its end marker" if header.open_ended else ""
    if width * height > most:
        raise TooLargeError(
            f"The picture has {width:,} x {height:,} pixels, the limit for {name}{kind} is {most / 1e6:g} megapixels: "
            "scale it down."
        )
    if header.scans > 1 and header.coefficients > MAX_COEFFICIENTS // share:
        raise TooLargeError(
            f"The JPEG of {header.scans} scans{kind} has {header.coefficients:,} coefficients, the limit is "
            f"{MAX_COEFFICIENTS // share:,}: save it as baseline JPEG, or scale it down."
        )
    if header.scans > MAX_SCANS:
        raise InvalidImageError(
            f"The JPEG has {header.scans:,} scans, the limit is {MAX_SCANS}: save it as baseline JPEG."
        )
    return header


def too_long(size: int) -> TooLargeError:
    """Say of a file of ``size`` bytes that :data:`MAX_BYTES` is the limit."""
    return TooLargeError(f"The picture has {size:,} bytes, the limit is {MAX_BYTES:,}: send a smaller one.")
