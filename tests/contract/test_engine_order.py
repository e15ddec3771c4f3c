"""Lists in the order of a field hold for every engine of ``contract.engines``."""

from __future__ import annotations

import datetime as dt
from typing import Any

import numpy as np
import pytest

from contract.engines import DIMENSIONS, Items, published
from tonari.contract.engine import Engine, Place, SortQuery, StoredItem
from tonari.contract.filter_tree import EVERYTHING, Condition, Range

ORDERS = [(field, descending) for field in (None, "price", "since", "brand", "new") for descending in (False, True)]
RANGES = {
    "everything": EVERYTHING,
    "filter": Range(Condition("price", "$gte", (3.0,))),
    "ids": Range(ids=(*(f"item-{number}" for number in range(0, 200, 3)), "unknown", "new-1")),
    "excluded": Range(excluded=tuple(f"item-{number}" for number in range(100))),
    "nothing": Range(ids=()),
}


def value_of(item: StoredItem, field: str | None) -> Any:
    value = None if field is None else item.fields.get(field)
    if field == "since" and value is not None:
        return dt.datetime.fromisoformat(value).replace(tzinfo=dt.UTC).timestamp()
    return value


def in_range(items: Items, within: Range) -> list[StoredItem]:
    return [
        item
        for item in items.values()
        if (within.filter is None or item.fields.get("price", -1) >= 3)
        and (within.ids is None or item.id in within.ids)
        and item.id not in within.excluded
    ]


def ordered(items: list[StoredItem], field: str | None, *, descending: bool) -> list[Place]:
    places = sorted((Place(value_of(item, field), item.id) for item in items), key=lambda place: place.id)
    if field is None:
        return places[::-1] if descending else places
    valued = [place for place in places if place.value is not None]
    valued.sort(key=lambda place: place.value, reverse=descending)
    return [*valued, *(place for place in places if place.value is None)]


@pytest.mark.parametrize(("field", "descending"), ORDERS)
@pytest.mark.parametrize("name", RANGES)
def test_the_first_items_of_an_order(
    held: tuple[Engine, Items], name: str, field: str | None, *, descending: bool
) -> None:
    engine, items = held
    there = in_range(items, RANGES[name])
    expected = ordered(there, field, descending=descending)

    for k in (1, 7, 50, 1_000):
        found = engine.sort(SortQuery(k, RANGES[name], field, descending))
        assert [item.place for item in found.items] == expected[:k]
        assert found.matching == len(there)
        for item in found.items:
            stored = items[item.place.id]
            assert (dict(item.fields), item.view) == (stored.fields, next(iter(stored.views), None))


@pytest.mark.parametrize(("field", "descending"), ORDERS)
@pytest.mark.parametrize("name", ["everything", "filter"])
def test_pages_make_up_the_whole_order(
    held: tuple[Engine, Items], name: str, field: str | None, *, descending: bool
) -> None:
    engine, items = held
    expected = ordered(in_range(items, RANGES[name]), field, descending=descending)

    found: list[Place] = []
    while page := engine.sort(SortQuery(9, RANGES[name], field, descending, found[-1] if found else None)).items:
        found += [item.place for item in page]

    assert found == expected


@pytest.mark.parametrize(
    ("field", "place"),
    [
        ("price", Place(2.25, "")),
        ("price", Place(2.5, "item-5000")),
        ("price", Place(-1e300, "x")),
        ("price", Place(1e300, "x")),
        ("price", Place(None, "item-55")),
        ("brand", Place("b", "item-9")),
        ("brand", Place("", "")),
        ("brand", Place("\U0010ffff", "z" * 500)),
        ("since", Place(0.0, "é")),
        ("new", Place(True, "item-1")),
        ("new", Place(False, "\0")),
        (None, Place(None, "item-15")),
        (None, Place(None, "item-150000")),
        (None, Place(None, "\U0010ffff" * 99)),
        (None, Place(None, "")),
    ],
)
@pytest.mark.parametrize("descending", [False, True])
def test_what_follows_a_place_where_nothing_stands(
    held: tuple[Engine, Items], field: str | None, place: Place, *, descending: bool
) -> None:
    engine, items = held
    everything = ordered([*items.values()], field, descending=descending)
    with_ghost = [*everything, *([] if place in everything else [place])]
    if field is None:
        with_ghost.sort(key=lambda one: one.id, reverse=descending)
    else:
        with_ghost.sort(key=lambda one: one.id)
        valued = [one for one in with_ghost if one.value is not None]
        valued.sort(key=lambda one: one.value, reverse=descending)
        with_ghost = valued + [one for one in with_ghost if one.value is None]

    found = engine.sort(SortQuery(1_000, EVERYTHING, field, descending, place))

    assert [item.place for item in found.items] == with_ghost[with_ghost.index(place) + 1 :]
    assert found.matching == len(items)


@pytest.mark.parametrize("field", [None, "price", "nothing"])
def test_an_empty_engine_and_a_field_that_no_item_has(empty: Engine, field: str | None) -> None:
    assert published(empty, {}).sort(SortQuery(5, sort=field)).items == ()
    none = np.empty((0, DIMENSIONS), np.float32)
    engine = published(empty, {name: StoredItem(name, {"id": name}, (), none) for name in ("b", "a", "c")})
    for after, expected in ((None, ["a", "b", "c"]), (Place(None, "a"), ["b", "c"])):
        found = engine.sort(SortQuery(5, sort=field, after=after))
        assert [item.place for item in found.items] == [Place(None, name) for name in expected]
        assert [item.view for item in found.items] == [None] * len(expected)
