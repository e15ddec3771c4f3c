from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tonari.attributes import AttributeModel, Calibration, ClassWeights, Labels
from tonari.attributes.discriminant import Form
from tonari.attributes.probability import Scale
from tonari.audit.classifiers import sure_classifier

WEIGHTS = ClassWeights(
    (0, 2), np.eye(2, 3, dtype=np.float32), np.zeros(2, np.float32), np.ones(2, np.int64), np.arange(2)
)
LABELS = Labels(np.arange(3), np.arange(3), ("a", "b", "c"), several=False)


def learned(threshold: float | None) -> AttributeModel:
    known = Calibration(Scale(0.1), threshold or 0.0, 0.9, 500, 0.8, 0.8, 0.01, 0.7)
    return AttributeModel(False, WEIGHTS, WEIGHTS, Form(0.5, 0.0), {} if threshold is None else {"discriminant": known})


@pytest.mark.parametrize(
    ("threshold", "least", "capped"), [(0.2, 0.5, 0.5), (0.7, 0.7, 0.7), (0.95, 0.95, 0.9), (2.0, 2.0, 0.9)]
)
def test_sure_is_what_reaches_the_threshold_and_is_more_likely_than_not(
    threshold: float, least: float, capped: float
) -> None:
    assert sure_classifier(WEIGHTS, LABELS, learned(threshold)).threshold == least
    assert sure_classifier(WEIGHTS, LABELS, learned(threshold), 0.9).threshold == capped


def test_what_nobody_tried_must_be_surer() -> None:
    assert sure_classifier(WEIGHTS, LABELS, learned(None), 0.9).threshold == 0.99


def test_a_class_that_the_weights_lack_has_no_chance() -> None:
    probabilities = sure_classifier(WEIGHTS, LABELS, learned(0.5)).probabilities(
        np.array([[1, 0, 0], [0, 1, 0]], np.float32)
    )

    assert probabilities.argmax(axis=1).tolist() == [0, 2]
    assert probabilities[:, 1].max() < 1e-12
    assert probabilities.sum(axis=1) == pytest.approx(1)


def test_a_lean_goes_with_its_class_though_the_model_has_fewer() -> None:
    known = Calibration(Scale(0.5, lean=(-1.0, 2.0)), 0.5, 0.9, 500, 0.8, 0.8, 0.01, 0.7)
    weights = replace(WEIGHTS, classes=("a", "c"))
    model = AttributeModel(False, weights, weights, Form(0.5, 0.0), {"discriminant": known})

    classifier = sure_classifier(WEIGHTS, LABELS, model)

    assert classifier.scale.lean == (-1.0, 0.0, 2.0)
    asked = np.array([[1, 0, 0], [0, 1, 0]], np.float32)
    assert classifier.probabilities(asked)[:, [0, 2]] == pytest.approx(known.scale.softmax(asked[:, :2]), abs=0.1)
    assert classifier.probabilities(asked).max(axis=1) == pytest.approx(known.scale.softmax(asked[:, :2]).max(axis=1))
