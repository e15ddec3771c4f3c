from __future__ import annotations

import socket
from pathlib import Path
from typing import Any

import pytest

from tonari.contract.database import Access
from tonari.engines.databases.lucene.http import TRIES, Http, RefusedError, authorization_of
from tonari.errors import EngineUnavailableError, MissingCollectionError, SettingError
from unit.engines.databases.lucene.servers import Asked, serving

MISSING = {"error": {"type": "index_not_found_exception", "reason": "no such index [x]"}, "status": 404}


def test_json_goes_and_comes() -> None:
    with serving(lambda _asked, _number: (200, {"took": 3})) as server:
        http = Http("Engine", Access(f"{server.url}/below/"), "Basic abc")
        assert http.ask("POST", "/x/_search?a=b", {"size": 1}) == {"took": 3}
        assert http.ask("POST", "/x/_bulk", b'{"index":{}}\n{}\n') == {"took": 3}
        assert http.ask("GET", "/x") == {"took": 3}
        http.close()
    search, bulk, get = server.asked
    assert (search.method, search.path, search.body) == ("POST", "/below/x/_search?a=b", b'{"size":1}')
    assert search.headers["authorization"] == "Basic abc"
    assert (search.headers["content-type"], bulk.headers["content-type"]) == (
        "application/json",
        "application/x-ndjson",
    )
    assert (get.method, get.body) == ("GET", b"")


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_what_passes_is_tried_again(status: int) -> None:
    with serving(lambda _asked, number: (status if number < TRIES else 200, {"x": 1})) as server:
        assert Http("Engine", Access(server.url)).ask("GET", "/x") == {"x": 1}
    assert len(server.asked) == TRIES


@pytest.mark.parametrize("said", [{"error": {"type": "busy", "reason": "too much"}}, b"<html>Bad Gateway</html>", b""])
def test_what_does_not_pass_is_told(said: Any) -> None:
    with serving(lambda _asked, _number: (503, said)) as server:
        with pytest.raises(EngineUnavailableError, match="fails with status 503") as raised:
            Http("Engine", Access(server.url)).ask("GET", "/x")
        assert type(raised.value) is EngineUnavailableError
    assert len(server.asked) == TRIES


def test_what_is_refused_is_not_tried_again() -> None:
    refused = {"error": {"root_cause": [{"reason": "no [stemmer]"}], "type": "illegal", "reason": "failed"}}

    def answer(asked: Asked, _number: int) -> tuple[int, Any]:
        return {"/missing": (404, MISSING), "/denied": (403, {"error": "who?"})}.get(asked.path, (400, refused))

    with serving(answer) as server:
        http = Http("Engine", Access(server.url))
        with pytest.raises(RefusedError) as raised:
            http.ask("PUT", "/x", {})
        assert (raised.value.status_there, raised.value.kind, raised.value.reason) == (400, "illegal", "no [stemmer]")
        with pytest.raises(MissingCollectionError, match=r"no such index \[x\]"):
            http.ask("GET", "/missing")
        with pytest.raises(EngineUnavailableError, match="check the engine's secret"):
            http.ask("GET", "/denied")
    assert len(server.asked) == 3


def test_nobody_answers() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    http = Http("Engine", Access(f"http://user:hush@127.0.0.1:{port}"), "Basic hush")
    with pytest.raises(EngineUnavailableError, match=rf"Engine at 127.0.0.1:{port} does not answer") as raised:
        http.ask("GET", "/x")
    assert "hush" not in raised.value.detail


@pytest.mark.parametrize("url", ["", "search.example.org", "postgresql://host/name", "https://"])
def test_other_urls_are_refused(url: str) -> None:
    with pytest.raises(SettingError, match="http:// or https://"):
        Http("Engine", Access(url))


def test_certificates_that_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "own.pem").write_text("nothing")
    for path in (tmp_path / "own.pem", tmp_path / "missing.pem"):
        with pytest.raises(SettingError, match="cannot be read"):
            Http("Engine", Access("https://localhost", authority=str(path)))


def test_who_asks() -> None:
    url = "http://localhost"
    assert authorization_of(Access(url), "Bearer") == ""
    assert authorization_of(Access(url, user="shop", password="a:b"), "Bearer") == "Basic c2hvcDphOmI="  # noqa: S106
    assert authorization_of(Access(url, user="shop", token="t"), "ApiKey") == "ApiKey t"  # noqa: S106
