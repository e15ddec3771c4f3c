from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from tonari.attributes import Described, by_weights, study, with_described
from unit.attributes.samples import sample_of

DIMENSIONS = 32
CLASSES = ("boot", "dress", "hat", "scarf")


def unit(rows: NDArray[np.float64]) -> NDArray[np.float32]:
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), np.float32)


def spoken(random: np.random.Generator) -> dict[str, NDArray[np.float32]]:
    return dict(zip(CLASSES, unit(random.standard_normal((len(CLASSES), DIMENSIONS))), strict=True))


def seen(
    words: dict[str, NDArray[np.float32]], code: int, gap: NDArray[np.float64], random: np.random.Generator
) -> NDArray[np.float32]:
    """Pictures of a class lie near its words, but for a vector that is the same for all."""
    noise = 0.05 * random.standard_normal((30, DIMENSIONS))
    return unit(words[CLASSES[code]] + gap + noise)


def test_words_speak_for_classes_without_items_as_well_as_means_for_the_others() -> None:
    random = np.random.default_rng(1)
    words = spoken(random)
    gap = 1.5 * unit(random.standard_normal((1, DIMENSIONS)))[0]
    labelled = np.concatenate([seen(words, code, gap, random) for code in (0, 1)])
    learned = study(sample_of(labelled, [0] * 30 + [1] * 30, 2), CLASSES[:2], several=False)

    mixed = with_described(learned, Described(CLASSES, words)).model

    assert mixed.classes == CLASSES
    assert mixed.means.sampled.tolist() == [30, 30, 0, 0]
    assert np.array_equal(mixed.means.weights[:2], learned.model.means.weights)
    for code, name in enumerate(CLASSES):
        asked = seen(words, code, gap, random)
        for method in ("means", "discriminant"):
            right = [by_weights(row[None], mixed, method).ranked[0].value == name for row in asked]  # type: ignore[arg-type]
            assert np.mean(right) > 0.9, (name, method)


def test_without_labels_the_score_is_the_cosine_of_what_is_said() -> None:
    words = spoken(np.random.default_rng(2))
    learned = study(sample_of(np.empty((0, DIMENSIONS)), [], 0), (), several=False)
    made = with_described(learned, Described(CLASSES, words))
    for name, vector in words.items():
        best = by_weights(vector[None], made.model, made.model.default).ranked[0]
        assert (best.value, best.score) == (name, pytest.approx(1, abs=1e-2))
    assert made.quality.described == CLASSES
    assert made.quality.default == "means"
    assert not made.quality.methods


def test_what_was_learned_stays_where_all_described_classes_have_items() -> None:
    random = np.random.default_rng(3)
    words = spoken(random)
    features = np.concatenate([seen(words, code, np.zeros(DIMENSIONS), random) for code in range(4)])
    learned = study(sample_of(features, np.repeat(range(4), 30).tolist(), 4), CLASSES, several=False)
    assert with_described(learned, Described(CLASSES, words)) is learned


def test_an_encoder_without_words_leaves_the_class_out_and_says_so() -> None:
    random = np.random.default_rng(4)
    words = spoken(random)
    features = np.concatenate([seen(words, code, np.zeros(DIMENSIONS), random) for code in (0, 1)])
    learned = study(sample_of(features, [0] * 30 + [1] * 30, 2), CLASSES[:2], several=False)
    made = with_described(learned, Described(CLASSES, {}))
    assert made.model.classes == CLASSES[:2]
    assert made.model.default == learned.model.default
    assert made.quality.reason.endswith("label items, or use an encoder of texts.")
