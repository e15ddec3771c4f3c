from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tonari.contract.database import FoundRecord
from tonari.engines.asking import first
from tonari.errors import UnsupportedByEngineError

Lists = list[list[tuple[str, float]]]


def asks(lists: Lists, counts: list[int]) -> Callable[[int], list[list[FoundRecord]]]:
    def ask(count: int) -> list[list[FoundRecord]]:
        counts.append(count)
        return [
            [FoundRecord(name, score, "", "{}", 0, "") for name, score in sorted(one, key=lambda item: -item[1])][
                :count
            ]
            for one in lists
        ]

    return ask


def truth(lists: Lists, after: tuple[float, str] | None) -> list[tuple[float, str]]:
    best: dict[str, float] = {}
    for name, score in (pair for one in lists for pair in one):
        best[name] = max(best.get(name, -np.inf), round(score, 6) + 0.0)
    ordered = sorted(((score, name) for name, score in best.items()), key=lambda one: (-one[0], one[1]))
    return [one for one in ordered if after is None or (-one[0], one[1]) > (-after[0], after[1])]


# Few scores, so that there are many ties, some of them only after rounding.
SCORES = st.sampled_from([-0.5, 0.0, 0.1, 0.1 + 1e-9, 0.5, 0.7])
LISTS = st.lists(
    st.dictionaries(st.text("abcdef", min_size=1, max_size=3), SCORES, max_size=60), min_size=1, max_size=3
)


@given(LISTS, st.integers(1, 30), st.none() | st.tuples(SCORES, st.text("abcdef", max_size=3)))
def test_the_first_of_an_order_are_those_of_all(
    drawn: list[dict[str, float]], k: int, after: tuple[float, str] | None
) -> None:
    # Every list knows every item, as a search by each of several vectors does.
    names = set().union(*drawn)
    lists = [[(name, one.get(name, -0.9)) for name in names] for one in drawn]

    found = first(asks(lists, []), k, after, 1_000)

    assert [(score, row.id) for score, row in found] == truth(lists, after)[:k]


def test_one_question_is_enough_where_the_last_has_no_equal() -> None:
    counts: list[int] = []

    first(asks([[(str(number), number / 1_000) for number in range(500)]], counts), 10, None, 1_000)

    assert len(counts) == 1


def test_where_all_have_one_score_as_many_are_asked_for_as_can_be() -> None:
    counts: list[int] = []
    everything = [(f"{number:03}", 0.5) for number in range(500)]

    found = first(asks([everything], counts), 5, None, 200)

    assert len(found) == 5
    assert max(counts) == 200


def test_a_page_beyond_what_is_given_at_once_is_refused() -> None:
    everything = [(f"{number:03}", number / 500) for number in range(500)]

    with pytest.raises(UnsupportedByEngineError, match="at most 100 items"):
        first(asks([everything], []), 10, (0.2, "100"), 100)
    with pytest.raises(UnsupportedByEngineError, match="at most 100 items"):
        first(asks([everything], []), 101, None, 100)
    with pytest.raises(UnsupportedByEngineError, match="at most 0 items"):
        first(asks([everything], []), 1, None, 0)
