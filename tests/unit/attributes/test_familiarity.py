"""The level that known ones reach: against plain Python, and what it promises of queries it has not seen."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from tonari.attributes import Grouping, familiarity, learn_familiarity
from tonari.attributes.familiarity import level_of
from tonari.contract.findings import Familiarity
from tonari.index.vectors import to_fixed

DIMENSIONS = 16


def of_a_kind(random: np.random.Generator, count: int, spread: float = 0.5) -> NDArray[np.float64]:
    """Unit vectors around one direction."""
    rows = np.eye(1, DIMENSIONS) + spread * random.standard_normal((count, DIMENSIONS)) / np.sqrt(DIMENSIONS)
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True))


def each_its_own(count: int) -> Grouping:
    return Grouping(np.arange(count), np.arange(count) % 30)


def learn(rows: NDArray[np.float64], grouping: Grouping | None = None) -> Familiarity:
    item = np.arange(len(rows), dtype=np.int32)
    return learn_familiarity(item, to_fixed(rows), grouping or each_its_own(len(rows)))


def test_so_many_of_unseen_ones_reach_the_level() -> None:
    reached = []
    for seed in range(30):
        random = np.random.default_rng(seed)
        rows, unseen = of_a_kind(random, 300), of_a_kind(random, 300)
        level = learn(rows).level
        assert level is not None
        reached.append((np.max(unseen @ rows.T, axis=1) >= level).mean())
    assert np.mean(reached) == pytest.approx(0.985, abs=0.006)


def test_something_else_does_not_reach_it() -> None:
    random = np.random.default_rng(3)
    rows, else_where = of_a_kind(random, 300), np.roll(of_a_kind(random, 300), 1, axis=1)
    level = learn(rows).level
    assert level is not None
    assert np.max(else_where @ rows.T) < level


def test_what_is_alone_does_not_lower_it() -> None:
    random = np.random.default_rng(4)
    rows = of_a_kind(random, 300)
    alone = np.eye(DIMENSIONS)[1:7]
    without, beside = learn(rows), learn(np.concatenate([rows, alone]))
    assert beside.alone == without.alone + len(alone)
    assert beside.items == without.items
    assert beside.level == pytest.approx(without.level, abs=0.01)


@pytest.mark.parametrize("count", [66, 100, 1000])
def test_where_many_are_far_out_95_percent_reach_the_level_still(count: int) -> None:
    """Nine in ten are copies of each other, and the rest are spread widely."""
    random = np.random.default_rng(9)
    cosines = np.where(np.arange(count) % 10 < 9, 0.99, random.uniform(0.1, 0.9, count))
    learned = level_of(cosines)
    assert learned.level is not None or count < 70
    assert (cosines >= (learned.level or 0)).mean() >= 0.95
    assert learned.alone <= 0.03 * count


def test_variants_do_not_vouch_for_each_other() -> None:
    """Four shots of each thing are one group: the level is that of things, not of shots."""
    random = np.random.default_rng(5)
    things = of_a_kind(random, 150)
    shots = np.repeat(things, 4, axis=0) + 0.01 * random.standard_normal((600, DIMENSIONS))
    shots /= np.linalg.norm(shots, axis=1, keepdims=True)
    grouped = learn(shots, Grouping(np.arange(600) // 4, np.zeros(600, np.int64))).level
    apart = learn(shots).level
    assert grouped is not None
    assert apart is not None
    assert grouped == pytest.approx(learn(things).level, abs=0.03)
    assert apart > grouped + 0.05


@pytest.mark.parametrize(("count", "is_there"), [(0, False), (1, False), (65, False), (66, True)])
def test_too_few_items_give_no_level(count: int, is_there: bool) -> None:  # noqa: FBT001
    learned = level_of(np.random.default_rng(6).uniform(0.6, 0.9, count))
    assert (learned.level is not None) == is_there
    assert learned.items == count


def test_the_level_is_a_cosine_that_was_reached_rounded_down() -> None:
    cosines = np.linspace(0.5, 0.9, 999) + 1e-8
    level = level_of(cosines).level
    assert level is not None
    assert 0 <= np.sort(cosines)[14] - level < 1e-6


def test_copies_of_one_picture_reach_the_level() -> None:
    rows = of_a_kind(np.random.default_rng(3), 1).repeat(200, axis=0)

    level = learn(rows).level

    assert level is not None
    assert level <= 1


def test_one_group_alone_gives_no_level() -> None:
    rows = of_a_kind(np.random.default_rng(7), 200)
    assert learn(rows, Grouping(np.zeros(200, np.int64), np.zeros(200, np.int64))) == Familiarity()


def test_a_bounded_number_of_items_ask_one_view_each(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(familiarity, "MOST_ASKED", 150)
    random = np.random.default_rng(8)
    item = np.repeat(np.arange(400), 3).astype(np.int32)
    said: list[tuple[int, int]] = []
    learned = learn_familiarity(item, to_fixed(of_a_kind(random, 1200)), each_its_own(400), lambda *at: said.append(at))
    assert learned.items + learned.alone == 150
    assert said[-1] == (1200, 1200)
