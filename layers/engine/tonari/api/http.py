"""Requests and responses, whatever server carries them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from tonari.contract.answers import JSON, PROBLEM, PROBLEM_TYPE, Problem
from tonari.contract.parameters import MOST_ANSWER_BYTES
from tonari.errors import TonariError, TooLargeError


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP request.

    Parameters
    ----------
    method
        In capitals.
    path
        Its percent-encoding undone.
    query
        Names and values in the order in which they came, repeated ones as often as they came; decoded.
    media_type
        Of the body, lower case, without parameters.
    """

    method: str
    path: str
    query: tuple[tuple[str, str], ...]
    media_type: str
    body: bytes


@dataclass(frozen=True, slots=True)
class Response:
    """One HTTP response; ``headers`` beside its content type, in lower case."""

    status: int
    body: bytes = b""
    media_type: str = JSON
    headers: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, value: Any, status: int = 200) -> Response:
        """Answer with a struct, or any other value, as JSON.

        Raises
        ------
        TooLargeError
            If Lambda would not pass it on.
        """
        body = msgspec.json.encode(value)
        # The body travels as a text within JSON, where quotes and backslashes take two bytes.
        size = len(body) + body.count(b'"') + body.count(b"\\")
        if size > MOST_ANSWER_BYTES:
            raise TooLargeError(
                f"The answer has {size:,} bytes, at most {MOST_ANSWER_BYTES:,} can be given: lower 'k', or ask for "
                "less of each item by 'include' and 'fields'."
            )
        return cls(status, body)

    @classmethod
    def problem(cls, error: TonariError) -> Response:
        """Answer with a problem [RFC 9457]: one type per class of error."""
        value = Problem(type=f"{PROBLEM_TYPE}{error.slug}", title=error.title, status=error.status, detail=error.detail)
        again = {"retry-after": "5"} if error.status == 503 else {}
        return cls(error.status, msgspec.json.encode(value), PROBLEM, again)
