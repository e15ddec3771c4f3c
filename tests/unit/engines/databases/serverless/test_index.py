"""Rows that are read page by page, so that all of an item come at once."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from tonari.contract.database import Access
from tonari.engines.databases.lucene.http import Http
from tonari.engines.databases.serverless.index import Index
from tonari.errors import EngineUnavailableError
from unit.engines.databases.lucene.servers import Asked, serving


def row(item: str, place: int) -> dict[str, Any]:
    columns = {"id": item, "generation": 1, "stamp": 7, "place": place, "row_count": 9, "state": "s"}
    fields = {name: [value] for name, value in columns.items()}
    return {"_id": f"{item}{place}", "fields": fields, "sort": [item, place], "_source": {"name": str(place)}}


def held(places: dict[str, int]) -> Callable[[Asked, int], tuple[int, Any]]:
    """Answer searches over rows, of each item so many."""
    rows = [row(item, place) for item, count in sorted(places.items()) for place in range(count)]

    def answer(asked: Asked, _number: int) -> tuple[int, Any]:
        body = json.loads(asked.body)
        terms = body["query"].get("bool", {}).get("filter", [])
        after = next((one["range"]["id"]["gt"] for one in terms if "range" in one), "")
        only = next((one["term"]["id"] for one in terms if "term" in one), None)
        found = [one for one in rows if one["fields"]["id"][0] > after and only in (None, one["fields"]["id"][0])]
        found = [one for one in found if one["sort"] > body.get("search_after", [])]
        return 200, {"hits": {"hits": found[: body["size"]]}}

    return answer


def read(places: dict[str, int], page: int) -> list[tuple[str, int]]:
    with serving(held(places)) as server:
        index = Index(Http("OpenSearch Serverless", Access(server.url)), "tonari_s1")
        groups = list(index.items({"match_all": {}}, ["name"], page))
        by_page = [hit for hits in index.rows({"match_all": {}}, ["name"], page) for hit in hits]
    for group in groups:
        assert len({one.item for one, _ in group}) == 1
        assert [source["name"] for _, source in group] == [str(place) for place in range(len(group))]
    assert len(by_page) == sum(places.values())
    return [(group[0][0].item, len(group)) for group in groups]


@pytest.mark.parametrize("page", [1, 2, 3, 4, 5, 6, 7, 9, 100])
@pytest.mark.parametrize("places", [{}, {"a": 3}, {"a": 3, "b": 3}, {"a": 1, "b": 5, "c": 2, "d": 1}], ids=str)
def test_all_rows_of_an_item_come_together(places: dict[str, int], page: int) -> None:
    assert read(places, page) == sorted(places.items())


def test_an_item_that_is_gone_meanwhile_is_left_out() -> None:
    def answer(_asked: Asked, number: int) -> tuple[int, Any]:
        return 200, {"hits": {"hits": [row("a", 0), row("a", 1)] if number == 1 else []}}

    with serving(answer) as server:
        index = Index(Http("OpenSearch Serverless", Access(server.url)), "tonari_s1")
        assert list(index.items({"match_all": {}}, (), 2)) == []
    assert len(server.asked) == 3


def test_what_is_to_be_seen_has_to_be_seen_twice_in_a_row() -> None:
    http = Http("OpenSearch Serverless", Access("http://127.0.0.1:9"))
    said = iter([False, True, False, True, True, False])
    Index(http, "tonari_s1").wait(lambda: next(said), "shows nothing")
    assert not next(said)
    with pytest.raises(EngineUnavailableError, match="shows nothing in tonari_s1 after 0 s: try again later"):
        Index(http, "tonari_s1", 0.3).wait(lambda: False, "shows nothing")
