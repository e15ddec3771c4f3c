from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tonari.contract.engine import Values
from tonari.fields.columns import build_columns
from tonari.fields.facets import count_facet
from tonari.fields.schema import Field, Schema

VALUES = st.lists(st.lists(st.sampled_from("abcdefgh"), max_size=2), max_size=12)


@pytest.mark.parametrize("kind", ["string", "strings"])
@given(st.lists(VALUES, min_size=1, max_size=3), st.integers(0, 2**32), st.none() | st.integers(1, 9))
@settings(max_examples=150, deadline=None)
def test_the_most_frequent_values_of_several_pieces(
    kind: str, drawn: list[list[list[str]]], seed: int, most: int | None
) -> None:
    random = np.random.default_rng(seed)
    pieces, counts, having = [], Counter[str](), 0
    for values in drawn:
        held = values if kind == "strings" else [one[0] if one else None for one in values]
        schema = Schema({"f": Field("strings" if kind == "strings" else "string")})
        mask = random.random(len(values)) < 0.7 if random.random() < 0.7 else None
        pieces.append((build_columns([{"f": one} for one in held], schema)["f"], mask))
        for number, one in enumerate(values):
            if mask is None or mask[number]:
                counts.update(set(one) if kind == "strings" else one[:1])
                having += bool(one)

    found = count_facet(pieces, most)

    expected = tuple(sorted(counts.items(), key=lambda one: (-one[1], one[0]))[:most])
    assert found == Values(having, len(counts), expected)


def test_of_many_equally_frequent_values_the_first_are_listed() -> None:
    names = [f"name {number:04}" for number in range(2_000)]
    column = build_columns([{"f": name} for name in reversed(names)], Schema({"f": Field("string")}))["f"]

    found = count_facet([(column, None)], 3)

    assert found == Values(2_000, 2_000, tuple((name, 1) for name in names[:3]))
