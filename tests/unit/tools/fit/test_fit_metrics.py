"""Which queries are asked, and the score by which a fit is chosen."""

from __future__ import annotations

import numpy as np
import pytest

from tonari_tools.fit.fit_metrics import (
    LEAST_GROUPS,
    SAME_ITEM,
    UNSEEN,
    Metric,
    Parts,
    enough,
    measure,
    pool,
    score,
    unseen_metrics,
)
from tonari_tools.fit.lda import to_unit
from tonari_tools.fit.neighbours import rank_others
from unit.tools.fit.worlds import held_out, world


def metric(values: np.ndarray, group: np.ndarray | None = None) -> Metric:
    return Metric("a", "hit@1", np.asarray(values, np.float64), np.arange(len(values)) if group is None else group)


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


def with_unseen(unseen: np.ndarray) -> float:
    """Score of a sure gain of 0.1 and of recall@1 of unseen classes that changed so."""
    names = {"x": np.full(20, 0.1), f"recall@1{UNSEEN}": np.resize(unseen, 20)}
    before = {("a", name): Metric("a", name, np.zeros(20), np.arange(20)) for name in names}
    after = {("a", name): Metric("a", name, values, np.arange(20)) for name, values in names.items()}
    return score(before, after)


def test_unseen_classes_earn_nothing() -> None:
    assert with_unseen(np.array([0.3])) == with_unseen(np.array([0.0])) == pytest.approx(0.1)


def test_a_sure_loss_of_unseen_classes_is_charged_twice() -> None:
    assert with_unseen(np.array([-0.02])) == pytest.approx(0.1 - 0.04)


def test_a_loss_of_unseen_classes_within_a_standard_error_is_not_charged() -> None:
    """The mean is -0.1, its standard error 0.25."""
    assert with_unseen(np.array([1.0, -1.2])) == pytest.approx(0.1)


def test_both_figures_of_unseen_classes_are_charged_once() -> None:
    assert scored(**{"a__x": 0.1, f"a__recall@1{UNSEEN}": -0.02, f"a__mAP@R{UNSEEN}": -0.04}) == pytest.approx(0.04)


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
    metrics = {one.key: one for one in measure(to_unit(sample.features), sample, parts, parts.held)}

    assert {task for task, _ in metrics} == {SAME_ITEM, "attribute0", "attribute1"}
    assert {name for task, name in metrics if task == "attribute0"} == {"mAP@R", "nearest mean", "9-NN vote"}
    assert all(set(one.group.tolist()) <= set(sample.group[held].tolist()) for one in metrics.values())


def test_a_class_that_only_the_held_out_part_has_is_no_query_of_the_predictions() -> None:
    sample = world()
    held = held_out(sample)
    codes = sample.labels["attribute0"]
    parts = Parts(np.flatnonzero(~held & (codes != 2)), np.flatnonzero(held))
    metrics = {one.key: one for one in measure(to_unit(sample.features), sample, parts, parts.held)}

    assert len(metrics["attribute0", "nearest mean"].values) == int((held & (codes != 2)).sum())
    assert len(metrics["attribute0", "mAP@R"].values) == int(held.sum())


def test_metrics_of_few_groups_say_nothing() -> None:
    few, many = metric(np.ones(LEAST_GROUPS - 1)), metric(np.ones(LEAST_GROUPS))

    assert enough([few, many]) == [many]


def test_unseen_classes_are_asked_for_among_all() -> None:
    sample = world()
    held = np.flatnonzero(held_out(sample))
    asked = held[sample.labels["attribute0"][held] == 1]
    ranked = rank_others(to_unit(sample.features)[held], sample.item[held], np.searchsorted(held, asked))
    found = unseen_metrics("attribute0", ranked, sample, held, asked)

    assert [one.name for one in found] == ["recall@1, unseen classes", "mAP@R, unseen classes"]
    assert len(found[0].values) == len(asked) > 0
    assert unseen_metrics("attribute0", ranked[:0], sample, held, asked[:0]) == []


def test_classes_of_one_held_out_item_cannot_be_asked_for() -> None:
    sample = world(items=30, views=1, classes=(30,))
    held = np.flatnonzero(held_out(sample))

    ranked = rank_others(to_unit(sample.features)[held], sample.item[held], np.arange(len(held)))

    assert unseen_metrics("attribute0", ranked, sample, held, held) == []
