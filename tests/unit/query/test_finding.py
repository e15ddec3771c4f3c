"""Searches by words, and by words and embeddings together, over random catalogues, against plain Python."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from catalogues import DIMENSIONS, World, random_world, tiny_encoder
from tonari.contract.answers import Fusion
from tonari.contract.engine import WordQuery
from tonari.contract.filter_tree import EVERYTHING, Range
from tonari.contract.ranking import Boost
from tonari.encoders.image import ImageEncoder
from tonari.fields.filters import parse_filter
from tonari.query import finding
from tonari.query.familiar import judge
from tonari.query.finding import ByRank, ItemByWords, Nearest
from tonari.query.fusion import fuse
from tonari.query.predict import predict
from tonari.query.queries import Query, query_item, query_vector
from tonari.query.search import Neighbours, SearchParams, search
from worded import Worded

DEPTHS = (3, 8, 20, 1_000)
NOWHERE = np.empty((0, DIMENSIONS), np.float32)
WORLDS = st.tuples(st.integers(0, 2**32), st.integers(1, 60), st.integers(0, 20), st.integers(1, 12))
TEXTS = st.sampled_from(["acme", "acme a", "隣 b c", "bolt acme c", "nobody"])
WAYS = st.sampled_from(["words", "both"])
FILTERS = {"none": None, "price": {"price": {"$lt": 1}}, "nothing": {"brand": "nobody"}}


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> ImageEncoder:
    return tiny_encoder(tmp_path_factory.mktemp("encoder"))


@pytest.fixture(autouse=True, scope="module")
def _shallow() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(finding, "DEPTHS", DEPTHS)
        yield


def worded_world(encoder: ImageEncoder, drawn: tuple[int, int, int, int]) -> World:
    world = random_world(encoder, *drawn)
    engine: Any = Worded(world.serving.engine, {name: item.fields for name, item in world.items.items()})
    return replace(world, serving=replace(world.serving, engine=engine))


def by_words(text: str) -> Query:
    return Query(NOWHERE, words=text, described=True)


def by_both(text: str, seed: int) -> Query:
    vector = np.random.default_rng(seed).standard_normal(DIMENSIONS)
    return Query((vector / np.linalg.norm(vector))[None].astype(np.float32), words=text, described=True)


def range_of(world: World, name: str) -> Range:
    raw = FILTERS[name]
    return Range(None if raw is None else parse_filter(raw, world.serving.snapshot.schema))


def walk(world: World, query: Query, params: SearchParams) -> list[Neighbours]:
    """Take page after page, to the end."""
    pages = [search(world.serving, query, params)]
    while (more := pages[-1].more) is not None:
        pages.append(search(world.serving, query, replace(params, after=more)))
    return pages


def ids(*pages: Neighbours) -> list[str]:
    return [one.item.id for page in pages for one in page.items]


@settings(max_examples=60, deadline=None)
@given(WORLDS, TEXTS, st.sampled_from(sorted(FILTERS)), st.integers(1, 20))
def test_by_words_alone_k_come_whenever_k_have_one(
    encoder: ImageEncoder, drawn: tuple[int, int, int, int], text: str, name: str, k: int
) -> None:
    world = worded_world(encoder, drawn)
    within = range_of(world, name)
    every = world.serving.engine.search_words(WordQuery(text, 1_000, within)).items

    first, *further = walk(world, by_words(text), SearchParams(k, within))

    assert ids(first, *further) == [one.id for one in every]
    assert len(first.items) == min(k, len(every))
    for one in first.items:
        assert isinstance(one.item, ItemByWords)
        assert (one.item.cosine, one.item.ranks, one.item.bm25) == (None, {}, one.by)
    assert first.plan.scanned == len(every)


@settings(max_examples=80, deadline=None)
@given(st.data(), WORLDS, TEXTS, st.sampled_from(sorted(FILTERS)))
def test_both_lists_are_ranked_together(
    encoder: ImageEncoder, data: st.DataObject, drawn: tuple[int, int, int, int], text: str, name: str
) -> None:
    world = worded_world(encoder, drawn)
    within, query, engine = range_of(world, name), by_both(text, data.draw(st.integers(0, 99))), world.serving.engine
    lexical = [one.id for one in engine.search_words(WordQuery(text, 1_000, within)).items]
    nearest = Nearest(engine, query.embeddings, exact=True).find(1_000, within).items
    dense, cosine = [one.id for one in nearest], {one.id: one.score for one in nearest}
    expected: list[str] = []
    for depth in DEPTHS:
        fused = fuse({"lexical": lexical[:depth], "dense": dense[:depth]})
        expected += [one.id for one in fused if one.id not in expected]

    params = SearchParams(data.draw(st.integers(1, 30)), within, exact=True)
    pages = walk(world, query, params)

    assert ids(*pages) == expected
    assert sorted(expected) == sorted({*lexical, *dense})
    assert all(len(page.items) == params.k for page in pages[:-1])
    for page in pages:
        for one in page.items:
            assert isinstance(one.item, ItemByWords)
            assert one.item.cosine == cosine.get(one.item.id)
            assert (one.item.bm25 is not None) == ("lexical" in one.item.ranks)
    fusion = pages[0].plan.fusion
    first = {*lexical[:3]} & {*dense[:3]}
    assert fusion == Fusion(3, len(lexical[:3]), len(dense[:3]), len(first))


@settings(max_examples=60, deadline=None)
@given(st.data(), WORLDS, TEXTS)
def test_what_is_found_by_both_reaches_the_least_score(
    encoder: ImageEncoder, data: st.DataObject, drawn: tuple[int, int, int, int], text: str
) -> None:
    world = worded_world(encoder, drawn)
    query, least = by_both(text, data.draw(st.integers(0, 99))), data.draw(st.sampled_from([-0.5, 0.0, 0.8]))
    reaching = [item for score, item in world.ranked(query.embeddings) if score >= least]

    pages = walk(world, query, SearchParams(7, EVERYTHING, exact=True, min_score=least))

    assert sorted(ids(*pages)) == sorted(reaching)


@settings(max_examples=60, deadline=None)
@given(st.data(), WORLDS, TEXTS, WAYS)
def test_groups_and_boosts_come_in_pages_without_gaps(
    encoder: ImageEncoder, data: st.DataObject, drawn: tuple[int, int, int, int], text: str, way: str
) -> None:
    world = worded_world(encoder, drawn)
    query = by_both(text, data.draw(st.integers(0, 99))) if way == "both" else by_words(text)
    boosts = (Boost(field="price", weight=0.3, high=2.0),) if data.draw(st.booleans()) else ()
    field = data.draw(st.sampled_from([None, "brand", "new"]))
    most = data.draw(st.integers(1, 3))
    params = SearchParams(500, EVERYTHING, exact=True, group_by=field, per_group=most, boosts=boosts)

    whole = search(world.serving, query, params)
    pages = walk(world, query, replace(params, k=data.draw(st.integers(1, 6))))

    assert ids(*pages) == ids(whole)
    assert (whole.reranked is not None) == bool(boosts)
    every = ids(search(world.serving, query, replace(params, group_by=None, per_group=1)))
    taken: Counter[Any] = Counter()
    kept = []
    for item in every:
        value = None if field is None else world.field(item, field)
        taken[value] += 1
        if value is None or taken[value] <= most:
            kept.append(item)
    assert ids(whole) == kept
    if boosts:
        assert [-one.by for one in whole.items] == sorted(-one.by for one in whole.items)


@settings(max_examples=60, deadline=None)
@given(st.data(), WORLDS, TEXTS, WAYS)
def test_pinned_items_need_no_word_and_buried_ones_do(
    encoder: ImageEncoder, data: st.DataObject, drawn: tuple[int, int, int, int], text: str, way: str
) -> None:
    world = worded_world(encoder, drawn)
    query = by_both(text, 1) if way == "both" else by_words(text)
    plain = ids(search(world.serving, query, SearchParams(500, EVERYTHING, exact=True)))
    some = data.draw(st.lists(st.sampled_from([*sorted(world.items), "none"]), unique=True, max_size=6))
    some = [name for name in some if name in world.items]
    pinned, buried = tuple(some[:3]), tuple(some[3:])
    params = SearchParams(500, EVERYTHING, exact=True, pinned=pinned, buried=buried)

    whole = search(world.serving, query, params)
    found = ids(whole)

    assert tuple(found[: len(pinned)]) == pinned
    assert {*found[len(pinned) :]} == {*plain} - {*pinned}
    placed = {one.item.id: one.part for one in whole.items if one.part != "ranked"}
    assert placed == {**dict.fromkeys(pinned, "pinned"), **{name: "buried" for name in buried if name in plain}}
    last = [name for name in found if placed.get(name) == "buried"]
    assert not last or found[-len(last) :] == last
    assert ids(*walk(world, query, replace(params, k=data.draw(st.integers(1, 5))))) == found


@settings(max_examples=40, deadline=None)
@given(WORLDS, TEXTS, WAYS, st.sampled_from([0.1, 0.5, 1.0]))
def test_a_varied_answer_is_chosen_from_what_is_found(
    encoder: ImageEncoder, drawn: tuple[int, int, int, int], text: str, way: str, diversity: float
) -> None:
    world = worded_world(encoder, drawn)
    query = by_both(text, 2) if way == "both" else by_words(text)
    plain = ids(search(world.serving, query, SearchParams(50, EVERYTHING, exact=True)))

    varied = search(world.serving, query, SearchParams(5, EVERYTHING, exact=True, diversity=diversity))

    assert len(varied.items) == min(5, len(plain))
    assert {*ids(varied)} <= {*plain}
    assert ids(varied)[:1] == plain[:1]
    assert varied.more is None


def queries_of(world: World, data: st.DataObject) -> Query:
    text = data.draw(TEXTS)
    shown = [name for name, item in world.items.items() if item.views]
    wished = data.draw(st.sampled_from(["words", "both", "vector", *(["item"] if shown else [])]))
    match wished:
        case "words":
            return by_words(text)
        case "both":
            return by_both(text, data.draw(st.integers(0, 99)))
        case "item":
            return query_item(world.serving, data.draw(st.sampled_from(shown)))
    return query_vector(world.serving, np.random.default_rng(3).standard_normal(DIMENSIONS).tolist())


@settings(max_examples=100, deadline=None)
@given(st.data(), WORLDS)
def test_near_copies_are_left_out_and_replaced(
    encoder: ImageEncoder, data: st.DataObject, drawn: tuple[int, int, int, int]
) -> None:
    world = worded_world(encoder, drawn)
    query = queries_of(world, data)
    every = search(world.serving, query, SearchParams(500, EVERYTHING, exact=True))
    above = [] if query.own is None else [*query.own]
    expected = []
    for one in every.items:
        row = one.item.embedding
        length = np.linalg.norm(row)
        if length and any(row @ other / length / np.linalg.norm(other) >= 0.99 for other in above):
            continue
        expected.append(one.item.id)
        above += [row] if length else []

    pages = walk(world, query, SearchParams(data.draw(st.integers(1, 9)), EVERYTHING, exact=True, duplicates=False))

    assert ids(*pages) == expected
    assert ids(search(world.serving, query, SearchParams(500, EVERYTHING, exact=True, duplicates=None))) == ids(every)


def test_of_a_description_nobody_can_tell_whether_it_is_familiar(encoder: ImageEncoder) -> None:
    world = worded_world(encoder, (1, 50, 5, 4))
    found = judge(world.serving, by_both("acme", 1))
    assert (found.familiar, found.nearest, found.level) == (None, None, None)


def test_a_place_is_no_score_to_go_on_from(encoder: ImageEncoder) -> None:
    engine = worded_world(encoder, (1, 20, 0, 4)).serving.engine
    with pytest.raises(ValueError, match="Places in a list"):
        ByRank(engine, "acme", None).find(3, EVERYTHING, (0.5, "item-1"))


def test_without_attributes_there_is_nothing_to_predict(encoder: ImageEncoder) -> None:
    world = worded_world(encoder, (1, 50, 5, 4))
    assert predict(world.serving, by_both("acme", 1), None, None, 9, EVERYTHING, familiar=None) == {}
