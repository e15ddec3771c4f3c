"""Events as AWS sends them, and answers as it takes them."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote_plus, unquote, urlencode

from tonari.aws.functions import Handler
from tonari.contract.routes import WRITING

ITEM = re.compile(r"/v1/items/[^/]+$")
Parameters = Mapping[str, str] | Sequence[tuple[str, str]]


@dataclass(frozen=True)
class Answer:
    """What came back; ``body`` is parsed where it is JSON."""

    status: int
    headers: Mapping[str, str]
    body: Any


def http_event(
    method: str, path: str, body: bytes = b"", content_type: str = "", query: Parameters = (), encoding: str = ""
) -> dict[str, Any]:
    """HTTP API, payload format 2.0: the path comes decoded, text stands as it is, anything else in base64."""
    text = content_type.startswith(("application/json", "text/")) and not encoding
    told = {"content-type": content_type, "content-encoding": encoding}
    event: dict[str, Any] = {
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": unquote(path),
        "rawQueryString": urlencode(query),
        "headers": {"host": "127.0.0.1", **{name: value for name, value in told.items() if value}},
        "requestContext": {
            "stage": "$default",
            "http": {"method": method, "path": unquote(path), "protocol": "HTTP/1.1"},
        },
        "isBase64Encoded": bool(body) and not text,
    }
    if body:
        event["body"] = body.decode() if text else base64.b64encode(body).decode()
    return event


WRITES = {f"{route.method} {route.path}" for route in WRITING}


class Caller:
    """Sends HTTP requests as the API does: those that write items to the items function, all others to the query's."""

    def __init__(self, query: Handler, items: Handler) -> None:
        self._query, self._items = query, items

    def send(
        self,
        method: str,
        path: str,
        body: bytes = b"",
        content_type: str = "",
        query: Parameters = (),
        encoding: str = "",
    ) -> Answer:
        return self.send_event(http_event(method, path, body, content_type, query, encoding))

    def send_event(self, event: Mapping[str, Any]) -> Answer:
        answer = self.handle(event)
        assert set(answer) == {"statusCode", "headers", "body", "isBase64Encoded"}
        kind = answer["headers"]["content-type"]
        body = json.loads(answer["body"]) if "json" in kind and answer["body"] else answer["body"]
        return Answer(answer["statusCode"], answer["headers"], body)

    def handle(self, event: Mapping[str, Any]) -> dict[str, Any]:
        """Give the function's answer as it is."""
        path, method = event["rawPath"], event["requestContext"]["http"]["method"]
        route = f"{method} {ITEM.sub('/v1/items/{id}', path)}"
        return (self._items if route in WRITES else self._query)(event, None)

    def get(self, path: str, **query: str) -> Answer:
        return self.send("GET", path, query=query)

    def json(self, path: str, value: Any, method: str = "POST") -> Answer:
        return self.send(method, path, json.dumps(value).encode(), "application/json")

    def picture(self, path: str, data: bytes, content_type: str = "image/png", **query: str) -> Answer:
        return self.send("POST", path, data, content_type, query)

    def found(self, value: Any) -> list[str]:
        """Search, and give the ids in order."""
        answer = self.json("/v1/search", value)
        assert answer.status == 200, answer.body
        return [item["id"] for item in answer.body["items"]]


def notification(*keys: str) -> str:
    """S3's own notification: keys are URL-encoded."""
    return json.dumps({"Records": [{"eventName": "ObjectCreated:Put", "s3": _object(quote_plus(k))} for k in keys]})


def eventbridge(key: str) -> str:
    """The same by way of EventBridge: the key stands as it is."""
    return json.dumps({"source": "aws.s3", "detail-type": "Object Created", "detail": _object(key)})


def _object(key: str) -> dict[str, Any]:
    return {"bucket": {"name": "catalogue"}, "object": {"key": key, "size": 1}}


def sqs_event(*bodies: str) -> dict[str, Any]:
    return {"Records": [{"messageId": f"m{number}", "body": body} for number, body in enumerate(bodies)]}


def failed(answer: Mapping[str, Any]) -> list[str]:
    """Messages that come back later."""
    assert set(answer) == {"batchItemFailures"}
    return [failure["itemIdentifier"] for failure in answer["batchItemFailures"]]
