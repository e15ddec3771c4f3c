"""Bytes of a file -> what it says of its picture, and as much of it as a decoder shall see.

Metadata never reaches the decoder: a text chunk or colour profile that unpacks to gigabytes, damaged EXIF, a second
picture behind the first are cut away here, unread. Time and memory grow with the length of the file alone.
"""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal

from tonari.errors import InvalidImageError, UnsupportedImageError

Format = Literal["JPEG", "PNG", "WEBP", "GIF"]
MAX_PARTS: Final = 250_000
"""Segments, chunks or blocks that are walked in one file."""

_JPEG_MARKER = re.compile(rb"\xff[\xc0-\xcf\xd9-\xfe]")
_JPEG_DECODABLE = {0xC0, 0xC1, 0xC2}
_JPEG_TABLES = {0xC4, 0xCC, 0xDB, 0xDD}
_PNG_DECODED = {b"IHDR", b"PLTE", b"IDAT", b"IEND"}
_PNG_END = b"\0\0\0\0IEND\xaeB`\x82"
_PADDING = b"\0\0"
"""What a disk or a broken transfer fills a file up with; entropy-coded data hardly ever ends so."""
_REFUSED = {
    "an AVIF or HEIC picture": re.compile(rb".{4}ftyp", re.DOTALL),
    "a TIFF picture": re.compile(rb"II\*\0|MM\0\*"),
    "a BMP picture": re.compile(rb"BM"),
    "PostScript or PDF": re.compile(rb"%!PS|%PDF|\xc5\xd0\xd3\xc6"),
    "SVG or other markup": re.compile(rb"(\xef\xbb\xbf)?\s*<"),
}
_PHONES = ("an AVIF or HEIC picture", "a TIFF picture")
"""Refused, but never mistaken for anything else."""


@dataclass(frozen=True, slots=True)
class Header:
    """What a file says of itself before anything is decoded.

    Parameters
    ----------
    format
        By the leading bytes; names and content types are never believed.
    width, height
        In pixels as stored, before ``orientation`` is applied.
    orientation
        EXIF orientation, 1-8; 1 if absent or nonsense.
    scans
        Passes over the picture that its decoder will make: above 1 in JPEG only.
    coefficients
        That a JPEG has in all its components.
    bits
        Of a channel; 16 in PNG only.
    open_ended
        Whether the end marker is missing, in JPEG only: nobody knows yet whether some of the picture is missing too.
    data
        The file without metadata and without what follows the first picture.
    """

    format: Format
    width: int
    height: int
    orientation: int
    data: bytes
    scans: int = 1
    coefficients: int = 0
    bits: int = 8
    open_ended: bool = False


def format_of(data: bytes) -> Format | None:
    """Tell the format of a picture by its first bytes alone; None if it is in none that is accepted."""
    return next((name for name, (magic, _) in _READERS.items() if magic.match(data)), None)


def looks_like_picture(data: bytes) -> bool:
    """Tell by the first bytes alone whether a file is a picture, accepted or not."""
    return format_of(data) is not None or any(_REFUSED[one].match(data) for one in _PHONES)


def read_header(data: bytes) -> Header:
    """Read what a file says of itself, whatever that is.

    Raises
    ------
    UnsupportedImageError
        If it is no picture, or in another format.
    InvalidImageError
        If its structure is damaged, or it ends early.
    """
    if (name := format_of(data)) is not None:
        try:
            return _READERS[name][1](data)
        except (IndexError, struct.error) as error:
            raise truncated(name) from error
    given = "empty" if not data else next((what for what, magic in _REFUSED.items() if magic.match(data)), "no picture")
    raise UnsupportedImageError(f"The body is {given}; accepted are {', '.join(_READERS)}: save it as one of these.")


def truncated(name: str) -> InvalidImageError:
    """Name a file that ends early, and the remedy."""
    return InvalidImageError(f"The {name} file ends before its picture does: transfer it again, whole.")


def _damaged(name: str, what: str) -> InvalidImageError:
    return InvalidImageError(f"The {name} file is damaged: {what}. Save it anew from the original.")


def _too_many_parts(name: str) -> InvalidImageError:
    return InvalidImageError(f"The {name} file has more than {MAX_PARTS:,} parts: save it anew without metadata.")


def _read_jpeg(data: bytes) -> Header:
    """ISO/IEC 10918-1, annex B: segments up to the first scan, then all to the first end-of-image marker."""
    kept, frame, orientation, at = [b"\xff\xd8"], None, None, 2
    for _ in range(MAX_PARTS):
        marker = _JPEG_MARKER.search(data, at)
        if marker is None:
            raise truncated("JPEG")
        at, code = marker.start(), data[marker.start() + 1]
        if code == 0xD9:
            raise _damaged("JPEG", "it has no picture data")
        end = at + 2 + struct.unpack_from(">H", data, at + 2)[0]
        if code == 0xDA:
            if frame is None:
                raise _damaged("JPEG", "a scan comes before the frame header")
            scans, ends = _to_end_of_image(data, at)
            width, height, coefficients = frame
            return Header(
                "JPEG", width, height, orientation or 1, b"".join((*kept, scans)), scans.count(b"\xff\xda"),
                coefficients, open_ended=not ends,
            )  # fmt: skip
        body = data[at + 4 : end]
        if code in _JPEG_TABLES or (code == 0xE0 and body[:4] == b"JFIF") or (code == 0xEE and body[:5] == b"Adobe"):
            kept.append(data[at:end])
        elif code == 0xE1 and body[:6] == b"Exif\0\0":
            orientation = orientation or _orientation(body)
        elif 0xC0 <= code <= 0xCF:
            if frame is not None:
                raise _damaged("JPEG", "it has two frame headers")
            frame = _jpeg_frame(code, body)
            kept.append(data[at:end])
        at = end
    raise _too_many_parts("JPEG")


def _to_end_of_image(data: bytes, at: int) -> tuple[bytes, bool]:
    """Give all scans, and whether the marker that ends the image is there; without it, the scans without padding."""
    stop = data.find(b"\xff\xd9", at)
    if stop >= 0:
        return data[at : stop + 2], True
    scans = data[at:].rstrip(b"\0") if data.endswith(_PADDING) else data[at:]
    return scans + b"\0" if scans.endswith(b"\xff") else scans, False  # 0xFF is stuffed, or half of the marker


def _jpeg_frame(code: int, frame: bytes) -> tuple[int, int, int]:
    """Give width, height, and how many coefficients all components have, in whole blocks of 8 x 8."""
    if code not in _JPEG_DECODABLE or frame[0] != 8:
        raise UnsupportedImageError(
            "Lossless, hierarchical, arithmetic or 12-bit JPEG, which browsers do not show either: save it as ordinary "
            "8-bit JPEG."
        )
    height, width, components = struct.unpack_from(">HHB", frame, 1)
    factors = [(frame[7 + 3 * i] >> 4, frame[7 + 3 * i] & 15) for i in range(components)]
    across, down = (max((factor[axis] for factor in factors), default=0) for axis in (0, 1))
    if not 1 <= components <= 4 or min(min(factor) for factor in factors) < 1:
        raise _damaged("JPEG", "its frame header has no sensible components")
    blocks = (-(-width * wide // (8 * across)) * -(-height * high // (8 * down)) for wide, high in factors)
    return width, height, 64 * sum(blocks)


def _read_png(data: bytes) -> Header:
    """W3C PNG, section 5; of an animation the default image remains."""
    if data[12:16] != b"IHDR":
        raise _damaged("PNG", "it does not begin with IHDR")
    width, height = struct.unpack_from(">II", data, 16)
    view = memoryview(data)  # what is kept is copied once, when it is joined
    kept: list[bytes | memoryview] = [view[:8]]
    orientation, at = 1, 8
    for _ in range(MAX_PARTS):
        if len(data) - at < len(_PNG_END) and _PNG_END.startswith(data[at:]):
            return Header("PNG", width, height, orientation, b"".join((*kept, _PNG_END)), bits=data[24])
        length, kind = struct.unpack_from(">I4s", data, at)
        end = at + 12 + length
        if end > len(data):
            raise truncated("PNG")
        if kind == b"IHDR" and at != 8:
            raise _damaged("PNG", "it has two IHDR chunks")
        if kind == b"tRNS":
            kept.append(_scaled_key(data[at:end], depth=data[24], colour_type=data[25]))
        elif kind in _PNG_DECODED:
            kept.append(view[at:end])
        elif kind == b"eXIf":
            orientation = _orientation(data[at + 8 : end - 4])
        if kind == b"IEND":
            whole = all(type(part) is memoryview for part in kept) and sum(map(len, kept)) == len(data)
            return Header("PNG", width, height, orientation, data if whole else b"".join(kept), bits=data[24])
        at = end
    raise _too_many_parts("PNG")


def _scaled_key(chunk: bytes, *, depth: int, colour_type: int) -> bytes:
    """Scale the transparent colour to 8 bits: Pillow scales the pixels, but not the colour they are compared with."""
    if colour_type == 3 or depth in {1, 8}:
        return chunk
    values = struct.unpack_from(f">{len(chunk) // 2 - 6}H", chunk, 8)
    scaled = [value >> 8 if depth == 16 else value * 255 // ((1 << depth) - 1) for value in values]
    body = b"tRNS" + struct.pack(f">{len(scaled)}H", *(min(value, 255) for value in scaled))
    return chunk[:4] + body + struct.pack(">I", zlib.crc32(body))


def _read_webp(data: bytes) -> Header:
    """RFC 9649: the size of the canvas stands in the first chunk."""
    stop = 8 + struct.unpack_from("<I", data, 4)[0]
    if stop > len(data):
        raise truncated("WEBP")
    kind, bits = data[12:16], int.from_bytes(data[21:25], "little")
    if kind == b"VP8X":
        width, height = (int.from_bytes(data[i : i + 3], "little") + 1 for i in (24, 27))
    elif kind == b"VP8L":
        width, height = (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    else:
        width, height = (side & 0x3FFF for side in struct.unpack_from("<HH", data, 26))
    orientation, at = 1, 12
    for _ in range(MAX_PARTS):
        if at + 8 > stop:
            return Header("WEBP", width, height, orientation, data[:stop])
        kind, length = struct.unpack_from("<4sI", data, at)
        if kind == b"EXIF":
            orientation = _orientation(data[at + 8 : at + 8 + length])
        at += 8 + length + length % 2
    raise _too_many_parts("WEBP")


def _read_gif(data: bytes) -> Header:
    """GIF89a, sections 18-23: the first frame and the control block before it."""
    width, height, flags = struct.unpack_from("<HHB", data, 6)
    at = 13 + _colour_table(flags)
    kept = [data[:at]]
    for _ in range(MAX_PARTS):
        if data[at] == 0x2C:
            left, top, across, down, flags = struct.unpack_from("<HHHHB", data, at + 1)
            end = _after_blocks(data, at + 11 + _colour_table(flags))
            size = max(width, left + across), max(height, top + down)
            return Header("GIF", *size, 1, b"".join((*kept, data[at:end], b";")))
        if data[at] != 0x21:
            raise _damaged("GIF", "it has no frame")
        end = _after_blocks(data, at + 2)
        if data[at + 1] == 0xF9:
            kept.append(data[at:end])
        at = end
    raise _too_many_parts("GIF")


def _colour_table(flags: int) -> int:
    return 3 << (flags & 7) + 1 if flags & 0x80 else 0


def _after_blocks(data: bytes, at: int) -> int:
    for _ in range(MAX_PARTS):
        if data[at] == 0:
            return at + 1
        at += data[at] + 1
    raise _too_many_parts("GIF")


def _orientation(exif: bytes) -> int:
    """Tag 274 of the first directory (TIFF 6.0, section 2); 1 if it is absent or nonsense."""
    exif = exif.removeprefix(b"Exif\0\0")
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(exif[:4])
    if order is None:
        return 1
    try:
        (at,) = struct.unpack_from(f"{order}I", exif, 4)
        (count,) = struct.unpack_from(f"{order}H", exif, at)
        entries = (struct.unpack_from(f"{order}HHIH", exif, at + 2 + 12 * i) for i in range(count))
        return next((value for tag, kind, _, value in entries if tag == 274 and kind == 3 and 1 <= value <= 8), 1)
    except struct.error:
        return 1


_READERS: dict[Format, tuple[re.Pattern[bytes], Callable[[bytes], Header]]] = {
    "JPEG": (re.compile(rb"\xff\xd8\xff"), _read_jpeg),
    "PNG": (re.compile(rb"\x89PNG\r\n\x1a\n"), _read_png),
    "WEBP": (re.compile(rb"RIFF.{4}WEBPVP8[ LX]", re.DOTALL), _read_webp),
    "GIF": (re.compile(rb"GIF8[79]a"), _read_gif),
}
"""Magic bytes of each format, and the reader of its header; where the file ends early, that may raise ``IndexError`` or
``struct.error``."""
