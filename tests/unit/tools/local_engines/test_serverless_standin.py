"""The rules that the stand-in for OpenSearch Serverless holds to, without the server behind it."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlsplit

import pytest

from tonari.engines.databases.lucene.signed import Signer
from tonari_tools.local_engines.serverless import CREDENTIALS
from tonari_tools.local_engines.serverless_standin_rules import (
    MOST_BYTES,
    RefusedByRulesError,
    Request,
    joined,
    parted,
    translated,
)
from tonari_tools.local_engines.serverless_standin_signatures import REGION, why_unsigned

URL = "http://127.0.0.1:9/tonari_s1/_search?a=b%20c&d"
BODY = b'{"size": 0}'


@pytest.fixture(autouse=True)
def credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in CREDENTIALS.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("AWS_SESSION_TOKEN", raising=False)


def signed(region: str = REGION, service: str = "aoss") -> dict[str, str]:
    headers = Signer(region, service).headers("POST", URL, BODY, {"content-type": "application/json"})
    return {name.lower(): value for name, value in headers.items()} | {"host": urlsplit(URL).netloc}


def why(headers: dict[str, str], body: bytes = BODY) -> str:
    return why_unsigned("POST", URL.removeprefix("http://127.0.0.1:9"), headers, body)


def test_a_request_that_is_signed_is_taken() -> None:
    assert why(signed()) == ""


def test_other_requests_are_not(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "not signed" in why({})
    assert "not signed" in why({"authorization": "Bearer x"})
    assert "its credential" in why(signed(service="es"))
    assert "its credential" in why(signed(region="eu-west-1"))
    assert "hash of its body" in why(signed(), b"{}")
    assert "hash of its body" in why(
        {name: value for name, value in signed().items() if name != "x-amz-content-sha256"}
    )
    assert "another one" in why(signed() | {"host": "elsewhere"})
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "another")
    assert "another one" in why(signed())


def asked(method: str, path: str, body: Any = None) -> Request:
    plain, _, parameters = path.partition("?")
    return Request(method, plain, parameters, b"" if body is None else json.dumps(body).encode())


@pytest.mark.parametrize(
    "request_",
    [
        asked("GET", "/tonari_*/_mapping"),
        asked("PUT", "/a/_mapping", {"_meta": {}}),
        asked("DELETE", "/a"),
        asked("POST", "/a/_search", {"query": {"term": {"description": "scripted"}}}),
        asked("POST", "/a/_count", {}),
        asked("POST", "/_aliases", {"actions": []}),
        asked("GET", "/_alias/a"),
        asked("DELETE", "/a/_doc/b"),
    ],
    ids=lambda one: f"{one.method} {one.path}",
)
def test_what_is_in_the_table_is_handed_on(request_: Request) -> None:
    assert translated(request_) == request_


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (asked("POST", "/a/_refresh"), 404),
        (asked("POST", "/a/_delete_by_query", {}), 404),
        (asked("POST", "/a/_forcemerge"), 404),
        (asked("PUT", "/a/_doc/b", {}), 404),
        (asked("GET", "/"), 404),
        (asked("GET", "/_cluster/health"), 404),
        (asked("POST", "/_bulk"), 404),
        (asked("POST", "/a/_bulk?refresh"), 400),
        (asked("POST", "/a/_search?allow_partial_search_results=false"), 400),
        (asked("POST", "/a/_search", {"aggs": {"x": [{"script": {"source": "1"}}]}}), 400),
        (Request("POST", "/a/_bulk", "", b"x" * (MOST_BYTES + 1)), 413),
    ],
)
def test_what_is_not_is_refused(request_: Request, status: int) -> None:
    with pytest.raises(RefusedByRulesError) as raised:
        translated(request_)
    assert raised.value.status == status


def test_only_the_engine_of_vectors_and_the_refresh_interval_are_changed() -> None:
    vector = {"type": "knn_vector", "dimension": 2, "method": {"name": "hnsw", "engine": "faiss", "space_type": "l2"}}
    body = {"settings": {"index": {"knn": True}}, "mappings": {"properties": {"v": vector, "w": {"type": "long"}}}}
    said = json.loads(translated(asked("PUT", "/a", body)).body)
    assert said["settings"] == {"index": {"knn": True, "refresh_interval": "1s"}}
    assert said["mappings"]["properties"]["v"]["method"] == {"name": "hnsw", "engine": "lucene", "space_type": "l2"}
    assert said["mappings"]["properties"]["w"] == {"type": "long"}


@pytest.mark.parametrize("method", [{}, {"name": "hnsw", "engine": "lucene"}, {"name": "ivf", "engine": "faiss"}])
def test_other_engines_of_vectors_are_refused(method: dict[str, str]) -> None:
    vector = {"type": "knn_vector", "dimension": 2, "method": method}
    with pytest.raises(RefusedByRulesError) as raised:
        translated(asked("PUT", "/a", {"mappings": {"properties": {"inner": {"properties": {"v": vector}}}}}))
    assert raised.value.status == 400


def test_items_with_ids_are_refused_one_by_one() -> None:
    lines = [
        *({"index": {"_id": "1"}}, {"a": 1}),
        *({"index": {}}, {"a": 2}),
        {"delete": {"_id": "3"}},
        *({"create": {"_id": "4"}}, {"a": 4}),
        *({"update": {"_id": "5"}}, {"doc": {}}),
    ]
    body = b"".join(json.dumps(line).encode() + b"\n" for line in lines)
    kept, answers = parted(Request("POST", "/a/_bulk", "", body))
    assert kept.count(b"\n") == 3
    assert [answer is None for answer in answers] == [False, True, True, False, False]
    said = joined(answers, {"errors": False, "items": [{"index": {"status": 201}}, {"delete": {"status": 200}}]})
    assert said["errors"]
    assert [next(iter(one.values()))["status"] for one in said["items"]] == [400, 201, 200, 400, 400]
    assert said["items"][0]["index"]["error"]["type"] == "illegal_argument_exception"
    assert not joined([None], {"errors": False, "items": [{"index": {"status": 201}}]})["errors"]
