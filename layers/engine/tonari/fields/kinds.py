"""What a single JSON value is: its type, whether it is exact, its text, its moment."""

from __future__ import annotations

import datetime as dt
import json
import re
import sys
from typing import Any

from tonari.contract.engine import FieldType
from tonari.contract.strict_json import LARGEST_EXACT

FROM_WITH_EXPONENT = 1e21
"""From here on numbers are written with an exponent, as JavaScript does."""
INEXACT = (
    "is a whole number beyond 2^53, which a number field does not hold to the last digit (declare the field as string "
    "in schema.json, or write all its values as text)"
)

_MISSING = """
    na n/a n.a. n.a #n/a #na <na> nan -nan nat null (null) #null! nil none (none) undefined unknown unspecified
    - -- --- \u2013 \u2014 ? . [] \\n (blank) #ref! #value! #div/0! #name? #num! 1.#qnan 1.#ind -1.#qnan -1.#ind
"""
MISSING = frozenset([*_MISSING.split(), "not available", "not applicable", "not specified", "#n/a n/a"])
"""Texts that stand for a missing value, in lower case: as pandas, R, SQL, JavaScript and Excel write it, and words.

Among them are the defaults of ``na_values`` of pandas' ``read_csv``.
"""
_LONGEST_MISSING = max(map(len, MISSING)) + 2

DATE = re.compile(r"\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}(:\d{2}(\.\d+)?)?(Z|[+-]\d{2}:?\d{2})?)?")


def kind_of(value: Any) -> FieldType | None:
    """Tell the type of a JSON value; None for null, objects, other lists than of texts and numbers, and infinity.

    Whole numbers that a float64 holds only nearly are numbers too: see :func:`is_exact`.
    """
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, (int, float)):
        return "number" if abs(value) <= sys.float_info.max else None
    if isinstance(value, str):
        return "string"
    if isinstance(value, list) and all(kind_of(one) in ("string", "number") for one in value):
        return "strings"
    return None


def is_exact(value: float) -> bool:
    """Tell whether a float64 holds a number as it was written: any but most whole ones beyond 2**53."""
    if not isinstance(value, int) or abs(value) <= LARGEST_EXACT:
        return True
    return abs(value) <= sys.float_info.max and float(value) == value


def text_of(value: Any) -> str:
    """Write a text, number or flag as fields of texts have it: equal numbers are equal texts, 5.0 is ``5``."""
    if isinstance(value, str):
        return value
    if isinstance(value, float) and value.is_integer() and abs(value) < FROM_WITH_EXPONENT:
        return str(int(value))
    return json.dumps(value)


def parse_date(value: str) -> float | None:
    """Read an ISO 8601 date or time as seconds since 1970, UTC where no offset is said; None if it is none."""
    if not DATE.fullmatch(value):
        return None
    try:
        moment = dt.datetime.fromisoformat(value)
    except ValueError:
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=dt.UTC)).timestamp()


def stands_for_missing(text: str) -> bool:
    """Tell whether a text is one of :data:`MISSING`, in any case of letters."""
    return len(text) <= _LONGEST_MISSING and text.strip().lower() in MISSING


def is_given(value: Any) -> bool:
    """Tell whether a document says something by a value: null, an empty text and an empty list do not."""
    return value is not None and value not in ("", [])
