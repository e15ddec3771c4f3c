from __future__ import annotations

import json

import numpy as np

from tonari.fields.schema import Field, Schema
from tonari.index.vectors import to_fixed
from tonari.snapshots.indexed import IndexedItem, IndexedView
from tonari.snapshots.records import RecordMaker, is_of_snapshot, state_text, stored_item
from tonari.snapshots.table import build_table

SCHEMA = Schema(
    {
        "price": Field("number"),
        "since": Field("date"),
        "new": Field("boolean"),
        "brand": Field("string"),
        "tags": Field("strings"),
        "title": Field("string"),
    }
)
ROWS = np.eye(3, 4, dtype=np.float32)[:2]
FIELDS = {
    "id": "Boot-12",
    "price": 5,
    "since": "2026-01-02",
    "new": True,
    "brand": "N/A",
    "tags": ["b", "a", 38, "a"],
    "title": "Red boots",
    "note": "kept, not filtered",
}
ITEM = IndexedItem(
    "Boot-12",
    FIELDS,
    "etag",
    tuple(IndexedView(name, name.upper(), row) for name, row in zip(("a.jpg", "b.jpg"), to_fixed(ROWS), strict=True)),
)


def test_fields_are_as_filters_compare_them() -> None:
    record = RecordMaker.of(SCHEMA).record(ITEM, 3)

    assert record.fields == {
        "price": 5.0,
        "since": 1767312000.0,
        "new": True,
        "tags": ("38", "a", "b"),
        "title": "Red boots",
    }
    assert json.loads(record.document) == FIELDS
    assert (record.id, record.generation, record.views) == ("Boot-12", 3, ("a.jpg", "b.jpg"))
    assert np.allclose(np.linalg.norm(record.embeddings, axis=1), 1, atol=1e-6)
    assert {"red", "boots", "boot-12"} <= {*record.terms}
    assert record.terms.count("boots") == 2


def test_an_item_without_a_view_has_a_record() -> None:
    record = RecordMaker.of(SCHEMA).record(IndexedItem("x", {"id": "x"}, "", ()), 1)

    assert (record.views, record.embeddings.shape) == ((), (0, 0))
    assert stored_item(record, 4).embeddings.shape == (0, 4)


def test_records_of_a_snapshot_say_so_whenever_they_are_written() -> None:
    maker, table = RecordMaker.of(SCHEMA), build_table([ITEM], SCHEMA, 4)

    (loaded,) = maker.records(table, [0])
    (again,) = maker.records(table, [0], generation=9)

    assert (loaded.generation, again.generation) == (0, 9)
    assert loaded.state == again.state == f"={state_text(ITEM.state)}"
    assert is_of_snapshot(loaded.state)
    assert not is_of_snapshot(maker.record(ITEM, 9).state)
    assert loaded.fields == maker.record(ITEM, 0).fields
    assert stored_item(loaded, 4).fields == FIELDS
