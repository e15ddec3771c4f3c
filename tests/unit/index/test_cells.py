"""Cells: k-means, and the order in which cells are probed."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tonari.index.cells import RADIUS_SHARE, Cells, assign, train
from tonari.index.vectors import from_fixed, quantise
from unit.index.samples import clusters, directions


@given(st.integers(1, 300), st.integers(1, 3), st.sampled_from([0.5, 0.9, 0.99]), st.integers(0, 1 << 16))
@settings(max_examples=40, deadline=None)
def test_cells_are_ranked_by_the_expected_distance_of_their_nearest_rows(
    count: int, queries: int, length: float, seed: int
) -> None:
    random = np.random.default_rng(seed)
    centroids, asking = np.float32(length) * directions(random, count, 24), directions(random, queries, 24)
    cells = Cells(centroids, np.zeros(count + 1, np.int64))
    order, distance = cells.rank(*quantise(asking))
    nearest = max(1 - RADIUS_SHARE * np.sqrt(1 - length**2), length)
    expected = nearest - (centroids @ asking.T).max(axis=1)

    assert sorted(order.tolist()) == list(range(count))
    assert (np.diff(distance) >= 0).all()
    assert distance == pytest.approx(expected[order], abs=0.03)
    assert (np.diff(cells.relative_distance(distance, 0.1)) >= 0).all()


def test_training_is_repeatable() -> None:
    fixed = clusters(np.random.default_rng(1), 2000, 16)

    assert np.array_equal(train(fixed, 32), train(fixed, 32))


def test_rows_are_assigned_to_the_nearest_direction() -> None:
    fixed = clusters(np.random.default_rng(2), 500, 16)
    centroids = train(fixed, 16)
    directions_of = centroids / np.linalg.norm(centroids, axis=1, keepdims=True)

    assert np.array_equal(assign(fixed, centroids), (from_fixed(fixed) @ directions_of.T).argmax(axis=1))
