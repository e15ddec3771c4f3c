"""Pictures that somebody sends to do harm, and honest ones of twelve megapixels; each is made when it is asked for."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Iterator
from functools import lru_cache, partial
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

import pictures
from pictures import PNG_MAGIC, chunk, encoded, png
from tonari.images.guards import MAX_SCANS

Make = Callable[[], bytes]
Pixels = NDArray[np.uint8] | NDArray[np.uint16]
FRAME = b",\0\0\0\0"
"""Begins the first frame of a GIF."""
PASSES = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))
"""Of an interlaced PNG: first column and row, steps."""


def grainy(width: int, height: int, channels: int = 3) -> Pixels:
    """Soft shapes under fine noise: what a camera gives, and dear to decode."""
    soft = np.asarray(pictures.photo(width, height)).astype(np.int16)
    grain = np.tile(
        np.random.default_rng(1).integers(-12, 13, (256, 256, 3), dtype=np.int16),
        (height // 256 + 1, width // 256 + 1, 1),
    )
    drawn = np.clip(soft + grain[:height, :width], 0, 255).astype(np.uint8)
    if channels == 3:
        return drawn
    fade = np.broadcast_to(np.linspace(0, 255, width).astype(np.uint8)[None, :, None], (height, width, 1))
    return np.concatenate([drawn, fade], axis=2) if channels == 4 else np.concatenate([drawn[..., :1], fade], axis=2)


def rows(pixels: Pixels) -> bytes:
    """Give packed rows of a PNG by the dearest filter, Paeth's."""
    height = len(pixels)
    step = pixels.shape[2] * pixels.itemsize
    raw = np.ascontiguousarray(pixels.astype(f">u{pixels.itemsize}")).view(np.uint8).reshape(height, -1)
    packed = np.empty((height, raw.shape[1] + 1), np.uint8)
    packed[:, 0] = 4
    above = np.zeros(raw.shape[1], np.int16)
    for number, row in enumerate(raw.astype(np.int16)):
        left, corner = np.zeros_like(row), np.zeros_like(row)
        left[step:], corner[step:] = row[:-step], above[:-step]
        guess = left + above - corner
        far = [np.abs(guess - one) for one in (left, above, corner)]
        nearest = np.where((far[0] <= far[1]) & (far[0] <= far[2]), left, np.where(far[1] <= far[2], above, corner))
        packed[number, 1:] = (row - nearest).astype(np.uint8)
        above = row
    return packed.tobytes()


def paeth_png(width: int, height: int, colour_type: int, *, deep: bool = False, interlaced: bool = False) -> bytes:
    channels = {0: 1, 2: 3, 4: 2, 6: 4}[colour_type]
    pixels = grainy(width, height, max(channels, 2))[..., :channels]
    if deep:
        pixels = (pixels.astype(np.uint16) << 8) + 7
    parts = [pixels[y::down, x::across] for x, y, across, down in PASSES] if interlaced else [pixels]
    packer = zlib.compressobj(1)
    body = b"".join([*(packer.compress(rows(part)) for part in parts if part.size), packer.flush()])
    header = struct.pack(">IIBBBBB", width, height, 16 if deep else 8, colour_type, 0, 0, int(interlaced))
    return b"".join((PNG_MAGIC, chunk(b"IHDR", header), chunk(b"IDAT", body), chunk(b"IEND", b"")))


@lru_cache(maxsize=2)
def _large(width: int, height: int, mode: str) -> Image.Image:
    if mode == "P":
        return Image.fromarray(grainy(width, height)).quantize(256, method=Image.Quantize.FASTOCTREE)
    return Image.fromarray(grainy(width, height, 4 if mode == "RGBA" else 3)).convert(mode)


def saved(width: int, height: int, mode: str, kind: str, **options: Any) -> Make:
    return lambda: encoded(_large(width, height, mode), kind, **options)


LOSSLESS = {"lossless": True, "quality": 0, "method": 0}


def honest() -> dict[str, Make]:
    """Give twelve megapixels in every format that is accepted."""
    size = 4_000, 3_000
    return {
        "JPEG": saved(*size, "RGB", "JPEG", quality=92),
        "JPEG, no halved colour": saved(*size, "RGB", "JPEG", quality=92, subsampling=0),
        "JPEG progressive": saved(*size, "RGB", "JPEG", quality=92, progressive=True),
        "JPEG progressive, no halved colour": saved(*size, "RGB", "JPEG", quality=92, subsampling=0, progressive=True),
        "JPEG grey": saved(*size, "L", "JPEG", quality=92),
        "JPEG CMYK": saved(*size, "CMYK", "JPEG", quality=92),
        "JPEG CMYK progressive": saved(*size, "CMYK", "JPEG", quality=92, progressive=True),
        "PNG RGB": saved(*size, "RGB", "PNG", compress_level=1),
        "PNG RGBA": saved(*size, "RGBA", "PNG", compress_level=1),
        "PNG palette": saved(*size, "P", "PNG", compress_level=1),
        "PNG palette, one colour clear": saved(*size, "P", "PNG", compress_level=1, transparency=0),
        "PNG grey": saved(*size, "L", "PNG", compress_level=1),
        "PNG 16-bit grey": lambda: paeth_png(*size, 0, deep=True),
        "PNG 16-bit RGB": lambda: paeth_png(*size, 2, deep=True),
        "PNG 16-bit RGBA": lambda: paeth_png(*size, 6, deep=True),
        "WebP": saved(*size, "RGB", "WEBP", quality=90, method=0),
        "WebP alpha": saved(*size, "RGBA", "WEBP", quality=90, method=0),
        "WebP lossless": saved(*size, "RGB", "WEBP", **LOSSLESS),
        "WebP lossless alpha": saved(*size, "RGBA", "WEBP", **LOSSLESS),
        "GIF": saved(*size, "P", "GIF"),
        "GIF, one colour clear": saved(*size, "P", "GIF", transparency=0),
    }


def at_the_limit() -> dict[str, Make]:
    """Give the dearest that the guards let in."""
    return {
        "PNG RGBA": lambda: paeth_png(4_000, 4_000, 6),
        "PNG RGBA with text": lambda: _with_text(paeth_png(4_000, 4_000, 6)),
        "PNG grey alpha, interlaced": lambda: paeth_png(4_000, 4_000, 4, interlaced=True),
        "PNG RGBA, interlaced": lambda: paeth_png(4_000, 4_000, 6, interlaced=True),
        "PNG 16-bit RGBA, interlaced": lambda: paeth_png(3_600, 3_600, 6, deep=True, interlaced=True),
        "PNG 16-bit RGB": lambda: paeth_png(3_600, 3_600, 2, deep=True),
        "PNG of zeros": lambda: pictures.pixel_bomb_png(4_000),
        "PNG wide": lambda: paeth_png(30_000, 533, 6),
        "PNG tall": lambda: paeth_png(533, 30_000, 6),
        "WebP lossless alpha": saved(3_605, 3_605, "RGBA", "WEBP", **LOSSLESS),
        "WebP alpha": saved(3_605, 3_605, "RGBA", "WEBP", quality=95, method=0),
        "WebP": saved(3_605, 3_605, "RGB", "WEBP", quality=100, method=0),
        "WebP wide": saved(16_383, 793, "RGBA", "WEBP", **LOSSLESS),
        "GIF": saved(5_000, 5_000, "P", "GIF", transparency=3),
        "JPEG": saved(8_000, 6_250, "RGB", "JPEG", quality=90),
        "JPEG CMYK": saved(7_000, 7_000, "CMYK", "JPEG", quality=75),
        "JPEG CMYK progressive": saved(3_600, 3_600, "CMYK", "JPEG", quality=100, progressive=True),
        "JPEG progressive": saved(5_800, 5_800, "RGB", "JPEG", quality=90, progressive=True),
        "JPEG narrow": saved(24_400, 2_047, "RGB", "JPEG", quality=75),
        "JPEG of all scans": lambda: _more_scans(_progressive(), MAX_SCANS),
        "JPEG without its end": _open_ended(saved(5_000, 5_000, "RGB", "JPEG", quality=90)),
        "JPEG CMYK without its end": _open_ended(saved(5_000, 5_000, "CMYK", "JPEG", quality=75)),
        "JPEG narrow without its end": _open_ended(saved(12_200, 2_047, "RGB", "JPEG", quality=75)),
        "JPEG of all scans without its end": _open_ended(lambda: _more_scans(_progressive(2_540), MAX_SCANS)),
    }


def _open_ended(make: Make) -> Make:
    return lambda: make().removesuffix(b"\xff\xd9")


def _progressive(side: int = 3_600) -> bytes:
    return encoded(_large(side, side, "CMYK"), "JPEG", quality=75, progressive=True)


def _with_text(data: bytes) -> bytes:
    return data[:33] + chunk(b"tEXt", b"k\0v") + data[33:]


def _more_scans(data: bytes, scans: int) -> bytes:
    last = data.rindex(b"\xff\xda")
    return data[:-2] + data[last:-2] * (scans - data.count(b"\xff\xda")) + data[-2:]


def bombs() -> dict[str, Make]:
    """Give files that promise or unpack to far more than they are."""
    made: dict[str, Make] = {
        "13,000 x 13,000 PNG": lambda: pictures.pixel_bomb_png(13_000),
        "7,100 x 7,100 PNG": pictures.pixel_bomb_png,
        "hidden scans": pictures.hidden_scans_jpeg,
        "two-headed PNG": pictures.two_headed_png,
        "two-headed JPEG": pictures.two_headed_jpeg,
        "GIF of deep blocks": _gif_of_small_blocks,
        "GIF of many extensions": lambda: _gif_of_extensions(200_000),
        "PNG of short reads": lambda: _png_of_small_chunks(1),
        "JPEG of many tables": lambda: _jpeg_of_tables(20_000),
        "JPEG of comments": lambda: _jpeg_of_comments(60_000),
        "PNG before a zip": lambda: pictures.valid()["png"] + b"PK\3\4" + bytes(1_000_000),
        "JPEG cut, then zeros before a byte": lambda: pictures.valid()["jpeg"][:1_000] + bytes(40_000_000) + b"1",
        "JPEG cut, then zeros": lambda: pictures.valid()["jpeg"][:1_000] + bytes(1_000_000),
        "JPEG without its end, then a page": lambda: (
            pictures.valid()["jpeg"][:-2] + b"<script>alert(1)</script>" * 9_000
        ),
        "JPEG before a page": lambda: pictures.valid()["jpeg"] + b"<script>alert(1)</script>",
        "GIF that is a script": lambda: b"GIF89a/*" + pictures.valid()["gif"] + b"*/=1;",
        "PDF before a JPEG": lambda: b"%PDF-1.7\n" + pictures.valid()["jpeg"],
        "SVG": lambda: b"<svg xmlns='http://www.w3.org/2000/svg'><image href='file:///etc/passwd'/></svg>",
        "nothing": lambda: b"",
        "zeros": lambda: bytes(1_000_000),
        "too long": lambda: PNG_MAGIC + bytes(50_000_000),
    }
    made |= {f"{scans} scans": partial(pictures.many_scans_jpeg, scans, 2_000) for scans in (1_000, 33, 32)}
    made |= {
        f"{kind.decode()} bomb x {times}": partial(pictures.packed_chunk_png, kind, 200_000_000 // times, times)
        for kind in (b"zTXt", b"iCCP", b"iTXt", b"acTL", b"eXIf", b"fdAT", b"sPLT", b"hIST")
        for times in (1, 70)
    }
    made |= {
        f"{count} chunks {kind.decode()}": partial(pictures.many_chunks_png, count, kind)
        for kind in (b"tEXt", b"IDAT", b"abCd")
        for count in (240_000, 260_000)
    }
    return made


def promises() -> dict[str, Make]:
    """Give headers that promise another size than there is."""
    made: dict[str, Make] = {}
    for side, other in product((0, 1, 30_000, 30_001, 65_535, 2**31 - 1), (0, 1, 500)):
        made[f"PNG says {side} x {other}"] = partial(pictures.promising_png, side, other)
        made[f"PNG says {other} x {side}"] = partial(pictures.promising_png, other, side)
    for side, other, flag in product((0, 1, 1_600, 30_000, 65_535), (0, 1, 1_600, 30_000), (False, True)):
        made[f"JPEG says {side} x {other}, {flag}"] = partial(pictures.promising_jpeg, side, other, progressive=flag)
        made[f"GIF says {side} x {other}, {flag}"] = partial(pictures.promising_gif, side, other, of_frame=flag)
    for side, other in product((1, 15, 17, 3_600, 16_383, 16_777_216), (1, 16, 3_600, 16_777_216)):
        made[f"WebP says {side} x {other}"] = partial(pictures.promising_webp, side, other)
    return made


def _gif_of_small_blocks() -> bytes:
    """Give the codes one byte a block."""
    data = encoded(pictures.photo(400, 300).quantize(64), "GIF")
    start = data.index(FRAME) + 10
    table = 3 << (data[start - 1] & 7) + 1 if data[start - 1] & 0x80 else 0
    at, codes = start + table + 1, b""
    while data[at]:
        codes += data[at + 1 : at + 1 + data[at]]
        at += data[at] + 1
    return data[: start + table + 1] + b"".join(bytes([1, code]) for code in codes) + b"\0;"


def _gif_of_extensions(count: int) -> bytes:
    data = encoded(pictures.photo(40, 30).quantize(64), "GIF")
    at = data.index(FRAME)
    return data[:at] + b"!\xf9\4\0\0\0\0\0" * count + data[at:]


def _png_of_small_chunks(size: int) -> bytes:
    body = zlib.compress((b"\0" + bytes(300 * 3)) * 200, 0)[:180_000]
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", 300, 200, 8, 2, 0, 0, 0))
    parts = b"".join(chunk(b"IDAT", body[i : i + size]) for i in range(0, len(body), size))
    return b"".join((PNG_MAGIC, header, parts, chunk(b"IEND", b"")))


def _jpeg_of_tables(count: int) -> bytes:
    data = pictures.valid()["jpeg"]
    at = data.index(b"\xff\xdb")
    table = data[at : at + 2 + struct.unpack_from(">H", data, at + 2)[0]]
    return data[:at] + table * count + data[at:]


def _jpeg_of_comments(count: int) -> bytes:
    data = pictures.valid()["jpeg"]
    return data[:2] + b"\xff\xfe\0\2" * count + data[2:]


def lies() -> dict[str, Make]:
    """Give headers whose fields contradict each other or the data."""
    return {**_png_lies(), **_jpeg_lies(), **_gif_lies(), **_webp_lies(), **_exif_lies()}


def _png_lies() -> dict[str, Make]:
    body, palette = (b"\0" + bytes(64 * 8)) * 64, chunk(b"PLTE", bytes(6))
    made: dict[str, Make] = {
        f"PNG of {depth} bits, colour type {colour}": partial(png, 64, 64, depth, colour, body, palette)
        for depth in (0, 1, 2, 3, 4, 8, 16, 32, 255)
        for colour in range(8)
    }
    for length, colour in product((0, 1, 2, 5, 6, 7, 255, 300), (0, 2, 3, 4, 6)):
        extra = chunk(b"PLTE", bytes(768)), chunk(b"tRNS", bytes(length))
        made[f"tRNS of {length}, colour type {colour}"] = partial(png, 8, 8, 8, colour, body, *extra)
    for kind in (5, 9, 255):
        made[f"PNG filter {kind}"] = partial(png, 8, 8, 8, 2, (bytes([kind]) + bytes(24)) * 8)
    return made


def _jpeg_lies() -> dict[str, Make]:
    plain = encoded(pictures.quarters(), "JPEG")
    frame, scan = plain.index(b"\xff\xc0"), plain.index(b"\xff\xda")
    made: dict[str, Make] = {
        "JPEG that tells its height later": lambda: (
            plain[: frame + 5] + bytes(2) + plain[frame + 7 : -2] + b"\xff\xdc\0\4\0\xf0\xff\xd9"
        ),
        "JPEG of restart markers": lambda: encoded(pictures.photo(2_000, 2_000), "JPEG", restart_marker_blocks=1),
    }
    for at, value in product(range(frame + 4, frame + 19), (0, 1, 2, 3, 5, 16, 17, 33, 65, 127, 128, 255)):
        made[f"JPEG frame byte {at - frame} is {value}"] = partial(_put, plain, at, value)
    for code in (*range(0xC0, 0xD0), 0xD8, 0xDA, 0xDC):
        made[f"JPEG frame marker {code:x}"] = partial(_put, plain, frame + 1, code)
    for at, value in product(range(scan + 2, scan + 14), (0, 1, 4, 63, 255)):
        made[f"JPEG scan byte {at - scan} is {value}"] = partial(_put, plain, at, value)
    return made


def _gif_lies() -> dict[str, Make]:
    plain = encoded(pictures.quarters().quantize(16), "GIF")
    start = plain.index(FRAME)
    places = product((*range(6, 13), *range(start, start + 14)), (0, 1, 2, 9, 12, 13, 64, 128, 135, 255))
    return {f"GIF byte {at} is {value}": partial(_put, plain, at, value) for at, value in places}


def _webp_lies() -> dict[str, Make]:
    names = ("webp", "webp lossless alpha", "webp animated")
    given = {name: data for name, data in pictures.valid().items() if name in names}
    places = product(given, range(4, 50), (0, 1, 127, 255))
    return {f"{name} byte {at} is {value}": partial(_put, given[name], at, value) for name, at, value in places}


def _exif_lies() -> dict[str, Make]:
    tag = b"II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0"
    bodies = [tag + struct.pack("<H", value) + bytes(6) for value in (0, 9, 255, 65_535)]
    bodies += [b"", b"II*\0", b"II*\0\xff\xff\xff\xff", b"MM\0*\0\0\0\x08\xff\xff", b"x" * 60_000]
    return {f"EXIF {number}": partial(pictures.mislabelled_exif, body) for number, body in enumerate(bodies)}


def _put(data: bytes, at: int, value: int) -> bytes:
    return data[:at] + bytes([value]) + data[at + 1 :]


def damaged(seed: int) -> dict[str, Make]:
    """Give valid files, cut short at many places, or with bits turned over."""
    made: dict[str, Make] = {}
    for name, data in pictures.valid().items():
        made |= {f"{name} cut at {at} of 24": partial(_cut, data, at / 24) for at in range(24)}
        made |= {f"{name} turned over, {seed}.{trial}": partial(_turned, data, seed, trial) for trial in range(24)}
    return made


def _cut(data: bytes, part: float) -> bytes:
    return data[: int(len(data) * part)]


def _turned(data: bytes, seed: int, trial: int) -> bytes:
    random = np.random.default_rng((seed, trial, len(data)))
    changed = bytearray(data)
    for place in random.integers(0, min(len(data), 10 ** random.integers(1, 6)), 1 + trial % 8).tolist():
        changed[place] ^= 1 << int(random.integers(8))
    return bytes(changed)


def hostile(seed: int) -> Iterator[tuple[str, Make]]:
    """Give all that is hostile, by name."""
    for kind, made in {
        "at the limit": at_the_limit(),
        "bomb": bombs(),
        "promise": promises(),
        "lie": lies(),
        "damaged": damaged(seed),
    }.items():
        yield from ((f"{kind}: {name}", make) for name, make in made.items())
