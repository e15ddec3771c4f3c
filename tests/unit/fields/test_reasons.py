"""Why a field is predicted or not is said as the schema decides it."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tonari.fields.reasons import unpredicted, why_predicted
from tonari.fields.schema import infer_schema, parse_schema


def why(values: list[Any]) -> str:
    documents = [{"x": value} for value in values]
    return why_predicted(infer_schema(documents), (), documents)["x"]


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        (["red", "blue"] * 5, "2 values, 5 items each"),
        (["red"] * 9, "all items have the same value"),
        ([f"{n}x" for n in range(30)], "every value is different"),
        (["red", "blue", "green", "gray"] * 2, "4 values, 2.0 items each: fewer than 5"),
        ([f"{n}x" for n in range(142)] * 5, "142 values, 5 items each"),
        ([f"{n}x" for n in range(301)] * 5, "301 values: more than 300"),
        (["long" * 20, "short"] * 9, "texts of more than 64 letters"),
        ([5, 7.5], ""),
        (["2026-01-31"], ""),
        ([True, False], "true and false are predicted only if schema.json says so"),
        ([["a"], ["b"]], "lists are predicted only if schema.json says so"),
    ],
)
def test_each_reason(values: list[Any], reason: str) -> None:
    assert why(values) == reason


def test_what_stands_for_a_missing_value_is_not_counted() -> None:
    assert why(["red", "blue"] * 5 + ["NaN"] * 9) == "2 values, 5 items each"


def test_labels_that_a_limit_leaves_out_come_with_the_remedy() -> None:
    documents = [{"brand": f"b{number % 600}", "sku": f"{number}", "color": "red"} for number in range(3000)]
    schema = infer_schema(documents)
    said = unpredicted(schema)

    assert said == {
        "brand": "600 values: more than 300. To predict it all the same, say in schema.json: "
        '{"fields": {"brand": {"type": "string", "attribute": true}}}'
    }
    remedy = said["brand"].split("schema.json: ")[1]
    named = parse_schema(remedy.encode(), documents)
    assert named.attributes == ("brand",)
    assert unpredicted(named) == {}


def test_the_owner_has_the_last_word() -> None:
    documents = [{"x": f"{n}", "y": "a"} for n in range(9)]
    schema = parse_schema(b'{"fields": {"x": {"type": "string", "attribute": true}}}', documents)
    assert why_predicted(schema, {"x"}, documents) == {
        "x": "schema.json says so",
        "y": "all items have the same value",
    }


@given(st.lists(st.text(max_size=70), min_size=1, max_size=60))
def test_a_reason_against_is_given_for_all_that_is_not_predicted_and_for_nothing_else(texts: list[str]) -> None:
    documents = [{"x": text} for text in texts]
    field = infer_schema(documents).fields["x"]
    reason = why(texts)
    against = ("same", "different", "fewer", "more than", "no item", "amounts")
    if field.type == "string":
        assert any(word in reason for word in against) != field.attribute
