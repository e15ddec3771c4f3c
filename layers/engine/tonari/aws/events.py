"""Events of AWS: API Gateway's <-> requests and responses; S3's -> the items that may have changed."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl, unquote_plus

from tonari.api.http import Request, Response
from tonari.catalogue.documents import item_of
from tonari.errors import InvalidRequestError


def read_http_event(event: Mapping[str, Any]) -> Request:
    """Read an event of payload format 2.0; API Gateway has already undone the percent-encoding of its path.

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


def read_hints(event: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
    """Read an SQS batch of S3 notifications or EventBridge events: the items that each message hints at, by its id.

    The two are told apart by their structure: keys are URL-encoded in the first and plain in the second. What is
    neither, as ``s3:TestEvent``, hints at nothing.
    """
    return {
        record["messageId"]: tuple(item for key in _keys(record["body"]) if (item := item_of(key)) is not None)
        for record in event["Records"]
    }


def _keys(body: str) -> list[str]:
    try:
        said = json.loads(body)
        if "detail-type" in said:
            return [str(said["detail"]["object"]["key"])]
        return [unquote_plus(record["s3"]["object"]["key"]) for record in said["Records"]]
    except (ValueError, LookupError, TypeError, AttributeError):
        return []
