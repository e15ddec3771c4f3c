from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from tonari.attributes import study
from tonari.attributes.calibrate import CURVE_POINTS, confusion, coverage_curve, reliability
from tonari.attributes.probability import calibration_error
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
    plain = sample_of(features, [0] * 400, 3)
    tagged = type(plain)(plain.features, plain.weight, belongs, plain.importance, plain.group, plain.item, plain.part)

    quality = study(tagged, ("a", "b", "c"), several=True).quality.methods["discriminant"]

    assert quality.confusion == ()
    assert sum(one.share for one in quality.reliability) == pytest.approx(1, abs=1e-3)
