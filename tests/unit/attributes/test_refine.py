from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from tonari.attributes import Grouping, Labels, Sample, draw, labels
from tonari.attributes import refine as refining
from tonari.attributes.discriminant import Form, class_statistics, discriminant
from tonari.attributes.probability import Scale
from tonari.attributes.refine import STRENGTHS, Descent, fit_form, log_loss, refine
from tonari.index.vectors import to_fixed
from unit.attributes.samples import blobs, lopsided, sample_of

START = Form(0.5, 1.0, temperature=2.0)
CODES = (0, 1, 2)


def accuracy(sample: Sample, scores: NDArray[np.floating]) -> float:
    return float((scores.argmax(axis=1) == sample.belongs.argmax(axis=1)).mean())


@pytest.mark.parametrize("several", [False, True])
def test_slopes_are_those_of_the_loss(several: bool) -> None:  # noqa: FBT001
    random = np.random.default_rng(0)
    belongs = random.random((40, 3)) < 0.4 if several else np.eye(3, dtype=bool)[random.integers(0, 3, 40)]
    features, weight = random.standard_normal((40, 5)).astype(np.float32), random.random(40)
    halves = [(features[half], belongs[half], weight[half]) for half in (slice(15), slice(15, None))]
    loss = log_loss(lambda: halves, several=several)
    weights, bias = random.standard_normal((3, 5)), random.standard_normal(3)

    _, slope, bias_slope = loss(weights.astype(np.float32), bias.astype(np.float32))

    def value(weights: NDArray[np.float64], bias: NDArray[np.float64]) -> float:
        return loss(weights.astype(np.float32), bias.astype(np.float32))[0]

    step = 1e-2
    for code in range(3):
        one = np.eye(3)[code] * step
        assert (value(weights, bias + one) - value(weights, bias - one)) / (2 * step) == pytest.approx(
            bias_slope[code], abs=2e-3
        )
        for place in range(5):
            moved = np.zeros((3, 5))
            moved[code, place] = step
            found = (value(weights + moved, bias) - value(weights - moved, bias)) / (2 * step)
            assert found == pytest.approx(slope[code, place], abs=2e-3)


def test_the_descent_finds_the_least_of_a_quadratic_and_follows_the_strength() -> None:
    random = np.random.default_rng(1)
    root = random.standard_normal((12, 6))
    curve, target = root.T @ root, random.standard_normal((1, 6))
    descent = Descent(
        lambda at: (float(0.5 * ((at - target) @ curve * (at - target)).sum()), (at - target) @ curve),
        np.zeros((1, 6)),
    )

    for strength in (100.0, 1.0):
        for _ in range(5):
            found = descent.run(strength, 1.0)
        exact = np.linalg.solve(curve + strength * np.eye(6), curve @ target[0])
        assert found[0] == pytest.approx(exact, abs=0.02 * np.abs(exact).max())


def test_a_large_strength_leaves_the_discriminant_and_a_small_one_minimises_the_loss() -> None:
    sample = lopsided(np.random.default_rng(2), 400)
    statistics = class_statistics(sample, several=False)
    plain = discriminant(statistics, (0, 1), Form(0.5, 0.0))

    way = [weights for _, weights in refine(sample, statistics, START, several=False)]

    assert len(way) == len(STRENGTHS)
    direction = [one.weights[1] - one.weights[0] for one in (plain, *way)]
    cosines = [float(one @ direction[0] / np.linalg.norm(one) / np.linalg.norm(direction[0])) for one in direction]
    assert cosines[1] > cosines[-1] + 0.001
    assert max(cosines) == cosines[0]
    loss = log_loss(lambda: [(sample.features, sample.belongs, sample.weight)], several=False)
    losses = [loss(one.weights, one.bias)[0] for one in way]
    assert losses == sorted(losses, reverse=True)


def test_refined_weights_are_right_more_often_where_classes_have_unlike_shapes() -> None:
    random = np.random.default_rng(3)
    sample, asked = lopsided(random, 400), lopsided(random, 4000)
    statistics = class_statistics(sample, several=False)
    plain = discriminant(statistics, (0, 1), Form(0.03, 0.0))

    refined = fit_form(sample, statistics, ("a", "b"), replace(START, shrinkage=0.03, strength=3.0), several=False)

    assert refined.classes == ("a", "b")
    assert accuracy(asked, refined.score_all(asked.features)) > 0.95
    assert accuracy(asked, plain.score_all(asked.features)) < 0.9


def test_views_that_do_not_teach_change_nothing_and_unknown_classes_are_left_out() -> None:
    random = np.random.default_rng(4)
    features, codes = blobs(random, 3, 60, 5, 0.5)
    sample = sample_of(features, codes.tolist(), 3)
    teaches = codes != 1
    some = sample.take(teaches)
    statistics = class_statistics(some, several=False)
    form = replace(START, strength=30.0)

    one = fit_form(sample, statistics, CODES, form, several=False, teaches=teaches)
    other = fit_form(some, statistics, CODES, form, several=False)

    assert one.classes == other.classes == (0, 2)
    np.testing.assert_allclose(one.weights, other.weights, rtol=1e-3, atol=1e-3)
    np.testing.assert_allclose(one.bias, other.bias, rtol=1e-3, atol=1e-3)


def test_a_class_that_was_sampled_thinly_is_not_taken_for_rare() -> None:
    """A third of one class, with the statistics of all, says about the same as all of it."""
    random = np.random.default_rng(5)
    features, codes = blobs(random, 2, 6000, 4, 0.3)
    whole = sample_of(features, codes.tolist(), 2)
    statistics = class_statistics(whole, several=False)
    form = replace(START, strength=3.0)
    thinned = whole.take((codes == 0) | (np.arange(len(codes)) % 3 == 0))

    for sample in (whole, thinned):
        found = fit_form(sample, statistics, (0, 1), form, several=False)
        odds = Scale(1.0).softmax(found.score_all(whole.features))
        assert odds.mean(axis=0) == pytest.approx([0.5, 0.5], abs=0.01)


def test_the_rest_teaches_too(monkeypatch: pytest.MonkeyPatch) -> None:
    random = np.random.default_rng(7)
    features, codes = blobs(random, 2, 300, 4, 0.3)
    fixed = to_fixed((features / np.linalg.norm(features, axis=1, keepdims=True)).astype(np.float32))
    items = np.arange(600)
    known, grouping = Labels(items, codes, ("a", "b"), several=False), Grouping(items, items % 10)
    form = replace(START, strength=30.0)

    def fitted() -> NDArray[np.float32]:
        sample = draw(known, items.astype(np.int32), fixed, grouping)
        return fit_form(sample, class_statistics(sample, several=False), ("a", "b"), form, several=False).weights

    whole = fitted()
    monkeypatch.setattr(labels, "MOST_VIEWS", 100)
    in_part = fitted()
    monkeypatch.setattr(refining, "MOST_WORK", 0)
    of_the_sample_alone = fitted()

    np.testing.assert_allclose(in_part, whole, rtol=1e-2, atol=1e-2 * np.abs(whole).max())
    assert np.abs(of_the_sample_alone - whole).max() > 0.03 * np.abs(whole).max()


def test_tags() -> None:
    random = np.random.default_rng(6)
    belongs = random.random((900, 3)) < (0.5, 0.3, 0.1)
    features = random.standard_normal((900, 10)) + belongs @ random.standard_normal((3, 10)) * 1.5
    sample = replace(sample_of(features, [0] * 900, 3), belongs=belongs)

    found = fit_form(sample, class_statistics(sample, several=True), CODES, replace(START, strength=10.0), several=True)

    odds = 1 / (1 + np.exp(-found.score_all(sample.features)))
    assert odds.mean(axis=0) == pytest.approx(belongs.mean(axis=0), abs=0.01)
    assert ((odds > 0.5) == belongs).mean() > 0.9
