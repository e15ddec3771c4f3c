from __future__ import annotations

import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tonari.contract.database import CollectionState, Record, Tombstone
from tonari.engines.databases.pgvector.layout import (
    Layout,
    copied_views,
    escaped,
    field_value,
    quoted,
    read_vectors,
    unescaped,
    vector_text,
)

TEXTS = st.text(st.characters(exclude_categories=["Cs"]) | st.sampled_from("\0\1\2"))
TYPES = {"brand": "string", "tags": "strings", "price": "number"}


def layout(dimensions: int = 4, types: dict[str, str] | None = None) -> Layout:
    chosen = TYPES if types is None else types
    state = CollectionState(snapshot="s", encoder="e", dimensions=dimensions, types=chosen, items=1, views=1)
    return Layout("tonari", "s_1", state)


@given(TEXTS)
def test_texts_are_written_without_nul_and_read_again(text: str) -> None:
    assert "\0" not in escaped(text)
    assert unescaped(escaped(text)) == text


@given(TEXTS, TEXTS)
def test_texts_stay_apart_and_in_order(one: str, other: str) -> None:
    assert (escaped(one) < escaped(other)) == (one < other)
    assert (escaped(one) == escaped(other)) == (one == other)


@given(st.lists(st.floats(width=32, allow_nan=False, allow_infinity=False), min_size=1, max_size=8))
def test_embeddings_are_written_and_read(numbers: list[float]) -> None:
    row = np.array([numbers], np.float32)
    record = Record("x", 0, "s", {}, "{}", (), ("a.jpg",), row)
    written = copied_views(record, 7)

    count, item_size, item, number_size, number, name_size = struct.unpack_from("!hiqiii", written)
    assert (count, item_size, item, number_size, number, name_size) == (4, 8, 7, 4, 0, 5)
    sent = written[struct.calcsize("!hiqiii") + 5 + 4 :]
    np.testing.assert_array_equal(read_vectors([sent], len(numbers)), row)
    assert [float(one) for one in vector_text(row[0]).strip("[]").split(",")] == row[0].tolist()


def test_no_embeddings() -> None:
    assert read_vectors([], 4).shape == (0, 0)
    assert copied_views(Record("x", 0, "s", {}, "{}", (), (), np.empty((0, 0), np.float32)), 1) == b""


def test_rows() -> None:
    record = Record("x\0", 3, "s", {"tags": ("a\0",), "price": 2.0}, "{}", (), (), np.empty((0, 0), np.float32))

    assert layout().row(record) == ["x\1\1", 3, False, "s", "{}", 0, None, ["a\1\1"], 2.0]
    assert layout().row(Tombstone("x", 4)) == ["x", 4, True, "", "", 0, None, None, None]
    assert field_value(["a\1\1"]) == ("a\0",)
    assert field_value("a\1\2") == "a\1"
    assert field_value(2.0) == 2.0


def test_names_are_quoted() -> None:
    assert quoted('a"b') == '"a""b"'
    assert layout().items == '"tonari"."s_1_items"'


@pytest.mark.parametrize(
    ("dimensions", "indexed"),
    [
        (2_000, "v.embedding"),
        (2_001, "(v.embedding::halfvec(2001))"),
        (4_000, "(v.embedding::halfvec(4000))"),
        (4_001, ""),
    ],
)
def test_long_embeddings_are_indexed_in_16_bits_or_not_at_all(dimensions: int, indexed: str) -> None:
    assert layout(dimensions).indexed == indexed
    assert sum("hnsw" in one for one in layout(dimensions).indexes()) == (1 if indexed else 0)


def test_people_read_fields_by_their_names_where_sql_has_such() -> None:
    fields = {"price": "number", "id": "string", "x" * 64: "string", 'a"b %s': "string", "": "string", "f4": "number"}
    view = layout(types=fields).readable("live")

    for named in (
        'i.f0 AS "price"',
        'i.f1 AS "f1"',
        'i.f2 AS "f2"',
        'i.f3 AS "a""b %s"',
        'i.f4 AS "f4"',
        'i.f5 AS "f5"',
    ):
        assert named in view
