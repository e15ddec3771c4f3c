"""Which items are taken, and which are held out."""

from __future__ import annotations

import numpy as np
import pytest

from tonari.catalogue.holdout import is_held_out
from tonari.fields.schema import Field, Schema
from tonari.index.vectors import to_fixed
from tonari_tools.fit.cross_validation import silent
from tonari_tools.fit.fit_sample import FitItem, choose_items, deal_classes, folds, lay_out, most_views


def test_all_items_are_taken_where_there_is_room() -> None:
    assert choose_items([2, 2, 2], [[0, 1]], 6, seed=0) == [0, 1, 2]


def test_rare_classes_are_taken_whole() -> None:
    rare, frequent = list(range(20)), list(range(20, 1000))
    chosen = choose_items([1] * 1000, [rare, frequent], 100, seed=0)

    assert len(chosen) == 100
    assert set(rare) <= set(chosen)


def test_classes_share_alike() -> None:
    strata = [list(range(start, start + 300)) for start in (0, 300, 600)]
    chosen = np.array(choose_items([1] * 900, strata, 90, seed=0))

    assert np.bincount(chosen // 300).tolist() == [30, 30, 30]


def test_unlabelled_items_have_their_turn() -> None:
    chosen = choose_items([1] * 100, [list(range(50))], 20, seed=0)

    assert sum(item >= 50 for item in chosen) == 10


def test_views_of_an_item_stay_together() -> None:
    assert sum(3 for _ in choose_items([3] * 50, [], 20, seed=0)) == 18


def test_another_seed_takes_other_items() -> None:
    one, same, other = (choose_items([1] * 100, [], 20, seed) for seed in (0, 0, 1))

    assert one == same != other


def test_folds_keep_groups_together() -> None:
    group = np.repeat(np.arange(30), 3) * 11
    dealt = folds(group, 5, seed=0)

    assert np.bincount(dealt).tolist() == [18] * 5
    assert all(len(set(dealt[group == one].tolist())) == 1 for one in np.unique(group))


def test_each_class_is_dealt_once() -> None:
    dealt = deal_classes(range(10), 4, seed=3)

    assert sorted(one for classes in dealt for one in classes) == list(range(10))


def test_twins_are_on_one_side_without_split_by() -> None:
    """Two items with the same picture: the hash of their ids would part some of them."""
    pictures = np.random.default_rng(0).normal(size=(60, 32))
    ids = [f"item-{number}" for number in range(120)]
    items = [FitItem(one, "front.jpg", {}, (number,)) for number, one in enumerate(ids)]
    embeddings = to_fixed(np.repeat(pictures / np.linalg.norm(pictures, axis=1, keepdims=True), 2, axis=0))
    sample, held_out, groups = lay_out(items, list(enumerate(embeddings)), {}, Schema({}), silent)
    by_id = np.array([is_held_out(one) for one in ids]).reshape(60, 2)

    assert (by_id[:, 0] != by_id[:, 1]).any()
    assert (held_out.reshape(60, 2)[:, 0] == held_out.reshape(60, 2)[:, 1]).all()
    assert 0 < held_out.sum() < 120
    assert (sample.group.reshape(60, 2)[:, 0] == sample.group.reshape(60, 2)[:, 1]).all()
    assert len(np.unique(sample.group)) == groups.groups == 60


def test_items_of_one_split_by_value_are_on_one_side() -> None:
    vectors = np.random.default_rng(0).normal(size=(120, 32))
    items = [FitItem(f"i{number}", "", {"product": f"p{number // 3}"}, (number,)) for number in range(120)]
    rows = list(enumerate(to_fixed(vectors / np.linalg.norm(vectors, axis=1, keepdims=True))))
    sample, held_out, _ = lay_out(items, rows, {}, Schema({"product": Field("string")}, split_by="product"), silent)
    expected = [is_held_out(f"p{number // 3}") for number in range(120)]

    assert held_out.tolist() == expected
    assert (np.bincount(sample.group) == 3).all()


@pytest.mark.parametrize(("dimensions", "views"), [(64, 20_000), (1200, 20_000), (1472, 16_304), (4096, 5_859)])
def test_longer_embeddings_are_fewer(dimensions: int, views: int) -> None:
    assert most_views(dimensions) == views
