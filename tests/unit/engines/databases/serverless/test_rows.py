from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec
import numpy as np
import pytest

from tonari.contract.database import CollectionState, Record, RecordState, Tombstone
from tonari.contract.engine import FieldType
from tonari.engines.databases.lucene.filters import Fields
from tonari.engines.databases.serverless.rows import (
    COLUMNS,
    NO_VIEW,
    TOMBSTONE,
    Row,
    body_of,
    is_made_by_rows,
    newest,
    record_from,
    record_state,
    row_of,
    rows_of,
)

TYPES: dict[str, FieldType] = {
    "brand": "string",
    "price": "number",
    "new": "boolean",
    "since": "date",
    "tags": "strings",
}
FIELDS = Fields(TYPES)
STATE = CollectionState(snapshot="s", encoder="e", dimensions=4, types=TYPES, items=1, views=1)


def record(name: str = "one", generation: int = 3, views: int = 2, document: str = "{}", **fields: Any) -> Record:
    rows = np.eye(4, dtype=np.float32)[:views] if views else np.empty((0, 0), np.float32)
    return Record(
        name, generation, "state", fields, document, ("red", "hat"), tuple(f"{one}.jpg" for one in range(views)), rows
    )


def kept(documents: Iterable[Any], first: int = 0) -> tuple[list[Row], dict[str, Any]]:
    """Give rows as an index would give them back, and their sources, by keys that count up."""
    sources = {
        f"k{number}": msgspec.json.decode(msgspec.json.encode(one)) for number, one in enumerate(documents, first)
    }
    hits = [
        {"_id": key, "fields": {name: [one[name]] for name in COLUMNS if name in one}} for key, one in sources.items()
    ]
    return [row_of(hit) for hit in hits], sources


@pytest.mark.parametrize(
    "made",
    [
        record(),
        record(views=0),
        record(views=4, brand="", price=-0.5, new=False, since=1.7e9, tags=("", "a")),
        record(brand="x" * 40_000, tags=("x" * 50_000, "y")),
    ],
    ids=["plain", "no view", "fields", "long texts"],
)
def test_a_record_comes_back(made: Record) -> None:
    rows, sources = kept(rows_of(made, 7, FIELDS))

    here = record_from(rows[::-1], sources, FIELDS)

    assert here is not None
    assert (here.id, here.generation, here.state) == (made.id, made.generation, made.state)
    assert (here.fields, here.document, here.views) == (made.fields, made.document, made.views)
    np.testing.assert_array_equal(here.embeddings, made.embeddings)
    assert len(rows) == max(len(made.views), 1)
    assert record_state(rows) == RecordState("one", 3, "state")


def test_one_row_stands_for_the_item() -> None:
    first, second = rows_of(record(brand="acme"), 7, FIELDS)
    assert (first["stands_for_item"], first["terms"], first["view_count"]) == (True, "red hat", 2)
    assert not {"stands_for_item", "terms", "view_count"} & second.keys()
    assert first["f0"] == second["f0"] == "acme"
    assert (first["place"], second["place"], second["first_view"], second["name"]) == (0, 1, "0.jpg", "1.jpg")
    assert not {"_id", "views"} & {*first, *second}
    (alone,) = rows_of(record(views=0), 7, FIELDS)
    (gone,) = rows_of(Tombstone("two", 5), 7, FIELDS)
    assert (alone["place"], alone["stands_for_item"], alone["view_count"]) == (NO_VIEW, True, 0)
    assert (gone["place"], gone["deleted"]) == (TOMBSTONE, True)


def test_an_embedding_without_length_is_in_no_graph() -> None:
    made = Record("one", 1, "s", {}, "{}", (), ("a", "b"), np.array([[0, 0], [0.6, 0.8]], np.float32))
    first, second = rows_of(made, 7, FIELDS)
    assert "vector" not in first
    assert msgspec.json.decode(msgspec.json.encode(second["vector"])) == [0.6, 0.8]


def test_the_newest_write_counts() -> None:
    old, _ = kept(rows_of(record(generation=2), 90, FIELDS))
    first, _ = kept(rows_of(record(), 10, FIELDS), 20)
    second, _ = kept(rows_of(record(), 11, FIELDS), 10)
    for rows in ([*old, *first, *second], [*second, *first, *old]):
        assert newest(rows) == second
        assert record_state(rows) == RecordState("one", 3, "")
    assert record_state(second) == RecordState("one", 3, "state")


def test_what_is_not_settled_has_no_state() -> None:
    rows, sources = kept(rows_of(record(), 7, FIELDS))
    assert record_state(rows[1:]) == RecordState("one", 3, "")
    torn = record_from(rows[1:], sources, FIELDS)
    assert torn is not None
    assert (torn.state, torn.views) == ("", ("1.jpg",))
    again, _ = kept(rows_of(record(), 7, FIELDS), 5)
    assert record_state([*rows, *again]) == RecordState("one", 3, "")
    assert newest([*again, *rows]) == again


def test_a_tombstone_has_no_state() -> None:
    gone, sources = kept(rows_of(Tombstone("one", 5), 7, FIELDS), 9)
    assert record_state(gone) == RecordState("one", 5, None)
    assert record_from(gone, sources, FIELDS) is None
    old, of_old = kept(rows_of(record(), 6, FIELDS))
    assert record_state([*old, *gone]) == RecordState("one", 5, "")
    assert record_from([*old, *gone], sources | of_old, FIELDS) is None


def test_the_mapping_is_one_that_serverless_takes() -> None:
    body = body_of("tonari_s1", STATE, "words", {})
    properties = body["mappings"]["properties"]
    method = properties["vector"]["method"]
    assert (method["name"], method["engine"], method["space_type"]) == ("hnsw", "faiss", "innerproduct")
    assert body["mappings"]["_source"] == {"excludes": ["vector"]}
    assert body["settings"]["index"].keys() == {"knn", "knn.algo_param.ef_search"}
    assert {"id", "generation", "stamp", "place", "row_count", "f0", "terms"} < properties.keys()
    assert "views" not in properties


def test_only_an_index_that_rows_have_made_is_taken_for_one() -> None:
    properties = body_of("tonari_s1", STATE, "words", {})["mappings"]["properties"]
    assert is_made_by_rows({"properties": properties})
    assert not is_made_by_rows({"_meta": {"tonari": {}}, "properties": properties})
    assert not is_made_by_rows({"properties": {"id": {"type": "keyword"}}})
    assert not is_made_by_rows({})
