from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from memory_database import columns_of
from tonari.contract.database import CollectionState, Record
from tonari.contract.engine import FieldType, Place
from tonari.contract.filter_tree import And, Condition, Filter, Not, Or, Range
from tonari.engines.databases.lucene.filters import (
    LONGEST,
    Fields,
    Query,
    follows,
    indexed,
    living,
    order_by,
    translate,
)
from tonari.errors import InvalidFilterError
from tonari.fields.masks import evaluate

TYPES: dict[str, FieldType] = {"brand": "string", "price": "number", "new": "boolean", "tags": "strings", "day": "date"}
FIELDS = Fields(TYPES)
VALUES: dict[str, st.SearchStrategy[Any]] = {
    "brand": st.sampled_from(["a", "b", "", "隣"]) | st.sampled_from([1, 2]).map(lambda more: "x" * (LONGEST + more)),
    "price": st.sampled_from([-1e300, -0.0, 0.0, 5e-324, 0.1, 3.0, 1e300]),
    "new": st.booleans(),
    "tags": st.sampled_from(["a", "b", "c"]),
    "day": st.sampled_from([0.0, 1.7e9, 1.7e9 + 0.25]),
}


def conditions() -> st.SearchStrategy[Filter]:
    def on(field: str) -> st.SearchStrategy[Filter]:
        value = VALUES.get(field, VALUES["brand"])
        several = st.builds(Condition, st.just(field), st.sampled_from(["$in", "$nin"]), st.lists(value).map(tuple))
        names = ["$eq", "$ne", *(["$gt", "$gte", "$lt", "$lte"] if field in ("price", "day") else [])]
        one = st.builds(Condition, st.just(field), st.sampled_from(names), st.tuples(value))
        exists = st.builds(Condition, st.just(field), st.just("$exists"), st.tuples(st.booleans()))
        return one | several | exists

    return st.sampled_from([*TYPES, "unknown"]).flatmap(on)


def deeper(inner: st.SearchStrategy[Filter]) -> st.SearchStrategy[Filter]:
    some = st.lists(inner, max_size=3).map(tuple)
    return st.builds(And, some) | st.builds(Or, some) | st.builds(Not, inner)


FILTERS = st.recursive(conditions(), deeper, max_leaves=8)
ITEMS = st.fixed_dictionaries(
    {}, optional={**VALUES, "tags": st.sets(VALUES["tags"], min_size=1).map(lambda tags: tuple(sorted(tags)))}
)


def matches(query: Query, document: dict[str, list[Any]]) -> bool:
    """Do as Lucene does, for the few kinds of queries that are made."""
    ((kind, about),) = query.items()
    if kind in ("match_all", "match_none"):
        return bool(kind == "match_all")
    if kind == "exists":
        return about["field"] in document
    if kind == "bool":
        should = about.get("should")
        return (
            all(matches(one, document) for one in about.get("filter", ()))
            and not any(matches(one, document) for one in about.get("must_not", ()))
            and (should is None or any(matches(one, document) for one in should))
        )
    ((field, wanted),) = about.items()
    here = document.get(field, [])
    if kind == "range":
        ((bound, limit),) = wanted.items()
        compare = {"gt": "__gt__", "gte": "__ge__", "lt": "__lt__", "lte": "__le__"}[bound]
        return any(getattr(value, compare)(limit) for value in here)
    bits = [repr(value) for value in (wanted if kind == "terms" else [wanted])]  # Lucene has two zeros
    return any(repr(value) in bits for value in here)


def document(name: str, fields: dict[str, Any]) -> dict[str, list[Any]]:
    kept = {FIELDS.keys[field]: [indexed(one) for one in (value if isinstance(value, tuple) else [value])]
            for field, value in fields.items()}  # fmt: skip
    return {"id": [name], "deleted": [False], **kept}


@given(st.lists(ITEMS, min_size=1, max_size=6), FILTERS)
def test_a_filter_means_what_it_means_over_columns(items: list[dict[str, Any]], tree: Filter) -> None:
    empty = msgspec.convert(
        {"snapshot": "s", "encoder": "e", "dimensions": 1, "types": TYPES, "items": 0, "views": 0}, CollectionState
    )
    records = [Record(f"{n}", 0, "", item, "{}", (), (), None) for n, item in enumerate(items)]  # type: ignore[arg-type]
    wanted = evaluate(tree, columns_of(records, empty), len(items)).tolist()

    query = translate(tree, FIELDS)

    assert [matches(query, document(f"{n}", item)) for n, item in enumerate(items)] == wanted
    assert msgspec.json.encode(query)


@given(
    st.lists(ITEMS, min_size=1, max_size=8),
    st.sampled_from([None, "brand", "price", "new", "tags", "unknown"]),
    st.booleans(),
)
def test_what_follows_a_place_are_all_behind_it(
    items: list[dict[str, Any]],
    sort: str | None,
    descending: bool,  # noqa: FBT001
) -> None:
    key = FIELDS.keys[sort] if sort in ("brand", "price", "new") else None
    if key:
        valued = sorted(((item[sort], f"{n}") for n, item in enumerate(items) if sort in item), key=lambda one: one[1])  # type: ignore[index]
        valued.sort(key=lambda one: indexed(one[0]), reverse=descending)
    else:
        valued = []
    lacking = [(None, f"{n}") for n, item in enumerate(items) if not key or sort not in item]
    ordered = [*valued, *(lacking[::-1] if sort is None and descending else lacking)]
    documents = {f"{n}": document(f"{n}", item) for n, item in enumerate(items)}
    for place, (value, name) in enumerate(ordered):
        query = follows(key, Place(value, name), descending=descending, by_id=sort is None)
        behind = {other for other, one in documents.items() if matches(query, one)}
        assert behind == {other for _, other in ordered[place + 1 :]}


def test_ids_and_what_is_deleted() -> None:
    within = Range(ids=("a", "b"), excluded=("b",))
    query = living(within, FIELDS)
    assert [matches(query, document(name, {})) for name in ("a", "b", "c")] == [True, False, False]
    assert not matches(query, {"id": ["a"], "deleted": [True]})
    assert not matches(living(Range(ids=()), FIELDS), document("a", {}))
    assert living(Range(), FIELDS) == {"term": {"deleted": False}}


@given(FILTERS)
def test_no_view_matches_a_range(tree: Filter) -> None:
    assert not matches(living(Range(tree, excluded=("a",)), FIELDS), {})


def test_what_has_no_order_is_not_ordered() -> None:
    with pytest.raises(InvalidFilterError, match="orders numbers and dates only"):
        translate(Condition("brand", "$gt", ("a",)), FIELDS)


def test_orders() -> None:
    assert order_by(None, descending=True, ids_descend=True) == [{"id": {"order": "desc"}}]
    assert order_by("f1", descending=True, ids_descend=False) == [
        {"f1": {"order": "desc", "missing": "_last"}},
        {"id": {"order": "asc"}},
    ]


def test_long_texts_are_told_apart_and_stay_in_order() -> None:
    texts = ["a" * (LONGEST + 5), "a" * (LONGEST + 6), "隣" * LONGEST, "b", "a" * LONGEST]
    short = [indexed(text) for text in texts]
    assert len(set(short)) == len(texts)
    assert all(len(text.encode()) <= LONGEST for text in short)
    assert (short[3], short[4]) == ("b", texts[4])
    assert max(short) == short[2]
