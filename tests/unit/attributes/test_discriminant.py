from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tonari.attributes import Grouping, Labels, draw
from tonari.attributes.discriminant import (
    MOST_SUBCLASSES,
    Form,
    class_statistics,
    discriminant,
)
from tonari.attributes.totals import totals_of
from tonari.attributes.weights import ClassWeights
from tonari.index.vectors import to_fixed
from unit.attributes.samples import blobs, sample_of

NAMES = tuple("abcdefgh")


@given(
    st.integers(0, 1 << 32), st.integers(1, 4), st.integers(1, 9), st.integers(1, 30), st.floats(0.02, 1), st.booleans()
)
@settings(max_examples=80, deadline=None)
def test_by_the_definition(
    seed: int,
    classes: int,
    dimensions: int,
    views: int,
    shrinkage: float,
    heavy: bool,  # noqa: FBT001
) -> None:
    random = np.random.default_rng(seed)
    codes = random.integers(0, classes, views)
    features = random.standard_normal((views, dimensions)).astype(np.float32).astype(np.float64)
    prior = 1.0 if heavy else 0.0

    found = discriminant(
        class_statistics(sample_of(features, codes, classes), several=False), NAMES, Form(shrinkage, prior)
    )

    present = np.unique(codes)
    means = np.array([features[codes == code].mean(axis=0) for code in present])
    rest = features - means[np.searchsorted(present, codes)]
    covariance = rest.T @ rest / max(views - len(present), 1)
    varied = np.trace(covariance) > 1e-6 * (features**2).sum(axis=1).mean()
    typical = np.trace(covariance) / dimensions if varied else 1.0
    shrunk = (1 - shrinkage) * covariance + shrinkage * typical * np.eye(dimensions)
    weights = np.linalg.solve(shrunk, means.T).T
    share = np.array([(codes == code).mean() for code in present])
    bias = -0.5 * (weights * means).sum(axis=1) + prior * np.log(share)
    assert found.classes == tuple(NAMES[code] for code in present)
    assert found.sampled.tolist() == [int((codes == code).sum()) for code in present]
    np.testing.assert_allclose(found.weights, weights, rtol=2e-3, atol=2e-3 * np.abs(weights).max())
    np.testing.assert_allclose(found.bias, bias, rtol=2e-3, atol=2e-3 * max(1, np.abs(bias).max()))


def test_from_few_views_as_from_many() -> None:
    random = np.random.default_rng(0)
    features, codes = blobs(random, 3, 5, 15, 1.0)
    few = sample_of(features[:14], codes[:14].tolist(), 3)

    one = discriminant(class_statistics(few, several=False), NAMES, Form(0.3, 0))
    padded = np.vstack([features[:14], features[:14], features[:14]])
    thrice = sample_of(padded, [*codes[:14].tolist()] * 3, 3, [*range(14)] * 3)
    other = discriminant(class_statistics(thrice, several=False), NAMES, Form(0.3, 0))

    np.testing.assert_allclose(one.weights, other.weights, rtol=1e-3, atol=1e-3)
    assert one.sampled.tolist() == other.sampled.tolist() == [5, 5, 4]


def test_totals_that_are_known_are_not_taken_again() -> None:
    features, codes = blobs(np.random.default_rng(1), 3, 20, 6, 1.0)
    sample = sample_of(features, codes.tolist(), 3)

    parts = totals_of(sample, range(12)) + totals_of(sample, range(12, 30))
    one = class_statistics(sample.take(sample.part < 12), several=False, totals=parts)

    np.testing.assert_allclose(one.eigenvalues, class_statistics(sample, several=False).eigenvalues, atol=1e-5)


def test_copies_in_one_group_do_not_drown_a_class() -> None:
    """A hundred shots of one product beside ten products of one shot each: they count as ten, not as a hundred."""
    shots = 100
    codes, group = np.zeros(shots + 10, np.int64), np.concatenate([np.zeros(shots, np.int64), np.arange(1, 11)])
    rows = np.where(group[:, None] == 0, [1.0, 0.0], [0.0, 1.0])
    items = np.arange(len(codes))
    labels = Labels(items, codes, ("a",), several=False)

    sample = draw(labels, items.astype(np.int32), to_fixed(rows.astype(np.float32)), Grouping(group, group % 30))
    statistics = class_statistics(sample, several=False)

    assert statistics.means[0] == pytest.approx([0.5, 0.5], abs=1e-4)
    assert statistics.item_means[0] == pytest.approx([100 / 110, 10 / 110], abs=1e-4)
    assert (statistics.sampled.tolist(), statistics.share.tolist()) == ([shots + 10], [1])


def test_only_the_means_count_where_all_is_shrunk() -> None:
    features, codes = blobs(np.random.default_rng(2), 4, 30, 6, 0.7)
    statistics = class_statistics(sample_of(features, codes.tolist(), 4), several=False)

    weights = discriminant(statistics, NAMES, Form(1.0, 0))

    for query in np.random.default_rng(3).standard_normal((50, 6)).astype(np.float32):
        distances = ((statistics.means - query) ** 2).sum(axis=1)
        assert weights.scores(query[None]).argmax() == distances.argmin()


def test_it_sees_past_a_direction_that_varies_within_all_classes() -> None:
    random = np.random.default_rng(4)
    codes = np.repeat([0, 1], 300)
    features = np.stack([5 * random.standard_normal(600), 0.3 * random.standard_normal(600) + codes], axis=1)
    asked = np.array([[6, 0.0], [-6, 1.0], [6, 1.0]], np.float32)

    weights = discriminant(
        class_statistics(sample_of(features, codes.tolist(), 2), several=False), NAMES, Form(0.01, 0)
    )

    assert [weights.classes[int(weights.scores(one[None]).argmax())] for one in asked] == ["a", "b", "b"]


def test_priors_are_those_of_the_catalogue() -> None:
    features, codes = blobs(np.random.default_rng(5), 2, 50, 3, 1.0)
    statistics = class_statistics(sample_of(features, [*codes.tolist()[:80], *[0] * 20], 2), several=False)

    with_prior, without = (discriminant(statistics, NAMES, Form(0.5, prior)) for prior in (1, 0))

    np.testing.assert_allclose(with_prior.bias - without.bias, np.log([0.7, 0.3]), atol=1e-4)


def test_nothing_varies() -> None:
    sample = sample_of(np.eye(3), [0, 1, 2], 3)

    weights = discriminant(class_statistics(sample, several=False), NAMES, Form(0.5, 0))

    assert [int(weights.scores(row[None]).argmax()) for row in np.eye(3, dtype=np.float32)] == [0, 1, 2]


def test_nothing_is_known() -> None:
    weights = discriminant(class_statistics(sample_of(np.empty((0, 4)), [], 2), several=False), NAMES, Form(0.5, 1))

    assert (weights.classes, weights.weights.shape, weights.bias.shape) == ((), (0, 4), (0,))


def test_tags_one_against_the_rest() -> None:
    random = np.random.default_rng(6)
    sample = sample_of(random.standard_normal((400, 5)), [0] * 400, 2)
    belongs = np.stack([random.random(400) < 0.3, random.random(400) < 0.5], axis=1)
    features = sample.features + 2 * belongs[:, :1] * np.eye(5)[0] - 2 * belongs[:, 1:] * np.eye(5)[1]
    tagged = replace(sample, features=features.astype(np.float32), belongs=belongs)

    found = discriminant(class_statistics(tagged, several=True), NAMES, Form(1e-6, 1))

    for code in range(2):
        has = belongs[:, code]
        one, other = (features[side].mean(axis=0) for side in (has, ~has))
        rest = np.vstack([features[has] - one, features[~has] - other])
        weights = np.linalg.solve(rest.T @ rest / 400, one - other)
        np.testing.assert_allclose(found.weights[code], weights, rtol=0.02, atol=0.02)
        prior = np.log(has.mean() / (1 - has.mean()))
        assert found.bias[code] == pytest.approx(prior - weights @ (one + other) / 2, abs=0.05)


def unlike_subclasses(random: np.random.Generator, each: int = 4) -> tuple[np.ndarray, np.ndarray, list[int]]:
    """Draw two classes of three subclasses each, of which those of one class lie on both sides of the other's."""
    centres = np.array([[-5, 0], [0, 5], [5, 0], [-2, -1], [0, 2], [2, -1]], np.float64)
    subclass = np.repeat(np.arange(6), each)
    noise = random.normal(size=(len(subclass), 400))
    return np.hstack([centres[subclass] + 0.2 * noise[:, :2], 0.05 * noise]), subclass, (subclass // 3).tolist()


def test_a_class_of_unlike_subclasses_has_a_vector_for_each_group() -> None:
    features, subclass, codes = unlike_subclasses(np.random.default_rng(1))
    sample = replace(sample_of(features, codes, 2), group=subclass)
    found = discriminant(class_statistics(sample, several=False), ("a", "b"), Form(0.9, 0.0, "groups"))

    assert found.classes == ("a", "b")
    assert (len(found.weights), found.first.tolist(), found.sampled.tolist()) == (6, [0, 3], [12, 12])
    scores = found.score_all(sample.features)
    assert scores.argmax(axis=1).tolist() == codes
    assert found.scores(sample.features[:1]) == pytest.approx(scores[0], rel=1e-4)


def test_the_score_of_a_class_is_that_of_a_mixture_of_its_vectors() -> None:
    weights = ClassWeights(
        ("a", "b"), np.eye(3, dtype=np.float32), np.zeros(3, np.float32), np.ones(2, np.int64), np.array([0, 2]), 2.0
    )
    expected = 2 * np.log((np.exp(5) + np.exp(4)) / 2)

    assert weights.scores(np.array([[10, 8, 7]], np.float32)).tolist() == pytest.approx([expected, 7])
    assert np.isfinite(weights.scores(np.array([[1e4, -1e4, 0]], np.float32))).all()


def test_many_subclasses_are_not_taken() -> None:
    features = np.random.default_rng(0).normal(size=(MOST_SUBCLASSES + 1, 3))
    few, many = (sample_of(features[:count], [0] * count, 1) for count in (MOST_SUBCLASSES, MOST_SUBCLASSES + 1))
    grouped = replace(many, group=many.group // 2)

    assert {name: len(means) for name, (means, _) in class_statistics(few, several=False).subclasses.items()} == {
        "groups": MOST_SUBCLASSES,
        "items": MOST_SUBCLASSES,
    }
    assert class_statistics(many, several=False).subclasses == {}
    assert list(class_statistics(grouped, several=False).subclasses) == ["groups"]
    assert class_statistics(few, several=True).subclasses == {}
