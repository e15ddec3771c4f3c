from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tonari.api.http import Request, Response
from tonari.errors import InvalidRequestError, NotReadyError, StoreError, TonariError, UnknownItemError


def event(path: str = "/v1/search", **more: Any) -> dict[str, Any]:
    stage = more.pop("stage", "$default")
    method = more.pop("method", "POST")
    return {"rawPath": path, "requestContext": {"http": {"method": method}, "stage": stage}, **more}


def test_the_least_that_comes() -> None:
    assert Request.parse(event(method="GET", path="/")) == Request("GET", "/", {}, "", b"")


@given(st.binary(max_size=50))
@settings(max_examples=50, deadline=None)
def test_a_binary_body(data: bytes) -> None:
    body = base64.b64encode(data).decode()

    assert Request.parse(event(body=body, isBase64Encoded=True)).body == data


def test_a_text_body() -> None:
    assert Request.parse(event(body='{"name": "隣"}', isBase64Encoded=False)).body == '{"name": "隣"}'.encode()
    assert Request.parse(event(body=None)).body == b""


@pytest.mark.parametrize("body", ["é", "a", "ab=c", "a b=", "!!!!"])
def test_a_body_that_is_not_the_base64_it_claims_to_be(body: str) -> None:
    with pytest.raises(InvalidRequestError, match="not the base64"):
        Request.parse(event(body=body, isBase64Encoded=True))


def test_a_body_that_is_no_text() -> None:
    with pytest.raises(InvalidRequestError):
        Request.parse(event(body="\ud800"))


@pytest.mark.parametrize(
    ("path", "stage", "found"),
    [
        ("/v1/search", "$default", "/v1/search"),
        ("", "$default", "/"),
        ("/prod/v1/search", "prod", "/v1/search"),
        ("/prod", "prod", "/"),
        ("/prod/", "prod", "/"),
        ("/v1/search", "prod", "/v1/search"),
        ("/production", "prod", "/production"),
        ("/v1/items/red shirt", "$default", "/v1/items/red shirt"),
        ("/v1/items/隣", "$default", "/v1/items/隣"),
        ("/v1/items/100%25", "$default", "/v1/items/100%25"),
    ],
)
def test_the_path_comes_decoded(path: str, stage: str, found: str) -> None:
    assert Request.parse(event(path, stage=stage)).path == found


@pytest.mark.parametrize(
    ("raw", "query"),
    [
        ("", {}),
        ("k=5&exact=true", {"k": "5", "exact": "true"}),
        ("k=5&k=6", {"k": "6"}),
        ("view=", {"view": ""}),
        ("filter=%7B%22price%22%3A5%7D", {"filter": '{"price":5}'}),
        ("view=a+b%2Bc", {"view": "a b+c"}),
        ("%E9%9A%A3=%FF", {"隣": "\ufffd"}),
    ],
)
def test_the_query(raw: str, query: dict[str, str]) -> None:
    assert Request.parse(event(rawQueryString=raw)).query == query


@pytest.mark.parametrize(
    ("headers", "media_type"),
    [
        ({}, ""),
        ({"content-type": "image/png"}, "image/png"),
        ({"Content-Type": "Application/JSON; charset=utf-8"}, "application/json"),
        ({"content-type": " image/jpeg ;q=1"}, "image/jpeg"),
        ({"x-content-type": "image/png"}, ""),
    ],
)
def test_the_media_type(headers: dict[str, str], media_type: str) -> None:
    assert Request.parse(event(headers=headers)).media_type == media_type


def test_a_response() -> None:
    assert Response.of({"name": "隣"}, 202).to_event() == {
        "statusCode": 202,
        "headers": {
            "content-type": "application/json",
            "cache-control": "no-store",
            "x-content-type-options": "nosniff",
        },
        "body": '{"name": "隣"}',
        "isBase64Encoded": False,
    }


def test_headers_can_be_set() -> None:
    answer = Response(302, headers={"location": "/", "cache-control": "private, max-age=5"}).to_event()

    assert answer["statusCode"] == 302
    assert answer["headers"]["location"] == "/"
    assert answer["headers"]["cache-control"] == "private, max-age=5"
    assert answer["headers"]["x-content-type-options"] == "nosniff"
    assert answer["body"] == ""


@pytest.mark.parametrize("value", [float("nan"), float("inf"), [-float("inf")]])
def test_no_response_holds_what_is_no_json(value: Any) -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        Response.of(value)


@pytest.mark.parametrize(
    ("error", "slug", "status", "again"),
    [
        (UnknownItemError("There is no item '隣'."), "unknown-item", 404, None),
        (NotReadyError("Wait."), "not-ready", 503, "5"),
        (StoreError("Wait."), "store-unavailable", 503, "5"),
        (TonariError("Trace 5."), "internal", 500, None),
    ],
)
def test_a_problem(error: TonariError, slug: str, status: int, again: str | None) -> None:
    answer = Response.problem(error).to_event()

    assert answer["statusCode"] == status
    assert answer["headers"]["content-type"] == "application/problem+json"
    assert answer["headers"].get("retry-after") == again
    assert json.loads(answer["body"]) == {
        "type": f"urn:tonari:problem:{slug}",
        "title": type(error).title,
        "status": status,
        "detail": error.detail,
    }
