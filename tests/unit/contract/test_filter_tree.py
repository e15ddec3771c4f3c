"""A filter without a field's own conditions: what a disjunctive facet is counted under."""

from __future__ import annotations

from typing import Any

import pytest

from tonari.contract.filter_tree import EVERYTHING, Filter, Range, fields_of, without_conditions_on
from tonari.fields.filters import parse_filter
from tonari.fields.schema import Field, Schema

SCHEMA = Schema({"color": Field("string"), "brand": Field("string"), "price": Field("number")})


def tree(raw: dict[str, Any]) -> Filter:
    return parse_filter(raw, SCHEMA)


CHEAP, RED, ACME = {"price": {"$lt": 5}}, {"color": "red"}, {"brand": "acme"}
MIXED = {"$or": [RED, ACME]}


@pytest.mark.parametrize(
    ("raw", "left"),
    [
        (RED, None),
        ({**RED, **CHEAP}, CHEAP),
        ({**RED, **CHEAP, **ACME}, {**CHEAP, **ACME}),
        ({"$and": [RED, {"$and": [CHEAP, {"color": {"$ne": "blue"}}]}]}, CHEAP),
        ({"color": {"$in": ["red", None]}, **CHEAP}, CHEAP),
        ({"color": {"$not": {"$in": ["red"]}}, **CHEAP}, CHEAP),
        ({"$or": [RED, {"color": {"$exists": False}}], **CHEAP}, CHEAP),
        ({"$not": RED, **CHEAP}, CHEAP),
        (CHEAP, CHEAP),
        (MIXED, MIXED),
        ({"$and": [MIXED, RED]}, MIXED),
        ({"$not": {**RED, **CHEAP}}, {"$not": {**RED, **CHEAP}}),
        ({}, {}),
    ],
)
def test_own_conditions_are_left_out(raw: dict[str, Any], left: dict[str, Any] | None) -> None:
    assert without_conditions_on("color", tree(raw)) == (None if left is None else tree(left))


def test_the_fields_of_a_filter() -> None:
    assert fields_of(tree({"$not": {"$or": [RED, {**CHEAP, **ACME}]}})) == {"color", "price", "brand"}
    assert fields_of(tree({})) == frozenset()


def test_a_range_keeps_its_ids() -> None:
    within = Range(tree(RED), ("a",), ("b",))
    assert within.without_conditions_on("color") == Range(None, ("a",), ("b",))
    assert EVERYTHING.without_conditions_on("color") == EVERYTHING
