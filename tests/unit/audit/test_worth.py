from __future__ import annotations

import numpy as np
import pytest

from tonari.audit.worth import LEAST_PLANTED, count_worth, weakest


def test_one_weak_sign_is_not_made_up_for_by_strong_ones() -> None:
    planted = np.stack([np.arange(100.0), 1000 * np.arange(100.0)], axis=1)

    worth = weakest(np.array([[99.0, 0.0], [49.0, 49_000.0], [-1.0, 99_000.0], [99.0, 99_000.0]]), planted)

    assert worth.tolist() == [0.01, 0.5, 0.0, 1.0]


def test_the_scale_of_a_sign_does_not_matter() -> None:
    random = np.random.default_rng(0)
    signs, planted = random.random((50, 3)), random.random((80, 3))

    stretched = weakest(np.exp(9 * signs), np.exp(9 * planted))

    assert stretched.tolist() == weakest(signs, planted).tolist()


@pytest.mark.parametrize("wrong", [40, 150, 600])
@pytest.mark.parametrize("right", [50, 400])
def test_most_of_what_is_listed_is_wrong_however_many_are(wrong: int, right: int) -> None:
    """Wrong labels look as planted ones do, right ones rather less so; how many of each there are is not told."""
    random = np.random.default_rng(wrong + right)
    planted = random.random(500)
    worth = np.concatenate([random.random(wrong), random.beta(0.5, 6, right)])
    is_wrong = np.arange(wrong + right) < wrong

    count = count_worth(worth, [planted])

    listed = is_wrong[np.argsort(-worth)[:count]]
    assert listed.mean() >= 0.65
    assert listed.sum() >= 0.5 * wrong


def test_nearly_all_are_listed_where_all_are_wrong() -> None:
    counts = []
    for seed in range(20):
        random = np.random.default_rng(seed)
        counts.append(count_worth(random.random(20), [random.random(500)]))

    assert np.mean(counts) >= 18


def test_where_suspects_are_weaker_than_planted_errors_hardly_any_is_listed() -> None:
    random = np.random.default_rng(1)

    assert count_worth(random.beta(0.5, 8, 300), [random.random(500)]) <= 10


def test_the_kind_of_errors_that_explains_more_counts() -> None:
    random = np.random.default_rng(2)
    suspects = random.beta(1, 3, 200)
    surer, like_these = random.beta(4, 1, 400), random.beta(1, 3, 400)

    assert count_worth(suspects, [surer]) < 30
    assert count_worth(suspects, [surer, like_these]) == count_worth(suspects, [like_these]) > 150


def test_of_few_planted_errors_nothing_is_said() -> None:
    random = np.random.default_rng(3)

    assert count_worth(random.random(50), [random.random(LEAST_PLANTED - 1)]) == 0
    assert count_worth(np.empty(0), [random.random(100)]) == 0
