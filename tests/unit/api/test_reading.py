from __future__ import annotations

import gzip
import json
from dataclasses import replace
from typing import Any

import pytest

from tonari.api.http import Request
from tonari.api.reading import read_parameters
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


@pytest.mark.parametrize("media_type", ["", "text/plain", "application/x-www-form-urlencoded", "application/xml"])
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


JPEG = b"\xff\xd8\xff\xe0 a picture"
FORM = ("multipart/form-data; boundary=edge", b"--edge\r\nContent-Disposition: form-data; ", b"--edge--\r\n")


@pytest.mark.parametrize(
    "content_type",
    ["", "application/x-www-form-urlencoded", "text/plain;charset=UTF-8", "image/jpg", "image/pjpeg", "IMAGE/JPEG; q=1",
     "application/octet-stream", "image/png,image/png", "application/json", "binary/octet-stream"],
)  # fmt: skip
@pytest.mark.parametrize(
    "data", [JPEG, b"\x89PNG\r\n\x1a\n", b"GIF89a", b"RIFF\0\0\0\0WEBPVP8 ", b"\0\0\0\x1cftypheic", b"II*\0"]
)
def test_a_picture_is_told_by_its_first_bytes(content_type: str, data: bytes) -> None:
    assert read("search", data, content_type, ("k", "5")) == SearchRequest(image=data, k=5)


@pytest.mark.parametrize(
    "content_type",
    ["", "text/json", "application/json; charset=utf-8", "APPLICATION/JSON", "application/vnd.shop+json", "text/plain",
     "application/x-www-form-urlencoded", "application/json,application/json", "image/jpeg"],
)  # fmt: skip
@pytest.mark.parametrize("before", [b"", b"\xef\xbb\xbf", b" \r\n\t", b"\xef\xbb\xbf\n"])
def test_json_is_told_by_its_first_bytes(content_type: str, before: bytes) -> None:
    assert read("search", before + b'{"id": "a", "k": null}', content_type) == SearchRequest(id="a")


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("name", ["search", "put_item"])
def test_json_in_utf_16_with_its_mark(name: str, encoding: str) -> None:
    mark = "" if encoding == "utf-16" else "\ufeff"
    body = f'{mark}{{"id": "隣"}}'.encode(encoding)

    assert read(name, body, JSON) == (SearchRequest(id="隣") if name == "search" else {"id": "隣"})


@pytest.mark.parametrize(
    ("body", "content_type", "says"),
    [
        (b"\xff\xfe\0\xd8{\0", JSON, "begins like UTF-16, but is not"),
        ('{"id": "é"}'.encode("latin-1"), JSON, "not JSON.* UTF-8.*byte 8"),
        (b"", "", "The body is empty: send a picture, a form .* or JSON with one of image, upload"),
        (b"", "application/x-www-form-urlencoded", "The body is empty"),
        (b"", JSON, "not JSON"),
        (b"[1]", JSON, "must be a JSON object"),
        (b"[1]", "", "its content-type says nothing"),
        (
            b"id=a&k=5",
            "application/x-www-form-urlencoded",
            "begins like neither, and its content-type says application/x",
        ),
        (b"{'id': 'a'}", "", "not JSON"),
    ],
)
def test_bodies_that_say_nothing(body: bytes, content_type: str, says: str) -> None:
    with pytest.raises(InvalidRequestError, match=says):
        read("search", body, content_type)


def test_a_form() -> None:
    content_type, part, end = FORM
    body = part + b"name=image; filename=a.jpg\r\n\r\n" + JPEG + b"\r\n" + part + b'name="k"\r\n\r\n3\r\n'
    ids = b"".join(part + b"name=ids\r\n\r\n" + one + b"\r\n" for one in (b"a,b", b"c"))

    assert read("search", body + ids + end, content_type) == SearchRequest(image=JPEG, k=3, ids=("a", "b", "c"))
    assert read("search", body + end, content_type, ("exact", "true")) == SearchRequest(image=JPEG, k=3, exact=True)
    assert read("predict", body + end, content_type) == PredictRequest(image=JPEG, k=3)
    packed = Request("POST", "/v1/search", (), content_type, gzip.compress(body + end), "gzip")
    assert read_parameters(BY_NAME["search"], packed) == SearchRequest(image=JPEG, k=3)


@pytest.mark.parametrize(
    ("fields", "query", "says"),
    [
        ((b"k", b"3"), (("k", "4"),), "'k' stands 2 times"),
        ((b"colour", b"red"), (), "no parameter 'colour'"),
        ((b"image", b"AAAA"), (), "'image' is the body already"),
        ((b"id", b"a"), (), "exactly one query.*not image and id"),
        ((b"filter", b"{"), (), "'filter' cannot be read"),
    ],
)
def test_a_form_whose_parts_are_no_parameters(
    fields: tuple[bytes, bytes], query: tuple[tuple[str, str], ...], says: str
) -> None:
    content_type, part, end = FORM
    body = part + b"name=image; filename=a.jpg\r\n\r\n" + JPEG + b"\r\n"
    body += part + b"name=%s\r\n\r\n%s\r\n" % fields + end

    with pytest.raises(InvalidRequestError, match=says):
        read("search", body, content_type, *query)


def test_a_form_where_none_is_taken() -> None:
    content_type, part, end = FORM
    with pytest.raises(InvalidRequestError, match="not JSON"):
        read("put_item", part + b"name=price\r\n\r\n5\r\n" + end, content_type)


@pytest.mark.parametrize("name", ["search", "predict", "put_item", "patch_item"])
def test_packed_json(name: str) -> None:
    plain = read(name, b'{"id": "a"}', JSON)
    packed = replace(request(BY_NAME[name], gzip.compress(b'{"id": "a"}'), JSON), encoding="gzip")

    assert read_parameters(BY_NAME[name], packed) == plain


def test_a_packed_picture() -> None:
    packed = replace(request(BY_NAME["search"], gzip.compress(JPEG), "image/jpeg", (("k", "2"),)), encoding="gzip")

    assert read_parameters(BY_NAME["search"], packed) == SearchRequest(image=JPEG, k=2)


SPELLINGS = ("data:image/jpeg;base64,_9j_4CBhIHBpY3R1cmU", "_9j_4CBhIHBpY3R1cmU=", "/9j/4CBh\r\nIHBpY3R1\r\ncmU=")


@pytest.mark.parametrize("text", SPELLINGS)
def test_base64(text: str) -> None:
    assert read("search", json.dumps({"image": text}).encode(), JSON) == SearchRequest(image=JPEG)
    assert read("predict", json.dumps({"image": text}).encode(), JSON) == PredictRequest(image=JPEG)
    several = json.dumps({"queries": [{"id": "a"}, {"image": text}]}).encode()
    assert read("search", several, JSON) == SearchesRequest((SearchRequest(id="a"), SearchRequest(image=JPEG)))


def test_base64_that_is_none_among_several() -> None:
    body = json.dumps({"queries": [{"id": "a"}, {"image": "a*b"}]}).encode()
    with pytest.raises(InvalidRequestError, match=r"queries\[1\]: 'image' is a picture's bytes in base64"):
        read("search", body, JSON)


@pytest.mark.parametrize("raw", [5, None, [], True])
def test_an_image_that_is_no_text(raw: Any) -> None:
    with pytest.raises(InvalidRequestError, match=r"base64|exactly one query"):
        read("search", json.dumps({"image": raw}).encode(), JSON)


def test_queries_that_are_null_are_not_given() -> None:
    assert read("search", b'{"queries": null, "id": "a"}', JSON) == read("search", b'{"id": "a"}', JSON)


def test_null_beside_queries_is_not_given() -> None:
    several = read("search", b'{"queries": [{"id": "a"}], "id": null, "k": null}', JSON)

    assert several == read("search", b'{"queries": [{"id": "a"}]}', JSON)
    with pytest.raises(InvalidRequestError, match="no parameter 'z'"):
        read("search", b'{"queries": [{"id": "a"}], "z": null}', JSON)


@pytest.mark.parametrize("raw", [5, None, [5], {"a": 1}, ["a"]])
def test_queries_that_are_no_searches(raw: Any) -> None:
    with pytest.raises(InvalidRequestError):
        read("search", json.dumps({"queries": raw}).encode(), JSON)
