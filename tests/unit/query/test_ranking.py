"""Boosts, pins and burials, against plain Python."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from catalogues import DIMENSIONS, World, one_view, random_world, serve, tiny_encoder
from tonari.contract.filter_tree import EVERYTHING, Range
from tonari.contract.ranking import Boost
from tonari.encoders.port import Encoder
from tonari.errors import InvalidRequestError
from tonari.fields.filters import parse_filter
from tonari.fields.kinds import parse_date
from tonari.query.boosts import ranking
from tonari.query.queries import Query, query_vector
from tonari.query.search import Neighbours, SearchParams, search

NOW = 1_767_960_000.0  # 2026-01-09T12:00:00Z
WORLDS = st.tuples(st.integers(0, 2**32), st.integers(1, 150), st.integers(0, 40), st.integers(1, 12))
CHEAP = Boost(field="price", weight=0.2, low=2, high=0)
DEAR = Boost(field="price", weight=0.1, function="log", high=2)
NEW = Boost(field="new", weight=-0.1)
FRESH = Boost(field="since", weight=0.1, function="age", half_life=2)


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> Encoder:
    return tiny_encoder(tmp_path_factory.mktemp("encoder"))


def added(boosts: tuple[Boost, ...], fields: dict[str, Any]) -> float:
    parts = {
        CHEAP: lambda: 0.2 * min(1, max(0, (2 - fields["price"]) / 2)),
        DEAR: lambda: 0.1 * min(1, math.log1p(fields["price"]) / math.log(3)),
        NEW: lambda: -0.1 * fields["new"],
        FRESH: lambda: 0.1 * 0.5 ** ((NOW - (parse_date(fields["since"]) or 0)) / 86_400 / 2),
    }
    return math.fsum(parts[one]() for one in boosts if one.field in fields)


def ordered(world: World, query: Query, params: SearchParams) -> list[tuple[float, str]]:
    """Give what each item in range is ranked by, and its id, in order."""
    found = [
        (round(score + added(params.boosts, dict(world.items[item].fields)), 6), item)
        for score, item in world.ranked(query.embeddings, query.items)
        if score >= params.min_score
    ]
    return sorted(found, key=lambda one: (-one[0], one[1]))


def pairs(found: Neighbours) -> list[tuple[float, str]]:
    return [(one.by, one.item.id) for one in found.items]


def drawn_query(world: World, seed: int) -> Query:
    return query_vector(world.serving, np.random.default_rng(seed).standard_normal(DIMENSIONS).tolist())


SOME_BOOSTS = st.lists(st.sampled_from([CHEAP, DEAR, NEW, FRESH]), min_size=1, max_size=4, unique_by=id).map(tuple)


@settings(max_examples=80, deadline=None)
@given(WORLDS, st.integers(0, 2**32), SOME_BOOSTS, st.integers(1, 30), st.sampled_from([-1.0, 0.0, 0.9]))
def test_pages_by_boost_are_what_plain_python_says(
    encoder: Encoder,
    drawn: tuple[int, int, int, int],
    seed: int,
    boosts: tuple[Boost, ...],
    k: int,
    least: float,
) -> None:
    world = random_world(encoder, *drawn)
    query = drawn_query(world, seed)
    params = SearchParams(k, EVERYTHING, exact=True, min_score=least, boosts=boosts, now=NOW)

    turned: list[tuple[float, str]] = []
    while True:
        found = search(world.serving, query, params)
        assert found.reranked is not None
        assert found.reranked.complete
        turned += pairs(found)
        for one in found.items:
            assert one.by == pytest.approx(one.item.score + math.fsum(one.added.values()), abs=3e-6)
            assert set(one.added) == {boost.field for boost in boosts}
        if found.more is None:
            break
        assert len(found.items) == k
        params = replace(params, after=found.more)

    assert turned == ordered(world, query, params)


@settings(max_examples=60, deadline=None)
@given(WORLDS, st.integers(0, 2**32), st.integers(1, 20), st.integers(1, 2))
def test_groups_by_boost(encoder: Encoder, drawn: tuple[int, int, int, int], seed: int, k: int, most: int) -> None:
    world = random_world(encoder, *drawn)
    query = drawn_query(world, seed)
    params = SearchParams(k, EVERYTHING, exact=True, boosts=(CHEAP,), group_by="brand", per_group=most, now=NOW)
    taken: Counter[Any] = Counter()
    expected = []
    for by, item in ordered(world, query, params):
        brand = world.field(item, "brand") if "brand" in world.items[item].fields else None
        taken[brand] += 1
        if brand is None or taken[brand] <= most:
            expected.append((by, item))

    assert pairs(search(world.serving, query, params)) == expected[:k]


def test_what_lies_far_off_comes_up_and_the_answer_says_if_more_could(
    encoder: Encoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    items = [
        one_view(f"item-{number:04}", "acme", math.cos(number / 1000), math.sin(number / 1000), 0)
        for number in range(400)
    ]
    items = [replace(one, fields={"price": 2 if number == 399 else 0}) for number, one in enumerate(items)]
    serving = serve(encoder, items)
    query = query_vector(serving, [1.0, 0.0, 0.0])
    boost = Boost(field="price", weight=0.1, high=2)
    found = search(serving, query, SearchParams(3, EVERYTHING, boosts=(boost,)))
    assert found.items[0].item.id == "item-0399"
    assert found.items[0].added == {"price": 0.1}
    assert found.reranked is not None
    assert (found.reranked.candidates, found.reranked.complete) == (400, True)
    little = Boost(field="price", weight=0.0001, high=2)
    found = search(serving, query, SearchParams(3, EVERYTHING, boosts=(little,)))
    assert found.reranked is not None
    assert found.reranked.complete
    assert found.reranked.candidates < 400

    monkeypatch.setattr("tonari.query.boosts.MOST_CANDIDATES", 100)
    found = search(serving, query, SearchParams(3, EVERYTHING, boosts=(boost,)))
    assert found.reranked is not None
    assert (found.reranked.candidates, found.reranked.complete) == (100, False)
    assert [one.item.id for one in found.items] == ["item-0000", "item-0001", "item-0002"]
    full = search(serving, query, SearchParams(300, EVERYTHING, boosts=(boost,)))
    assert len(full.items) == 300
    monkeypatch.setattr("tonari.query.boosts.MOST_SEEN", 200)
    with pytest.raises(InvalidRequestError, match=r"200 items do not fill this page.*narrow the 'filter'"):
        search(serving, query, SearchParams(300, EVERYTHING, boosts=(boost,)))


@pytest.mark.parametrize(
    ("boost", "value", "share"),
    [
        (Boost(field="price", weight=0.5), 0.25, 0.25),
        (Boost(field="price", weight=0.5), -5, 0),
        (Boost(field="price", weight=0.5), 1e300, 1),
        (Boost(field="price", weight=0.5, low=-1e300, high=1e300), 0, 0.5),
        (Boost(field="price", weight=0.5, low=10, high=5), 5, 1),
        (Boost(field="price", weight=0.5, low=10, high=5), 9, 0.2),
        (Boost(field="price", weight=0.5, function="log", high=99), 9, 0.5),
        (Boost(field="price", weight=0.5, function="log", high=99), -9, 0),
        (Boost(field="price", weight=0.5, function="log", high=99), 1e6, 1),
        (Boost(field="price", weight=0.5), "cheap", 0),
        (Boost(field="new", weight=0.5), True, 1),
        (Boost(field="since", weight=0.5, function="age", half_life=1), "2026-01-08T12:00:00Z", 0.5),
        (Boost(field="since", weight=0.5, function="age", half_life=1), "2027-01-01", 1),
        (Boost(field="since", weight=0.5, function="age", half_life=1e-3), "1999-01-01", 0),
    ],
)
def test_what_a_boost_adds(encoder: Encoder, boost: Boost, value: Any, share: float) -> None:
    serving = serve(encoder, [replace(one_view("a", None, 1, 0, 0), fields={boost.field: value})])
    query = query_vector(serving, [1.0, 0.0, 0.0])
    found = search(serving, query, SearchParams(1, EVERYTHING, boosts=(boost,), now=NOW))
    assert found.items[0].added == {boost.field: pytest.approx(0.5 * share, abs=1e-6)}
    assert found.items[0].by == pytest.approx(1 + 0.5 * share, abs=1e-5)


def test_boosts_that_lower_never_raise_the_bound(encoder: Encoder) -> None:
    world = random_world(encoder, 1, 10, 0, 12)
    schema = world.serving.snapshot.schema
    assert ranking((NEW, CHEAP), schema, NOW).most == 0.2
    assert ranking((NEW,), schema, NOW).most == 0


@settings(max_examples=80, deadline=None)
@given(WORLDS, st.integers(0, 2**32), st.integers(1, 20), st.sampled_from([(), (CHEAP,)]), st.booleans())
def test_pinned_first_buried_last_in_pages(
    encoder: Encoder,
    drawn: tuple[int, int, int, int],
    seed: int,
    k: int,
    boosts: tuple[Boost, ...],
    narrow: bool,  # noqa: FBT001
) -> None:
    world = random_world(encoder, *drawn)
    query = drawn_query(world, seed)
    random = np.random.default_rng(seed)
    names = random.permutation([*world.items, "nobody"]).tolist()
    pinned, buried = tuple(names[: random.integers(0, 6)]), tuple(names[6 : 6 + random.integers(0, 6)])
    raw = {"price": {"$lt": 1}}
    within = Range(parse_filter(raw, world.serving.snapshot.schema)) if narrow else EVERYTHING
    params = SearchParams(k, within, exact=True, boosts=boosts, pinned=pinned, buried=buried, now=NOW)
    every = [
        one for one in ordered(world, query, params) if not narrow or world.items[one[1]].fields.get("price", 9) < 1
    ]
    by = {item: rank for rank, item in every}
    expected = [
        *((by[item], item) for item in pinned if item in by),
        *(one for one in every if one[1] not in {*pinned, *buried}),
        *(one for one in every if one[1] in buried),
    ]

    turned: list[tuple[float, str]] = []
    while True:
        found = search(world.serving, query, params)
        assert found.plan.matching == len(
            [one for one in world.items.values() if not narrow or one.fields.get("price", 9) < 1]
        )
        turned += pairs(found)
        for one in found.items:
            part = "pinned" if one.item.id in pinned else "buried" if one.item.id in buried else "ranked"
            assert one.part == part
        if found.more is None:
            break
        assert len(found.items) == k
        params = replace(params, after=found.more)

    assert turned == expected


def test_pins_are_among_the_ids_and_come_however_unlike_they_are(encoder: Encoder) -> None:
    items = [one_view(f"item-{number}", "acme", math.cos(number), math.sin(number), 0) for number in range(6)]
    serving = serve(encoder, items)
    query = Query(query_vector(serving, [1.0, 0.0, 0.0]).embeddings, ("item-0",))
    params = SearchParams(3, EVERYTHING, pinned=("item-2", "item-0", "item-5"), min_score=0.5)
    assert [one.item.id for one in search(serving, query, params).items] == ["item-2", "item-5", "item-1"]
    within = Range(None, ("item-1", "item-3", "item-5"))
    found = search(serving, query, replace(params, within=within, min_score=-1.0))
    assert [one.item.id for one in found.items] == ["item-5", "item-1", "item-3"]
