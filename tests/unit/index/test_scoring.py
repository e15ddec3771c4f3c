"""The final score: the same whatever else is scored, and what brute force gives."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from tonari.index.scoring import DECIMALS, best_views, order_items, score_rows, varied_candidates, vary
from tonari.index.vectors import UNIT, to_fixed

SEEDS = st.integers(0, 1 << 32)


def directions(random: np.random.Generator, rows: int, dimensions: int) -> NDArray[np.float32]:
    wide = random.standard_normal((rows, dimensions))
    return np.asarray(wide / np.linalg.norm(wide, axis=1, keepdims=True), np.float32)


@given(SEEDS, st.integers(1, 4), st.integers(1, 1500), st.data())
@settings(max_examples=60, deadline=None)
def test_a_score_does_not_depend_on_what_else_is_scored(
    seed: int, queries: int, dimensions: int, data: st.DataObject
) -> None:
    """Whatever the batch, its order, the offset of the row in it, and the queries that another is scored with."""
    random = np.random.default_rng(seed)
    fixed, asked = to_fixed(directions(random, 90, dimensions)), directions(random, queries, dimensions)
    whole = score_rows(asked, fixed, np.arange(90))
    rows = np.array(data.draw(st.lists(st.integers(0, 89), min_size=1, max_size=70)))
    offset = data.draw(st.integers(0, 7))
    moved = np.empty((len(fixed) * dimensions + offset,), np.int16)[offset:].reshape(fixed.shape)
    moved[:] = fixed

    assert score_rows(asked, fixed, rows).tolist() == whole[rows].tolist()
    assert score_rows(asked, moved, rows[:1]).tolist() == whole[rows[:1]].tolist()
    alone = [score_rows(query[None], fixed, rows) for query in asked]
    assert np.max(alone, axis=0).tolist() == whole[rows].tolist()


def test_nor_on_the_block_in_which_it_is_scored(monkeypatch: pytest.MonkeyPatch) -> None:
    random = np.random.default_rng(1)
    fixed, asked = to_fixed(directions(random, 300, 333)), directions(random, 1, 333)
    whole = score_rows(asked, fixed, np.arange(300))
    for block in (1, 2, 7, 64, 299):
        monkeypatch.setattr("tonari.index.scoring.BLOCK", block)
        assert score_rows(asked, fixed, np.arange(300)).tolist() == whole.tolist()


@given(SEEDS, st.integers(1, 3), st.integers(1, 800))
@example(661, 1, 2)
@settings(max_examples=60, deadline=None)
def test_scores_are_cosines_to_six_decimals(seed: int, queries: int, dimensions: int) -> None:
    random = np.random.default_rng(seed)
    fixed, asked = to_fixed(directions(random, 30, dimensions)), directions(random, queries, dimensions)

    scores = score_rows(asked, fixed, np.arange(30))

    right = (fixed / UNIT @ asked.T.astype(np.float64)).max(axis=1)
    np.testing.assert_allclose(scores, np.clip(right, -1, 1), atol=2e-6)  # rounding may make a row longer than 1
    assert scores.dtype == np.float64
    assert [round(score, DECIMALS) for score in scores.tolist()] == scores.tolist()
    assert np.abs(scores).max() <= 1
    assert not np.signbit(scores[scores == 0]).any()


def test_scores_stay_between_minus_one_and_one() -> None:
    row = np.full((1, 3), np.sqrt(1 / 3), np.float32)
    fixed = to_fixed(np.concatenate([row, -row]) * 1.0001)

    assert score_rows(row * np.float32(1.0001), fixed, np.arange(2)).tolist() == [1, -1]


def test_a_score_of_zero_has_no_sign() -> None:
    fixed = to_fixed(np.array([[0.0, -1.0], [1e-4, 0.0]]))
    query = np.array([[-1e-5, 0.0]], np.float32)

    assert [str(score) for score in score_rows(query, fixed, np.arange(2)).tolist()] == ["0.0", "0.0"]


SCORES = st.lists(st.lists(st.sampled_from([-0.5, 0.0, 0.25, 1.0]), min_size=1, max_size=4), max_size=20)


@given(SCORES)
@settings(max_examples=100, deadline=None)
def test_the_best_view_counts_and_of_equals_the_first(views: list[list[float]]) -> None:
    size = np.array([len(one) for one in views], np.int64)

    best, position = best_views(np.array([score for one in views for score in one]), size)

    begin = np.cumsum(size) - size
    assert best.tolist() == [max(one) for one in views]
    assert (position - begin).tolist() == [one.index(max(one)) for one in views]


@given(st.lists(st.sampled_from([-0.5, 0.0, 0.25, 1.0]), max_size=40), st.integers(1, 50), SEEDS)
@settings(max_examples=100, deadline=None)
def test_the_order_is_total(scores: list[float], k: int, seed: int) -> None:
    items = np.random.default_rng(seed).permutation(len(scores))

    order = order_items(np.array(scores), items, k)

    ranked = sorted(range(len(scores)), key=lambda place: (-scores[place], items[place]))
    assert order.tolist() == ranked[:k]


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
