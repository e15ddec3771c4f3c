"""JSON from others: only what can be computed with and written again, each name in one form."""

from __future__ import annotations

import json
import re
import sys
from collections import Counter
from typing import Any, NoReturn

from tonari.contract.normal_form import in_nfc, is_plain
from tonari.contract.parameters import MOST_DEPTH

_ESCAPE = "\\u"
MOST_NESTED = 100_000
"""Lists and objects in one JSON text: each takes some time and some 100 bytes to read."""
_WHOLE_NUMBER = re.compile(r"-?\d+\.0+")
MOST_DIGITS = 310
"""Whole numbers of more digits, with their sign, are larger than any float64; Python refuses to read the longest."""
LARGEST_EXACT = 2**53
"""Up to here a float64 holds every whole number."""
_TEXTS = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"?', re.DOTALL)


def read_json(data: bytes | str) -> Any:
    """Read JSON in UTF-8; texts and names are given in NFC.

    Python alone would take ``NaN``, read ``1e400`` as infinity and ``9007199254740993.0`` as another number, take whole
    numbers that no float64 holds, strings with half a surrogate pair, which UTF-8 cannot write, and of a name that
    stands twice in an object the last value.

    Raises
    ------
    ValueError
        Saying what is wrong, which may be one of these, two names that are one in NFC, more than 64 levels, or more
        than 100,000 lists and objects.
    """
    text = _decoded(data) if isinstance(data, bytes) else data
    if not text.strip():
        raise ValueError("it is empty")
    _check_depth(text)
    value = json.loads(text, parse_constant=_refuse, parse_float=_float, parse_int=_int, object_pairs_hook=_object)
    return value if is_plain(text) and _ESCAPE not in text else in_nfc(value)


def _decoded(data: bytes) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"it is not UTF-8 (byte {error.start:,}): save or send it as UTF-8") from error


def _check_depth(text: str) -> None:
    if text.count("[") + text.count("{") <= MOST_DEPTH:
        return
    bare, depth = _TEXTS.sub("", text), 0
    if bare.count("[") + bare.count("{") > MOST_NESTED:
        raise ValueError(f"it has more than {MOST_NESTED:,} lists and objects")
    for bracket in re.findall(r"[\[\]{}]", bare):
        depth += 1 if bracket in "[{" else -1
        if depth > MOST_DEPTH:
            raise ValueError(f"it is nested too deeply: more than {MOST_DEPTH} levels")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        ((twice, _),) = Counter(name for name, _ in pairs).most_common(1)
        raise ValueError(f"{twice!r:.60} stands twice in one object")
    return found


def _refuse(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a finite number")


def _float(text: str) -> float | int:
    value = float(text)
    if abs(value) < LARGEST_EXACT:
        return value
    if _WHOLE_NUMBER.fullmatch(text):
        return _int(text.partition(".")[0])
    return value if abs(value) <= sys.float_info.max else _refuse(text)


def _int(text: str) -> int:
    if len(text) > MOST_DIGITS or abs(value := int(text)) > sys.float_info.max:
        _refuse(f"{text:.20}…")
    return value
