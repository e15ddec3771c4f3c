from __future__ import annotations

import numpy as np
import pytest

from tonari.grouping.joining import Joiner, firsts, number, pairs_of, sizes


def test_no_chain_grows_past_its_limit() -> None:
    joiner = Joiner(100)

    joiner.join(np.stack([np.arange(99), np.arange(1, 100)], axis=1), 7)

    found = sizes(joiner.groups())
    assert found.max() == 7
    assert found.sum() == 7 * 7 * 14 + 2 * 2


def test_the_first_pairs_win() -> None:
    joiner = Joiner(3)

    joiner.join(np.array([[1, 2], [0, 1]]), 2)

    assert joiner.groups().tolist() == [0, 1, 1]


@pytest.mark.parametrize("seed", range(10))
def test_a_partition_comes_back_from_its_pairs(seed: int) -> None:
    group = np.random.default_rng(seed).integers(0, 9, 40)
    joiner = Joiner(40)

    joiner.join(pairs_of(group), 40)

    assert joiner.groups().tolist() == firsts(group).tolist()
    assert all(group[first] == group[item] for item, first in enumerate(firsts(group)))


def test_equal_texts_have_one_number() -> None:
    assert number(["b", "a", "b", ""]).tolist() == [0, 1, 0, 2]
