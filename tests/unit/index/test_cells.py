"""Cells: the order in which they are visited, and what a visit brings home."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from tonari.index.cells import SPREAD, Cells
from tonari.index.vectors import quantise
from tonari.index.visits import Contents, Reach, visit

DIMENSIONS = 24
EVERYWHERE = Reach(cells=1, enough=10, ratio=np.inf, candidates=1_000_000)


def unit(rows: int, seed: int) -> NDArray[np.float32]:
    vectors = np.random.default_rng(seed).normal(size=(rows, DIMENSIONS))
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), np.float32)


def parted(size: list[int], seed: int) -> tuple[Contents, NDArray[np.int8]]:
    """Cells of some sizes; items are numbered from the last row to the first."""
    start = np.concatenate([[0], np.cumsum(size)])
    codes, _ = quantise(unit(int(start[-1]), seed))
    item = np.arange(len(codes), dtype=np.int32)[::-1].copy()
    return Contents(Cells(0.9 * unit(len(size), seed + 1), start), codes, item), codes


@given(st.integers(1, 300), st.integers(1, 3), st.integers(0, 1 << 16))
@settings(max_examples=40, deadline=None)
def test_cells_are_ranked_by_how_far_off_their_rows_are_expected(count: int, queries: int, seed: int) -> None:
    centroids, asking = 0.9 * unit(count, seed), unit(queries, seed + 1)
    cells = Cells(centroids, np.zeros(count + 1, np.int64))
    order, far = cells.rank(*quantise(asking))
    expected = 1 - (centroids @ asking.T).max(axis=1) - SPREAD * np.sqrt(1 - 0.9**2)

    assert sorted(order.tolist()) == list(range(count))
    assert (np.diff(far) >= 0).all()
    assert far == pytest.approx(np.maximum(expected[order], 0), abs=0.03)


@given(
    st.lists(st.integers(0, 9), min_size=1, max_size=40).filter(any),
    st.sampled_from([0, 0.02, 0.3, 0.8, 1, None]),
    st.integers(0, 1 << 16),
)
@settings(max_examples=60, deadline=None)
def test_a_visit_of_all_cells_meets_all_rows_in_range(size: list[int], share: float | None, seed: int) -> None:
    contents, codes = parted(size, seed)
    allowed = None if share is None else np.random.default_rng(seed).random(len(codes)) < share
    met = visit(unit(2, seed + 2), contents, allowed, EVERYWHERE)
    inside = np.arange(len(codes)) if allowed is None else np.flatnonzero(allowed[contents.item])

    assert sorted(met.rows.tolist()) == inside.tolist()
    assert met.scanned == len(inside)


@pytest.mark.parametrize("share", [0.03, 0.3, 0.9, 1.0])
def test_the_candidates_are_the_best_of_what_was_met(share: float) -> None:
    contents, codes = parted([50] * 30, 3)
    allowed = np.random.default_rng(3).random(len(codes)) < share
    query = unit(1, 4)
    met = visit(query, contents, allowed, Reach(cells=1, enough=10, ratio=np.inf, candidates=20))
    products = codes.astype(np.int64) @ quantise(query)[0][0].astype(np.int64)
    best = np.sort(products[allowed[contents.item]])[::-1][:20]

    assert np.sort(products[met.rows])[::-1].tolist() == best.tolist()
    assert met.scanned == allowed.sum()


def test_a_visit_ends_where_cells_are_too_far_off() -> None:
    contents, codes = parted([50] * 64, 5)
    near = visit(unit(1, 6), contents, None, Reach(cells=4, enough=10, ratio=0.0, candidates=10))

    assert near.scanned == 4 * 50 < len(codes)
    assert len(near.rows) == 10
