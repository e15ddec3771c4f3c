"""Cursors: a place in the order of an answer, as an opaque text that the next request brings back."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tonari.contract import strict_json
from tonari.errors import InvalidRequestError, StaleCursorError

DIGEST = 16
MOST_CHARACTERS = 2_000


@dataclass(frozen=True, slots=True)
class Place:
    """A place in the order by descending score, then by id.

    Parameters
    ----------
    score, id
        Of the item that stands there.
    before
        How many items came up to it: how far a search has to reach at first. It decides nothing.
    """

    score: float
    id: str
    before: int

    def precedes(self, score: float, item: str) -> bool:
        """Tell whether an item comes after this place."""
        return (-self.score, self.id) < (-score, item)


def digest(said: Mapping[str, Any]) -> str:
    """Hash what a cursor belongs to: the query and all that decides on the order of its answer."""
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()[:DIGEST]


def write_cursor(place: Place, encoder: str, question: str) -> str:
    """Write a place down.

    Parameters
    ----------
    encoder
        The one whose scores these are.
    question
        :func:`digest` of the request.
    """
    said = {
        "score": place.score,
        "id": place.id,
        "before": place.before,
        "encoder": encoder[:DIGEST],
        "question": question,
    }
    data = json.dumps({**said, "check": digest(said)}, ensure_ascii=False, separators=(",", ":")).encode()
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def read_cursor(text: str, encoder: str, question: str) -> Place:
    """Read a place.

    The check tells a damaged cursor from a whole one. It is no signature: whoever forges one reads nothing by it that
    a search would not give.

    Raises
    ------
    InvalidRequestError
        If it is damaged, or another request's.
    StaleCursorError
        If it was given under another encoder: its score means nothing under this one.
    """
    said = _read(text)
    if said is None:
        raise InvalidRequestError("'cursor' is the text that an answer gave as 'next', unchanged.")
    if said["question"] != question:
        raise InvalidRequestError(
            "The cursor belongs to another request: send the same query, filter, ids, min_score, exact, group_by and "
            "per_group again, with it."
        )
    if said["encoder"] != encoder[:DIGEST]:
        raise StaleCursorError("The encoder has changed since the cursor was given: search again without it.")
    return Place(said["score"], said["id"], said["before"])


def _read(text: str) -> dict[str, Any] | None:
    if len(text) > MOST_CHARACTERS:
        return None
    try:
        said = strict_json.loads(base64.b64decode(text.encode() + b"=" * (-len(text) % 4), b"-_", validate=True))
        check = said.pop("check")
    except (binascii.Error, ValueError, AttributeError, LookupError, TypeError):
        return None
    forms = {"score": float, "id": str, "before": int, "encoder": str, "question": str}
    if check != digest(said) or {name: type(value) for name, value in said.items()} != forms:
        return None
    return said if abs(said["score"]) <= 1 and said["before"] >= 0 else None
