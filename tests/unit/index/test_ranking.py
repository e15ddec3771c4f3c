from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from tonari.index.ranking import Groups, varied_candidates, vary


def worths(scores: Any, vectors: Any, taken: list[int], diversity: float) -> dict[int, float]:
    """What each candidate is worth by the formula, one by one."""
    found = {}
    for candidate in range(len(scores)):
        if candidate not in taken:
            likeness = max((float(vectors[candidate] @ vectors[other]) for other in taken), default=0.0)
            found[candidate] = (1 - diversity) * float(scores[candidate]) - diversity * likeness
    return found


@settings(max_examples=200, deadline=None)
@given(st.integers(0, 2**32), st.integers(0, 40), st.integers(1, 45), st.floats(0, 1), st.integers(1, 6))
def test_against_the_formula(seed: int, count: int, k: int, diversity: float, directions: int) -> None:
    random = np.random.default_rng(seed)
    vectors = random.standard_normal((directions, 4))[random.integers(0, directions, count)]
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    scores = np.sort(vectors @ (query := random.standard_normal(4)) / np.linalg.norm(query))[::-1]

    taken = vary(scores, vectors, k, diversity).tolist()

    assert len(taken) == len(set(taken)) == min(k, count)
    for place, one in enumerate(taken):
        worth = worths(scores, vectors, taken[:place], diversity)
        assert worth[one] >= max(worth.values()) - 1e-5


def test_the_ends_of_the_scale() -> None:
    scores = np.array([0.9, 0.8, 0.7, 0.6])
    vectors = np.array([[1, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]], np.float16)

    assert vary(scores, vectors, 4, 0.0).tolist() == [0, 1, 2, 3]
    assert vary(scores, vectors, 3, 1.0).tolist() == [0, 2, 3]
    assert vary(scores[:0], vectors[:0], 3, 0.5).tolist() == []


def test_candidates() -> None:
    assert (varied_candidates(1), varied_candidates(10), varied_candidates(1000)) == (50, 50, 5000)


@given(st.lists(st.none() | st.integers(0, 3)), st.integers(1, 3))
def test_groups(values: list[int | None], most: int) -> None:
    groups = Groups(most)

    admitted = [groups.admit(value) for value in values]

    assert admitted == [value is None or values[:place].count(value) < most for place, value in enumerate(values)]
    assert set(groups.take_filled()) == {v for v in values if v is not None and values.count(v) >= most}
    assert groups.take_filled() == ()
