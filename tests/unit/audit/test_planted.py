from __future__ import annotations

import numpy as np
import pytest

from tonari.audit.planted import MOST_TRIED, Planting
from tonari.audit.separation import Separation

CLASSES = 4


def judged(count: int, *, several: bool) -> tuple[Planting, Separation, np.ndarray, np.ndarray]:
    """Judge items of four classes, a tenth of which are taken for the next class."""
    random = np.random.default_rng(0)
    items = np.arange(count) * 3
    label = random.integers(CLASSES, size=count)
    likely = np.where(random.random(count) < 0.1, (label + 1) % CLASSES, label)
    probabilities = np.full((count, CLASSES), 0.1)
    probabilities[np.arange(count), likely] = 0.7
    separation = Separation(CLASSES, several=several)
    separation.add(probabilities, np.arange(count), label)
    planting = Planting(items, CLASSES, several=several)
    has = np.zeros((count, CLASSES), np.bool_)
    has[np.arange(count), label] = True
    planting.add(items, probabilities, has & (probabilities >= 0.5))
    return planting, separation, label, likely


def test_planted_labels_are_wrong_and_only_confirmed_ones_are_replaced() -> None:
    planting, separation, label, likely = judged(400, several=False)

    kinds = planting.errors(separation)

    assert [len(kind) for kind in kinds] == [np.count_nonzero(label == likely)] * 2
    for kind in kinds:
        item, code, planted = kind[:, :3].astype(int).T
        assert (code == label[item // 3]).all()
        assert (planted != code).all()
        assert kind[:, 3] == pytest.approx(0.7)
        assert kind[:, 4] == pytest.approx(0.1)
    assert len(np.unique(kinds[0][:, 1:3], axis=0)) == CLASSES * (CLASSES - 1)
    assert (kinds[1][:, 1] == (kinds[1][:, 2] + 1) % CLASSES).all()


def test_a_tag_is_taken_away() -> None:
    planting, separation, label, likely = judged(400, several=True)

    (kind,) = planting.errors(separation)

    assert len(kind) == np.count_nonzero(label == likely)
    assert (kind[:, 1] == label[kind[:, 0].astype(int) // 3]).all()
    assert not kind[:, 4].any()


def test_large_catalogues_are_sampled() -> None:
    planting, separation, _, _ = judged(5000, several=False)

    assert 0.8 * MOST_TRIED < len(planting.errors(separation)[0]) <= MOST_TRIED
