"""Commands that ask the API, and their tables."""

from __future__ import annotations

import json
import re
import socket
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import msgspec
import pytest

from tonari.contract.answers import PredictAnswer, SearchAnswer
from tonari.contract.health import HealthAnswer
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
    "plan": {"path": "scan", "matching": 7, "scanned": 9, "exact": False, "vectors": "full"},
    "familiar": True,
    "likeness": {"nearest": 0.95, "level": 0.6},
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
    "unpredicted": {},
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


def test_predict_asks_for_an_item_by_its_id() -> None:
    with answering((200, JSON, json.dumps(PREDICTIONS).encode())) as (url, asked):
        assert main(["predict", "--id", "dress-031", "--url", url]) == 0
    assert json.loads(asked[0].body)["id"] == "dress-031"


@pytest.mark.parametrize("command", ["search", "predict"])
@pytest.mark.parametrize("both", [True, False])
def test_a_query_is_a_picture_or_an_item(
    command: str,
    both: bool,  # noqa: FBT001
    photo: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main([command, *([str(photo), "--id", "a"] if both else [])]) == 2
    assert "a picture file, an item by --id, or words by --text" in capsys.readouterr().err


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


def test_search_by_an_item_and_all_that_a_shop_wishes(capsys: pytest.CaptureFixture[str]) -> None:
    answer = {
        **SEARCH,
        "shifted": {"cosine": 0.816, "kept": ["category"]},
        "reranked": {"candidates": 5000, "complete": False},
    }
    items = [dict(item) for item in SEARCH["items"]]  # type: ignore[attr-defined]
    items[0] |= {"ranked_by": 0.95, "boosts": {"price": 0.0}, "placed": "pinned"}
    items[1] |= {"ranked_by": -0.15, "boosts": {"price": 0.05}}
    line = [
        "search",
        "--id",
        "7",
        "--shift",
        "color=red",
        "--shift",
        "kind=a=b",
        "--pin",
        "a",
        "--bury",
        "b",
        "--bury",
        "c",
    ]
    boost = '[{"field": "price", "weight": 0.1}]'
    with answering((200, JSON, msgspec.json.encode({**answer, "items": items}))) as (url, asked):
        assert main([*line, "--boost", boost, "--url", url]) == 0
    sent = json.loads(asked[0].body)
    sent.pop("include")
    assert sent == {
        "id": "7", "shift": {"color": "red", "kind": "a=b"}, "boost": json.loads(boost), "pin": ["a"],
        "bury": ["b", "c"],
    }  # fmt: skip
    written = capsys.readouterr().out
    assert "ranked by" in written
    assert "pinned" in written
    assert "-0.150 (price +0.050)" in written
    assert "moved to cosine 0.82 of the query; only the nearest 5000 were ranked by boosts" in written


def test_a_region_is_sent_beside_the_photo(photo: Path) -> None:
    answers = (200, JSON, msgspec.json.encode(SEARCH)), (200, JSON, msgspec.json.encode(PREDICTIONS))
    with answering(*answers) as (url, asked):
        for command in ("search", "predict"):
            assert main([command, str(photo), "--region", "0.1,0,.5,1", "--url", url]) == 0
    for one in asked:
        assert one.body == photo.read_bytes()
        region = json.loads(parse_qs(urlsplit(one.target).query)["region"][0])
        assert region == {"x": 0.1, "y": 0.0, "width": 0.5, "height": 1.0}


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


STRANGE = {"familiar": False, "likeness": {"nearest": 0.3111, "level": 0.57}}
SAYS = (
    "Like nothing in this catalogue: the nearest item has similarity 0.311, "
    "98.5 % of what belongs here has 0.570 or more.\n"
)


def test_a_stranger_is_called_one() -> None:
    found = msgspec.convert(SEARCH | STRANGE, SearchAnswer)
    assert plain(*search_table(found)).startswith(f"{SAYS}\nid ")
    nothing = msgspec.convert(SEARCH | STRANGE | {"items": []}, SearchAnswer)
    assert plain(*search_table(nothing)).startswith(SAYS)
    strange = PREDICTION | {"value": None, "score": None, "abstained": True, "abstained_because": "unfamiliar"}
    text = plain(*prediction_table(predict_answer(predictions={"color": strange}, **STRANGE)))
    assert text.startswith(f"{SAYS}\nattribute ")
    assert "pink" not in text


def test_a_label_is_called_one() -> None:
    label = PREDICTION | {"score": None, "method": "label", "agree": False}
    text = plain(*prediction_table(predict_answer(predictions={"color": label})))
    assert "color      red (its label)" in text
    assert "neighbours say pink 0.71" in text
    assert "0.000" not in text
    unsure = plain(*prediction_table(predict_answer(predictions={"color": label | {"agree": None}})))
    assert "neighbours are not sure: pink 0.71" in unsure


def test_neighbours_for_and_against_are_named() -> None:
    a, b, c = ({"id": name, "score": 0.9, "value": "red"} for name in "abc")
    text = plain(*prediction_table(predict_answer(predictions={"color": PREDICTION | {"for": [a, b], "against": [c]}})))
    assert [line.split()[-2:] for line in text.splitlines()[:2]] == [["for", "against"], ["b", "c"]]
    assert "a, b" in text


def test_without_a_method_those_of_the_attributes_are_named() -> None:
    size = PREDICTION | {"method": "discriminant"}
    answer = predict_answer(predictions={"color": PREDICTION, "size": size}, method=None)
    assert "\nmethod discriminant, vote; " in plain(*prediction_table(answer))


def test_a_catalogue_without_labels_predicts_nothing() -> None:
    assert plain(*prediction_table(predict_answer(predictions={}))).startswith("No attribute can be predicted")


def test_status_says_what_is_live() -> None:
    text = plain(*status_table(health_answer(), "http://here"))
    assert "items     5, 9 views" in text
    assert "color     1 classes" in text
    assert "encoder   e, 256 dimensions, ffffffffffff" in text


def test_status_names_methods_and_level() -> None:
    methods = {"color": {"method": "vote", "reason": "0.91 against 0.88 of held-out items"}}
    health = health_answer(methods=methods, familiarity={"level": 0.5748, "items": 165, "alone": 2})
    text = plain(*status_table(health, "http://here"))
    assert "color     1 classes, by vote: 0.91 against 0.88 of held-out items" in text
    assert "familiar  from similarity 0.575 on, learned from 165 items" in text


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


def test_a_field_that_a_limit_leaves_out_stands_in_the_status() -> None:
    text = plain(
        *status_table(health_answer(unpredicted={"brand": "1,200 values: more than 1,000. To predict"}), "http://here")
    )

    assert re.search(r"not predicted +brand: 1,200 values: more than 1,000\. To predict", text)


def test_a_refusal_stands_in_the_status() -> None:
    fall = {"what": "recall at 0.01", "live": 0.99, "now": 0.9, "margin": 0.01, "held_out": None}
    refused = {"id": "t", "at": "2026-01-01T00:00:00+00:00", "live": "s", "falls": [fall]}

    text = plain(*status_table(health_answer(refused=refused), "http://here"))

    assert "refused   snapshot t, built 2026-01-01T00:00:00+00:00, is worse than the live one:" in text
    assert "recall at 0.01: 0.990 -> 0.900, allowed -0.010" in text
    assert "tonari rebuild --accept" in text


def test_status_says_which_items_were_held_out_together() -> None:
    rules = [{"rule": "field", "how": "sku", "groups": 40, "items": 90, "largest": 5}]
    grouping = {"groups": 40, "items": 90, "largest": 5, "rules": rules}

    text = plain(*status_table(health_answer(grouping=grouping), "here"))

    assert "held out  90 items in 40 groups, the largest of 5; by field (sku): 90" in text
    assert "held out" not in plain(*status_table(health_answer(), "here"))


BY_WORDS = {
    **SEARCH,
    "items": [
        {"id": "a", "score": None, "view": "", "bm25": 3.21, "fields": {"name": "Red boot"}},
        {"id": "b", "score": None, "view": "1.jpg", "bm25": 1.5, "fields": {"name": "Boot"}},
    ],
    "plan": {"path": "words", "matching": 2, "scanned": 2, "exact": True},
    "familiar": None,
    "likeness": {"nearest": None, "level": None},
}
FUSED = {
    **BY_WORDS,
    "items": [
        {
            "id": "a",
            "score": 0.5,
            "view": "#2",
            "bm25": 3.21,
            "ranks": {"lexical": 1, "dense": 2},
            "ranked_by": 0.991935,
            "passage": {"text": "Boots are red. " * 20, "number": 2, "title": "Boots"},
        },
        {"id": "b", "score": None, "view": "", "bm25": 1.5, "ranks": {"lexical": 2}, "ranked_by": 0.4919},
    ],
    "plan": {
        "path": "scan",
        "matching": 9,
        "scanned": 11,
        "exact": True,
        "fusion": {"depth": 200, "lexical": 2, "dense": 9, "both": 1},
    },
}


def test_what_words_find_has_no_similarity(capsys: pytest.CaptureFixture[str]) -> None:
    with answering((200, JSON, json.dumps(BY_WORDS).encode())) as (url, asked):
        assert main(["search", "--text", "red boot", "--retrieval", "lexical", "--no-duplicates", "--url", url]) == 0
    sent = json.loads(asked[0].body)
    assert (sent["text"], sent["retrieval"], sent["duplicates"]) == ("red boot", "lexical", False)
    assert capsys.readouterr().out.splitlines()[:3] == [
        "id  words  name",
        "a   3.21   Red boot",
        "b   1.50   Boot",
    ]


def test_what_both_find_shows_places_and_passages() -> None:
    answer = msgspec.convert(FUSED, SearchAnswer)
    table = plain(*search_table(answer))
    assert "score" in table
    assert "3.21 (lexical 1, dense 2)" in table
    assert "0.992" in table
    assert "Boots are red." in table
    assert "2 by words and 9 by embedding ranked together" in table
    assert "Like nothing" not in table


def test_a_text_stands_beside_a_picture(photo: Path) -> None:
    with answering((200, JSON, json.dumps(SEARCH).encode())) as (url, asked):
        assert main(["search", str(photo), "--text", "in blue", "--text-weight", "0.25", "--url", url]) == 0
        assert main(["predict", "--id", "a", "--text", "blue", "--url", url]) == 1
    query = parse_qs(urlsplit(asked[0].target).query)
    assert (query["text"], query["text_weight"], asked[0].body) == (["in blue"], ["0.25"], photo.read_bytes())
    assert json.loads(asked[1].body) == {"id": "a", "text": "blue"}


def test_status_says_what_can_be_asked() -> None:
    asked = {"image": True, "text": "fused", "image_and_text": True}
    health = msgspec.convert({**HEALTH, "queries": asked}, HealthAnswer)
    assert "pictures, texts (fused), both together, items" in plain(*status_table(health, "http://x"))
    health = msgspec.convert({**HEALTH, "queries": {"image": False, "text": None}}, HealthAnswer)
    assert re.search(r"asked by +items", plain(*status_table(health, "http://x")))
