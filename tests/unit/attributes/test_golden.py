"""What is learned from given draws, as it was first computed: code may move, figures may not."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tonari.attributes import AttributeModel, study
from tonari.attributes.discriminant import Form
from unit.attributes.samples import blobs, sample_of

NAMES = ("a", "b", "c")


def classes() -> AttributeModel:
    features, codes = blobs(np.random.default_rng(0), 3, 100, 6, 0.2)
    return study(sample_of(features, codes.tolist(), 3), NAMES, several=False).model


def few() -> AttributeModel:
    """Draw fewer views than dimensions."""
    features, codes = blobs(np.random.default_rng(2), 3, 40, 130, 0.5)
    return study(sample_of(features, codes.tolist(), 3), NAMES, several=False).model


def tags() -> AttributeModel:
    random = np.random.default_rng(4)
    belongs = random.random((300, 3)) < (0.5, 0.3, 0.1)
    features = random.standard_normal((300, 6)) + belongs @ random.standard_normal((3, 6)) * 1.5
    return study(replace(sample_of(features, [0] * 300, 3), belongs=belongs), NAMES, several=True).model


GOLDEN = {
    classes: (
        Form(0.001, 0.0),
        [-3.20959, 5.68246, 7.68599, -11.25394, 3.85036, -16.738],
        [-1.14324, -3.01579, -3.71426],
        [0.15015, 0.06458, 0.11804, -0.07208, -0.48145, -0.00594],
        {"discriminant": (0.8867, 0.8865, 0.76242), "means": (0.4233, 0.4175, 2), "vote": (0.3933, 0.3863, 2)},
    ),
    few: (
        Form(0.001, 0.0),
        [9.54545, 8.26684, 5.1356, 3.67903, -4.22474, -7.70938],
        [-154.29961, -227.91922, -192.31104],
        [0.01236, -0.2583, -0.58252, 0.58057, -0.29443, 0.06683],
        {"discriminant": (0.9917, 0.9917, 0.97892), "means": (0.4417, 0.4393, 2), "vote": (0.425, 0.4272, 2)},
    ),
    tags: (
        Form(0.001, 1.0),
        [-1.59055, -3.07013, 2.16214, -0.4924, 0.29517, -0.01357],
        [-9.818, -10.60126, -8.67102],
        [-0.92236, -3.50977, 1.27441, -2.66992, 0.27222, -1.87598],
        {"discriminant": (0.6867, 0.9687, 0.50199), "means": (0.6767, 0.7024, 0.78052), "vote": (0.5267, 0, 2)},
    ),
}
"""Form; of the discriminant two weights a class, then the bias; of the means two a class; accuracy, F1, threshold."""


@pytest.mark.parametrize("fit", GOLDEN, ids=lambda fit: fit.__name__)
def test_figures_stay(fit) -> None:
    form, weights, bias, means, figures = GOLDEN[fit]

    model = fit()

    assert model.form == form
    assert model.discriminant.weights[:, :2].ravel().tolist() == pytest.approx(weights, rel=1e-3, abs=1e-4)
    assert model.discriminant.bias.tolist() == pytest.approx(bias, rel=1e-3, abs=1e-4)
    assert model.means.weights[:, :2].ravel().tolist() == pytest.approx(means, rel=1e-3, abs=1e-4)
    found = {method: (one.accuracy, one.macro_f1, one.threshold) for method, one in model.calibrations.items()}
    assert found.keys() == figures.keys()
    for method, expected in figures.items():
        assert found[method] == pytest.approx(expected, abs=1e-3)
