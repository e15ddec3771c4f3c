"""Awkward and hostile pictures, each drawn on the spot."""

from __future__ import annotations

import struct
import zlib
from io import BytesIO
from typing import Any

import numpy as np
from PIL import Image

RED, GREEN, BLUE, YELLOW = (200, 30, 40), (30, 160, 60), (40, 60, 190), (220, 200, 50)
ORIENTATION, PNG_MAGIC = 0x0112, b"\x89PNG\r\n\x1a\n"


def quarters(width: int = 320, height: int = 240) -> Image.Image:
    """Red and green above, blue and yellow below: no turn or flip goes unseen."""
    image = Image.new("RGB", (width, height), RED)
    image.paste(GREEN, (width // 2, 0, width, height // 2))
    image.paste(BLUE, (0, height // 2, width // 2, height))
    image.paste(YELLOW, (width // 2, height // 2, width, height))
    return image


def photo(width: int = 320, height: int = 240, detail: int = 8) -> Image.Image:
    """Soft shapes, ``detail`` of them from side to side."""
    grain = np.random.default_rng(0).integers(0, 256, (detail, detail, 3), dtype=np.uint8)
    return Image.fromarray(grain).resize((width, height), Image.Resampling.BICUBIC)


def encoded(image: Image.Image, kind: str, **options: Any) -> bytes:
    buffer = BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def oriented(value: int, kind: str = "JPEG", image: Image.Image | None = None) -> bytes:
    exif = Image.Exif()
    exif[ORIENTATION] = value
    return encoded(image or quarters(), kind, exif=exif)


def animated(kind: str) -> bytes:
    frames = [Image.new("RGB", (64, 64), colour) for colour in (RED, GREEN, BLUE)]
    return encoded(frames[0], kind, save_all=True, append_images=frames[1:], duration=50)


def multi_picture_jpeg() -> bytes:
    """Two pictures in one file, as stereo cameras and phones write them."""
    return encoded(quarters(), "MPO", save_all=True, append_images=[Image.new("RGB", (320, 240), BLUE)])


def cmyk_jpeg(colour: tuple[int, int, int]) -> bytes:
    """CMYK stored inverted, with an Adobe marker."""
    ink = tuple(255 - value for value in colour)
    return encoded(Image.new("CMYK", (64, 64), (*ink, 0)), "JPEG", quality=100)


def ycck_jpeg(colour: tuple[int, int, int]) -> bytes:
    """The same ink as luma and chroma: channels hold YCC of the inverted ink, the Adobe marker says transform 2."""
    red, green, blue = colour
    luma = 0.299 * red + 0.587 * green + 0.114 * blue
    ycc = luma, 128 + (blue - luma) / 1.772, 128 + (red - luma) / 1.402
    stored = *(255 - round(value) for value in (255 - ycc[0], 256 - ycc[1], 256 - ycc[2])), 0
    data = bytearray(encoded(Image.new("CMYK", (64, 64), stored), "JPEG", quality=100))
    data[data.index(b"Adobe") + 11] = 2
    return bytes(data)


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png(width: int, height: int, depth: int, colour_type: int, rows: bytes, *extra: bytes) -> bytes:
    """PNG from packed rows, each begun by its filter byte; ``extra`` chunks go before the pixels."""
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour_type, 0, 0, 0))
    return b"".join((PNG_MAGIC, header, *extra, chunk(b"IDAT", zlib.compress(rows)), chunk(b"IEND", b"")))


def pixel_bomb_png(side: int = 7_100) -> bytes:
    """All of its pixels are there, in some 150 kilobytes."""
    packer = zlib.compressobj(9)
    rows = b"".join([*(packer.compress(bytes(1 + side * 3)) for _ in range(side)), packer.flush()])
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0))
    return b"".join((PNG_MAGIC, header, chunk(b"IDAT", rows), chunk(b"IEND", b"")))


def promising_png(width: int, height: int) -> bytes:
    """The header promises more than the file holds."""
    return png(width, height, 8, 2, bytes(100))


def promising_jpeg(width: int, height: int, *, progressive: bool = False) -> bytes:
    data = bytearray(encoded(quarters(), "JPEG", progressive=progressive))
    frame = data.index(b"\xff\xc2" if progressive else b"\xff\xc0")
    struct.pack_into(">HH", data, frame + 5, height, width)
    return bytes(data)


def promising_gif(width: int, height: int, *, of_frame: bool) -> bytes:
    data = bytearray(encoded(quarters().quantize(16), "GIF"))
    struct.pack_into("<HH", data, data.index(b",\0\0\0\0") + 5 if of_frame else 6, width, height)
    return bytes(data)


def promising_webp(width: int, height: int) -> bytes:
    data = bytearray(encoded(Image.new("RGBA", (16, 16)), "WEBP", exif=b"Exif\0\0II*\0"))
    data[24:30] = (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    return bytes(data)


def packed_chunk_png(kind: bytes, length: int = 200_000_000, times: int = 1) -> bytes:
    """Text or a colour profile that unpacks to ``length`` bytes, in front of an innocent picture."""
    packer = zlib.compressobj(9)
    packed = b"".join(packer.compress(b"A" * 1_000_000) for _ in range(length // 1_000_000)) + packer.flush()
    filler = [chunk(kind, b"k%d\0\0" % i + packed) for i in range(times)]
    return png(1, 1, 8, 2, b"\0" + bytes(RED), *filler)


def many_chunks_png(count: int, kind: bytes = b"tEXt") -> bytes:
    return png(1, 1, 8, 2, b"\0" + bytes(RED), chunk(kind, b"") * count)


def two_headed_png() -> bytes:
    """A second IHDR, larger than the first."""
    return png(1, 1, 8, 2, bytes(4), chunk(b"IHDR", struct.pack(">IIBBBBB", 20_000, 20_000, 8, 2, 0, 0, 0)))


def two_headed_jpeg() -> bytes:
    data = encoded(quarters(), "JPEG")
    frame = data.index(b"\xff\xc0")
    return data[:frame] + data[frame : frame + 19] + data[frame:]


def many_scans_jpeg(scans: int, side: int = 64) -> bytes:
    """Progressive JPEG whose last scan is repeated until there are ``scans``."""
    data = encoded(photo(side, side), "JPEG", progressive=True)
    last = data.rindex(b"\xff\xda")
    return data[:-2] + data[last:-2] * (scans - data.count(b"\xff\xda")) + data[-2:]


def hidden_scans_jpeg() -> bytes:
    """An end-of-image marker within a comment, then thousands of scans."""
    data = many_scans_jpeg(3_000)
    second = data.index(b"\xff\xda", data.index(b"\xff\xda") + 2)
    return data[:second] + b"\xff\xfe\x00\x04\xff\xd9" + data[second:]


def lossless_jpeg() -> bytes:
    return encoded(quarters(), "JPEG").replace(b"\xff\xc0", b"\xff\xc3", 1)


def twelve_bit_jpeg() -> bytes:
    data = bytearray(encoded(quarters(), "JPEG"))
    data[data.index(b"\xff\xc0") + 4] = 12
    return bytes(data)


def mislabelled_exif(body: bytes) -> bytes:
    """JPEG with ``body`` where EXIF should be."""
    data = encoded(quarters(), "JPEG")
    segment = b"Exif\0\0" + body
    return data[:2] + b"\xff\xe1" + struct.pack(">H", len(segment) + 2) + segment + data[2:]


def valid() -> dict[str, bytes]:
    """One small picture of each kind that is accepted."""
    image = photo(96, 72)
    alpha = Image.linear_gradient("L").resize(image.size)
    clear = image.copy()
    clear.putalpha(alpha)
    grey16 = (np.asarray(image.convert("L")).astype(np.uint16) << 8) + 7
    return {
        "jpeg": encoded(image, "JPEG"),
        "jpeg progressive": encoded(image, "JPEG", progressive=True),
        "jpeg grey": encoded(image.convert("L"), "JPEG"),
        "jpeg cmyk": encoded(image.convert("CMYK"), "JPEG"),
        "jpeg oriented": oriented(6, image=image),
        "jpeg multi-picture": multi_picture_jpeg(),
        "png": encoded(image, "PNG"),
        "png alpha": encoded(clear, "PNG"),
        "png grey alpha": encoded(clear.convert("LA"), "PNG"),
        "png palette": encoded(image.quantize(64), "PNG", transparency=0),
        "png 16-bit": encoded(Image.fromarray(grey16), "PNG"),
        "png 1-bit": encoded(image.convert("1"), "PNG"),
        "png animated": animated("PNG"),
        "webp": encoded(image, "WEBP", method=0),
        "webp lossless alpha": encoded(clear, "WEBP", lossless=True, method=0, exact=True),
        "webp animated": animated("WEBP"),
        "gif": encoded(image.quantize(64), "GIF", transparency=0),
        "gif animated": animated("GIF"),
    }
