"""Lists without a picture, merged documents and HEAD, by true events through the functions."""

from __future__ import annotations

import json
from typing import Any

import pytest

from integration.events import Caller, failed, notification, sqs_event
from integration.shop import PRODUCTS, Product
from tonari.aws.functions import Handler
from tonari.builds.look import RebuildContext
from tonari.builds.rebuild import rebuild
from tonari.storage.bucket import Bucket


def listed(caller: Caller, **query: str) -> list[str]:
    answer = caller.get("/v1/items", **query)
    assert answer.status == 200, answer.body
    return [item["id"] for item in answer.body["items"]]


def test_items_are_listed_by_id(standing: Caller) -> None:
    answer = standing.get("/v1/items")

    assert answer.status == 200
    expected = sorted(product.id for product in PRODUCTS)
    assert [item["id"] for item in answer.body["items"]] == expected[:10]
    assert answer.body["items"][0] == {
        "id": "blue-ball",
        "fields": {"color": "blue", "category": "ball", "price": 30.0},
        "image": "/v1/items/blue-ball/image",
    }
    assert (answer.body["matching"], set(answer.body)) == (
        12, {"items", "matching", "next", "generation", "snapshot", "encoder"},
    )  # fmt: skip
    health = standing.get("/v1/health").body
    assert (answer.body["generation"], answer.body["snapshot"]) == (health["generation"], health["snapshot"])
    assert listed(standing, cursor=answer.body["next"]) == expected[10:]
    assert "next" not in standing.get("/v1/items", cursor=answer.body["next"]).body


@pytest.mark.parametrize(
    ("sort", "key"),
    [
        ("price", lambda product: (product.price, product.id)),
        ("-price", lambda product: (-product.price, product.id)),
        ("color", lambda product: (product.color, product.id)),
        ("id", lambda product: product.id),
    ],
)
@pytest.mark.parametrize("k", [1, 5, 12, 1_000])
def test_pages_in_every_order(standing: Caller, sort: str, key: Any, k: int) -> None:
    found: list[str] = []
    cursor: dict[str, str] = {}
    while True:
        answer = standing.get("/v1/items", sort=sort, k=str(k), filter='{"color": {"$ne": "green"}}', **cursor)
        assert (answer.status, answer.body["matching"]) == (200, 9)
        found += [item["id"] for item in answer.body["items"]]
        if "next" not in answer.body:
            break
        cursor = {"cursor": answer.body["next"]}

    products: list[Product] = [product for product in PRODUCTS if product.color != "green"]
    assert found == [product.id for product in sorted(products, key=key)]


def test_what_is_shown_and_counted(standing: Caller) -> None:
    answer = standing.get("/v1/items", k="2", ids="red-ball,blue-box,nobody", include="fields", fields="price")
    assert answer.body["items"] == [
        {"id": "blue-box", "fields": {"price": 35.0}}, {"id": "red-ball", "fields": {"price": 10.0}},
    ]  # fmt: skip
    assert standing.get("/v1/items", k="1", include="").body["items"] == [{"id": "blue-ball"}]
    counted = standing.get("/v1/items", k="1", facets="color,price", filter='{"category": "box"}').body
    assert (counted["matching"], counted["facets"]["color"]["count"], counted["facets"]["price"]["max"]) == (4, 4, 45.0)


@pytest.mark.parametrize(
    ("query", "slug", "words"),
    [
        ({"sort": "prise"}, "invalid-request", ("'sort'", "did you mean 'price'")),
        ({"sort": ""}, "invalid-request", ("'sort'", "with a - before it")),
        ({"k": "0"}, "invalid-request", ("'k'", "1 to 1,000")),
        ({"k": "1001"}, "invalid-request", ("'k'", "1 to 1,000")),
        ({"include": "embedding"}, "invalid-request", ("'include'", "fields, image")),
        ({"fields": "prise"}, "invalid-request", ("'fields'", "did you mean 'price'")),
        ({"fields": "price", "include": "image"}, "invalid-request", ("'include' leaves fields out",)),
        ({"facets": "prise"}, "invalid-request", ("'facets'", "did you mean 'price'")),
        ({"filter": '{"prise": 5}'}, "invalid-filter", ("did you mean 'price'",)),
        ({"cursor": "abc"}, "invalid-request", ("'cursor'",)),
        ({"min_score": "0"}, "invalid-request", ("no parameter 'min_score'",)),
        ({"order": "price"}, "invalid-request", ("no parameter 'order'",)),
    ],
)
def test_a_list_that_cannot_be_given(
    standing: Caller, query: dict[str, str], slug: str, words: tuple[str, ...]
) -> None:
    answer = standing.get("/v1/items", **query)

    assert (answer.status, answer.body["type"]) == (400, f"urn:tonari:problem:{slug}")
    for word in words:
        assert word in answer.body["detail"]


def test_a_cursor_of_another_list(standing: Caller) -> None:
    cursor = standing.get("/v1/items", sort="price", k="3").body["next"]
    assert standing.get("/v1/items", sort="price", k="9", fields="color", facets="color", cursor=cursor).status == 200
    for other in ({"sort": "-price"}, {}, {"sort": "price", "filter": "{}"}, {"sort": "price", "ids": "red-ball"}):
        answer = standing.get("/v1/items", cursor=cursor, **other)
        assert (answer.status, "another request" in answer.body["detail"]) == (400, True), other
    assert standing.json("/v1/search", {"id": "red-ball", "cursor": cursor}).status == 400


def test_a_changed_item_and_one_without_a_picture_are_listed(
    live: Caller, reindexer: Handler, catalogue: Bucket, context: RebuildContext
) -> None:
    cursor = live.get("/v1/items", sort="price", k="3").body["next"]
    before = listed(live, sort="price", cursor=cursor, k="1")
    assert live.json("/v1/items/bare", {"price": 1_000}, "PUT").status == 202
    assert live.json("/v1/items/red-ball", {"price": None, "name": "é"}, "PATCH").status == 202
    changed = ("items/bare.json", "items/red-ball.json")
    assert failed(reindexer(sqs_event(notification(*changed)), None)) == []

    for _ in range(2):
        assert listed(live, sort="-price", k="1") == ["bare"]
        assert live.get("/v1/items", sort="-price", k="1").body["items"][0]["image"] is None
        assert listed(live, sort="price", k="1000")[-1] == "red-ball"
        assert listed(live, sort="price", cursor=cursor, k="1") == before
        assert live.get("/v1/items/red-ball").body["fields"].keys() >= {"color", "category"}
        assert "price" not in live.get("/v1/items/red-ball").body["fields"]
        rebuild(context)
    document = json.loads(catalogue.get("items/red-ball.json").data)
    assert document == {"id": "red-ball", "color": "red", "category": "ball", "name": "é"}


def test_patch_of_nobody(live: Caller) -> None:
    answer = live.json("/v1/items/nobody", {"price": 5}, "PATCH")

    assert (answer.status, answer.body["type"]) == (404, "urn:tonari:problem:unknown-item")
    assert "PUT makes a new one" in answer.body["detail"]


@pytest.mark.parametrize(
    "path",
    ["/", "/openapi.json", "/v1/health", "/v1/items", "/v1/items/red-ball", "/v1/items/red-ball/similar",
     "/v1/items/red-ball/image", "/v1/items/nobody", "/v1/search", "/v2"],
)  # fmt: skip
def test_head(standing: Caller, path: str) -> None:
    whole, head = standing.send("GET", path), standing.send("HEAD", path)

    assert (head.status, head.body) == (whole.status, "")
    assert set(head.headers) == {*whole.headers, "content-length"}
    assert int(head.headers["content-length"]) >= 0
    assert head.headers["content-type"] == whole.headers["content-type"]


def test_head_takes_the_parameters_of_get(standing: Caller) -> None:
    whole = standing.get("/v1/items", sort="price", k="3")
    head = standing.send("HEAD", "/v1/items", query={"sort": "price", "k": "3"})

    assert head.headers["content-length"] == str(
        len(json.dumps(whole.body, ensure_ascii=False, separators=(",", ":")).encode())
    )
    assert standing.send("HEAD", "/v1/items", query={"kk": "3"}).status == 400
