"""Which queries are asked, and the intervals of differences."""

from __future__ import annotations

import numpy as np
import pytest

from tonari_tools.fit.fit_metrics import (
    LEAST_GROUPS,
    NOT_JUDGED,
    SAME_ITEM,
    Change,
    Metric,
    Parts,
    compare,
    enough,
    measure,
    pool,
    score,
    unseen_metrics,
)
from tonari_tools.fit.lda import to_unit
from unit.tools.fit.worlds import held_out, world


def metric(values: np.ndarray, group: np.ndarray | None = None) -> Metric:
    return Metric("a", "hit@1", np.asarray(values, np.float64), np.arange(len(values)) if group is None else group)


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
    ("low", "high", "worse", "better"), [(-2, -1, True, False), (-1, 1, False, False), (1, 2, False, True)]
)
def test_better_and_worse(low: float, high: float, worse: bool, better: bool) -> None:  # noqa: FBT001
    change = Change("a", "mAP@R", 0, 0, low, high, 10, 10)

    assert (change.worse, change.better, change.judged) == (worse, better, True)
    assert not Change("a", NOT_JUDGED, 0, 0, low, high, 10, 10).judged


def scored(**values: float) -> float:
    """Score of metrics that all rise alike: their standard error is nought."""
    keys = [tuple(name.split("__")) for name in values]
    before = {(task, name): Metric(task, name, np.zeros(20), np.arange(20)) for task, name in keys}
    after = {
        (task, name): Metric(task, name, np.full(20, value), np.arange(20))
        for (task, name), value in zip(keys, values.values(), strict=True)
    }
    return score(before, after)


def test_the_score_weighs_tasks_alike_and_losses_thrice() -> None:
    assert scored(a__x=0.1, a__y=0.3, b__x=0.4) == pytest.approx(0.3)
    assert scored(a__x=-0.1, b__x=0.3) == pytest.approx(0.0)


def test_what_is_not_judged_does_not_count() -> None:
    keys = [("a", "x"), ("a", NOT_JUDGED)]
    before = {key: Metric(*key, np.zeros(20), np.arange(20)) for key in keys}
    after = {key: Metric(*key, np.full(20, value), np.arange(20)) for key, value in zip(keys, (0.1, -0.9), strict=True)}

    assert score(before, after) == pytest.approx(0.1)


def test_an_uncertain_gain_counts_less_than_a_certain_one() -> None:
    before = {("a", "x"): metric(np.zeros(20))}
    sure, unsure = ({("a", "x"): metric(np.array(values * 10))} for values in ([0.1, 0.1], [1.1, -0.9]))

    assert score(before, sure) == pytest.approx(0.1)
    assert score(before, unsure) < 0


def test_pooling_joins_queries_of_the_same_metric() -> None:
    joined = pool([[metric(np.array([1, 0]))], [metric(np.array([1]))]])

    assert joined["a", "hit@1"].values.tolist() == [1, 0, 1]


def test_all_metrics_of_a_sample() -> None:
    sample = world()
    held = held_out(sample)
    parts = Parts(np.flatnonzero(~held), np.flatnonzero(held))
    metrics = {one.key: one for one in measure(to_unit(sample.features), sample, parts, seed=0)}

    assert {task for task, _ in metrics} == {SAME_ITEM, "attribute0", "attribute1"}
    assert {name for task, name in metrics if task == "attribute0"} == {"mAP@R", "nearest mean", "9-NN vote"}
    assert all(set(one.group.tolist()) <= set(sample.group[held].tolist()) for one in metrics.values())


def test_a_class_that_only_the_held_out_part_has_is_no_query_of_the_predictions() -> None:
    sample = world()
    held = held_out(sample)
    codes = sample.labels["attribute0"]
    parts = Parts(np.flatnonzero(~held & (codes != 2)), np.flatnonzero(held))
    metrics = {one.key: one for one in measure(to_unit(sample.features), sample, parts, seed=0)}

    assert len(metrics["attribute0", "nearest mean"].values) == int((held & (codes != 2)).sum())
    assert len(metrics["attribute0", "mAP@R"].values) == int(held.sum())


def test_metrics_of_few_groups_say_nothing() -> None:
    few, many = metric(np.ones(LEAST_GROUPS - 1)), metric(np.ones(LEAST_GROUPS))

    assert enough([few, many]) == [many]


def test_unseen_classes_are_asked_for_among_all() -> None:
    sample = world()
    held = np.flatnonzero(held_out(sample))
    found = unseen_metrics(to_unit(sample.features), "attribute0", sample, held, [1])

    assert [one.name for one in found] == [NOT_JUDGED, "mAP@R, unseen classes"]
    assert len(found[0].values) == int((sample.labels["attribute0"][held] == 1).sum())
    assert unseen_metrics(to_unit(sample.features), "attribute0", sample, held, []) == []


def test_classes_of_one_held_out_item_cannot_be_asked_for() -> None:
    sample = world(items=30, views=1, classes=(30,))
    held = np.flatnonzero(held_out(sample))

    assert unseen_metrics(to_unit(sample.features), "attribute0", sample, held, sample.labels["attribute0"][held]) == []
