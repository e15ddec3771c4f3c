"""Pairs of nearly equal rows, held against comparing each with each."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from tonari.index import near_pairs as room
from tonari.index.cells import Cells, assign, train
from tonari.index.near_pairs import (
    LEAST,
    MOST,
    components,
    copies,
    near_pairs,
    nearest_outside,
    same_picture_from,
)
from tonari.index.vectors import Views, from_fixed, quantise, to_fixed


def unit(rows: NDArray[np.floating]) -> NDArray[np.int16]:
    return to_fixed(rows / np.linalg.norm(rows, axis=1, keepdims=True))


def views_of(fixed: NDArray[np.int16], item: NDArray[np.int32] | None = None) -> Views:
    return Views(np.arange(len(fixed), dtype=np.int32) if item is None else item, fixed, quantise(fixed)[0])


def in_cells(fixed: NDArray[np.int16], count: int) -> tuple[Views, Cells]:
    centroids = train(fixed, count)
    cell = assign(fixed, centroids)
    order = np.argsort(cell, kind="stable")
    start = np.searchsorted(cell[order], np.arange(count + 1)).astype(np.int64)
    return views_of(fixed[order]), Cells(centroids, start)


def crowd(seed: int, count: int, families: int, spread: float, dimensions: int = 16) -> NDArray[np.int16]:
    """Rows among a few families, so near each other that some pairs pass the bound and others do not."""
    random = np.random.default_rng(seed)
    own = random.standard_normal((families, dimensions))[random.integers(0, families, count)]
    return unit(own + spread * random.standard_normal((count, dimensions)))


def groups(count: int, pairs: NDArray[np.int64]) -> set[frozenset[int]]:
    return {frozenset(one.tolist()) for one in components(count, pairs)}


def all_pairs(views: Views) -> NDArray[np.int64]:
    wide = from_fixed(views.fixed)
    near = (wide @ wide.T >= LEAST) & (views.item[:, None] != views.item)
    return np.argwhere(np.triu(near)).astype(np.int64)


def quiet(done: int, total: int) -> None:
    assert 0 <= done <= total


@pytest.mark.parametrize("seed", range(5))
def test_groups_are_those_of_all_pairs(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "BLOCK", 7)
    monkeypatch.setattr(room, "COLUMNS", 11)
    item = np.random.default_rng(seed).integers(0, 90, 120).astype(np.int32)
    views = views_of(crowd(seed, 120, 25, 0.25), item)

    pairs = near_pairs(views, None, LEAST, quiet)

    wide = from_fixed(views.fixed)
    assert np.einsum("ij,ij->i", wide[pairs[:, 0]], wide[pairs[:, 1]]).min() >= LEAST - 1e-3
    assert groups(120, pairs) == groups(120, all_pairs(views))


@pytest.mark.parametrize("seed", range(3))
def test_cells_find_nearly_all_pairs(seed: int) -> None:
    random = np.random.default_rng(seed)
    fixed = crowd(seed, 3000, 300, 0.6)
    twins = unit(from_fixed(fixed[:200]) + 0.03 * random.standard_normal((200, 16)))
    views, cells = in_cells(np.concatenate([fixed, twins]), 64)

    found, true = (groups(len(views), one) for one in (near_pairs(views, cells, LEAST, quiet), all_pairs(views)))

    together = {(min(a, b), max(a, b)) for group in found for a in group for b in group if a != b}
    wanted = {(min(a, b), max(a, b)) for group in true for a in group for b in group if a != b}
    assert together <= wanted
    assert len(together) >= 0.98 * len(wanted)


def test_a_placeholder_costs_few_pairs() -> None:
    random = np.random.default_rng(0)
    one = random.standard_normal((1, 8))
    exact = np.repeat(unit(one), 4000, axis=0)
    encoded_again = unit(one + 0.01 * random.standard_normal((4000, 8)))
    views = views_of(np.concatenate([exact, encoded_again, unit(random.standard_normal((50, 8)))]))

    pairs = near_pairs(views, None, LEAST, quiet)

    assert len(pairs) <= len(views) * room.EDGES
    (largest,) = (group for group in components(len(views), pairs) if len(group) > 50)
    assert set(range(8000)) <= set(largest.tolist())


def test_a_crowded_cell_is_compared_in_a_window(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "WINDOW", 60)
    monkeypatch.setattr(room, "WINDOW_BYTES", 60 * 16)
    random = np.random.default_rng(1)
    fixed = unit(random.standard_normal((400, 16)))
    twins = unit(from_fixed(fixed[:40]) + 0.002 * random.standard_normal((40, 16)))
    views = views_of(np.concatenate([fixed, twins]))

    found = groups(len(views), near_pairs(views, None, LEAST, quiet))

    assert sum(frozenset((row, 400 + row)) in found for row in range(40)) >= 38


def test_copies_are_the_same_to_the_bit() -> None:
    fixed = crowd(2, 50, 50, 1.0, 5)
    fixed[[7, 30, 49]] = fixed[3]
    fixed[31] = fixed[3] + 1

    same = copies(fixed)

    assert same[[3, 7, 30, 49]].tolist() == [3] * 4
    assert same[31] == 31
    assert (same == np.arange(50)).sum() == 47


def test_the_bound_rises_where_strangers_are_near() -> None:
    far, near = crowd(3, 500, 500, 1.0, 64), crowd(3, 500, 1, 0.15, 64)

    assert same_picture_from(views_of(far), np.arange(500)) == LEAST
    assert 0.96 < same_picture_from(views_of(near), np.arange(500)) <= MOST
    assert same_picture_from(views_of(near), np.zeros(500, np.int64)) == LEAST
    assert same_picture_from(views_of(near[:0]), np.zeros(0, np.int64)) == LEAST
    assert same_picture_from(views_of(np.repeat(far[:1], 500, axis=0)), np.arange(500)) == MOST


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32), st.integers(1, 40), st.integers(1, 6), st.integers(1, 9))
def test_the_nearest_view_of_another_group_is_found(seed: int, views: int, groups: int, columns: int) -> None:
    random = np.random.default_rng(seed)
    fixed = crowd(seed, views, 1, 0.5)
    item = np.sort(random.integers(0, views, views)).astype(np.int32)
    group = random.integers(0, groups, views)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(room, "COMPARED", columns)
        found = nearest_outside(item, fixed, group, np.arange(views))

    exact = from_fixed(fixed).astype(np.float64)
    products = np.where(group[item][:, None] == group[item], -np.inf, exact @ exact.T)
    np.testing.assert_allclose(found, products.max(axis=1), atol=1e-5)
