from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from tonari.attributes.support import effective_count, fit_threshold, least_support, likeness, lower_bound

SEEDS = st.integers(0, 1 << 32)


@given(SEEDS, st.integers(0, 60), st.sampled_from([0, 0.4, 0.7, 0.9, 0.97, 1]), st.booleans())
@settings(max_examples=150, deadline=None)
def test_the_threshold_gives_as_much_as_it_may(seed: int, count: int, precision: float, grouped: bool) -> None:  # noqa: FBT001
    random = np.random.default_rng(seed)
    confidence, right = np.round(random.random(count), 1), random.random(count) < 0.8
    weight = random.random(count) + 0.1
    group = random.integers(0, 7, count) if grouped else np.arange(count)

    threshold, support = fit_threshold(confidence, right, weight, group, precision)

    alike = likeness(right - confidence, weight, group) if count else 0.0
    kept = {}
    for one in confidence.tolist():
        above = confidence >= one
        share = np.average(right[above], weights=weight[above])
        worth = effective_count(weight[above], group[above], alike)
        if lower_bound(share, worth) >= precision - 1e-12:
            kept[one] = worth
    least = min(kept, default=2.0)
    assert threshold == pytest.approx(least if precision else (0.0 if count else 2.0))
    assert support == pytest.approx(kept.get(least, 0.0))


@given(SEEDS, st.integers(1, 300))
@settings(max_examples=50, deadline=None)
def test_more_precision_is_never_a_lower_threshold(seed: int, count: int) -> None:
    random = np.random.default_rng(seed)
    confidence = np.round(random.random(count), 2)
    right, group = random.random(count) < confidence, random.integers(0, 50, count)

    found = [fit_threshold(confidence, right, np.ones(count), group, one)[0] for one in np.linspace(0, 1, 21)]

    assert found == sorted(found)
    assert found[0] == 0
    assert found[-1] > 1


def test_groups_are_worth_less_than_their_answers() -> None:
    group = np.repeat(np.arange(10), 5)

    assert effective_count(np.ones(50), group, 0.0) == pytest.approx(50)
    assert effective_count(np.ones(50), group, 1.0) == pytest.approx(10)
    assert effective_count(np.ones(50), group, 0.5) == pytest.approx(50 / 3)
    assert effective_count(np.array([1.0, 1.0, 2.0]), np.arange(3), 0.3) == pytest.approx(16 / 6)
    assert effective_count(np.empty(0), np.empty(0, np.int64), 0.0) == 0


@pytest.mark.parametrize("true", [0.0, 0.3, 0.9])
def test_likeness_is_found(true: float) -> None:
    random = np.random.default_rng(3)
    group = np.repeat(np.arange(1500), 4)
    shared, own = random.standard_normal(1500)[group], random.standard_normal(6000)

    found = likeness(np.sqrt(true) * shared + np.sqrt(1 - true) * own, random.random(6000) + 0.5, group)

    assert found == pytest.approx(true, abs=0.04)


def test_nothing_is_alike_where_each_is_its_own_group() -> None:
    residual = np.array([0.5, -0.5, 0.1])

    assert likeness(residual, np.ones(3), np.arange(3)) == 0
    assert likeness(np.zeros(3), np.ones(3), np.zeros(3, np.int64)) == 0


@pytest.mark.parametrize("share", [0.5, 0.8, 0.9, 0.97])
@pytest.mark.parametrize("count", [20, 100, 1000])
def test_the_bound_holds_as_often_as_it_says(share: float, count: int) -> None:
    random = np.random.default_rng(count)
    drawn: NDArray[np.float64] = random.binomial(count, share, 20_000) / count

    held = (lower_bound(drawn, np.full(len(drawn), count)) <= share).mean()

    assert held > 0.83


@pytest.mark.parametrize("precision", [0.5, 0.8, 0.9, 0.95, 0.99])
def test_the_least_support_is_the_first_that_is_enough(precision: float) -> None:
    least = round(least_support(precision))
    confidence, right = np.linspace(0.6, 0.99, least), np.ones(least, np.bool_)

    enough = fit_threshold(confidence, right, np.ones(least), np.arange(least), precision)
    less = fit_threshold(confidence[1:], right[1:], np.ones(least - 1), np.arange(least - 1), precision)

    assert enough == (pytest.approx(0.6), pytest.approx(least))
    assert less == (2.0, 0.0)
    assert math.isinf(least_support(1.0))


def test_a_lucky_start_is_no_support() -> None:
    confidence = np.linspace(1, 0, 400)
    right = np.arange(400) < 5

    assert fit_threshold(confidence, right, np.ones(400), np.arange(400), 0.9) == (2.0, 0.0)


def test_few_large_groups_are_less_support_than_many_small_ones() -> None:
    right = np.repeat(np.arange(40) % 20 > 0, 20)
    confidence = np.full(800, 0.95)

    together, _ = fit_threshold(confidence, right, np.ones(800), np.repeat(np.arange(40), 20), 0.92)
    apart, support = fit_threshold(confidence, right, np.ones(800), np.arange(800), 0.92)

    assert right.mean() > 0.92
    assert together > 1
    assert apart == pytest.approx(0.95)
    assert support == pytest.approx(800)


@pytest.mark.parametrize("count", [100, 300, 1000])
@pytest.mark.parametrize("grouped", [1, 4])
def test_new_answers_are_right_as_often_as_was_asked(count: int, grouped: int) -> None:
    """Over many samples: what the mean precision lacks is less than its error, and few samples promise too much."""
    random = np.random.default_rng(5)

    def draw(many: int) -> tuple[NDArray[np.float64], NDArray[np.bool_], NDArray[np.int64]]:
        group = np.arange(many) // grouped
        confidence = random.beta(2.2, 0.6, many)
        luck = random.random(many)
        same = random.random(many) < 0.5
        luck = np.where(same, luck[group * grouped], luck)
        return confidence, luck < confidence, group

    fresh, _, _ = draw(40_000)
    got, given = [], []
    for _ in range(120):
        confidence, right, group = draw(count)
        threshold, _ = fit_threshold(confidence, right, np.ones(count), group, 0.9)
        given.append((fresh >= threshold).mean())
        if given[-1]:
            got.append(fresh[fresh >= threshold].mean())

    assert np.mean(got) > 0.9
    assert np.mean(np.array(got) < 0.9) < 0.3
    assert np.mean(np.array(got) < 0.87) < 0.06
    best = next(one for one in np.linspace(0.3, 1, 300) if fresh[fresh >= one].mean() >= 0.9)
    assert np.mean(given) > (fresh >= best).mean() * (0.6 if count * 4 // grouped < 500 else 0.8)
