"""How the fields of records lie in columns of Milvus 2.3, which has no missing values."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tonari.contract.engine import FieldType
from tonari.errors import UnsupportedByEngineError

MOST_FIELDS = 53
"""Milvus allows 64 columns, and eleven are taken."""
MOST_BYTES = 65_535
"""Of one text in Milvus."""
MOST_LISTED = 4_000
"""Texts of one list."""
NO_NUMBER = -math.inf
NO_FLAG = -1
NO_TEXT = ""
SHORT, LONG = "=", "#"
"""What a text begins with that stands in its column, and the SHA-256 of one that is too long for it."""
LISTED = ""
"""One more text of every list that is not missing."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column of Milvus."""

    name: str
    type: FieldType


def columns_of(types: Mapping[str, FieldType]) -> dict[str, Column]:
    """Give each field a column, numbered.

    Raises
    ------
    UnsupportedByEngineError
        If there are too many.
    """
    if len(types) > MOST_FIELDS:
        raise UnsupportedByEngineError(
            f"Milvus keeps at most {MOST_FIELDS} fields that can be filtered by, and schema.json has {len(types)}: "
            'say "filterable": false of those that nobody filters by.'
        )
    return {field: Column(f"f{number}", kind) for number, (field, kind) in enumerate(types.items())}


def stored(kind: FieldType, value: Any) -> Any:
    """Give what a column holds of a value, which is None if the field is missing.

    Raises
    ------
    UnsupportedByEngineError
        If a list is too long.
    """
    match kind:
        case "number" | "date":
            return NO_NUMBER if value is None else float(value) + 0.0  # never -0.0, which Milvus Lite tells from 0.0
        case "boolean":
            return NO_FLAG if value is None else int(value)
        case "string":
            return NO_TEXT if value is None else stored_text(value)
        case "strings":
            if value is not None and len(value) > MOST_LISTED:
                raise UnsupportedByEngineError(
                    f"Milvus keeps at most {MOST_LISTED:,} texts of one list, and an item has {len(value):,}."
                )
            return [LISTED, *map(stored_text, value)] if value else []


def stored_text(text: str) -> str:
    """Give what a column holds of a text: the text, or a digest that is equal for equal texts."""
    short = SHORT + text
    encoded = short.encode()
    return short if len(encoded) <= MOST_BYTES else LONG + hashlib.sha256(encoded).hexdigest()


def long_texts(value: Any) -> dict[str, str]:
    """Give the texts of a value of which a column holds the digest, by what it holds."""
    texts = [value] if isinstance(value, str) else value if isinstance(value, tuple) else []
    return {held: text for text in texts if (held := stored_text(text)).startswith(LONG)}


def is_long(held: Any) -> bool:
    """Tell whether a column holds a digest."""
    texts = [held] if isinstance(held, str) else held if isinstance(held, list) else []
    return any(text.startswith(LONG) for text in texts)


def given(kind: FieldType, held: Any, texts: Mapping[str, str]) -> Any:
    """Give the value that a column holds, None if it is missing.

    Parameters
    ----------
    texts
        Those of which it holds the digest.
    """
    match kind:
        case "number" | "date":
            return None if held == NO_NUMBER else held
        case "boolean":
            return None if held == NO_FLAG else bool(held)
        case "string":
            return None if held == NO_TEXT else _text(held, texts)
        case "strings":
            return tuple(sorted(_text(one, texts) for one in held if one != LISTED)) or None


def _text(held: str, texts: Mapping[str, str]) -> str:
    return texts[held] if held.startswith(LONG) else held[1:]
