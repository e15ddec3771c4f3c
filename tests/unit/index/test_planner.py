"""Searches: whichever way the candidates come, k items come back, in order and with their final scores."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from tonari.index import planner, probing, tuning
from tonari.index.costs import ANSWERED, ASKED, CELL, LOOK, RANKED_CELLS, scan_cost
from tonari.index.graph import Graph
from tonari.index.planner import MOST_WALKED, WORTH, find
from tonari.index.probing import Probe
from tonari.index.scoring import score_rows
from tonari.index.truth import GroundTruth, recall_under
from tonari.index.vector_index import LEAST_CANDIDATES, Tuning, VectorIndex
from tonari.index.vectors import Hits, from_fixed, quantise, to_fixed
from unit.index.samples import clusters, directions, in_cells, index_of, unit_rows

CORNERS = np.array([*np.eye(4), *-np.eye(4), *itertools.product((-0.5, 0.5), repeat=4)], np.float32)
"""Unit vectors whose dot products are exact in every arithmetic, with many ties."""
SEEDS = st.integers(0, 1 << 32)
LEAST = Tuning((Probe(1.0, 1, 1),))


@pytest.fixture(autouse=True)
def _nothing_is_scanned_that_lies_in_cells() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(planner, "WORTH", 0)
        yield


def ranked(
    queries: NDArray[np.float32], index: VectorIndex, allowed: NDArray[np.bool_] | None
) -> list[tuple[float, int, int]]:
    """Give score (negative), item and best row of everything in range, in order, by the definition."""
    found = []
    for item in range(len(index)):
        rows = index.rows[index.first[item] : index.first[item + 1]]
        if len(rows) and (allowed is None or allowed[item]):
            scores = score_rows(queries, index.views.fixed, rows).tolist()
            found.append((-max(scores), item, int(rows[scores.index(max(scores))])))
    return sorted(found)


def triples(hits: Hits) -> list[tuple[float, int, int]]:
    return list(zip((-hits.scores).tolist(), hits.items.tolist(), hits.rows.tolist(), strict=True))


def check(hits: Hits, right: list[tuple[float, int, int]], k: int) -> None:
    """Whatever the way: k items when k match, each once, in order, with their final scores."""
    assert len(hits.items) == min(k, len(right))
    assert triples(hits) == sorted(set(triples(hits)))
    assert len(set(hits.items.tolist())) == len(hits.items)
    assert set(triples(hits)) <= set(right)
    assert [one.dtype.str for one in (hits.items, hits.rows, hits.scores)] == ["<i8", "<i8", "<f8"]
    if hits.exact:
        assert triples(hits) == right[:k]


@st.composite
def catalogues(draw: st.DrawFn) -> tuple[VectorIndex, NDArray[np.bool_] | None]:
    rows = draw(st.integers(1, 40))
    corners = draw(st.lists(st.integers(0, len(CORNERS) - 1), min_size=rows, max_size=rows))
    item = draw(st.lists(st.integers(0, draw(st.integers(0, rows))), min_size=rows, max_size=rows))
    index = index_of(to_fixed(CORNERS[corners]), item)
    return index, draw(st.none() | hnp.arrays(np.bool_, len(index)))


@given(catalogues(), st.lists(st.sampled_from(range(len(CORNERS))), min_size=1, max_size=3), st.integers(1, 50))
@settings(max_examples=120, deadline=None)
def test_an_exact_search_is_brute_force(
    catalogue: tuple[VectorIndex, NDArray[np.bool_] | None], corners: list[int], k: int
) -> None:
    index, allowed = catalogue
    queries = CORNERS[corners]

    hits = find(queries, index, k, allowed, exact=True)

    assert triples(hits) == ranked(queries, index, allowed)[:k]
    assert hits.exact
    assert hits.matching == (len(index) if allowed is None else int(allowed.sum()))
    right = np.clip((from_fixed(index.views.fixed[hits.rows]) @ queries.T).max(axis=1), -1, 1)
    np.testing.assert_allclose(hits.scores, right, atol=2e-6)


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_k_come_back_whenever_k_match(data: st.DataObject) -> None:
    """By scan, cells or graph, whatever the filter, also one against the query, with duplicates and the least probe."""
    views = data.draw(st.integers(1, 300))
    items = data.draw(st.integers(1, views))
    random = np.random.default_rng(data.draw(st.integers(0, 2**32)))
    fixed = clusters(random, views, 8, centres=data.draw(st.integers(1, 12)))
    fixed[random.random(views) < data.draw(st.sampled_from([0.0, 0.3, 0.9]))] = fixed[0]
    item = np.concatenate([np.arange(items), random.integers(0, items, views - items)])
    index = index_of(fixed, random.permutation(item) if data.draw(st.booleans()) else item)
    way = data.draw(st.sampled_from(("scan", "cells", "graph")))
    if way != "scan":
        index = replace(in_cells(index), tuning=LEAST)
    if way == "graph":
        tuning = replace(LEAST, graph=True, expansion=data.draw(st.sampled_from([16, 60])))
        index = replace(index, graph=Graph.build(index.views.codes), tuning=tuning)
    queries = from_fixed(fixed[random.integers(views, size=data.draw(st.integers(1, 2)))])
    queries = unit_rows(queries + 0.1 * random.standard_normal(queries.shape))
    everything = ranked(queries, index, None)
    kind = data.draw(st.sampled_from(("none", "random", "against", "nothing")))
    allowed: NDArray[np.bool_] | None = None
    if kind != "none":
        allowed = np.zeros(len(index), np.bool_)
        if kind == "random":
            allowed = random.random(len(index)) < data.draw(st.floats(0, 1))
        if kind == "against":
            allowed[[item for _, item, _ in everything[len(everything) // 2 :]]] = True
    k = data.draw(st.integers(1, 40))

    hits = find(queries, index, k, allowed)

    right = everything if allowed is None else ranked(queries, index, allowed)
    check(hits, right, k)
    assert hits.matching == (len(index) if allowed is None else int(allowed.sum()))
    assert hits.path in ("scan", way) or way == "graph"
    exact = find(queries, index, k, allowed, exact=True)
    assert exact.exact
    assert triples(exact) == right[:k]


def test_candidates_grow_until_k_items_are_among_them() -> None:
    """One item has the 300 nearest views."""
    random = np.random.default_rng(0)
    query = directions(random, 1, 16)
    near = query + 0.01 * random.standard_normal((300, 16))
    vectors = unit_rows(np.concatenate([near, directions(random, 700, 16)]))
    index = index_of(to_fixed(vectors), [0] * 300 + list(range(1, 701)))

    assert triples(find(query, index, 5)) == ranked(query, index, None)[:5]
    walking = replace(index, graph=Graph.build(index.views.codes), tuning=Tuning(graph=True, expansion=64))
    assert triples(find(query, walking, 5)) == ranked(query, index, None)[:5]
    assert find(query, walking, 5).path == "scan"


@pytest.mark.parametrize("way", ["scan", "cells", "graph"])
def test_of_many_copies_the_first_items_come(way: str) -> None:
    """However few candidates there are: those that equal the last one are among them, or a scan decides."""
    random = np.random.default_rng(4)
    fixed = np.concatenate([np.repeat(to_fixed(directions(random, 1, 16)), 900, axis=0), clusters(random, 900, 16)])
    index = in_cells(index_of(fixed[random.permutation(1800)], np.arange(1800)))
    index = replace(index, tuning=Tuning() if way == "scan" else LEAST)
    if way == "graph":
        tuning = replace(LEAST, graph=True, expansion=64)
        index = replace(index, graph=Graph.build(index.views.codes), tuning=tuning)
    query = unit_rows(from_fixed(fixed[:1]) + 0.02 * random.standard_normal((1, 16)))

    assert triples(find(query, index, 25)) == ranked(query, index, None)[:25]


def test_the_best_view_counts_even_if_another_was_the_candidate() -> None:
    """Each item has two views in different cells; only one cell is read."""
    random = np.random.default_rng(6)
    here, there = directions(random, 2, 16)
    around = [unit_rows(centre + 0.1 * random.standard_normal((300, 16))) for centre in (here, there)]
    index = in_cells(index_of(to_fixed(np.concatenate(around)), [*range(300), *range(300)]))
    query = unit_rows(from_fixed(to_fixed(here))[None])

    hits = find(query, replace(index, tuning=LEAST), 10)

    assert hits.path == "cells"
    check(hits, ranked(query, index, None), 10)


def test_a_scan_says_whether_it_was_exact() -> None:
    random = np.random.default_rng(0)
    query, index = directions(random, 1, 8), index_of(to_fixed(directions(random, 1000, 8)), np.arange(1000))

    def among(count: int) -> Hits:
        return find(query, index, 5, np.arange(1000) < count)

    assert not find(query, index, 5).exact
    assert find(query, index, 5, exact=True).exact
    assert among(LEAST_CANDIDATES).exact
    assert not among(LEAST_CANDIDATES + 1).exact
    assert find(query, index, 250).exact


@pytest.mark.parametrize(("share", "asked"), [(1.0, 1), (0.3, 1), (0.05, 1), (1.0, 3), (0.3, 3)])
def test_recall_of_a_scan(share: float, asked: int) -> None:
    random = np.random.default_rng(1)
    index = index_of(to_fixed(directions(random, 5000, 64)), np.arange(5000) // 2)
    allowed = random.random(2500) < share if share < 1 else None
    shares = []
    for queries in (directions(random, asked, 64) for _ in range(40)):
        hits, right = find(queries, index, 10, allowed), find(queries, index, 10, allowed, exact=True)
        assert not hits.exact
        shares.append(np.isin(hits.items, right.items).mean())

    assert np.mean(shares) >= 0.95


@pytest.fixture(scope="module")
def walking() -> VectorIndex:
    random = np.random.default_rng(2)
    fixed = to_fixed(
        unit_rows(directions(random, 60, 64)[random.integers(0, 60, 4000)] + 0.1 * random.standard_normal((4000, 64)))
    )
    index = replace(in_cells(index_of(fixed, np.arange(4000) // 2)), tuning=Tuning((Probe(1.0, 16, 1),), True, 64))
    return replace(index, graph=Graph.build(index.views.codes))


def test_recall_of_the_graph(walking: VectorIndex) -> None:
    shares = []
    for row in range(0, 4000, 100):
        query = from_fixed(walking.views.fixed[[row]])
        hits, right = find(query, walking, 10), find(query, walking, 10, exact=True)
        assert (hits.path, hits.exact, hits.matching) == ("graph", False, 2000)
        assert 64 <= hits.scanned < 2000
        shares.append(np.isin(hits.items, right.items).mean())

    assert np.mean(shares) >= 0.95


def test_several_queries_share_the_graph(walking: VectorIndex) -> None:
    queries = from_fixed(walking.views.fixed[[0, 2000]])

    hits = find(queries, walking, 10)

    assert set(walking.views.item[[0, 2000]].tolist()) <= set(hits.items.tolist())
    assert hits.path == "graph"


def test_what_the_graph_cannot_do_goes_another_way(walking: VectorIndex) -> None:
    query = from_fixed(walking.views.fixed[[7]])
    most = MOST_WALKED * 10 // 64

    assert find(query, walking, most).path == "graph"
    assert find(query, walking, most + 1).path == "cells"
    assert find(query, walking, 10, np.ones(2000, np.bool_)).path == "cells"
    assert find(query, walking, 10, exact=True).path == "scan"
    assert find(query, walking, 5000).path == "cells"
    few = index_of(walking.views.fixed[:64], np.arange(64))
    few = replace(few, graph=Graph.build(few.views.codes), tuning=Tuning(graph=True, expansion=64))
    assert find(query, few, 10).path == "scan"


def test_few_rows_are_scanned(walking: VectorIndex) -> None:
    query = from_fixed(walking.views.fixed[[7]])
    with pytest.MonkeyPatch.context() as patch:  # of its own: undone before that of all tests is
        scanned = ANSWERED + scan_cost(500, len(walking.views), 64)
        patch.setattr(planner, "WORTH", scanned / (ANSWERED + walking.least_cost(10)))
        patch.setattr(probing, "EXPLORED", 1.0)

        assert find(query, walking, 10, np.arange(2000) < 200).path == "scan"
        assert find(query, walking, 10, np.arange(2000) < 600).path == "cells"


def test_more_is_scanned_where_more_items_are_wanted() -> None:
    rows = 30_000
    index = in_cells(index_of(clusters(np.random.default_rng(8), rows, 96, centres=300), np.arange(rows) // 3))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(planner, "WORTH", WORTH)

        assert 0 < planner.scanned_share(index, 1) == planner.scanned_share(index, 10)
        assert planner.scanned_share(index, 10) < planner.scanned_share(index, 40) < 1


@pytest.mark.parametrize(("scan", "first"), [(4e5, 5), (2e6, 16)])
def test_fewer_cells_are_looked_up_first_where_a_scan_costs_little(
    monkeypatch: pytest.MonkeyPatch, scan: float, first: int
) -> None:
    rows = 30_000
    index = in_cells(index_of(clusters(np.random.default_rng(8), rows, 96, centres=300), np.arange(rows)))
    index = replace(index, tuning=Tuning((Probe(1.0, 16, 10, 1.5, 100),)))
    monkeypatch.setattr(planner, "scan_cost", lambda *_: scan)
    looked: list[int] = []
    positions = probing._positions

    def spy(*read: Any) -> Any:
        looked.append(len(read[1]))
        return positions(*read)

    monkeypatch.setattr(probing, "_positions", spy)
    query = from_fixed(index.views.fixed[:1])
    allowed = np.arange(rows) % 2 == 0
    hits = find(query, index, 10, allowed)

    assert hits.path == "cells"
    assert (looked[0], max(looked[:2])) == (first, 16)
    assert triples(hits) == ranked(query, index, allowed)[:10]


def test_cells_likely_cost_less_the_denser_the_range_is_near_the_query() -> None:
    likely = partial(probing._likely_cost, 10, rows=1_000, dimensions=192)

    assert likely(near=20, density=0.5) == np.inf
    assert likely(near=4, density=0.5) == likely(near=4, density=1.0) < np.inf
    assert likely(near=40, density=4.0) < likely(near=40, density=1.0)
    assert likely(near=200, density=1.0) < likely(near=60, density=1.0)
    assert likely(near=np.inf, density=np.inf) == 0


@pytest.mark.parametrize(("rows", "allowed", "k"), [(0, None, 5), (9, np.zeros(9, np.bool_), 5), (9, None, 0)])
@pytest.mark.parametrize("exact", [True, False])
def test_nothing_to_find(rows: int, allowed: NDArray[np.bool_] | None, k: int, exact: bool) -> None:  # noqa: FBT001
    index = index_of(to_fixed(CORNERS[:rows]), np.arange(rows))

    hits = find(CORNERS[:1], index, k, allowed, exact=exact)

    assert (len(hits.items), len(hits.rows), len(hits.scores), hits.scanned) == (0, 0, 0, 0)
    assert hits.exact


def test_items_without_views_are_not_found() -> None:
    index = index_of(to_fixed(CORNERS[:4]), [1, 1, 4, 6])
    everything = np.ones(7, np.bool_)

    for hits in (
        find(CORNERS[:1], index, 5, allowed, exact=exact) for allowed in (None, everything) for exact in (False, True)
    ):
        assert hits.items.tolist() == [1, 4, 6]
        assert hits.matching == 7


@pytest.mark.parametrize("share", [0.1, 0.25, 0.6])
@pytest.mark.parametrize("views", [1, 3])
def test_a_range_that_runs_against_the_query_is_not_read_twice(share: float, views: int) -> None:
    """Only what is farthest is in range: cells are given up as soon as they cost more than a scan."""
    random = np.random.default_rng(8)
    fixed = clusters(random, 9_000, 32, centres=300)
    index = in_cells(index_of(fixed, np.arange(len(fixed)) // views))
    index = replace(index, tuning=Tuning((Probe(1.0, 8, 10, 3.0, 100),)))
    for row in random.integers(0, len(fixed), 12):
        query = from_fixed(fixed[row : row + 1])
        order = find(query, index, len(index), exact=True).items
        allowed = np.zeros(len(index), np.bool_)
        allowed[order[-round(share * len(index)) :]] = True
        in_range = views * int(allowed.sum())

        hits = find(query, index, 10, allowed)

        assert len(hits.items) == 10
        assert hits.scanned <= 1.2 * in_range


def test_cells_that_would_cost_more_than_a_scan_are_given_up() -> None:
    random = np.random.default_rng(8)
    rows, in_range = 30_000, 8_000
    index = in_cells(index_of(clusters(random, rows, 96, centres=300), np.arange(rows)))
    index = replace(index, tuning=Tuning((Probe(1.0, 8, 10, 3.0, 100),)))
    query = from_fixed(index.views.fixed[:1])
    order = find(query, index, len(index), exact=True).items
    far, near = np.zeros(len(index), np.bool_), np.zeros(len(index), np.bool_)
    far[order[-in_range:]] = True
    near[order[:in_range]] = True

    given_up = find(query, index, 10, far)
    assert (given_up.path, given_up.scanned) == ("scan", in_range)
    assert triples(given_up) == ranked(query, index, far)[:10]
    assert find(query, index, 10, near).path == "cells"
    assert find(query, index, 10, near).scanned < in_range


def test_a_range_that_leaves_out_a_part_of_the_catalogue_keeps_its_recall(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is learned by filters that leave out single items would end too early there."""
    rows = 12_000
    index = in_cells(index_of(clusters(np.random.default_rng(8), rows, 64, centres=400), np.arange(rows)))
    monkeypatch.setattr(planner, "scan_cost", lambda *_: np.inf)
    monkeypatch.setattr(tuning, "CELLS_FROM_BYTES", 0)
    monkeypatch.setattr(tuning, "FIRST_ROWS", 300)  # as small a share as in a larger catalogue
    index, _ = tuning.tune(index)
    queries = GroundTruth(index).under_filters(0.9, "beyond")
    first = index.tuning.probes[0]
    shorter = (Tuning((first,)), Tuning((replace(first, sparse=0.0),)))
    all_of_it, one, too_short = (
        recall_under(replace(index, tuning=tuned), queries) or 0.0 for tuned in (index.tuning, *shorter)
    )

    assert {find(one.query, index, 10, one.allowed).path for one in queries} == {"cells"}
    assert all_of_it >= 0.99
    assert all_of_it >= one > too_short + 0.2


def test_nothing_is_scored_by_cells_where_a_sparse_range_is_scanned_quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    random = np.random.default_rng(8)
    rows = 30_000
    index = in_cells(index_of(clusters(random, rows, 96, centres=300), np.arange(rows)))
    index = replace(index, tuning=Tuning((Probe(1.0, 8, 10, 3.0, 100),)))
    query = from_fixed(index.views.fixed[:1])
    order = find(query, index, len(index), exact=True).items
    allowed = np.ones(rows, np.bool_)
    allowed[order[:2_000]] = random.random(2_000) < 0.05
    scored: list[int] = []
    score = probing._score

    def spy(*read: Any) -> NDArray[np.int32]:
        scored.append(1)
        return score(*read)

    monkeypatch.setattr(probing, "_score", spy)

    assert find(query, index, 10, allowed).path == "scan"
    assert scored == []


def test_more_is_tried_by_cells_where_a_scan_costs_much(monkeypatch: pytest.MonkeyPatch) -> None:
    random = np.random.default_rng(8)
    rows = 30_000
    index = in_cells(index_of(clusters(random, rows, 96, centres=300), np.arange(rows)))
    index = replace(index, tuning=Tuning((Probe(1.0, 8, 10, 3.0, 100),)))
    query = from_fixed(index.views.fixed[:1])
    allowed = np.ones(len(index), np.bool_)
    allowed[find(query, index, 2_000, exact=True).items] = False

    assert find(query, index, 10, allowed).path == "scan"
    monkeypatch.setattr(planner, "scan_cost", lambda *sizes: 100 * scan_cost(*sizes))
    hits = find(query, index, 10, allowed)
    assert hits.path == "cells"
    assert 0 < hits.scanned < len(index)
    assert triples(hits) == ranked(query, index, allowed)[:10]


@pytest.mark.parametrize(("wanted", "scored"), [(3, False), (30, True)])
def test_cells_that_hold_hardly_what_is_wanted_are_not_scored_where_a_scan_is_quick(
    monkeypatch: pytest.MonkeyPatch, wanted: int, *, scored: bool
) -> None:
    """The nearest cells hold their share of the range; so they likely hold the nearest, or they do not."""
    rows, random = 30_000, np.random.default_rng(8)
    index = in_cells(index_of(clusters(random, rows, 96, centres=300), np.arange(rows)))
    index = replace(index, tuning=Tuning((Probe(1.0, 8, 10, 3.0, 100),)))
    query = from_fixed(index.views.fixed[:1])
    asked = quantise(query)
    assert index.cells is not None
    assert index.lists is not None
    nearest = np.concatenate([index.lists.items_of[cell] for cell in index.cells.rank(*asked)[0][:16]])
    share = wanted * 10 / len(nearest)
    allowed = random.random(rows) < share
    allowed[nearest] = False
    allowed[nearest[: wanted * 10]] = True
    calls: list[int] = []
    score = probing._score

    def spy(*read: Any) -> NDArray[np.int32]:
        calls.append(1)
        return score(*read)

    monkeypatch.setattr(probing, "_score", spy)
    find(query, index, 10, allowed)

    assert bool(calls) == scored


def test_what_is_worth_reading_is_read_to_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """Once cells are known to cost less than a scan, no budget ends them."""
    rows = 30_000
    index = in_cells(index_of(clusters(np.random.default_rng(8), rows, 96, centres=300), np.arange(rows)))
    index = replace(index, tuning=Tuning((Probe(1.0, 8, 10, 1.8, 100),)))
    query = from_fixed(index.views.fixed[:1])
    allowed = np.ones(rows, np.bool_)
    allowed[find(query, index, 2_000, exact=True).items] = np.random.default_rng(1).random(2_000) < 0.1
    monkeypatch.setattr(planner, "scan_cost", lambda *_: 1e6)
    rounds: list[int] = []
    score = probing._score

    def spy(*read: Any) -> NDArray[np.int32]:
        rounds.append(len(read[2]))
        return score(*read)

    monkeypatch.setattr(probing, "_score", spy)

    assert find(query, index, 10, allowed).path == "cells"
    assert len(rounds) > 1


@pytest.mark.parametrize("scan", [8.3e5, 8.6e5])
def test_what_is_looked_for_in_vain_costs_a_share_of_a_scan_at_most(
    monkeypatch: pytest.MonkeyPatch, scan: float
) -> None:
    rows = 30_000
    index = in_cells(index_of(clusters(np.random.default_rng(8), rows, 96, centres=300), np.arange(rows)))
    index = replace(index, tuning=Tuning((Probe(1.0, 8, 10, 3.0, 100),)))
    query = from_fixed(index.views.fixed[:1])
    allowed = np.zeros(rows, np.bool_)
    allowed[find(query, index, rows, exact=True).items[-3_000:]] = True
    monkeypatch.setattr(planner, "scan_cost", lambda *_: scan)
    spent = [RANKED_CELLS]
    positions = probing._positions

    def spy(*read: Any) -> Any:
        found = positions(*read)
        spent.append(LOOK + CELL * len(read[1]) + ASKED * found[1])
        return found

    monkeypatch.setattr(probing, "_positions", spy)

    assert find(query, index, 10, allowed).path == "scan"
    assert len(spent) > 2
    assert sum(spent) <= probing.EXPLORED * (ANSWERED + scan)


def test_cells_ahead_hold_less_of_the_range_where_those_before_do() -> None:
    rows = 30_000
    index = in_cells(index_of(clusters(np.random.default_rng(8), rows, 96, centres=300), np.arange(rows)))
    assert index.lists is not None
    order = np.arange(len(index.lists.size), dtype=np.int32)
    none, some, even, much = (
        probing._rest_cost(index.lists, order, 50, 150, 15_000, seen) for seen in (0, 800, 2_900, 5_000)
    )

    assert none < even < much
    assert none < 0.8 * some  # behind some, nearly all that the rest of the catalogue holds
    assert some == pytest.approx(even, rel=0.15)


@pytest.mark.parametrize("share", [0.1, 0.5])
def test_a_scan_finds_the_nearest_of_what_is_far(share: float) -> None:
    """At the edge of a range that leaves out what is near, codes cannot tell rows apart: all of these are scored."""
    random = np.random.default_rng(8)
    index = index_of(clusters(random, 20_000, 64, centres=300), np.arange(20_000))
    found = []
    for row in (3, 77, 5_000, 12_345):
        query = from_fixed(index.views.fixed[row : row + 1])
        allowed = np.zeros(len(index), np.bool_)
        allowed[find(query, index, len(index), exact=True).items[-round(share * len(index)) :]] = True
        right = find(query, index, 10, allowed, exact=True)
        found.append(np.mean(find(query, index, 10, allowed).scores >= right.scores[-1]))

    assert np.mean(found) >= 0.99
