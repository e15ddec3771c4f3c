"""The index: rows of items, settings between those that were learned."""

from __future__ import annotations

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


def test_settings_between_two_are_the_dearer() -> None:
    tuning = Tuning((Probe(1.0, 10, 500), Probe(0.1, 30, 100), Probe(0.01, 20, 50)))

    assert tuning.probe(0.5) == Probe(0.5, 30, 500)
    assert tuning.probe(0.05) == Probe(0.05, 30, 100)
    assert tuning.probe(0.001) == Probe(0.001, 20, 50)
    assert tuning.probe(1.0) == Probe(1.0, 30, 500)


@pytest.mark.parametrize(("k", "walked"), [(1, 64), (10, 64), (11, 71), (40, 256)])
def test_more_items_want_a_wider_walk(k: int, walked: int) -> None:
    assert Tuning(graph=True, expansion=64).walked(k) == walked
