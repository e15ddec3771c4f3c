"""What files are by their first bytes, whatever their names say."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import get_args

from tonari.images import headers

READ_FORMATS: tuple[str, ...] = get_args(headers.Format)
HEAD_BYTES = 256
THREADS = 8
CHUNK = 500

EMPTY = "empty"
UNREADABLE = "unreadable"
UNKNOWN = ""

_SIGNATURES = {
    "AVIF": rb".{4}ftyp(avif|avis)",
    "HEIC": rb".{4}ftyp(hei[cmsx]|hev[cmsx]|mif1|msf1)",
    "RAW": rb".{4}ftypcrx |II\*\0.{4}CR|FUJIFILMCCD-RAW|IIR[OS]|MMOR|IIU\0|\0MRM",
    "video": rb".{4}ftyp|\x1a\x45\xdf\xa3|RIFF.{4}AVI ",
    "TIFF": rb"II[*+]\0|MM\0[*+]",
    "BMP": rb"BM.{4}\0\0\0\0",
    "JPEG XL": rb"\xff\x0a|\0\0\0\x0cJXL ",
    "JPEG 2000": rb"\0\0\0\x0cjP  |\xff\x4f\xff\x51",
    "Photoshop": rb"8BPS",
    "PDF or PostScript": rb"%PDF|%!PS|\xc5\xd0\xd3\xc6",
    "SVG": rb"(\xef\xbb\xbf)?\s*(<\?xml[^>]*>\s*|<!--.*?-->\s*|<!DOCTYPE svg[^>]*>\s*)*<svg",
    "HTML": rb"(\xef\xbb\xbf)?\s*<(!doctype html|html|head|body|title|script|meta)",
    "XML": rb"(\xef\xbb\xbf)?\s*<\?xml",
    "ZIP": rb"PK\x03\x04",
    "Git LFS pointer": rb"version https://git-lfs",
}
_COMPILED = {name: re.compile(signature, re.DOTALL | re.IGNORECASE) for name, signature in _SIGNATURES.items()}
UNREAD_PICTURES = (
    "AVIF",
    "HEIC",
    "RAW",
    "TIFF",
    "BMP",
    "JPEG XL",
    "JPEG 2000",
    "Photoshop",
    "PDF or PostScript",
    "SVG",
)
RAW_SUFFIXES = (".dng", ".nef", ".nrw", ".arw", ".srf", ".sr2", ".cr2", ".cr3", ".crw", ".raf", ".orf", ".rw2", ".pef")
"""Most raw formats are TIFF by their first bytes."""


def format_of(head: bytes) -> str:
    """Tell the format of a file by its first bytes; :data:`EMPTY` if there are none, :data:`UNKNOWN` if in doubt.

    >>> format_of(b"<!DOCTYPE html><html>")
    'HTML'
    """
    if not head:
        return EMPTY
    others = (name for name, signature in _COMPILED.items() if signature.match(head))
    return headers.format_of(head) or next(others, UNKNOWN)


def read_formats(paths: Sequence[Path]) -> dict[Path, str]:
    """Read the first bytes of ordinary files, several at a time; :data:`UNREADABLE` where that fails."""
    chunks = [paths[start : start + CHUNK] for start in range(0, len(paths), CHUNK)]
    with ThreadPoolExecutor(THREADS) as pool:
        found = pool.map(lambda chunk: [_read(path) for path in chunk], chunks)
        return dict(zip(paths, (name for names in found for name in names), strict=True))


def _read(path: Path) -> str:
    try:
        file = os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0))
        try:
            name = format_of(os.read(file, HEAD_BYTES))
        finally:
            os.close(file)
    except OSError:
        return UNREADABLE
    return "RAW" if name == "TIFF" and path.suffix.lower() in RAW_SUFFIXES else name
