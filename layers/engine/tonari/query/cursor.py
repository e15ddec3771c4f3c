"""Cursors: the last item of a page, as an opaque text that the request for the next page brings back."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from tonari.contract.decoding import read_json
from tonari.errors import InvalidRequestError, StaleCursorError

DIGEST = 16
MOST_CHARACTERS = 2_000


@dataclass(frozen=True, slots=True)
class PageEnd:
    """The last item of a page, in the order by descending score, then by id.

    Parameters
    ----------
    score, id
        Of the item.
    count
        How many items were given up to it. It says how many a search asks for at first, and decides nothing else.
    """

    score: float
    id: str
    count: int

    def precedes(self, score: float, item: str) -> bool:
        """Tell whether an item comes after the page."""
        return (-self.score, self.id) < (-score, item)


def digest(values: Mapping[str, Any]) -> str:
    """Hash the request that a cursor belongs to: the query and all that decides on the order of its answer."""
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()[:DIGEST]


def write_cursor(end: PageEnd, encoder: str, question: str) -> str:
    """Write the end of a page as text.

    Parameters
    ----------
    encoder
        The one whose scores these are.
    question
        :func:`digest` of the request.
    """
    values = {**asdict(end), "encoder": encoder[:DIGEST], "question": question}
    data = json.dumps({**values, "check": digest(values)}, ensure_ascii=False, separators=(",", ":")).encode()
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def read_cursor(text: str, encoder: str, question: str) -> PageEnd:
    """Read the end of a page.

    A checksum finds damaged cursors. It is no signature: a forged cursor gives nothing that a search would not give.

    Raises
    ------
    InvalidRequestError
        If it is damaged, or another request's.
    StaleCursorError
        If it was given under another encoder: its score means nothing under this one.
    """
    values = _read(text)
    if values is None:
        raise InvalidRequestError("'cursor' is the text that an answer gave as 'next', unchanged.")
    if values["question"] != question:
        raise InvalidRequestError(
            "The cursor belongs to another request: send the same query, filter, ids, min_score, exact, group_by and "
            "per_group again, with it."
        )
    if values["encoder"] != encoder[:DIGEST]:
        raise StaleCursorError("The encoder has changed since the cursor was given: search again without it.")
    return PageEnd(values["score"], values["id"], values["count"])


def _read(text: str) -> dict[str, Any] | None:
    if len(text) > MOST_CHARACTERS:
        return None
    try:
        values = read_json(base64.b64decode(text.encode() + b"=" * (-len(text) % 4), b"-_", validate=True))
        check = values.pop("check")
    except (ValueError, AttributeError, LookupError, TypeError):
        return None
    types = {"score": float, "id": str, "count": int, "encoder": str, "question": str}
    if check != digest(values) or {name: type(value) for name, value in values.items()} != types:
        return None
    return values if abs(values["score"]) <= 1 and values["count"] >= 0 else None
