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
    fit_threshold,
    softmax_loss,
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


def test_the_loss_by_the_definition() -> None:
    scores, truth, weight = np.log([[1.0, 3.0], [1.0, 1.0]]), np.array([1, 0]), np.array([3.0, 1.0])

    assert softmax_loss(scores, truth, weight, Scale(1.0)) == pytest.approx(-(3 * np.log(0.75) + np.log(0.5)) / 4)


def test_calibration_error_by_hand() -> None:
    confidence = np.array([0.95, 0.95, 0.95, 0.95, 0.5])
    right = np.array([True, True, True, False, True])

    assert calibration_error(confidence, right, np.ones(5)) == pytest.approx((4 * 0.2 + 0.5) / 5)
    assert calibration_error(np.ones(2), np.array([True, True]), np.ones(2)) == 0
    assert calibration_error(np.empty(0), np.empty(0, np.bool_), np.empty(0)) == 0


@given(st.integers(0, 1 << 32), st.integers(0, 40), st.sampled_from([0, 0.4, 0.7, 0.9, 0.97, 1]))
@settings(max_examples=100, deadline=None)
def test_the_threshold_gives_as_much_as_it_may(seed: int, count: int, precision: float) -> None:
    random = np.random.default_rng(seed)
    confidence, right = np.round(random.random(count), 1), random.random(count) < 0.7
    weight = random.random(count) + 0.1

    threshold = fit_threshold(confidence, right, weight, precision)

    kept = {
        one: (confidence >= one)
        for one in confidence.tolist()
        if np.average(right[confidence >= one], weights=weight[confidence >= one]) >= precision - 1e-12
    }
    assert threshold == pytest.approx(min(kept, default=2.0))
