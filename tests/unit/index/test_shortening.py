"""Candidates by shorter vectors: as short as keep recall, and answers as by whole vectors."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from tonari.index import planner, shortening
from tonari.index.bounds import check_cells, check_index
from tonari.index.planner import find
from tonari.index.rotation import Rotation, learn_basis, mix
from tonari.index.shortening import part, rotated, shorten
from tonari.index.truth import KINDS, GroundTruth, Kind, recall_under
from tonari.index.tuning import tune
from tonari.index.vector_index import VectorIndex, lay_out, sort_by_cell
from tonari.index.vectors import from_fixed, to_fixed
from unit.index.samples import directions, index_of, slow_graphs_kept, unit_rows


def embeddings(rows: int = 3000, dimensions: int = 256, spread: int = 14) -> NDArray[np.int16]:
    """Clusters whose components grow ever smaller, as those of encoders do once they are rotated."""
    random = np.random.default_rng(4)
    scale = np.exp(-np.arange(dimensions) / spread)
    middle = random.standard_normal((40, dimensions)) * scale
    rows_ = middle[random.integers(0, 40, rows)] + 0.6 * random.standard_normal((rows, dimensions)) * scale
    turn = np.linalg.qr(random.standard_normal((dimensions, dimensions)))[0]
    return to_fixed(unit_rows((rows_ + 3 * np.eye(1, dimensions)) @ turn))


@pytest.fixture(scope="module")
def short() -> VectorIndex:
    return shorten(index_of(embeddings(), np.arange(3000) // 2))


def test_as_few_dimensions_as_keep_recall(short: VectorIndex) -> None:
    assert short.views.codes.shape == (3000, 64)
    assert short.views.dimensions == 256
    assert short.views.whole
    check_index(short)


@pytest.fixture(scope="module")
def tuned(short: VectorIndex) -> VectorIndex:
    """Searched by cells and graph alone."""
    with pytest.MonkeyPatch.context() as patch, slow_graphs_kept():
        patch.setattr(planner, "WORTH", 0)
        return tune(sort_by_cell(short)[0])[0]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("selectivity", [1.0, 0.3, 0.1, 0.05])
def test_recall_against_whole_vectors(
    tuned: VectorIndex, kind: Kind, selectivity: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(planner, "WORTH", 0)
    assert tuned.tuning.graph
    assert tuned.tuning.probes
    queries = GroundTruth(tuned).under_filters(selectivity, kind)
    assert (recall_under(tuned, queries) or 0) >= 0.99


def test_too_few_dimensions_are_not_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shortening, "DIMENSIONS", (8, 64))
    flat = lay_out(embeddings(), np.ones(3000, np.int64))
    assert shorten(flat).views.codes.shape[1] == 64
    least = rotated(flat, Rotation(mix(learn_basis(from_fixed(flat.views.fixed), 8))))
    queries = GroundTruth(flat).under_filters(1.0, "independent")
    assert (recall_under(least, queries) or 0) < shortening.STRIVEN_FOR


def test_where_no_rotation_keeps_recall_vectors_stay_as_they_are() -> None:
    alike = lay_out(to_fixed(directions(np.random.default_rng(5), 6000, 256)), np.ones(6000, np.int64))
    assert shorten(alike) is alike


@pytest.mark.parametrize("dimensions", [2, 64, 127])
def test_few_dimensions_are_not_rotated(dimensions: int) -> None:
    index = lay_out(to_fixed(directions(np.random.default_rng(6), 500, dimensions)), np.ones(500, np.int64))
    assert shorten(index) is index


@pytest.mark.parametrize("rows", [0, 1, 2, 40])
def test_few_rows(rows: int) -> None:
    index = shorten(lay_out(embeddings(rows), np.ones(rows, np.int64)))
    if rows:
        hits = find(from_fixed(index.views.fixed[:1]), index, 10)
        assert hits.items.tolist()[0] == 0
        assert len(hits.items) == min(10, rows)


def test_rows_that_are_all_alike() -> None:
    index = shorten(lay_out(np.repeat(embeddings(1), 500, axis=0), np.ones(500, np.int64)))
    for views in (index.views, index.views.without_embeddings()):
        hits = find(from_fixed(index.views.fixed[:1]), replace(index, views=views), 10)
        assert hits.items.tolist() == list(range(10))
        assert hits.scores == pytest.approx(np.ones(10), abs=1e-3)


def test_scores_and_order_are_those_of_whole_vectors(short: VectorIndex) -> None:
    query = from_fixed(short.views.fixed[[17]])
    hits, right = find(query, short, 10), find(query, short, 10, exact=True)
    assert hits.scores.tolist() == right.scores.tolist()
    assert hits.items.tolist() == right.items.tolist()
    assert right.exact
    assert not hits.exact


def test_without_embeddings_answers_are_estimates_and_never_exact(short: VectorIndex) -> None:
    bare = replace(short, views=short.views.without_embeddings())
    assert not bare.views.whole
    for exact in (False, True):
        found = 0
        for row in range(0, 3000, 100):
            query = from_fixed(short.views.fixed[[row]])
            hits, right = find(query, bare, 10, exact=exact), find(query, short, 10, exact=True)
            assert not hits.exact
            assert hits.items[0] == right.items[0]
            assert hits.scores[0] == pytest.approx(1, abs=0.01)
            both, ours, theirs = np.intersect1d(hits.items, right.items, return_indices=True)
            assert hits.scores[ours] == pytest.approx(right.scores[theirs], abs=0.1)
            found += len(both)
        assert found >= 0.8 * 300


def test_all_that_match_come_without_embeddings(short: VectorIndex) -> None:
    bare = replace(short, views=short.views.without_embeddings())
    allowed = np.arange(len(bare)) % 50 == 7
    hits = find(from_fixed(short.views.fixed[[3]]), bare, 100, allowed)
    assert sorted(hits.items.tolist()) == np.flatnonzero(allowed).tolist()
    assert (np.diff(hits.scores) <= 0).all()
    assert not hits.exact


def test_embeddings_are_given_back_about_as_they_were(short: VectorIndex) -> None:
    rows = np.arange(0, 3000, 7)
    whole, back = short.views.embeddings(rows), short.views.without_embeddings().embeddings(rows)
    assert np.linalg.norm(back, axis=1) == pytest.approx(np.ones(len(rows)), abs=1e-4)
    cosines = np.vecdot(whole, back)
    assert cosines == pytest.approx(short.views.lengths[rows], abs=0.01)


def test_many_views_are_parted_and_few_stay_as_they_lie(monkeypatch: pytest.MonkeyPatch) -> None:
    index = lay_out(embeddings(), np.ones(3000, np.int64))
    same, order = part(index)
    assert same is index
    assert order.tolist() == list(range(3000))
    monkeypatch.setattr(shortening, "CELLS_FROM_BYTES", 3000 * 128)
    few, order = part(index)
    assert few.views.rotation is not None
    assert few.cells is None
    assert order.tolist() == list(range(3000))
    monkeypatch.setattr(shortening, "CELLS_FROM_BYTES", 0)
    parted, order = part(index)
    assert parted.cells is not None
    assert parted.views.rotation is not None
    assert np.array_equal(parted.views.fixed, index.views.fixed[order])
    assert np.array_equal(parted.views.lengths, shorten(index).views.lengths[order])
    check_cells(parted.cells.centroids, parted.cells.start, parted.views.codes)
    check_index(parted)


def test_what_is_scanned_whole_is_never_probed(short: VectorIndex) -> None:
    """Shorter codes may be fewer than a scan reads at once: no share of them is left that cells could serve."""
    parted = sort_by_cell(short)[0]
    assert planner.scanned_share(parted, 10) > 1
    index, _ = tune(parted)
    for share in (0.3, 1.0):
        assert find(from_fixed(short.views.fixed[[3]]), index, 10, np.arange(len(short)) < share * 1500).path == "scan"
    assert all(probe.selectivity <= 1 for probe in index.tuning.probes)
    check_index(index)
