"""Fisher's discriminant: known answers, shrinkage, what is left out."""

from __future__ import annotations

import numpy as np
import pytest

from tonari_tools.fit.fit_sample import Sample
from tonari_tools.fit.lda import Scatter, measure_scatter, principal_axes, solve, usable_classes


def scatter_of(rows: np.ndarray, item: np.ndarray, labels: dict[str, np.ndarray]) -> Scatter:
    scatter = measure_scatter(rows, Sample(rows, item, item, labels))
    assert scatter is not None
    return scatter


def two_clouds(count: int = 400) -> tuple[np.ndarray, np.ndarray]:
    """Two classes apart along the first axis, and a loud second axis that correlates with the first within them."""
    random = np.random.default_rng(3)
    codes = np.arange(count) % 2
    within = random.multivariate_normal([0, 0], [[1, 1.5], [1.5, 4]], size=count)
    return within + np.stack([2.0 * codes, np.zeros(count)], axis=1), codes


def test_two_classes_give_the_direction_of_the_textbook() -> None:
    rows, codes = two_clouds()
    item = np.arange(len(rows))
    scatter = scatter_of(rows - rows.mean(axis=0), item, {"a": codes})
    found = solve(scatter, shrinkage=0, item_share=0)

    means = np.stack([rows[codes == c].mean(axis=0) for c in (0, 1)])
    pooled = np.mean([np.cov(rows[codes == c].T, bias=True) for c in (0, 1)], axis=0)
    expected = np.linalg.solve(pooled, means[1] - means[0])
    assert found.attributes["a"].shape == (2, 1)
    direction = found.whiten @ found.attributes["a"][:, 0]
    cosine = direction @ expected / np.linalg.norm(direction) / np.linalg.norm(expected)
    assert abs(cosine) == pytest.approx(1, abs=1e-9)


def test_discriminants_solve_the_generalised_eigenproblem() -> None:
    random = np.random.default_rng(0)
    codes = np.repeat(np.arange(6), 40)
    rows = random.normal(size=(240, 8)) @ random.normal(size=(8, 8)) + random.normal(size=(6, 8))[codes]
    rows -= rows.mean(axis=0)
    scatter = scatter_of(rows, np.arange(240), {"a": codes})
    found = solve(scatter, shrinkage=0.3, item_share=0)

    assert scatter.attributes is not None
    within = 0.7 * scatter.attributes + 0.3 * np.trace(scatter.attributes) / 8 * np.eye(8)
    between = scatter.between["a"].T @ scatter.between["a"]
    values, vectors = np.linalg.eig(np.linalg.solve(within, between))
    order = np.argsort(-values.real)[:5]
    columns = (found.whiten @ found.attributes["a"]).T
    for column, value, vector in zip(columns, values[order].real, vectors.T[order].real, strict=True):
        np.testing.assert_allclose(between @ column, value * within @ column, atol=1e-8)
        assert abs(column @ vector) / np.linalg.norm(column) / np.linalg.norm(vector) == pytest.approx(1, abs=1e-6)


def test_within_is_white_along_all_directions() -> None:
    rows, codes = two_clouds()
    rows = rows - rows.mean(axis=0)
    scatter = scatter_of(rows, np.arange(len(rows)), {"a": codes})
    found = solve(scatter, shrinkage=0, item_share=0)
    both = found.whiten @ np.hstack([found.attributes["a"], found.filling])

    np.testing.assert_allclose(both.T @ scatter.attributes @ both, np.eye(2), atol=1e-9)


def test_scatter_within_and_between_add_up_to_the_covariance() -> None:
    rows, codes = two_clouds()
    rows = rows - rows.mean(axis=0)
    scatter = scatter_of(rows, np.arange(len(rows)), {"a": codes})

    np.testing.assert_allclose(
        scatter.attributes + scatter.between["a"].T @ scatter.between["a"], np.cov(rows.T, bias=True), atol=1e-9
    )


def test_items_are_whitened_by_where_they_have_several_views() -> None:
    random = np.random.default_rng(1)
    item = np.repeat(np.arange(100), 2)
    rows = np.stack([random.normal(size=100)[item] + 0.1 * random.normal(size=200), random.normal(size=200)], axis=1)
    scatter = scatter_of(rows - rows.mean(axis=0), item, {})
    found = solve(scatter, shrinkage=0, item_share=0.5)

    assert scatter.attributes is None
    assert found.attributes == {}
    first = np.abs(found.whiten @ found.filling[:, 0])
    assert first[0] > 5 * first[1]


def test_single_views_have_no_scatter_within_items() -> None:
    rows, codes = two_clouds()

    assert scatter_of(rows, np.arange(len(rows)), {"a": codes}).items is None


@pytest.mark.parametrize(
    ("codes", "item", "expected"),
    [
        ([0, 0, 1, 1], [0, 1, 2, 3], [0, 1]),
        ([0, 0, 1, 1], [0, 0, 1, 2], [1]),
        ([-1, -1, 1, 1], [0, 1, 2, 3], [1]),
        ([0, 1, 2, 3], [0, 1, 2, 3], []),
    ],
)
def test_a_class_needs_two_items(codes: list[int], item: list[int], expected: list[int]) -> None:
    assert usable_classes(np.array(codes), np.array(item)).tolist() == expected


def test_an_attribute_of_one_class_says_nothing() -> None:
    rows, _ = two_clouds(20)
    labels = {"a": np.zeros(20, np.int64)}
    scatter = scatter_of(rows, np.arange(20) // 2, labels)

    assert scatter.attributes is None
    assert scatter.between == {}
    assert measure_scatter(rows, Sample(rows, np.arange(20), np.arange(20), labels)) is None


@pytest.mark.parametrize("shape", [(60, 10), (10, 60)])
def test_principal_axes_are_those_of_the_singular_values(shape: tuple[int, int]) -> None:
    features = np.random.default_rng(2).normal(size=shape)
    axes = principal_axes(features)
    centred = features - features.mean(axis=0)
    _, values, expected = np.linalg.svd(centred, full_matrices=False)
    rank = int((values > 1e-9).sum())

    assert axes.directions.shape == (shape[1], rank)
    np.testing.assert_allclose(np.abs(np.diag(expected[:rank] @ axes.directions)), 1, atol=1e-6)
    np.testing.assert_allclose(axes.along(features) @ axes.directions.T, centred, atol=1e-8)


def test_constant_features_have_no_axis() -> None:
    features = np.random.default_rng(2).normal(size=(30, 4))
    features[:, 2] = 5.0

    assert principal_axes(features).directions.shape == (4, 3)
    assert principal_axes(np.ones((30, 4))).directions.shape == (4, 0)


def test_at_most_so_many_axes() -> None:
    assert principal_axes(np.random.default_rng(2).normal(size=(30, 9)), most=4).directions.shape == (9, 4)
