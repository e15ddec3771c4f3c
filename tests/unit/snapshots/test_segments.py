from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tonari.catalogue.documents import document_key, image_key
from tonari.errors import CorruptArtefactError
from tonari.index.vectors import to_fixed
from tonari.snapshots.indexed import IndexedItem, IndexedView
from tonari.snapshots.segments import Segment, merge, segment_of, segment_to_bytes
from tonari.storage.packing import pack, unpack

ENCODER = "encoder-1"
DIMENSIONS = 2
IDS = st.sampled_from(["a", "b", "a.json", "隣", "A"])
VIEWS = st.builds(
    lambda name, source, values, cut: IndexedView(name, source, to_fixed(np.array(values)), cut),
    st.sampled_from(["front.jpg", "back.jpg", "é"]),
    st.sampled_from(["e1", "e2"]),
    st.lists(st.floats(-1, 1, width=16), min_size=DIMENSIONS, max_size=DIMENSIONS),
    st.booleans(),
)
CONTENTS = st.none() | st.tuples(
    st.dictionaries(st.sampled_from(["price", "name"]), st.integers(0, 3) | st.sampled_from(["", "é"])),
    st.sampled_from(["", "d1", "d2"]),
    st.lists(VIEWS, max_size=2).map(tuple),
)


@st.composite
def segments(draw: st.DrawFn) -> Segment:
    contents = draw(st.dictionaries(IDS, CONTENTS, max_size=4))
    items = {one: content and IndexedItem(one, *content) for one, content in contents.items()}
    keys = [key for one in items for key in (document_key(one), image_key(one, "front.jpg"))]
    rejected = draw(st.lists(st.sampled_from(keys), unique=True)) if keys else []
    why = draw(st.sampled_from(["truncated", "no picture"]))
    return Segment(ENCODER, items, dict.fromkeys(rejected, why), draw(st.frozensets(IDS, max_size=2)))


def plain(segment: Segment) -> tuple[Any, ...]:
    """A segment as a value that can be compared."""
    return (
        {
            one: item
            and (
                item.id,
                dict(item.fields),
                item.document_etag,
                [(v.name, v.source, v.embedding.dtype, v.embedding.tolist(), v.cut) for v in item.views],
            )
            for one, item in segment.items.items()
        },
        dict(segment.rejected),
        segment.seen,
        segment.encoder,
    )


def read(data: bytes, encoder: str = ENCODER) -> Segment:
    return segment_of(unpack(data, "segment"), encoder)


@given(segments())
@settings(max_examples=60, deadline=None)
def test_round_trip(segment: Segment) -> None:
    assert plain(read(segment_to_bytes(segment, DIMENSIONS))) == plain(segment)


@given(segments())
@settings(max_examples=20, deadline=None)
def test_the_same_segment_gives_the_same_bytes(segment: Segment) -> None:
    assert segment_to_bytes(segment, DIMENSIONS) == segment_to_bytes(segment, DIMENSIONS)


@given(st.lists(segments(), max_size=5))
@settings(max_examples=100, deadline=None)
def test_the_last_word_on_each_item_counts(given: list[Segment]) -> None:
    items: dict[str, IndexedItem | None] = {}
    rejected: dict[str, dict[str, str]] = {}
    for segment in given:
        for one, item in segment.items.items():
            items[one] = item
            keys = (document_key(one), image_key(one, "front.jpg"))
            rejected[one] = {key: segment.rejected[key] for key in keys if key in segment.rejected}

    merged = merge(ENCODER, given)

    assert plain(merged) == plain(
        Segment(
            ENCODER,
            items,
            {key: why for one in rejected.values() for key, why in one.items()},
            frozenset().union(*(one.seen for one in given)),
        )
    )


@given(st.lists(segments(), max_size=5), st.integers(0, 5))
@settings(max_examples=50, deadline=None)
def test_merging_some_first_changes_nothing(given: list[Segment], split: int) -> None:
    assert plain(merge(ENCODER, [merge(ENCODER, given[:split]), *given[split:]])) == plain(merge(ENCODER, given))


def test_merging_leaves_the_segments_alone() -> None:
    first, second = Segment(ENCODER, {"a": None}, {image_key("a", "x"): "truncated"}), Segment(ENCODER, {"a": None})

    assert merge(ENCODER, [first, second]).rejected == {}
    assert first.rejected == {image_key("a", "x"): "truncated"}


@pytest.mark.parametrize(("one", "other"), [("a.json", "a"), ("a", "a.json")])
def test_items_whose_names_resemble_are_told_apart(one: str, other: str) -> None:
    why = {image_key(one, "front.jpg"): "truncated", document_key(one): "is not JSON"}

    assert merge(ENCODER, [Segment(ENCODER, {one: None}, why), Segment(ENCODER, {other: None}, {})]).rejected == why
    assert merge(ENCODER, [Segment(ENCODER, {one: None}, why), Segment(ENCODER, {one: None}, {})]).rejected == {}


def test_an_embedding_of_another_length_is_refused() -> None:
    item = IndexedItem("a", {}, "", (IndexedView("front", "e", np.ones(DIMENSIONS + 1, np.int16)),))

    with pytest.raises(ValueError, match="broadcast"):
        segment_to_bytes(Segment(ENCODER, {"a": item}, {}), DIMENSIONS)


@pytest.fixture
def data() -> bytes:
    item = IndexedItem("a", {}, "", (IndexedView("front", "e", np.ones(DIMENSIONS, np.int16)),))
    return segment_to_bytes(Segment(ENCODER, {"a": item}, {}), DIMENSIONS)


def test_embeddings_of_another_encoder_are_refused(data: bytes) -> None:
    with pytest.raises(CorruptArtefactError, match="of encoder encoder-1, not of encoder-2"):
        read(data, "encoder-2")


@pytest.mark.parametrize(
    "change", [{"fixed": np.ones((1, DIMENSIONS), np.float16)}, {"first": np.zeros(1, np.int64)}, {"ids": None}]
)
def test_other_arrays_are_refused(data: bytes, change: dict[str, Any]) -> None:
    whole = unpack(data, "segment")
    arrays = {name: array for name, array in {**whole.arrays, **change}.items() if array is not None}

    with pytest.raises(CorruptArtefactError, match="rebuild"):
        read(pack(whole.about(dict[str, Any]), arrays))


@pytest.mark.parametrize(
    ("change", "says"),
    [({"format": 1}, "has format 1"), ({"deleted": "a"}, "documented form"), ({"more": 1}, "documented form")],
)
def test_another_header_is_refused(data: bytes, change: dict[str, Any], says: str) -> None:
    whole = unpack(data, "segment")

    with pytest.raises(CorruptArtefactError, match=says):
        read(pack(whole.about(dict[str, Any]) | change, whole.arrays))


def test_segments_of_two_encoders_are_never_merged() -> None:
    with pytest.raises(CorruptArtefactError, match="embeddings of encoder other, not of"):
        merge(ENCODER, [Segment(ENCODER), Segment("other")])


def test_what_was_looked_at_is_all_that_a_segment_says_something_of() -> None:
    assert Segment(ENCODER, {"a": None}, {}, frozenset("b")).looked_at == {"a", "b"}
