from __future__ import annotations

import hashlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tonari.catalogue.holdout import HELD_OUT, is_held_out, split_value, thirtieths, unit_hash


@pytest.mark.parametrize(
    ("fields", "split_by", "value"),
    [
        ({"product": "p"}, "", "id"),
        ({"product": "p"}, "product", "p"),
        ({"product": 5}, "product", "5"),
        ({"product": 5.0}, "product", "5"),
        ({"product": 2**53 + 1}, "product", "9007199254740993"),
        ({"product": True}, "product", "true"),
        ({"product": ["b", "a"]}, "product", '["b", "a"]'),
        ({"product": ""}, "product", "id"),
        ({"product": None}, "product", "id"),
        ({"product": "NaN"}, "product", "id"),
        ({"product": "n/a"}, "product", "id"),
        ({}, "product", "id"),
    ],
)
def test_what_decides(fields: dict[str, object], split_by: str, value: str) -> None:
    assert split_value("id", fields, split_by) == value


def test_a_place_is_the_head_of_a_sha256() -> None:
    head = hashlib.sha256(b"tonari split\0WS01").hexdigest()[:16]

    assert unit_hash("WS01") == int(head, 16) / 2**64
    assert unit_hash("WS01", "other") != unit_hash("WS01")


def test_places_are_even() -> None:
    values = [f"item {number}" for number in range(5000)]

    assert np.bincount(thirtieths(values) // 3, minlength=10) == pytest.approx(500, abs=90)
    assert np.mean([is_held_out(value) for value in values]) == pytest.approx(HELD_OUT, abs=0.03)


@given(st.lists(st.text(max_size=8)))
def test_the_first_three_tenths_are_held_out(values: list[str]) -> None:
    found = thirtieths(values)

    assert found.tolist() == [int(unit_hash(value) * 30) for value in values]
    assert (found < 9).tolist() == [is_held_out(value) for value in values]
