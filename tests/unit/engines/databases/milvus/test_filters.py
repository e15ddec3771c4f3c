"""Milvus' expressions read as Python, which they nearly are, against the masks whose meaning they have."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import example, given

from memory_database import columns_of as masked
from tonari.contract.database import CollectionState, Record
from tonari.contract.engine import FieldType
from tonari.contract.filter_tree import And, Condition, Filter, Not, Or, Range
from tonari.engines.databases.milvus.columns import columns_of, stored
from tonari.engines.databases.milvus.filters import ITEMS, VIEWS, in_range, matching, text
from tonari.errors import InvalidFilterError
from tonari.fields.masks import evaluate

TYPES: Mapping[str, FieldType] = {
    "brand": "string",
    "price": "number",
    "new": "boolean",
    "since": "date",
    "tags": "strings",
}
COLUMNS = columns_of(TYPES)
NUMBERS = st.sampled_from([0.0, -0.0, 0.1, 0.1 + 0.2, 0.3, -1.5, 1e300, -1e300, 5e-324, 1.7e9])
TEXTS = st.sampled_from(
    ["", "red", 'say "yes"', "it's", "back\\slash", "line\nbreak\r\t", "nul\0 ", "隣🙂", "x" * 70_000]
)
VALUES: Mapping[str, st.SearchStrategy[Any]] = {
    "brand": TEXTS,
    "price": NUMBERS,
    "new": st.booleans(),
    "since": NUMBERS,
    "tags": TEXTS,
}


@st.composite
def conditions(draw: st.DrawFn) -> Filter:
    field = draw(st.sampled_from([*TYPES, "unknown"]))
    values = VALUES.get(field, TEXTS)
    ordered = ["$gt", "$gte", "$lt", "$lte"] if field in ("price", "since") else []
    operator = draw(st.sampled_from(["$eq", "$ne", "$in", "$nin", "$exists", *ordered]))
    if operator == "$exists":
        return Condition(field, operator, (draw(st.booleans()),))
    if operator in ("$in", "$nin"):
        return Condition(field, operator, tuple(draw(st.lists(values, max_size=3))))
    return Condition(field, operator, (draw(values),))


FILTERS = st.recursive(
    conditions(),
    lambda inner: (
        st.builds(And, st.lists(inner, max_size=3).map(tuple))
        | st.builds(Or, st.lists(inner, max_size=3).map(tuple))
        | st.builds(Not, inner)
    ),
    max_leaves=6,
)
FIELDS = st.fixed_dictionaries(
    {},
    optional={
        "brand": TEXTS,
        "price": NUMBERS,
        "new": st.booleans(),
        "since": NUMBERS,
        "tags": st.sets(TEXTS, min_size=1, max_size=3).map(lambda texts: tuple(sorted(texts))),
    },
)


def holds(expression: str, fields: Mapping[str, Any], **others: Any) -> bool:
    """Read an expression as Python over the columns of one row."""
    row = {column.name: stored(column.type, fields.get(field)) for field, column in COLUMNS.items()}
    functions: dict[str, Callable[[Sequence[str], Any], bool]] = {
        "array_contains": lambda held, value: value in held,
        "array_contains_any": lambda held, values: not set(values).isdisjoint(held),
    }
    return bool(eval(expression.replace("\0", "\\x00"), {**functions, "place": 0, **others, **row}))  # noqa: S307


@given(FILTERS, st.lists(FIELDS, min_size=1, max_size=5))
def test_filters_mean_what_masks_say(tree: Filter, rows: list[dict[str, Any]]) -> None:
    state = CollectionState(snapshot="s", encoder="e", dimensions=2, types=TYPES, items=0, views=0)
    records = [
        Record(str(place), 0, "", fields, "{}", (), (), np.empty((0, 2), np.float32))
        for place, fields in enumerate(rows)
    ]
    wanted = evaluate(tree, masked(records, state), len(records)).tolist()

    expression = matching(tree, COLUMNS)

    assert [holds(expression, fields) for fields in rows] == wanted


@given(st.text())
@example("\0" + "0")
def test_texts_are_read_as_they_were(value: str) -> None:
    assert "\n" not in text(value)
    assert eval(text(value).replace("\0", "\\x00")) == value  # noqa: S307


@pytest.mark.parametrize(
    ("operator", "number", "expected"),
    [("$lt", float("inf"), True), ("$gt", float("inf"), False), ("$lte", float("-inf"), False),
     ("$gte", float("-inf"), True), ("$eq", float("inf"), False), ("$ne", float("inf"), True)],
)  # fmt: skip
def test_infinity_compares_with_every_number(operator: str, number: float, expected: bool) -> None:  # noqa: FBT001
    assert holds(matching(Condition("price", operator, (number,)), COLUMNS), {"price": 3.0}) == expected


def test_texts_have_no_order() -> None:
    with pytest.raises(InvalidFilterError, match="orders numbers"):
        matching(Condition("brand", "$gt", ("a",)), COLUMNS)


def test_ranges() -> None:
    within = Range(Condition("price", "$gte", (2.0,)), ids=("a", 'b"'), excluded=("a",))
    expression = in_range(VIEWS, within, COLUMNS)
    found = {
        (item, place)
        for item in ("a", 'b"', "c")
        for place in (-2, -1, 0, 1)
        if holds(expression, {"price": 2.0}, item=item, place=place)
    }
    assert found == {('b"', 0), ('b"', 1)}
    assert not holds(expression, {"price": 1.0}, item='b"', place=0)
    assert [holds(in_range(ITEMS, Range(), COLUMNS), {}, place=place) for place in (-3, -2, -1, 0, 1)] == [
        False,
        False,
        True,
        True,
        False,
    ]
    assert not holds(in_range(ITEMS, Range(ids=()), COLUMNS), {}, item="a")
