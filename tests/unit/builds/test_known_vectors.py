from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from tonari.builds.known_vectors import KnownVectors, LabelledVectors, known_to, label_views, vectors_of_table
from tonari.fields.schema import Schema
from tonari.snapshots.indexed import IndexedItem, IndexedView
from tonari.snapshots.segments import Segment
from tonari.snapshots.table import build_table

VIEWS = st.tuples(st.sampled_from(["a", "b", "c", "隣"]), st.sampled_from(["e1", "e2"]))
BLOCKS = st.lists(st.lists(VIEWS, max_size=4, unique=True), max_size=4)


def vector(view: tuple[str, str]) -> NDArray[np.int16]:
    """The same view of the same source always has the same embedding."""
    return np.array([sum(view[0].encode()), sum(view[1].encode())], np.int16)


def known(blocks: list[list[tuple[str, str]]]) -> KnownVectors:
    return KnownVectors(
        "encoder-1",
        [
            LabelledVectors(
                label_views(views), np.array([vector(view) for view in views]), np.zeros(len(views), np.bool_)
            )
            for views in blocks
        ],
    )


@given(BLOCKS, st.lists(VIEWS, max_size=6))
@settings(max_examples=200, deadline=None)
def test_what_is_known_is_found(blocks: list[list[tuple[str, str]]], asked: list[tuple[str, str]]) -> None:
    vectors = known(blocks)
    there = {view for views in blocks for view in views}

    numbers = vectors.find(label_views(asked))
    rows = np.flatnonzero(numbers >= 0)
    copied = np.zeros((len(asked), 2), np.int16)
    vectors.copy(numbers[rows], copied, rows)

    assert [asked[row] for row in rows] == [view for view in asked if view in there]
    for view, row, given_one in zip(asked, copied, vectors.vectors(asked), strict=True):
        assert row.tolist() == (vector(view).tolist() if view in there else [0, 0])
        assert (given_one is None) == (view not in there)
        assert given_one is None or given_one.tolist() == vector(view).tolist()


def test_key_and_source_are_told_apart() -> None:
    labels = label_views([("a", "bc"), ("ab", "c"), ("abc", ""), ("a", "bc")])

    assert len(set(labels.tolist())) == 3
    assert labels[0] == labels[3]


def test_items_and_tables_give_their_embeddings() -> None:
    views = tuple(IndexedView(name, "e", np.array([number, 1], np.int16)) for number, name in enumerate("xy"))
    items = [IndexedItem("b", {}, "", views), IndexedItem("a", {}, "", ())]
    asked = [("images/b/y", "e"), ("images/b/x", "e"), ("images/b/x", "other"), ("images/a/x", "e")]

    of_table = KnownVectors("encoder-1", [vectors_of_table(build_table(items, Schema({}), 2))])
    of_items = known_to("encoder-1", [Segment("encoder-1", {item.id: item for item in items} | {"gone": None})])

    for vectors in (of_table.vectors(asked), of_items.vectors(asked)):
        assert [one if one is None else one.tolist() for one in vectors] == [[1, 1], [0, 1], None, None]


def test_nothing_is_known_of_what_another_encoder_made() -> None:
    view = IndexedView("x", "e", np.array([1, 2], np.int16))
    one, other = (Segment(encoder, {"a": IndexedItem("a", {}, "", (view,))}) for encoder in ("encoder-1", "encoder-2"))

    known = known_to("encoder-2", [one])
    assert (known.encoder, len(known), known.vectors([("images/a/x", "e")])) == ("encoder-2", 0, [None])
    assert len(known_to("encoder-2", [one, other])) == 1
