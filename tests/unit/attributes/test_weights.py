from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from tonari.attributes import ClassWeights, labels
from tonari.attributes.arrays import weights_from_arrays, weights_to_arrays
from tonari.fields.columns import ClassColumn
from tonari.index.vectors import to_fixed
from unit.attributes.samples import class_means


def means(item: Sequence[int], rows: NDArray[np.floating], codes: Sequence[int], *classes: Any) -> ClassWeights:
    return class_means(np.array(item, np.int32), to_fixed(rows), ClassColumn(np.array(codes, np.int32), classes))


def ranked(queries: NDArray[np.float32], weights: ClassWeights) -> list[tuple[Any, float]]:
    scores = weights.scores(queries)
    return [(weights.classes[code], float(scores[code])) for code in np.argsort(-scores, kind="stable")]


def weights_of(*rows: Sequence[float]) -> ClassWeights:
    matrix = np.array(rows, np.float32)
    bias = 0.5 - 0.5 * (matrix**2).sum(axis=1)
    return ClassWeights(tuple("abcdef"[: len(rows)]), matrix, bias, np.ones(len(rows), np.int64), np.arange(len(rows)))


def test_weights_beyond_the_range_of_half_precision_are_stored_as_they_are() -> None:
    weights = {"color": weights_of([7e4, 1.0], [-1e9, 0.5])}

    assert (weights_from_arrays(weights_to_arrays(weights))["color"].weights == weights["color"].weights).all()


@given(st.integers(0, 1 << 32), st.integers(0, 60), st.integers(1, 12), st.integers(1, 4))
@settings(max_examples=60, deadline=None)
def test_means_by_the_definition(seed: int, views: int, items: int, classes: int) -> None:
    random = np.random.default_rng(seed)
    item = random.integers(0, items, views)
    rows = random.uniform(-1, 1, (views, 5))
    codes = random.integers(-1, classes, items)
    names = tuple("abcd"[:classes])

    found = means(item.tolist(), rows, codes.tolist(), *names)

    expected = {}
    for code, name in enumerate(names):
        members = [one for one in range(items) if codes[one] == code and (item == one).any()]
        if members:
            each = [rows[item == one].astype(np.float64).mean(axis=0) for one in members]
            expected[name] = np.mean(each, axis=0), len(members)
    assert found.classes == tuple(expected)
    assert found.sampled.tolist() == [count for _, count in expected.values()]
    assert found.weights.shape == (len(expected), 5)
    assert found.weights.dtype == found.bias.dtype == np.float32
    for row, bias, (mean, _) in zip(found.weights, found.bias, expected.values(), strict=True):
        np.testing.assert_allclose(row, mean, atol=2e-5, rtol=1e-3)
        assert bias == pytest.approx(0.5 - row.astype(float) @ row / 2, abs=1e-4)


def test_an_item_counts_once_however_many_views_it_has() -> None:
    rows = np.array([[1, 0]] * 9 + [[0, 1]])

    found = means([0] * 9 + [1], rows, [0, 0], "a")

    assert found.weights.tolist() == [[0.5, 0.5]]
    assert found.sampled.tolist() == [2]


def test_all_items_count_sampled_or_not(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = np.random.default_rng(0).uniform(-1, 1, (500, 4))
    monkeypatch.setattr(labels, "MOST_VIEWS", 100)

    one, other = (means(range(500), rows, [0] * 500, "a") for _ in range(2))

    assert one.sampled.tolist() == [500]
    assert one.weights.tobytes() == other.weights.tobytes()
    np.testing.assert_allclose(one.weights[0], rows.mean(axis=0), atol=2e-5, rtol=1e-3)


def test_nothing_is_known() -> None:
    found = means([], np.empty((0, 4)), [], *())

    assert (found.classes, found.weights.shape, found.bias.shape) == ((), (0, 4), (0,))
    assert ranked(np.ones((1, 4), np.float32), found) == []


def test_the_nearest_mean_wins() -> None:
    random = np.random.default_rng(0)
    centres = random.standard_normal((5, 6))
    weights = weights_of(*centres.tolist())

    for query in random.standard_normal((30, 6)).astype(np.float32):
        found = ranked(query[None], weights)
        distances = ((centres - query) ** 2).sum(axis=1)

        assert [value for value, _ in found] == ["abcde"[code] for code in np.argsort(distances)]
        scores = [0.5 + (query @ query - distance) / 2 for distance in sorted(distances)]
        np.testing.assert_allclose([score for _, score in found], scores, atol=1e-4)


def test_a_score_is_the_cosine_where_the_mean_has_length_one() -> None:
    found = ranked(np.array([[0.6, 0.8]], np.float32), weights_of([1, 0], [0, 1]))

    assert [(value, round(score, 6)) for value, score in found] == [("b", 0.8), ("a", 0.6)]


def test_several_queries_are_averaged() -> None:
    queries = np.array([[1, 0], [1, 0], [0, 1]], np.float32)

    found = ranked(queries, weights_of([1, 0], [0, 1]))

    assert [(value, round(score, 6)) for value, score in found] == [("a", round(2 / 3, 6)), ("b", round(1 / 3, 6))]


def test_round_trip_through_a_file() -> None:
    random = np.random.default_rng(0)
    weights = {
        "color": means(range(6), random.standard_normal((6, 4)), [0, 1, 2, 0, 1, -1], "blue", "red", "隣"),
        "new": means(range(6), random.standard_normal((6, 4)), [0, 1, 1, 0, 1, -1], False, True),
        "": means([], np.empty((0, 4)), [], *()),
    }
    file = io.BytesIO()
    np.savez(file, **weights_to_arrays(weights))
    file.seek(0)
    with np.load(file, allow_pickle=False) as stored:
        again = weights_from_arrays(dict(stored))

    assert list(again) == list(weights)
    for one, other in zip(again.values(), weights.values(), strict=True):
        assert one.classes == other.classes
        for name in ("weights", "bias", "sampled"):
            assert getattr(one, name).dtype == getattr(other, name).dtype
            assert np.array_equal(getattr(one, name), getattr(other, name))


@pytest.mark.parametrize("weight", [1e5, 0.1, 1.0])
def test_weights_that_16_bits_do_not_hold_are_stored_in_32(weight: float) -> None:
    """Classes whose items are all but equal have weights beyond 65,504."""
    given = weights_of([weight, 0], [0, 1])
    again = weights_from_arrays(weights_to_arrays({"color": given}))["color"]
    assert np.array_equal(again.weights, given.weights)
