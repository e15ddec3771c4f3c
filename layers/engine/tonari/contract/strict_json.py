"""JSON from others: only what can be computed with and written again."""

from __future__ import annotations

import json
import re
import sys
from typing import Any

from tonari.contract.limits import MOST_DEPTH

_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")
_TEXTS = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"?', re.DOTALL)


def loads(data: bytes | str) -> Any:
    """Read JSON in UTF-8.

    Python alone would take ``NaN``, read ``1e400`` as infinity, take whole numbers that no float64 holds, strings with
    half a surrogate pair, which UTF-8 cannot write, and of a name that stands twice in an object the last value.

    Raises
    ------
    ValueError
        Saying what is wrong, which may be one of these, or a nesting of more than 64 levels.
    """
    text = data.decode("utf-8-sig") if isinstance(data, bytes) else data
    _check_depth(text)
    value = json.loads(text, parse_constant=_refuse, parse_float=_float, parse_int=_int, object_pairs_hook=_object)
    if _SURROGATE.search(text):
        json.dumps(value, ensure_ascii=False).encode()
    return value


def _check_depth(text: str) -> None:
    if text.count("[") + text.count("{") <= MOST_DEPTH:
        return
    depth = 0
    for bracket in re.findall(r"[\[\]{}]", _TEXTS.sub("", text)):
        depth += 1 if bracket in "[{" else -1
        if depth > MOST_DEPTH:
            raise ValueError(f"it is nested too deeply: more than {MOST_DEPTH} levels")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"{twice!r:.60} stands twice in one object")
    return found


def _refuse(name: str) -> Any:
    raise ValueError(f"{name} is not a finite number")


def _float(text: str) -> float:
    value = float(text)
    return value if abs(value) <= sys.float_info.max else _refuse(text)


def _int(text: str) -> int:
    value = int(text)
    return value if abs(value) <= sys.float_info.max else _refuse(f"{text:.20}…")
