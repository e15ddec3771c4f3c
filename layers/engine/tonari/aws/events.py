"""Events of AWS: API Gateway's <-> requests and responses; changes in the catalogue -> items to look at."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote_plus

from tonari.api.http import Request, Response, read_query
from tonari.catalogue.documents import item_of
from tonari.errors import InvalidRequestError, StoreError

DIRECT = ""
"""Id of an event that came without a queue."""


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
    body = (event.get("body") or "").encode(errors="surrogatepass")
    try:
        data = base64.b64decode(body, validate=True) if event.get("isBase64Encoded") else body
    except (binascii.Error, ValueError) as error:
        raise InvalidRequestError("The body is not the base64 that its event promises.") from error
    return Request(
        method=context["http"]["method"],
        path=event["rawPath"][len(prefix) :] or "/",
        query=read_query(event.get("rawQueryString", "")),
        content_type=headers.get("content-type", ""),
        body=data,
        encoding=headers.get("content-encoding", ""),
    )


def write_http_answer(response: Response) -> dict[str, Any]:
    """Give what API Gateway expects of a function."""
    return {
        "statusCode": response.status,
        "headers": {"content-type": response.media_type, **response.headers},
        "body": response.body.decode(),
        "isBase64Encoded": False,
    }


@dataclass(frozen=True, slots=True)
class Hints:
    """Which items may have changed, and which message said so.

    Parameters
    ----------
    by_message
        Items that each message hints at, by the message's id; an event that came without a queue has the id ``""``.
    unreadable
        Ids of messages that are, or hold a record that is, of no form known here. They are not tried again: that would
        not make them readable, and the next rebuild lists the catalogue.
    """

    by_message: Mapping[str, tuple[str, ...]]
    unreadable: tuple[str, ...] = ()

    @property
    def items(self) -> list[str]:
        """All items, each once, in order."""
        return sorted({item for hinted in self.by_message.values() for item in hinted})

    def report(self, failed: Collection[str]) -> dict[str, Any]:
        """Answer Lambda: which messages must come back, being those that hint at an item that failed.

        Raises
        ------
        StoreError
            If an event failed that came without a queue: Lambda tries such an event again only after an error.
        """
        back = [message for message, hinted in self.by_message.items() if not set(failed).isdisjoint(hinted)]
        if DIRECT in back:
            raise StoreError(f"{len(failed)} items could not be made searchable; Lambda tries the event again.")
        return {"batchItemFailures": [{"itemIdentifier": message} for message in back]}


def read_hints(event: Mapping[str, Any]) -> Hints:
    """Read which items an event hints at: an SQS batch, or one event of S3, EventBridge or SNS without a queue.

    The body of an SQS message is a notification of S3, an event of EventBridge, or a notification of SNS around either.
    They are told apart by their structure. Keys are URL-encoded in S3's notifications, plain in EventBridge's events.
    """
    records = event.get("Records")
    if not (isinstance(records, list) and all(isinstance(record, dict) and "body" in record for record in records)):
        read = {DIRECT: _read(event)}
    else:
        read = {record["messageId"]: _read_text(record["body"]) for record in records}
    return Hints(
        {message: tuple(dict.fromkeys(items)) for message, (items, _) in read.items()},
        tuple(message for message, (_, whole) in read.items() if not whole),
    )


_Read = tuple[list[str], bool]
"""Items, and whether all was read."""


def _read_text(text: Any) -> _Read:
    try:
        return _read(json.loads(text))
    except (ValueError, TypeError, RecursionError):
        return [], False


def _read(said: Any) -> _Read:
    match said:
        case {"Event": "s3:TestEvent"}:
            return [], True
        case {"Type": "Notification", "Message": str(message)} | {"Sns": {"Message": str(message)}}:
            return _read_text(message)
        case {"detail-type": str(), "detail": {"object": {"key": str(key)}}}:
            return _of_key(key), True
        case {"s3": {"object": {"key": str(key)}}}:
            return _of_key(unquote_plus(key)), True
        case {"Records": [*records]} if records:
            read = [_read(record) for record in records]
            return [item for items, _ in read for item in items], all(whole for _, whole in read)
    return [], False


def _of_key(key: str) -> list[str]:
    item = item_of(key)
    return [] if item is None else [item]
