"""JSON from others: only what can be computed with and written again."""

from __future__ import annotations

import json
import re
import sys
from typing import Any

_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")


def loads(data: bytes | str) -> Any:
    """Read JSON in UTF-8.

    Python alone would take ``NaN``, read ``1e400`` as infinity, take whole numbers that no float64 holds, and
    strings with half a surrogate pair, which UTF-8 cannot write.

    Raises
    ------
    ValueError
        Saying what is wrong, which may be one of these or too deep a nesting.
    """
    text = data.decode("utf-8-sig") if isinstance(data, bytes) else data
    try:
        value = json.loads(text, parse_constant=_refuse, parse_float=_float, parse_int=_int)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    if _SURROGATE.search(text):
        json.dumps(value, ensure_ascii=False).encode()
    return value


def _refuse(name: str) -> Any:
    raise ValueError(f"{name} is not a finite number")


def _float(text: str) -> float:
    value = float(text)
    return value if abs(value) <= sys.float_info.max else _refuse(text)


def _int(text: str) -> int:
    value = int(text)
    return value if abs(value) <= sys.float_info.max else _refuse(f"{text:.20}…")
