"""S3's events, however they come -> the items that may have changed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote_plus

from tonari.catalogue.documents import item_of


@dataclass(frozen=True, slots=True)
class Hint:
    """One SQS message and the items that it hints at."""

    message: str
    items: tuple[str, ...]


def read_hints(event: Mapping[str, Any]) -> list[Hint]:
    """Read an SQS batch whose messages are S3 notifications or EventBridge events.

    The two are told apart by their structure: keys are URL-encoded in the first and plain in the second. What is
    neither, as ``s3:TestEvent``, hints at nothing.
    """
    return [
        Hint(record["messageId"], tuple(item for key in _keys(record["body"]) if (item := item_of(key)) is not None))
        for record in event["Records"]
    ]


def _keys(body: str) -> list[str]:
    try:
        said = json.loads(body)
        if "detail-type" in said:
            return [str(said["detail"]["object"]["key"])]
        return [unquote_plus(record["s3"]["object"]["key"]) for record in said["Records"]]
    except (ValueError, LookupError, TypeError, AttributeError):
        return []
