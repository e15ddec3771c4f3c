"""The whole search over snapshot and overlay, against plain Python."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from catalogues import DIMENSIONS, World, one_view, random_item, random_world, serve, tiny_encoder
from plain_engine import PlainEngine
from tonari.contract.answers import Plan
from tonari.contract.engine import EngineAnswer, EngineQuery, Spread, Values
from tonari.contract.filter_tree import EVERYTHING, Condition, Or, Range
from tonari.encoders.port import Encoder
from tonari.errors import InvalidRequestError, TooLargeError, UnknownItemError
from tonari.fields.filters import parse_filter
from tonari.index import planner
from tonari.index.vectors import from_fixed
from tonari.query.cursor import PageEnd
from tonari.query.queries import Query, query_examples, query_item, query_vector
from tonari.query.search import Neighbours, SearchParams, search
from tonari.query.together import check_compared, check_together
from tonari.snapshots.indexed import IndexedItem


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> Encoder:
    return tiny_encoder(tmp_path_factory.mktemp("encoder"))


@pytest.fixture(autouse=True, scope="module")
def _everything_lies_in_cells() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(planner, "WORTH", 0)
        patch.setattr("tonari.index.shortening.CELLS_FROM_BYTES", 0)
        yield


FILTERS: dict[str, tuple[Any, Any]] = {
    "none": (None, lambda _: True),
    "brand": ({"brand": {"$in": ["acme", "隣"]}}, lambda f: f.get("brand") in ("acme", "隣")),
    "price": ({"price": {"$lt": 1}}, lambda f: f.get("price", 9) < 1),
    "not": ({"$not": {"new": True}}, lambda f: f.get("new") is not True),
    "tags": ({"tags": "a"}, lambda f: "a" in f.get("tags", [])),
    "nothing": ({"brand": "nobody"}, lambda _: False),
}
WORLDS = st.tuples(
    st.integers(0, 2**32), st.integers(1, 150), st.integers(0, 40), st.integers(1, 12)
)  # seed, items, changes, directions


def ask(data: st.DataObject, world: World) -> tuple[Query, SearchParams, list[tuple[float, str]]]:
    """Draw a query and a wish; also give all that may be found, in order."""
    seed = data.draw(st.integers(0, 2**32))
    shown = [item.id for item in world.items.values() if item.views]
    if shown and data.draw(st.booleans()):
        query = query_item(world.serving, data.draw(st.sampled_from(shown)))
    else:
        query = query_vector(world.serving, np.random.default_rng(seed).standard_normal(DIMENSIONS).tolist())
    raw, holds = FILTERS[data.draw(st.sampled_from(sorted(FILTERS)))]
    some = np.random.default_rng(seed).random(300) < 0.5
    ids = tuple(f"item-{n}" for n in np.flatnonzero(some)) if data.draw(st.booleans()) else None
    params = SearchParams(
        k=data.draw(st.integers(1, 40)),
        within=Range(None if raw is None else parse_filter(raw, world.serving.snapshot.schema), ids),
        min_score=data.draw(st.sampled_from([-1.0, -1.0, 0.0, 0.9])),
        group_by=data.draw(st.sampled_from([None, "brand", "price", "new", "since"])),
        per_group=data.draw(st.integers(1, 3)),
    )
    found = [
        (score, item)
        for score, item in world.ranked(query.embeddings, query.items)
        if holds(world.items[item].fields) and (ids is None or item in ids) and score >= params.min_score
    ]
    return query, params, found


def grouped(world: World, ranked: list[tuple[float, str]], params: SearchParams) -> list[tuple[float, str]]:
    """Keep the first few of each group."""
    seen: Counter[Any] = Counter()
    kept = []
    for score, item in ranked:
        value = None if params.group_by is None else world.field(item, params.group_by)
        seen[value] += 1
        if value is None or seen[value] <= params.per_group:
            kept.append((score, item))
    return kept


def pairs(found: Neighbours) -> list[tuple[float, str]]:
    return [(one.item.score, one.item.id) for one in found.items]


@settings(max_examples=80, deadline=None)
@given(st.data(), WORLDS)
def test_exact_answers_are_what_plain_python_says(
    encoder: Encoder, data: st.DataObject, drawn: tuple[int, int, int, int]
) -> None:
    world = random_world(encoder, *drawn)
    query, params, ranked = ask(data, world)
    expected = grouped(world, ranked, params)

    found = search(world.serving, query, replace(params, exact=True))

    assert pairs(found) == expected[: params.k]
    assert found.plan.exact
    assert (found.more is not None) == (len(expected) > params.k)
    for one in found.items:
        item = world.items[one.item.id]
        assert one.item.fields == {name: value for name, value in item.fields.items() if name != "id"}
        assert one.item.view in [view.name for view in item.views]
        (view,) = (view for view in item.views if view.name == one.item.view)
        assert one.item.embedding.tolist() == from_fixed(view.embedding).tolist()
        assert world.score(query.embeddings, replace(item, views=(view,))) == one.item.score


@settings(max_examples=100, deadline=None)
@given(st.data(), WORLDS)
def test_k_come_back_whenever_k_match(encoder: Encoder, data: st.DataObject, drawn: tuple[int, int, int, int]) -> None:
    """Also with the least effort there is, over changes, and whatever narrows the range."""
    world = random_world(encoder, *drawn)
    query, params, ranked = ask(data, world)

    found = search(world.serving, query, params)

    assert set(pairs(found)) <= set(ranked)
    assert pairs(found) == sorted(set(pairs(found)), key=lambda one: (-one[0], one[1]))
    if params.min_score == -1.0:
        assert len(found.items) == min(params.k, len(grouped(world, ranked, params)))
    counts = Counter(
        None if params.group_by is None else world.field(one.item.id, params.group_by) for one in found.items
    )
    assert all(count <= params.per_group for value, count in counts.items() if value is not None)


@settings(max_examples=80, deadline=None)
@given(st.data(), WORLDS, st.sampled_from([0.0, 0.4]))
def test_another_engine_gives_the_same_answers(
    encoder: Encoder, data: st.DataObject, drawn: tuple[int, int, int, int], diversity: float
) -> None:
    """Groups, pages, facets and variety are made over the port alone."""
    world = random_world(encoder, *drawn)
    query, params, _ = ask(data, world)
    params = replace(params, exact=True, diversity=diversity, facets=("brand", "price", "tags"))
    types = {name: field.type for name, field in world.serving.snapshot.schema.fields.items() if field.filterable}
    other = replace(world.serving, engine=PlainEngine(types, world.serving.engine.read(list(world.items))))

    found, expected = search(other, query, params), search(world.serving, query, params)

    assert pairs(found) == pairs(expected)
    assert (found.facets, found.more, found.plan.matching) == (expected.facets, expected.more, expected.plan.matching)
    if found.more is not None:
        params = replace(params, after=found.more)
        assert pairs(search(other, query, params)) == pairs(search(world.serving, query, params))


def pages(world: World, query: Query, params: SearchParams, sizes: list[int]) -> list[list[tuple[float, str]]]:
    """Turn pages until there are no more."""
    turned: list[list[tuple[float, str]]] = []
    while True:
        found = search(world.serving, query, replace(params, k=sizes[len(turned) % len(sizes)]))
        turned.append(pairs(found))
        if found.more is None:
            return turned
        params = replace(params, after=found.more)


@settings(max_examples=80, deadline=None)
@given(st.data(), WORLDS, st.lists(st.integers(1, 30), min_size=1, max_size=3))
def test_pages_follow_each_other_without_gap_or_repetition(
    encoder: Encoder, data: st.DataObject, drawn: tuple[int, int, int, int], sizes: list[int]
) -> None:
    world = random_world(encoder, *drawn)
    query, params, ranked = ask(data, world)

    turned = pages(world, query, replace(params, exact=True), sizes)

    assert [one for page in turned for one in page] == grouped(world, ranked, params)
    assert all(len(page) == sizes[number % len(sizes)] for number, page in enumerate(turned[:-1]))


@settings(max_examples=80, deadline=None)
@given(st.data(), WORLDS, st.lists(st.integers(1, 30), min_size=1, max_size=3))
def test_pages_of_approximate_searches_repeat_nothing(
    encoder: Encoder, data: st.DataObject, drawn: tuple[int, int, int, int], sizes: list[int]
) -> None:
    world = random_world(encoder, *drawn)
    query, params, ranked = ask(data, world)

    turned = [one for page in pages(world, query, params, sizes) for one in page]

    assert turned == sorted(set(turned), key=lambda one: (-one[0], one[1]))
    assert set(turned) <= set(ranked)


@settings(max_examples=80, deadline=None)
@given(st.data(), WORLDS, st.integers(1, 30))
def test_pages_far_on_are_found_by_comparing_everything(
    encoder: Encoder, data: st.DataObject, drawn: tuple[int, int, int, int], size: int
) -> None:
    world = random_world(encoder, *drawn)
    query, params, ranked = ask(data, world)
    params = replace(params, group_by=None, per_group=1, exact=True)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tonari.query.search.MOST_AT_FIRST", size + 1)
        turned = pages(world, query, params, [size])

    assert [one for page in turned for one in page] == ranked


def test_a_forged_page_end_asks_the_engine_twice_at_most(encoder: Encoder) -> None:
    world = random_world(encoder, 1, 150, 40, 12)
    asked: list[EngineQuery] = []

    class Watched:
        def search(self, query: EngineQuery) -> EngineAnswer:
            asked.append(query)
            return world.serving.engine.search(query)

        def count(self, *_: object) -> dict[str, Values | Spread]:
            return {}

    serving = replace(world.serving, engine=Watched())  # type: ignore[arg-type]
    query = query_vector(serving, [1.0, 0.0, 0.0])
    ranked = world.ranked(query.embeddings)

    found = search(serving, query, SearchParams(k=5, within=EVERYTHING, after=PageEnd(-0.5, "", 0)))

    assert pairs(found) == [one for one in ranked if one[0] <= -0.5][:5]
    assert [one.k for one in asked] == [6, 6]


def test_groups_are_looked_for_among_so_many_items_only(encoder: Encoder, monkeypatch: pytest.MonkeyPatch) -> None:
    items = [one_view(f"item-{number:03}", f"brand {number}", 1, 0, number) for number in range(100)]
    serving = serve(encoder, items)
    query = query_vector(serving, [1.0, 0.0, 0.0])
    after = PageEnd(-1.0, "z", 0)
    monkeypatch.setattr("tonari.query.search.MOST_AT_FIRST", 10)
    monkeypatch.setattr("tonari.query.search.MOST_SEEN", 20)

    with pytest.raises(InvalidRequestError, match=r"30 items do not give these groups.*narrow the 'filter'"):
        search(serving, query, SearchParams(k=5, within=EVERYTHING, group_by="brand", after=after))


@pytest.mark.parametrize("asked", [None, ("note",)])
def test_documents_are_read_until_they_fill_an_answer(
    encoder: Encoder, asked: tuple[str, ...] | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    items = [replace(one_view(f"item-{n}", "acme", 1, 0, n), fields={"note": "x" * 100, "b": "y"}) for n in range(9)]
    serving = serve(encoder, items)
    query = query_vector(serving, [1.0, 0.0, 0.0])
    params = SearchParams(k=9, within=EVERYTHING, fields=asked)

    assert set(search(serving, query, replace(params, fields=("b",))).items[0].item.fields) == {"b"}
    monkeypatch.setattr("tonari.query.contents.MOST_ANSWER_BYTES", 500)
    assert len(search(serving, query, replace(params, fields=("b",))).items) == 9
    assert len(search(serving, query, replace(params, fields=())).items) == 9
    with pytest.raises(TooLargeError, match=r"documents of 5 items have 5\d\d bytes already, at most 500 .* lower 'k'"):
        search(serving, query, params)


def test_conditions_of_several_searches_are_counted_together() -> None:
    condition = Condition("brand", "$eq", ("a",))
    searches = [SearchParams(1, Range(Or((condition, condition)))), SearchParams(1, EVERYTHING)] * 64
    check_together(searches)

    with pytest.raises(InvalidRequestError, match="have 129 conditions together, at most 128 are taken: send fewer"):
        check_together([*searches, SearchParams(1, Range(condition))])


def test_pictures_that_several_searches_compare_exactly(encoder: Encoder) -> None:
    world = random_world(encoder, 1, 10, 0, 12)
    exact, quick = Plan("scan", 1, 133_333_333, exact=True), Plan("scan", 1, 10**12, exact=False)
    check_compared(world.serving, [exact, exact, quick])

    with pytest.raises(InvalidRequestError, match=r"compared 266,666,667 pictures exactly, at most 266,666,666 are"):
        check_compared(world.serving, [exact, exact, Plan("scan", 1, 1, exact=True)])


@settings(max_examples=60, deadline=None)
@given(st.data(), WORLDS, st.integers(0, 2**32))
def test_a_page_continues_over_what_is_there_now(
    encoder: Encoder, data: st.DataObject, drawn: tuple[int, int, int, int], seed: int
) -> None:
    world = random_world(encoder, *drawn)
    query, params, _ = ask(data, world)
    params = replace(params, exact=True)
    first = search(world.serving, query, params)
    later = random_world(encoder, seed, *drawn[1:])
    if first.more is None:
        return

    found = search(later.serving, query, replace(params, after=first.more))

    everything = search(later.serving, query, replace(params, k=1000))
    place = (-first.more.score, first.more.id)
    assert pairs(found) == [one for one in pairs(everything) if (-one[0], one[1]) > place][: params.k]


@settings(max_examples=100, deadline=None)
@given(st.data(), WORLDS)
def test_facets_count_the_whole_range(encoder: Encoder, data: st.DataObject, drawn: tuple[int, int, int, int]) -> None:
    world = random_world(encoder, *drawn)
    query, params, _ = ask(data, world)
    raw, holds = next(one for one in FILTERS.values() if (one[0] is None) == (params.within.filter is None))
    params = replace(
        params,
        within=Range(params.within.filter and parse_filter(raw, world.serving.snapshot.schema), params.within.ids),
    )
    ids = params.within.ids
    there = [
        item.fields
        for item in world.items.values()
        if holds(item.fields) and (ids is None or item.id in ids) and item.id not in query.items
    ]

    found = search(world.serving, query, replace(params, facets=("brand", "new", "tags", "price", "since")))

    assert found.plan.matching == len(there)
    for name in ("brand", "new"):
        counts = Counter(fields[name] for fields in there if name in fields)
        ordered = tuple(sorted(counts.items(), key=lambda one: (-one[1], one[0])))
        assert found.facets[name] == Values(counts.total(), len(counts), ordered)
    tags = Counter(tag for fields in there for tag in set(fields.get("tags", [])))
    facet = found.facets["tags"]
    assert isinstance(facet, Values)
    assert (dict(facet.most), facet.distinct) == (tags, len(tags))
    assert facet.count == sum(bool(fields.get("tags")) for fields in there)
    prices = [fields["price"] for fields in there if "price" in fields]
    spread = found.facets["price"]
    assert isinstance(spread, Spread)
    assert (spread.count, sum(spread.histogram)) == (len(prices), len(prices))
    assert (spread.least, spread.greatest) == ((min(prices), max(prices)) if prices else (None, None))
    assert spread.histogram[0] >= (prices.count(min(prices)) if prices else 0)


def test_a_group_that_lies_nearest_hides_no_other(encoder: Encoder) -> None:
    """The planner is asked for what is outside of the groups that are full, so that this costs few searches."""
    flood = [one_view(f"flood-{n:05}", "acme", 1, 0, 0) for n in range(3000)]
    far = [one_view("b", "bolt", 0, 1, 0), one_view("c", "隣", 0, 0.5, 0), one_view("d", None, 0, 0.2, 0)]
    serving = serve(encoder, [*flood, *far])
    query = query_vector(serving, [1, 0.1, 0])

    found = search(serving, query, SearchParams(5, EVERYTHING, group_by="brand"))

    assert [one.item.id for one in found.items] == ["flood-00000", "b", "c", "d"]
    assert found.more is None


@pytest.mark.parametrize("exact", [True, False])
def test_equal_items_come_in_the_order_of_their_ids(encoder: Encoder, exact: bool) -> None:  # noqa: FBT001
    names = [f"{number:04}" for number in np.random.default_rng(1).permutation(500)]
    serving = serve(encoder, [one_view(name, None, 1, 0, 0) for name in names])
    query = query_vector(serving, [1, 0, 0])

    found = search(serving, query, SearchParams(20, EVERYTHING, exact=exact))

    assert [one.item.id for one in found.items] == [f"{number:04}" for number in range(20)]


def test_diversity_turns_away_from_what_is_alike(encoder: Encoder) -> None:
    serving = serve(
        encoder, [one_view("a", None, 1, 0, 0), one_view("b", None, 1, 0.02, 0), one_view("c", None, 0.6, 0, 0.8)]
    )
    query = query_vector(serving, [1, 0, 0])

    ids = {
        diversity: [
            one.item.id for one in search(serving, query, SearchParams(2, EVERYTHING, diversity=diversity)).items
        ]
        for diversity in (0.0, 0.5, 1.0)
    }

    assert ids == {0.0: ["a", "b"], 0.5: ["a", "c"], 1.0: ["a", "c"]}
    varied = search(serving, query, SearchParams(3, EVERYTHING, diversity=0.5))
    assert [one.item.id for one in varied.items] == ["a", "c", "b"]
    assert varied.more is None


@settings(max_examples=40, deadline=None)
@given(st.data(), WORLDS, st.floats(0.01, 1))
def test_a_varied_answer_is_chosen_from_the_best_that_pass(
    encoder: Encoder, data: st.DataObject, drawn: tuple[int, int, int, int], diversity: float
) -> None:
    world = random_world(encoder, *drawn)
    query, params, ranked = ask(data, world)
    best = grouped(world, ranked, params)[: max(50, 5 * params.k)]

    found = pairs(search(world.serving, query, replace(params, exact=True, diversity=diversity)))

    assert len(found) == len(set(found)) == min(params.k, len(best))
    assert set(found) <= set(best)
    assert found[:1] == best[:1]


@settings(max_examples=60, deadline=None)
@given(st.data(), WORLDS)
def test_examples_are_one_vector(encoder: Encoder, data: st.DataObject, drawn: tuple[int, int, int, int]) -> None:
    world = random_world(encoder, *drawn)
    shown = sorted(item.id for item in world.items.values() if item.views)
    if not shown:
        return
    named = data.draw(st.lists(st.sampled_from(shown), min_size=1, max_size=6, unique=True))
    cut = data.draw(st.integers(1, len(named)))
    positive, negative = named[:cut], named[cut:]

    def mean(items: list[str]) -> Any:
        means = [np.mean([view.embedding.astype(np.float64) for view in world.items[i].views], axis=0) for i in items]
        return np.mean(means, axis=0) if means else np.zeros(DIMENSIONS)

    vector = mean(positive) - 0.5 * mean(negative)
    if np.linalg.norm(vector) < 1e-3:
        return
    query = query_examples(world.serving, positive, negative)

    assert query.embeddings[0].tolist() == pytest.approx((vector / np.linalg.norm(vector)).tolist(), abs=1e-3)
    found = search(world.serving, query, SearchParams(1000, EVERYTHING, exact=True))
    assert pairs(found) == world.ranked(query.embeddings, named)


def test_examples_that_cannot_be_used(encoder: Encoder) -> None:
    items = [one_view("a", None, 1, 0, 0), one_view("b", None, -1, 0, 0), one_view("c", None, 1, 0, 0)]
    serving = serve(encoder, [*items, IndexedItem("bare", {}, "d", ())])

    with pytest.raises(UnknownItemError, match=r"no items of this catalogue: 'x', 'y'\.$"):
        query_examples(serving, ["a", "x"], ["y"])
    with pytest.raises(UnknownItemError, match="'bare' has no view"):
        query_examples(serving, ["bare"], [])
    with pytest.raises(UnknownItemError, match="and 5 more"):
        query_examples(serving, [f"x{number}" for number in range(15)], [])
    with pytest.raises(InvalidRequestError, match="cancel each other out"):
        query_examples(serving, ["a", "b"], [])


@pytest.mark.parametrize(
    ("params", "says"),
    [
        (SearchParams(1, EVERYTHING, group_by="brnad"), "'group_by': 'brnad' is no known field; did you mean 'brand'"),
        (SearchParams(1, EVERYTHING, group_by="tags"), "'group_by': 'tags' has lists of values"),
        (SearchParams(1, EVERYTHING, group_by="secret"), "'group_by': 'secret' is not filterable"),
        (SearchParams(1, EVERYTHING, facets=("brand", "x")), "'facets': 'x' is no known field; there are brand"),
        (SearchParams(1, EVERYTHING, facets=("secret",)), "'facets': 'secret' is not filterable"),
    ],
)
def test_fields_that_cannot_be_used(encoder: Encoder, params: SearchParams, says: str) -> None:
    serving = serve(encoder, [random_item(np.random.default_rng(1), "a", 3)])

    with pytest.raises(InvalidRequestError, match=says):
        search(serving, query_vector(serving, [1, 0, 0]), params)


@settings(max_examples=60, deadline=None)
@given(st.data(), WORLDS)
def test_disjunctive_facets_are_counted_without_their_own_conditions(
    encoder: Encoder, data: st.DataObject, drawn: tuple[int, int, int, int]
) -> None:
    world = random_world(encoder, *drawn)
    query, params, _ = ask(data, world)
    raw = {"brand": {"$in": ["acme", "隣"]}, "price": {"$lt": 2}, "$not": {"new": True}}
    within = Range(parse_filter(raw, world.serving.snapshot.schema), params.within.ids)

    found = search(
        world.serving, query, replace(params, within=within, facets=("tags",), disjunctive_facets=("brand", "new"))
    ).facets

    assert set(found) == {"tags", "brand", "new"}
    for name in ("brand", "new"):
        others = {
            field: condition for field, condition in raw.items() if field != name and (name, field) != ("new", "$not")
        }
        counts = Counter(
            item.fields[name]
            for item in world.items.values()
            if name in item.fields
            and (params.within.ids is None or item.id in params.within.ids)
            and item.id not in query.items
            and ("brand" not in others or item.fields.get("brand") in ("acme", "隣"))
            and item.fields.get("price", 9) < 2
            and ("$not" not in others or item.fields.get("new") is not True)
        )
        facet = found[name]
        assert isinstance(facet, Values)
        assert dict(facet.most) == counts


def test_disjunctive_facets_evaluate_so_many_conditions_only(encoder: Encoder, monkeypatch: pytest.MonkeyPatch) -> None:
    world = random_world(encoder, 1, 10, 0, 12)
    query = query_vector(world.serving, [1.0, 0.0, 0.0])
    names = ("brand", "new", "since", "tags")
    raw = {
        "$and": [*({"price": {"$ne": number}} for number in range(60)), *({name: {"$ne": "x"}} for name in ("tags",))]
    }
    raw["$and"] += [{name: {"$exists": True}} for name in names[:3]]
    within = Range(parse_filter(raw, world.serving.snapshot.schema))
    assert len(search(world.serving, query, SearchParams(1, within, disjunctive_facets=names)).facets) == 4
    with pytest.raises(InvalidRequestError, match="191 conditions together, at most 128"):
        check_together([SearchParams(1, within, disjunctive_facets=("brand",)), SearchParams(1, within)])

    monkeypatch.setattr("tonari.query.facet_counts.MOST_CONDITIONS", 251)
    with pytest.raises(InvalidRequestError, match=r"252 conditions together; at most 251 are taken: name fewer fields"):
        search(world.serving, query, SearchParams(1, within, disjunctive_facets=names))


def test_words_are_no_pictures_that_were_compared(encoder: Encoder) -> None:
    serving = random_world(encoder, 1, 20, 0, 3).serving
    check_compared(serving, [Plan("words", 10**9, 10**9, exact=True)])
    with pytest.raises(InvalidRequestError, match="compared 1,000,000,000 pictures exactly"):
        check_compared(serving, [Plan("scan", 10**9, 10**9, exact=True)])
