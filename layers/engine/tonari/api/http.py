"""Requests and responses, whatever server carries them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import parse_qsl

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
        Its percent-encoding undone; bytes that are no UTF-8 stand as halves of surrogate pairs (``surrogateescape``).
    query
        As :func:`read_query` gives it.
    content_type
        Of the body, as the header says it; empty if there is none.
    encoding
        How the body is packed, as the header ``content-encoding`` says it.
    """

    method: str
    path: str
    query: tuple[tuple[str, str], ...]
    content_type: str
    body: bytes
    encoding: str = ""

    @property
    def media_type(self) -> str:
        """The content type in lower case, without parameters; the first, if a gateway has joined several headers."""
        return self.content_type.partition(";")[0].partition(",")[0].strip().lower()


def read_query(text: str) -> tuple[tuple[str, str], ...]:
    """Undo the percent-encoding of a query string.

    Returns
    -------
    Names and values in the order in which they came, repeated ones as often as they came. Bytes that are no UTF-8 stand
    as halves of surrogate pairs (``surrogateescape``), by which the application knows and refuses them.
    """
    return tuple(parse_qsl(text, keep_blank_values=True, errors="surrogateescape"))


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

    def without_body(self) -> Response:
        """Answer HEAD: all headers, with the length of the body that is left out."""
        return replace(self, body=b"", headers={**self.headers, "content-length": str(len(self.body))})

    @classmethod
    def problem(cls, error: TonariError) -> Response:
        """Answer with a problem [RFC 9457]: one type per class of error."""
        value = Problem(type=f"{PROBLEM_TYPE}{error.slug}", title=error.title, status=error.status, detail=error.detail)
        again = {"retry-after": "5"} if error.status == 503 else {}
        return cls(error.status, msgspec.json.encode(value), PROBLEM, again)
