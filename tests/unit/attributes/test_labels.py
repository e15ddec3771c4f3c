from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tonari.attributes import Grouping, Labels, draw, labels_of
from tonari.attributes import labels as sampling
from tonari.attributes.labels import LEAST_SAMPLED, MOST_VIEWS, even, level
from tonari.fields.columns import ClassColumn, NumberColumn, build_columns
from tonari.fields.schema import Field, Schema
from tonari.index.vectors import from_fixed, to_fixed


def test_classes_of_a_column() -> None:
    labels = labels_of(ClassColumn(np.array([1, -1, 0, 1], np.int8), ("blue", "red")))

    assert labels is not None
    assert (labels.items.tolist(), labels.codes.tolist()) == ([0, 2, 3], [1, 0, 1])
    assert (labels.classes, labels.several) == (("blue", "red"), False)


def test_tags_of_a_column() -> None:
    documents = [{"tags": ["warm", "new"]}, {}, {"tags": ["new", "new"]}, {"tags": []}]
    labels = labels_of(build_columns(documents, Schema({"tags": Field("strings", attribute=True)}))["tags"])

    assert labels is not None
    pairs = {(item, labels.classes[code]) for item, code in zip(labels.items, labels.codes, strict=True)}
    assert pairs == {(0, "warm"), (0, "new"), (2, "new")}
    assert len(labels.items) == 3
    assert labels.several


def test_numbers_are_no_classes() -> None:
    assert labels_of(NumberColumn(np.zeros(3))) is None


@given(st.integers(0, 1 << 32), st.integers(1, 60), st.integers(1, 12), st.integers(1, 40))
@settings(max_examples=60, deadline=None)
def test_groups_take_turns(seed: int, count: int, groups: int, most: int) -> None:
    random = np.random.default_rng(seed)
    group = random.integers(0, groups, count)
    members = np.sort(random.permutation(200)[:count])

    chosen = even(members, group, most, random)

    assert len(chosen) == min(count, most)
    assert np.isin(chosen, members).all()
    assert (np.diff(chosen) > 0).all()
    of = dict(zip(members.tolist(), group.tolist(), strict=True))
    taken = np.bincount([of[one] for one in chosen.tolist()], minlength=groups)
    there = np.bincount(group, minlength=groups)
    left = taken < there
    assert taken.max() - taken[left].min() <= 1 if left.any() else True


@given(st.lists(st.integers(0, 40), max_size=8), st.floats(0, 200))
def test_a_budget_is_dealt_until_it_is_spent(sizes: list[int], budget: float) -> None:
    height = level(np.array(sizes, np.int64), budget)

    dealt = sum(min(size, height) for size in sizes)
    assert dealt <= budget or height == 0
    assert dealt == sum(sizes) or sum(min(size, height + 1) for size in sizes) > budget


def test_what_is_sampled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sampling, "MOST_VIEWS", 2200)
    count = 1500
    labels = Labels(np.arange(count), (np.arange(count) >= 1400).astype(np.int64), ("much", "little"), several=False)
    item = np.repeat(np.arange(count), 2)[1:].astype(np.int32)
    vectors = to_fixed(np.arange(len(item))[:, None] / 64)
    grouping = Grouping(np.arange(count) // 3, np.arange(count) % 30)

    sample = draw(labels, item, vectors, grouping)

    items = np.unique(sample.item)
    assert (items < 1400).sum() == 1000
    assert (items >= 1400).sum() == 100
    assert sample.belongs.sum(axis=1).tolist() == [1] * len(sample)
    assert sample.belongs[:, 1].tolist() == (sample.item >= 1400).tolist()
    assert np.bincount(sample.item, sample.weight)[items] == pytest.approx(1)
    assert set(sample.importance[sample.item < 1400].tolist()) == {1.4}
    assert set(sample.importance[sample.item >= 1400].tolist()) == {1.0}
    assert (sample.group == sample.item // 3).all()
    assert (sample.part == sample.item % 30).all()
    assert sample.rest is not None
    assert np.union1d(items, sample.rest.item).tolist() == list(range(count))
    assert not np.isin(sample.rest.item, items).any()
    numbers, features = next(sample.rest.blocks(np.arange(len(sample.rest))))
    assert np.array_equal(features, from_fixed(vectors[sample.rest.rows[numbers]]))
    again = draw(labels, item, vectors, grouping)
    assert np.array_equal(again.features, sample.features)


def test_three_unequal_classes_are_all_taken() -> None:
    sizes = (4500, 1500, 648)
    codes = np.repeat(np.arange(3), sizes)
    items = np.arange(len(codes))
    labels = Labels(items, codes, ("a", "b", "c"), several=False)

    sample = draw(labels, items.astype(np.int32), np.ones((len(items), 1), np.int16), Grouping(items, items % 30))

    assert sample.rest is None
    assert sample.belongs.sum(axis=0).tolist() == list(sizes)


def test_items_without_views_and_without_the_attribute_are_left_out() -> None:
    labels = Labels(np.array([0, 1]), np.array([0, 0]), ("a",), several=False)

    sample = draw(
        labels, np.array([1, 2], np.int32), np.ones((2, 3), np.int16), Grouping(np.arange(3), np.zeros(3, int))
    )

    assert sample.item.tolist() == [1]


def test_many_classes_are_sampled_thinly() -> None:
    classes, each = MOST_VIEWS // LEAST_SAMPLED * 2, LEAST_SAMPLED + 3
    items = np.arange(classes * each)
    labels = Labels(items, items // each, tuple(range(classes)), several=False)

    sample = draw(labels, items.astype(np.int32), np.ones((len(items), 1), np.int16), Grouping(items, items % 30))

    assert sample.belongs.sum(axis=0).tolist() == [LEAST_SAMPLED] * classes
