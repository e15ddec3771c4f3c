"""Commands that ask the API, and their tables."""

from __future__ import annotations

import json
import socket
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import msgspec
import pytest

from tonari.contract.answers import HealthAnswer, PredictAnswer, SearchAnswer
from tonari_tools.cli.answer_tables import prediction_table, search_table, status_table
from tonari_tools.cli.main import main
from tonari_tools.tables import plain
from unit.tools.cli.answering import answering

JSON = "application/json"
STATE = {"generation": 3, "snapshot": "s", "encoder": "e"}
SEARCH = {
    "items": [
        {
            "id": "a",
            "score": 0.95,
            "view": "1.jpg",
            "fields": {"tags": ["x", "y"], "price": 5, "name": "A  long\nname"},
        },
        {"id": "bb", "score": -0.2, "view": "2.jpg", "fields": {"name": "B" * 50}},
        {"id": "c", "score": -0.3, "view": "3.jpg"},
    ],
    "plan": {"path": "scan", "matching": 7, "scanned": 9, "exact": False},
    "took_ms": {"encode": 5.25, "search": 0.5},
    **STATE,
}
PREDICTION = {
    "value": "red",
    "score": 0.8,
    "alternatives": [{"value": "pink", "score": 0.71}],
    "method": "vote",
    "calibrated": True,
    "abstained": False,
    "agree": True,
    "new_class": False,
    "neighbours": [],
}
PREDICTIONS = {"predictions": {"color": PREDICTION}, "method": "vote", "took_ms": {"encode": 5}, **STATE}
HEALTH: dict[str, Any] = {
    "status": "ok",
    "version": "0.1.0",
    "generation": 3,
    "snapshot": "s",
    "encoder": {"id": "f" * 64, "name": "e", "dimensions": 256},
    "items": 5,
    "views": 9,
    "segments": 1,
    "recall": {},
    "search": {"large_ranges": "cells", "reason": ""},
    "rejected": {"count": 0, "first": {}},
    "ignored": {"count": 0, "reasons": {}},
    "unusable": {"count": 0, "fields": {}},
    "attributes": {"color": ["red"]},
    "fields": {},
    "samples": [],
    "refused": None,
}


def test_search_sends_the_photo_and_shows_a_table(photo: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with answering((200, JSON, json.dumps(SEARCH).encode())) as (url, asked):
        assert main(["search", str(photo), "-k", "3", "--filter", '{"price": {"$lt": 5}}', "--url", url]) == 0
    (request,) = asked
    assert (request.method, urlsplit(request.target).path, request.body) == ("POST", "/v1/search", photo.read_bytes())
    query = parse_qs(urlsplit(request.target).query)
    assert (query["k"], json.loads(query["filter"][0])) == (["3"], {"price": {"$lt": 5}})
    assert capsys.readouterr().out == (
        "id  score   name                                      price  tags\n"
        "a   0.950   A long name                               5      x, y\n"
        f"bb  -0.200  {'B' * 39}…\n"
        "c   -0.300\n\n"
        "3 of 7 matching items; compared 9 views (scan); 5.8 ms (encode 5.2, search 0.5)\n"
    )


def test_json_is_the_answer_as_it_is(photo: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with answering((200, JSON, json.dumps(SEARCH).encode())) as (url, _):
        assert main(["search", str(photo), "--json", "--url", url]) == 0
    assert json.loads(capsys.readouterr().out) == SEARCH


def test_the_url_may_stand_in_the_environment(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with answering((200, JSON, json.dumps(HEALTH).encode())) as (url, _):
        monkeypatch.setenv("TONARI_URL", url)
        assert main(["status"]) == 0
        assert f"url       {url}\n" in capsys.readouterr().out


def test_predict_asks_for_the_attributes_by_name(photo: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with answering((200, JSON, json.dumps(PREDICTIONS).encode())) as (url, asked):
        line = ["predict", str(photo), "--method", "vote", "--attributes", "color, category", "--url", f"{url}/stage/"]
        assert main(line) == 0
    assert urlsplit(asked[0].target).path == "/stage/v1/predict"
    query = parse_qs(urlsplit(asked[0].target).query)
    assert (query["method"], json.loads(query["attributes"][0])) == (["vote"], ["color", "category"])
    assert "color      red    0.800  pink 0.71\n" in capsys.readouterr().out


def test_nobody_answers(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    assert main(["status", "--url", f"http://127.0.0.1:{port}"]) == 1
    written = capsys.readouterr().err
    assert f"Nobody answers at 127.0.0.1:{port}" in written
    assert "Start one with tonari demo, or name another with --url.\n" in written
    assert written.count("\n") == 1


def test_what_the_api_refuses_is_one_line(photo: Path, capsys: pytest.CaptureFixture[str]) -> None:
    problem = {"type": "urn:tonari:problem:unsupported-image", "title": "T", "status": 415, "detail": "No picture."}
    with answering((415, "application/problem+json", json.dumps(problem).encode())) as (url, _):
        assert main(["search", str(photo), "--url", url]) == 1
    assert capsys.readouterr() == ("", "tonari: No picture.\n")


def search_answer(**changes: Any) -> SearchAnswer:
    return msgspec.convert(SEARCH | changes, SearchAnswer)


def predict_answer(**changes: Any) -> PredictAnswer:
    return msgspec.convert(PREDICTIONS | changes, PredictAnswer)


def health_answer(**changes: Any) -> HealthAnswer:
    return msgspec.convert(HEALTH | changes, HealthAnswer)


def test_nothing_found_is_said() -> None:
    assert plain(*search_table(search_answer(items=[]))).startswith("0 of 7 matching")


def test_an_unsure_prediction_is_shown_as_one() -> None:
    alternatives = [{"value": "red", "score": 0.4}, {"value": "pink", "score": 0.3}]
    unsure = PREDICTION | {"value": None, "score": 0.4, "abstained": True, "alternatives": alternatives}
    text = plain(*prediction_table(predict_answer(predictions={"color": unsure})))
    assert "color      perhaps red  0.400  pink 0.30\n" in text


def test_a_catalogue_without_labels_predicts_nothing() -> None:
    assert plain(*prediction_table(predict_answer(predictions={}))).startswith("No attribute can be predicted")


def test_status_says_what_is_live() -> None:
    text = plain(*status_table(health_answer(), "http://here"))
    assert "items     5, 9 views" in text
    assert "color     1 classes" in text
    assert "encoder   e, 256 dimensions, ffffffffffff" in text


def test_what_is_not_used_stands_in_the_status() -> None:
    assert "ignored" not in plain(*status_table(health_answer(), "http://here"))
    why = "price is a number field; 'cheap' is no number"
    health = health_answer(
        rejected={"count": 1, "first": {"images/a/1.jpg": "It is no picture."}},
        ignored={"count": 3, "reasons": {"The file is empty.": {"count": 3, "examples": ["images/\x1b[2J/a.jpg"]}}},
        unusable={"count": 9, "fields": {"price": {"count": 9, "examples": {"a": why, "b": why}}}},
    )

    text = plain(*status_table(health, "http://here"))

    assert "rejected  1 files\n          'images/a/1.jpg': It is no picture." in text
    assert "ignored   3 files, at the last rebuild\n          3: The file is empty. 'images/\\x1b[2J/a.jpg'" in text
    assert f"unusable  9 values, at the last rebuild\n          price: 9. a: {why}" in text


def test_a_refusal_stands_in_the_status() -> None:
    fall = {"what": "recall at 0.01", "live": 0.99, "now": 0.9, "margin": 0.01, "held_out": None}
    refused = {"id": "t", "at": "2026-01-01T00:00:00+00:00", "live": "s", "falls": [fall]}

    text = plain(*status_table(health_answer(refused=refused), "http://here"))

    assert "refused   snapshot t, built 2026-01-01T00:00:00+00:00, is worse than the live one:" in text
    assert "recall at 0.01: 0.990 -> 0.900, allowed -0.010" in text
    assert "tonari rebuild --accept" in text
