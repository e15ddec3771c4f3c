"""The fit as a whole: it finds what it should, holds out what it should, and refuses what it must."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tonari_tools.fit import cross_validation
from tonari_tools.fit.cross_validation import choose
from tonari_tools.fit.fit_sample import FitRefusedError, Sample
from tonari_tools.fit.lda import principal_axes, to_unit
from tonari_tools.fit.metric_learning import describe, learn, losses, neighbours_kept
from unit.tools.fit.worlds import held_out, world


def test_what_labels_and_items_say_is_learned() -> None:
    sample = world()
    learned = learn(sample, held_out(sample))
    changes = {(one.task, one.name): one for one in learned.changes}

    assert changes["same item", "hit@1"].better
    assert all(changes[f"attribute{number}", "nearest mean"].better for number in (0, 1))
    assert losses(learned.changes) == []
    assert learned.projection.dimensions <= 24
    assert {one.task for one in learned.unseen} == {"attribute0", "attribute1"}


def test_one_seed_gives_one_projection() -> None:
    sample = world()
    first, second = (learn(sample, held_out(sample), seed=5) for _ in range(2))

    assert first.parameters == second.parameters
    assert np.array_equal(first.projection.matrix, second.projection.matrix)
    assert first.changes == second.changes


def test_held_out_items_do_not_teach() -> None:
    sample, held = world(), held_out(world())
    features = sample.features.copy()
    features[held] = to_unit(np.random.default_rng(9).normal(size=(int(held.sum()), features.shape[1])))
    labels = {name: np.where(held, 0, codes) for name, codes in sample.labels.items()}
    other = learn(replace(sample, features=features, labels=labels), held)

    assert np.array_equal(other.projection.matrix, learn(sample, held).projection.matrix)


def test_labels_without_meaning_are_refused() -> None:
    """Labels drawn at random: the metric that they teach loses what the backbone has."""
    sample = world(nuisance=0.3)
    random = np.random.default_rng(2).permutation(40)[sample.item % 40] % 8

    with pytest.raises(FitRefusedError, match="Cross-validation over the items"):
        learn(replace(sample, labels={"noise": random.astype(np.int64)}), held_out(sample))


def test_folds_of_a_few_groups_are_judged_together() -> None:
    """Each fold has fewer groups than a figure needs, all of them together have enough: what is lost is noticed."""
    sample = world(items=40, views=2, nuisance=0.3)
    held = held_out(sample)
    random = np.random.default_rng(4).permutation(40)[sample.item] % 9

    with pytest.raises(FitRefusedError, match="Cross-validation over the items"):
        learn(replace(sample, labels={**sample.labels, "noise": random}), held)


@pytest.mark.parametrize("views", [1, 3])
def test_without_labels(views: int) -> None:
    sample = world(views=views, classes=())
    learned = learn(sample, held_out(sample))

    assert (learned.parameters is None) == (views == 1)
    assert {one.task for one in learned.changes} == ({"same item"} if views > 1 else set())
    assert learned.kept > (0.9 if views == 1 else 0.1)
    assert "10 nearest" in describe(learned)


def test_dimensions_are_capped_by_the_axes() -> None:
    sample = world(items=60, views=1, features=100, classes=(4,), nuisance=0.3)
    held = held_out(sample)

    assert learn(sample, held, (64,)).projection.dimensions == int((~held).sum()) - 1


def test_one_class_teaches_nothing() -> None:
    sample = world(views=1, classes=(1,))
    learned = learn(sample, held_out(sample))

    assert learned.parameters is None


def test_classes_of_one_item_teach_nothing() -> None:
    sample = world(views=1, classes=())
    learned = learn(replace(sample, labels={"name": sample.item.copy()}), held_out(sample))

    assert learned.parameters is None


def test_ten_items_are_refused() -> None:
    sample = world(items=10)
    with pytest.raises(FitRefusedError, match="10 items with usable views, at least 40"):
        learn(sample, held_out(sample))


def test_few_groups_are_refused() -> None:
    sample = world()
    sample = replace(sample, group=sample.item % 12)
    with pytest.raises(FitRefusedError, match="held-out part has 4 groups of items, at least 8"):
        learn(sample, held_out(sample))


def test_constant_embeddings_are_refused() -> None:
    sample = world()
    with pytest.raises(FitRefusedError, match="same embedding"):
        learn(replace(sample, features=np.ones_like(sample.features)), held_out(sample))


def test_some_constant_features_are_no_matter() -> None:
    sample = world()
    features = np.hstack([sample.features, np.ones((len(sample), 3))])
    learned = learn(replace(sample, features=to_unit(features).astype(np.float64)), held_out(sample))

    assert np.isfinite(learned.projection.matrix).all()


def test_many_classes_of_few_items() -> None:
    sample = world(items=80, views=2, classes=(25,))
    learned = learn(sample, held_out(sample))

    assert learned.parameters is not None
    assert np.isfinite([one.after for one in (*learned.changes, *learned.unseen)]).all()


def test_a_class_that_only_the_held_out_part_has() -> None:
    sample = world()
    held = held_out(sample)
    codes = np.where(held & (sample.item % 2 == 0), 5, sample.labels["attribute0"])
    learned = learn(replace(sample, labels={"attribute0": codes}), held)

    assert np.isfinite([one.after for one in learned.changes]).all()


def test_fewer_dimensions_are_taken_where_they_cost_nothing() -> None:
    sample = world(items=120, views=2, features=150, classes=(4,), nuisance=0.5)
    axes = principal_axes(sample.features)
    rows = axes.along(sample.features)
    chosen = choose(sample, rows, (8, 64, 128), seed=0)

    assert chosen is not None
    assert chosen.weights.dimensions < 128


def test_many_views_are_thinned_by_whole_groups(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cross_validation, "MOST_ROWS", 90)
    sample = world()
    thinned, rows = cross_validation.thin(sample, sample.features, seed=0)

    assert len(thinned) == len(rows) == 90
    assert len(np.unique(thinned.group)) == 30


def test_neighbours_kept() -> None:
    vectors = to_unit(np.random.default_rng(0).normal(size=(80, 6)))

    assert neighbours_kept(vectors, vectors) == 1
    assert neighbours_kept(vectors, to_unit(np.random.default_rng(1).normal(size=(80, 6)))) < 0.3


def test_what_is_worse_is_named() -> None:
    """What tells classes apart among the fit's items is noise among the others, and the other way round."""
    random = np.random.default_rng(3)
    codes = np.arange(200) % 4
    held = held_out(Sample(np.empty((200, 0)), np.arange(200), np.arange(200), {}))
    centres = random.normal(size=(4, 3))[codes]
    noise = random.normal(size=(200, 3))
    features = np.hstack([np.where(held[:, None], noise, centres), np.where(held[:, None], centres, noise)])
    features += 0.1 * random.normal(size=features.shape)
    sample = Sample(to_unit(features).astype(np.float64), np.arange(200), np.arange(200), {"a": codes})
    learned = learn(sample, held)

    assert [line.split(" 0.")[0] for line in losses(learned.changes)] == ["a mAP@R"]
    assert "worse" in describe(learned)


def test_samples_are_taken_by_row() -> None:
    sample = world(items=4, views=2)
    some = sample.take(np.array([1, 3]))

    assert isinstance(some, Sample)
    assert (len(some), some.item.tolist()) == (2, [0, 1])
