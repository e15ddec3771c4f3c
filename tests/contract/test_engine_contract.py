"""What query and builds rely on holds for every engine of ``contract.engines``."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from contract.engines import CLOSE, DIMENSIONS, ENGINES, FROZEN, ITEMS, TYPES, Items, published, some_items, unit_rows
from tonari.contract.engine import Engine, EngineQuery, Spread, StoredItem, Values
from tonari.contract.filter_tree import EVERYTHING, And, Condition, Filter, Not, Or, Range


def score(item: StoredItem, vectors: NDArray[np.float32]) -> float:
    return float((item.embeddings.astype(np.float64) @ vectors.T).max())


def check_nearest(engine: Engine, query: EngineQuery, there: Sequence[StoredItem]) -> None:
    """Compare an answer with all items that may be found."""
    answer = engine.search(query)
    best = sorted((score(item, query.vectors) for item in there if item.views), reverse=True)[: query.k]
    by_id = {item.id: item for item in there}
    assert [found.score for found in answer.items] == pytest.approx(best, abs=CLOSE)
    assert len({found.id for found in answer.items}) == len(answer.items)
    order = [(-found.score, found.id) for found in answer.items]
    assert order == sorted(order)
    for found in answer.items:
        item = by_id[found.id]
        assert found.score == round(found.score, 6) == pytest.approx(score(item, query.vectors), abs=CLOSE)
        assert dict(found.fields) == item.fields
        nearest = item.embeddings[item.views.index(found.view)]
        assert found.embedding.dtype == np.float32
        assert found.embedding.tolist() == pytest.approx(nearest.tolist(), abs=CLOSE)
        assert float((nearest @ query.vectors.T).max()) == pytest.approx(found.score, abs=CLOSE)
    assert answer.plan.matching == len(there)


def check_range(held: tuple[Engine, Items], within: Range, there: Sequence[StoredItem]) -> None:
    random = np.random.default_rng(len(there))
    for k in (1, 7, ITEMS + 100):
        check_nearest(held[0], EngineQuery(unit_rows(random, 1), k, within, exact=True), there)
        answer = held[0].search(EngineQuery(unit_rows(random, 1), k, within))
        assert len(answer.items) == min(k, sum(bool(item.views) for item in there))
        assert {item.id for item in answer.items} <= {item.id for item in there}


def test_the_nearest_of_all(held: tuple[Engine, Items]) -> None:
    check_range(held, EVERYTHING, list(held[1].values()))


def test_an_item_is_as_near_as_its_nearest_view_is_to_any_query_vector(held: tuple[Engine, Items]) -> None:
    engine, items = held
    vectors = unit_rows(np.random.default_rng(4), 3)

    check_nearest(engine, EngineQuery(vectors, 20, exact=True), list(items.values()))


def seconds(day: str) -> float:
    return dt.datetime.fromisoformat(day).replace(tzinfo=dt.UTC).timestamp()


FILTERS: dict[str, tuple[Filter, Callable[[Mapping[str, Any]], bool]]] = {
    "eq": (Condition("brand", "$eq", ("隣",)), lambda f: f.get("brand") == "隣"),
    "ne, also where missing": (Condition("brand", "$ne", ("acme",)), lambda f: f.get("brand") != "acme"),
    "in": (Condition("price", "$in", (1.0, 2.5)), lambda f: f.get("price") in (1, 2.5)),
    "nin": (Condition("price", "$nin", (1.0, 2.5)), lambda f: f.get("price") not in (1, 2.5)),
    "number": (
        And((Condition("price", "$gte", (2.0,)), Condition("price", "$lt", (5.0,)))),
        lambda f: 2 <= f.get("price", -1) < 5,
    ),
    "date": (Condition("since", "$gt", (seconds("2026-01-14"),)), lambda f: f.get("since", "") > "2026-01-14"),
    "boolean": (Condition("new", "$eq", (True,)), lambda f: f.get("new") is True),
    "one of a list": (Condition("tags", "$in", ("a", "b")), lambda f: bool({"a", "b"} & {*f.get("tags", [])})),
    "none of a list": (Condition("tags", "$ne", ("a",)), lambda f: "a" not in f.get("tags", [])),
    "exists": (Condition("tags", "$exists", (True,)), lambda f: bool(f.get("tags"))),
    "missing": (Condition("brand", "$exists", (False,)), lambda f: "brand" not in f),
    "or, not": (
        Or((Not(Condition("new", "$eq", (True,))), Condition("brand", "$eq", ("bolt",)))),
        lambda f: f.get("new") is not True or f.get("brand") == "bolt",
    ),
    "nothing": (Condition("brand", "$eq", ("nobody",)), lambda _: False),
    **{f"in nothing: {name}": (Condition(name, "$in", ()), lambda _: False) for name in TYPES},
    **{f"nin nothing: {name}": (Condition(name, "$nin", ()), lambda _: True) for name in TYPES},
    "numbers as text": (Condition("tags", "$in", ("38", "39.5")), lambda f: bool({38, 39.5} & {*f.get("tags", [])})),
}


@pytest.mark.parametrize("name", FILTERS)
def test_filters(held: tuple[Engine, Items], name: str) -> None:
    condition, holds = FILTERS[name]
    there = [item for item in held[1].values() if holds(item.fields)]

    check_range(held, Range(condition), there)


def test_ids_and_exclusion(held: tuple[Engine, Items]) -> None:
    items = held[1]
    some = tuple(f"item-{number}" for number in range(0, 150, 2))
    few, many = tuple(list(items)[-5:]), tuple(list(items)[::2])

    check_range(held, Range(ids=(*some, "unknown")), [items[name] for name in some if name in items])
    check_range(held, Range(ids=()), [])
    for excluded in (few, (*many, "unknown"), (*few, *few)):
        check_range(held, Range(excluded=excluded), [item for item in items.values() if item.id not in excluded])
    condition, holds = FILTERS["number"]
    check_range(
        held,
        Range(condition, some, many),
        [items[name] for name in some if name in items and name not in many and holds(items[name].fields)],
    )


def test_a_score_depends_on_query_and_item_alone(held: tuple[Engine, Items]) -> None:
    engine, _ = held
    vectors = unit_rows(np.random.default_rng(5), 1)
    scores = {item.id: item.score for item in engine.search(EngineQuery(vectors, 1000, exact=True)).items}

    for within in (EVERYTHING, Range(FILTERS["eq"][0]), Range(ids=tuple(list(scores)[::7]))):
        for k in (1, 5, 60):
            found = engine.search(EngineQuery(vectors, k, within)).items
            assert all(item.score == scores[item.id] for item in found)


def test_equal_items_come_in_the_order_of_their_ids(empty: Engine) -> None:
    same = unit_rows(np.random.default_rng(6), 1)
    names = [f"{number:03}" for number in np.random.default_rng(7).permutation(200)]
    engine = published(empty, {name: StoredItem(name, {"id": name}, ("a.jpg",), same) for name in names[:150]})
    engine = engine.apply({name: StoredItem(name, {"id": name}, ("a.jpg",), same) for name in names[100:]})

    for exact in (True, False):
        found = engine.search(EngineQuery(same, 30, exact=exact)).items
        assert [item.id for item in found] == [f"{number:03}" for number in range(30)]


def test_of_equally_near_views_the_first_is_named(empty: Engine) -> None:
    same = unit_rows(np.random.default_rng(8), 1)
    item = StoredItem("x", {"id": "x"}, ("z.jpg", "a.jpg"), np.repeat(same, 2, axis=0))

    (found,) = published(empty, {"x": item}).search(EngineQuery(same, 1)).items

    assert (found.view, found.score) == ("z.jpg", pytest.approx(1, abs=CLOSE))


def test_an_exact_search_compares_every_view_in_range(held: tuple[Engine, Items]) -> None:
    engine, items = held
    condition, holds = FILTERS["boolean"]
    plan = engine.search(EngineQuery(unit_rows(np.random.default_rng(9), 1), 3, Range(condition), exact=True)).plan

    assert plan.exact
    assert plan.path
    assert plan.scanned >= sum(len(item.views) for item in items.values() if holds(item.fields))


@pytest.mark.parametrize("number", [0, 7, 10_000])
def test_what_follows_an_item(held: tuple[Engine, Items], number: int) -> None:
    engine, _ = held
    vectors = np.eye(1, DIMENSIONS, dtype=np.float32)
    everything = [(one.score, one.id) for one in engine.search(EngineQuery(vectors, 1_000, exact=True)).items]
    score, item = everything[min(number, len(everything) - 1)]

    for last in (item, "", f"{item}\U0010ffff" * 99, "\0"):
        answer = engine.search(EngineQuery(vectors, 5, after=(score, last)))
        found = [(one.score, one.id) for one in answer.items]
        assert found == [one for one in everything if (-one[0], one[1]) > (-score, last)][:5]
        assert answer.plan.exact


def test_reading(held: tuple[Engine, Items]) -> None:
    engine, items = held
    wanted = [*list(items)[::20], "unknown", "item-1" if "item-1" not in items else "also-unknown"]

    read = engine.read(wanted)

    assert set(read) == {*wanted} & {*items}
    for name, item in read.items():
        assert (item.id, dict(item.fields), item.views) == (name, items[name].fields, items[name].views)
        assert item.embeddings.shape == items[name].embeddings.shape
        assert np.allclose(item.embeddings, items[name].embeddings, atol=CLOSE)
    assert engine.read([]) == {}


def test_counting(held: tuple[Engine, Items]) -> None:
    engine, items = held
    condition, holds = FILTERS["number"]
    excluded = tuple(list(items)[:50])
    there = [item.fields for item in items.values() if holds(item.fields) and item.id not in excluded]

    counted = engine.count(["brand", "tags", "new", "price", "since"], Range(condition, excluded=excluded))

    for name in ("brand", "new"):
        counts = Counter(fields[name] for fields in there if name in fields)
        by_frequency = tuple(sorted(counts.items(), key=lambda one: (-one[1], one[0])))
        assert counted[name] == Values(counts.total(), len(counts), by_frequency)
    tags = Counter(str(tag) for fields in there for tag in fields.get("tags", []))
    assert counted["tags"] == Values(
        sum(bool(fields.get("tags")) for fields in there),
        len(tags),
        tuple(sorted(tags.items(), key=lambda one: (-one[1], one[0]))),
    )
    prices = [fields["price"] for fields in there]
    spread = counted["price"]
    assert isinstance(spread, Spread)
    assert (spread.count, spread.least, spread.greatest) == (len(prices), min(prices), max(prices))
    assert (len(spread.histogram), sum(spread.histogram)) == (10, len(prices))
    since = counted["since"]
    assert isinstance(since, Spread)
    assert since.least == min(seconds(fields["since"]) for fields in there if "since" in fields)
    assert engine.count([], EVERYTHING) == {}
    assert engine.count(["price"], Range(ids=())) == {"price": Spread(0, None, None, (0,) * 10)}
    assert engine.count(["brand"], Range(ids=())) == {"brand": Values(0, 0, ())}


def test_how_many_values_are_listed(empty: Engine) -> None:
    none = np.empty((0, DIMENSIONS), np.float32)
    engine = published(empty, {f"{n}": StoredItem(f"{n}", {"brand": f"b{n:02}"}, (), none) for n in range(70)})

    by_default, few, every = (
        engine.count(["brand"], EVERYTHING, **most)["brand"] for most in ({}, {"most": 2}, {"most": None})
    )

    assert isinstance(by_default, Values)
    assert isinstance(few, Values)
    assert isinstance(every, Values)
    assert few == Values(70, 70, (("b00", 1), ("b01", 1)))
    assert (len(by_default.most), len(every.most)) == (50, 70)


def test_changes_show_one_after_the_other(empty: Engine) -> None:
    random = np.random.default_rng(10)
    old, new = (StoredItem("x", {"id": "x", "brand": brand}, ("a.jpg",), unit_rows(random, 1)) for brand in "on")
    engine = published(empty, {"x": old})
    for item, values in ((new, ["n"]), (None, []), (None, []), (old, ["o"]), (old, ["o"])):
        engine = engine.apply({"x": item})
        found = engine.search(EngineQuery(old.embeddings, 5)).items
        assert [one.fields["brand"] for one in found] == values
        assert [one.fields["brand"] for one in engine.read(["x"]).values()] == values
        counted = engine.count(["brand"], EVERYTHING)["brand"]
        assert isinstance(counted, Values)
        assert [value for value, _ in counted.most] == values
        assert engine.describe().items == len(values)


@pytest.mark.parametrize("name", FROZEN)
def test_the_engine_before_a_change_goes_on(name: str) -> None:
    empty = ENGINES[name]()
    random = np.random.default_rng(10)
    old, new = (StoredItem("x", {"id": "x", "brand": brand}, ("a.jpg",), unit_rows(random, 1)) for brand in "on")
    other = StoredItem("y", {"id": "y"}, ("a.jpg",), unit_rows(random, 1))
    first = published(empty, {"x": old, "y": other})
    replaced = first.apply({"x": new})
    deleted = replaced.apply({"x": None, "y": None})
    again = deleted.apply({"x": old})

    def brands(engine: Engine) -> list[str]:
        return [item.fields.get("brand", "") for item in engine.search(EngineQuery(old.embeddings, 5)).items]

    assert sorted(brands(replaced)) == ["", "n"]
    assert (brands(first), brands(deleted), brands(again)) == (["o", ""], [], ["o"])
    assert sorted(brands(replaced.apply({"x": new}))) == ["", "n"]
    assert deleted.apply({"x": None}).describe().items == 0
    for engine, values in ((first, ("o",)), (replaced, ("n",)), (deleted, ()), (again, ("o",))):
        counted = engine.count(["brand"], EVERYTHING)["brand"]
        assert isinstance(counted, Values)
        assert tuple(value for value, _ in counted.most) == values
        assert [item.fields["brand"] for item in engine.read(["x"]).values()] == list(values)


def test_another_snapshot_holds_nothing_of_the_one_before(changed: Engine) -> None:
    before = changed.describe()
    another = published(changed, some_items(11, ["a", "b"]), "2")

    assert sorted(another.read(["a", "b", "new-1", "item-2"])) == ["a", "b"]
    assert another.describe().items == 2
    assert changed.describe() == before


def test_what_an_engine_holds(held: tuple[Engine, Items]) -> None:
    engine, items = held

    description = engine.describe()

    assert description.items == len(items)
    assert description.views == sum(len(item.views) for item in items.values())
    assert 0 < len(description.samples) <= 12
    assert all(items[name].views for name in description.samples)


def test_nothing_is_found_in_an_empty_engine(empty: Engine) -> None:
    engine = published(empty, {})

    assert engine.search(EngineQuery(unit_rows(np.random.default_rng(12), 1), 5)).items == ()
    assert (engine.describe().items, engine.describe().samples) == (0, ())
