"""An HTTP request -> the event that an API Gateway HTTP API makes of it (payload version 2.0); the answer -> HTTP.

The format is that of https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html.
What it leaves open was observed on AWS by others: which content types count as text
(https://github.com/ministackorg/ministack/pull/766), that ``rawPath`` comes percent-decoded
(https://github.com/middleapi/standard-server/pull/93) and that the ``cookie`` header is taken out of ``headers``
(https://github.com/Kludex/mangum/pull/153).
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl, unquote

from tonari.errors import TonariError

ROUTE = "$default"
ACCOUNT = "123456789012"
API = "local"
TEXT_TYPES = frozenset({"application/json", "application/xml", "application/javascript"})


class MalformedAnswerError(TonariError):
    """A handler's answer that API Gateway cannot turn into an HTTP response."""

    status = 502
    slug = "malformed-answer"
    title = "The function's answer is not an HTTP response"


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """A request as it came in.

    Parameters
    ----------
    method
        In capitals.
    path, query
        Both still percent-encoded; the query without its question mark.
    headers
        Names in any case, repeated ones as often as they came.
    body
        All of it.
    source
        The caller's address.
    port
        The port on which it came.
    identity
        An id of its own.
    time
        Seconds since the epoch.
    """

    method: str
    path: str
    query: str
    headers: Sequence[tuple[str, str]]
    body: bytes
    source: str
    port: int
    identity: str
    time: float


@dataclass(frozen=True, slots=True)
class HttpResponse:
    """A response as it goes out."""

    status: int
    headers: Sequence[tuple[str, str]]
    body: bytes


def http_event(request: HttpRequest) -> dict[str, Any]:
    """Make the event, a JSON document."""
    headers = _join(request.headers)
    cookies = [cookie.strip() for cookie in headers.pop("cookie", "").split(";") if cookie.strip()]
    headers |= {
        "x-forwarded-for": request.source,
        "x-forwarded-port": str(request.port),
        "x-forwarded-proto": "http",
    }
    path = unquote(request.path)
    domain = headers.get("host", "").partition(":")[0]
    parameters = _join(parse_qsl(request.query, keep_blank_values=True), fold=False)
    text = _is_text(headers.get("content-type", "")) and _is_utf8(request.body)
    body = request.body.decode() if text else base64.b64encode(request.body).decode()
    return {
        "version": "2.0",
        "routeKey": ROUTE,
        "rawPath": path,
        "rawQueryString": request.query,
        **({"cookies": cookies} if cookies else {}),
        "headers": headers,
        **({"queryStringParameters": parameters} if parameters else {}),
        "requestContext": {
            "accountId": ACCOUNT,
            "apiId": API,
            "domainName": domain,
            "domainPrefix": domain.partition(".")[0],
            "http": {
                "method": request.method,
                "path": path,
                "protocol": "HTTP/1.1",
                "sourceIp": request.source,
                "userAgent": headers.get("user-agent", ""),
            },
            "requestId": request.identity,
            "routeKey": ROUTE,
            "stage": ROUTE,
            "time": datetime.fromtimestamp(request.time, UTC).strftime("%d/%b/%Y:%H:%M:%S +0000"),
            "timeEpoch": int(request.time * 1000),
        },
        **({"body": body} if request.body else {}),
        "isBase64Encoded": bool(request.body) and not text,
    }


def http_response(answer: bytes) -> HttpResponse:
    """Read a handler's answer: ``{"statusCode", "headers", "cookies", "body", "isBase64Encoded"}``, or any other JSON.

    Raises
    ------
    MalformedAnswerError
        If it is not JSON, or a member is not of its type.
    """
    try:
        document = json.loads(answer)
    except ValueError as error:
        raise MalformedAnswerError(f"The answer is not JSON: {error}") from error
    if not isinstance(document, dict) or "statusCode" not in document:
        plain = document if isinstance(document, str) else json.dumps(document, ensure_ascii=False)
        return HttpResponse(200, [("content-type", "application/json")], plain.encode())
    try:
        status = int(document["statusCode"])
        headers = [(str(name).lower(), _text(value)) for name, value in (document.get("headers") or {}).items()]
        cookies = [("set-cookie", _text(cookie)) for cookie in document.get("cookies") or []]
        body = _body(document.get("body"), encoded=bool(document.get("isBase64Encoded")))
    except (TypeError, ValueError, AttributeError, binascii.Error) as error:
        raise MalformedAnswerError(f"A member of the answer is not of its type: {error}") from error
    if not any(name == "content-type" for name, _ in headers):
        headers.append(("content-type", "text/plain;charset=UTF-8"))
    return HttpResponse(status, headers + cookies, body)


def _join(pairs: Sequence[tuple[str, str]], *, fold: bool = True) -> dict[str, str]:
    joined: dict[str, str] = {}
    for name, value in pairs:
        key = name.lower() if fold else name
        separator = "; " if key == "cookie" and fold else ","
        joined[key] = f"{joined[key]}{separator}{value}" if key in joined else value
    return joined


def _is_text(content_type: str) -> bool:
    kind = content_type.partition(";")[0].strip().lower()
    return kind.startswith("text/") or kind in TEXT_TYPES


def _is_utf8(body: bytes) -> bool:
    try:
        body.decode()
    except UnicodeDecodeError:
        return False
    return True


def _text(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if not isinstance(value, str | int | float):
        raise TypeError(f"{value!r} cannot be a header")
    if "\n" in (text := str(value)) or "\r" in text:
        raise ValueError(f"{value!r} has a line break")
    return text


def _body(value: object, *, encoded: bool) -> bytes:
    if value is None:
        return b""
    if not isinstance(value, str):
        raise TypeError("body is not a string")
    return base64.b64decode(value, validate=True) if encoded else value.encode()
