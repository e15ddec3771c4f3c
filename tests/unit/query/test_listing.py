"""Lists over snapshot and overlay, against plain Python."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from catalogues import SCHEMA, World, random_world, tiny_encoder
from plain_engine import PlainEngine
from tonari.contract.engine import Place, SnapshotItems, StoredItem, Values
from tonari.contract.filter_tree import EVERYTHING, Range
from tonari.encoders.image import ImageEncoder
from tonari.errors import InvalidRequestError, TooLargeError
from tonari.fields.filters import parse_filter
from tonari.query.listing import Listed, ListParams, Order, list_items, read_order
from tonari.query.serving import Serving

NO_VIEWS = np.empty((0, 3), np.float32)
SORTS = [None, "id", "-id", *(f"{sign}{name}" for name in ("price", "since", "brand", "new") for sign in ("", "-"))]
FILTERS: dict[str, tuple[Any, Any]] = {
    "none": (None, lambda _: True),
    "brand": ({"brand": {"$in": ["acme", "隣"]}}, lambda f: f.get("brand") in ("acme", "隣")),
    "price": ({"price": {"$lt": 1}}, lambda f: f.get("price", 9) < 1),
    "nothing": ({"brand": "nobody"}, lambda _: False),
}


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> ImageEncoder:
    return tiny_encoder(tmp_path_factory.mktemp("encoder"))


def value_of(fields: Any, name: str) -> Any:
    value = fields.get(name)
    if name == "since" and value is not None:
        return dt.datetime.fromisoformat(value).replace(tzinfo=dt.UTC).timestamp()
    return value


def expected(world: World, sort: str | None, holds: Any) -> list[str]:
    there = sorted(name for name, item in world.items.items() if holds(item.fields))
    if sort in (None, "id", "-id"):
        return there[::-1] if sort == "-id" else there
    field = str(sort).removeprefix("-")
    values = {name: value_of(world.items[name].fields, field) for name in there}
    valued = [name for name in there if values[name] is not None]
    valued.sort(key=lambda name: values[name], reverse=sort != field)
    return valued + [name for name in there if values[name] is None]


def pages(serving: Serving, params: ListParams) -> list[Listed]:
    found = [list_items(serving, params)]
    while found[-1].more is not None:
        found.append(list_items(serving, replace(params, after=found[-1].more)))
    return found


@given(st.integers(0, 2**32), st.integers(1, 120), st.integers(0, 40), st.data())
@settings(max_examples=60, deadline=None)
def test_lists_are_what_plain_python_gives(
    encoder: ImageEncoder, seed: int, items: int, changes: int, data: st.DataObject
) -> None:
    world = random_world(encoder, seed, items, changes, 5)
    sort, name, k = (
        data.draw(st.sampled_from(SORTS)),
        data.draw(st.sampled_from([*FILTERS])),
        data.draw(st.integers(1, 40)),
    )
    condition, holds = FILTERS[name]
    within = EVERYTHING if condition is None else Range(parse_filter(condition, SCHEMA))
    ids = expected(world, sort, holds)

    found = pages(world.serving, ListParams(k, within, read_order(sort, SCHEMA), facets=("brand",)))

    assert [item.place.id for page in found for item in page.items] == ids
    assert [len(page.items) for page in found[:-1]] == [k] * (len(found) - 1)
    assert {page.matching for page in found} == {len(ids)}
    for item in (item for page in found for item in page.items):
        document = {
            name: value for name, value in world.items[item.place.id].fields.items() if name not in ("id", "secret")
        }
        assert dict(item.fields) == document
    counted = found[0].facets["brand"]
    assert isinstance(counted, Values)
    assert counted.count == sum("brand" in world.items[one].fields for one in ids)


def test_pages_go_on_where_the_one_before_ended_although_items_change(encoder: ImageEncoder) -> None:
    def serving_of(prices: dict[str, float]) -> Serving:
        world = random_world(encoder, 1, 1, 0, 5)
        items = [StoredItem(name, {"id": name, "price": price}, (), NO_VIEWS) for name, price in prices.items()]
        types = {"price": SCHEMA.fields["price"].type}
        return replace(world.serving, engine=PlainEngine().publish(SnapshotItems("1", "e", 3, types, items)))

    prices = {f"item-{number:02}": float(number // 3) for number in range(30)}
    params = ListParams(10, EVERYTHING, read_order("price", SCHEMA))
    first = list_items(serving_of(prices), params)
    last = first.items[-1].place
    assert last == Place(3.0, "item-09")
    later = {name: price for name, price in prices.items() if name != last.id} | {"item-00": 9.0, "new": 3.0}

    rest = pages(serving_of(later), replace(params, after=first.more))

    found = [item.place.id for page in rest for item in page.items]
    assert found[:3] == ["item-10", "item-11", "new"]
    assert set(found) == {name for name in prices if name > last.id} | {"new", "item-00"}
    assert len(found) == len(set(found))


@pytest.mark.parametrize(
    ("text", "order"),
    [
        (None, Order()),
        ("id", Order()),
        ("-id", Order(descending=True)),
        ("price", Order("price", kind=float)),
        ("-since", Order("since", descending=True, kind=float)),
        ("-brand", Order("brand", descending=True, kind=str)),
        ("new", Order("new", kind=bool)),
    ],
)
def test_orders(text: str | None, order: Order) -> None:
    assert read_order(text, SCHEMA) == order


def test_a_field_whose_name_begins_with_a_dash() -> None:
    schema = replace(SCHEMA, fields={**SCHEMA.fields, "-price": SCHEMA.fields["brand"]})

    assert read_order("-price", schema) == Order("-price", kind=str)
    assert read_order("--price", schema) == Order("-price", descending=True, kind=str)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("prise", "'sort': 'prise' is no known field; did you mean 'price'"),
        ("-prise", "'sort': 'prise' is no known field"),
        ("-", "'sort': '' is no known field"),
        ("tags", "'sort': 'tags' has lists of values"),
        ("secret", "'sort': 'secret' is not filterable"),
    ],
)
def test_what_cannot_be_sorted_by(text: str, says: str) -> None:
    with pytest.raises(InvalidRequestError, match=says):
        read_order(text, SCHEMA)


def test_facets_and_fields(encoder: ImageEncoder, monkeypatch: pytest.MonkeyPatch) -> None:
    serving = random_world(encoder, 2, 60, 5, 5).serving
    with pytest.raises(InvalidRequestError, match="'facets': 'prise' is no known field"):
        list_items(serving, ListParams(5, EVERYTHING, Order(), facets=("prise",)))
    few = list_items(serving, ListParams(60, EVERYTHING, Order(), fields=("price",)))
    assert {name for item in few.items for name in item.fields} == {"price"}
    monkeypatch.setattr("tonari.query.contents.MOST_ANSWER_BYTES", 500)
    assert len(list_items(serving, ListParams(60, EVERYTHING, Order(), fields=())).items) == 60
    with pytest.raises(TooLargeError, match="lower 'k'"):
        list_items(serving, ListParams(60, EVERYTHING, Order()))
