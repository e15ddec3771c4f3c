from __future__ import annotations

import tracemalloc
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tonari.fields.schema import Field, Schema
from tonari.index.vectors import quantise, to_fixed
from tonari.snapshots.indexed import IndexedItem, IndexedView, items_to_arrays, read_item_arrays
from tonari.snapshots.table import Table, build_table, read_table
from tonari.storage.packing import pack, unpack

DIMENSIONS = 3
SCHEMA = Schema({"price": Field("number"), "color": Field("string", attribute=True), "new": Field("boolean")})
IDS = st.text(st.characters(exclude_categories=["C", "Z"], exclude_characters="/"), min_size=1, max_size=4)
VIEWS = st.builds(
    lambda name, source, values, cut: IndexedView(name, source, to_fixed(np.array(values)), cut),
    IDS,
    st.sampled_from(["e1", "e2"]),
    st.lists(st.floats(-1, 1, width=16), min_size=DIMENSIONS, max_size=DIMENSIONS),
    st.booleans(),
)
FIELDS = st.fixed_dictionaries(
    {},
    optional={
        "price": st.integers(0, 9),
        "color": st.sampled_from(["red", "blue", "é"]),
        "new": st.booleans(),
        "other": st.none() | st.text(max_size=3),
    },
)
ITEMS = st.lists(
    st.builds(IndexedItem, IDS, FIELDS, st.sampled_from(["", "d1"]), st.lists(VIEWS, max_size=3).map(tuple)),
    max_size=6,
    unique_by=lambda item: item.id,
)


def plain(item: IndexedItem) -> tuple[Any, ...]:
    """An item as a value that can be compared."""
    return (
        item.id,
        dict(item.fields),
        item.document_etag,
        [(v.name, v.source, v.embedding.tolist(), v.cut) for v in item.views],
    )


def view(name: str, *values: float) -> IndexedView:
    return IndexedView(name, f"source-{name}", to_fixed(np.array(values)))


def table(items: Iterable[IndexedItem]) -> Table:
    return build_table(items, SCHEMA, DIMENSIONS)


def everything(made: Table) -> list[tuple[Any, ...]]:
    return [plain(made.item(position)) for position in range(len(made))]


@pytest.fixture
def shop() -> Table:
    return table(
        [
            IndexedItem("b", {"id": "b", "color": "red"}, "d-b", (view("back", 0, 1, 0), view("art", 0, 0, 1))),
            IndexedItem("a-longer-id", {"color": "blue"}, "d-a", ()),
            IndexedItem("隣", {}, "", (view("front", 1, 0, 0),)),
        ]
    )


@given(ITEMS)
@settings(max_examples=80, deadline=None)
def test_items_come_back(items: list[IndexedItem]) -> None:
    made = table(items)

    expected = sorted(items, key=lambda item: item.id.encode())
    assert everything(made) == [plain(item) for item in expected]
    for position, item in enumerate(expected):
        assert made.find(item.id) == position
        assert made.id(position) == item.id
        assert made.fields(position) == item.fields
        assert made.state(position) == item.state
        assert made.value("color", position) == item.fields.get("color")
        assert [made.view_name(int(row)) for row in made.rows(position)] == [one.name for one in item.views]
    assert len(made) == len(items)
    assert np.array_equal(made.views.codes, quantise(made.views.fixed)[0])


@given(ITEMS)
@settings(max_examples=50, deadline=None)
def test_round_trip_through_a_file(items: list[IndexedItem]) -> None:
    made = table(items)
    again = read_table(unpack(pack({}, made.to_arrays()), "table"), made.views.fixed, made.views.codes)

    assert everything(again) == everything(made)
    assert again.columns.keys() == made.columns.keys()
    assert [again.value("color", one) for one in range(len(again))] == [
        made.value("color", one) for one in range(len(made))
    ]


@given(ITEMS)
@settings(max_examples=50, deadline=None)
def test_items_as_arrays_come_back(items: list[IndexedItem]) -> None:
    packed = unpack(pack({}, items_to_arrays(items, DIMENSIONS).to_arrays()), "items")

    expected = sorted(items, key=lambda item: item.id.encode())
    assert [plain(item) for item in read_item_arrays(packed).items()] == [plain(item) for item in expected]


def test_order_is_that_of_the_bytes() -> None:
    ids = ["\U00010000", "\uffff", "é", "z", "Z", "a", "aa", "a.b"]

    made = table(IndexedItem(one, {}, "", ()) for one in ids)

    assert [made.id(position) for position in range(len(made))] == sorted(ids, key=str.encode)


@pytest.mark.parametrize(
    "unknown", ["", "a", "bb", "c", "\x00", "b\x00", "隣\x00\x00", "隣隣", "zz" * 200, "\U0010ffff"]
)
def test_an_unknown_id_is_not_found(shop: Table, unknown: str) -> None:
    assert shop.find(unknown) is None
    assert shop.positions(["b", unknown, "隣"]).tolist() == [1, -1, 2]


def test_a_long_id_widens_no_others(shop: Table) -> None:
    many = replace(shop, ids=np.array([b"%05d" % number for number in range(20_000)]))
    tracemalloc.start()

    found = many.positions(["x" * 8_000, "00007", "y" * 256])

    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert found.tolist() == [-1, 7, -1]
    assert peak < 100_000


def test_nothing_is_found_where_nothing_is() -> None:
    empty = table([])

    assert len(empty) == len(empty.views) == 0
    assert empty.find("a") is None
    assert empty.positions(["a", "b"]).tolist() == [-1, -1]
    assert empty.views.fixed.shape == (0, DIMENSIONS)
    assert empty.offsets.tolist() == [0]


def test_no_ids_have_no_positions(shop: Table) -> None:
    assert shop.positions([]).tolist() == []


def test_an_item_without_views(shop: Table) -> None:
    position = shop.find("a-longer-id")

    assert position == 0
    assert shop.rows(position).tolist() == []
    assert shop.state(position) == ("d-a", ())


def test_state_names_what_an_item_was_made_from(shop: Table) -> None:
    assert shop.state(1) == ("d-b", (("back", "source-back"), ("art", "source-art")))
    assert shop.state(2) == ("", (("front", "source-front"),))


def test_values_of_attributes(shop: Table) -> None:
    assert [shop.value("color", position) for position in range(3)] == ["blue", "red", None]
    assert shop.value("price", 0) is None
    assert shop.value("unknown", 0) is None


def test_dtypes(shop: Table) -> None:
    assert shop.views.item.dtype == np.int32
    assert shop.views.fixed.dtype == np.int16
    assert shop.views.codes.dtype == np.int8
    assert shop.offsets.dtype == np.int64
    assert shop.ids.dtype.kind == "S"


def test_an_embedding_of_another_length_is_refused() -> None:
    with pytest.raises(ValueError, match="broadcast"):
        table([IndexedItem("a", {}, "", (view("front", 1, 0),))])
