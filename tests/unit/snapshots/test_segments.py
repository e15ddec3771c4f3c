from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tonari.catalogue.documents import document_key, image_key
from tonari.errors import CorruptArtefactError
from tonari.index.vectors import to_fixed
from tonari.snapshots.segments import Segment, merge, segment_from_bytes, segment_to_bytes
from tonari.snapshots.table import IndexedItem, IndexedView

DIMENSIONS = 2
IDS = st.sampled_from(["a", "b", "a.json", "隣", "A"])
VIEWS = st.builds(
    lambda name, etag, values: IndexedView(name, etag, to_fixed(np.array(values))),
    st.sampled_from(["front.jpg", "back.jpg", "é"]),
    st.sampled_from(["e1", "e2"]),
    st.lists(st.floats(-1, 1, width=16), min_size=DIMENSIONS, max_size=DIMENSIONS),
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
    return Segment(items, dict.fromkeys(rejected, draw(st.sampled_from(["truncated", "no picture"]))))


def plain(segment: Segment) -> tuple[Any, ...]:
    """A segment as a value that can be compared."""
    return (
        {
            one: item
            and (
                item.id,
                dict(item.fields),
                item.document_etag,
                [(v.name, v.etag, v.embedding.dtype, v.embedding.tolist()) for v in item.views],
            )
            for one, item in segment.items.items()
        },
        dict(segment.rejected),
    )


@given(segments())
@settings(max_examples=60, deadline=None)
def test_round_trip(segment: Segment) -> None:
    assert plain(segment_from_bytes(segment_to_bytes(segment, DIMENSIONS))) == plain(segment)


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

    merged = merge(given)

    assert plain(merged) == plain(Segment(items, {key: why for one in rejected.values() for key, why in one.items()}))


@given(st.lists(segments(), max_size=5), st.integers(0, 5))
@settings(max_examples=50, deadline=None)
def test_merging_some_first_changes_nothing(given: list[Segment], split: int) -> None:
    assert plain(merge([merge(given[:split]), *given[split:]])) == plain(merge(given))


def test_merging_leaves_the_segments_alone() -> None:
    first, second = Segment({"a": None}, {image_key("a", "x"): "truncated"}), Segment({"a": None}, {})

    assert merge([first, second]).rejected == {}
    assert first.rejected == {image_key("a", "x"): "truncated"}


@pytest.mark.parametrize(("one", "other"), [("a.json", "a"), ("a", "a.json")])
def test_items_whose_names_resemble_are_told_apart(one: str, other: str) -> None:
    why = {image_key(one, "front.jpg"): "truncated", document_key(one): "is not JSON"}

    assert merge([Segment({one: None}, why), Segment({other: None}, {})]).rejected == why
    assert merge([Segment({one: None}, why), Segment({one: None}, {})]).rejected == {}


def test_an_embedding_of_another_length_is_refused() -> None:
    item = IndexedItem("a", {}, "", (IndexedView("front", "e", np.ones(DIMENSIONS + 1, np.int16)),))

    with pytest.raises(ValueError, match="broadcast"):
        segment_to_bytes(Segment({"a": item}, {}), DIMENSIONS)


def test_a_segment_of_another_version_is_refused() -> None:
    item = IndexedItem("a", {}, "", (IndexedView("front", "e", np.ones(DIMENSIONS, np.int16)),))
    file = io.BytesIO()
    with np.load(io.BytesIO(segment_to_bytes(Segment({"a": item}, {}), DIMENSIONS))) as arrays:
        np.savez(file, about=arrays["about"], embeddings=arrays["embeddings"].astype(np.float16))

    with pytest.raises(CorruptArtefactError, match="float16"):
        segment_from_bytes(file.getvalue())
