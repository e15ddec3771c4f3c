from __future__ import annotations

from bisect import bisect_right

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tonari.contract.engine import FieldType, Spread, Values
from tonari.engines.databases.lucene.filters import LONGEST, Fields, indexed
from tonari.engines.databases.lucene.values import count_values, histogram_edges
from tonari.fields.columns import NumberColumn
from tonari.fields.facets import count_facet

NUMBERS = st.floats(-1e308, 1e308, allow_nan=False) | st.integers(-9, 9).map(float) | st.sampled_from([5e-324, -0.0])
TYPES: dict[str, FieldType] = {"brand": "string", "price": "number", "new": "boolean"}


@given(st.lists(NUMBERS, min_size=1, max_size=40))
def test_intervals_are_those_over_columns_to_the_last_bit(numbers: list[float]) -> None:
    wanted = count_facet([(NumberColumn(np.array(numbers)), None)])
    assert isinstance(wanted, Spread)

    edges = histogram_edges(min(numbers), max(numbers))

    assert edges == sorted(edges)
    found = np.bincount([bisect_right(edges, number) for number in numbers], minlength=10)
    assert tuple(found.tolist()) == wanted.histogram


@given(NUMBERS, NUMBERS)
def test_numbers_beside_an_edge(one: float, other: float) -> None:
    least, greatest = sorted((one, other))
    for edge in histogram_edges(least, greatest):
        if np.isfinite(edge):
            for number in (edge, float(np.nextafter(edge, -np.inf))):
                if least <= number <= greatest:
                    both = count_facet([(NumberColumn(np.array([least, number, greatest])), None)])
                    assert isinstance(both, Spread)
                    place = bisect_right(histogram_edges(least, greatest), number)
                    assert both.histogram[place] > 0


def test_answers_as_an_engine_gives_them() -> None:
    asked: list[dict[str, object]] = []
    answers = [
        {
            "f0": {"buckets": [{"key": "a", "doc_count": 2}], "sum_other_doc_count": 3},
            "f0_having": {"doc_count": 4},
            "f1": {"count": 3, "min": 1.0, "max": 2.0, "avg": 1.5, "sum": 4.5},
            "f2": {"buckets": [{"key": 1, "key_as_string": "true", "doc_count": 2}, {"key": 0, "doc_count": 2}]},
            "f2_having": {"doc_count": 4},
        },
        {"f1": {"buckets": {"0": {"doc_count": 2}, "9": {"doc_count": 1}}}},
        {"f0": {"buckets": [{"key": {"value": "b"}, "doc_count": 2}, {"key": {"value": "a"}, "doc_count": 2}]}},
    ]

    def ask(questions: dict[str, object]) -> dict[str, object]:
        asked.append(questions)
        return answers[len(asked) - 1]

    found = count_values(ask, lambda _key, text: text, Fields(TYPES), [*TYPES, "unknown"], 1)

    assert found == {
        "brand": Values(4, 2, (("a", 2),)),
        "price": Spread(3, 1.0, 2.0, (2, 0, 0, 0, 0, 0, 0, 0, 0, 1)),
        "new": Values(4, 2, ((False, 2),)),
        "unknown": Values(0, 0, ()),
    }
    assert asked[2] == {"f0": {"composite": {"size": 10_000, "sources": [{"value": {"terms": {"field": "f0"}}}]}}}


def test_a_text_that_stands_shortened_is_given_whole() -> None:
    text = "x" * (LONGEST + 1)
    answer = {"f0": {"buckets": [{"key": indexed(text), "doc_count": 1}]}, "f0_having": {"doc_count": 1}}
    found = count_values(lambda _: answer, lambda key, _text: f"{key}: whole", Fields(TYPES), ["brand"], None)
    assert found == {"brand": Values(1, 1, (("f0: whole", 1),))}
