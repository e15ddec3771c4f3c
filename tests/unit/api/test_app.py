"""Which handler a path and a method find, and what HEAD answers."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from api_app import app
from tonari.api.app import App
from tonari.api.http import Request, Response
from tonari.contract.routes import READING, ROUTES, WRITING

PATHS = [
    "/", "/openapi.json", "/v1/health", "/v1/items", "/v1/items/item-1", "/v1/items/item-1/similar",
    "/v1/items/item-1/image",
]  # fmt: skip


@pytest.fixture(scope="module")
def standing(tmp_path_factory: pytest.TempPathFactory) -> App:
    return app(tmp_path_factory.mktemp("app"))


def ask(app: App, method: str, path: str, query: tuple[tuple[str, str], ...] = ()) -> Response:
    return app(Request(method, path, query, "", b""))


def test_every_path_that_is_read_is_tried() -> None:
    patterns = {route.path.replace("{id}", "item-1") for route in ROUTES if route.method == "GET"}
    assert patterns == set(PATHS)


@pytest.mark.parametrize("path", PATHS)
def test_head_answers_as_get_without_a_body(standing: App, path: str) -> None:
    whole, head = ask(standing, "GET", path), ask(standing, "HEAD", path)

    assert whole.status in (200, 302, 404)
    assert (head.body, head.status, head.media_type) == (b"", whole.status, whole.media_type)
    varying = {"location"}
    assert {**head.headers, **dict.fromkeys(varying)} == {
        **whole.headers, "content-length": head.headers["content-length"], **dict.fromkeys(varying),
    }  # fmt: skip
    if path != "/v1/health" and "similar" not in path:  # which tell times
        assert head.headers["content-length"] == str(len(whole.body))


@pytest.mark.parametrize(
    ("path", "query", "status"),
    [
        ("/v1/nothing", (), 404),
        ("/v1/items/nope", (), 404),
        ("/v1/search", (), 405),
        ("/v1/health", (("k", "5"),), 400),
    ],
)
def test_head_answers_problems_alike(standing: App, path: str, query: tuple[tuple[str, str], ...], status: int) -> None:
    whole, head = ask(standing, "GET", path, query), ask(standing, "HEAD", path, query)

    assert (head.status, whole.status) == (status, status)
    assert replace(head, body=whole.body, headers={}) == replace(whole, headers={})
    assert abs(int(head.headers["content-length"]) - len(whole.body)) <= len("HEAD") - len("GET")


@pytest.mark.parametrize(
    ("path", "near"),
    [
        ("/v1/health/", "/v1/health"),
        ("/v1/search/", "/v1/search"),
        ("//v1//health", "/v1/health"),
        ("/v1/items/", "/v1/items"),
        ("/v1/items//item-1", "/v1/items/item-1"),
        ("/v1/items/item-1/similar/", "/v1/items/item-1/similar"),
        ("//", "/"),
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_slash_too_many_is_named(standing: App, method: str, path: str, near: str) -> None:
    answer = ask(standing, method, path)

    assert answer.status == 404
    assert json.loads(answer.body)["detail"] == f"There is nothing at {path}; did you mean {near}?"


@pytest.mark.parametrize("path", ["/v1", "/v2/health", "/v1/items/a/b/c", "/favicon.ico"])
def test_where_nothing_is_near(standing: App, path: str) -> None:
    assert json.loads(ask(standing, "GET", path).body)["detail"].endswith("; the API begins at /v1/.")


@pytest.mark.parametrize("method", ["OPTIONS", "TRACE", "get", ""])
def test_a_method_that_is_not_known(standing: App, method: str) -> None:
    answer = ask(standing, method, "/v1/items/item-1")

    assert (answer.status, json.loads(answer.body)["detail"]) == (
        405, "/v1/items/item-1 takes GET, HEAD, PUT, PATCH, DELETE.",
    )  # fmt: skip
    assert answer.headers["allow"] == "GET, HEAD, PUT, PATCH, DELETE"


def test_a_function_that_reads_refuses_what_writes(tmp_path: Path) -> None:
    assert {route.name for route in WRITING} == {"put_item", "patch_item", "delete_item"}
    reading = app(tmp_path, serves=READING)
    for route in WRITING:
        answer = ask(reading, route.method, "/v1/items/item-1")
        assert (answer.status, json.loads(answer.body)["detail"]) == (
            405, f"{route.method} /v1/items/{{id}} is not served here.",
        )  # fmt: skip
