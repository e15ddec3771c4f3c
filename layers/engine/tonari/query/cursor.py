"""Cursors: the last item of a page, as an opaque text that the request for the next page brings back."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from types import NoneType
from typing import Any, Literal, get_args

from tonari.contract.engine import Place
from tonari.contract.strict_json import read_json
from tonari.errors import InvalidRequestError, StaleCursorError

DIGEST = 16
MOST_CHARACTERS = 2_000


Part = Literal["pinned", "ranked", "buried"]
"""The parts of an answer, in their order."""
MOST_SCORE = 1e6
"""Far more than BM25 gives for the longest text."""


@dataclass(frozen=True, slots=True)
class PageEnd:
    """The last item of a page, in the order by descending score, then by id.

    Parameters
    ----------
    score, id
        Of the item; with boosts, the score that it is ranked by.
    count
        How many items were given up to it. It says how many a search asks for at first, and decides nothing else.
    part
        Of the answer, in which it lies.
    now
        Seconds since 1970 from which boosts count ages, the same on all pages.
    estimated_by
        Id of the snapshot whose rotated vectors gave the score; empty where full vectors did. The next page goes on by
        scores of the same kind: by others it would leave items out, and give some twice.
    """

    score: float
    id: str
    count: int
    part: Part = "ranked"
    now: float = 0.0
    estimated_by: str = ""

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
    return _write({**asdict(end), "encoder": encoder[:DIGEST], "question": question})


def write_place(place: Place, question: str) -> str:
    """Write the last place of a page of a list as text; it holds for any generation.

    Raises
    ------
    InvalidRequestError
        If its value is too long.
    """
    text = _write({"value": place.value, "id": place.id, "question": question})
    if len(text) > MOST_CHARACTERS:
        raise InvalidRequestError("'sort': the field's values are too long for a next page; sort by a shorter field.")
    return text


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
    types: dict[str, tuple[type, ...]] = {
        "score": (float,),
        "id": (str,),
        "count": (int,),
        "part": (str,),
        "now": (float,),
        "estimated_by": (str,),
    }
    values = _read(text, {**types, "encoder": (str,), "question": (str,)})
    if abs(values["score"]) > MOST_SCORE or values["count"] < 0 or values["part"] not in get_args(Part):
        raise _damaged()
    if values["question"] != question:
        raise _foreign(
            "query, text_weight, retrieval, region, shift, filter, ids, min_score, exact, group_by, per_group, "
            "duplicates, boost, pin and bury"
        )
    if values["encoder"] != encoder[:DIGEST]:
        raise StaleCursorError("The encoder has changed since the cursor was given: search again without it.")
    return PageEnd(**{name: values[name] for name in types})


def read_place(text: str, kind: type | None, question: str) -> Place:
    """Read the last place of a page of a list.

    Parameters
    ----------
    kind
        Of the values that the list is ordered by, None if it is ordered by id.

    Raises
    ------
    InvalidRequestError
        If it is damaged, or another request's.
    StaleCursorError
        If the field has had another type when it was given.
    """
    values = _read(text, {"value": (float, str, bool, NoneType), "id": (str,), "question": (str,)})
    if values["question"] != question:
        raise _foreign("filter, ids and sort")
    value = values["value"]
    if value is not None and type(value) is not kind:
        raise StaleCursorError("The field's type has changed since the cursor was given: list again without it.")
    return Place(value, values["id"])


def _write(values: Mapping[str, Any]) -> str:
    data = json.dumps({**values, "check": digest(values)}, ensure_ascii=False, separators=(",", ":")).encode()
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _read(text: str, types: Mapping[str, tuple[type, ...]]) -> dict[str, Any]:
    if len(text) > MOST_CHARACTERS:
        raise _damaged()
    try:
        values = read_json(base64.b64decode(text.encode() + b"=" * (-len(text) % 4), b"-_", validate=True))
        check = values.pop("check")
        values = {name: _as_written(value, types.get(name, ())) for name, value in values.items()}
    except (ValueError, AttributeError, LookupError, TypeError) as error:
        raise _damaged() from error
    if check != digest(values) or values.keys() != types.keys():
        raise _damaged()
    if not all(type(value) in types[name] for name, value in values.items()):
        raise _damaged()
    return dict(values)


def _as_written(value: Any, types: tuple[type, ...]) -> Any:
    """Give a float that JSON reads as a whole number, being one beyond 2**53."""
    return float(value) if type(value) is int and float in types else value


def _damaged() -> InvalidRequestError:
    return InvalidRequestError("'cursor' is the text that an answer gave as 'next', unchanged.")


def _foreign(what: str) -> InvalidRequestError:
    return InvalidRequestError(f"The cursor belongs to another request: send the same {what} again, with it.")
