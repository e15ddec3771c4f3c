"""API Gateway's HTTP API events (payload format 2.0) <-> requests and responses."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

from tonari.errors import InvalidRequestError, TonariError, TooLargeError

JSON = "application/json"
PROBLEM = "application/problem+json"
MOST_ANSWER_BYTES = 6_000_000


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP request.

    Parameters
    ----------
    path
        Without the stage; API Gateway has already undone its percent-encoding.
    query
        Last value by name.
    media_type
        Of the body, lower case, without parameters.
    body
        Its bytes.
    """

    method: str
    path: str
    query: Mapping[str, str]
    media_type: str
    body: bytes

    @classmethod
    def parse(cls, event: Mapping[str, Any]) -> Request:
        """Read an event.

        Raises
        ------
        InvalidRequestError
            If the body says that it is base64 and is not.
        """
        context = event["requestContext"]
        stage = context.get("stage", "$default")
        prefix = f"/{stage}" if f"{event['rawPath']}/".startswith(f"/{stage}/") else ""
        headers = {name.lower(): value for name, value in event.get("headers", {}).items()}
        body = event.get("body") or ""
        try:
            data = base64.b64decode(body, validate=True) if event.get("isBase64Encoded") else body.encode()
        except (binascii.Error, ValueError) as error:
            raise InvalidRequestError("The body is not the base64 that its event promises.") from error
        return cls(
            method=context["http"]["method"],
            path=event["rawPath"][len(prefix) :] or "/",
            query=dict(parse_qsl(event.get("rawQueryString", ""), keep_blank_values=True)),
            media_type=headers.get("content-type", "").partition(";")[0].strip().lower(),
            body=data,
        )


@dataclass(frozen=True, slots=True)
class Response:
    """One HTTP response."""

    status: int
    body: bytes = b""
    media_type: str = JSON
    headers: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, value: Any, status: int = 200) -> Response:
        """Answer with JSON.

        Raises
        ------
        TooLargeError
            If Lambda would not pass it on.
        """
        body = json.dumps(value, ensure_ascii=False, allow_nan=False).encode()
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
        value = {
            "type": f"urn:tonari:problem:{error.slug}",
            "title": error.title,
            "status": error.status,
            "detail": error.detail,
        }
        again = {"retry-after": "5"} if error.status == 503 else {}
        return cls(error.status, json.dumps(value, ensure_ascii=False).encode(), PROBLEM, again)

    def to_event(self) -> dict[str, Any]:
        """Give what API Gateway expects of a function."""
        return {
            "statusCode": self.status,
            "headers": {
                "content-type": self.media_type,
                "cache-control": "no-store",
                "x-content-type-options": "nosniff",
                **self.headers,
            },
            "body": self.body.decode(),
            "isBase64Encoded": False,
        }
