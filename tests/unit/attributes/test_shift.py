"""Queries moved towards classes, in drawn worlds in which colour and kind lie in known directions."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from tonari.attributes import shift
from tonari.attributes.crossfit import USUAL
from tonari.attributes.discriminant import class_statistics, discriminant
from tonari.attributes.learn import AttributeModel
from tonari.attributes.shift import LEAST_COSINE, move
from tonari.attributes.weights import plain_means
from unit.attributes.samples import sample_of

DIMENSIONS, COLORS, KINDS, EACH = 40, ("blue", "green", "red"), ("ball", "box", "cup", "tent"), 12


def learned(features: NDArray[np.float32], belongs: NDArray[np.bool_], classes: tuple[str, ...]) -> AttributeModel:
    several = bool((belongs.sum(axis=1) != 1).any())
    sample = replace(sample_of(features, [0] * len(features), len(classes)), belongs=belongs)
    statistics = class_statistics(sample, several=several)
    means = plain_means(statistics.item_means, statistics.sampled, classes)
    return AttributeModel(several, means, discriminant(statistics, classes, USUAL), USUAL, {})


class World:
    """Things of all colours and kinds, and the models of both; ``tilt`` is how much a colour looks like a kind."""

    def __init__(self, tilt: float = 0.0) -> None:
        random = np.random.default_rng(1)
        self.color, self.kind = (
            one.reshape(-1)
            for one in np.broadcast_arrays(
                np.arange(len(COLORS))[:, None, None], np.arange(len(KINDS))[None, :, None], np.empty((3, 4, EACH))
            )[:2]
        )
        way_of_color = random.standard_normal((len(COLORS), DIMENSIONS))
        way_of_kind = 2 * random.standard_normal((len(KINDS), DIMENSIONS))
        way_of_color += tilt * way_of_kind[: len(COLORS)]
        rows = way_of_color[self.color] + way_of_kind[self.kind] + random.standard_normal((len(self.color), DIMENSIONS))
        self.features = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
        self.colors = learned(self.features, self.color[:, None] == np.arange(len(COLORS)), COLORS)
        self.kinds = learned(self.features, self.kind[:, None] == np.arange(len(KINDS)), KINDS)

    def nearest(self, query: NDArray[np.float32], without: int, count: int = 5) -> NDArray[np.int64]:
        scores = self.features @ query
        scores[without] = -1
        return np.argsort(-scores)[:count]


def best(model: AttributeModel, query: NDArray[np.float32]) -> str:
    found: str = model.classes[int(np.argmax(model.discriminant.scores(query[None])))]
    return found


def test_the_wanted_class_comes_and_the_rest_stays() -> None:
    world = World()
    before, after, kept = [], [], []
    for item in range(0, len(world.features), 5):
        wanted = (world.color[item] + 1) % len(COLORS)
        query = world.features[item : item + 1]
        moved = move(query, [(world.colors, COLORS[wanted])], [world.kinds])
        assert moved.kept == (0,)
        assert np.linalg.norm(moved.embeddings[0]) == pytest.approx(1, abs=1e-6)
        assert moved.cosines[0] == pytest.approx(float(query[0] @ moved.embeddings[0]), abs=1e-5)
        assert best(world.colors, moved.embeddings[0]) == COLORS[wanted]
        near, far = world.nearest(query[0], item), world.nearest(moved.embeddings[0], item)
        before.append(np.mean(world.color[near] == wanted))
        after.append(np.mean(world.color[far] == wanted))
        kept.append(np.mean(world.kind[far] == world.kind[item]))
    assert np.mean(before) < 0.3
    assert np.mean(after) > 0.7
    assert np.mean(kept) > 0.9


def test_scores_of_the_other_attribute_stay_up_to_the_length() -> None:
    world = World(tilt=0.4)
    query = world.features[:1]
    moved = move(query, [(world.colors, "red")], [world.kinds])
    weights = world.kinds.discriminant.weights - world.kinds.discriminant.weights.mean(axis=0)
    before, after = weights @ query[0], weights @ moved.embeddings[0]
    length = float(before @ after) / float(before @ before)
    assert 0.5 < length < 1
    np.testing.assert_allclose(after, length * before, atol=0.02 * np.abs(before).max())
    assert move(query, [(world.colors, "red")], [world.kinds]).kept == (0,)
    free = move(query, [(world.colors, "red")], []).embeddings[0]
    assert np.abs(weights @ free - length * before).max() > 0.05 * np.abs(before).max()


def test_each_view_is_moved_by_itself() -> None:
    world = World()
    both = move(world.features[:2], [(world.colors, "red")], [world.kinds])
    for row in (0, 1):
        alone = move(world.features[row : row + 1], [(world.colors, "red")], [world.kinds])
        np.testing.assert_allclose(both.embeddings[row], alone.embeddings[0], atol=1e-6)


def test_several_attributes_at_once() -> None:
    world = World()
    moved = move(world.features[:1], [(world.colors, "red"), (world.kinds, "tent")], [])
    assert (best(world.colors, moved.embeddings[0]), best(world.kinds, moved.embeddings[0])) == ("red", "tent")


@pytest.mark.parametrize("reach", [2.0, 50.0, 1e3])
def test_no_way_is_longer_than_the_bound(reach: float, monkeypatch: pytest.MonkeyPatch) -> None:
    world = World()
    monkeypatch.setattr(shift, "REACH", reach)
    for item in range(0, len(world.features), 7):
        moved = move(world.features[item : item + 1], [(world.colors, "red")], [world.kinds])
        assert moved.cosines.min() >= LEAST_COSINE - 1e-6
        if reach > 2:
            assert moved.cosines.max() == pytest.approx(LEAST_COSINE, abs=1e-4)


def test_an_attribute_that_says_the_same_does_not_hold_the_query_back() -> None:
    world = World()
    names = ("cold", "green", "warm")
    same = learned(world.features, world.color[:, None] == np.arange(len(COLORS)), names)
    moved = move(world.features[:1], [(world.colors, "red")], [same, world.kinds])
    assert moved.kept == (1,)
    np.testing.assert_allclose(
        moved.embeddings, move(world.features[:1], [(world.colors, "red")], [world.kinds]).embeddings, atol=1e-6
    )


def test_tags_are_moved_one_by_one() -> None:
    world = World()
    tags = np.stack([world.color == 2, world.kind == 3], axis=1)
    model = learned(world.features, tags, ("red thing", "tent"))
    assert model.several
    item = int(np.flatnonzero((world.color == 0) & (world.kind == 3))[0])
    query = world.features[item : item + 1]
    moved = move(query, [(model, "red thing")], [world.kinds])
    assert model.discriminant.scores(moved.embeddings)[0] > model.discriminant.scores(query)[0]
    far = world.nearest(moved.embeddings[0], item)
    assert np.mean(world.color[far] == 2) > np.mean(world.color[world.nearest(query[0], item)] == 2)


def test_a_class_of_several_means() -> None:
    world = World()
    weights = world.colors.discriminant
    twice = AttributeModel(
        False,
        world.colors.means,
        type(weights)(
            weights.classes,
            weights.weights.repeat(2, axis=0),
            weights.bias.repeat(2),
            weights.sampled,
            2 * weights.first,
        ),
        USUAL,
        {},
    )
    one, two = (move(world.features[:1], [(model, "red")], [world.kinds]).embeddings for model in (world.colors, twice))
    np.testing.assert_allclose(one, two, atol=1e-6)


def test_of_many_classes_those_that_the_query_is_like_take_part(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World()
    query = world.features[:1]
    whole = move(query, [(world.kinds, "tent")], [world.colors]).embeddings[0]
    monkeypatch.setattr(shift, "MOST_CLASSES", 2)
    few = move(query, [(world.kinds, "tent")], [world.colors]).embeddings[0]
    assert best(world.kinds, few) == "tent"
    assert 0.9 < whole @ few < 0.9999
