from __future__ import annotations

import base64
import gzip
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tonari.api.http import Request, Response
from tonari.aws.events import read_http_event, write_http_answer
from tonari.contract.decoding import read_body
from tonari.errors import InvalidRequestError, UnknownItemError


def event(path: str = "/v1/search", **more: Any) -> dict[str, Any]:
    stage = more.pop("stage", "$default")
    method = more.pop("method", "POST")
    return {"rawPath": path, "requestContext": {"http": {"method": method}, "stage": stage}, **more}


def test_the_least_that_comes() -> None:
    assert read_http_event(event(method="GET", path="/")) == Request("GET", "/", (), "", b"")


@given(st.binary(max_size=50))
@settings(max_examples=50, deadline=None)
def test_a_binary_body(data: bytes) -> None:
    body = base64.b64encode(data).decode()

    assert read_http_event(event(body=body, isBase64Encoded=True)).body == data


def test_a_text_body() -> None:
    assert read_http_event(event(body='{"name": "隣"}', isBase64Encoded=False)).body == '{"name": "隣"}'.encode()
    assert read_http_event(event(body=None)).body == b""


@pytest.mark.parametrize("body", ["é", "a", "ab=c", "a b=", "!!!!"])
def test_a_body_that_is_not_the_base64_it_claims_to_be(body: str) -> None:
    with pytest.raises(InvalidRequestError, match="not the base64"):
        read_http_event(event(body=body, isBase64Encoded=True))


def test_a_body_that_is_no_text() -> None:
    with pytest.raises(InvalidRequestError, match="The body is not JSON: it is not UTF-8"):
        read_body(read_http_event(event(body='{"id": "\ud800"}')).body)


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
    assert read_http_event(event(path, stage=stage)).path == found


@pytest.mark.parametrize(
    ("raw", "query"),
    [
        ("", ()),
        ("k=5&exact=true", (("k", "5"), ("exact", "true"))),
        ("k=5&k=6", (("k", "5"), ("k", "6"))),
        ("view=", (("view", ""),)),
        ("filter=%7B%22price%22%3A5%7D", (("filter", '{"price":5}'),)),
        ("view=a+b%2Bc", (("view", "a b+c"),)),
        ("%E9%9A%A3=%FF", (("隣", "\udcff"),)),
    ],
)
def test_the_query(raw: str, query: tuple[tuple[str, str], ...]) -> None:
    assert read_http_event(event(rawQueryString=raw)).query == query


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
    assert read_http_event(event(headers=headers)).media_type == media_type


@pytest.mark.parametrize("name", ["content-encoding", "Content-Encoding"])
def test_how_the_body_is_packed(name: str) -> None:
    packed = gzip.compress(b'{"id": "a"}')
    body = base64.b64encode(packed).decode()
    headers = {"content-type": "application/json", name: "gzip"}

    read = read_http_event(event(headers=headers, body=body, isBase64Encoded=True))

    assert (read.body, read.encoding) == (packed, "gzip")
    assert read_http_event(event(headers={})).encoding == ""


def test_an_answer() -> None:
    response = Response(302, b'{"name": "\xe9\x9a\xa3"}', "application/json", {"location": "/"})

    assert write_http_answer(response) == {
        "statusCode": 302,
        "headers": {"content-type": "application/json", "location": "/"},
        "body": '{"name": "隣"}',
        "isBase64Encoded": False,
    }


def test_a_problem_as_answer() -> None:
    answer = write_http_answer(Response.problem(UnknownItemError("There is no item '隣'.")))

    assert answer["statusCode"] == 404
    assert answer["headers"]["content-type"] == "application/problem+json"
    assert "隣" in answer["body"]
