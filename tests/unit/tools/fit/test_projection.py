"""How directions are weighed, and what the map that is stored does."""

from __future__ import annotations

import numpy as np
import pytest

from tonari_tools.fit.fit_sample import Sample
from tonari_tools.fit.lda import (
    Directions,
    Projection,
    Weights,
    condense,
    measure_scatter,
    principal_axes,
    project,
    solve,
    to_unit,
    weigh,
)
from unit.tools.fit.worlds import world

NAMES = ("attribute0", "attribute1")


@pytest.fixture
def solved() -> Directions:
    sample = world()
    rows = principal_axes(sample.features).along(sample.features)
    scatter = measure_scatter(rows, sample)
    assert scatter is not None
    return solve(scatter, shrinkage=0.3, item_share=0.5)


def weights(fill: float = 0.5, dimensions: int = 24, **attributes: float) -> Weights:
    chosen = dict.fromkeys(NAMES, 1.0) | attributes
    return Weights(fill, tuple(chosen.items()), dimensions)


def metric(directions: Directions, chosen: Weights) -> np.ndarray:
    """The metric in the whitened coordinates."""
    columns = np.linalg.solve(directions.whiten, weigh(directions, chosen))
    return columns @ columns.T


def test_with_equal_weights_all_that_tells_classes_apart_counts_alike(solved: Directions) -> None:
    found = np.sort(np.linalg.eigvalsh(metric(solved, weights(fill=0.5))))
    telling = sum(columns.shape[1] for columns in solved.attributes.values())

    np.testing.assert_allclose(found[-telling:], 1, atol=1e-9)
    np.testing.assert_allclose(found[:-telling], 0.25, atol=1e-9)


def test_a_weight_raises_the_attribute_it_names(solved: Directions) -> None:
    def share(chosen: Weights) -> float:
        columns = solved.attributes["attribute1"]
        return float(np.trace(columns.T @ metric(solved, chosen) @ columns))

    assert share(weights(attribute1=2.0)) > 2 * share(weights())
    assert share(weights(attribute0=2.0)) < 1.5 * share(weights())


def test_the_first_columns_tell_most(solved: Directions) -> None:
    all_of_them = condense(solved, weights())
    told = np.square(solved.between @ np.linalg.solve(solved.whiten, all_of_them)).sum(axis=0)

    assert (np.diff(told) < 1e-9).all()
    np.testing.assert_array_equal(condense(solved, weights(dimensions=5)), all_of_them[:, :5])


def test_condensing_keeps_distances_where_all_columns_stay(solved: Directions) -> None:
    chosen = weights(attribute0=1.5)
    condensed = np.linalg.solve(solved.whiten, condense(solved, chosen))

    np.testing.assert_allclose(condensed @ condensed.T, metric(solved, chosen), atol=1e-9)


def test_no_more_columns_than_there_are_directions(solved: Directions) -> None:
    assert condense(solved, weights(dimensions=500)).shape == (24, 24)


def test_one_attribute_under_two_names_takes_no_more_columns() -> None:
    sample = world()
    sample = Sample(sample.features, sample.item, sample.group, dict.fromkeys(NAMES, sample.labels["attribute0"]))
    scatter = measure_scatter(principal_axes(sample.features).along(sample.features), sample)
    assert scatter is not None
    found = condense(solve(scatter, shrinkage=0.3, item_share=0.5), weights(fill=0.0))

    assert int((np.linalg.norm(found, axis=0) > 1e-6).sum()) == 4


def test_the_map_sends_the_mean_to_the_origin() -> None:
    sample = world()
    axes = principal_axes(sample.features)
    projection = project(axes, np.eye(24)[:, :6])

    np.testing.assert_allclose(axes.mean @ projection.matrix.astype(float) + projection.offset, 0, atol=1e-6)
    assert np.abs(projection.matrix).max() == 1
    assert (projection.dimensions, projection.matrix.dtype, projection.offset.dtype) == (6, np.float16, np.float32)


def test_vectors_have_length_one() -> None:
    projection = Projection(np.eye(3, 2, dtype=np.float16), np.zeros(2, np.float32))
    vectors = projection.apply(np.array([[3.0, 4, 5], [0, 0, 1]]))

    np.testing.assert_allclose(vectors, [[0.6, 0.8], [0, 0]], atol=1e-7)
    assert to_unit(np.zeros((2, 3))).tolist() == np.zeros((2, 3)).tolist()
