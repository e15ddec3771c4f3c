"""Every route, by true HTTP API events through the query function, over a real S3 server."""

from __future__ import annotations

import base64
import json
import math
import uuid
from typing import Any
from urllib.parse import unquote, urlsplit
from urllib.request import urlopen

import numpy as np
import pytest

import pictures
from integration.events import Caller, failed, http_event, notification, sqs_event
from integration.forms import upload
from integration.shop import BY_ID, COLOURS, KINDS, PRODUCTS, VIEW, draw, put_document, put_image
from tonari import __version__
from tonari.aws.functions import Handler
from tonari.builds.look import RebuildContext
from tonari.builds.rebuild import rebuild
from tonari.catalogue.documents import EMPTY_FILE, SCHEMA, document_key, image_key
from tonari.snapshots.head import read_head
from tonari.storage.bucket import Bucket, PresignedPost

RED_BALL = pictures.encoded(draw("red", "ball", inset=44), "PNG")
"""A picture that is not in the shop."""


def ids(answer: Any) -> list[str]:
    assert answer.status == 200, answer.body
    return [item["id"] for item in answer.body["items"]]


def form_of(value: dict[str, Any]) -> PresignedPost:
    return PresignedPost(value["url"], value["fields"])


def test_a_picture_finds_what_looks_like_it(standing: Caller) -> None:
    answer = standing.picture("/v1/search", RED_BALL, k="3")
    assert ids(answer)[0] == "red-ball"
    assert len(answer.body["items"]) == 3
    first = answer.body["items"][0]
    assert first["view"] == VIEW
    assert first["fields"] == {"color": "red", "category": "ball", "price": 10.0}
    assert first["image"] == f"/v1/items/red-ball/image?view={VIEW}"
    scores = [item["score"] for item in answer.body["items"]]
    assert scores == sorted(scores, reverse=True)
    assert 0.8 < scores[0] < 1
    assert answer.body["plan"] == {"path": "scan", "matching": 12, "scanned": 12, "exact": True, "vectors": "full"}
    health = standing.get("/v1/health").body
    assert health["search"] == {"large_ranges": "scan", "reason": "", "vectors": "full", "incomplete": ""}
    assert health["recall"]["1"] == 1
    assert answer.body["snapshot"] == health["snapshot"]
    assert answer.body["encoder"] == health["encoder"]["id"]
    assert answer.body["generation"] == health["generation"]
    assert set(answer.body["took_ms"]) == {"read", "encode", "search"}
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["cache-control"] == "no-store"


def test_the_forms_of_a_query_agree(standing: Caller, standing_context: RebuildContext) -> None:
    data = PRODUCTS[0].picture()
    raw = standing.picture("/v1/search", data)
    octets = standing.picture("/v1/search", data, "application/octet-stream")
    text = standing.json("/v1/search", {"image": base64.b64encode(data).decode()})
    encoder = standing_context.load(raw.body["encoder"])
    vector = encoder.embed([encoder.read(data)])[0]
    given = standing.json("/v1/search", {"vector": vector.tolist()})
    longer = standing.json("/v1/search", {"vector": (vector.astype(np.float64) * 1e200).tolist()})
    for other in (octets, text, given, longer):
        assert other.body["items"] == raw.body["items"]
    assert raw.body["items"][0]["id"] == "red-ball"
    assert raw.body["items"][0]["score"] == pytest.approx(1, abs=1e-3)
    by_id = standing.json("/v1/search", {"id": "red-ball"})
    assert ids(by_id)[:9] == ids(raw)[1:]
    assert standing.get("/v1/items/red-ball/similar").body["items"] == by_id.body["items"]


def test_an_upload_serves_as_query(live: Caller) -> None:
    made = live.send("POST", "/v1/uploads")
    assert made.status == 200
    assert made.body["most_bytes"] == 20_000_000
    assert upload(form_of(made.body), RED_BALL, "my photo.png", "image/png") in (200, 204)
    assert ids(live.json("/v1/search", {"upload": made.body["upload"], "k": 1})) == ["red-ball"]
    predicted = live.json("/v1/predict", {"upload": made.body["upload"]})
    assert predicted.body["predictions"]["color"]["value"] == "red"
    assert live.send("POST", "/v1/uploads").body["upload"] != made.body["upload"]


def test_k_counts_items(standing: Caller) -> None:
    for k in (1, 5, 12):
        assert len(ids(standing.picture("/v1/search", RED_BALL, k=str(k)))) == k
    found = ids(standing.json("/v1/search", {"id": "red-ball", "k": 1000}))
    assert sorted(found) == sorted(set(BY_ID) - {"red-ball"})
    assert len(ids(standing.picture("/v1/search", RED_BALL))) == 10


@pytest.mark.parametrize(
    ("condition", "matches"),
    [
        ({"price": {"$lt": 20}}, lambda product: product.price < 20),
        ({"price": {"$gte": 20, "$lte": 35}}, lambda product: 20 <= product.price <= 35),
        ({"color": "red"}, lambda product: product.color == "red"),
        ({"color": {"$ne": "red"}}, lambda product: product.color != "red"),
        ({"color": {"$in": ["red", "blue"]}, "category": "tent"},
         lambda product: product.color in ("red", "blue") and product.category == "tent"),
        ({"color": {"$nin": ["red", "blue", "green"]}}, lambda product: product.color == "yellow"),
        ({"$or": [{"color": "red"}, {"price": {"$gt": 45}}]},
         lambda product: product.color == "red" or product.price > 45),
        ({"$not": {"category": "ball"}}, lambda product: product.category != "ball"),
        ({"$and": [{"color": {"$not": {"$eq": "red"}}}, {"category": "box"}]},
         lambda product: product.color != "red" and product.category == "box"),
        ({"price": {"$exists": False}}, lambda _: False),
        ({"color": "violet"}, lambda _: False),
        ({}, lambda _: True),
    ],
)  # fmt: skip
def test_a_filter_is_exact(standing: Caller, condition: dict[str, Any], matches: Any) -> None:
    expected = sorted(product.id for product in PRODUCTS if matches(product))
    answer = standing.json("/v1/search", {"id": "red-ball", "k": 50, "filter": condition})
    assert sorted(ids(answer)) == sorted(set(expected) - {"red-ball"})
    raw = standing.picture("/v1/search", RED_BALL, k="50", filter=json.dumps(condition))
    assert sorted(ids(raw)) == expected
    assert raw.body["plan"]["matching"] == len(expected)


def test_ids_narrow_the_range(standing: Caller) -> None:
    wanted = ["blue-tent", "red-ball", "no-such-item", "green-box"]
    answer = standing.json("/v1/search", {"id": "red-ball", "ids": wanted})
    assert sorted(ids(answer)) == ["blue-tent", "green-box"]
    raw = standing.picture("/v1/search", RED_BALL, ids=",".join(wanted))
    assert ids(raw)[0] == "red-ball"
    assert len(ids(raw)) == 3
    both = standing.json("/v1/search", {"id": "red-ball", "ids": wanted, "filter": {"color": "green"}})
    assert ids(both) == ["green-box"]
    assert ids(standing.json("/v1/search", {"id": "red-ball", "ids": []})) == []


def test_exact_says_so_and_agrees(standing: Caller) -> None:
    plain = standing.json("/v1/search", {"id": "red-ball", "k": 5})
    exact = standing.json("/v1/search", {"id": "red-ball", "k": 5, "exact": True})
    assert exact.body["plan"]["exact"] is True
    assert exact.body["items"] == plain.body["items"]
    assert standing.get("/v1/items/red-ball/similar", exact="true", k="5").body["items"] == plain.body["items"]


def test_min_score_cuts_off(standing: Caller) -> None:
    scores = [item["score"] for item in standing.json("/v1/search", {"id": "red-ball"}).body["items"]]
    middle = (scores[3] + scores[4]) / 2
    assert len(ids(standing.json("/v1/search", {"id": "red-ball", "min_score": middle}))) == 4
    assert ids(standing.json("/v1/search", {"id": "red-ball", "min_score": 1})) == []


@pytest.mark.parametrize("method", ["discriminant", "means"])
def test_weights_predict_every_attribute(standing: Caller, method: str) -> None:
    asked = {} if method == "discriminant" else {"method": method}
    answer = standing.picture("/v1/predict", RED_BALL, **asked)
    assert answer.status == 200
    assert answer.body["method"] == asked.get("method")
    predictions = answer.body["predictions"]
    assert {name: one["value"] for name, one in predictions.items()} == {"color": "red", "category": "ball"}
    assert {one["value"] for one in predictions["color"]["alternatives"]} == set(COLOURS) - {"red"}
    assert {one["value"] for one in predictions["category"]["alternatives"]} == set(KINDS) - {"ball"}
    scores = [predictions["color"]["score"], *(one["score"] for one in predictions["color"]["alternatives"])]
    assert scores == sorted(scores, reverse=True)
    for one in predictions.values():
        assert (one["method"], one["calibrated"], one["abstained"], one["new_class"]) == (method, False, False, False)


def test_neighbours_vote(standing: Caller) -> None:
    answer = standing.picture("/v1/predict", RED_BALL, method="vote", k="3", attributes="color")
    assert answer.body["method"] == "vote"
    nearest = standing.picture("/v1/search", RED_BALL, k="3").body["items"]
    prediction = answer.body["predictions"]["color"]
    assert prediction["neighbours"] == [
        {
            **{name: one[name] for name in ("id", "score", "view", "image")},
            "value": BY_ID[one["id"]].color,
        }
        for one in nearest
    ]
    assert [one["value"] for one in prediction["for"]] == [
        one["value"] for one in prediction["neighbours"] if one["value"] == prediction["value"]
    ]
    assert all(one["value"] != prediction["value"] for one in prediction["against"])
    assert len(prediction["for"]) + len(prediction["against"]) == 3
    loud = [math.exp((one["score"] - nearest[0]["score"]) / 0.05) for one in nearest]
    votes: dict[str, float] = {}
    for one, weight in zip(nearest, loud, strict=True):
        votes[BY_ID[one["id"]].color] = votes.get(BY_ID[one["id"]].color, 0) + weight
    assert prediction["value"] == max(votes, key=lambda value: votes[value])
    assert prediction["score"] == pytest.approx(max(votes.values()) / sum(loud), abs=1e-6)
    assert set(answer.body["predictions"]) == {"color"}


def test_the_label_of_an_item_is_no_prediction(standing: Caller) -> None:
    answer = standing.json("/v1/predict", {"id": "red-ball"}).body
    assert answer["method"] is None
    assert answer["familiar"]
    for name, label in {"color": "red", "category": "ball"}.items():
        one = answer["predictions"][name]
        assert (one["value"], one["score"], one["method"], one["abstained"]) == (label, None, "label", False)
        assert "red-ball" not in {voter["id"] for voter in one["neighbours"]}
        shares = {other["value"]: other["score"] for other in one["alternatives"]}
        assert sum(shares.values()) == pytest.approx(1, abs=1e-5)
        assert one["agree"] is (max(shares, key=lambda value: shares[value]) == label)


def said(prediction: dict[str, Any]) -> tuple[Any, Any, list[Any]]:
    return prediction["value"], prediction["score"], prediction["alternatives"]


def test_a_vote_may_be_narrowed(standing: Caller) -> None:
    value = {"image": base64.b64encode(RED_BALL).decode(), "method": "vote", "k": 3}
    narrowed = standing.json("/v1/predict", {**value, "filter": {"color": "blue"}}).body["predictions"]
    assert said(narrowed["color"]) == ("blue", 1.0, [])
    nobody = standing.json("/v1/predict", {**value, "filter": {"price": {"$gt": 1e9}}}).body["predictions"]
    assert said(nobody["color"]) == (None, None, [])
    one = standing.json("/v1/predict", {**value, "ids": ["green-tent"], "attributes": ["category"]}).body["predictions"]
    assert {name: said(prediction) for name, prediction in one.items()} == {"category": ("tent", 1.0, [])}


def test_only_classes_in_range_come_into_question(standing: Caller) -> None:
    value = {"image": base64.b64encode(RED_BALL).decode(), "filter": {"color": {"$in": ["blue", "green"]}}}
    narrowed = standing.json("/v1/predict", value).body["predictions"]
    assert {narrowed["color"]["value"], *(one["value"] for one in narrowed["color"]["alternatives"])} == {
        "blue",
        "green",
    }
    assert narrowed["category"]["value"] == "ball"
    assert all(one["id"].startswith(("blue", "green")) for one in narrowed["color"]["neighbours"])
    nobody = standing.json("/v1/predict", {**value, "filter": {"price": {"$gt": 1e9}}}).body["predictions"]
    assert said(nobody["color"]) == (None, None, [])


def test_weights_and_vote_agree_or_not(standing: Caller) -> None:
    by_weights = standing.picture("/v1/predict", RED_BALL).body["predictions"]
    by_vote = standing.picture("/v1/predict", RED_BALL, method="vote").body["predictions"]
    for name, one in by_weights.items():
        assert one["agree"] is (one["value"] == by_vote[name]["value"])
        assert by_vote[name]["agree"] is one["agree"]
        assert by_vote[name]["neighbours"] == one["neighbours"]


def test_neighbours_and_predictions_from_one_encoding(live: Caller, encoder_runs: list[int]) -> None:
    before = len(encoder_runs)
    answer = live.picture("/v1/search", RED_BALL, k="2", predict="color,category", filter='{"color": "blue"}').body
    assert len(encoder_runs) == before + 1
    assert [one["fields"]["color"] for one in answer["items"]] == ["blue", "blue"]
    assert answer["predictions"] == live.picture("/v1/predict", RED_BALL).body["predictions"]
    wrong = live.picture("/v1/search", RED_BALL, predict="price")
    assert (wrong.status, wrong.body["type"]) == (400, "urn:tonari:problem:invalid-request")


def test_a_new_class_is_voted_for_until_the_next_rebuild(
    live: Caller, catalogue: Bucket, reindexer: Handler, context: RebuildContext
) -> None:
    picture = pictures.encoded(draw("red", "ball", inset=70), "PNG")
    put_image(catalogue, "pin", picture)
    put_document(catalogue, "pin", {"id": "pin", "color": "red", "category": "pin"})
    reindexer(sqs_event(notification("images/pin/front.png")), None)

    def ask(method: str) -> dict[str, Any]:
        found: dict[str, Any] = live.picture("/v1/predict", picture, method=method, k="1").body["predictions"]
        return found

    new = ask("discriminant")
    assert (new["category"]["value"], new["category"]["method"], new["category"]["new_class"]) == ("pin", "vote", True)
    assert [(one["id"], one["value"]) for one in new["category"]["neighbours"]] == [("pin", "pin")]
    assert new["category"]["neighbours"][0]["score"] == pytest.approx(1, abs=1e-3)
    assert (new["color"]["value"], new["color"]["method"], new["color"]["new_class"]) == ("red", "discriminant", False)
    assert "pin" not in live.get("/v1/health").body["attributes"]["category"]

    assert rebuild(context).outcome == "published"

    known = ask("discriminant")["category"]
    assert (known["value"], known["method"], known["new_class"]) == ("pin", "discriminant", False)
    assert "pin" in live.get("/v1/health").body["attributes"]["category"]


def test_an_item_is_predicted_without_its_own_vote(standing: Caller) -> None:
    answer = standing.json("/v1/predict", {"id": "red-ball", "method": "vote", "k": 1, "ids": ["red-ball", "blue-box"]})
    color = answer.body["predictions"]["color"]
    assert (color["value"], color["method"], color["agree"]) == ("red", "label", False)
    assert [one["value"] for one in color["alternatives"]] == ["blue"]
    assert [one["id"] for one in color["against"]] == ["blue-box"]


def test_no_attributes_asked_for_none_predicted(standing: Caller) -> None:
    assert standing.json("/v1/predict", {"id": "red-ball", "attributes": []}).body["predictions"] == {}


def test_an_item_is_shown(standing: Caller) -> None:
    answer = standing.get("/v1/items/blue-tent")
    assert answer.status == 200
    assert {name: answer.body[name] for name in ("id", "fields", "views", "image")} == {
        "id": "blue-tent",
        "fields": {"color": "blue", "category": "tent", "price": 40.0},
        "views": [VIEW],
        "image": "/v1/items/blue-tent/image",
    }


def test_similar_items_take_the_same_parameters(standing: Caller) -> None:
    assert len(ids(standing.get("/v1/items/red-ball/similar", k="4"))) == 4
    found = ids(standing.get("/v1/items/red-ball/similar", filter='{"category": "tent"}'))
    assert sorted(found) == sorted(f"{color}-tent" for color in COLOURS)


def test_lists_may_be_repeated_joined_by_commas_or_json(standing: Caller) -> None:
    path = "/v1/items/red-ball/similar"
    for query in (
        [("ids", "blue-box"), ("ids", "green-box"), ("ids", "red-box")],
        [("ids", "blue-box,green-box"), ("ids", "red-box")],
        [("ids", '["blue-box", "green-box"]'), ("ids", "red-box,red-box")],
    ):
        assert sorted(ids(standing.send("GET", path, query=query))) == ["blue-box", "green-box", "red-box"]
    found = standing.send("GET", path, query=[("fields", "color"), ("fields", "price"), ("k", "1")])
    assert set(found.body["items"][0]["fields"]) == {"color", "price"}
    found = standing.send("GET", path, query=[("facets", "color"), ("facets", "category")])
    assert set(found.body["facets"]) == {"color", "category"}
    found = standing.send("GET", path, query=[("predict", "color"), ("predict", "category")])
    assert set(found.body["predictions"]) == {"color", "category"}
    query = [("attributes", "color"), ("attributes", "category"), ("attributes", "color")]
    found = standing.send("POST", "/v1/predict", RED_BALL, "image/png", query)
    assert set(found.body["predictions"]) == {"color", "category"}
    assert ids(standing.get(path, ids='["a,b", "blue-box"]')) == ["blue-box"]


def test_the_api_describes_itself(standing: Caller) -> None:
    answer = standing.get("/openapi.json")
    assert (answer.status, answer.headers["content-type"]) == (200, "application/json")
    assert answer.body["openapi"].startswith("3.1")
    assert {"/v1/search", "/v1/items/{id}", "/openapi.json"} <= set(answer.body["paths"])


def test_an_image_is_fetched_by_its_link(standing: Caller) -> None:
    for path in ("/v1/items/green-box/image", f"/v1/items/green-box/image?view={VIEW}"):
        parts = urlsplit(path)
        answer = standing.get(parts.path, **dict([parts.query.split("=")] if parts.query else []))
        assert answer.status == 302
        assert "max-age" in answer.headers["cache-control"]
        with urlopen(answer.headers["location"]) as fetched:  # noqa: S310
            assert fetched.read() == BY_ID["green-box"].picture()


def test_an_item_travels_from_put_to_search_and_away_again(
    live: Caller, reindexer: Handler, catalogue: Bucket, artefacts: Bucket
) -> None:
    item, path = "neu & schön+1", "/v1/items/neu%20%26%20sch%C3%B6n%2B1"
    put = live.json(path, {"color": "red", "price": 12.5, "tags": ["a"]}, "PUT")
    assert put.status == 202
    assert {name: put.body[name] for name in ("id", "status")} == {"id": item, "status": "accepted"}
    form = form_of(put.body["upload"])
    assert upload(form, RED_BALL, "vue 1.png", "image/png") in (200, 204)
    assert catalogue.get(image_key(item, "vue 1.png")).data == RED_BALL
    keys = (document_key(item), image_key(item, "vue 1.png"))
    assert failed(reindexer(sqs_event(notification(*keys)), None)) == []
    found = live.picture("/v1/search", RED_BALL, k="1").body["items"][0]
    assert (found["id"], found["view"], found["score"]) == (item, "vue 1.png", pytest.approx(1, abs=1e-3))
    assert found["fields"] == {"color": "red", "price": 12.5, "tags": ["a"]}
    path_of_image, _, view = found["image"].partition("?view=")
    answer = live.get(path_of_image, view=unquote(view))
    with urlopen(answer.headers["location"]) as fetched:  # noqa: S310
        assert fetched.read() == RED_BALL
    assert live.get(path).body["views"] == ["vue 1.png"]
    catalogue.put(image_key(item, "empty.jpg"), b"")
    gone = live.send("DELETE", path)
    assert (gone.status, gone.body) == (202, {"id": item, "status": "accepted"})
    assert [found.key for found in catalogue.list(f"images/{item}/")] == []
    assert failed(reindexer(sqs_event(notification(*keys)), None)) == []
    assert live.get(path).status == 404
    assert live.send("DELETE", path).status == 404
    assert len(read_head(artefacts).head.segments) == 2


def test_health_says_what_is_live(live: Caller, reindexer: Handler, catalogue: Bucket) -> None:
    health = live.get("/v1/health")
    assert health.status == 200
    body = health.body
    assert (body["status"], body["version"]) == ("ok", __version__)
    assert (body["items"], body["views"], body["segments"]) == (12, 12, 0)
    assert body["rejected"] == {"count": 0, "first": {}}
    assert body["encoder"]["name"] == "efficientnet-lite0-colour"
    assert body["encoder"]["dimensions"] > 100
    assert body["attributes"] == {"category": sorted(KINDS), "color": sorted(COLOURS)}
    prices = [product.price for product in PRODUCTS]
    assert body["fields"]["price"] == {"type": "number", "min": min(prices), "max": max(prices)}
    assert sorted(body["fields"]["color"]["values"]) == sorted(COLOURS)
    assert set(body["samples"]) == set(BY_ID)
    put_image(catalogue, "new", RED_BALL)
    put_image(catalogue, "broken", b"no picture")
    catalogue.delete(document_key("red-box"), image_key("red-box", VIEW))
    keys = (image_key("new", VIEW), image_key("broken", VIEW), document_key("red-box"))
    assert failed(reindexer(sqs_event(notification(*keys)), None)) == []
    body = live.get("/v1/health").body
    assert (body["items"], body["views"], body["segments"]) == (13, 12, 1)
    assert body["rejected"]["count"] == 1
    assert "no picture" in body["rejected"]["first"][image_key("broken", VIEW)]
    assert "red-box" not in body["samples"]


@pytest.mark.usefixtures("shop")
def test_what_stands_for_a_missing_value_is_no_class_however_it_came(query: Caller, context: RebuildContext) -> None:
    context.catalogue.put(SCHEMA, b'{"fields": {"color": {"type": "string", "attribute": true}}}')
    put_document(context.catalogue, "red-ball", {"color": "NaN", "maker": "N/A"})
    rebuild(context)
    body = query.get("/v1/health").body

    assert "NaN" not in body["attributes"]["color"]
    assert body["fields"]["maker"]["values"] == []
    assert body["unusable"]["count"] == 2
    why = body["unusable"]["fields"]["color"]["examples"]["red-ball"]
    assert why.startswith("color is a string field; 'NaN' stands for a missing value (if it is a real one, set")

    context.catalogue.put(SCHEMA, b'{"fields": {"color": {"type": "string", "attribute": true, "missing": []}}}')
    rebuild(context)
    assert "NaN" in query.get("/v1/health").body["attributes"]["color"]


@pytest.mark.usefixtures("shop")
def test_health_says_which_labels_are_not_predicted(query: Caller, context: RebuildContext) -> None:
    for name in ("red-ball", "blue-ball"):
        put_document(context.catalogue, name, {"maker": "$20", "color": "red"})
    context.catalogue.put(document_key("third"), b'{"maker": "$30"}')
    context.catalogue.put(document_key("fourth"), b'{"maker": "$30"}')
    rebuild(context)
    body = query.get("/v1/health").body

    assert body["unpredicted"] == {
        "maker": "2 values, 2.0 items each: fewer than 5. To predict it all the same, say in schema.json: "
        '{"fields": {"maker": {"type": "string", "attribute": true}}}'
    }


@pytest.mark.usefixtures("shop")
def test_health_says_what_was_ignored(query: Caller, context: RebuildContext) -> None:
    context.catalogue.put(SCHEMA, b'{"fields": {"price": {"type": "number"}}}')
    context.catalogue.put("images/loose.jpg", RED_BALL)
    context.catalogue.put("photo.jpg", RED_BALL)
    context.catalogue.put(image_key("red-ball", "empty.jpg"), b"")
    put_document(context.catalogue, "red-ball", {"price": "cheap"})
    rebuild(context)
    body = query.get("/v1/health").body
    assert body["rejected"] == {"count": 1, "first": {"images/red-ball/empty.jpg": EMPTY_FILE}}
    assert body["ignored"] == {
        "count": 2,
        "reasons": {
            "Under images/ only images/<id>/<name> is read.": {"count": 1, "examples": ["images/loose.jpg"]},
            "It lies under neither items/ nor images/.": {"count": 1, "examples": ["photo.jpg"]},
        },
    }
    assert body["unusable"]["count"] == 1
    why = body["unusable"]["fields"]["price"]["examples"]["red-ball"]
    assert why.startswith("price is a number field; 'cheap' is no number, so filters and facets will treat")


def test_the_page_is_served_under_its_policy(query: Caller) -> None:
    answer = query.get("/")
    assert (answer.status, answer.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert "<script>" in answer.body
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "script-src 'sha256-" in policy
    assert "unsafe" not in policy


def test_a_named_stage_is_no_part_of_the_path(standing: Caller) -> None:
    event = http_event("GET", "/beta/v1/health")
    event["requestContext"]["stage"] = "beta"
    assert standing.send_event(event).status == 200
    event = http_event("GET", "/v1/health")
    event["requestContext"]["stage"] = "v1"
    assert standing.send_event(event).status == 404


def test_header_names_and_media_types_may_be_of_any_case(standing: Caller) -> None:
    event = http_event("POST", "/v1/search", RED_BALL)
    event["headers"] = {"Content-Type": "IMAGE/PNG; charset=binary"}
    assert ids(standing.send_event(event))[0] == "red-ball"
    event = http_event("POST", "/v1/search", b'{"id": "red-ball"}', "application/json")
    event["headers"] = {"CONTENT-TYPE": "application/json; charset=utf-8"}
    event["body"], event["isBase64Encoded"] = base64.b64encode(event["body"].encode()).decode(), True
    assert len(ids(standing.send_event(event))) == 10


def test_hidden_fields_are_not_shown(live: Caller, catalogue: Bucket, context: RebuildContext) -> None:
    fields = {"price": {"type": "number", "returned": False}, "color": {"type": "string", "filterable": False}}
    catalogue.put("schema.json", json.dumps({"fields": fields}).encode())
    rebuild(context)
    assert live.get("/v1/items/red-ball").body["fields"] == {"color": "red", "category": "ball"}
    assert live.found({"id": "red-box", "filter": {"price": 10}}) == ["red-ball"]
    refused = live.json("/v1/search", {"id": "red-box", "filter": {"color": "red"}})
    assert (refused.status, refused.body["type"]) == (400, "urn:tonari:problem:invalid-filter")
    assert "not filterable" in refused.body["detail"]


def test_an_unforeseen_fault_has_a_trace_in_the_log(
    standing: Caller, monkeypatch: pytest.MonkeyPatch, log: pytest.LogCaptureFixture
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise ZeroDivisionError("secret")

    monkeypatch.setattr("tonari.api.handlers.search", fail)
    answer = standing.json("/v1/search", {"id": "red-ball"})
    assert (answer.status, answer.body["type"]) == (500, "urn:tonari:problem:internal")
    assert "secret" not in answer.body["detail"]
    trace = answer.body["detail"].rstrip(".").split()[-1]
    assert uuid.UUID(trace)
    assert trace in log.text
    assert "ZeroDivisionError" in log.text
