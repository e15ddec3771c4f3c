from __future__ import annotations

import msgspec
import numpy as np

from tonari.contract.database import Record, RecordState, SortedRecord, Tombstone
from tonari.contract.engine import FieldType
from tonari.engines.databases.lucene.documents import (
    document_of,
    found_record,
    pack,
    properties,
    record_of,
    record_state,
    sorted_record,
    text_of,
)
from tonari.engines.databases.lucene.filters import LONGEST, Fields
from tonari.engines.databases.lucene.writes import MOST_BYTES, bulks

TYPES: dict[str, FieldType] = {"brand": "string", "tags": "strings", "price": "number", "new": "boolean"}
FIELDS = Fields(TYPES)
LONG = "隣" * LONGEST
ROWS = np.array([[0.6, 0.8], [0.0, 0.0], [1e-30, 1.0]], np.float32)
RECORD = Record(
    "a b",
    3,
    "state",
    {"brand": LONG, "tags": ("a", LONG), "price": -0.0, "new": False},
    '{"id": "a b"}',
    ("red", "the", "red", "a b"),
    ("1", "2", "3"),
    ROWS,
)


def test_a_record_comes_back_as_it_was() -> None:
    document = msgspec.json.decode(msgspec.json.encode(document_of(RECORD, FIELDS, ("vector", "flat"))))

    found = record_of(document, FIELDS)

    assert found.embeddings.tobytes() == ROWS.tobytes()
    assert (found.id, found.generation, found.state, found.fields) == ("a b", 3, "state", RECORD.fields)
    assert (found.document, found.views, found.terms) == (RECORD.document, RECORD.views, ())
    assert np.array(document["views"][2]["flat"], np.float32).tobytes() == ROWS[2].tobytes()
    assert document["views"][1].keys() == {"name", "packed"}
    assert document["terms"] == "red red a\u241fb"
    assert max(len(text.encode()) for text in (document["f0"], *document["f1"])) < 32_766


def test_of_a_tombstone_nothing_can_be_found() -> None:
    assert document_of(Tombstone("a", 7), FIELDS, ("vector",)) == {"id": "a", "generation": 7, "deleted": True}
    assert record_state({"fields": {"id": ["a"], "generation": [7]}}) == RecordState("a", 7, None)


def test_what_was_found_is_scored_anew() -> None:
    view = {"_source": {"name": "2", "packed": pack(ROWS[0])}}
    said = {"id": "a", "generation": 1, "state": "s", "document": "{}", "first_view": "1", "f2": 5, "f1": ["x"]}
    hit = {"_source": said, "_score": 0.1, "inner_hits": {"views": {"hits": {"hits": [view]}}}}

    found = found_record(hit, np.array([1, 0], np.float32), embedding=True)

    assert (found.id, found.score, found.view) == ("a", float(np.float32(0.6)), "2")
    assert found.embedding is not None
    assert found.embedding.tolist() == ROWS[0].tolist()
    assert sorted_record(hit, "f2", "number") == SortedRecord("a", 5.0, "1", "{}", 1, "s")
    assert sorted_record(hit, None, None).value is None


def test_fields_are_numbered() -> None:
    mapped = properties(FIELDS, {"vector": {"type": "knn_vector"}}, "words")
    assert [mapped[f"f{n}"]["type"] for n in range(4)] == ["keyword", "keyword", "double", "boolean"]
    assert text_of(["", " ", "a", "b c"]) == "a b\u241fc"


def test_requests_are_bounded() -> None:
    some = [Record(f"{n}", 0, "", {}, "x" * 1_000_000, (), (), ROWS[:0]) for n in range(9)]
    sent = list(bulks(some, FIELDS, ("vector",)))
    assert len(sent) == 3
    assert all(len(one) <= MOST_BYTES for one in sent)
    assert b"".join(sent).count(b"\n") == 18
    assert msgspec.json.decode(sent[0].split(b"\n")[0]) == {
        "index": {"_id": "0", "version": 0, "version_type": "external_gte"}
    }
