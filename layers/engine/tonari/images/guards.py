"""Which files are let in to be decoded, decided by their header before any pixel is made."""

from __future__ import annotations

import re
import struct
from typing import Final

from tonari.errors import InvalidImageError, TooLargeError, UnsupportedImageError
from tonari.images.header import READERS, Format, Header, truncated

FORMATS: Final = ("image/jpeg", "image/png", "image/webp", "image/gif")
"""Content types that :func:`tonari.images.decode.prepare` takes: what shops publish and their customers send. TIFF and
BMP are not for the web. AVIF and HEIC cannot be bounded before decoding, since a coded frame may be larger than its
container says."""
MAX_BYTES: Final = 50_000_000
"""Length of a file, in bytes."""
MAX_PIXELS: Final[dict[Format, int]] = {
    "JPEG": 50_000_000,
    "PNG": 50_000_000,
    "WEBP": 25_000_000,
    "GIF": 50_000_000,
}
"""Width times height, in pixels: what a 1 GB function can decode beside its index. The dearest picture that is
accepted, a progressive CMYK JPEG, takes about 450 MiB; WebP keeps four copies of its canvas."""
MAX_SIDE: Final = 30_000
"""Width or height, in pixels: a longer JPEG may be too narrow to be decoded at a fraction of its size."""
MAX_SCANS: Final = 32
"""Scans of a JPEG; encoders write about ten."""

_REFUSED = {
    "an AVIF or HEIC picture": re.compile(rb".{4}ftyp", re.DOTALL),
    "a TIFF picture": re.compile(rb"II\*\0|MM\0\*"),
    "a BMP picture": re.compile(rb"BM"),
    "PostScript or PDF": re.compile(rb"%!PS|%PDF|\xc5\xd0\xd3\xc6"),
    "SVG or other markup": re.compile(rb"(\xef\xbb\xbf)?\s*<"),
}


def admit(data: bytes) -> Header:
    """Read the header of a picture that may be decoded.

    Raises
    ------
    UnsupportedImageError
        If it is no picture, or not in one of :data:`FORMATS`.
    TooLargeError
        If it is over :data:`MAX_BYTES`, :data:`MAX_PIXELS` or :data:`MAX_SIDE`.
    InvalidImageError
        If its structure is damaged, it ends early or has more than :data:`MAX_SCANS`.
    """
    if len(data) > MAX_BYTES:
        raise TooLargeError(f"The picture has {len(data):,} bytes, the limit is {MAX_BYTES:,}: send a smaller one.")
    header = _read(data)
    _refuse_outsized(header)
    return header


def _read(data: bytes) -> Header:
    for name, (magic, reader) in READERS.items():
        if magic.match(data):
            try:
                return reader(data)
            except (IndexError, struct.error) as error:
                raise truncated(name) from error
    given = "empty" if not data else next((what for what, magic in _REFUSED.items() if magic.match(data)), "no picture")
    raise UnsupportedImageError(f"The body is {given}; accepted are {', '.join(READERS)}: save it as one of these.")


def _refuse_outsized(header: Header) -> None:
    name, width, height = header.format, header.width, header.height
    if min(width, height) < 1:
        raise InvalidImageError(f"The {name} file says {width} x {height} pixels: save it anew from the original.")
    if max(width, height) > MAX_SIDE:
        raise TooLargeError(
            f"The picture has {width:,} x {height:,} pixels, a side may have {MAX_SIDE:,}: scale it down."
        )
    if width * height > MAX_PIXELS[name]:
        raise TooLargeError(
            f"The picture has {width:,} x {height:,} pixels, the limit for {name} is "
            f"{MAX_PIXELS[name] / 1e6:g} megapixels: scale it down."
        )
    if header.scans > MAX_SCANS:
        raise InvalidImageError(
            f"The JPEG has {header.scans:,} scans, the limit is {MAX_SCANS}: save it as baseline JPEG."
        )
