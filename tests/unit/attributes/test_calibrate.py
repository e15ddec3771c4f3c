from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from tonari.attributes import study
from tonari.attributes.calibrate import CURVE_POINTS, calibrate, confusion, coverage_curve, reliability
from tonari.attributes.crossfit import HeldOutScores
from tonari.attributes.probability import IMPOSSIBLE, Scale, calibration_error
from tonari.contract.findings import ConfusionCount, QualityReport, decode_report
from tonari.contract.forms import encode
from unit.attributes.samples import blobs, sample_of


def drawn(seed: int, count: int = 700) -> tuple[NDArray[np.float64], NDArray[np.bool_], NDArray[np.float64]]:
    random = np.random.default_rng(seed)
    confidence = np.round(random.random(count), 2)
    return confidence, random.random(count) < confidence, random.random(count) + 0.1


@pytest.mark.parametrize("seed", range(5))
def test_bins_are_those_of_the_calibration_error(seed: int) -> None:
    confidence, right, weight = drawn(seed)

    bins = reliability(confidence, right, weight)

    error = sum(one.share * abs(one.confidence - one.right) for one in bins)
    assert error == pytest.approx(calibration_error(confidence, right, weight))
    assert sum(one.share for one in bins) == pytest.approx(1)
    assert [one.confidence for one in bins] == sorted(one.confidence for one in bins)


@pytest.mark.parametrize("seed", range(5))
def test_each_point_of_the_curve_is_what_its_threshold_gives(seed: int) -> None:
    confidence, right, weight = drawn(seed)

    points = coverage_curve(confidence, right, weight)

    assert 1 < len(points) <= CURVE_POINTS
    for point in points:
        given = confidence >= point.threshold
        assert point.coverage == pytest.approx(weight[given].sum() / weight.sum())
        assert point.accuracy == pytest.approx(np.average(right[given], weights=weight[given]))
    assert points[-1].coverage == pytest.approx(1)
    assert points[-1].accuracy == pytest.approx(np.average(right, weights=weight))


def test_one_confidence_is_one_point() -> None:
    (point,) = coverage_curve(np.full(9, 0.5), np.arange(9) < 3, np.ones(9))

    assert (point.threshold, point.coverage, point.accuracy) == (0.5, 1, pytest.approx(1 / 3))
    assert coverage_curve(np.empty(0), np.empty(0, np.bool_), np.empty(0)) == ()


def test_confusion_by_hand() -> None:
    belongs = np.eye(3, dtype=np.bool_)[[0, 0, 0, 1, 2]]

    found = confusion(belongs, np.array([0, 1, 1, 1, 0]), np.array([1.0, 1, 2, 1, 0.5]))

    assert found[0] == ConfusionCount(0, 1, 3.0)
    assert set(found) == {
        ConfusionCount(0, 1, 3.0),
        ConfusionCount(0, 0, 1.0),
        ConfusionCount(1, 1, 1.0),
        ConfusionCount(2, 0, 0.5),
    }
    assert [one.items for one in found] == sorted((one.items for one in found), reverse=True)


def test_a_study_has_evidence_for_each_of_its_figures() -> None:
    features, codes = blobs(np.random.default_rng(0), 3, 200, 12, 0.15)

    studied = study(sample_of(features, codes.tolist(), 3), ("a", "b", "c"), several=False)

    calibrations = studied.model.calibrations
    assert studied.quality.methods.keys() == calibrations.keys() == {"discriminant", "means", "vote"}
    quality = decode_report(encode(QualityReport({"it": studied.quality}))).attributes["it"]
    assert (quality.several, quality.classes, quality.sampled) == (False, ("a", "b", "c"), (200, 200, 200))
    for method, calibration in calibrations.items():
        found = quality.methods[method]
        assert (found.accuracy, found.held_out, found.threshold) == (
            calibration.accuracy,
            calibration.held_out,
            calibration.threshold,
        )
        right = sum(one.items for one in found.confusion if one.truth == one.predicted)
        assert right / sum(one.items for one in found.confusion) == pytest.approx(calibration.accuracy, abs=1e-3)
        assert found.curve[-1].accuracy == pytest.approx(calibration.accuracy, abs=1e-3)
        gaps = sum(one.share * abs(one.confidence - one.right) for one in found.reliability)
        assert gaps == pytest.approx(calibration.calibration_error, abs=1e-3)


def test_tags_are_not_confused_with_each_other() -> None:
    random = np.random.default_rng(4)
    belongs = random.random((400, 3)) < (0.5, 0.3, 0.1)
    features = random.standard_normal((400, 10)) + belongs @ random.standard_normal((3, 10)) * 1.5
    tagged = replace(sample_of(features, [0] * 400, 3), belongs=belongs)

    quality = study(tagged, ("a", "b", "c"), several=True).quality.methods["discriminant"]

    assert quality.confusion == ()
    assert sum(one.share for one in quality.reliability) == pytest.approx(1, abs=1e-3)


def shades(random: np.random.Generator, count: int) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Twelve colours of three shades each; some shades are confused far more often than others. Scores and labels."""
    share = np.exp(-2 * np.arange(36) / 36)
    looks = random.choice(36, count, p=share / share.sum())
    scores = 3 * random.standard_normal((count, 36))
    scores[np.arange(count), looks] += 14
    for step in (1, 2):
        scores[np.arange(count), looks // 3 * 3 + (looks + step) % 3] += 5
    confused = random.random(count) < np.linspace(0, 0.6, 36)[looks * 7 % 36]
    return scores, np.where(confused, looks // 3 * 3 + (looks + random.integers(1, 3, count)) % 3, looks)


def held_out_of(labels: NDArray[np.int64], classes: int, each: int = 1) -> HeldOutScores:
    count = len(labels)
    return HeldOutScores(np.eye(classes, dtype=np.bool_)[labels], np.ones(count), np.arange(count) // each, count, {})


@pytest.mark.parametrize("count", [150, 400, 1500])
def test_many_classes_that_are_confused_unequally(count: int) -> None:
    random = np.random.default_rng(count)
    fresh, truth = shades(random, 8000)
    right = fresh.argmax(axis=1) == truth
    errors, former = [], []
    for _ in range(4):
        scores, labels = shades(random, count)
        found, quality = calibrate(held_out_of(labels, 36), scores, tuple(range(36)), 0.9, several=False)
        said = found.scale.softmax(fresh)
        assert (said.argmax(axis=1) == fresh.argmax(axis=1)).all()
        errors.append(said.max(axis=1) - right)
        plain = replace(found.scale, slope=1.0, offset=0.0, lean=())
        former.append(plain.softmax(fresh).max(axis=1) - right)
        given = said.max(axis=1) >= found.threshold
        if given.any():
            sure = right[given].mean()
            assert sure > 0.9 - 2 * np.sqrt(sure * (1 - sure) / found.support)
        assert quality.support == found.support >= (18 if given.any() else 0)
    looks = fresh.argmax(axis=1)

    def by_class(gaps: list[NDArray[np.float64]]) -> float:
        return float(np.mean([np.abs(np.bincount(looks, gap, 36) / np.bincount(looks)).mean() for gap in gaps]))

    assert np.mean([calibration_error(gap + right, right, np.ones(8000)) for gap in errors]) < 0.05
    assert by_class(errors) < (1.0 if count < 400 else 0.8 if count < 1500 else 0.6) * by_class(former)


def test_leans_are_no_worse_than_none_where_classes_are_alike() -> None:
    random = np.random.default_rng(2)
    scores = random.standard_normal((400, 40)) * 2
    labels = np.array([random.choice(40, p=row) for row in Scale(1.0).softmax(scores)])

    found, _ = calibrate(held_out_of(labels, 40), scores, tuple(range(40)), 0.9, several=False)

    fresh = random.standard_normal((4000, 40)) * 2
    gap = found.scale.softmax(fresh).max(axis=1) - Scale(1.0).softmax(fresh).max(axis=1)
    assert np.abs(gap).mean() < 0.05


@pytest.mark.parametrize("classes", [2, 5, 60])
@pytest.mark.parametrize("count", [1, 3, 100])
@pytest.mark.parametrize("kind", ["all right", "all wrong", "all tied", "one group", "unknown classes"])
def test_whatever_is_held_out_probabilities_are_such(kind: str, count: int, classes: int) -> None:
    random = np.random.default_rng(7)
    labels = random.integers(0, classes, count)
    scores = random.standard_normal((count, classes))
    match kind:
        case "all right":
            scores[np.arange(count), labels] = 20
        case "all wrong":
            scores[np.arange(count), (labels + 1) % classes] = 20
        case "all tied":
            scores[:] = 0.25
        case "unknown classes":
            scores[np.arange(count), labels] = 2 * IMPOSSIBLE
    held_out = held_out_of(labels, classes, count if kind == "one group" else 1)

    found, quality = calibrate(held_out, scores, tuple(range(classes)), 0.9, several=False)

    odds = found.scale.softmax(np.vstack([scores, random.standard_normal((20, classes)) * 30]))
    assert np.isfinite(odds).all()
    assert odds.sum(axis=1) == pytest.approx(1)
    assert (odds >= 0).all()
    assert np.isfinite([found.threshold, found.support, quality.calibration_error]).all()
    if kind == "all right" and count == 100:
        assert found.coverage == 1
        assert found.support == pytest.approx(100)
        assert 0.9 < odds[:count].max(axis=1).min() <= odds[:count].max() < 1
    elif kind != "one group":
        assert found.threshold > 1
        assert found.support == 0
    if kind == "all wrong" and classes == 60:
        assert odds[:count].max(axis=1).mean() < (0.1 if count == 100 else 1)


def test_items_of_one_group_support_no_threshold() -> None:
    random = np.random.default_rng(8)
    labels = np.repeat(random.integers(0, 3, 12), 20)
    scores = np.eye(3)[labels] * 5
    scores[:20] = np.roll(scores[:20], 1, axis=1)

    apart, _ = calibrate(held_out_of(labels, 3), scores, (0, 1, 2), 0.9, several=False)
    together, _ = calibrate(held_out_of(labels, 3, 20), scores, (0, 1, 2), 0.9, several=False)

    assert apart.accuracy == together.accuracy == pytest.approx(220 / 240, abs=1e-4)
    assert apart.support > 18
    assert (together.threshold, together.support, together.coverage) == (2, 0, 0)


@pytest.mark.parametrize(("precision", "lowest"), [(0.9, 0.5), (0.5, 0.5), (0.0, 0.0)])
def test_a_tag_that_is_likely_not_there_is_not_given(precision: float, lowest: float) -> None:
    """Nearly all tags are told rightly: a tenth of wrong ones more would still be as precise as asked."""
    random = np.random.default_rng(0)
    belongs = random.random((600, 5)) < 0.5
    scores = 3 * (2.0 * belongs - 1) + random.standard_normal(belongs.shape)
    held_out = HeldOutScores(belongs, np.ones(600), np.arange(600), 600, {})

    found, _ = calibrate(held_out, scores, tuple("abcde"), precision, several=True)

    assert found.threshold >= lowest
    assert (found.threshold == 0.0) == (precision == 0.0)
