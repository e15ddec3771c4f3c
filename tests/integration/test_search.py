"""What a search can be asked for beyond its nearest items, through the query function, over a real S3 server."""

from __future__ import annotations

import base64
import json
from collections import Counter
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from PIL import Image

import pictures
from integration.events import Caller, failed, notification, sqs_event
from integration.shop import BY_ID, COLOURS, KINDS, PRODUCTS, VIEW, draw, put_document, put_image
from tonari.aws.functions import Handler
from tonari.builds.look import RebuildContext
from tonari.builds.rebuild import rebuild
from tonari.catalogue.documents import document_key, image_key
from tonari.encoders.store import save_encoder
from tonari.snapshots.head import use_encoder
from tonari.storage.bucket import Bucket
from tonari_tools.onnx.default import BuiltEncoder

RED_BALL = pictures.encoded(draw("red", "ball", inset=44), "PNG")
RED = "red-ball"


def asked(caller: Caller, **value: Any) -> dict[str, Any]:
    answer = caller.json("/v1/search", value)
    assert answer.status == 200, answer.body
    body: dict[str, Any] = answer.body
    return body


def ids(body: dict[str, Any]) -> list[str]:
    return [item["id"] for item in body["items"]]


@pytest.fixture
def changed(live: Caller, reindexer: Handler, catalogue: Bucket) -> Caller:
    """The drawn shop with changes over its snapshot: two new things, one repainted, one gone."""
    put_image(catalogue, "pink-ball", RED_BALL)
    put_document(catalogue, "pink-ball", {"color": "pink", "category": "ball", "price": 5, "tags": ["new", "sale"]})
    put_image(catalogue, "plain", pictures.encoded(draw("green", "tent", inset=30), "PNG"))
    put_document(catalogue, "plain", {"price": 99})
    put_document(catalogue, "blue-box", {"color": "blue", "category": "crate", "price": 1, "tags": ["sale"]})
    catalogue.delete(document_key("red-box"), image_key("red-box", VIEW))
    keys = [image_key(one, VIEW) for one in ("pink-ball", "plain", "red-box")] + [document_key("blue-box")]
    assert failed(reindexer(sqs_event(notification(*keys)), None)) == []
    return live


def colour(item: str) -> str | None:
    return {"pink-ball": "pink", "plain": None}.get(item, BY_ID[item].color if item in BY_ID else None)


def test_groups(standing: Caller) -> None:
    everything = ids(asked(standing, id=RED, k=50))
    for most in (1, 2):
        found = ids(asked(standing, id=RED, k=50, group_by="color", per_group=most))
        assert found == [
            item
            for place, item in enumerate(everything)
            if [BY_ID[one].color for one in everything[:place]].count(BY_ID[item].color) < most
        ]
    assert len(ids(asked(standing, id=RED, k=2, group_by="color"))) == 2
    path = standing.get(f"/v1/items/{RED}/similar", k="50", group_by="color", per_group="2")
    assert ids(path.body) == ids(asked(standing, id=RED, k=50, group_by="color", per_group=2))
    prices = ids(asked(standing, id=RED, k=50, group_by="price"))
    assert len({BY_ID[item].price for item in prices}) == len(prices)


def test_groups_over_changes(changed: Caller) -> None:
    found = ids(asked(changed, id="blue-tent", k=50, group_by="color"))
    assert Counter(colour(item) for item in found) == {**dict.fromkeys(COLOURS, 1), "pink": 1, None: 1}
    assert "red-box" not in ids(asked(changed, id="blue-tent", k=50, group_by="color", per_group=10))


def test_a_varied_answer(standing: Caller) -> None:
    plain = ids(asked(standing, id=RED, k=4))
    assert ids(asked(standing, id=RED, k=4, diversity=0)) == plain
    varied = asked(standing, id=RED, k=4, diversity=1)
    assert ids(varied)[0] == plain[0]
    assert ids(varied) != plain
    assert "next" not in varied
    embeddings = {
        item["id"]: np.array(item["embedding"])
        for item in asked(standing, image=base64.b64encode(RED_BALL).decode(), k=50, include=["embedding"])["items"]
    }
    spread = [np.mean([embeddings[a] @ embeddings[b] for a in some for b in some]) for some in (ids(varied), plain)]
    assert spread[0] < spread[1]


def test_facets_count_all_in_range(standing: Caller) -> None:
    facets = asked(standing, id=RED, k=1, filter={"price": {"$lt": 40}}, facets=["color", "category", "price"])[
        "facets"
    ]
    there = [product for product in PRODUCTS if product.price < 40 and product.id != RED]
    colors = Counter(product.color for product in there)
    assert facets["color"] == {
        "type": "string", "count": len(there), "distinct": len(colors),
        "values": [{"value": v, "count": n} for v, n in sorted(colors.items(), key=lambda one: (-one[1], one[0]))],
    }  # fmt: skip
    assert {one["value"]: one["count"] for one in facets["category"]["values"]} == Counter(p.category for p in there)
    prices = [product.price for product in there]
    assert {name: facets["price"][name] for name in ("type", "count", "min", "max")} == {
        "type": "number", "count": len(prices), "min": min(prices), "max": max(prices),
    }  # fmt: skip
    width = (max(prices) - min(prices)) / 10
    bins = [min(9, int((price - min(prices)) / width)) for price in prices]
    assert facets["price"]["histogram"] == [bins.count(number) for number in range(10)]
    assert asked(standing, id=RED, facets=["color"], ids=[])["facets"]["color"]["values"] == []
    picture = standing.picture("/v1/search", RED_BALL, facets="color,price", k="1").body
    assert picture["facets"]["color"]["count"] == 12
    assert picture["plan"]["matching"] == 12


def test_facets_over_changes(changed: Caller) -> None:
    facets = asked(changed, id="blue-tent", facets=["color", "category", "price"])["facets"]
    there = {**{product.id: product.color for product in PRODUCTS}, "pink-ball": "pink"}
    del there["red-box"], there["blue-tent"]
    assert {one["value"]: one["count"] for one in facets["color"]["values"]} == Counter(there.values())
    assert {one["value"] for one in facets["category"]["values"]} == {*KINDS, "crate"}
    assert (facets["price"]["min"], facets["price"]["max"]) == (1, 99)


def test_facets_of_dates_booleans_and_lists(live: Caller, catalogue: Bucket, context: RebuildContext) -> None:
    for number, product in enumerate(PRODUCTS[:6]):
        since = f"2026-01-{number + 1:02}T12:00:00Z"
        put_document(
            catalogue, product.id, {"since": since, "new": number < 2, "tags": ["a", "b", "a"][: 1 + number % 3]}
        )
    rebuild(context)
    facets = asked(live, id="yellow-tent", facets=["since", "new", "tags"])["facets"]
    assert facets["new"]["values"] == [{"value": False, "count": 4}, {"value": True, "count": 2}]
    assert facets["tags"]["values"] == [{"value": "a", "count": 6}, {"value": "b", "count": 4}]
    assert facets["tags"]["count"] == 6
    assert facets["since"] == {
        "type": "date", "count": 6, "min": "2026-01-01T12:00:00Z", "max": "2026-01-06T12:00:00Z",
        "histogram": [1, 0, 1, 0, 1, 0, 1, 0, 1, 1],
    }  # fmt: skip


def test_examples(standing: Caller) -> None:
    liked = asked(standing, examples={"positive": ["red-ball", "red-box"]}, k=50)
    assert ids(liked)[0] == "red-tent"
    assert sorted(ids(liked)) == sorted(set(BY_ID) - {"red-ball", "red-box"})
    either = asked(standing, examples={"positive": ["red-ball"], "negative": ["red-box"]}, k=50)
    assert "red-box" not in ids(either)
    assert ids(either)[0].endswith("ball")
    one = asked(standing, examples={"positive": ["red-ball"]}, k=3)
    assert one["items"] == asked(standing, id="red-ball", k=3)["items"]
    predicted = standing.json("/v1/predict", {"examples": {"positive": ["red-ball", "red-box"]}})
    assert predicted.body["predictions"]["color"]["value"] == "red"


def test_examples_over_changes(changed: Caller) -> None:
    found = ids(asked(changed, examples={"positive": ["pink-ball"]}, k=1))
    assert found == [RED]
    gone = changed.json("/v1/search", {"examples": {"positive": [RED, "red-box"]}})
    assert (gone.status, gone.body["type"]) == (404, "urn:tonari:problem:unknown-item")
    assert "'red-box'" in gone.body["detail"]


def test_several_queries(standing: Caller) -> None:
    image = base64.b64encode(RED_BALL).decode()
    queries = [
        {"id": RED, "k": 3, "facets": ["color"]},
        {"image": image, "k": 2, "filter": {"color": "blue"}},
        {"examples": {"positive": [RED]}, "k": 1, "include": []},
    ]
    answer = standing.json("/v1/search", {"queries": queries})
    assert answer.status == 200
    assert set(answer.body) == {"results", "generation", "snapshot", "encoder"}
    alone = [asked(standing, **query) for query in queries]
    for one, other in zip(answer.body["results"], alone, strict=True):
        assert {**one, "took_ms": None} == {
            name: None if name == "took_ms" else value
            for name, value in other.items()
            if name not in ("generation", "snapshot", "encoder")
        }
    assert set(answer.body["results"][1]["took_ms"]) == {"read", "encode", "search"}


def walk(caller: Caller, **value: Any) -> list[dict[str, Any]]:
    """Turn all pages."""
    pages = [asked(caller, **value)]
    while "next" in pages[-1]:
        pages.append(asked(caller, **value, cursor=pages[-1]["next"]))
    return pages


@pytest.mark.parametrize("more", [{}, {"filter": {"category": "tent"}}, {"group_by": "color"}, {"min_score": 0.5}])
def test_pages(standing: Caller, more: dict[str, Any]) -> None:
    whole = asked(standing, id=RED, k=50, **more)["items"]
    for k in (1, 4, len(whole)):
        pages = walk(standing, id=RED, k=k, exact=True, **more)
        assert [item for page in pages for item in page["items"]] == whole
        assert all(len(page["items"]) == k for page in pages[:-1])


def test_pages_of_a_picture_and_of_a_path(standing: Caller) -> None:
    first = standing.picture("/v1/search", RED_BALL, k="7").body
    second = standing.picture("/v1/search", RED_BALL, k="7", cursor=first["next"]).body
    assert [*ids(first), *ids(second)] == ids(standing.picture("/v1/search", RED_BALL, k="50").body)
    assert "next" not in second
    path = f"/v1/items/{RED}/similar"
    first = standing.get(path, k="7").body
    second = standing.get(path, k="7", cursor=first["next"]).body
    assert [*ids(first), *ids(second)] == ids(asked(standing, id=RED, k=50))
    posted = asked(standing, id=RED, k=3, cursor=first["next"], include=[])
    assert ids(posted) == ids(second)[:3]


def test_a_page_goes_on_over_changes(
    changed: Caller, reindexer: Handler, catalogue: Bucket, context: RebuildContext
) -> None:
    first = asked(changed, id="blue-tent", k=4)
    rest = ids(asked(changed, id="blue-tent", k=50))[4:]
    catalogue.delete(document_key(rest[0]), image_key(rest[0], VIEW))
    gone = image_key(rest[0], VIEW)
    assert failed(reindexer(sqs_event(notification(gone)), None)) == []
    second = asked(changed, id="blue-tent", k=4, cursor=first["next"])
    assert ids(second) == rest[1:5]
    assert second["generation"] > first["generation"]
    rebuild(context)
    third = asked(changed, id="blue-tent", k=50, cursor=second["next"])
    assert ids(third) == rest[5:]
    assert third["snapshot"] != first["snapshot"]


def test_a_cursor_of_another_request_or_encoder(
    live: Caller, context: RebuildContext, artefacts: Bucket, built: BuiltEncoder, functions: ModuleType
) -> None:
    cursor = asked(live, id=RED, k=3)["next"]
    for other in ({"id": "blue-box"}, {"id": RED, "filter": {"color": "red"}}, {"id": RED, "group_by": "color"}):
        answer = live.json("/v1/search", {**other, "cursor": cursor})
        assert (answer.status, answer.body["type"]) == (400, "urn:tonari:problem:invalid-request")
        assert "another request" in answer.body["detail"]
    renamed = json.dumps({**json.loads(built.config), "name": "another"}).encode()
    use_encoder(artefacts, save_encoder(artefacts, built.model, renamed))
    rebuild(context)
    for caller in (live, Caller(functions.query_function(), functions.items_function())):
        answer = caller.json("/v1/search", {"id": RED, "k": 3, "cursor": cursor})
        assert (answer.status, answer.body["type"]) == (410, "urn:tonari:problem:stale-cursor")
        assert "search again" in answer.body["detail"]
    assert len(ids(asked(live, id=RED, k=3))) == 3


def test_what_comes_back_of_each_item(standing: Caller) -> None:
    def first(**value: Any) -> dict[str, Any]:
        item: dict[str, Any] = asked(standing, id=RED, k=1, **value)["items"][0]
        return item

    assert set(first()) == {"id", "score", "view", "fields", "image"}
    assert set(first(include=[])) == {"id", "score", "view"}
    assert set(first(include=["image"])) == {"id", "score", "view", "image"}
    assert first(fields=["price", "color"])["fields"] == {
        name: BY_ID[first()["id"]].document[name] for name in ("color", "price")
    }
    assert first(fields=[])["fields"] == {}
    path = standing.get(f"/v1/items/{RED}/similar", k="1", include="fields,embedding", fields="price").body["items"][0]
    assert set(path) == {"id", "score", "view", "fields", "embedding"}
    assert set(path["fields"]) == {"price"}
    dimensions = standing.get("/v1/health").body["encoder"]["dimensions"]
    assert len(path["embedding"]) == dimensions
    again = asked(standing, vector=path["embedding"], k=1)["items"][0]
    assert (again["id"], again["score"]) == (path["id"], pytest.approx(1, abs=1e-3))


def test_an_answer_that_lambda_would_not_pass_on(live: Caller, catalogue: Bucket, context: RebuildContext) -> None:
    for product in PRODUCTS:
        put_document(catalogue, product.id, {**product.document, "quotes": '"' * 45_000})
    rebuild(context)
    queries = [{"id": RED, "k": 11}] * 10
    answer = live.json("/v1/search", {"queries": queries})
    assert (answer.status, answer.body["type"]) == (413, "urn:tonari:problem:too-large")
    assert "'include'" in answer.body["detail"]
    small = live.json("/v1/search", {"queries": [{**query, "fields": ["color"]} for query in queries]})
    assert small.status == 200
    assert len(small.body["results"]) == 10


def test_facets_of_which_several_values_are_ticked(standing: Caller) -> None:
    where = {"color": {"$in": ["red", "blue"]}, "category": "tent"}
    ticked = {"filter": where, "facets": ["price"], "disjunctive_facets": ["color", "category"]}
    for facets in (
        asked(standing, id=RED, k=1, **ticked)["facets"],
        standing.get(
            "/v1/items", filter=json.dumps(where), facets="price", disjunctive_facets="color,category"
        ).body["facets"],
    ):  # fmt: skip
        assert {one["value"]: one["count"] for one in facets["color"]["values"]} == dict.fromkeys(COLOURS, 1)
        counted = Counter(p.category for p in PRODUCTS if p.color in ("red", "blue") and p.id != RED)
        counts = {one["value"]: one["count"] for one in facets["category"]["values"]}
        assert counts in (counted, counted + Counter(("ball",)))
        assert facets["price"]["count"] == 2


LEFT, RIGHT = ({"x": x, "y": 0, "width": 0.5, "height": 1} for x in (0, 0.5))


def test_a_region_of_a_picture(standing: Caller) -> None:
    both = Image.new("RGB", (400, 200), "white")
    halves = [draw("red", "ball").resize((200, 200)), draw("blue", "tent").resize((200, 200))]
    for place, half in enumerate(halves):
        both.paste(half, (200 * place, 0))
    picture = pictures.encoded(both, "PNG")
    for region, half in zip((LEFT, RIGHT), halves, strict=True):
        alone = standing.picture("/v1/search", pictures.encoded(half, "PNG"), k="12").body["items"]
        posted = standing.picture("/v1/search", picture, k="12", region=json.dumps(region)).body
        assert posted["items"] == alone
        in_json = asked(standing, image=base64.b64encode(picture).decode(), k=5, region=region)
        assert in_json["items"] == alone[:5]
        predicted = standing.picture("/v1/predict", picture, region=json.dumps(region)).body["predictions"]
        assert predicted["color"]["neighbours"][0]["id"] == alone[0]["id"]
        turned = standing.picture("/v1/search", picture, k="12", region=json.dumps(region), cursor=in_json["next"]).body
        assert ids(turned) == [item["id"] for item in alone[5:]]
    other = standing.picture("/v1/search", picture, region=json.dumps(LEFT), cursor=in_json["next"])
    assert (other.status, other.body["type"]) == (400, "urn:tonari:problem:invalid-request")
    assert "same query, text_weight, retrieval, region" in other.body["detail"]


def test_like_this_but_of_another_colour(standing: Caller) -> None:
    plain = asked(standing, id=RED, k=12)
    shifted = asked(standing, id=RED, k=12, shift={"color": "blue"})
    assert "shifted" not in plain
    assert 0.7 <= shifted["shifted"]["cosine"] < 1
    assert shifted["shifted"]["kept"] == ["category"]
    assert RED not in ids(shifted)
    ranks = [[BY_ID[item].color for item in ids(body)] for body in (plain, shifted)]
    before, after = (np.mean([place for place, color in enumerate(one) if color == "blue"]) for one in ranks)
    assert after < before
    assert ids(standing.get(f"/v1/items/{RED}/similar", k="12", shift='{"color": "blue"}').body) == ids(shifted)
    drawn = standing.picture("/v1/search", RED_BALL, k="12", shift='{"color": "blue"}', predict="color").body
    assert drawn["predictions"]["color"]["neighbours"][0]["value"] == "red"
    vector = asked(standing, id=RED, k=1, include=["embedding"])["items"][0]["embedding"]
    for query in ({"vector": vector}, {"examples": {"positive": [RED, "red-tent"]}}):
        assert asked(standing, **query, shift={"color": "blue"})["shifted"]["cosine"] >= 0.7
    both = asked(standing, id=RED, k=12, shift={"color": "blue", "category": "tent"})
    assert both["shifted"]["kept"] == []
    pages = walk(standing, id=RED, k=5, exact=True, shift={"color": "blue"})
    assert [item for page in pages for item in ids(page)] == ids(
        asked(standing, id=RED, k=50, exact=True, shift={"color": "blue"})
    )
    cursor = asked(standing, id=RED, k=3, shift={"color": "blue"})["next"]
    other = standing.json("/v1/search", {"id": RED, "shift": {"color": "green"}, "cursor": cursor})
    assert (other.status, other.body["type"]) == (400, "urn:tonari:problem:invalid-request")


def test_an_order_by_boosts_says_what_they_add(standing: Caller) -> None:
    boost = [{"field": "price", "weight": 0.3, "low": 60, "high": 0}]
    plain = {item["id"]: item["score"] for item in asked(standing, id=RED, k=50)["items"]}
    found = asked(standing, id=RED, k=50, boost=boost)
    assert found["reranked"] == {"candidates": len(plain), "complete": True}
    for item in found["items"]:
        added = 0.3 * min(1, max(0, (60 - BY_ID[item["id"]].price) / 60))
        assert item["score"] == plain[item["id"]]
        assert item["boosts"] == {"price": pytest.approx(added, abs=2e-6)}
        assert item["ranked_by"] == pytest.approx(item["score"] + added, abs=3e-6)
    ranks = [item["ranked_by"] for item in found["items"]]
    assert ranks == sorted(ranks, reverse=True)
    assert ids(found) != [*plain]
    assert [item for page in walk(standing, id=RED, k=5, boost=boost) for item in ids(page)] == ids(found)
    path = standing.get(f"/v1/items/{RED}/similar", k="50", boost=json.dumps(boost)).body
    assert ids(path) == ids(found)


def test_pinned_and_buried_items(standing: Caller) -> None:
    plain = ids(asked(standing, id=RED, k=50))
    pins, buried = [plain[9], "nobody", plain[7]], [plain[0], plain[1]]
    first = asked(standing, id=RED, k=4, pin=pins, bury=buried)
    assert ids(first) == [plain[9], plain[7], plain[2], plain[3]]
    assert [item.get("placed") for item in first["items"]] == ["pinned", "pinned", None, None]
    assert first["plan"]["matching"] == len(plain)
    assert "ranked_by" not in first["items"][0]
    whole = [plain[9], plain[7], *(item for item in plain[2:] if item not in pins), *buried]
    for k in (1, 4, 50):
        assert [item for page in walk(standing, id=RED, k=k, pin=pins, bury=buried) for item in ids(page)] == whole
    narrowed = asked(standing, id=RED, k=50, pin=pins, filter={"color": {"$ne": BY_ID[plain[9]].color}})
    assert plain[9] not in ids(narrowed)
