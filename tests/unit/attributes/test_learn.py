from __future__ import annotations

import io
from dataclasses import replace

import numpy as np
import pytest

from tonari.attributes import AttributeModel, learn, learned_from_arrays, learned_to_arrays, study
from tonari.attributes.calibrate import macro_f1
from tonari.attributes.crossfit import SHRINKAGES
from tonari.attributes.learn import LEAST_HELD_OUT
from unit.attributes.samples import blobs, lopsided, sample_of

NAMES = ("a", "b", "c")


def learned_of(seed: int = 0, each: int = 200, apart: float = 0.15, precision: float = 0.9) -> AttributeModel:
    features, codes = blobs(np.random.default_rng(seed), 3, each, 12, apart)
    return study(sample_of(features, codes.tolist(), 3), NAMES, several=False, precision=precision).model


def test_figures_are_those_of_items_not_seen() -> None:
    random = np.random.default_rng(0)
    features, codes = blobs(random, 3, 2000, 12, 0.15)
    features += 0.1 * random.standard_normal(features.shape)
    known = random.random(6000) < 0.3

    found = study(sample_of(features[known], codes[known].tolist(), 3), NAMES, several=False).model

    for method, weights in (("discriminant", found.discriminant), ("means", found.means)):
        scores = features[~known].astype(np.float32) @ weights.weights.T + weights.bias
        right = (scores.argmax(axis=1) == codes[~known]).mean()
        calibration = found.calibrations[method]
        assert calibration.held_out == known.sum()
        assert calibration.accuracy == pytest.approx(right, abs=0.03)
        odds = calibration.scale.softmax(scores)
        assert odds.max(axis=1).mean() == pytest.approx(right, abs=0.03)
        given = odds.max(axis=1) >= calibration.threshold
        assert given.mean() == pytest.approx(calibration.coverage, abs=0.05)
        if given.any():
            assert (scores.argmax(axis=1) == codes[~known])[given].mean() == pytest.approx(0.9, abs=0.03)
    assert found.calibrations["discriminant"].coverage > 0.3
    assert found.calibrations["discriminant"].accuracy > found.calibrations["means"].accuracy
    assert found.form.shrinkage in SHRINKAGES
    assert found.form.subclasses == "classes"


def test_a_label_that_says_nothing_is_predicted_with_little_confidence() -> None:
    random = np.random.default_rng(1)
    features = random.standard_normal((600, 8))

    found = study(sample_of(features, random.integers(0, 3, 600).tolist(), 3), NAMES, several=False).model

    calibration = found.calibrations["discriminant"]
    assert calibration.accuracy == pytest.approx(1 / 3, abs=0.08)
    assert calibration.coverage < 0.02
    scores = features.astype(np.float32) @ found.discriminant.weights.T + found.discriminant.bias
    assert calibration.scale.softmax(scores).max() < 0.7


def test_the_precision_that_is_asked_for_decides_how_much_is_given() -> None:
    coverage = [
        learned_of(precision=precision).calibrations["discriminant"].coverage for precision in (0, 0.9, 0.97, 1)
    ]

    assert coverage[0] == 1
    assert coverage == sorted(coverage, reverse=True)
    assert coverage[3] < coverage[1]


def test_too_few_items_are_not_calibrated() -> None:
    few = LEAST_HELD_OUT // 3

    found = learned_of(each=few)

    assert found.calibrations == {}
    assert set(learned_of(each=few + 1).calibrations) == {"discriminant", "means", "vote"}
    assert found.classes == NAMES


@pytest.mark.parametrize("codes", [[], [0], [0, 1], [0] * 150])
def test_hardly_anything_is_known(codes: list[int]) -> None:
    features = np.random.default_rng(0).standard_normal((len(codes), 4))

    found = study(sample_of(features, codes, 3), NAMES, several=False).model

    assert found.classes == tuple(NAMES[code] for code in sorted(set(codes)))
    assert np.isfinite(found.discriminant.weights).all()
    assert np.isfinite(found.discriminant.bias).all()


def test_a_class_whose_items_lie_in_one_tenth_is_still_learned() -> None:
    features, codes = blobs(np.random.default_rng(3), 3, 100, 6, 2.0)
    sample = sample_of(features, codes.tolist(), 3)

    found = study(replace(sample, part=np.where(codes == 2, 4, sample.part)), NAMES, several=False).model

    assert found.classes == NAMES
    assert found.calibrations["discriminant"].accuracy < 0.7


def test_tags() -> None:
    random = np.random.default_rng(4)
    belongs = random.random((900, 3)) < (0.5, 0.3, 0.1)
    features = random.standard_normal((900, 10)) + belongs @ random.standard_normal((3, 10)) * 1.5
    sample = replace(sample_of(features, [0] * 900, 3), belongs=belongs)

    found = study(sample, NAMES, several=True).model

    calibration = found.calibrations["discriminant"]
    assert calibration.calibration_error < 0.05
    assert calibration.macro_f1 > 0.8
    odds = calibration.scale.sigmoid(
        features.astype(np.float32) @ found.discriminant.weights.T + found.discriminant.bias
    )
    assert odds.mean(axis=0) == pytest.approx(belongs.mean(axis=0), abs=0.04)
    assert calibration.threshold >= 0.5
    assert belongs[odds >= calibration.threshold].mean() > 0.9
    stricter = study(sample, NAMES, several=True, precision=0.995).model.calibrations["discriminant"]
    assert calibration.threshold < stricter.threshold <= 1
    assert belongs[odds >= stricter.threshold].mean() == pytest.approx(0.995, abs=0.005)


def test_macro_f1_by_hand() -> None:
    truth = np.array([[1, 0, 0], [1, 0, 0], [0, 1, 0]], np.bool_)
    guess = np.array([[1, 0, 0], [0, 1, 0], [0, 1, 0]], np.bool_)

    assert macro_f1(truth, guess, np.ones(3)) == pytest.approx((2 / 3 + 2 / 3) / 2)
    assert macro_f1(truth[:0], guess[:0], np.ones(0)) == 0


def test_round_trip_through_a_file() -> None:
    whole = {"color": learned_of(), "隣": learned_of(1, each=5), "tags": replace(learned_of(2), several=True)}
    file = io.BytesIO()
    np.savez(file, **learned_to_arrays(whole))
    file.seek(0)
    with np.load(file, allow_pickle=False) as stored:
        again = learned_from_arrays(dict(stored))

    assert list(again) == list(whole)
    for one, other in zip(again.values(), whole.values(), strict=True):
        assert one.report() == other.report()
        assert (one.several, one.classes) == (other.several, other.classes)
        for weights in ("means", "discriminant"):
            for name in ("weights", "bias", "sampled"):
                stored_array, array = (getattr(getattr(both, weights), name) for both in (one, other))
                assert stored_array.dtype == array.dtype
                assert np.array_equal(stored_array, array)


@pytest.mark.parametrize("alike", [True, False])
def test_classes_are_parted_into_kinds_where_held_out_items_say_so(alike: bool) -> None:  # noqa: FBT001
    """Two of the three products of each kind teach what the third one is; no plane parts ten kinds."""
    random = np.random.default_rng(4)
    centres = random.normal(size=(10, 10))
    kind = np.repeat(np.arange(10), 3)
    codes = kind % 2
    of = centres[codes] if alike else centres[kind]
    features = np.repeat(of + 0.3 * random.normal(size=of.shape), 3, axis=0)
    features += 0.3 * random.normal(size=features.shape)
    features /= np.linalg.norm(features, axis=1, keepdims=True)
    sample = sample_of(features, np.repeat(codes, 3).tolist(), 2)
    product = np.repeat(np.arange(30), 3)
    found = study(replace(sample, group=product, part=product % 10), ("a", "b"), several=False).model
    buffer = io.BytesIO()
    np.savez(buffer, **learned_to_arrays({"it": found}))
    buffer.seek(0)
    again = learned_from_arrays(np.load(buffer))["it"]

    assert (found.form.subclasses == "classes") is alike
    assert len(found.discriminant.weights) == {"classes": 2, "groups": 30, "items": 90}[found.form.subclasses]
    assert again.form == found.form
    assert np.array_equal(
        again.discriminant.scores(sample.features[:1]), found.discriminant.scores(sample.features[:1])
    )


@pytest.mark.parametrize("room", [0, 1])
def test_what_would_take_too_long_is_not_refined(room: int, monkeypatch: pytest.MonkeyPatch) -> None:
    sample = lopsided(np.random.default_rng(2), 400)
    monkeypatch.setattr(learn, "MOST_REFINED", 800 * 2 * 4 - 1 + room)

    found = study(sample, ("a", "b"), several=False).model

    assert (found.form.strength is not None) is bool(room)
    assert set(found.calibrations) == {"discriminant", "means", "vote"}
