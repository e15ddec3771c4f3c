"""A picture finds the same however it is sent; what cannot be read is refused with a remedy."""

from __future__ import annotations

import base64
import gzip
import json
import zlib
from typing import Any

import pytest
import urllib3

import pictures
from integration.events import Answer, Caller
from integration.shop import draw

BALL = pictures.encoded(draw("red", "ball", inset=44), "JPEG")
FORM = "application/x-www-form-urlencoded"
JSON = "application/json"


@pytest.fixture(scope="module")
def expected(standing: Caller) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = standing.picture("/v1/search", BALL, "image/jpeg", k="3").body["items"]
    assert found[0]["id"] == "red-ball"
    return found


def form(*parts: tuple[str, Any]) -> tuple[bytes, str]:
    body, content_type = urllib3.encode_multipart_formdata(list(parts))
    return body, content_type


def as_json(image: str, **more: Any) -> bytes:
    return json.dumps({"image": image, "k": 3, **more}).encode()


TEXT = base64.b64encode(BALL).decode()
URL_SAFE = base64.urlsafe_b64encode(BALL).decode().rstrip("=")
WRAPPED = base64.encodebytes(BALL).decode()
FILE = ("photo", ("my ball.jfif", BALL, "image/jpeg"))
K3 = (("k", "3"),)
SENT: dict[str, tuple[bytes, str, tuple[tuple[str, str], ...], str]] = {
    "jpg": (BALL, "image/jpg", K3, ""),
    "pjpeg": (BALL, "Image/PJPEG; charset=binary", K3, ""),
    "octets": (BALL, "application/octet-stream", K3, ""),
    "no content type": (BALL, "", K3, ""),
    "as curl sends it": (BALL, FORM, K3, ""),
    "without its end marker": (BALL[:-2], "image/jpeg", K3, ""),
    "form": (*form(FILE, ("k", "3")), (), ""),
    "form and query string": (*form(FILE), K3, ""),
    "packed picture": (gzip.compress(BALL), "image/jpeg", K3, "gzip"),
    "deflated picture": (zlib.compress(BALL), "", K3, "deflate"),
    "base64": (as_json(TEXT), JSON, (), ""),
    "URL-safe base64": (as_json(URL_SAFE), JSON, (), ""),
    "wrapped base64": (as_json(WRAPPED), JSON, (), ""),
    "data URL": (as_json(f"data:image/jpeg;base64,{TEXT}"), JSON, (), ""),
    "packed JSON": (gzip.compress(as_json(TEXT)), JSON, (), "gzip"),
    "JSON as curl sends it": (as_json(TEXT), FORM, (), ""),
    "JSON of no type": (b"\xef\xbb\xbf" + as_json(TEXT), "", (), ""),
    "text/json": (as_json(TEXT), "text/json; charset=utf-8", (), ""),
    "nulls": (as_json(TEXT, filter=None, ids=None, exact=None, facets=None, cursor=None), JSON, (), ""),
}  # fmt: skip


def repacked() -> tuple[bytes, str]:
    """One body and its own boundary, which is drawn anew for each form."""
    body, content_type = form(FILE)
    return gzip.compress(body), content_type


SENT["packed form"] = (*repacked(), K3, "gzip")


@pytest.mark.parametrize("name", SENT)
def test_a_picture_finds_the_same_however_it_is_sent(
    standing: Caller, expected: list[dict[str, Any]], name: str
) -> None:
    body, content_type, query, encoding = SENT[name]

    answer = standing.send("POST", "/v1/search", body, content_type, query, encoding)

    assert answer.status == 200, answer.body
    assert answer.body["items"] == expected


def test_predictions_of_a_form(standing: Caller) -> None:
    body, content_type = form(FILE, ("attributes", "color"), ("method", "vote"), ("k", "3"))

    answer = standing.send("POST", "/v1/predict", body, content_type)

    assert answer.status == 200, answer.body
    assert answer.body["predictions"]["color"]["value"] == "red"
    assert (answer.body["method"], set(answer.body["predictions"])) == ("vote", {"color"})


def test_packed_documents_are_written(live: Caller) -> None:
    for method in ("PUT", "PATCH"):
        answer = live.send(method, "/v1/items/packed", gzip.compress(b'{"price": 5}'), JSON, encoding="gzip")
        assert answer.status == 202, answer.body


def refused(answer: Answer, status: int, slug: str, *words: str) -> None:
    assert (answer.status, answer.body["type"]) == (status, f"urn:tonari:problem:{slug}"), answer.body
    for word in words:
        assert word in answer.body["detail"]


@pytest.mark.parametrize("path", ["/v1/search", "/v1/predict"])
def test_what_is_refused(standing: Caller, path: str) -> None:
    def send(body: bytes, content_type: str = "", encoding: str = "") -> Answer:
        return standing.send("POST", path, body, content_type, encoding=encoding)

    refused(send(BALL, "image/jpeg", "br"), 415, "unsupported-encoding", "br", "gzip")
    refused(send(BALL, "image/jpeg", "gzip"), 400, "invalid-request", "not the gzip")
    refused(send(gzip.compress(BALL)[:-4], "image/jpeg", "gzip"), 400, "invalid-request", "ends before")
    refused(send(gzip.compress(bytes(5_000_000)), "image/jpeg", "gzip"), 413, "too-large", "when it is unpacked")
    refused(send(*form(("k", "3"))), 400, "invalid-request", "no files", "curl -F image=@photo.jpg")
    refused(send(*form(FILE, FILE)), 400, "invalid-request", "2 files")
    refused(send(form(FILE)[0], "multipart/form-data"), 400, "invalid-request", "names no boundary")
    refused(send(form(FILE)[0], "multipart/form-data; boundary=x"), 400, "invalid-request", "cannot be read")
    refused(send(form(FILE)[0][:-10], form(FILE)[1]), 400, "invalid-request", "cannot be read")
    refused(send(*form(("photo", ("a.jpg", bytes(4_400_001), "image/jpeg")))), 413, "too-large", "4,400,000")
    refused(send(*form(("photo", ("a.txt", b"hello", "text/plain")))), 415, "unsupported-image", "no picture")
    refused(send(b""), 400, "invalid-request", "empty", "image, upload, id, vector, examples")
    refused(send(b"\0\0\0\x1cftypheic"), 415, "unsupported-image", "HEIC", "save it as")
    refused(send(as_json(TEXT + "*"), JSON), 400, "invalid-request", "base64")
    refused(send(BALL[:-500], "image/jpeg"), 422, "invalid-image", "ends before")
