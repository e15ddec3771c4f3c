"""The bytes of a table -> its text: encodings that say what they are are read, others named with their remedy."""

from __future__ import annotations

import codecs
import unicodedata

from tonari.errors import InvalidCatalogueError

_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_SAVE_IN_EXCEL = "save it there as 'CSV UTF-8'"
_NO_TEXT = (
    (b"PK\x03\x04", f"an Excel workbook or another zip archive: {_SAVE_IN_EXCEL}"),
    (b"\xd0\xcf\x11\xe0", f"an old Excel workbook: {_SAVE_IN_EXCEL}"),
    (b"PAR1", "a Parquet file: write it as CSV, in Python pandas.read_parquet(…).to_csv(…, index=False)"),
    (b"ARROW1", "a Feather file: write it as CSV, in Python pandas.read_feather(…).to_csv(…, index=False)"),
    (b"\x1f\x8b", "compressed: unpack it with gunzip"),
    (b"SQLite format 3", "a SQLite database: sqlite3 -header -csv FILE 'select * from …' > items.csv"),
    (b"%PDF", "a PDF"),
)
_AT_HOME = {
    "gb2312": (),
    "cp932": ("HIRAGANA", "KATAKANA"),
    "euc_jp": ("HIRAGANA", "KATAKANA"),
    "euc_kr": ("HANGUL",),
}
"""East Asian encodings, in the order in which equally plausible ones are named, and the letters of their languages."""
_ONE_BYTE = "cp1252"
_NAMES = {
    "gb2312": "GB18030",
    "cp932": "Shift-JIS",
    "euc_jp": "EUC-JP",
    "euc_kr": "EUC-KR",
    "cp1252": "Windows-1252",
}
_ICONV = {"gb2312": "GB18030", "cp932": "CP932", "euc_jp": "EUC-JP", "euc_kr": "CP949", "cp1252": "CP1252"}
_SAMPLE = 100_000
ASCII = 0x80
_SHOWN = 40
LEAST = 0.5
"""Plausibility, a share of letters, from which on a text is taken for East Asian."""


def decode_table(name: str, data: bytes) -> str:
    """Decode UTF-8, or UTF-16 and UTF-32 with their mark (as Excel writes "Unicode text").

    Raises
    ------
    InvalidCatalogueError
        If it is something else: what it seems to be, how its first line would read, and how to make UTF-8 of it.
    """
    for start, said in _NO_TEXT:
        if data.startswith(start):
            raise InvalidCatalogueError(f"{name} is {said}.")
    encoding = next((name for mark, name in _MARKS if data.startswith(mark)), "utf-8")
    if encoding == "utf-8" and data[:_SAMPLE].count(0) > len(data[:_SAMPLE]) // 4:
        encoding = "utf-16-le" if data[1:2] == b"\0" else "utf-16-be"
    try:
        return data.decode(encoding).lstrip("\ufeff")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        form = "UTF-8" if encoding.startswith("utf-8") else encoding.upper()
        remedy = _remedy(name, data, guess_encoding(data)) if encoding == "utf-8" else "save it as UTF-8."
        raise InvalidCatalogueError(f"{name} is not {form} (line {line}, byte {error.start}): {remedy}") from error


def _remedy(name: str, data: bytes, encoding: str) -> str:
    lines = data.replace(b"\r", b"\n").split(b"\n")
    first = next(line for line in lines if not line.isascii()).decode(encoding, errors="replace").strip()
    shown = first[:_SHOWN] + ("…" if len(first) > _SHOWN else "")
    return (
        f"it seems to be {_NAMES[encoding]}, in which a line reads {shown!r}. In Excel {_SAVE_IN_EXCEL}, or: "
        f"iconv -f {_ICONV[encoding]} -t UTF-8 {name} > utf8-{name}"
    )


def guess_encoding(data: bytes) -> str:
    """Guess which encoding a text is in that is not UTF-8.

    In East Asian encodings nearly all that is not ASCII is letters of that language; read as one of them, a single
    accented letter swallows the ASCII letter behind it. Otherwise it is taken for Western European.
    """
    sample = data[:_SAMPLE].rpartition(b"\n")[0] or data[:_SAMPLE]
    worth = {encoding: _plausibility(sample, encoding) for encoding in _AT_HOME}
    best = max(worth, key=lambda encoding: worth[encoding])
    return best if worth[best] > LEAST else _ONE_BYTE


def _plausibility(data: bytes, encoding: str) -> float:
    """Give the share of Chinese characters, kana counting double, less what swallows ASCII; 0 if it is none.

    Each character counts once: a currency sign that recurs in every row tells nothing new.
    """
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError:
        return 0.0
    foreign = sorted({letter for letter in text if not letter.isascii()})
    if not foreign:
        return 0.0
    scripts = [unicodedata.name(letter, "").partition(" ")[0] for letter in foreign]
    score = sum(2.0 * (name in _AT_HOME[encoding]) + (name == "CJK") + 0.9 * (name == "HALFWIDTH") for name in scripts)
    swallowed = sum(byte < ASCII for byte in "".join(foreign).encode(encoding, "replace"))
    return (score - swallowed) / len(foreign)
