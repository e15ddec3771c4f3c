"""OpenSearch Serverless has no conditional write: writers are interleaved, broken off; and what its stand-in takes."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import pytest
import urllib3

from database_contract import STATE, made
from tonari.contract.database import Counts, Database, NearestQuery, Record, RecordState, Tombstone
from tonari.contract.engine import SortQuery
from tonari.contract.filter_tree import EVERYTHING
from tonari.engines.databases.lucene.http import Http, RefusedError
from tonari.engines.databases.lucene.signed import Signer
from tonari.engines.databases.serverless.database import ServerlessDatabase
from tonari.engines.databases.serverless.index import Hit, Index
from tonari.engines.opening import connect_to
from tonari.errors import EngineUnavailableError, MissingCollectionError
from tonari_tools.local_engines.running import Running

STEPS = ("append", "count", "items", "remove", "after")
OLD, NEW = made("one", 4, views=3, brand="old"), made("one", 5, views=2, brand="new")


class Hooked(Index):
    """An index during whose write something else happens, once, just before a step."""

    step = ""
    what: Callable[[], object] = staticmethod(lambda: None)

    def append(self, rows: Iterator[Any]) -> int:
        self._before("append")
        return super().append(rows)

    def count(self, query: Any) -> int:
        self._before("count")
        return super().count(query)

    def items(self, query: Any, source: Sequence[str] = (), page: int = 5_000) -> Iterator[list[Hit]]:
        self._before("items")
        return super().items(query, source, page)

    def remove(self, keys: Sequence[str]) -> None:
        self._before("remove")
        super().remove(keys)

    def _before(self, step: str) -> None:
        if step == self.step:
            self.step = ""
            self.what()


class HookedDatabase(ServerlessDatabase):
    """A database whose writes are hooked."""

    step = ""
    what: Callable[[], object] = staticmethod(lambda: None)

    def _index(self, name: str) -> Index:
        index = Hooked(self._http, self._indices.path(name), self._patience)
        index.step, self.step, index.what = self.step, "", self.what  # type: ignore[method-assign]
        return index


@pytest.fixture(autouse=True)
def only_serverless(engine: str) -> None:
    if engine != "serverless":
        pytest.skip("about OpenSearch Serverless")


@pytest.fixture
def http(running: Running) -> Iterator[Http]:
    http = Http("OpenSearch Serverless", running.access, sign=Signer(running.access.region, "aoss").headers)
    yield http
    http.close()


@pytest.fixture
def name(database: Database) -> Iterator[str]:
    name = f"v{uuid.uuid4().hex[:12]}"
    database.create(name, STATE)
    yield name
    database.drop(name)


def hooked(http: Http, running: Running, step: str, what: Callable[[], object], patience: float = 20) -> Database:
    database = HookedDatabase(http, running.access.prefix, patience)
    database.step, database.what = step, what  # type: ignore[method-assign]
    return database


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize(("first", "second"), [(OLD, NEW), (NEW, OLD)], ids=["old first", "new first"])
def test_two_writers_interleaved(
    database: Database, http: Http, running: Running, name: str, first: Record, second: Record, step: str
) -> None:
    database.write(name, [made("one", 1, views=4), made("two", 1)])
    hooked(http, running, step, lambda: database.write(name, [second])).write(name, [first])
    if step == "after":
        database.write(name, [second])

    assert list(database.states(name)) == [RecordState("one", 5, "one@5"), RecordState("two", 1, "two@1")]
    assert database.count(name, EVERYTHING) == Counts(2, 3)
    assert [record.fields for record in database.read(name, ["one"])] == [{"brand": "new"}]


@pytest.mark.parametrize("step", ["append", "count", "items", "remove"])
def test_of_equal_generations_the_later_writer_wins(
    database: Database, http: Http, running: Running, name: str, step: str
) -> None:
    first, second = replace(OLD, generation=5, state="first"), replace(NEW, generation=5, state="second")
    hooked(http, running, step, lambda: database.write(name, [second])).write(name, [first])

    (state,) = database.states(name)
    (record,) = database.read(name, ["one"])
    assert (state.generation, state.state) == (5, "first")
    assert record.fields == {"brand": "old"}
    assert database.count(name, EVERYTHING) == Counts(1, 3)


def test_while_old_rows_lie_beside_new_ones_there_is_no_state(
    database: Database, http: Http, running: Running, name: str
) -> None:
    seen: list[Any] = []

    def look() -> None:
        seen.extend(list(database.states(name, since=since)) for since in (0, 3, 6))
        seen.append([record.fields for record in database.read(name, ["one"])])
        near = database.nearest(name, NearestQuery(NEW.embeddings[0], 5))
        seen.append([(one.generation, one.state) for one in near if one.id == "one"])
        seen.append([one.document for one in database.sorted(name, SortQuery(9))])

    other = made("two", 1)
    database.write(name, [made("one", 1, views=4), other])
    hooked(http, running, "remove", look).write(name, [NEW])

    torn = RecordState("one", 5, "")
    assert seen[:3] == [[torn, RecordState("two", 1, "two@1")], [torn], []]
    assert seen[3:5] == [[{"brand": "new"}], [(5, "one@5")]]
    assert seen[5] == [NEW.document, other.document]
    assert list(database.states(name, since=3)) == [RecordState("one", 5, "one@5")]


@pytest.mark.parametrize("step", STEPS[1:4])
def test_a_write_that_breaks_off_is_healed_by_the_next(
    database: Database, http: Http, running: Running, name: str, step: str
) -> None:
    def fail() -> None:
        raise EngineUnavailableError("cut")

    database.write(name, [made("one", 1, views=4)])
    with pytest.raises(EngineUnavailableError, match="cut"):
        hooked(http, running, step, fail).write(name, [NEW])

    database.write(name, [NEW])

    assert list(database.states(name)) == [RecordState("one", 5, "one@5")]
    assert database.count(name, EVERYTHING) == Counts(1, 2)


def test_rows_that_were_sent_twice_are_kept_once(database: Database, http: Http, running: Running, name: str) -> None:
    rows: list[Any] = []

    class Twice(Index):
        def append(self, given: Iterator[Any]) -> int:
            rows.extend(given)
            super().append(iter(rows))
            return super().append(iter(rows))

    class Stuttering(ServerlessDatabase):
        def _index(self, name: str) -> Index:
            return Twice(self._http, self._indices.path(name))

    Stuttering(http, running.access.prefix).write(name, [NEW, Tombstone("two", 5)])

    assert len(rows) == 3
    assert list(database.states(name)) == [RecordState("one", 5, "one@5"), RecordState("two", 5, None)]
    assert database.count(name, EVERYTHING) == Counts(1, 2)


def test_a_collection_that_is_dropped_while_it_is_written_is_not_made_anew(
    database: Database, http: Http, running: Running, name: str
) -> None:
    with pytest.raises(MissingCollectionError):
        hooked(http, running, "append", lambda: database.drop(name)).write(name, [NEW])

    with pytest.raises(MissingCollectionError):
        http.ask("GET", f"/{running.access.prefix}_{name}/_mapping")
    made_by_a_row = {"id": "one", "stamp": 1, "place": 0, "row_count": 1}
    http.ask("POST", f"/{running.access.prefix}_{name}/_doc", made_by_a_row)
    assert name not in database.collections()
    database.create(name, STATE)
    assert database.collections()[name] == STATE
    assert database.count(name, EVERYTHING) == Counts(0, 0)


def test_rows_that_are_never_seen_are_told(http: Http, running: Running, name: str) -> None:
    class Losing(Index):
        def append(self, rows: Iterator[Any]) -> int:
            return len(list(rows))

    class Lost(ServerlessDatabase):
        def _index(self, name: str) -> Index:
            return Losing(self._http, self._indices.path(name), 0.5)

    with pytest.raises(EngineUnavailableError, match="does not show what was written"):
        Lost(http, running.access.prefix).write(name, [NEW])


# what the stand-in refuses, as Serverless does


def test_ids_are_refused(http: Http, running: Running, database: Database, name: str) -> None:
    lines = [{"index": {"_id": "a"}}, {"id": "a"}, {"index": {}}, {"id": "b"}, {"update": {"_id": "c"}}, {"doc": {}}]
    body = b"".join(json.dumps(line).encode() + b"\n" for line in lines)
    said = http.ask("POST", f"/{running.access.prefix}_{name}/_bulk", body)
    assert said["errors"]
    assert [next(iter(one.values()))["status"] for one in said["items"]] == [400, 201, 400]
    error = said["items"][0]["index"]["error"]
    assert error["reason"] == "Document ID is not supported in create/index operation request"
    assert database.collections()[name] == STATE


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("POST", "/{}/_refresh", None, 404),
        ("POST", "/{}/_delete_by_query", {"query": {"match_all": {}}}, 404),
        ("PUT", "/{}/_doc/a", {"id": "a"}, 404),
        ("POST", "/{}/_update/a", {"doc": {}}, 404),
        ("GET", "/", None, 404),
        ("POST", "/{}/_doc?refresh=true", {"id": "a"}, 400),
        ("DELETE", "/{}?timeout=1s", None, 400),
        ("POST", "/{}/_search", {"query": {"script_score": {"query": {"match_all": {}}, "script": "1"}}}, 400),
        ("POST", "/{}/_search", {"script_fields": {"a": {"script": "1"}}}, 400),
    ],
)
def test_what_is_not_in_its_table_is_refused(
    http: Http, running: Running, name: str, method: str, path: str, body: Any, status: int
) -> None:
    with pytest.raises(RefusedError) as raised:
        http.ask(method, path.format(f"{running.access.prefix}_{name}"), body)
    assert raised.value.status_there == status


@pytest.mark.parametrize("engine_of_vectors", ["lucene", "nmslib"])
def test_other_engines_of_vectors_are_refused(http: Http, engine_of_vectors: str) -> None:
    vector = {"type": "knn_vector", "dimension": 3, "method": {"name": "hnsw", "engine": engine_of_vectors}}
    with pytest.raises(RefusedError, match="faiss"):
        http.ask("PUT", "/other", {"settings": {"index.knn": True}, "mappings": {"properties": {"v": vector}}})


def test_requests_have_to_be_signed_for_it(running: Running) -> None:
    assert urllib3.request("GET", f"{running.access.url}/_mapping", retries=False).status == 403
    for signer in (Signer(running.access.region, "es"), Signer("eu-west-1", "aoss")):
        with pytest.raises(EngineUnavailableError, match="check the engine's secret, or the role's rights"):
            Http("OpenSearch Serverless", running.access, sign=signer.headers).ask("GET", "/_mapping")


def test_what_was_written_is_not_seen_at_once(http: Http, running: Running, database: Database, name: str) -> None:
    path = f"{running.access.prefix}_{name}"
    counts = []
    for number in range(3):
        http.ask("POST", f"/{path}/_doc", {"id": str(number)})
        counts.append(http.ask("POST", f"/{path}/_count", {"query": {"match_all": {}}})["count"])
    assert counts[0] == 0
    assert connect_to("serverless", running.access).collections()[name] == database.collections()[name]
