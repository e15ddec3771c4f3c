from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from tonari.index import planner
from tonari.index.cells import Cells
from tonari.index.graph import Graph
from tonari.index.kmeans import assign, cell_count, train
from tonari.index.planner import Probe, Tuning, VectorIndex, find
from tonari.index.tuning import calibrate
from tonari.index.vectors import Views, from_fixed, quantise, to_fixed

LEAST = Tuning((Probe(1.0, 1, 1),))


@pytest.fixture(autouse=True)
def _everything_lies_in_cells() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(planner, "SCAN_BYTES", 0)
        yield


def clusters(random: np.random.Generator, views: int, dimensions: int, centres: int = 40) -> NDArray[np.int16]:
    """Unit vectors around random centres, as embeddings lie."""
    middle = random.standard_normal((centres, dimensions))
    vectors = middle[random.integers(0, centres, views)] + 0.7 * random.standard_normal((views, dimensions))
    return to_fixed(vectors / np.linalg.norm(vectors, axis=1, keepdims=True))


def shelve(fixed: NDArray[np.int16], item: NDArray[np.int32], count: int, tuning: Tuning = LEAST) -> VectorIndex:
    """Lay views out in cells, by the way that a snapshot does."""
    centroids = train(fixed, min(cell_count(len(fixed)), len(fixed)))
    cell = assign(fixed, centroids)
    order = np.argsort(cell, kind="stable")
    start = np.searchsorted(cell[order], np.arange(len(centroids) + 1)).astype(np.int64)
    views = Views(item[order], fixed[order], quantise(fixed[order])[0])
    rows = np.argsort(views.item, kind="stable")
    first = np.searchsorted(views.item[rows], np.arange(count + 1)).astype(np.int64)
    return VectorIndex(views, rows, first, Cells(centroids, start), None, tuning)


def oracle(
    query: NDArray[np.float32], index: VectorIndex, k: int, allowed: NDArray[np.bool_] | None
) -> dict[int, float]:
    """Compare every view in range, one by one."""
    best: dict[int, float] = {}
    for item, row in zip(index.views.item.tolist(), index.views.fixed, strict=True):
        if allowed is None or allowed[item]:
            score = min(1.0, float((from_fixed(row) @ query.T).max()))
            best[item] = max(best.get(item, -2.0), score)
    return dict(sorted(best.items(), key=lambda one: -one[1])[:k])


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_k_come_back_whenever_k_match(data: st.DataObject) -> None:
    """Whatever the filter, also one against the query, with duplicates, ties and the least effort there is."""
    views = data.draw(st.integers(1, 300))
    items = data.draw(st.integers(1, views))
    random = np.random.default_rng(data.draw(st.integers(0, 2**32)))
    fixed = clusters(random, views, 8, centres=data.draw(st.integers(1, 12)))
    fixed[random.random(views) < 0.3] = fixed[0]
    item = np.concatenate([np.arange(items), random.integers(0, items, views - items)]).astype(np.int32)
    index = shelve(fixed, item, items)
    query = from_fixed(fixed[random.integers(views)])[None]
    query /= np.linalg.norm(query)
    kind = data.draw(st.sampled_from(("none", "random", "against", "nothing")))
    nearest_first = np.argsort(-np.array([oracle(query, index, items, None)[n] for n in range(items)]), kind="stable")
    allowed: NDArray[np.bool_] | None = None
    if kind != "none":
        allowed = np.zeros(items, np.bool_)
        if kind == "random":
            allowed = random.random(items) < data.draw(st.floats(0, 1))
        if kind == "against":
            allowed[nearest_first[items // 2 :]] = True
    k = data.draw(st.integers(1, 40))

    hits = find(query, index, k, allowed)

    matching = items if allowed is None else int(allowed.sum())
    assert len(hits.items) == min(k, matching) == len(set(hits.items.tolist()))
    assert hits.matching == matching
    assert allowed is None or allowed[hits.items].all()
    assert (np.diff(hits.scores) <= 0).all()
    everything = oracle(query, index, items, allowed)
    assert [pytest.approx(everything[item], abs=1e-5) for item in hits.items.tolist()] == hits.scores.tolist()
    assert np.array_equal(index.views.item[hits.views], hits.items)
    exact = find(query, index, k, allowed, exact=True)
    assert exact.exact
    assert exact.scores.tolist() == pytest.approx(list(oracle(query, index, k, allowed).values()), abs=1e-5)


@pytest.fixture(scope="module")
def calibrated() -> VectorIndex:
    random = np.random.default_rng(3)
    fixed = clusters(random, 6000, 48, centres=60)
    index = shelve(fixed, np.arange(6000, dtype=np.int32) // 2, 3000)
    index = replace(index, graph=Graph.build(index.views.codes))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(planner, "SCAN_BYTES", 0)
        patch.setattr("tonari.index.tuning.SCAN_BYTES", 0)
        tuning, recall = calibrate(index)
    assert min(recall.values()) >= 0.99
    assert set(recall) == {"1", "0.5", "0.1", "0.01", "0.001"}
    return replace(index, tuning=replace(tuning, graph=False))


@pytest.mark.parametrize("selectivity", [1.0, 0.5, 0.3, 0.1, 0.05, 0.01])
@pytest.mark.parametrize("kind", ["independent", "correlated", "against"])
def test_strangers_find_their_neighbours(calibrated: VectorIndex, selectivity: float, kind: str) -> None:
    random = np.random.default_rng(9)
    queries = clusters(np.random.default_rng(3), 6000, 48, centres=60)[:60].astype(np.float32)
    queries += 0.05 * random.standard_normal(queries.shape).astype(np.float32)
    queries /= np.linalg.norm(queries, axis=1, keepdims=True)
    found, true, scanned = 0, 0, []
    for query in queries:
        scores = np.full(len(calibrated), -2.0)
        np.maximum.at(scores, calibrated.views.item, from_fixed(calibrated.views.fixed) @ query)
        near = np.argsort(-scores) < 0
        near[np.argsort(-scores)[: len(near) // 10]] = True
        skew = {"independent": 1.0, "correlated": 5.0, "against": 0.2}[kind]
        allowed = random.random(len(calibrated)) < np.where(near, min(1.0, selectivity * skew), selectivity)
        truth = np.flatnonzero(allowed)[np.argsort(-scores[allowed], kind="stable")[:10]]
        hits = find(query[None], calibrated, 10, allowed)
        found += len(set(truth.tolist()) & set(hits.items.tolist()))
        true += len(truth)
        scanned.append(hits.scanned)
    assert found / true >= 0.97
    assert np.mean(scanned) < 0.8 * len(calibrated.views)


def test_the_graph_serves_what_nothing_narrows(calibrated: VectorIndex) -> None:
    walking = replace(calibrated, tuning=replace(calibrated.tuning, graph=True))
    query = from_fixed(calibrated.views.fixed[7])[None]
    query /= np.linalg.norm(query)
    everything = np.ones(len(calibrated), np.bool_)
    assert find(query, walking, 10).path == "graph"
    assert find(query, walking, 10, everything).path == "cells"
    assert find(query, walking, 10).items[0] == calibrated.views.item[7]


def test_few_rows_are_scanned(calibrated: VectorIndex, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(planner, "SCAN_BYTES", 48 * 500)
    query = from_fixed(calibrated.views.fixed[7])[None]
    allowed = np.zeros(len(calibrated), np.bool_)
    allowed[:200] = True
    assert find(query, calibrated, 10, allowed).path == "scan"
    assert find(query, calibrated, 10).path == "cells"


def test_cells_that_cannot_serve_say_why() -> None:
    """Vectors that differ by less than a rough score can tell: however many cells are visited, some are missed."""
    random = np.random.default_rng(5)
    vectors = np.eye(48)[0] + 1e-3 * random.standard_normal((4000, 48))
    fixed = to_fixed(vectors / np.linalg.norm(vectors, axis=1, keepdims=True))
    index = shelve(fixed, np.arange(4000, dtype=np.int32), 4000)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(planner, "SCAN_BYTES", 48 * 40)
        patch.setattr("tonari.index.tuning.SCAN_BYTES", 48 * 40)
        tuning, recall = calibrate(index)
        assert not tuning.probes
        assert "Scans serve: at selectivity" in tuning.reason
        assert recall["1"] < 0.99
        hits = find(from_fixed(fixed[3])[None], replace(index, tuning=tuning), 10)
    assert (hits.path, len(hits.items)) == ("scan", 10)


def test_an_effort_between_two_is_the_dearer() -> None:
    tuning = Tuning((Probe(1.0, 10, 500), Probe(0.1, 30, 100), Probe(0.01, 20, 50)))
    assert tuning.probe(0.5) == Probe(0.5, 30, 500)
    assert tuning.probe(0.05) == Probe(0.05, 30, 100)
    assert tuning.probe(0.001) == Probe(0.001, 20, 50)
    assert tuning.probe(1.0) == Probe(1.0, 30, 500)


def test_training_is_repeatable() -> None:
    fixed = clusters(np.random.default_rng(1), 2000, 16)
    assert np.array_equal(train(fixed, 32), train(fixed, 32))


def test_nothing_is_found_among_nothing() -> None:
    index = VectorIndex(
        Views(np.empty(0, np.int32), np.empty((0, 4), np.int16), np.empty((0, 4), np.int8)),
        np.empty(0, np.int64),
        np.zeros(1, np.int64),
    )
    assert len(find(np.ones((1, 4), np.float32) / 2, index, 5).items) == 0
    assert calibrate(index) == (Tuning(), {})
