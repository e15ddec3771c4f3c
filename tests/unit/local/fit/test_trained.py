"""Heads by gradient descent: they learn what labels and items say, alike each time, and say when they cannot."""

# ruff: noqa: PLC0415 - make test collects this file too, without torch
from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tonari.local.fit.learn import learn
from tonari.local.fit.refusal import FitRefusedError
from tonari.local.fit.report import describe
from unit.local.fit.worlds import held_out, world

pytestmark = pytest.mark.torch

NAMES = ("supcon", "arcface")


@pytest.fixture
def trained(monkeypatch):
    """Imported late: without torch there is no such module. Long trainings are left out."""
    from tonari.local.fit import trained

    monkeypatch.setattr(trained, "MARKS", (25, 100, 200))
    return trained


@pytest.mark.parametrize("name", NAMES)
def test_what_labels_and_items_say_is_learned(trained, name):
    sample = world(nuisance=1.5)
    learned = learn(sample, held_out(sample), teach=trained.teacher(name))
    changes = {(one.task, one.name): one for one in learned.changes}

    assert changes["same item", "hit@1"].better
    assert all(changes[f"attribute{number}", "nearest mean"].better for number in (0, 1))
    assert {one.task for one in learned.unseen} == {"attribute0", "attribute1"}
    assert f"chosen within the fit part: {learned.projection.dimensions} dimensions, {name}, " in describe(learned)
    assert np.isfinite(learned.projection.matrix).all()


@pytest.mark.parametrize("name", NAMES)
def test_one_seed_gives_one_map_and_leaves_torch_as_it_was(trained, name):
    import torch

    sample = world()
    torch.manual_seed(1)
    first = trained.teach(name, trained.LOSSES[name], sample, (8, 16), 3)
    drawn = torch.rand(3)
    torch.manual_seed(2)
    second = trained.teach(name, trained.LOSSES[name], sample, (8, 16), 3)
    torch.manual_seed(1)

    assert first.parameters == second.parameters
    assert first.projection.matrix.tobytes() == second.projection.matrix.tobytes()
    assert torch.equal(torch.rand(3), drawn)


@pytest.mark.parametrize("name", NAMES)
def test_held_out_items_do_not_teach(trained, name):
    sample, held = world(), held_out(world())
    features = sample.features.copy()
    features[held] = np.roll(features[held], 1, axis=1)
    labels = {of: np.where(held, 0, codes) for of, codes in sample.labels.items()}
    other = learn(replace(sample, features=features, labels=labels), held, teach=trained.teacher(name))

    assert np.array_equal(other.projection.matrix, learn(sample, held, teach=trained.teacher(name)).projection.matrix)


@pytest.mark.parametrize("name", NAMES)
def test_items_alone_teach(trained, name):
    sample = world(classes=(), nuisance=1.5)
    learned = learn(sample, held_out(sample), teach=trained.teacher(name))

    assert [one.better for one in learned.changes if one.name == "hit@1"] == [True]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("labels", ["none", "one class", "each its own"])
def test_nothing_to_learn_from_is_refused(trained, name, labels):
    sample = world(views=1, classes=())
    given = {"none": {}, "one class": {"a": np.zeros(len(sample), np.int64)}, "each its own": {"a": sample.item.copy()}}
    with pytest.raises(FitRefusedError, match=rf"{name} has nothing to learn from\. Use --head lda"):
        learn(replace(sample, labels=given[labels]), held_out(sample), teach=trained.teacher(name))


@pytest.mark.parametrize(("items", "says"), [(10, "10 items with usable views"), (40, "fit part is too small")])
def test_too_little_is_refused(trained, items, says):
    sample = world(items=items, views=1, classes=(4,))
    sample = replace(sample, group=sample.item // 2)
    with pytest.raises(FitRefusedError, match=says):
        learn(sample, np.isin(sample.group, np.arange(8)), teach=trained.teacher("supcon"))


def test_what_can_be_learned_from():
    """Views of items 0 0 1 2 3 3: a class of one item, one of two, one without; a task of one class is none."""
    from tonari.local.fit.training import find_tasks

    sample = world(items=6, views=1, classes=())
    item = np.array([0, 0, 1, 2, 3, 3])
    labels = {"a": np.array([7, 7, 4, 4, -1, -1]), "b": np.array([5, 5, 5, 5, 9, 9]), "c": np.array([1, 1, 2, 2, 1, 2])}

    assert find_tasks(replace(sample, item=item, labels=labels)).T.tolist() == [
        [0, 0, 1, 1, 0, 1],
        [0, 0, -1, -1, 1, 1],
    ]


def test_supcon_is_the_paper_s_loss():
    """Equation 2 of arXiv:2004.11362, written out view by view."""
    import torch

    from tonari.local.fit.losses import TEMPERATURE, SupCon

    random = torch.Generator().manual_seed(0)
    vectors = torch.nn.functional.normalize(torch.randn(9, 4, generator=random), dim=1)
    codes = torch.tensor([[0, 0, 1, 1, 1, 2, -1, -1, 0]]).T
    terms = []
    rows, classes = vectors.double().numpy(), codes[:, 0].numpy()
    known = np.flatnonzero(classes >= 0)
    for view in known:
        others = known[known != view]
        same = others[classes[others] == classes[view]]
        if len(same):
            odds = rows[others] @ rows[view] / TEMPERATURE
            terms.append(np.log(np.exp(odds).sum()) - np.mean(rows[same] @ rows[view]) / TEMPERATURE)

    assert SupCon([3], 4, random)(vectors, codes).item() == pytest.approx(np.mean(terms), rel=1e-5)
    twice = torch.cat([codes, codes], dim=1)
    assert SupCon([3, 3], 4, random)(vectors, twice).item() == pytest.approx(2 * np.mean(terms), rel=1e-5)


def test_arcface_is_the_paper_s_loss():
    """Equation 3 of arXiv:1801.07698, written out view by view."""
    import torch

    from tonari.local.fit.losses import MARGIN, SCALE, ArcFace

    random = torch.Generator().manual_seed(0)
    vectors = torch.nn.functional.normalize(torch.randn(6, 4, generator=random), dim=1)
    codes = torch.tensor([[0, 2, 1, -1, 2, 0]]).T
    loss = ArcFace([3], 4, random)
    proxies = torch.nn.functional.normalize(loss.proxies[0], dim=1).detach().double().numpy()
    terms = []
    for row, code in zip(vectors.double().numpy(), codes[:, 0].tolist(), strict=True):
        if code >= 0:
            angles = np.arccos(proxies @ row)
            angles[code] = min(angles[code] + MARGIN, np.pi)
            terms.append(np.log(np.exp(SCALE * np.cos(angles)).sum()) - SCALE * np.cos(angles[code]))

    assert loss(vectors, codes).item() == pytest.approx(np.mean(terms), rel=1e-4)


@pytest.mark.parametrize("name", NAMES)
def test_a_batch_without_pairs_gives_no_slope_and_no_nan(trained, name):
    import torch

    loss = trained.LOSSES[name]([4], 3, torch.Generator().manual_seed(0))
    vectors = torch.eye(3).requires_grad_()
    value = loss(vectors, torch.full((3, 1), -1))

    assert value.item() == 0
    assert not value.requires_grad or torch.autograd.grad(value, vectors)[0].isfinite().all()
