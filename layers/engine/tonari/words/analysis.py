"""Texts as the terms by which they are found; the same for documents and for queries.

Letters and digits are taken in any script. A word is folded: compatibility forms (NFKC), case, and accents. Where words
are written without spaces between them, each two characters that stand together are a term, and each ideograph
[Luk & Kwok, A comparison of Chinese document indexing strategies and retrieval models, TALIP 1(3), 2002]. What is
written with hyphens, slashes or digits, as codes are, is found whole and by its parts.
"""

from __future__ import annotations

import functools
import itertools
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass

from tonari.errors import InvalidTextError

LONGEST_TERM = 64
"""Characters; what is longer is found by its beginning."""
MOST_PARTS = 6
"""What has more of them is no code, and found by its parts alone."""
_STOP_WORDS = """
    a an and are as at be but by for if in into is it no not of on or such that the their then there these they this to
    was will with
"""
STOP_WORDS = frozenset(_STOP_WORDS.split())
"""English words that say nothing alone: the list of Lucene and tantivy."""

_IDEOGRAPHS = "\u3005-\u3007\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
_UNSPACED = (
    f"{_IDEOGRAPHS}\u3041-\u309f\u30a1-\u30fa\u30fc-\u30ff\u31f0-\u31ff\u3100-\u312f"  # kana, bopomofo
    "\u1100-\u11ff\u3130-\u318f\uac00-\ud7af"  # Hangul
    "\u0e01-\u0e3a\u0e40-\u0e4e\u0e80-\u0edf\u1000-\u109f\u1780-\u17d3\u1950-\u19df"  # Thai, Lao, Burmese, Khmer, Tai
)
_JOINERS = "-/_.,'&+\u2010\u2011\u2212\u2019\u00b7"
_MARKED = ((0x300, 0x1D00), (0x1DC0, 0x1E00), (0x20D0, 0x2100), (0xA660, 0xAC00), (0xFB1E, 0xFB1F), (0x10A00, 0x12000))
"""Where combining marks lie."""
_ACCENTS = (
    "[\u0300-\u036f\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f"
    "\u0591-\u05bd\u05bf\u05c1\u05c2\u05c4\u05c5\u05c7\u0610-\u061a\u0640\u064b-\u065f\u0670\u00ad\u200b-\u200d\ufeff]"
)
"""Marks over and under letters of alphabets; Hebrew points, Arabic vowels and lengthening; what nobody sees."""
_LETTERS = str.maketrans(
    {
        "ø": "o",
        "đ": "d",
        "ð": "d",
        "ł": "l",
        "ħ": "h",
        "\u0131": "i",
        "æ": "ae",
        "œ": "oe",
        "þ": "th",
        "ŧ": "t",
        "ĸ": "k",
    }
)
"""Letters that Unicode does not take apart."""
_ASCII_CHUNK = r"[a-z0-9]+(?:[-/_.,'&+][a-z0-9]+)*"
_POSSESSIVE = "(?<=[^\\W\\d_])['\u2019]s$"


MOST_CHUNKS = 64
"""So many of a text's words may be ids."""


@dataclass(frozen=True, slots=True)
class Looked:
    """What of a text is looked for.

    Parameters
    ----------
    terms
        Each once, without stop words.
    ids
        What may be an item's id.
    """

    terms: tuple[str, ...]
    ids: tuple[str, ...]


def terms_of(text: str) -> list[str]:
    """Take a text apart; a term stands as often as it occurs.

    Never raises, whatever the text: what is neither letter nor digit, lone surrogates too, separates.
    """
    folded = fold(text)
    chunks = (_compiled(_ASCII_CHUNK) if folded.isascii() else _chunk()).findall(folded)
    return [term for chunk in chunks for term in (_known_terms(chunk) if len(chunk) <= LONGEST_TERM else _terms(chunk))]


def fold(text: str) -> str:
    """Give the form in which texts are compared: without compatibility forms, case and accents."""
    if text.isascii():
        return text.lower()
    apart = unicodedata.normalize("NFKD", unicodedata.normalize("NFKC", text).casefold())
    return unicodedata.normalize("NFC", _compiled(_ACCENTS).sub("", apart)).translate(_LETTERS)


def whole_of(text: str) -> str:
    """Give the form in which ids are compared: folded, and white space as one space."""
    return " ".join(fold(text).split())[:LONGEST_TERM]


@functools.lru_cache(1 << 16)
def _known_terms(chunk: str) -> tuple[str, ...]:
    return tuple(_terms(chunk))


def _terms(chunk: str) -> Iterator[str]:
    """Take apart what stands without white space: words, and what joins them."""
    chunk = _compiled(_POSSESSIVE).sub("", chunk)
    parts = _part().findall(chunk)
    unspaced = [bool(_compiled(f"[{_UNSPACED}]").match(part)) for part in parts]
    for part, run in zip(parts, unspaced, strict=True):
        if run:
            yield from _grams(part)
        else:
            yield part[:LONGEST_TERM]
    if 1 < len(parts) <= MOST_PARTS and len(chunk) <= LONGEST_TERM and not any(unspaced):
        yield chunk if all(part.isdecimal() for part in parts) else "".join(parts)


def _grams(run: str) -> Iterator[str]:
    if len(run) == 1:
        yield run
        return
    yield from (first + second for first, second in itertools.pairwise(run))
    yield from _compiled(f"[{_IDEOGRAPHS}]").findall(run)


@functools.cache
def _compiled(pattern: str) -> re.Pattern[str]:
    """Compile a pattern when it is first needed: who never asks by words does not wait for it."""
    return re.compile(pattern)


@functools.cache
def _marks() -> str:
    found = (chr(code) for first, last in _MARKED for code in range(first, last))
    return "".join(mark for mark in found if unicodedata.category(mark).startswith("M"))


@functools.cache
def _chunk() -> re.Pattern[str]:
    word = rf"(?:[^\W_][{_marks()}]*+)++"
    return re.compile(rf"{word}(?:[{_JOINERS}]{word})*+")


@functools.cache
def _part() -> re.Pattern[str]:
    return re.compile(rf"[{_UNSPACED}]+|\d+|(?:[^\W\d_{_UNSPACED}][{_marks()}]*+)++")


def take_apart(text: str) -> Looked:
    """Take a query apart.

    Raises
    ------
    InvalidTextError
        If it has no word, or none but stop words.
    """
    found = terms_of(text)
    if not found:
        raise InvalidTextError("The text has no letter and no digit: give at least one word.")
    kept = [term for term in found if term not in STOP_WORDS]
    if not kept:
        shown = ", ".join(sorted(set(found)))
        raise InvalidTextError(f"The text has only words that nearly all texts have ({shown}): add one that says more.")
    ids = dict.fromkeys([whole_of(text), *map(whole_of, text.split()[:MOST_CHUNKS])])
    return Looked(tuple(dict.fromkeys(kept)), tuple(filter(None, ids)))
