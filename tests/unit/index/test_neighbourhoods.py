from __future__ import annotations

import numpy as np
import pytest

from tonari.index import neighbourhoods as room
from tonari.index.neighbourhoods import NEAR, neighbourhoods
from tonari.index.vector_index import lay_out, sort_by_cell
from tonari.index.vectors import Views, from_fixed, quantise, to_fixed


def drawn(count: int, dimensions: int = 16, seed: int = 0, each: int = 1) -> Views:
    """Draw views, ``each`` of them an item's."""
    vectors = np.random.default_rng(seed).standard_normal((count, dimensions))
    fixed = to_fixed(vectors / np.linalg.norm(vectors, axis=1, keepdims=True))
    return Views(np.arange(count, dtype=np.int32) // each, fixed, quantise(fixed)[0])


def quiet(done: int, total: int) -> None:
    assert 0 <= done <= total


def distances(views: Views) -> np.ndarray:
    wide = from_fixed(views.fixed)
    away = 1 - wide @ wide.T
    away[views.item[:, None] == views.item] = np.inf
    return np.sort(away, axis=1)


@pytest.mark.parametrize(("count", "each"), [(900, 1), (900, 3), (3000, 1)])
def test_all_rows_are_compared_where_there_are_few(count: int, each: int) -> None:
    views = drawn(count, each=each)

    found = neighbourhoods(views, None, quiet)

    true = distances(views)
    assert found.rank == np.clip(count // 40, 16, 64)
    assert found.distance == pytest.approx(true[:, :NEAR], abs=1e-5)
    assert found.scale == pytest.approx(true[:, found.rank - 1], abs=1e-5)
    assert found.middle == pytest.approx(true[:, found.rank // 2 - 1], abs=1e-5)
    assert (views.item[found.nearest] != views.item[:, None]).all()


@pytest.mark.parametrize("lists", ["cells", "none"])
def test_of_many_those_of_the_nearest_cells_are(lists: str) -> None:
    random = np.random.default_rng(0)
    centres = random.standard_normal((60, 16))
    vectors = np.repeat(centres, 100, axis=0) + 0.2 * random.standard_normal((6000, 16))
    fixed = to_fixed(vectors / np.linalg.norm(vectors, axis=1, keepdims=True))
    index = lay_out(fixed, np.ones(6000, np.int64))
    if lists == "cells":
        index, _ = sort_by_cell(index)

    found = neighbourhoods(index.views, index.cells, quiet)

    assert np.mean(np.abs(found.distance - distances(index.views)[:, :NEAR]) < 1e-5) > 0.95


def test_a_cell_of_many_rows_is_searched_by_windows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "MOST_CANDIDATES", 500)
    monkeypatch.setattr(room, "CANDIDATES", 200)
    views = drawn(3000, 4)

    found = neighbourhoods(views, None, quiet)

    assert np.isfinite(found.scale).all()
    assert (found.distance[:, 0] >= distances(views)[:, 0] - 1e-5).all()


def test_copies_are_looked_at_once() -> None:
    views = drawn(400)
    views.fixed[100:300] = views.fixed[0]

    found = neighbourhoods(views, None, quiet)

    assert (found.nearest[100:300] == -1).all()
    assert np.isnan(found.scale[100:300]).all()
    assert not np.isin(found.nearest[0], np.arange(100, 300)).any()


def test_where_there_are_too_few_the_scale_is_not_known() -> None:
    found = neighbourhoods(drawn(5), None, quiet)

    assert np.isnan(found.scale).all()
    assert (found.nearest[:, :4] >= 0).all()
    assert (found.nearest[:, 4:] == -1).all()
