"""Snapshot and overlay as one engine, against plain Python."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from catalogues import DIMENSIONS, World, one_view, random_item, random_world, serve, tiny_encoder
from tonari.contract.engine import EngineQuery, ScoredItem, StoredItem
from tonari.contract.filter_tree import Condition, Range
from tonari.encoders.image import ImageEncoder
from tonari.engines.builtin import BuiltinEngine, open_builtin
from tonari.engines.layers import FEW, Layer
from tonari.index import planner
from tonari.index.rotation import Rotation
from tonari.index.shortening import rotated
from tonari.index.vector_index import VectorIndex
from tonari.index.vectors import from_fixed, to_fixed
from tonari.snapshots.indexed import IndexedItem, IndexedView
from tonari.snapshots.segments import Segment


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> ImageEncoder:
    return tiny_encoder(tmp_path_factory.mktemp("encoder"))


@pytest.fixture(autouse=True, scope="module")
def _everything_lies_in_cells() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(planner, "WORTH", 0)
        patch.setattr("tonari.index.shortening.CELLS_FROM_BYTES", 0)
        yield


WORLDS = st.tuples(
    st.integers(0, 2**32), st.integers(1, 150), st.integers(0, 40), st.integers(1, 12)
)  # seed, items, changes, directions


def ask(data: st.DataObject, world: World) -> tuple[EngineQuery, list[tuple[float, str]]]:
    """Draw a query; also give all that may be found, in order."""
    random = np.random.default_rng(data.draw(st.integers(0, 2**32)))
    vectors = random.standard_normal((data.draw(st.integers(1, 3)), DIMENSIONS))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    filtered, listed = data.draw(st.booleans()), data.draw(st.booleans())
    ids = tuple(f"item-{n}" for n in np.flatnonzero(random.random(300) < 0.5)) if listed else None
    excluded = tuple(f"item-{n}" for n in random.integers(0, 300, data.draw(st.sampled_from([0, 1, 3, 12, 40]))))
    within = Range(Condition("brand", "$in", ("acme", "隣")) if filtered else None, ids, excluded)
    query = EngineQuery(vectors.astype(np.float32), data.draw(st.integers(1, 40)), within)
    ranked = [
        (score, item)
        for score, item in world.ranked(query.vectors, excluded)
        if (not filtered or world.field(item, "brand") in ("acme", "隣")) and (ids is None or item in ids)
    ]
    return query, ranked


def pairs(found: tuple[ScoredItem, ...]) -> list[tuple[float, str]]:
    return [(item.score, item.id) for item in found]


@settings(max_examples=120, deadline=None)
@given(st.data(), WORLDS)
def test_an_exact_search_finds_what_plain_python_finds(
    encoder: ImageEncoder, data: st.DataObject, drawn: tuple[int, int, int, int]
) -> None:
    world = random_world(encoder, *drawn)
    query, ranked = ask(data, world)

    answer = world.serving.engine.search(replace(query, exact=True))

    assert pairs(answer.items) == ranked[: query.k]
    assert answer.plan.exact
    for found in answer.items:
        item = world.items[found.id]
        assert found.fields == item.fields
        (view,) = (view for view in item.views if view.name == found.view)
        assert found.embedding.tolist() == from_fixed(view.embedding).tolist()
        assert world.score(query.vectors, replace(item, views=(view,))) == found.score


@settings(max_examples=120, deadline=None)
@given(st.data(), WORLDS)
def test_k_items_come_whenever_k_are_in_range(
    encoder: ImageEncoder, data: st.DataObject, drawn: tuple[int, int, int, int]
) -> None:
    """Also where cells are probed as little as can be."""
    world = random_world(encoder, *drawn)
    query, ranked = ask(data, world)

    found = pairs(world.serving.engine.search(query).items)

    assert len(found) == min(query.k, len(ranked))
    assert set(found) <= set(ranked)
    assert found == sorted(found, key=lambda one: (-one[0], one[1]))


@settings(max_examples=60, deadline=None)
@given(st.data(), WORLDS, st.integers(0, 2**32))
def test_changes_may_come_at_once_or_one_after_the_other(
    encoder: ImageEncoder, data: st.DataObject, drawn: tuple[int, int, int, int], seed: int
) -> None:
    world = random_world(encoder, *drawn)
    snapshot = world.serving.snapshot
    random = np.random.default_rng(seed)
    names = [f"item-{number}" for number in random.integers(0, 300, 20)]
    items = {name: None if random.random() < 0.4 else random_item(random, name, 3) for name in names}
    query, _ = ask(data, world)
    query = replace(query, exact=True)
    at_once = open_builtin(snapshot, Segment("e", items))
    one_by_one = open_builtin(snapshot, Segment("e"))
    stored = at_once.read(names)
    for name in dict.fromkeys(names):
        one_by_one = one_by_one.apply({name: stored.get(name)})

    assert pairs(one_by_one.search(query).items) == pairs(at_once.search(query).items)
    assert one_by_one.describe() == at_once.describe()
    assert sorted(stored) == sorted(one_by_one.read(names)) == sorted({name for name, item in items.items() if item})


def test_items_left_out_leave_the_range_whole(encoder: ImageEncoder, monkeypatch: pytest.MonkeyPatch) -> None:
    """The search of all items, which a graph may answer, also answers for all but a few."""
    masks: list[Range] = []
    mask = Layer.mask
    monkeypatch.setattr(Layer, "mask", lambda layer, within: masks.append(within) or mask(layer, within))
    world = random_world(encoder, 1, 200, 0, 5)
    names = tuple(world.items)
    vectors = np.eye(1, DIMENSIONS, dtype=np.float32)

    for count, masked in ((0, False), (1, False), (FEW, False), (FEW + 1, True)):
        found = world.serving.engine.search(EngineQuery(vectors, 5, Range(excluded=names[:count]), exact=True))
        assert pairs(found.items) == world.ranked(vectors, names[:count])[:5]
        assert found.plan.matching == len(names) - count
        assert bool(masks) == masked


def test_a_document_is_parsed_when_somebody_looks_at_it(encoder: ImageEncoder) -> None:
    snapshot = serve(encoder, [one_view("a", "acme", 1, 0, 0)]).snapshot
    damaged = replace(snapshot.table, documents=np.zeros_like(snapshot.table.documents))
    engine = open_builtin(replace(snapshot, table=damaged), Segment("e"))

    (found,) = engine.search(EngineQuery(np.eye(1, DIMENSIONS, dtype=np.float32), 1)).items

    assert found.id == "a"
    with pytest.raises(ValueError, match="Expecting value"):
        len(found.fields)


def test_embeddings_are_read_as_they_are_stored(encoder: ImageEncoder) -> None:
    views = (
        IndexedView("z.jpg", "e", to_fixed(np.array([1, 0, 0]))),
        IndexedView("a.jpg", "e", to_fixed(np.array([0, 0.6, 0.8]))),
    )
    item = IndexedItem("a", {"id": "a"}, "d", views)
    engine = serve(encoder, [item]).engine

    stored = engine.read(["a", "b"])["a"]

    assert stored.views == tuple(view.name for view in item.views)
    assert stored.embeddings.tolist() == [from_fixed(view.embedding).tolist() for view in item.views]
    again = engine.apply({"a": StoredItem("a", stored.fields, stored.views, stored.embeddings)})
    assert again.read(["a"])["a"].embeddings.tolist() == stored.embeddings.tolist()


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("exact", [False, True])
def test_without_embeddings_k_items_come_from_both_layers(encoder: ImageEncoder, seed: int, exact: bool) -> None:  # noqa: FBT001
    world = random_world(encoder, seed, 120, 40, 12)
    engine = world.serving.engine
    assert isinstance(engine, BuiltinEngine)
    table, views = engine.base.table, engine.base.table.views
    plain = VectorIndex(views, table.index.rows, table.index.first)
    short = rotated(plain, Rotation(np.eye(DIMENSIONS, 2, dtype=np.float32))).without_embeddings()
    snapshot = replace(world.serving.snapshot, table=replace(table, index=short))
    bare = open_builtin(snapshot, Segment("encoder-1", dict(engine.changes)))
    assert not bare.describe().whole
    random = np.random.default_rng(seed)
    for k in (1, 7, 500):
        vectors = random.standard_normal((2, DIMENSIONS)).astype(np.float32)
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        within = Range(Condition("brand", "$in", ("acme", "隣")), None, ("item-3",))
        answer = bare.search(EngineQuery(vectors, k, within, exact))
        right = {
            item.id
            for item in world.items.values()
            if item.views and item.fields.get("brand") in ("acme", "隣") and item.id != "item-3"
        }
        found = pairs(answer.items)
        assert len(found) == min(k, len(right))
        assert {item for _, item in found} <= right
        assert found == sorted(found, key=lambda one: (-one[0], one[1]))
        assert (answer.plan.vectors, answer.plan.exact) == ("rotated", False)
        for item in answer.items:
            assert np.linalg.norm(item.embedding) == pytest.approx(1, abs=1e-3)
    stored = bare.read([item.id for item in world.items.values()])
    assert set(stored) == set(world.items)
    assert all(len(stored[item.id].embeddings) == len(item.views) for item in world.items.values())
