"""What is asked of OpenSearch Serverless, and what is done with answers of it as they are published."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import msgspec
import numpy as np
import pytest

from tonari.contract.database import Access, CollectionState, NearestQuery, Record
from tonari.contract.filter_tree import Condition, Range
from tonari.engines.databases import opensearch
from tonari.engines.databases.lucene.documents import pack
from tonari.engines.databases.lucene.http import Http
from tonari.engines.databases.serverless import index as index_module
from tonari.engines.databases.serverless.database import ServerlessDatabase, connect
from tonari.engines.databases.serverless.writes import MOST_VIEWS
from tonari.errors import EngineUnavailableError, SettingError, UnsupportedByEngineError
from unit.engines.databases.lucene.servers import Asked, serving

VECTOR = np.array([0.6, 0.8], np.float32)
STATE = CollectionState(snapshot="s", encoder="e", dimensions=2, types={"new": "boolean"}, items=1, views=1)
META = {"prefix": "tonari", "state": msgspec.json.encode(STATE).decode()}
MAPPING = {"tonari_s1": {"mappings": {"_meta": {"tonari": META}}}}
RECORD = Record("a", 1, "s", {"new": True}, "{}", (), ("v",), VECTOR[None])
BULK, COUNT, SEARCH = "/tonari_s1/_bulk", "/tonari_s1/_count", "/tonari_s1/_search"


class Talk:
    """A server that has one collection, and answers other requests as it is told, by path, one after another."""

    def __init__(self, **answers: list[Any]) -> None:
        self.answers = answers

    def __call__(self, asked: Asked, _number: int) -> tuple[int, Any]:
        if asked.path.endswith("_mapping"):
            return 200, MAPPING
        kind = asked.path.rpartition("_")[2]
        left = self.answers[kind]
        said = left.pop(0) if len(left) > 1 else left[0]
        return said if isinstance(said, tuple) else (200, said)


def asked_of(talk: Talk, ask: Callable[[ServerlessDatabase], object]) -> list[Asked]:
    with serving(talk) as server:
        database = ServerlessDatabase(Http("OpenSearch Serverless", Access(server.url)), "tonari", 0.3)
        try:
            ask(database)
        finally:
            database.close()
    return server.asked


def hit(name: str, place: int = 0, generation: int = 0, stamp: int = 7, row: Any = VECTOR) -> dict[str, Any]:
    source = {"id": name, "generation": generation, "state": "s", "document": "{}", "first_view": "0.jpg"}
    source |= {"stamp": stamp, "place": place, "name": f"{place}.jpg", "packed": pack(np.array(row, np.float32))}
    columns = {"id": [name], "generation": [generation], "stamp": [stamp], "place": [place], "row_count": [1]}
    key = f"{name}{place}{generation}"
    return {"_id": key, "_source": source, "fields": {**columns, "state": ["s"]}, "sort": [name, place]}


def found(*hits: dict[str, Any]) -> dict[str, Any]:
    return {"_shards": {"failed": 0}, "hits": {"hits": list(hits)}}


def test_a_host_of_serverless_is_asked_as_one() -> None:
    access = Access("https://abc123.us-east-1.aoss.amazonaws.com", region="us-east-1")
    assert isinstance(opensearch.connect(access), ServerlessDatabase)


def test_without_a_region_nothing_can_be_signed() -> None:
    with pytest.raises(SettingError, match=r"give EngineRegion .*such as eu-west-3\."):
        opensearch.connect(Access("https://abc123.eu-west-3.aoss.amazonaws.com"))
    with pytest.raises(SettingError, match="such as us-east-1"):
        connect(Access("https://search.example.org"))


def test_rows_are_written_without_ids_and_waited_for() -> None:
    talk = Talk(
        bulk=[{"errors": False, "items": [{"index": {"_id": "k", "status": 201}}]}],
        count=[{"count": 0}, {"count": 0}, {"count": 1}],
        search=[found(hit("a", generation=2))],
    )
    asked = asked_of(talk, lambda database: database.write("s1", [RECORD]))
    action, row = map(json.loads, next(one.body for one in asked if one.path == BULK).splitlines())
    assert action == {"index": {}}
    assert "_id" not in row
    assert [one.path for one in asked].count(COUNT) == 4
    assert all("?" not in one.path for one in asked)
    assert {one.path.rpartition("_")[2] for one in asked} == {"mapping", "bulk", "count", "search"}


def test_only_what_was_put_off_is_sent_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(index_module, "WAIT", 0.01)
    late = {"index": {"status": 429, "error": {"type": "rejected", "reason": "queue is full"}}}
    good = {"index": {"_id": "k", "status": 201}}
    talk = Talk(
        bulk=[{"errors": True, "items": [good, late]}, {"errors": False, "items": [good]}],
        count=[{"count": 2}],
        search=[found(hit("a", generation=2), hit("b", generation=2))],
    )
    asked = asked_of(talk, lambda database: database.write("s1", [RECORD, replace(RECORD, id="b")]))
    bodies = [one.body for one in asked if one.path == BULK]
    assert bodies[1] == b"".join(bodies[0].splitlines(keepends=True)[2:])


@pytest.mark.parametrize("status", [400, 403, 404, 429])
def test_what_is_refused_is_told(monkeypatch: pytest.MonkeyPatch, status: int) -> None:
    monkeypatch.setattr(index_module, "WAIT", 0.01)
    bad = {"index": {"status": status, "error": {"type": "illegal_argument_exception", "reason": "no such thing"}}}
    talk = Talk(bulk=[{"errors": True, "items": [bad]}], count=[{"count": 0}], search=[found()])
    with pytest.raises(EngineUnavailableError, match=f"refused 1 of 1 rows, the first with status {status}: ill"):
        asked_of(talk, lambda database: database.write("s1", [RECORD]))


def test_rows_that_stay_unseen_are_told() -> None:
    talk = Talk(bulk=[{"errors": False, "items": [{"index": {"status": 201}}]}], count=[{"count": 0}], search=[found()])
    with pytest.raises(EngineUnavailableError, match="does not show what was written in tonari_s1 after 0 s"):
        asked_of(talk, lambda database: database.write("s1", [RECORD]))


def test_the_graph_is_walked_for_more_rows_until_there_are_enough_items() -> None:
    crowd = [hit("a", place) for place in range(10)]
    talk = Talk(search=[found(*crowd), found(*crowd, hit("b", row=[1, 0]), hit("c", row=[0, 1]))])
    answers: list[Any] = []
    query = NearestQuery(VECTOR, 2, Range(Condition("new", "$eq", (True,))))
    asked = asked_of(talk, lambda database: answers.extend(database.nearest("s1", query)))
    assert [(one.id, one.view, round(one.score, 6)) for one in answers] == [("a", "0.jpg", 1.0), ("c", "0.jpg", 0.8)]
    bodies = [json.loads(one.body) for one in asked if one.path == SEARCH]
    assert [body["size"] for body in bodies] == [10, 40]
    assert bodies[0]["query"]["knn"]["vector"]["k"] == 200
    assert bodies[0]["query"]["knn"]["vector"]["filter"]["bool"]["filter"][1] == {"terms": {"f0": [True]}}


def test_of_rows_of_an_item_the_newest_counts() -> None:
    talk = Talk(search=[found(hit("a", 0, 1), hit("a", 1, 2, row=[1, 0]), hit("a", 0, 2, stamp=6))])
    answers: list[Any] = []
    asked_of(talk, lambda database: answers.extend(database.nearest("s1", NearestQuery(VECTOR, 5))))
    assert [(one.id, one.view, one.generation) for one in answers] == [("a", "1.jpg", 2)]


def test_too_many_are_not_compared() -> None:
    with pytest.raises(UnsupportedByEngineError, match="at most 20,000, and 20,001 are in range") as raised:
        asked_of(
            Talk(count=[{"count": 20_001}]),
            lambda database: database.nearest("s1", NearestQuery(VECTOR, 5, exact=True)),
        )
    assert raised.value.status == 501
    with pytest.raises(UnsupportedByEngineError, match="at most 10,000 items at once"):
        asked_of(Talk(), lambda database: database.nearest("s1", NearestQuery(VECTOR, 10_001)))


def test_what_is_too_large_is_refused() -> None:
    many = Record("a", 1, "s", {}, "{}", (), ("v",) * (MOST_VIEWS + 1), np.ones((MOST_VIEWS + 1, 2), np.float32))
    with pytest.raises(UnsupportedByEngineError, match="at most 3,000 views of an item"):
        asked_of(Talk(), lambda database: database.write("s1", [many]))
    long = Record("a", 1, "s", {}, "x" * 11_000_000, (), ("v",), VECTOR[None])
    with pytest.raises(UnsupportedByEngineError, match="shorten the item's document"):
        asked_of(Talk(), lambda database: database.write("s1", [long]))
    ids = Range(ids=tuple(f"{number:0250}" for number in range(45_000)))
    with pytest.raises(UnsupportedByEngineError, match="name fewer ids"):
        asked_of(Talk(), lambda database: database.count("s1", ids))


def test_a_part_of_an_answer_is_none() -> None:
    with pytest.raises(EngineUnavailableError, match="searched only a part"):
        asked_of(
            Talk(search=[{"_shards": {"failed": 1}, "hits": {"hits": []}}]),
            lambda database: database.nearest("s1", NearestQuery(VECTOR, 5)),
        )


def test_an_alias_is_taken_from_all_that_have_it() -> None:
    def answer(asked: Asked, _number: int) -> tuple[int, Any]:
        return 200, {"tonari_s0": {}, "tonari_s1": {}} if asked.method == "GET" else {"acknowledged": True}

    with serving(answer) as server:
        ServerlessDatabase(Http("OpenSearch Serverless", Access(server.url)), "tonari").point("live", "s1")
    assert [(asked.method, asked.path) for asked in server.asked] == [
        ("GET", "/_alias/tonari_live"),
        ("POST", "/_aliases"),
    ]
    assert json.loads(server.asked[1].body)["actions"] == [
        {"remove": {"index": "tonari_s0", "alias": "tonari_live"}},
        {"add": {"index": "tonari_s1", "alias": "tonari_live"}},
    ]
