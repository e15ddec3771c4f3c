"""Queries as requests name them."""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from tonari.api.values import read_name, read_texts
from tonari.errors import InvalidRequestError, InvalidVectorError

MOST_VECTOR = 65_536
MOST_EXAMPLES = 100
SOURCES = ("image", "upload", "id", "vector", "examples")


@dataclass(frozen=True, slots=True)
class Examples:
    """Ids of items that the answer shall be like, and unlike."""

    positive: tuple[str, ...]
    negative: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Source:
    """What the query is: bytes of a picture, or the key of an upload, an item's id, a vector or examples."""

    kind: Literal["image", "upload", "id", "vector", "examples"]
    value: Any

    def said(self) -> list[Any]:
        """Give a short JSON form by which two sources are told apart."""
        match self.value:
            case bytes():
                return [self.kind, hashlib.sha256(self.value).hexdigest()]
            case Examples(positive, negative):
                return [self.kind, positive, negative]
            case _:
                return [self.kind, self.value]


def read_source(values: Mapping[str, Any]) -> Source:
    """Take the one query among the parameters.

    Raises
    ------
    InvalidRequestError, InvalidVectorError
    """
    given = [name for name in SOURCES if name in values]
    if len(given) != 1:
        found = f", not {' and '.join(given)}" if given else ""
        raise InvalidRequestError(f"Name exactly one query: {', '.join(SOURCES)}{found}.")
    value = values[given[0]]
    match given[0]:
        case "image":
            return Source("image", value if isinstance(value, bytes) else _base64(value))
        case "vector":
            return Source("vector", _vector(value))
        case "examples":
            return Source("examples", _examples(value))
        case "upload":
            return Source("upload", read_name(values, "upload"))
        case _:
            return Source("id", read_name(values, "id"))


def _base64(value: Any) -> bytes:
    try:
        return base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError, TypeError) as error:
        raise InvalidRequestError("'image' is a picture's bytes in base64, without a data: prefix.") from error


def _vector(value: Any) -> list[float]:
    if not isinstance(value, list) or len(value) > MOST_VECTOR:
        raise InvalidVectorError("'vector' is a list of numbers, one per dimension of the encoder.")
    for one in value:
        if isinstance(one, bool) or not isinstance(one, (int, float)) or not abs(one) < float("inf"):
            raise InvalidVectorError(f"'vector' holds {one!r:.40}; all its components must be finite numbers.")
    return value


def _examples(value: Any) -> Examples:
    if not isinstance(value, dict) or set(value) - {"positive", "negative"}:
        raise InvalidRequestError('\'examples\' is {"positive": [ids], "negative": [ids]}.')
    positive, negative = (
        tuple(dict.fromkeys(read_texts(value, name, "item ids", MOST_EXAMPLES) or ()))
        for name in ("positive", "negative")
    )
    if not positive:
        raise InvalidRequestError("'examples' need at least one item as 'positive'.")
    both = sorted({*positive} & {*negative})
    if both:
        raise InvalidRequestError(f"'examples' name {both[0]!r} as positive and as negative.")
    return Examples(positive, negative)
