from __future__ import annotations

from dataclasses import fields

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tonari.attributes import Grouping, Labels, draw, labels
from tonari.attributes.crossfit import leave_out
from tonari.attributes.discriminant import class_statistics
from tonari.attributes.totals import Totals, add_up, totals_of
from tonari.index.vectors import to_fixed
from unit.index.samples import directions


def assert_equal(one: Totals, other: Totals) -> None:
    for name in (field.name for field in fields(Totals)):
        np.testing.assert_allclose(getattr(one, name), getattr(other, name), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("several", [False, True])
@given(seed=st.integers(0, 1 << 32), count=st.integers(1, 60), most=st.integers(1, 80), block=st.integers(1, 40))
@settings(max_examples=30, deadline=None)
def test_sums_are_those_of_all_views_sampled_or_not(
    several: bool,  # noqa: FBT001
    seed: int,
    count: int,
    most: int,
    block: int,
) -> None:
    random = np.random.default_rng(seed)
    item = np.sort(random.integers(0, count, 2 * count)).astype(np.int32)
    rows = random.standard_normal((len(item), 3))
    fixed = to_fixed((rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32))
    belongs = random.random((count, 4)) < 0.4 if several else np.eye(4, dtype=bool)[random.integers(0, 4, count)]
    pairs = np.argwhere(belongs)
    known = Labels(pairs[:, 0], pairs[:, 1], tuple("abcd"), several=several)
    group = np.arange(count) // 2
    grouping = Grouping(group, group % 10)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(labels, "MOST_VIEWS", most)
        patch.setattr(labels, "LEAST_SAMPLED", 1)
        patch.setattr(labels, "BLOCK", block)
        found = totals_of(draw(known, item, fixed, grouping))
        parts = [totals_of(draw(known, item, fixed, grouping), (number,)) for number in range(10)]

    features = fixed / 32767
    weight = belongs[item].any(axis=1) / np.bincount(item)[item]
    counts = np.zeros(count)
    there = belongs.any(axis=1) & (np.bincount(item, minlength=count) > 0)
    for one in np.flatnonzero(there):
        same = there & (group == group[one])
        counts[one] = (same & (several | (belongs == belongs[one]).all(axis=1))).sum()
    items, class_items, class_sum = weight.sum(), weight @ belongs[item], (belongs[item] * weight[:, None]).T @ features
    weight /= np.sqrt(np.maximum(counts, 1))[item]
    heavy = belongs[item] * weight[:, None]
    expected = Totals(
        items,
        class_items,
        class_sum,
        weight.sum(),
        weight @ features,
        heavy.sum(axis=0),
        heavy.T @ features,
        (features * weight[:, None]).T @ features,
    )
    assert_equal(found, expected)
    assert_equal(add_up(parts), expected)


@pytest.mark.parametrize(
    ("views", "classes", "folds"), [(60, 7, 30), (60, 6, 10), (127, 13, 30), (127, 2, 10), (128, 13, 5), (400, 2, 5)]
)
def test_the_fewer_views_the_more_folds(views: int, classes: int, folds: int) -> None:
    rows = to_fixed(directions(np.random.default_rng(0), views, 128))
    items, part = np.arange(views), np.arange(views) % 30
    known = Labels(items, items % classes, tuple(range(classes)), several=False)

    found = list(leave_out(draw(known, items.astype(np.int32), rows, Grouping(items, part)), several=False))

    assert len(found) == folds
    assert sum(one.held_out.astype(int) for one in found).tolist() == [1] * views
    for one in found:
        assert len(np.unique(part[one.held_out] * folds // 30)) == 1
        assert one.statistics.sampled.sum() == views - one.held_out.sum()


def test_a_fold_learns_from_what_was_not_sampled_of_the_others_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    random = np.random.default_rng(0)
    codes = random.integers(0, 2, 400)
    rows = random.standard_normal((400, 3)) + codes[:, None]
    fixed = to_fixed((rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32))
    items, part = np.arange(400), random.integers(0, 30, 400)
    monkeypatch.setattr(labels, "MOST_VIEWS", 80)
    known = Labels(items, codes, ("a", "b"), several=False)

    sample = draw(known, items.astype(np.int32), fixed, Grouping(items, part))
    folds = list(leave_out(sample, several=False))

    assert len(sample) == 80
    assert [one.number for one in folds] == [0, 1, 2, 3, 4]
    for one in folds:
        others = part // 6 != one.number
        assert one.statistics.sampled.tolist() == np.bincount(codes[others]).tolist()
        expected = np.stack([fixed[others & (codes == code)].mean(axis=0) / 32767 for code in range(2)])
        np.testing.assert_allclose(one.statistics.means, expected, atol=1e-5)
        assert np.array_equal(one.held_out, sample.part // 6 == one.number)
    assert class_statistics(sample, several=False).sampled.sum() == 400
