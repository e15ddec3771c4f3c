"""Queries by words over a catalogue of pictures, through the query function, over a real S3 server."""

from __future__ import annotations

import base64
from typing import Any

import pytest

import pictures
from integration.events import Caller, failed, notification, sqs_event
from integration.shop import BY_ID, PRODUCTS, draw, put_document, put_image
from tonari.aws.functions import Handler
from tonari.builds.look import RebuildContext
from tonari.builds.rebuild import rebuild
from tonari.catalogue.documents import document_key
from tonari.storage.bucket import Bucket

RED_BALL = pictures.encoded(draw("red", "ball", inset=44), "PNG")
REDS = {"red-ball", "red-box", "red-tent"}
BALLS = {"red-ball", "green-ball", "blue-ball", "yellow-ball"}


def asked(caller: Caller, **value: Any) -> dict[str, Any]:
    answer = caller.json("/v1/search", value)
    assert answer.status == 200, answer.body
    body: dict[str, Any] = answer.body
    return body


def ids(body: dict[str, Any]) -> list[str]:
    return [item["id"] for item in body["items"]]


def test_words_find_items_by_their_texts(standing: Caller) -> None:
    body = asked(standing, text="Red BALLS", k=50)

    assert ids(body)[0] == "red-ball"
    assert {*ids(body)} == REDS | BALLS
    first = body["items"][0]
    assert (first["score"], first["view"]) == (None, "front.png")
    assert first["image"] == "/v1/items/red-ball/image?view=front.png"
    assert first["fields"]["color"] == "red"
    assert {"ranks", "ranked_by", "passage"} & first.keys() == set()
    bm25 = [item["bm25"] for item in body["items"]]
    assert bm25 == sorted(bm25, reverse=True)
    assert min(bm25) > 0
    assert (body["plan"]["path"], body["plan"]["exact"], body["plan"]["scanned"]) == ("words", True, 6)
    assert (body["familiar"], body["likeness"]) == (None, {"nearest": None, "level": None})
    assert ids(asked(standing, text="violet")) == []


def test_a_query_string_says_it_too(standing: Caller) -> None:
    answer = standing.send("POST", "/v1/search", b"", query={"text": "red"})
    assert answer.status == 400
    assert "The body is empty" in answer.body["detail"]
    assert standing.get("/v1/health").body["queries"] == {"image": True, "text": "lexical", "image_and_text": False}


def test_k_come_whenever_k_have_a_word_and_match(standing: Caller) -> None:
    for condition, expected in (
        ({"price": {"$lt": 20}}, {item for item in REDS | BALLS if BY_ID[item].price < 20}),
        ({"color": "red"}, REDS),
        ({"category": "tent"}, {"red-tent"}),
        ({"color": "violet"}, set()),
    ):
        for k in (1, 2, 50):
            body = asked(standing, text="red ball", k=k, filter=condition)
            assert len(ids(body)) == min(k, len(expected))
            assert {*ids(body)} <= expected
    assert ids(asked(standing, text="red ball", ids=["red-tent", "blue-box"])) == ["red-tent"]


def test_pages_of_words_have_no_gaps(standing: Caller) -> None:
    whole = ids(asked(standing, text="red ball tent", k=50))
    for more in ({}, {"boost": [{"field": "price", "weight": 0.2, "high": 60}]}, {"group_by": "category"}):
        whole = ids(asked(standing, text="red ball tent", k=50, **more))
        found: list[str] = []
        cursor: dict[str, Any] = {}
        while True:
            body = asked(standing, text="red ball tent", k=2, **more, **cursor)
            found += ids(body)
            if "next" not in body:
                break
            cursor = {"cursor": body["next"]}
        assert found == whole
    answer = standing.json("/v1/search", {"text": "red ball", "k": 2, "group_by": "category", **cursor})
    assert (answer.status, answer.body["type"]) == (400, "urn:tonari:problem:invalid-request")


def test_what_else_a_search_by_words_can_do(standing: Caller) -> None:
    body = asked(standing, text="red ball", k=50, group_by="category", facets=["color"])
    assert ids(body)[0] == "red-ball"
    assert len({BY_ID[item].category for item in ids(body)}) == len(ids(body)) == 3
    assert body["facets"]["color"]["count"] == 12
    body = asked(standing, text="red ball", k=50, boost=[{"field": "price", "weight": 0.5, "high": 60}])
    assert [item["ranked_by"] for item in body["items"]] == sorted(
        (item["ranked_by"] for item in body["items"]), reverse=True
    )
    assert ids(body)[0] == "yellow-ball"
    assert body["reranked"]["complete"] is True
    body = asked(standing, text="red ball", k=50, pin=["blue-tent", "red-box"], bury=["red-ball", "green-box"])
    assert ids(body)[:2] == ["blue-tent", "red-box"]
    assert ids(body)[-1] == "red-ball"
    assert "green-box" not in ids(body)
    assert "bm25" not in body["items"][0]
    assert [item.get("placed") for item in body["items"]][:2] == ["pinned", "pinned"]
    assert len(ids(asked(standing, text="red ball", k=3, diversity=0.5))) == 3
    assert {*ids(asked(standing, text="red ball", k=50, duplicates=False))} == REDS | BALLS
    embedded = asked(standing, text="red ball", include=["embedding"])["items"][0]
    assert len(embedded["embedding"]) > 3
    assert "image" not in embedded


def test_several_queries_of_several_kinds(standing: Caller) -> None:
    answer = standing.json("/v1/search", {"queries": [{"text": "red ball"}, {"id": "red-ball"}, {"text": "tent"}]})
    assert answer.status == 200
    first, second, third = (ids(one) for one in answer.body["results"])
    assert first == ids(asked(standing, text="red ball"))
    assert second == ids(asked(standing, id="red-ball"))
    assert {BY_ID[item].category for item in third} == {"tent"}


UNSUPPORTED = "urn:tonari:problem:unsupported-query"
INVALID_TEXT = "urn:tonari:problem:invalid-text"
INVALID = "urn:tonari:problem:invalid-request"
PNG = base64.b64encode(RED_BALL).decode()


@pytest.mark.parametrize(
    ("value", "kind", "says"),
    [
        ({"text": ""}, INVALID_TEXT, "'text' is empty or blank: write what to look for"),
        ({"text": " \t\n\u3000"}, INVALID_TEXT, "'text' is empty or blank"),
        ({"text": "the of and"}, INVALID_TEXT, "the"),
        ({"text": "!?… — ☂"}, INVALID_TEXT, ""),
        ({"text": "a" * 1_000_000}, INVALID_TEXT, "'text' has 1,000,000 characters, at most 2,000"),
        ({"text": "red\u0000ball"}, INVALID_TEXT, "control character U+0000"),
        ({"text": "red", "text_weight": 0.2}, INVALID, "'text_weight' weighs"),
        ({"text": "red", "region": {"x": 0, "y": 0, "width": 1, "height": 1}}, INVALID, "'region' is a part"),
        ({"text": "red", "vector": [1.0]}, INVALID, "stands alone or beside one of image, upload, id"),
        ({"text": "red", "retrieval": "dense"}, UNSUPPORTED, "knows pictures alone"),
        ({"text": "red", "retrieval": "fused"}, UNSUPPORTED, "knows pictures alone"),
        ({"text": "red", "image": PNG}, UNSUPPORTED, "send the 'text' alone"),
        ({"text": "red", "id": "red-ball"}, UNSUPPORTED, "send the 'text' alone"),
        ({"text": "red", "min_score": 0.5}, UNSUPPORTED, "'min_score' needs embeddings"),
        ({"text": "red", "shift": {"color": "blue"}}, UNSUPPORTED, "'shift' needs embeddings"),
        ({"text": "red", "predict": ["color"]}, UNSUPPORTED, "'predict' needs embeddings"),
        ({"queries": [{"id": "red-ball"}, {"text": " "}]}, INVALID_TEXT, "queries[1]: 'text' is empty"),
        ({"queries": [{"id": "red-ball"}, {"text": "the"}]}, INVALID_TEXT, "queries[1]: "),
    ],
)
def test_what_words_cannot_ask(standing: Caller, value: dict[str, Any], kind: str, says: str) -> None:
    answer = standing.json("/v1/search", value)
    assert (answer.status, answer.body["type"], answer.headers["content-type"]) == (
        400,
        kind,
        "application/problem+json",
    )
    assert says in answer.body["detail"]


def test_nothing_is_predicted_of_words_where_the_encoder_knows_none(standing: Caller) -> None:
    answer = standing.json("/v1/predict", {"text": "red"})
    assert (answer.status, answer.body["type"]) == (400, UNSUPPORTED)
    path = standing.get("/v1/items/red-ball/similar", text="blue", text_weight="0.3")
    assert (path.status, path.body["type"]) == (400, UNSUPPORTED)


LANGUAGES = "red 赤い 빨간 красный أحمر लाल แดง κόκκινο אדום 红色 đỏ piros červená rød rot rouge vermelho"


@pytest.mark.parametrize("text", [LANGUAGES, "red " * 499, "red' OR 1=1 --", 'red AND (ball OR "', "+red -ball", "re*"])
def test_whatever_a_text_says_it_is_no_language_of_queries(standing: Caller, text: str) -> None:
    body = asked(standing, text=text, k=50)
    assert {*ids(body)} >= REDS or text == "re*"


def test_near_copies_of_a_picture_are_left_out_where_that_is_asked_for(
    live: Caller, reindexer: Handler, catalogue: Bucket
) -> None:
    for number in range(3):
        put_image(catalogue, f"copy-{number}", PRODUCTS[0].picture())
        put_document(catalogue, f"copy-{number}", {"color": "red", "category": "globe"})
    keys = [document_key(f"copy-{number}") for number in range(3)]
    assert failed(reindexer(sqs_event(notification(*keys)), None)) == []
    copies = {f"copy-{number}" for number in range(3)}

    assert copies <= {*ids(asked(live, id="red-ball", k=50))}
    left = ids(asked(live, id="red-ball", k=50, duplicates=False))
    assert {*left} == {*BY_ID} - {"red-ball"}
    picture = live.picture("/v1/search", PRODUCTS[0].picture(), k="13", duplicates="false").body
    assert ids(picture)[0] == "copy-0"
    assert len({*ids(picture)} & {"red-ball", *copies}) == 1
    assert len(ids(picture)) == 12
    assert ids(asked(live, text="globes", duplicates=False)) == ["copy-0"]
    assert {*ids(asked(live, text="globes"))} == copies
    similar = live.get("/v1/items/red-ball/similar", k="50", duplicates="false")
    assert ids(similar.body) == left


def test_words_follow_the_catalogue(live: Caller, reindexer: Handler, catalogue: Bucket) -> None:
    assert ids(asked(live, text="crimson")) == []
    put_document(catalogue, "red-ball", {"color": "crimson", "category": "ball", "price": 10})
    put_document(catalogue, "wordy", {"category": "A crimson cloud", "price": 3})
    catalogue.delete(document_key("red-box"))
    keys = [document_key(item) for item in ("red-ball", "wordy", "red-box")]
    assert failed(reindexer(sqs_event(notification(*keys)), None)) == []

    body = asked(live, text="crimson")
    assert {*ids(body)} == {"red-ball", "wordy"}
    wordy = next(item for item in body["items"] if item["id"] == "wordy")
    assert (wordy["view"], wordy["score"]) == ("", None)
    assert "image" not in wordy
    assert "red-ball" not in ids(asked(live, text="red"))
    assert "red-box" not in ids(asked(live, text="red"))


@pytest.mark.usefixtures("encoder")
def test_a_catalogue_without_texts(context: RebuildContext, catalogue: Bucket, query: Caller) -> None:
    put_image(catalogue, "a", RED_BALL)
    put_document(catalogue, "b", {"price": 5})
    rebuild(context)

    assert query.get("/v1/health").body["queries"] == {"image": True, "text": None, "image_and_text": False}
    answer = query.json("/v1/search", {"text": "red"})
    assert (answer.status, answer.body["type"]) == (400, UNSUPPORTED)
    assert "No item can be found by its words" in answer.body["detail"]
    assert query.json("/v1/search", {"id": "a"}).status == 200
