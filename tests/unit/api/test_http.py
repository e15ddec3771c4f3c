from __future__ import annotations

import json

import msgspec
import pytest

from tonari.api.http import Request, Response
from tonari.contract.answers import AcceptedAnswer, Facet
from tonari.contract.parameters import MOST_ANSWER_BYTES
from tonari.errors import NotReadyError, StoreError, TonariError, TooLargeError, UnknownItemError


def test_a_response() -> None:
    assert Response.of({"name": "隣"}, 202) == Response(202, '{"name":"隣"}'.encode(), "application/json", {})


def test_a_struct_as_response() -> None:
    assert Response.of(AcceptedAnswer(id="a")).body == b'{"id":"a","status":"accepted"}'


def test_what_is_unset_is_left_out() -> None:
    assert json.loads(Response.of(Facet(type="number", count=0)).body) == {"type": "number", "count": 0}


def test_numbers_that_no_64_bits_hold_are_written() -> None:
    assert json.loads(Response.of({"n": 10**300}).body) == {"n": 10**300}


def test_an_answer_without_its_body_keeps_its_headers() -> None:
    whole = Response(200, "隣".encode(), "text/html", {"x": "1"})

    assert whole.without_body() == Response(200, b"", "text/html", {"x": "1", "content-length": "3"})


@pytest.mark.parametrize(
    ("content_type", "media_type"),
    [
        ("", ""),
        ("Image/JPEG; q=1", "image/jpeg"),
        (" application/json ;charset=utf-8", "application/json"),
        ("image/png,image/jpeg", "image/png"),
        ("multipart/form-data; boundary=a,b", "multipart/form-data"),
    ],
)
def test_the_media_type_of_a_request(content_type: str, media_type: str) -> None:
    assert Request("POST", "/", (), content_type, b"").media_type == media_type


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_what_json_cannot_say_is_null(value: float) -> None:
    assert Response.of([value]).body == b"[null]"


def test_a_response_over_the_limit_is_refused() -> None:
    fits = "a" * (MOST_ANSWER_BYTES - 4)

    assert len(Response.of(fits).body) == MOST_ANSWER_BYTES - 2
    for value in (f"{fits}a", '"' * (MOST_ANSWER_BYTES // 3)):
        with pytest.raises(TooLargeError, match="lower 'k'"):
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
    answer = Response.problem(error)

    assert (answer.status, answer.media_type) == (status, "application/problem+json")
    assert answer.headers.get("retry-after") == again
    assert msgspec.json.decode(answer.body) == {
        "type": f"urn:tonari:problem:{slug}",
        "title": type(error).title,
        "status": status,
        "detail": error.detail,
    }
