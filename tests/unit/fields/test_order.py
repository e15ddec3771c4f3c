"""The first items of an order, against sorting them all."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tonari.fields.columns import Column, build_columns
from tonari.fields.order import first_by_value
from tonari.fields.schema import Field, Schema

VALUES: dict[str, st.SearchStrategy[Any]] = {
    "number": st.sampled_from([None, -0.0, 0, 0.5, 1, 2**53, -1e300, 1e300, 5e-324]),
    "string": st.sampled_from([None, "", "a", "A", "é", "隣", "\U0001f9e6", "ab"]),
    "boolean": st.sampled_from([None, False, True]),
}


def column_of(kind: Any, values: list[Any]) -> Column:
    return build_columns([{"x": value} for value in values], Schema({"x": Field(kind)}))["x"]


def ordered(values: list[Any], allowed: list[bool], *, descending: bool) -> list[int]:
    there = [at for at, here in enumerate(allowed) if here]
    valued = sorted((at for at in there if values[at] is not None), key=lambda at: values[at], reverse=descending)
    return valued + [at for at in there if values[at] is None]


@pytest.mark.parametrize("kind", VALUES)
@given(st.data(), st.booleans(), st.integers(1, 60))
@settings(max_examples=150, deadline=None)
def test_first_by_value(kind: str, data: st.DataObject, descending: bool, k: int) -> None:  # noqa: FBT001
    values = data.draw(st.lists(VALUES[kind], max_size=50))
    allowed = data.draw(st.lists(st.booleans(), min_size=len(values), max_size=len(values)))
    column, mask = column_of(kind, values), np.array(allowed, np.bool_)
    expected = ordered(values, allowed, descending=descending)

    assert first_by_value(column, mask, k, descending=descending).tolist() == expected[:k]
    if expected:
        last = data.draw(st.sampled_from(expected))
        rest = expected[expected.index(last) + 1 :]
        after = (values[last], last + 1)
        assert first_by_value(column, mask, k, descending=descending, after=after).tolist() == rest[:k]


@pytest.mark.parametrize("kind", VALUES)
@given(st.data(), st.booleans())
@settings(max_examples=150, deadline=None)
def test_after_a_value_that_no_item_has(kind: str, data: st.DataObject, descending: bool) -> None:  # noqa: FBT001
    values = data.draw(st.lists(VALUES[kind], max_size=30))
    ghost, place = data.draw(VALUES[kind]), data.draw(st.integers(0, 30))
    column, mask = column_of(kind, values), np.ones(len(values), np.bool_)

    found = first_by_value(column, mask, 100, descending=descending, after=(ghost, place)).tolist()

    def follows(at: int) -> bool:
        if values[at] is None or ghost is None:
            return (
                (ghost is not None) if values[at] is None and ghost is not None else values[at] is None and at >= place
            )
        if values[at] == ghost:
            return at >= place
        return bool(values[at] < ghost if descending else values[at] > ghost)

    everything = ordered(values, [True] * len(values), descending=descending)
    assert found == [at for at in everything if follows(at)]


def test_a_field_that_no_item_has() -> None:
    mask = np.array([True, False, True, True])

    assert first_by_value(None, mask, 2).tolist() == [0, 2]
    assert first_by_value(None, mask, 9, descending=True, after=(None, 1)).tolist() == [2, 3]
    assert first_by_value(None, mask, 9, after=(5.0, 1)).tolist() == [0, 2, 3]
    assert first_by_value(None, mask[:0], 9).tolist() == []


def test_lists_have_no_order() -> None:
    column = column_of("strings", [["b"], [], ["a"]])

    assert first_by_value(column, np.ones(3, np.bool_), 9).tolist() == [0, 1, 2]


def test_of_many_equal_values_the_first_are_chosen() -> None:
    column = column_of("number", [1.0, 0.0] * 5_000)

    assert first_by_value(column, np.ones(10_000, np.bool_), 5).tolist() == [1, 3, 5, 7, 9]
    assert first_by_value(column, np.ones(10_000, np.bool_), 5, descending=True).tolist() == [0, 2, 4, 6, 8]
    found = first_by_value(column, np.ones(10_000, np.bool_), 5_003).tolist()
    assert found == [*range(1, 10_000, 2), 0, 2, 4]
