"""Pages of one answer, begun before the full vectors were here or after."""

from __future__ import annotations

import json
from typing import Any

import pytest

from generations import make_live
from integration.rotated import ITEMS, Place
from tonari.query import reader
from tonari.snapshots.manifest import VECTORS

PAGE = 13
ASKED: list[dict[str, Any]] = [
    {},
    {"filter": {"price": {"$lt": 90}}},
    {"group_by": "price", "per_group": 2},
    {"boost": [{"field": "price", "weight": 0.2, "high": 100}]},
]


@pytest.mark.parametrize("asked", ASKED)
def test_pages_that_estimates_began_leave_nothing_out(place: Place, asked: dict[str, Any]) -> None:
    place.store.stall("download", VECTORS)
    whole = place.search(id="picture-1", k=ITEMS, **asked)["items"]
    answer = place.search(id="picture-1", k=PAGE, **asked)
    assert answer["plan"]["vectors"] == "rotated"
    place.store.let_go()
    place.until_whole()
    items = answer["items"]
    while "next" in answer:
        answer = place.search(id="picture-1", k=PAGE, cursor=answer["next"], **asked)
        assert (answer["plan"]["vectors"], answer["plan"]["exact"]) == ("rotated", False)
        items += answer["items"]
    assert [(one["id"], one["score"]) for one in items] == [(one["id"], one["score"]) for one in whole]
    assert place.search(id="picture-1", k=PAGE, **asked)["plan"]["vectors"] == "full"


def test_several_searches_go_on_each_in_its_way(place: Place) -> None:
    place.store.stall("download", VECTORS)
    begun = place.search(id="picture-1", k=PAGE)
    place.store.let_go()
    place.until_whole()
    queries = [{"id": "picture-1", "k": PAGE, "cursor": begun["next"]}, {"id": "picture-1", "k": PAGE}]
    results = place.search(queries=queries)["results"]
    assert [one["plan"]["vectors"] for one in results] == ["rotated", "full"]


def test_pages_that_full_vectors_began_wait_for_them(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another process has just started, as those of Lambda do."""
    place.until_whole()
    first = place.search(id="picture-1", k=PAGE)
    whole = place.search(id="picture-1", k=ITEMS)["items"]
    monkeypatch.setattr(reader, "WHOLE_SECONDS", 0.3)
    store: Any = place.store
    other = Place(place.bucket, place.store, place.cache.with_name("other"), place.even, place.odd)
    store.stall("download", VECTORS)
    refused = other.ask("/v1/search", id="picture-1", k=PAGE, cursor=first["next"])
    problem = json.loads(refused.body)
    assert (refused.status, problem["type"]) == (503, "urn:tonari:problem:exact-not-ready")
    assert "'cursor'" in problem["detail"]
    assert other.search(id="picture-1", k=PAGE)["plan"]["vectors"] == "rotated"
    monkeypatch.setattr(reader, "WHOLE_SECONDS", 60.0)
    store.let_go()
    second = other.search(id="picture-1", k=PAGE, cursor=first["next"])
    assert second["plan"]["vectors"] == "full"
    assert [one["id"] for one in second["items"]] == [one["id"] for one in whole[PAGE : 2 * PAGE]]


def test_estimates_of_a_snapshot_that_was_replaced_are_not_gone_on_with(place: Place) -> None:
    place.store.stall("download", VECTORS)
    begun = place.search(id="picture-1", k=PAGE)
    place.store.let_go()
    place.until_whole()
    make_live(place.bucket, place.odd)
    place.until(lambda: place.search(id="picture-0")["snapshot"] == place.odd.live.snapshot)
    refused = place.ask("/v1/search", id="picture-1", k=PAGE, cursor=begun["next"])
    assert (refused.status, json.loads(refused.body)["type"]) == (410, "urn:tonari:problem:stale-cursor")
