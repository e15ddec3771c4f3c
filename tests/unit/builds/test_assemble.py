from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from tonari.builds.assemble import assemble, build_snapshot
from tonari.builds.encode import Checkpoint
from tonari.builds.known_vectors import KnownVectors, LabelledVectors, label_views
from tonari.builds.look import Plan
from tonari.catalogue.documents import image_key
from tonari.contract.artefacts import RejectedView
from tonari.fields.label_like import MOST_CLASSES
from tonari.fields.schema import Field, Schema
from tonari.index.vectors import to_fixed
from tonari.snapshots.indexed import IndexedItem, IndexedView, items_to_arrays, texts
from tonari.snapshots.table import build_table

SCHEMA = Schema({"price": Field("number")})
BECOMES = st.sampled_from(["known", "encoded", "encoded with another source", "rejected", "vanished"])


def vector(key: str) -> NDArray[np.int16]:
    return np.array([len(key), sum(key.encode()) % 30_000], np.int16)


@given(
    fates=st.dictionaries(
        st.sampled_from(["a", "a-b", "b", "隣"]),
        st.dictionaries(st.sampled_from(["1.jpg", "2.jpg", "3.jpg"]), BECOMES),
    ),
    shard=st.integers(1, 3),
)
@settings(max_examples=200, deadline=None)
def test_every_view_is_where_it_belongs(fates: dict[str, dict[str, str]], shard: int) -> None:
    items = [
        IndexedItem(
            item, {"price": number} if number % 2 else {}, f"d{number}" if number % 2 else "",
            tuple(IndexedView(name, "listed", np.empty(0, np.int16)) for name in names),
        )
        for number, (item, names) in enumerate(fates.items())
    ]  # fmt: skip
    fate = {image_key(item, name): what for item, names in fates.items() for name, what in names.items()}
    reused = [key for key, what in fate.items() if what == "known"]
    known = KnownVectors(
        "encoder-1",
        [
            LabelledVectors(
                label_views((key, "listed") for key in reused),
                stack(map(vector, reused)),
                np.zeros(len(reused), np.bool_),
            )
        ],
    )
    arrays = items_to_arrays(items, 0)
    numbers = known.find(label_views(arrays.views(np.arange(len(arrays.view_names)))))
    plan = Plan(arrays, SCHEMA, known, numbers, {"items/x.json": "is not JSON"}, None, (), 0)

    shards = list(plan.shards(shard))
    table, rejected = assemble(plan, [checkpoint(one.keys, fate) for one in shards], 2)

    assert sorted(key for one in shards for key in one.keys) == sorted(fate.keys() - set(reused))
    assert {one.encoder for one in shards} <= {"encoder-1"}
    assert all(len(one.keys) <= shard for one in shards)
    gone = {
        item.id
        for item in items
        if not item.document_etag and item.views and {fates[item.id][view.name] for view in item.views} == {"vanished"}
    }
    assert len(table) == len(items) - len(gone)
    for item in items:
        position = table.find(item.id)
        if item.id in gone:
            assert position is None
            continue
        assert position is not None
        found = table.item(position)
        expected = [
            (view.name, "a later source" if "another" in fate[key] else "listed", vector(key).tolist())
            for view in item.views
            if fate[key := image_key(item.id, view.name)] not in ("rejected", "vanished")
        ]
        assert (found.fields, found.document_etag) == (item.fields, item.document_etag)
        assert [(view.name, view.source, view.embedding.tolist()) for view in found.views] == expected
        assert table.value("price", position) == item.fields.get("price")
    refused = {key: f"no picture {key}" for key, what in fate.items() if what == "rejected"}
    assert rejected == {"items/x.json": "is not JSON", **refused}


def checkpoint(keys: tuple[str, ...], fate: dict[str, str]) -> Checkpoint:
    encoded = [key for key in keys if "encoded" in fate[key]]
    sources = ["a later source" if "another" in fate[key] else "listed" for key in encoded]
    rejected = tuple(RejectedView(key, "listed", f"no picture {key}") for key in keys if fate[key] == "rejected")
    return Checkpoint(
        "encoder-1",
        texts(encoded),
        texts(sources),
        stack(map(vector, encoded)),
        np.zeros(len(encoded), np.bool_),
        rejected,
    )


def stack(vectors: Any) -> NDArray[np.int16]:
    return np.array([*vectors], np.int16).reshape(-1, 2)


def test_an_attribute_that_the_schema_names_is_never_left_out() -> None:
    values = {
        "brand": lambda n: f"b{n % (MOST_CLASSES + 100)}",
        "price": lambda n: f"{n % 40}.99",
        "void": lambda _: "NaN",
        "one": lambda _: "x",
        "some": lambda n: ("red", "None", "blue")[n % 3],
    }
    random = np.random.default_rng(0)
    rows = random.standard_normal((MOST_CLASSES + 120, 8))
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    items = [
        IndexedItem(f"i{n:04}", {k: v(n) for k, v in values.items()}, "d", (IndexedView("a.jpg", "e", to_fixed(row)),))
        for n, row in enumerate(rows)
    ]
    schema = Schema({name: Field("string", attribute=True) for name in values})

    snapshot = build_snapshot("e" * 64, schema, build_table(items, schema, 8), {})

    classes = {name: model.classes for name, model in snapshot.learned.items()}
    assert {name: len(of) for name, of in classes.items() if name != "some"} == {
        "brand": MOST_CLASSES + 100,
        "price": 40,
        "void": 0,
        "one": 1,
    }
    assert classes["some"] == ("blue", "red")
    assert {name: one.count for name, one in snapshot.table.unusable.items()} == {"void": len(rows), "some": 140}
