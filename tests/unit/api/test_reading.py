from __future__ import annotations

import json
from typing import Any

import pytest

from tonari.api.app import read_parameters
from tonari.api.http import Request
from tonari.contract.parameters import MOST_BODY_BYTES
from tonari.contract.requests import ImageRequest, PredictRequest, SearchesRequest, SearchOptions, SearchRequest
from tonari.contract.routes import ROUTES, Route
from tonari.errors import InvalidRequestError, TooLargeError

BY_NAME = {route.name: route for route in ROUTES}
PICTURE = b"\xff\xd8 a picture"
JSON = "application/json"


def request(route: Route, body: bytes = b"", media_type: str = "", query: tuple[tuple[str, str], ...] = ()) -> Request:
    return Request(route.method, route.path.replace("{id}", "a"), query, media_type, body)


def read(name: str, body: bytes = b"", media_type: str = "", *query: tuple[str, str]) -> Any:
    return read_parameters(BY_NAME[name], request(BY_NAME[name], body, media_type, query))


@pytest.mark.parametrize("media_type", ["image/jpeg", "image/anything", "application/octet-stream"])
def test_a_picture(media_type: str) -> None:
    assert read("search", PICTURE, media_type) == SearchRequest(image=PICTURE)
    assert read("search", PICTURE, media_type, ("k", "5"), ("include", "")) == SearchRequest(
        image=PICTURE, k=5, include=()
    )
    assert read("predict", PICTURE, media_type, ("method", "vote")) == PredictRequest(image=PICTURE, method="vote")


def test_json() -> None:
    assert read("search", b'{"id": "a"}', JSON) == SearchRequest(id="a")
    assert read("search", b'{"queries": [{"id": "a"}]}', JSON) == SearchesRequest((SearchRequest(id="a"),))
    assert read("predict", b'{"id": "a"}', JSON) == PredictRequest(id="a")
    assert read("put_item", b'{"price": 5}', JSON) == {"price": 5}
    assert read("put_item", b"{}", "") == {}


def test_query_strings() -> None:
    assert read("similar", b"", "", ("k", "3"), ("exact", "false")) == SearchOptions(k=3)
    assert read("image", b"", "", ("view", "front.jpg")) == ImageRequest("front.jpg")
    assert read("image") == ImageRequest()


@pytest.mark.parametrize("name", ["health", "item", "delete_item", "upload", "openapi"])
def test_where_nothing_is_taken(name: str) -> None:
    assert read(name) is None
    assert read(name, b" {}\n", JSON) is None
    with pytest.raises(InvalidRequestError, match=r"no parameters: leave 'x' out"):
        read(name, b"", "", ("x", "1"))
    with pytest.raises(InvalidRequestError, match=r"takes no body"):
        read(name, b'{"k": 1}', JSON)


@pytest.mark.parametrize("route", [route for route in ROUTES if route.name != "page"], ids=lambda route: route.name)
def test_no_route_takes_a_parameter_that_it_does_not_know(route: Route) -> None:
    bodies = [(b'{"id": "a"}', JSON)] if route.bodies else [(b"", "")]
    bodies += [(PICTURE, "image/jpeg")] if route.takes_picture else []
    for body, media_type in bodies:
        with pytest.raises(InvalidRequestError, match="'colour'"):
            read_parameters(route, request(route, body, media_type, (("colour", "red"),)))


def test_the_page_reads_its_query_string_itself() -> None:
    assert read("page", b"", "", ("item", "a"), ("item", "b")) is None


def test_parameters_beside_a_json_body() -> None:
    query = (("filter", "{}"), ("k", "1"), ("k", "2"))
    with pytest.raises(InvalidRequestError, match="must be empty: move 'filter', 'k' into the body"):
        read("search", b'{"id": "a"}', JSON, *query)
    with pytest.raises(InvalidRequestError, match="no parameters in the query string: leave 'filter', 'k' out"):
        read("put_item", b"{}", JSON, *query)


@pytest.mark.parametrize("name", ["id", "upload"])
def test_a_second_query_beside_a_picture(name: str) -> None:
    with pytest.raises(InvalidRequestError, match=rf"exactly one query.*not image and {name}|'{name}' is"):
        read("search", PICTURE, "image/jpeg", (name, "a"))


def test_a_picture_twice() -> None:
    with pytest.raises(InvalidRequestError, match="'image' is the body already"):
        read("search", PICTURE, "image/jpeg", ("image", "AAAA"))


@pytest.mark.parametrize("media_type", ["", "text/plain", "multipart/form-data", "application/xml"])
def test_another_media_type(media_type: str) -> None:
    with pytest.raises(InvalidRequestError, match=f"content-type says {media_type or 'nothing'}"):
        read("search", PICTURE, media_type)


@pytest.mark.parametrize(("name", "media_type"), [("search", "image/png"), ("search", JSON), ("put_item", JSON)])
def test_a_body_over_the_limit(name: str, media_type: str) -> None:
    with pytest.raises(TooLargeError, match="4,400,001 bytes, at most 4,400,000 are taken"):
        read(name, b" " * (MOST_BODY_BYTES + 1), media_type)


def test_a_body_at_the_limit_passes() -> None:
    body = b" " * MOST_BODY_BYTES
    assert read("search", body, "image/png") == SearchRequest(image=body)


def test_a_body_that_is_no_object() -> None:
    for body in (b"", b"[]", b"null", json.dumps("a").encode()):
        with pytest.raises(InvalidRequestError, match="JSON"):
            read("put_item", body, JSON)
