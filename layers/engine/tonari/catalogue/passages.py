"""A document's words as passages of a length that encoders take: the same words always give the same passages."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tonari.contract.artefacts import PassageFields
from tonari.contract.normal_form import nfc
from tonari.fields.kinds import stands_for_missing, text_of

TITLES = ("title", "name", "headline")
TEXTS = ("text", "body", "description", "content")
MOST_WIDTH = 900
"""Of a passage with its title: some 200 tokens of English."""
WIDE = 3
"""Width of a wide East Asian character: most are a token of their own. All others have width 1."""
TITLE_WIDTH = 300
"""What of a title stands before each passage; the rest of a longer one is text."""

_NO_TEXT = re.compile("[\0-\x08\x0e-\x1b\x7f-\x84\x86-\x9f\ufdd0-\ufdef\ufffe\uffff]")
"""Control characters that are no white space, and code points that are no characters."""
_HALF = re.compile("[\ud800-\udfff]")
_PARAGRAPH = re.compile(r"\n[^\S\n]*\n\s*|\u2029")
_SENTENCE = re.compile(
    r"""(?<=[.!?\u2026])["'\u201d\u2019)\]]*\s+
    |(?<=[\u3002\uff01\uff1f\uff0e\uff61])[\u300d\u300f\u201d\uff09]*\s*
    |(?<=[\u061f\u06d4\u0964\u0965\u104b\u1362\u17d4])\s*""",
    re.VERBOSE,
)
"""Behind a sentence, as Latin, East Asian, Arabic, Indic, Burmese, Ethiopic and Khmer scripts end one."""
_JOINER = "\u200d"
_TONES = range(0x1F3FB, 0x1F400)
_FLAGS = range(0x1F1E6, 0x1F200)


@dataclass(frozen=True, slots=True)
class Passage:
    """A part of an item's words that is encoded on its own.

    Parameters
    ----------
    title
        Begins each passage of an item; may be empty.
    text
        The part itself; empty where an item has nothing but a title.
    """

    title: str
    text: str

    @property
    def whole(self) -> str:
        """What is encoded: title and text."""
        return "\n".join(part for part in (self.title, self.text) if part)

    @property
    def source(self) -> str:
        """sha256 (hex) of :attr:`whole`."""
        return hashlib.sha256(self.whole.encode()).hexdigest()


def passages_of(fields: Mapping[str, Any], chosen: PassageFields) -> tuple[Passage, ...]:
    """Part a document's title and text into passages.

    Parameters
    ----------
    chosen
        Names the fields; where it names none, the first of :data:`TITLES` and of :data:`TEXTS` that says something.

    Returns
    -------
    Passages of a width of at most :data:`MOST_WIDTH`, cut at the end of a paragraph or sentence where there is one,
    else between words, else between characters as people see them. Together they hold every word, in NFC and with one
    space for any white space. None where the document has neither title nor text.
    """
    title = _normal(_said(fields, chosen.title, TITLES))
    head = _cut(title, TITLE_WIDTH) if _width(title) > TITLE_WIDTH else len(title)
    title, rest = title[:head].rstrip(), title[head:].lstrip()
    room = MOST_WIDTH - (_width(title) + 1 if title else 0)
    text = _clean(_said(fields, chosen.text, TEXTS))
    whole = _collapse(f"{rest} {text}")
    if _width(whole) <= room:
        return (Passage(title, whole),) if title or whole else ()
    paragraphs = (rest, *_PARAGRAPH.split(text))
    sentences = [sentence for paragraph in paragraphs for sentence in _sentences(_collapse(paragraph))]
    return tuple(Passage(title, part) for part in _pack(sentences, room))


def read_fields(documents: Sequence[Mapping[str, Any]], chosen: PassageFields) -> tuple[str, ...]:
    """Name the fields of some documents from which passages are made, those of the title first."""
    found: dict[str, None] = {}
    for named, usual in ((chosen.title, TITLES), (chosen.text, TEXTS)):
        for fields in documents:
            said = [name for name in named or usual if _text(fields.get(name))]
            found |= dict.fromkeys(said if named else said[:1])
    return tuple(found)


def _said(fields: Mapping[str, Any], named: tuple[str, ...], usual: tuple[str, ...]) -> str:
    """Give what the named fields say, one paragraph each, or the first of the usual ones that says something."""
    found = [text for name in named or usual if (text := _text(fields.get(name)))]
    return "\n\n".join(found if named else found[:1])


def _text(value: Any) -> str:
    if isinstance(value, list):
        return "\n\n".join(filter(None, map(_text, value)))
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        return ""
    text = text_of(value)
    return "" if not text.strip() or stands_for_missing(text) else text


def _clean(text: str) -> str:
    """Give a text in NFC without what is no text: half a surrogate pair becomes U+FFFD."""
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    text = _NO_TEXT.sub(" ", text)
    return text if text.isascii() else nfc(_HALF.sub("\ufffd", text))


def _collapse(text: str) -> str:
    return " ".join(text.split())


def _normal(text: str) -> str:
    return _collapse(_clean(text))


def _width(text: str) -> int:
    if text.isascii():
        return len(text)
    return len(text) + (WIDE - 1) * sum(map(_is_wide, text))


def _is_wide(character: str) -> bool:
    return character > "\u10ff" and unicodedata.east_asian_width(character) in "WF"


def _sentences(paragraph: str) -> Iterator[str]:
    """Part a paragraph behind its sentences; each keeps the space that follows it, the last ends the paragraph."""
    start = 0
    for found in _SENTENCE.finditer(paragraph):
        if found.end() > start:
            yield paragraph[start : found.end()]
            start = found.end()
    if start < len(paragraph):
        yield paragraph[start:] + "\n"


def _pack(sentences: list[str], room: int) -> Iterator[str]:
    """Lay sentences together while they fit; a passage that is half full ends with its paragraph."""
    passage, width = "", 0
    for sentence in sentences:
        for piece in _pieces(sentence, room):
            if passage and width + _width(piece.rstrip()) > room:
                yield passage.rstrip()
                passage, width = "", 0
            passage += piece.replace("\n", " ")
            width += _width(piece)
            if piece.endswith("\n") and 2 * width > room:
                yield passage.rstrip()
                passage, width = "", 0
    if passage:
        yield passage.rstrip()


def _pieces(sentence: str, room: int) -> Iterator[str]:
    while _width(sentence.rstrip()) > room:
        end = _cut(sentence, room)
        yield sentence[:end]
        sentence = sentence[end:]
    yield sentence


def _cut(text: str, room: int) -> int:
    """Find where to cut a text that is wider than ``room``: behind its last word that fits, if it is not a long one."""
    fits = width = 0
    for character in text[:room]:
        width += WIDE if _is_wide(character) else 1
        if width > room:
            break
        fits += 1
    space = text.rfind(" ", 0, fits + 1) + 1
    if 2 * space > fits:
        return space
    apart = next((end for end in range(fits, fits // 2, -1) if not _belong_together(text, end)), fits)
    return apart or 1


def _belong_together(text: str, at: int) -> bool:
    """Tell whether people see the characters before and behind a place as one, such as a letter and its accent."""
    before, behind = text[at - 1], text[at]
    if _JOINER in (before, behind) or ord(behind) in _TONES or unicodedata.category(behind).startswith("M"):
        return True
    if ord(before) not in _FLAGS or ord(behind) not in _FLAGS:
        return False
    run = at
    while run and ord(text[run - 1]) in _FLAGS:
        run -= 1
    return (at - run) % 2 == 1
