"""Metrics against their definitions, one query after the other."""

from __future__ import annotations

import numpy as np
import pytest

from tonari_tools.fit import neighbours
from tonari_tools.fit.lda import to_unit
from tonari_tools.fit.neighbours import by_mean, by_vote, class_precision, find_voters, rank_others, same_item_rank


@pytest.fixture(params=[3, 512])
def vectors(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> np.ndarray:
    monkeypatch.setattr(neighbours, "BLOCK", request.param)
    return to_unit(np.random.default_rng(4).normal(size=(60, 5)))


ITEM = np.random.default_rng(5).permutation(np.arange(60) % 20) * 7
CODES = ITEM // 7 % 4


def test_same_item_rank(vectors: np.ndarray) -> None:
    asked = np.arange(0, 60, 2)
    ranks = same_item_rank(vectors, ITEM, asked)

    for row, rank in zip(asked, ranks, strict=True):
        others = [other for other in range(60) if other != row]
        best = {item: max(vectors[row] @ vectors[o] for o in others if ITEM[o] == item) for item in set(ITEM.tolist())}
        mine = best.pop(ITEM[row])
        assert rank == sum(value > mine for value in best.values())


def test_ties_count_against_the_item() -> None:
    same = np.tile(np.array([[1.0, 0.0]], np.float32), (6, 1))

    assert same_item_rank(same, np.array([0, 0, 1, 1, 2, 2]), np.arange(6)).tolist() == [2] * 6


def test_the_others_are_ranked_once_for_all_attributes(vectors: np.ndarray) -> None:
    ranked = rank_others(vectors, ITEM, np.arange(60))

    for row, found in enumerate(ranked):
        others = [o for o in range(60) if ITEM[o] != ITEM[row]]
        assert found.tolist() == sorted(others, key=lambda o: -float(vectors[row] @ vectors[o])) + [60] * 3


@pytest.mark.parametrize("lacking", [False, True])
def test_class_precision(vectors: np.ndarray, lacking: bool) -> None:  # noqa: FBT001
    codes = np.where(np.arange(60) % 5 == 0, -1, CODES) if lacking else CODES
    asked = np.flatnonzero(codes >= 0)
    recall, precision = class_precision(rank_others(vectors, ITEM, asked), codes, codes[asked])

    for row, one, other in zip(asked, recall, precision, strict=True):
        others = [o for o in range(60) if ITEM[o] != ITEM[row] and codes[o] >= 0]
        ranked = sorted(others, key=lambda o: -float(vectors[row] @ vectors[o]))
        hits = [codes[o] == codes[row] for o in ranked]
        relevant = sum(hits)
        expected = sum(sum(hits[: i + 1]) / (i + 1) for i in range(relevant) if hits[i]) / relevant
        assert one == hits[0]
        assert other == pytest.approx(expected, abs=1e-6)


def test_a_class_of_one_item_is_no_query() -> None:
    vectors = to_unit(np.random.default_rng(4).normal(size=(4, 3)))
    codes = np.array([0, 0, 1, 1])
    recall, precision = class_precision(rank_others(vectors, np.array([0, 0, 1, 2]), np.arange(4)), codes, codes)

    assert np.isnan(recall).tolist() == np.isnan(precision).tolist() == [True, True, False, False]


def test_nearest_mean(vectors: np.ndarray) -> None:
    known, asked = np.arange(40), np.arange(40, 60)
    right = by_mean(vectors[known], CODES[known], vectors[asked], CODES[asked])

    for row, value in zip(asked, right, strict=True):
        means = {c: vectors[known][CODES[known] == c].mean(axis=0) for c in set(CODES[known].tolist())}
        nearest = min(means, key=lambda c: float(np.square(vectors[row] - means[c]).sum()))
        assert value == (nearest == CODES[row])


def test_vote(vectors: np.ndarray) -> None:
    known, asked = np.arange(40), np.arange(40, 60)
    right = by_vote(*find_voters(vectors[known], vectors[asked]), CODES[known], CODES[asked])

    for row, value in zip(asked, right, strict=True):
        ranked = sorted(known, key=lambda o: -float(vectors[row] @ vectors[o]))[:9]
        weights = {c: sum(1 + 1e-3 * float(vectors[row] @ vectors[o]) for o in ranked if CODES[o] == c) for c in CODES}
        assert value == (max(weights, key=lambda c: weights[c]) == CODES[row])


def test_fewer_known_views_than_voters() -> None:
    vectors = to_unit(np.eye(3) + 0.1)

    assert by_vote(*find_voters(vectors, vectors), np.arange(3), np.arange(3)).mean() <= 1
