"""What the handlers add to the use cases: limits over several searches, and warnings of what is written."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from api_app import app
from tonari.api.app import App
from tonari.api.http import Request
from tonari.contract.answers import JSON


def send(app: App, method: str, path: str, value: Any) -> tuple[int, dict[str, Any]]:
    response = app(Request(method, path, (), JSON, json.dumps(value).encode()))
    return response.status, json.loads(response.body)


def test_a_value_of_the_wrong_type_is_stored_and_warned_of(tmp_path: Path) -> None:
    status, said = send(app(tmp_path), "PUT", "/v1/items/x", {"price": "cheap", "brand": "acme"})

    assert status == 202
    assert said["warnings"] == {
        "price": "price is a number field; 'cheap' is no number, so filters and facets will treat this item as having "
        "no price."
    }
    assert json.loads((tmp_path / "bucket/items/x.json").read_text()) == {"price": "cheap", "brand": "acme", "id": "x"}


@pytest.mark.parametrize("live", [True, False])
def test_nothing_is_warned_of_where_nothing_is_wrong_or_known(tmp_path: Path, live: bool) -> None:  # noqa: FBT001
    status, said = send(app(tmp_path, live=live), "PUT", "/v1/items/x", {"price": 5 if live else "cheap"})

    assert (status, said["warnings"]) == (202, {})


def test_several_searches_share_their_limits(tmp_path: Path) -> None:
    some = {"vector": [1, 0, 0], "filter": {"$or": [{"price": 5}] * 43}}

    status, said = send(app(tmp_path), "POST", "/v1/search", {"queries": [some] * 3})

    assert (status, said["type"]) == (400, "urn:tonari:problem:invalid-request")
    assert "have 129 conditions together, at most 128" in said["detail"]


def test_no_search_begins_after_a_second_of_computing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    over = app(tmp_path)
    queries = {"queries": [{"vector": [1, 0, 0]}] * 3}
    assert send(over, "POST", "/v1/search", queries)[0] == 200
    seconds = iter([0.0, 0.5, 1.0, 1.1])
    monkeypatch.setattr("tonari.api.handlers.time.thread_time", lambda: next(seconds))

    status, said = send(over, "POST", "/v1/search", queries)

    assert status == 400
    assert said["detail"].startswith("queries[2]: The queries before it took 1.1 s to compute")


def test_exact_searches_are_counted_together(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tonari.query.together.MOST_COMPONENTS", 150)

    status, said = send(app(tmp_path), "POST", "/v1/search", {"queries": [{"vector": [1, 0, 0], "exact": True}] * 3})

    assert status == 400
    assert said["detail"].startswith("queries[1]: The queries before it compared ")
