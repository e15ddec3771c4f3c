from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tonari.contract.engine import Spread, Values
from tonari.engines.merging import merge_spreads, merge_values
from tonari.fields.columns import NumberColumn
from tonari.fields.facets import count_facet


def spread(numbers: list[float]) -> Spread:
    counted = count_facet([(NumberColumn(np.array(numbers, np.float64)), None)])
    assert isinstance(counted, Spread)
    return counted


WHOLE = st.lists(st.integers(-1_000, 1_000).map(float), max_size=40)


@given(WHOLE, WHOLE)
def test_spreads_add_up(one: list[float], other: list[float]) -> None:
    both = [*one, *other]

    merged = merge_spreads(spread(one), spread(other), lambda least: sum(number >= least for number in both))

    expected = spread(both)
    assert (merged.count, merged.least, merged.greatest) == (expected.count, expected.least, expected.greatest)
    assert sum(merged.histogram) == len(both)
    # A number on the edge of two intervals may be counted in either.
    edges = 0 if not both else len(both)
    assert sum(abs(a - b) for a, b in zip(merged.histogram, expected.histogram, strict=True)) <= edges


def test_one_value_fills_the_first_interval() -> None:
    merged = merge_spreads(spread([3.0]), spread([3.0, 3.0]), lambda least: 3 * (least <= 3))

    assert merged == spread([3.0] * 3)


def test_values_add_up() -> None:
    one = Values(5, 2, (("red", 3), ("blue", 2)))
    other = Values(2, 2, (("blue", 1), ("green", 1)))

    assert merge_values(one, other, 2) == Values(7, 3, (("blue", 3), ("red", 3)))
    assert merge_values(one, other, None).most == (("blue", 3), ("red", 3), ("green", 1))
