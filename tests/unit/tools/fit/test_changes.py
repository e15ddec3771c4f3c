"""Intervals of differences, and which losses are more than chance among many figures."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tonari_tools.fit.changes import CHANCE, Change, chances, compare
from tonari_tools.fit.fit_metrics import Metric

ATTRIBUTES, NAMES, GROUPS, EACH = 7, ("recall@1", "mAP@R", "nearest mean", "9-NN vote", "unseen"), 60, 3


def metric(values: np.ndarray, group: np.ndarray | None = None, task: str = "a") -> Metric:
    return Metric(task, "hit@1", np.asarray(values, np.float64), np.arange(len(values)) if group is None else group)


def figures(seed: int, loss: float = 0, groups: int = GROUPS) -> tuple[list[Metric], list[Metric]]:
    """Five figures of each of seven attributes, which rise and fall by groups and by attributes; one may lose."""
    random = np.random.default_rng(seed)
    group = np.repeat(np.arange(groups), EACH)
    before, after = [], []
    for number in range(ATTRIBUTES):
        of_attribute = 0.1 * random.normal(size=groups)
        for name in NAMES:
            change = of_attribute[group] + 0.2 * random.normal(size=len(group)) - (loss if number == 3 else 0)
            first = Metric(f"a{number}", name, random.random(len(group)), group)
            before.append(first)
            after.append(replace(first, values=first.values + change))
    return before, after


def test_the_interval_is_that_of_the_normal_law_for_many_groups() -> None:
    random = np.random.default_rng(0)
    before, after = random.normal(0.3, 0.5, size=(2, 2000))
    (change,) = compare([metric(before)], [metric(after)], seed=1)
    difference = after - before
    half = 1.96 * difference.std() / np.sqrt(2000)

    assert change.low == pytest.approx(difference.mean() - half, abs=0.2 * half)
    assert change.high == pytest.approx(difference.mean() + half, abs=0.2 * half)


def test_groups_are_resampled_whole() -> None:
    random = np.random.default_rng(0)
    after = np.repeat(random.normal(size=40), 25)
    alone = compare([metric(np.zeros(1000))], [metric(after)], seed=1)[0]
    together = compare([metric(np.zeros(1000), np.arange(1000) // 25)], [metric(after, np.arange(1000) // 25)], seed=1)[
        0
    ]

    assert (together.high - together.low) > 4 * (alone.high - alone.low)
    assert (together.groups, together.queries) == (40, 1000)


@pytest.mark.parametrize(
    ("low", "high", "chance", "said"),
    [
        (-2, -1, 0.01, {"worse", "below"}),
        (-2, -1, 0.2, {"below"}),
        (-1, 1, 0.5, set()),
        (1, 2, 1.0, {"better"}),
    ],
)
def test_better_and_worse(low: float, high: float, chance: float, said: set[str]) -> None:
    change = Change("a", "mAP@R", 0, 0, low, high, chance, 10, 10)

    assert {name for name in ("worse", "below", "better") if getattr(change, name)} == said


def test_noise_among_many_figures_refuses_no_more_fits_than_it_may() -> None:
    """By its own interval one figure of 35 loses in most fits; judged together, in no more than chance allows."""
    drawn = [compare(*figures(seed), seed) for seed in range(50)]
    by_interval = np.mean([any(change.below for change in changes) for changes in drawn])
    together = np.mean([any(change.worse for change in changes) for changes in drawn])

    assert by_interval > 5 * CHANCE
    assert together <= CHANCE + 2 * np.sqrt(CHANCE * (1 - CHANCE) / len(drawn))


def test_an_attribute_that_is_plainly_harmed_is_found() -> None:
    for seed in range(10):
        worse = {change.task for change in compare(*figures(seed, loss=0.08), seed) if change.worse}
        assert worse == {"a3"}


def test_one_figure_alone_is_judged_as_by_its_interval() -> None:
    random = np.random.default_rng(5)
    chance = [chances([(metric(np.zeros(50)), metric(random.normal(size=50)))], seed)[0] for seed in range(300)]

    assert np.mean(np.array(chance) <= 0.2) == pytest.approx(0.2, abs=0.06)


def test_figures_of_few_groups_do_not_hide_a_loss_of_many() -> None:
    """Eight groups agree by chance once in 256 draws; a figure of many groups is judged by its own draws."""
    random = np.random.default_rng(1)
    few = [metric(random.normal(size=8), 1000 * place + np.arange(8), f"few{place}") for place in range(6)]
    many = metric(-0.5 + random.normal(size=200), task="many")
    before = [replace(one, values=np.zeros_like(one.values)) for one in (*few, many)]
    changes = compare(before, [*few, many], 0)

    assert [change.task for change in changes if change.worse] == ["many"]


def test_groups_that_agree_are_sure() -> None:
    lost, kept = metric(np.full(30, -0.1)), metric(np.zeros(30))
    chance = chances([(metric(np.zeros(30)), lost), (metric(np.zeros(30)), kept)], 0)

    assert chance[0] < 0.001
    assert chance[1] == 1


def test_nothing_is_compared_with_nothing() -> None:
    assert compare([], [], 0) == []
