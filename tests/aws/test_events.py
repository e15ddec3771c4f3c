"""Our events are those that aws-sam-cli makes of the same requests, save where it departs from AWS."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aws.events import HttpRequest, MalformedAnswerError, http_event, http_response

HOST = ("Host", "127.0.0.1:3000")
AGENT = ("User-Agent", "test/1")
JPEG = bytes(range(256)) * 4


def request(method: str, path: str, query: str = "", headers: tuple[tuple[str, str], ...] = (), body: bytes = b""):
    length = (("Content-Length", str(len(body))),)
    return HttpRequest(
        method, path, query, (HOST, AGENT, *headers, *length), body, "127.0.0.1", 3000, "an-id", 1_700_000_000.25
    )


REQUESTS = {
    "root": request("GET", "/"),
    "query": request("GET", "/v1/items/7/similar", "k=3&filter=%7B%22price%22%3A%7B%22%24lt%22%3A50%7D%7D&empty="),
    "repeated": request("GET", "/v1/search", "a=1&a=2&b=x%2Cy"),
    "encoded path": request("GET", "/v1/items/caf%C3%A9%20au%20lait/image", "view=front%20side.jpg"),
    "json": request("POST", "/v1/search", headers=(("Content-Type", "application/json"),), body='{"id":"é"}'.encode()),
    "charset": request("POST", "/v1/search", headers=(("Content-Type", "text/plain; charset=utf-8"),), body=b"hello"),
    "jpeg": request("POST", "/v1/search", "k=5", headers=(("Content-Type", "image/jpeg"),), body=JPEG),
    "octets": request("PUT", "/v1/x", headers=(("Content-Type", "application/octet-stream"),), body=b"\x00\xff"),
    "cookies": request("GET", "/", headers=(("Cookie", "a=1; b=2"), ("Accept", "text/html"), ("X-Case", "Kept"))),
    "delete": request("DELETE", "/v1/items/7"),
}
SAM = """
import io, json, sys
from flask import Flask, request
from samcli.local.apigw.event_constructor import construct_v2_event_http
binary = {"image/jpeg", "application/octet-stream"}
events = {}
for name, given in json.load(sys.stdin).items():
    body = bytes.fromhex(given["body"])
    environ = {"REMOTE_ADDR": "127.0.0.1", "SERVER_PORT": "3000"}
    with Flask("x").test_request_context(
        given["path"] + ("?" + given["query"] if given["query"] else ""), method=given["method"],
        headers=given["headers"], input_stream=io.BytesIO(body), environ_overrides=environ,
    ):
        events[name] = construct_v2_event_http(
            request, 3000, binary, None, None, "$default", 1700000000250, "14/Nov/2023:22:13:20 +0000")
json.dump(events, sys.stdout)
"""


@pytest.fixture(scope="module")
def sam_events() -> dict[str, dict[str, Any]]:
    python = Path(sys.prefix) / "template" / "bin" / "python"
    assert python.is_file(), "aws-sam-cli is missing: make .venv/.template"
    given = {
        name: {"method": r.method, "path": r.path, "query": r.query, "headers": r.headers, "body": r.body.hex()}
        for name, r in REQUESTS.items()
    }
    done = subprocess.run([python, "-c", SAM], input=json.dumps(given), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    events: dict[str, dict[str, Any]] = json.loads(done.stdout)
    return events


def as_aws(event: dict[str, Any], name: str) -> dict[str, Any]:
    """Change what aws-sam-cli does otherwise than AWS, one reason each."""
    # AWS writes header names in lower case, takes the cookie header out and adds the caller's address.
    headers = {key.lower(): value for key, value in event["headers"].items() if key != "Cookie"}
    event["headers"] = headers | {"x-forwarded-for": "127.0.0.1"}
    # AWS leaves out what is empty.
    for key in ("cookies", "body", "pathParameters", "stageVariables"):
        if not event[key]:
            del event[key]
    # A request without a body is not an encoded one.
    event["isBase64Encoded"] = event["isBase64Encoded"] and "body" in event
    # aws-sam-cli has constants for these; AWS takes them from the request.
    context = event["requestContext"]
    context["http"]["userAgent"] = headers["user-agent"]
    context |= {"domainName": "127.0.0.1", "domainPrefix": "127", "requestId": "an-id", "apiId": "local"}
    assert event["routeKey"] == "$default", name
    return event


@pytest.mark.parametrize("name", REQUESTS)
def test_events_are_those_of_sam(sam_events: dict[str, dict[str, Any]], name: str):
    assert http_event(REQUESTS[name]) == as_aws(sam_events[name], name)


@pytest.mark.parametrize(
    ("content_type", "text"),
    [
        ("text/csv", True),
        ("application/json; charset=utf-8", True),
        ("Application/JSON", True),
        ("application/xml", True),
        ("application/javascript", True),
        ("application/x-www-form-urlencoded", False),
        ("multipart/form-data; boundary=x", False),
        ("image/svg+xml", False),
        ("", False),
    ],
)
def test_only_some_content_types_are_text(content_type: str, *, text: bool):
    event = http_event(request("POST", "/", headers=(("Content-Type", content_type),), body=b"a=1"))
    assert event["isBase64Encoded"] is not text
    assert event["body"] == ("a=1" if text else base64.b64encode(b"a=1").decode())


def test_repeated_headers_are_joined():
    event = http_event(request("GET", "/", headers=(("X-A", "1"), ("x-a", "2"), ("Cookie", "a=1"), ("Cookie", "b=2"))))
    assert event["headers"]["x-a"] == "1,2"
    assert event["cookies"] == ["a=1", "b=2"]


def test_text_that_is_not_utf8_is_encoded():
    event = http_event(request("POST", "/", headers=(("Content-Type", "application/json"),), body=b'"\xff"'))
    assert (event["isBase64Encoded"], base64.b64decode(event["body"])) == (True, b'"\xff"')


@given(st.binary(max_size=200))
def test_any_bytes_come_back(body: bytes):
    event = http_event(request("POST", "/", headers=(("Content-Type", "image/png"),), body=body))
    answer = {"statusCode": 200, "body": event.get("body"), "isBase64Encoded": event["isBase64Encoded"]}
    assert http_response(json.dumps(answer).encode()).body == body


def test_a_full_answer_becomes_a_response():
    answer = {"statusCode": "302", "headers": {"Location": "/x", "X-N": 1}, "cookies": ["a=1; Path=/", "b=2"]}
    response = http_response(json.dumps(answer).encode())
    assert response.status == 302
    assert list(response.headers) == [
        ("location", "/x"),
        ("x-n", "1"),
        ("content-type", "text/plain;charset=UTF-8"),
        ("set-cookie", "a=1; Path=/"),
        ("set-cookie", "b=2"),
    ]
    assert response.body == b""


@pytest.mark.parametrize(("answer", "body"), [({"a": "é"}, '{"a": "é"}'), ("Hello", "Hello"), ([1], "[1]")])
def test_an_answer_without_a_status_is_json(answer: object, body: str):
    response = http_response(json.dumps(answer).encode())
    assert (response.status, list(response.headers)) == (200, [("content-type", "application/json")])
    assert response.body.decode() == body


@pytest.mark.parametrize(
    "answer",
    [
        b"{",
        b'{"statusCode": "many"}',
        b'{"statusCode": 200, "headers": ["a"]}',
        b'{"statusCode": 200, "headers": {"a": {}}}',
        b'{"statusCode": 200, "headers": {"a": "x\\r\\nset-cookie: y"}}',
        b'{"statusCode": 200, "body": {"a": 1}}',
        b'{"statusCode": 200, "body": "&&", "isBase64Encoded": true}',
    ],
)
def test_a_malformed_answer_is_refused(answer: bytes):
    with pytest.raises(MalformedAnswerError):
        http_response(answer)
