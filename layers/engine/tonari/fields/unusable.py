"""Values of a document that are not used, because they are not of their field's type or stand for a missing value."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Mapping
from typing import Any

from tonari.contract.engine import FieldType
from tonari.fields.kinds import INEXACT, is_exact, is_given, kind_of
from tonari.fields.schema import Field, Schema, values_of

SHOWN = 40
_WHOLE_NUMBER = re.compile(r"[+-]?[0-9]{1,308}")


def unusable_values(schema: Schema, fields: Mapping[str, Any]) -> dict[str, str]:
    """Say which values of a document are not of their field's type, or stand for a missing value, and so are not used.

    Null, an empty text and an empty list say that there is no value: nothing is wrong with them.

    Returns
    -------
    By field, in the order of the document: what the value should be, what it is, and what follows.
    """
    return {
        name: f"{_shown(name)} is a {about.type} field; {_wrong(value, about)}, so {_lost(name, about)}."
        for name, value in fields.items()
        if (about := schema.fields.get(name)) is not None
        and (about.filterable or about.attribute)
        and is_given(value)
        and not values_of(value, about)
    }


def _wrong(value: Any, about: Field) -> str:
    texts = isinstance(value, str) or about.type == kind_of(value) == "strings"
    if about.type in ("string", "strings") and texts:
        remedy = 'if it is a real one, set "missing": [] for the field in schema.json'
        return f"{_quoted(value)} stands for a missing value ({remedy})"
    return _mistaken(value, about.type)


def _quoted(value: Any) -> str:
    given = _shown(value)
    return repr(given) if isinstance(value, str) else given


def _mistaken(value: Any, kind: FieldType) -> str:
    given, quoted = _shown(value), _quoted(value)
    match kind, value:
        case "number", int() | str() if _is_large(value):
            return f"{quoted} {INEXACT}"
        case "number", str() if _is_number(value):
            return f"{given!r} is text (write the number without quotes)"
        case "boolean", "true" | "false":
            return f"{given!r} is text (write {value} without quotes)"
        case "strings", list():
            return f"{given} holds something other than texts and numbers"
        case "number" | "string" | "date" | "boolean", list():
            return f"{given} is a list (write one value)"
    expected = {
        "number": "no number",
        "date": "no ISO 8601 date such as 2026-01-31",
        "boolean": "neither true nor false",
        "string": "no text",
        "strings": "neither a text, a number nor a list of them",
    }
    return f"{quoted} is {expected[kind]}"


def _lost(name: str, about: Field) -> str:
    """Say what a value of the wrong type is not used for."""
    unfiltered = f"filters and facets will treat this item as having no {_shown(name)}"
    unlearned = "predictions will not learn from this item"
    return " and ".join([*([unfiltered] if about.filterable else []), *([unlearned] if about.attribute else [])])


def _is_number(text: str) -> bool:
    try:
        return abs(float(text)) <= sys.float_info.max
    except ValueError:
        return False


def _is_large(value: int | str) -> bool:
    """Tell whether a value, or what a text says, is a whole number that a number field does not hold."""
    if isinstance(value, int):
        return not is_exact(value)
    return _WHOLE_NUMBER.fullmatch(value) is not None and not is_exact(int(value))


def _shown(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return f"{text:.{SHOWN}}" + ("…" if len(text) > SHOWN else "")
