"""The index: rows of items, settings between those that were learned."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tonari.index.probing import Probe
from tonari.index.vector_index import Tuning
from unit.index.samples import clusters, in_cells, index_of


def test_the_rows_of_items_come_in_the_order_of_their_documents() -> None:
    index = in_cells(index_of(clusters(np.random.default_rng(3), 400, 8), np.arange(400) // 4))
    rows, size = index.rows_of(np.array([7, 3]))

    assert size.tolist() == [4, 4]
    assert rows.tolist() == index.rows[[28, 29, 30, 31, 12, 13, 14, 15]].tolist()
    assert index.views.item[rows].tolist() == [7] * 4 + [3] * 4
    assert [len(one) for one in index.rows_of(np.empty(0, np.int64))] == [0, 0]


@pytest.mark.parametrize("views", [(1,), (3,), (0, 1), (0, 1, 4)])
@pytest.mark.parametrize("share", [0.0, 0.05, 0.3, 0.31, 0.9])
def test_all_views_of_what_is_in_range_are_listed(views: tuple[int, ...], share: float) -> None:
    random = np.random.default_rng(3)
    items = np.arange(400).repeat(np.resize(views, 400))
    index = in_cells(index_of(clusters(random, len(items), 8), items))
    allowed = np.zeros(len(index), np.bool_)
    allowed[random.choice(len(index), int(share * len(index)), replace=False)] = True
    rows = index.rows_in(allowed, int(allowed.sum()))

    assert np.sort(rows).tolist() == allowed[index.views.item].nonzero()[0].tolist()


def test_cells_cost_more_if_more_items_are_wanted() -> None:
    index = index_of(clusters(np.random.default_rng(3), 400, 8), np.arange(400) // 4)
    parted = in_cells(index)

    assert index.least_cost(10) == index.least_cost(40) == 0
    assert 0 < parted.least_cost(1) == parted.least_cost(10) < parted.least_cost(40)


@pytest.mark.parametrize(
    ("selectivity", "cells", "rows"),
    [(1.5, 10, 500), (1.0, 30, 500), (0.5, 30, 500), (0.1, 30, 100), (0.05, 30, 100), (0.01, 20, 50), (0.001, 20, 50)],
)
def test_settings_between_two_are_the_dearer(selectivity: float, cells: int, rows: int) -> None:
    probes = (Probe(1.0, 10, 500, 1.0, 100), Probe(0.1, 30, 100, 2.0, 200), Probe(0.01, 20, 50, 3.0, 100))
    index = replace(index_of(clusters(np.random.default_rng(3), 400, 8), np.arange(400)), tuning=Tuning(probes))
    found = index.probe(selectivity, 10)

    assert (found.cells, found.rows) == (cells, rows)
    assert found.ratio == (1.0 if selectivity > 1 else 2.0 if selectivity > 0.1 else 3.0)


def test_more_items_want_more_rows_and_candidates() -> None:
    tuning = Tuning((Probe(1.0, 16, 10, 1.5, 100),))
    index = replace(index_of(clusters(np.random.default_rng(3), 400, 8), np.arange(400) // 4), tuning=tuning)

    assert (index.probe(1.0, 2).rows, index.probe(1.0, 2).candidates) == (40, 100)
    assert (index.probe(1.0, 10).rows, index.probe(1.0, 10).candidates) == (40, 100)
    assert (index.probe(1.0, 40).rows, index.probe(1.0, 40).candidates) == (160, 160)


def test_an_index_without_items_keeps_its_settings() -> None:
    tuning = Tuning((Probe(1.0, 16, 10, 1.5, 100),))
    index = replace(index_of(np.empty((0, 8), np.int16), np.empty(0, np.int64)), tuning=tuning)

    assert index.rows_for(10) == 0
    assert index.probe(1.0, 10) == tuning.probes[0]


@pytest.mark.parametrize(("k", "walked"), [(1, 64), (10, 64), (11, 71), (40, 256)])
def test_more_items_want_a_wider_walk(k: int, walked: int) -> None:
    assert Tuning(graph=True, expansion=64).walked(k) == walked
