"""Probing: how many cells a search reads, and which rows it brings home."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from tonari.index.cells import Cells
from tonari.index.probing import InvertedLists, Probe, best_positions, code_length, probe_lists, product_error
from tonari.index.vectors import quantise
from unit.index.samples import directions

DIMENSIONS = 24
EVERYWHERE = Probe(1.0, cells=1, rows=10, ratio=np.inf, candidates=1_000_000)


def unit(rows: int, seed: int) -> NDArray[np.float32]:
    return directions(np.random.default_rng(seed), rows, DIMENSIONS)


def lists_of(size: list[int], seed: int) -> tuple[InvertedLists, NDArray[np.int8]]:
    """Cells of some sizes; items are numbered from the last row to the first."""
    start = np.concatenate([[0], np.cumsum(size)])
    codes, _ = quantise(unit(int(start[-1]), seed))
    item = np.arange(len(codes), dtype=np.int32)[::-1].copy()
    return InvertedLists(Cells(np.float32(0.9) * unit(len(size), seed + 1), start), codes, item), codes


@given(
    st.lists(st.integers(0, 9), min_size=1, max_size=40).filter(any),
    st.sampled_from([0, 0.02, 0.3, 0.8, 1, None]),
    st.integers(0, 1 << 16),
)
@settings(max_examples=60, deadline=None)
def test_all_cells_hold_all_rows_in_range(size: list[int], share: float | None, seed: int) -> None:
    lists, codes = lists_of(size, seed)
    allowed = None if share is None else np.random.default_rng(seed).random(len(codes)) < share
    found = probe_lists(quantise(unit(2, seed + 2)), lists, allowed, EVERYWHERE)
    inside = np.arange(len(codes)) if allowed is None else np.flatnonzero(allowed[np.concatenate(lists.items_of)])

    assert sorted(found.rows.tolist()) == inside.tolist()
    assert found.scanned == len(inside)


@pytest.mark.parametrize("share", [0.03, 0.3, 0.9, 1.0])
def test_the_candidates_are_the_best_of_what_was_read(share: float) -> None:
    lists, codes = lists_of([50] * 30, 3)
    allowed = np.random.default_rng(3).random(len(codes)) < share
    query = unit(1, 4)
    found = probe_lists(quantise(query), lists, allowed, Probe(share, cells=1, rows=10, ratio=np.inf, candidates=20))
    products = codes.astype(np.int64) @ quantise(query)[0][0].astype(np.int64)
    inside = np.sort(products[allowed[np.concatenate(lists.items_of)]])[::-1]

    wanted = inside[inside >= inside[min(20, len(inside)) - 1]]
    assert np.sort(products[found.rows])[::-1].tolist() == wanted.tolist()
    assert found.scanned == allowed.sum()


def test_probing_ends_where_cells_are_too_far_off() -> None:
    lists, codes = lists_of([50] * 64, 5)
    near = probe_lists(quantise(unit(1, 6)), lists, None, Probe(1.0, cells=4, rows=10, ratio=0.0, candidates=10))

    assert near.scanned == 4 * 50 < len(codes)
    assert len(near.rows) == 10


@given(st.lists(st.integers(-3, 3), max_size=30), st.integers(1, 40))
@settings(max_examples=80, deadline=None)
def test_no_equal_of_the_last_candidate_is_left_out(values: list[int], count: int) -> None:
    found = best_positions(np.array(values, np.int32), count).tolist()

    least = sorted(values, reverse=True)[:count][-1:]
    assert found == [place for place, value in enumerate(values) if value >= least[0]]


def test_near_ties_come_too_unless_they_are_very_many(monkeypatch: pytest.MonkeyPatch) -> None:
    values = np.array([90, 80, 70, 69, 68, 67, 10], np.int32)
    assert best_positions(values, 4, 3, 2.0).tolist() == [0, 1, 2, 3, 4]
    assert best_positions(values, 4, 3, 0.0).tolist() == [0, 1, 2, 3]
    monkeypatch.setattr("tonari.index.probing.MOST_NEAR_TIES", (4, 0.0))
    assert best_positions(values, 4, 3, 2.0).tolist() == [0, 1, 2, 3]


@pytest.mark.parametrize("dimensions", [64, 256, 1472])
def test_rounding_is_off_by_as_much_as_is_said(dimensions: int) -> None:
    rows = directions(np.random.default_rng(1), 3000, dimensions)
    (query, query_scale), (codes, scale) = quantise(rows[:1]), quantise(rows[1:])
    off = codes.astype(np.int64) @ query[0].astype(np.int64) - rows[1:] @ rows[0] * scale * query_scale

    assert np.std(off) == pytest.approx(product_error(code_length(codes), query_scale), rel=0.15)
