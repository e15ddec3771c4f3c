"""What is learned at build: settings that keep recall, and whether a graph is worth it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from tonari.index import planner, probing, tuning
from tonari.index.planner import find
from tonari.index.probing import Probe
from tonari.index.truth import FilteredQuery, GroundTruth, Kind
from tonari.index.tuning import tune
from tonari.index.vector_index import LEAST_CANDIDATES, Tuning, VectorIndex, lay_out
from tonari.index.vectors import from_fixed, to_fixed
from unit.index.samples import clusters, in_cells, index_of, slow_graphs_kept, unit_rows

SELECTIVITIES = {"1", "0.5", "0.1", "0.01", "0.001"}


@pytest.fixture(scope="module")
def learned() -> VectorIndex:
    with pytest.MonkeyPatch.context() as patch, slow_graphs_kept():
        patch.setattr(planner, "WORTH", 0)
        fixed = clusters(np.random.default_rng(3), 4000, 48, centres=60)
        index, recall = tune(in_cells(index_of(fixed, np.arange(4000) // 2)))
    assert min(recall.values()) >= 0.99
    assert set(recall) == SELECTIVITIES
    return index


@pytest.mark.parametrize("selectivity", [1.0, 0.5, 0.3, 0.1, 0.05, 0.01])
@pytest.mark.parametrize("kind", ["independent", "correlated", "against"])
def test_queries_from_outside_find_their_neighbours(
    learned: VectorIndex, selectivity: float, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(planner, "WORTH", 0)
    monkeypatch.setattr(planner, "scan_cost", lambda *_: np.inf)
    random = np.random.default_rng(9)
    queries = from_fixed(clusters(np.random.default_rng(3), 4000, 48, centres=60)[:60])
    found, true, scanned = 0, 0, []
    for query in unit_rows(queries + 1.5e-6 * random.standard_normal(queries.shape)):
        scores = np.full(len(learned), -2.0)
        np.maximum.at(scores, learned.views.item, from_fixed(learned.views.fixed) @ query)
        near = np.argsort(-scores) < 0
        near[np.argsort(-scores)[: len(near) // 10]] = True
        skew = {"independent": 1.0, "correlated": 5.0, "against": 0.2}[kind]
        allowed = random.random(len(learned)) < np.where(near, min(1.0, selectivity * skew), selectivity)
        truth = np.flatnonzero(allowed)[np.argsort(-scores[allowed], kind="stable")[:10]]
        hits = find(query[None], learned, 10, allowed)
        found += len(set(truth.tolist()) & set(hits.items.tolist()))
        true += len(truth)
        scanned.append(hits.scanned)
    assert found / true >= 0.97
    assert np.mean(scanned) < 0.8 * len(learned.views)


def test_the_graph_serves_what_nothing_narrows(learned: VectorIndex) -> None:
    assert learned.graph is not None
    assert learned.tuning.graph
    assert learned.tuning.expansion in tuning.EXPANSIONS
    hits = find(from_fixed(learned.views.fixed[[7]]), learned, 10)
    assert hits.path == "graph"
    assert hits.items[0] == learned.views.item[7]


def unparted(count: int, dimensions: int = 16) -> VectorIndex:
    return lay_out(clusters(np.random.default_rng(4), count, dimensions), np.ones(count, np.int64))


def test_a_graph_that_no_query_would_read_is_not_built() -> None:
    index, recall = tune(unparted(LEAST_CANDIDATES))

    assert (index.graph, index.tuning) == (None, Tuning())
    assert recall["1"] == 1


def test_a_graph_that_takes_too_long_to_build_is_not_built(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tuning, "GRAPH_VALUES", 199 * 16)

    assert tune(unparted(200))[0].tuning == Tuning(
        reason="There is no graph: beyond 199 views building one takes too long."
    )


def test_there_is_no_graph_where_cells_serve(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(planner, "WORTH", 0)
    monkeypatch.setattr(tuning, "CELLS_FROM_BYTES", 3_999 * 48)

    index, recall = tune(in_cells(index_of(clusters(np.random.default_rng(3), 4000, 48, centres=60), np.arange(4000))))

    assert index.graph is None
    assert index.tuning.probes
    assert index.tuning.reason == "There is no graph: beyond 3,999 views cells find more, as quickly."
    assert min(recall.values()) >= 0.99


def test_a_graph_that_is_slower_is_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tuning, "AT_ONCE", 0.0)
    monkeypatch.setattr(tuning, "SLOWER", 0.0)

    index, recall = tune(unparted(200))

    assert index.graph is None
    assert "There is no graph: a search by it takes" in index.tuning.reason
    assert set(recall) == SELECTIVITIES


def test_a_graph_that_finds_too_little_is_not_kept() -> None:
    index, _ = tune(lay_out(alike(), np.ones(2000, np.int64)))

    assert index.graph is None
    assert "There is no graph: it reaches recall@10 of" in index.tuning.reason


def test_a_small_graph_is_kept() -> None:
    with slow_graphs_kept():
        index, recall = tune(unparted(200))

    assert index.graph is not None
    assert recall["1"] >= 0.99
    assert index.tuning.reason == ""


def alike() -> NDArray[np.int16]:
    random = np.random.default_rng(5)
    return to_fixed(unit_rows(np.eye(48)[0] + 2e-3 * random.standard_normal((2000, 48))))


def test_cells_that_cannot_serve_say_why(monkeypatch: pytest.MonkeyPatch) -> None:
    """Vectors that differ by less than a rough score can tell, more than get their final score: some are missed."""
    monkeypatch.setattr(planner, "WORTH", 0)
    monkeypatch.setattr(probing, "MOST_NEAR_TIES", (0, 0.0))

    index, recall = tune(in_cells(lay_out(alike(), np.ones(2000, np.int64))))

    assert not index.tuning.probes
    assert "Scans serve: at selectivity" in index.tuning.reason
    assert "There is no graph" in index.tuning.reason
    assert recall["1"] < 0.99
    hits = find(from_fixed(alike()[[3]]), index, 10)
    assert (hits.path, len(hits.items)) == ("scan", 10)


class Remembering(GroundTruth):
    """Keeps the queries that it drew last whose range leaves out a part of the catalogue."""

    beyond: Sequence[FilteredQuery] = ()

    def under_filters(self, selectivity: float, kind: Kind) -> list[FilteredQuery]:
        found = super().under_filters(selectivity, kind)
        self.beyond = found if kind == "beyond" else ()
        return found


@pytest.mark.parametrize(("by_scan", "scanned"), [(1.0, True), (0.97, False)])
def test_a_scan_takes_the_place_of_cells_only_where_it_finds_more(
    monkeypatch: pytest.MonkeyPatch,
    by_scan: float,
    scanned: bool,  # noqa: FBT001
) -> None:
    """Where embeddings are shortened, a scan may miss what cells miss."""
    index = in_cells(index_of(clusters(np.random.default_rng(3), 4000, 48, centres=60), np.arange(4000)))
    truth, learn, recall = Remembering(index), tuning._learn, tuning.recall_under

    def finding_too_little(*given: Any) -> tuple[Probe, float]:
        probe, reached = learn(*given)
        return probe, 0.98 if given[-1] is truth.beyond else reached

    def measured(index: VectorIndex, queries: Sequence[FilteredQuery]) -> float | None:
        return recall(index, queries) if index.tuning.probes else by_scan

    monkeypatch.setattr(planner, "WORTH", 0)
    monkeypatch.setattr(tuning, "_learn", finding_too_little)
    monkeypatch.setattr(tuning, "recall_under", measured)
    assert index.cells is not None
    probes = tuning._learn_probes(index, index.cells, truth).probes

    assert {probe.sparse == tuning.WHOLE for probe in probes} == {scanned}


def test_what_queries_are_held_against_is_what_an_exact_search_finds() -> None:
    index = in_cells(index_of(clusters(np.random.default_rng(6), 900, 16), np.arange(900) // 3))
    for selectivity, kind in ((1.0, "independent"), (0.3, "correlated"), (0.3, "against"), (0.001, "independent")):
        for one in GroundTruth(index).under_filters(selectivity, kind)[:20]:  # type: ignore[arg-type]
            right = find(one.query, index, 10, one.allowed, exact=True)
            assert not one.allowed[one.asking]
            assert one.scores.tolist() == right.scores.tolist()
            assert one.rows.tolist() == right.rows.tolist()


def test_nothing_is_learned_from_nothing() -> None:
    empty = lay_out(np.empty((0, 4), np.int16), np.empty(0, np.int64))

    assert tune(empty) == (replace(empty, tuning=Tuning()), {})
