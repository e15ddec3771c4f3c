"""Queries by text where the encoder knows words: articles, and pictures beside words, over a real S3 server."""

from __future__ import annotations

import base64
from typing import Any

import pytest

import pictures
from integration.events import Caller, failed, notification, sqs_event
from integration.shop import BY_ID, draw, push, put_document
from integration.test_words import INVALID, INVALID_TEXT, UNSUPPORTED, asked, ids
from tonari.aws.functions import Handler
from tonari.builds.look import RebuildContext
from tonari.builds.rebuild import rebuild
from tonari.catalogue.documents import document_key
from tonari.encoders.bundle import Bundle
from tonari.encoders.store import save_bundle
from tonari.snapshots.head import use_encoder
from tonari.storage.bucket import Bucket
from word_bundles import TOPICS, article, joint_bundle, text_bundle

ARTICLES = {f"{topic}-{number}": article(topic, number) for topic in TOPICS for number in range(8)}
BLUE_BALL = pictures.encoded(draw("blue", "ball", inset=44), "PNG")
PNG = base64.b64encode(BLUE_BALL).decode()


def make_live(artefacts: Bucket, context: RebuildContext, bundle: Bundle) -> None:
    use_encoder(artefacts, save_bundle(artefacts, bundle))
    rebuild(context)


@pytest.fixture
def newsroom(catalogue: Bucket, artefacts: Bucket, context: RebuildContext, query: Caller) -> Caller:
    for item, fields in ARTICLES.items():
        put_document(catalogue, item, fields)
    make_live(artefacts, context, text_bundle())
    return query


@pytest.fixture
def shop_in_words(catalogue: Bucket, artefacts: Bucket, context: RebuildContext, query: Caller) -> Caller:
    push(catalogue)
    put_document(catalogue, "wordy", {"category": "red cloud", "price": 3})
    make_live(artefacts, context, joint_bundle())
    return query


def walk(caller: Caller, **value: Any) -> list[str]:
    """Take page after page, to the end."""
    found: list[str] = []
    cursor: dict[str, Any] = {}
    while True:
        body = asked(caller, **value, **cursor)
        found += ids(body)
        if "next" not in body:
            return found
        cursor = {"cursor": body["next"]}


def test_articles_are_found_by_both(newsroom: Caller) -> None:
    assert newsroom.get("/v1/health").body["queries"] == {"image": False, "text": "fused", "image_and_text": False}
    word = "telescope"
    body = asked(newsroom, text=word, k=50)

    having = {item for item, fields in ARTICLES.items() if word in f"{fields['title']} {fields['text']}"}
    assert {*ids(body)} == {*ARTICLES}
    assert {*ids(body)[: len(having)]} == having
    assert body["plan"]["fusion"] == {"depth": 200, "lexical": len(having), "dense": 24, "both": len(having)}
    first = body["items"][0]
    assert first["view"] == "#1"
    assert first["passage"] == {
        "text": ARTICLES[first["id"]]["text"],
        "number": 1,
        "title": ARTICLES[first["id"]]["title"],
    }
    assert "image" not in first
    assert first["ranks"].keys() == {"lexical", "dense"}
    assert first["score"] == pytest.approx(max(item["score"] for item in body["items"]), abs=0.2)
    assert "bm25" in first
    by = [item["ranked_by"] for item in body["items"]]
    assert by == sorted(by, reverse=True)
    assert (body["familiar"], body["likeness"]["level"]) == (None, None)


def test_each_way_alone(newsroom: Caller) -> None:
    dense = asked(newsroom, text="atoms", k=8, retrieval="dense")
    assert {ARTICLES[item]["topic"] for item in ids(dense)} == {"science"}
    assert "fusion" not in dense["plan"]
    assert {"bm25", "ranks", "ranked_by"} & dense["items"][0].keys() == set()
    lexical = asked(newsroom, text="atoms", k=50, retrieval="lexical")
    assert {*ids(lexical)} == {i for i, one in ARTICLES.items() if "atoms" in f"{one['title']} {one['text']}"}
    assert all(item["score"] is None for item in lexical["items"])
    stop = asked(newsroom, text="the and of", k=3)
    assert len(ids(stop)) == 3
    assert stop["plan"]["fusion"]["lexical"] == 0
    refused = newsroom.json("/v1/search", {"text": "the and of", "retrieval": "lexical"})
    assert (refused.status, refused.body["type"]) == (400, INVALID_TEXT)


def test_fused_answers_have_pages_filters_and_groups(newsroom: Caller) -> None:
    text = "bank telescope"
    whole = ids(asked(newsroom, text=text, k=50))
    assert walk(newsroom, text=text, k=5) == whole
    condition = {"topic": {"$in": ["money", "sport"]}}
    narrowed = asked(newsroom, text=text, k=50, filter=condition, facets=["topic"])
    assert {*ids(narrowed)} == {item for item, one in ARTICLES.items() if one["topic"] in ("money", "sport")}
    assert narrowed["plan"]["matching"] == narrowed["facets"]["topic"]["count"] == 16
    assert walk(newsroom, text=text, k=5, filter=condition) == ids(narrowed)
    grouped = ids(asked(newsroom, text=text, k=50, group_by="topic"))
    assert len(grouped) == len({ARTICLES[item]["topic"] for item in grouped}) == 3
    least = asked(newsroom, text=text, k=50, min_score=0.5)
    assert 0 < len(ids(least)) < 24
    assert all(item["score"] >= 0.5 for item in least["items"])
    exact = asked(newsroom, text=text, k=50, exact=True)
    assert exact["plan"]["exact"] is True
    assert ids(exact) == whole
    pinned = asked(newsroom, text=text, k=3, pin=["sport-1"])
    assert ids(pinned)[0] == "sport-1"
    assert "ranks" not in pinned["items"][0]
    assert len(ids(asked(newsroom, text=text, k=4, diversity=0.7))) == 4


def test_more_like_this_leaves_near_copies_out(newsroom: Caller, reindexer: Handler, catalogue: Bucket) -> None:
    for number in range(2):
        put_document(catalogue, f"agency-{number}", {**ARTICLES["money-1"], "paper": f"no {number}"})
    keys = [document_key(f"agency-{number}") for number in range(2)]
    assert failed(reindexer(sqs_event(notification(*keys)), None)) == []

    near = asked(newsroom, id="money-1", k=50)
    assert {*ids(near)} & {"money-1", "agency-0", "agency-1"} == set()
    assert {*ids(asked(newsroom, id="money-1", k=50, duplicates=True))} == {*ARTICLES, "agency-0", "agency-1"} - {
        "money-1"
    }
    assert len(ids(asked(newsroom, text="bank", k=50))) == 26
    assert len({*ids(asked(newsroom, text="bank", k=50, duplicates=False))} & {"money-1", "agency-0", "agency-1"}) == 1
    history = asked(newsroom, examples={"positive": ["money-1", "sport-1"]}, k=50)
    assert {*ids(history)} & {"money-1", "agency-0", "agency-1"} == set()
    assert near["familiar"] is True


def test_a_history_weighs_what_is_new(newsroom: Caller) -> None:
    def topics(positive: list[str], **more: Any) -> list[str]:
        body = asked(newsroom, examples={"positive": positive, **more}, k=6)
        return [ARTICLES[item]["topic"] for item in ids(body)]

    old_money = ["sport-1", "money-1", "money-2", "money-3", "money-4"]
    assert {*topics(old_money)[:3]} == {"money"}
    assert {*topics(old_money, half_life=0.2)} == {"sport"}
    assert topics(old_money, half_life=1_000) == topics(old_money)


def test_a_text_beside_an_article_moves_the_query(newsroom: Caller) -> None:
    def topics(weight: float) -> set[str]:
        body = asked(newsroom, id="money-1", text="orbit gene", text_weight=weight, k=5)
        return {ARTICLES[item]["topic"] for item in ids(body)}

    assert (topics(0.0), topics(1.0)) == ({"money"}, {"science"})
    path = newsroom.get("/v1/items/money-1/similar", text="orbit gene", text_weight="1", k="5")
    assert ids(path.body) == ids(asked(newsroom, id="money-1", text="orbit gene", text_weight=1, k=5))


def test_an_article_that_nobody_knows_is_predicted_as_one(newsroom: Caller) -> None:
    answer = newsroom.json("/v1/predict", {"text": "The league saw a goal of the striker", "attributes": ["topic"]})
    assert answer.status == 200
    assert answer.body["familiar"] is True
    assert answer.body["predictions"]["topic"]["value"] == "sport"
    (first, *_) = answer.body["predictions"]["topic"]["neighbours"]
    assert (first["view"], first["image"]) == ("#1", "")
    both = asked(newsroom, text="striker", predict=["topic"])
    assert both["predictions"]["topic"]["calibrated"] is False
    assert newsroom.get("/v1/items/money-1").body["image"] is None
    assert newsroom.get("/v1/items/money-1").body["views"] == ["#1"]
    missing = newsroom.get("/v1/items/money-1/image")
    assert (missing.status, missing.body["type"]) == (404, "urn:tonari:problem:unknown-item")
    listed = newsroom.get("/v1/items", k="1").body["items"][0]
    assert listed["image"] is None


@pytest.mark.parametrize("path", ["/v1/search", "/v1/predict"])
def test_articles_are_not_found_by_pictures(newsroom: Caller, path: str) -> None:
    for answer in (newsroom.picture(path, BLUE_BALL), newsroom.json(path, {"image": PNG, "text": "bank"})):
        assert (answer.status, answer.body["type"]) == (400, UNSUPPORTED)
        assert "encodes texts and no pictures" in answer.body["detail"]


def test_a_field_that_is_not_returned_is_no_evidence(
    catalogue: Bucket, artefacts: Bucket, context: RebuildContext, query: Caller
) -> None:
    for item, fields in ARTICLES.items():
        put_document(catalogue, item, fields)
    catalogue.put("schema.json", b'{"fields": {"text": {"type": "string", "returned": false}}}')
    make_live(artefacts, context, text_bundle())
    first = asked(query, text="bank")["items"][0]
    assert (first["view"], "passage" in first, "text" in first["fields"]) == ("#1", False, False)


def test_words_find_pictures(shop_in_words: Caller) -> None:
    asks = shop_in_words.get("/v1/health").body["queries"]
    assert asks == {"image": True, "text": "fused", "image_and_text": True}
    dense = asked(shop_in_words, text="red", k=3, retrieval="dense")
    assert {BY_ID[item].color for item in ids(dense) if item in BY_ID} == {"red"}
    fused = asked(shop_in_words, text="red ball", k=50)
    assert ids(fused)[0] == "red-ball"
    assert fused["items"][0]["image"].startswith("/v1/items/red-ball/image")
    assert (fused["familiar"], len(ids(fused))) == (None, 13)
    shifted = shop_in_words.json("/v1/search", {"text": "red", "retrieval": "dense", "shift": {"color": "blue"}})
    assert shifted.status == 200


def test_a_picture_and_a_text_are_one_query(shop_in_words: Caller) -> None:
    def colours(**value: Any) -> set[str]:
        return {BY_ID[item].color for item in ids(asked(shop_in_words, k=3, **value)) if item in BY_ID}

    assert colours(image=PNG) == {"blue"}
    assert colours(image=PNG, text="red", text_weight=0.0) == {"blue"}
    assert colours(image=PNG, text="red", text_weight=1.0) <= {"red"}
    body = shop_in_words.picture("/v1/search", BLUE_BALL, text="red", text_weight="1", k="3").body
    assert ids(body) == ids(asked(shop_in_words, image=PNG, text="red", text_weight=1.0, k=3))
    assert (body["familiar"], "encode" in body["took_ms"]) == (None, True)
    item = asked(shop_in_words, id="blue-ball", text="red", text_weight=1.0, k=20)
    assert "blue-ball" not in ids(item)
    assert "bm25" not in item["items"][0]


def test_of_a_description_no_probability_is_known(shop_in_words: Caller) -> None:
    answer = shop_in_words.json("/v1/predict", {"text": "something red", "attributes": ["color"]})
    assert answer.status == 200
    assert answer.body["familiar"] is None
    predicted = answer.body["predictions"]["color"]
    assert (predicted["value"], predicted["calibrated"], predicted["abstained"]) == ("red", False, False)
    picture = shop_in_words.picture("/v1/predict", BLUE_BALL, attributes="color").body
    assert picture["predictions"]["color"]["value"] == "blue"


@pytest.mark.parametrize(
    ("value", "kind", "says"),
    [
        ({"image": PNG, "text": " "}, INVALID_TEXT, "'text' is empty or blank"),
        ({"image": PNG, "text": "red", "retrieval": "dense"}, INVALID, "'retrieval' says by what"),
        ({"image": PNG, "text_weight": 0.5}, INVALID, "'text_weight' weighs"),
        ({"image": PNG, "text": "red", "text_weight": 2}, INVALID, "'text_weight' is a number from 0 to 1"),
        ({"text": "red", "retrieval": "lexical", "min_score": 0.1}, INVALID, "'min_score' needs embeddings"),
        ({"text": "red", "examples": {"positive": ["red-ball"]}}, INVALID, "not beside 'examples'"),
    ],
)
def test_what_a_joint_encoder_cannot_be_asked(
    shop_in_words: Caller, value: dict[str, Any], kind: str, says: str
) -> None:
    answer = shop_in_words.json("/v1/search", value)
    assert (answer.status, answer.body["type"]) == (400, kind)
    assert says in answer.body["detail"]
