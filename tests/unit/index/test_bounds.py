from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from tonari.errors import CorruptArtefactError
from tonari.index.bounds import (
    check_cells,
    check_graph,
    check_index,
    check_recall,
    check_rows,
    check_tuning,
    check_views,
    spread,
)
from tonari.index.graph import Graph
from tonari.index.probing import Probe
from tonari.index.vector_index import Tuning, VectorIndex
from tonari.index.vectors import Views, quantise
from unit.index.samples import clusters, in_cells, index_of

FIXED = clusters(np.random.default_rng(4), 300, 24)
ITEM = np.sort(np.random.default_rng(5).integers(0, 200, 300))
INDEX = in_cells(index_of(FIXED, ITEM))
VIEWS = INDEX.views
assert INDEX.cells is not None
CENTROIDS, START = INDEX.cells.centroids, INDEX.cells.start


def changed(array: Any, place: Any, value: Any) -> Any:
    copy = array.copy()
    copy[place] = value
    return copy


def test_what_fits_passes() -> None:
    tuned = replace(INDEX, tuning=Tuning((Probe(1.0, 1, 10, 1.5, 100), Probe(0.1, 4, 10, 2.0, 100))))
    check_cells(CENTROIDS, START, VIEWS.codes)
    check_index(tuned)
    check_index(replace(tuned, graph=Graph.build(VIEWS.codes), tuning=replace(tuned.tuning, graph=True, expansion=64)))
    check_index(index_of(FIXED[:0], np.empty(0, np.int64)))
    check_index(index_of(FIXED[:1], np.zeros(1, np.int64)))
    check_recall({"0.1": 0.0, "1": 1.0})


@pytest.mark.parametrize(
    ("rows", "first"),
    [
        (changed(INDEX.rows, 3, -1), INDEX.first),
        (changed(INDEX.rows, 3, 300), INDEX.first),
        (changed(INDEX.rows, 3, INDEX.rows[4]), INDEX.first),
        (np.roll(INDEX.rows, 1), INDEX.first),
        (INDEX.rows, changed(INDEX.first, 0, 1)),
        (INDEX.rows, changed(INDEX.first, -1, 299)),
        (INDEX.rows, changed(INDEX.first, 50, 0)),
    ],
)
def test_rows_that_contradict_their_items_are_refused(rows: Any, first: Any) -> None:
    with pytest.raises(CorruptArtefactError, match="rebuild"):
        check_rows(VIEWS.item, rows, first)


def test_a_row_of_another_item_is_refused() -> None:
    with pytest.raises(CorruptArtefactError, match="other items"):
        check_rows(changed(VIEWS.item, 9, (VIEWS.item[9] + 1) % 200), INDEX.rows, INDEX.first)


@pytest.mark.parametrize(
    ("fixed", "codes"),
    [
        (FIXED // 2, quantise(FIXED // 2)[0]),
        (changed(FIXED, 7, 0), quantise(FIXED)[0]),
        (FIXED, quantise(FIXED)[0][::-1]),
        (FIXED, -quantise(FIXED)[0]),
        (FIXED, changed(quantise(FIXED)[0], (7, 7), 100)),
    ],
)
def test_embeddings_of_other_length_and_codes_of_others_are_refused(fixed: Any, codes: Any) -> None:
    with pytest.raises(CorruptArtefactError, match="rebuild"):
        check_views(Views(np.arange(300, dtype=np.int32), fixed, codes))


@pytest.mark.parametrize(
    ("centroids", "start"),
    [
        (changed(CENTROIDS, (2, 2), np.nan), START),
        (changed(CENTROIDS, (2, 2), np.inf), START),
        (3 * CENTROIDS, START),
        (np.roll(CENTROIDS, 1, axis=0), START),
        (CENTROIDS, changed(START, 0, 1)),
        (CENTROIDS, changed(START, -1, 301)),
        (CENTROIDS, changed(START, 4, 299)),
    ],
)
def test_cells_that_do_not_part_the_rows_are_refused(centroids: Any, start: Any) -> None:
    with pytest.raises(CorruptArtefactError, match="rebuild"):
        check_cells(centroids, start, VIEWS.codes)


def test_a_graph_of_other_codes_is_refused() -> None:
    check_graph(Graph.build(VIEWS.codes), VIEWS.codes)
    for codes in (VIEWS.codes[::-1], -VIEWS.codes, VIEWS.codes[:-1]):
        with pytest.raises(CorruptArtefactError, match="other codes"):
            check_graph(Graph.build(np.ascontiguousarray(codes)), VIEWS.codes)


SANE = Probe(0.5, 1, 10, 1.5, 100)


@pytest.mark.parametrize(
    "probes",
    [
        (replace(SANE, selectivity=0.0),),
        (replace(SANE, selectivity=1.5),),
        (replace(SANE, cells=0),),
        (replace(SANE, rows=0),),
        (replace(SANE, rows=10**9),),
        (replace(SANE, ratio=float("inf")),),
        (replace(SANE, ratio=float("nan")),),
        (replace(SANE, sparse=float("inf")),),
        (replace(SANE, sparse=float("nan")),),
        (replace(SANE, sparse=-1.0),),
        (replace(SANE, candidates=-1),),
        (replace(SANE, candidates=10**9),),
        (replace(SANE, selectivity=0.1), SANE),
    ],
)
def test_impossible_settings_are_refused(probes: tuple[Probe, ...]) -> None:
    with pytest.raises(CorruptArtefactError, match="tuning"):
        check_tuning(Tuning(probes), INDEX.cells, None)


def without_cells(index: VectorIndex) -> None:
    check_tuning(Tuning((SANE,)), None, index.graph)


def without_graph(index: VectorIndex) -> None:
    check_tuning(Tuning(graph=True, expansion=64), index.cells, None)


def unwalked(index: VectorIndex) -> None:
    check_tuning(Tuning(graph=True), index.cells, Graph.build(index.views.codes))


@pytest.mark.parametrize("check", [without_cells, without_graph, unwalked])
def test_settings_for_what_is_not_there_are_refused(check: Callable[[VectorIndex], None]) -> None:
    with pytest.raises(CorruptArtefactError, match="tuning"):
        check(INDEX)


@pytest.mark.parametrize("share", [-0.1, 1.1, float("nan")])
def test_a_recall_that_is_no_share_is_refused(share: float) -> None:
    with pytest.raises(CorruptArtefactError, match="recall"):
        check_recall({"0.1": share})


@pytest.mark.parametrize(("count", "most"), [(0, 5), (1, 5), (5, 5), (1000, 7)])
def test_positions_are_spread_over_all(count: int, most: int) -> None:
    positions = spread(count, most)
    assert len(positions) == min(count, most)
    if count:
        assert (positions[0], positions[-1]) == (0, count - 1)
