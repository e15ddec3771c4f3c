"""API Gateway's HTTP API events (payload format 2.0) <-> requests and responses."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl

from tonari.api.http import Request, Response
from tonari.errors import InvalidRequestError


def read_http_event(event: Mapping[str, Any]) -> Request:
    """Read an event; API Gateway has already undone the percent-encoding of its path.

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
    return Request(
        method=context["http"]["method"],
        path=event["rawPath"][len(prefix) :] or "/",
        query=tuple(parse_qsl(event.get("rawQueryString", ""), keep_blank_values=True)),
        media_type=headers.get("content-type", "").partition(";")[0].strip().lower(),
        body=data,
    )


def write_http_answer(response: Response) -> dict[str, Any]:
    """Give what API Gateway expects of a function."""
    return {
        "statusCode": response.status,
        "headers": {"content-type": response.media_type, **response.headers},
        "body": response.body.decode(),
        "isBase64Encoded": False,
    }
