"""Texts in one normal form of Unicode, NFC: a name that two systems spell with other code points is one name.

macOS and many uploaders write ``é`` as two code points (NFD), most others as one (NFC). What comes from outside is
turned into NFC where it is read, so that inside the engine equal names are equal texts. Forms that look alike but mean
something of their own, such as full-width digits (NFKC), stay what they are.
"""

from __future__ import annotations

import json
import re
import unicodedata
from typing import Any, Literal

_HALF = re.compile("[\ud800-\udfff]")
SHOWN = 60


def nfc(text: str) -> str:
    """Give a text in NFC."""
    return text if text.isascii() else unicodedata.normalize("NFC", text)


def is_nfc(text: str) -> bool:
    """Tell whether a text is in NFC."""
    return unicodedata.is_normalized("NFC", text)


def spellings(text: str) -> tuple[str, ...]:
    """Give a text in NFC and, where that is another text, in NFD."""
    return (text,) if text.isascii() else tuple(dict.fromkeys(unicodedata.normalize(form, text) for form in _FORMS))


_FORMS: tuple[Literal["NFC", "NFD"], ...] = ("NFC", "NFD")


def is_whole(text: str) -> bool:
    """Tell whether a text can be written as UTF-8: it holds no half of a surrogate pair."""
    return text.isascii() or not _HALF.search(text)


def is_plain(text: str) -> bool:
    """Tell whether all texts within this one are in NFC and can be written as UTF-8."""
    return text.isascii() or (is_nfc(text) and not _HALF.search(text))


def in_nfc(value: Any, where: str = "it") -> Any:
    """Give a JSON value with all its texts and names in NFC.

    Parameters
    ----------
    where
        What holds the value, for messages.

    Raises
    ------
    ValueError
        If a text holds half of a surrogate pair, which UTF-8 cannot write, or if two names of an object become one.
    """
    if isinstance(value, str):
        return whole_nfc(value, where)
    if isinstance(value, (list, tuple)):
        return type(value)(in_nfc(one, where) for one in value)
    if not isinstance(value, dict):
        return value
    found: dict[Any, Any] = {}
    spelled: dict[Any, Any] = {}
    for name, inner in value.items():
        one = whole_nfc(name, f"the name {name!r:.{SHOWN}}") if isinstance(name, str) else name
        if one in found:
            raise ValueError(
                f"the names {spelled[one]!a} and {name!a} are one name in two normal forms of Unicode: keep one of them"
            )
        spelled[one], found[one] = name, in_nfc(inner, f"the value of {name!r:.{SHOWN}}")
    return found


def whole_nfc(text: str, where: str) -> str:
    """Give a text in NFC; raises as :func:`in_nfc` does."""
    if text.isascii():
        return text
    if half := _HALF.search(text):
        raise ValueError(
            f"{where} holds half a surrogate pair, {half[0]!r}, which is no character (was an emoji cut in two?)"
        )
    return unicodedata.normalize("NFC", text)


def id_text(one: Any) -> str:
    """Read an id: a text as it is, in NFC, and a whole number as its digits, as databases have them.

    Raises
    ------
    ValueError
        If it is anything else, ``777.0`` and ``true`` included.
    """
    if isinstance(one, str):
        return whole_nfc(one, f"the id {one!r:.{SHOWN}}")
    if isinstance(one, int) and not isinstance(one, bool):
        return str(one)
    shown = json.dumps(one, ensure_ascii=False, default=repr)
    raise ValueError(f"{shown:.{SHOWN}} cannot be an id: write it as a text or a whole number")
