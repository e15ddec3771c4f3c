"""The fit as a whole: it finds what it should, holds out what it should, and refuses what it must."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tonari_tools.fit import cross_validation, fit_folds
from tonari_tools.fit.changes import Change
from tonari_tools.fit.cross_validation import choose
from tonari_tools.fit.fit_folds import Fold
from tonari_tools.fit.fit_metrics import UNSEEN
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
    learned = learn(replace(sample, features=to_unit(features)), held_out(sample))

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
    monkeypatch.setattr(fit_folds, "MOST_ROWS", 90)
    sample = world()
    thinned, rows = fit_folds.thin(sample, sample.features, seed=0)

    assert len(thinned) == len(rows) == 90
    assert len(np.unique(thinned.group)) == 30


def candidates_tried(attributes: int, monkeypatch: pytest.MonkeyPatch) -> int:
    """How often folds are measured, at most: no candidate looks better than the one before, or each does."""
    sample = world(items=60, views=1, features=40, classes=(3,) * attributes, nuisance=0.5)
    measured: list[int] = []
    monkeypatch.setattr(Fold, "measure", lambda self, maps: measured.append(len(maps)) or self.measure_backbone())
    monkeypatch.setattr(cross_validation, "score", lambda _before, _after: float(len(measured)))
    choose(sample, principal_axes(sample.features).along(sample.features), (8, 16), seed=0)
    return sum(measured)


def test_candidates_are_as_many_as_attributes_times_a_constant(monkeypatch: pytest.MonkeyPatch) -> None:
    two, four, eight = (candidates_tried(count, monkeypatch) for count in (2, 4, 8))

    assert eight - four == 2 * (four - two)
    assert eight < 4 * two


def test_smaller_fits_do_not_grow_with_attributes() -> None:
    for attributes in (3, 6):
        sample = world(items=120, views=1, features=40, classes=(4,) * attributes)
        dealt = list(fit_folds.deal(sample, principal_axes(sample.features).along(sample.features), seed=0))

        assert [len(fold.unseen) for fold, _ in dealt] == [fit_folds.LESSONS] * fit_folds.FOLDS


def test_every_step_says_what_is_tried_and_how_far_it_is() -> None:
    sample = world()
    told: list[tuple[str, int, int]] = []
    learn(sample, held_out(sample), progress=lambda *one: told.append(one))
    stages = list(dict.fromkeys(stage for stage, _, _ in told))

    assert stages[:2] == ["principal axes", "shrinkage, items' share and fill"]
    assert [stage for stage in stages if stage.startswith("weight of")] == [
        "weight of attribute0",
        "weight of attribute1",
    ]
    assert stages[-2:] == ["classes of attribute0 left out", "classes of attribute1 left out"]
    for stage in stages:
        counts = [(done, total) for one, done, total in told if one == stage]
        assert counts == sorted(counts)
        assert all(0 <= done <= total for done, total in counts)


def centres_among_noise(classes: int) -> tuple[Sample, np.ndarray]:
    """What tells classes apart among the fit's items is noise among the others, and the other way round."""
    random = np.random.default_rng(3)
    codes = np.arange(200) % classes
    held = held_out(Sample(np.empty((200, 0), np.float32), np.arange(200), np.arange(200), {}))
    centres = random.normal(size=(classes, 3))[codes]
    noise = random.normal(size=(200, 3))
    features = np.hstack([np.where(held[:, None], noise, centres), np.where(held[:, None], centres, noise)])
    features += 0.1 * random.normal(size=features.shape)
    return Sample(to_unit(features), np.arange(200), np.arange(200), {"a": codes}), held


def axes_of_their_own(classes: int = 8, each: int = 60) -> Sample:
    """Each class lies far out along an axis that varies within all classes, beside louder and quiet axes of noise.

    A fit that lacks a class may take its axis for noise like any other, and raise the quiet ones to the same level.
    """
    random = np.random.default_rng(6)
    codes = np.arange(classes * each) % classes
    own = random.normal(size=(len(codes), classes)) + 3 * np.eye(classes)[codes]
    quiet = 0.1 * random.normal(size=(len(codes), 40))
    loud = 1.5 * random.normal(size=(len(codes), 4))
    item = np.arange(len(codes))
    return Sample(to_unit(np.hstack([own, quiet, loud])), item, item, {"a": codes})


def test_harm_to_unseen_classes_is_found_and_avoided(monkeypatch: pytest.MonkeyPatch) -> None:
    sample = axes_of_their_own()
    careful = learn(sample, held_out(sample))
    assert losses([*careful.changes, *careful.unseen]) == []

    monkeypatch.setattr(fit_folds, "LESSONS", 0)
    careless = learn(sample, held_out(sample))
    assert losses(careless.changes) == []
    assert any("recall@1, unseen classes" in one for one in losses(careless.unseen))


@pytest.mark.parametrize(("chance", "says"), [(0.01, "1.0%"), (0.001, "0.1%"), (0.0002, "less than 0.1%")])
def test_recall_of_unseen_classes_is_a_ground_for_refusal(chance: float, says: str) -> None:
    harmed = Change("a", f"recall@1{UNSEEN}", 0.8, 0.6, -0.3, -0.1, chance, 50, 50)

    assert losses([harmed]) == [
        f"a recall@1, unseen classes 0.800 -> 0.600 [-0.300, -0.100] (by chance in {says} of fits)"
    ]


def test_no_more_rows_are_asked_and_projected_than_the_caps_say(monkeypatch: pytest.MonkeyPatch) -> None:
    """Memory is bounded by these: a candidate's largest arrays are queries by rows of a fold."""
    for name, cap in (("MOST_ROWS", 150), ("MOST_ASKED", 12), ("MOST_UNSEEN", 5)):
        monkeypatch.setattr(fit_folds, name, cap)
    sample = world()
    thinned, rows = fit_folds.thin(sample, principal_axes(sample.features).along(sample.features), seed=0)
    dealt = [fold for fold, _ in fit_folds.deal(thinned, rows, seed=0)]

    assert {len(fold.rows) for fold in dealt} == {150}
    assert {len(fold.asked) for fold in dealt} == {12}
    assert max(len(lesson.asked) for fold in dealt for lesson in fold.unseen) == 5


def test_neighbours_kept() -> None:
    vectors = to_unit(np.random.default_rng(0).normal(size=(80, 6)))

    assert neighbours_kept(vectors, vectors) == 1
    assert neighbours_kept(vectors, to_unit(np.random.default_rng(1).normal(size=(80, 6)))) < 0.3


def test_what_is_worse_is_named() -> None:
    learned = learn(*centres_among_noise(classes=3))

    assert [line.split(" 0.")[0] for line in losses(learned.changes)] == ["a mAP@R"]
    assert "worse" in describe(learned)


def test_samples_are_taken_by_row() -> None:
    sample = world(items=4, views=2)
    some = sample.take(np.array([1, 3]))

    assert isinstance(some, Sample)
    assert (len(some), some.item.tolist()) == (2, [0, 1])
