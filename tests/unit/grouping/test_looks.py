from __future__ import annotations

import numpy as np
import pytest

from tonari.grouping.looks import near_rows, nearer_than_chance
from tonari.index.neighbourhoods import Neighbourhoods, neighbourhoods
from tonari.index.vectors import Views, quantise, to_fixed


def around(count: int, dimensions: int, twins: int, seed: int = 0) -> Neighbourhoods:
    """Draw points evenly on a sphere; the first ``twins`` have another close by."""
    random = np.random.default_rng(seed)
    vectors = random.standard_normal((count, dimensions))
    vectors[count - twins :] = vectors[:twins] + 0.02 * random.standard_normal((twins, dimensions))
    fixed = to_fixed(vectors / np.linalg.norm(vectors, axis=1, keepdims=True))
    views = Views(np.arange(count, dtype=np.int32), fixed, quantise(fixed)[0])
    return neighbourhoods(views, None, lambda *_: None)


@pytest.mark.parametrize("dimensions", [3, 6, 12, 40])
@pytest.mark.parametrize("count", [200, 2000])
def test_chance_is_not_taken_for_twins(count: int, dimensions: int) -> None:
    assert nearer_than_chance(around(count, dimensions, 0)) == 0


@pytest.mark.parametrize("dimensions", [6, 12, 40])
def test_twins_are_told_from_chance(dimensions: int) -> None:
    found = around(2000, dimensions, 200)

    level = nearer_than_chance(found)
    pairs = near_rows(found, level)

    assert level > 0
    twins = np.abs(pairs[:, 0] - pairs[:, 1]) == 1800
    assert np.mean(twins) > 0.8
    assert len(np.unique(pairs[twins])) > 350


def test_of_few_rows_nothing_is_said() -> None:
    assert nearer_than_chance(around(60, 12, 20)) == 0
