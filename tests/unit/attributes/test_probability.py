from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tonari.attributes.probability import (
    Scale,
    calibration_error,
    fit_sigmoid,
    fit_softmax,
    log_odds,
    with_best,
)


def test_a_scale_by_hand() -> None:
    scores = np.log([[1.0, 4.0]])

    assert Scale(1.0).softmax(scores)[0] == pytest.approx([0.2, 0.8])
    assert Scale(2.0).softmax(scores)[0] == pytest.approx([1 / 3, 2 / 3])
    assert Scale(1.0, 0.1).softmax(scores)[0] == pytest.approx([0.23, 0.77])
    assert Scale(2.0, offset=0.5).sigmoid(np.array([-1.0])) == pytest.approx([0.5])


@pytest.mark.parametrize(("temperature", "floor"), [(0.2, 0.0), (1.0, 0.1), (40.0, 0.0)])
def test_what_made_the_labels_is_found(temperature: float, floor: float) -> None:
    random = np.random.default_rng(0)
    scores = random.standard_normal((20_000, 4)) * 3 * temperature
    odds = Scale(temperature, floor).softmax(scores)
    truth = (odds.cumsum(axis=1) < random.random((len(odds), 1))).sum(axis=1)

    found = fit_softmax(scores, truth, np.ones(len(truth)))

    assert found.temperature == pytest.approx(temperature, rel=0.1)
    assert found.floor == pytest.approx(floor, abs=0.03)
    confidence, right = found.softmax(scores).max(axis=1), scores.argmax(axis=1) == truth
    assert calibration_error(confidence, right, np.ones(len(truth))) < 0.02


def test_labels_that_no_fit_could_know_do_not_count() -> None:
    random = np.random.default_rng(1)
    scores, truth = random.standard_normal((300, 3)), random.integers(0, 3, 300)
    more = np.vstack([scores, scores])

    one = fit_softmax(scores, truth, np.ones(300))

    assert fit_softmax(more, np.append(truth, [-1] * 300), np.ones(600)) == one


def test_slope_and_offset_of_tags_are_found() -> None:
    random = np.random.default_rng(2)
    scores = random.standard_normal((20_000, 3)) * 4
    made = Scale(2.0, offset=-1.5)
    truth = random.random(scores.shape) < made.sigmoid(scores)

    found = fit_sigmoid(scores, truth, np.ones(len(scores)))

    assert (found.temperature, found.offset) == (pytest.approx(2.0, rel=0.05), pytest.approx(-1.5, abs=0.3))


def test_calibration_error_by_hand() -> None:
    confidence = np.array([0.95, 0.95, 0.95, 0.95, 0.5])
    right = np.array([True, True, True, False, True])

    assert calibration_error(confidence, right, np.ones(5)) == pytest.approx((4 * 0.2 + 0.5) / 5)
    assert calibration_error(np.ones(2), np.array([True, True]), np.ones(2)) == 0
    assert calibration_error(np.empty(0), np.empty(0, np.bool_), np.empty(0)) == 0


@given(st.integers(0, 1 << 32), st.integers(1, 60), st.sampled_from([np.float32, np.float64]))
@settings(max_examples=100, deadline=None)
def test_setting_right_keeps_the_order_and_the_sum(seed: int, count: int, kind: type) -> None:
    random = np.random.default_rng(seed)
    scores = np.round(random.standard_normal((20, count)) * 5, 1).astype(kind)
    scale = Scale(0.7, 0.05, 0.6, float(random.normal()), tuple((random.standard_normal(count) * 2).tolist()))

    odds = scale.softmax(scores)

    assert odds.sum(axis=1) == pytest.approx(1)
    assert ((odds > 0) & (odds <= 1)).all()
    assert (odds.argmax(axis=1) == scores.argmax(axis=1)).all()
    for row, said in zip(scores, odds, strict=True):
        order = np.argsort(-row, kind="stable")
        assert (np.diff(said[order]) <= 1e-12).all()
        assert (said[order[0]] > said[row < row.max()]).all()
        assert scale.softmax(row) == pytest.approx(said)


def test_the_best_class_has_the_probability_of_its_line() -> None:
    scores = np.log([[0.7, 0.2, 0.1], [0.1, 0.1, 0.8], [0.4, 0.35, 0.25]])
    scale = Scale(1.0, slope=0.5, offset=0.3, lean=(0.2, 0.0, -2.0))

    odds = scale.softmax(scores)

    line = 0.5 * log_odds(np.array([0.7, 0.8, 0.4])) + 0.3 + np.array([0.2, -2.0, 0.2])
    assert odds.max(axis=1) == pytest.approx(np.maximum(1 / (1 + np.exp(-line)), 1 / 3), abs=2e-3)
    assert odds[0, 1] / odds[0, 2] == pytest.approx(2)


def test_a_class_that_gains_takes_from_the_others_and_one_that_loses_gives_to_all() -> None:
    plain = np.array([0.5, 0.3, 0.2])

    assert with_best(plain, np.array(0.75)).tolist() == pytest.approx([0.75, 0.15, 0.1])
    assert with_best(plain, np.array(5 / 12)).tolist() == pytest.approx([5 / 12, 0.95 / 3, 0.8 / 3])
    nothing = with_best(plain, np.array(0.0))
    assert nothing == pytest.approx(np.full(3, 1 / 3), abs=1e-3)
    assert nothing[0] > nothing[1] > nothing[2]


def test_leans_go_with_their_classes() -> None:
    scale = Scale(1.0, offset=0.1, lean=(0.5, -0.5, 2.0))

    assert scale.of([2, -1, 0]).lean == (2.0, 0.0, 0.5)
    assert scale.of([2, -1, 0]).offset == 0.1
    assert Scale(1.0).of([0, -1]) == Scale(1.0)
