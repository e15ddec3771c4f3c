"""In what OpenSearch and Elasticsearch are asked differently, and what is done with answers of theirs as recorded."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import numpy as np
import pytest

from tonari.contract.database import Access, CollectionState, NearestQuery, Record, Tombstone
from tonari.contract.filter_tree import Condition, Range
from tonari.engines.databases import elasticsearch, opensearch
from tonari.engines.databases.lucene.indices import MOST, shards_of
from tonari.errors import EngineUnavailableError, MissingCollectionError, UnsupportedByEngineError
from unit.engines.databases.lucene.servers import Asked, serving

VECTOR = np.array([0.6, 0.8], np.float32)
WITHIN = {"term": {"deleted": False}}
STATE = CollectionState(snapshot="s", encoder="e", dimensions=2, types={"new": "boolean"}, items=1, views=1)
META = {"prefix": "tonari", "state": msgspec.json.encode(STATE).decode()}
MAPPING = {"tonari_s1": {"mappings": {"_meta": {"tonari": META}}}}
CONFLICT = {"index": {"status": 409, "error": {"type": "version_conflict_engine_exception", "reason": "newer"}}}
RECORDS = [Record("a", 1, "s", {"new": True}, "{}", (), ("v",), VECTOR[None]), Tombstone("b", 1)]


def test_the_graph_is_walked_for_more_than_is_wanted() -> None:
    query = opensearch.OpenSearch().nearest(VECTOR, 100, WITHIN, exact=False)
    assert query == {"knn": {"views.vector": {"vector": VECTOR.tolist(), "k": 400, "filter": WITHIN}}}
    assert opensearch.OpenSearch().nearest(VECTOR, MOST, None, exact=False)["knn"]["views.vector"]["k"] == MOST
    query = elasticsearch.Elasticsearch().nearest(VECTOR, 10, None, exact=False)
    assert query == {"knn": {"field": "views.vector", "query_vector": VECTOR.tolist(), "k": 10, "num_candidates": 200}}


def test_every_view_is_compared() -> None:
    query = opensearch.OpenSearch().nearest(VECTOR, 100, WITHIN, exact=True)
    assert query["script_score"]["script"]["source"] == "knn_score"
    query = elasticsearch.Elasticsearch().nearest(VECTOR, 100, WITHIN, exact=True)
    assert query["knn"]["field"] == "views.flat"
    assert (query["knn"]["num_candidates"], query["knn"]["filter"]) == (100, WITHIN)


def test_embeddings_of_too_many_dimensions_are_refused() -> None:
    wide = msgspec.structs.replace(STATE, dimensions=5_000)
    with pytest.raises(UnsupportedByEngineError, match="at most 4,096 dimensions, these have 5,000"):
        elasticsearch.connect(Access("http://127.0.0.1:1")).create("s1", wide)


def test_a_collection_has_as_many_shards_as_it_needs() -> None:
    assert shards_of(STATE) == 1
    assert shards_of(msgspec.structs.replace(STATE, views=100_000_000, dimensions=256)) == 4


def test_an_engine_without_stems_parts_words_at_blanks() -> None:
    refused = {"error": {"type": "illegal_argument_exception", "reason": "Unknown filter type [stemmer] for [stems]"}}

    def answer(asked: Asked, _number: int) -> tuple[int, Any]:
        return (400, refused) if b"stemmer" in asked.body else (200, {"acknowledged": True})

    with serving(answer) as server:
        elasticsearch.connect(Access(server.url)).create("s1", STATE)
    first, second = (json.loads(asked.body) for asked in server.asked)
    assert first["mappings"]["properties"]["terms"]["analyzer"] == "words"
    assert second["mappings"]["properties"]["terms"]["analyzer"] == "whitespace"
    assert second["aliases"] == {"tonari_s1_written": {}}


def written(*answers: Any) -> list[Asked]:
    def answer(asked: Asked, _number: int) -> tuple[int, Any]:
        if asked.path.endswith("_mapping"):
            return 200, MAPPING
        return 200, rest.pop(0) if "_bulk" in asked.path else {}

    rest = list(answers)
    with serving(answer) as server:
        opensearch.connect(Access(server.url)).write("s1", RECORDS)
    return server.asked


def test_an_older_record_is_passed_over() -> None:
    asked = written({"errors": True, "items": [CONFLICT, {"index": {"status": 201}}]})
    assert [one.path.partition("?")[0] for one in asked] == [
        "/tonari_s1/_mapping",
        "/tonari_s1_written/_bulk",
        "/tonari_s1/_refresh",
    ]
    assert "require_alias=true" in asked[1].path


def test_what_was_put_off_is_written_again() -> None:
    late = {"index": {"status": 429, "error": {"type": "rejected", "reason": "queue is full"}}}
    asked = written({"errors": True, "items": [late]}, {"errors": True, "items": [CONFLICT]})
    assert [b"_bulk" in one.path.encode() for one in asked] == [False, True, True, False]
    with pytest.raises(EngineUnavailableError, match="did not write 1 records, the first with status 429"):
        written(*[{"errors": True, "items": [late]}] * 4)


def test_what_was_not_written_is_told() -> None:
    bad = {"index": {"status": 400, "error": {"type": "mapper_parsing_exception", "reason": "dimension mismatch"}}}
    with pytest.raises(EngineUnavailableError, match="mapper_parsing_exception dimension mismatch"):
        written({"errors": True, "items": [bad]})
    gone = {"index": {"status": 404, "error": {"type": "index_not_found_exception", "reason": "no such index"}}}
    with pytest.raises(MissingCollectionError):
        written({"errors": True, "items": [gone]})


def test_a_part_of_an_answer_is_none() -> None:
    def answer(asked: Asked, _number: int) -> tuple[int, Any]:
        said = {"_shards": {"failed": 1}, "hits": {"hits": []}}
        return 200, MAPPING if asked.path.endswith("_mapping") else said

    with serving(answer) as server:
        database = opensearch.connect(Access(server.url))
        with pytest.raises(EngineUnavailableError, match="searched only a part"):
            database.nearest("s1", NearestQuery(VECTOR, 3, Range(Condition("new", "$eq", (True,)))))
        with pytest.raises(UnsupportedByEngineError, match="at most 10,000 items"):
            database.nearest("s1", NearestQuery(VECTOR, MOST + 1))
    assert "allow_partial_search_results=false" in server.asked[-1].path


def test_other_indices_are_no_collections() -> None:
    others = {
        "tonari_x_s1": {"mappings": {"_meta": {"tonari": {**META, "prefix": "tonari_x"}}}},
        "tonari_own": {"mappings": {"_meta": {"other": 1}}},
        "tonari_plain": {"mappings": {}},
        "tonari_newer": {"mappings": {"_meta": {"tonari": {**META, "state": '{"unknown": 1}'}}}},
    }
    with serving(lambda _asked, _number: (200, {**MAPPING, **others})) as server:
        assert opensearch.connect(Access(server.url)).collections() == {"s1": STATE}
