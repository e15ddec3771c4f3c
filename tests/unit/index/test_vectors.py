from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from tonari.errors import InvalidVectorError
from tonari.index.graph import Graph
from tonari.index.vectors import LEAST_CANDIDATES, UNIT, Hits, Views, from_fixed, nearest, quantise, to_fixed, unit

CORNERS = np.array([*np.eye(4), *-np.eye(4), *itertools.product((-0.5, 0.5), repeat=4)], np.float32)
"""Unit vectors whose dot products are exact in every arithmetic, with many ties."""

SEEDS = st.integers(0, 1 << 32)


def lay_out(embeddings: NDArray[np.floating], item: Sequence[int] | NDArray[np.integer]) -> Views:
    fixed = to_fixed(embeddings)
    return Views(np.asarray(item, np.int32), fixed, quantise(fixed)[0])


def directions(random: np.random.Generator, rows: int, dimensions: int) -> NDArray[np.float32]:
    wide = random.standard_normal((rows, dimensions))
    return np.asarray(wide / np.linalg.norm(wide, axis=1, keepdims=True), np.float32)


def brute_force(
    queries: NDArray[np.float32], views: Views, k: int, rows: Sequence[int]
) -> tuple[list[int], list[int], list[float]]:
    """Items, their best views and scores, by the definition: best first, ties to the lower row."""
    best: dict[int, tuple[float, int]] = {}
    for row in rows:
        score = max(float(np.dot(query, views.fixed[row].astype(np.float32)) / np.float32(UNIT)) for query in queries)
        item = int(views.item[row])
        best[item] = min(best.get(item, (2.0, 0)), (-score, row))
    order = sorted(best, key=lambda item: best[item])[:k]
    return order, [best[item][1] for item in order], [max(-1.0, min(1.0, -best[item][0])) for item in order]


def check(hits: Hits, queries: NDArray[np.float32], views: Views, k: int, matching: NDArray[np.int64] | None) -> None:
    """Whatever the way: k items when k match, each once, in order, their scores those of the views named."""
    allowed = np.arange(len(views)) if matching is None else matching
    assert len(hits.items) == len(hits.views) == len(hits.scores)
    assert len(hits.items) == min(k, len(set(views.item[allowed].tolist())))
    assert len(set(hits.items.tolist())) == len(hits.items)
    assert views.item[hits.views].tolist() == hits.items.tolist()
    assert np.isin(hits.views, allowed).all()
    assert (np.diff(hits.scores) <= 0).all()
    assert hits.scores.dtype == np.float32
    assert hits.items.dtype == np.int32
    stored = from_fixed(views.fixed[hits.views]) @ queries.T
    np.testing.assert_allclose(hits.scores, np.clip(stored.max(axis=1), -1, 1), atol=1e-6)
    assert hits.matching == len(allowed)
    assert hits.scanned <= len(allowed)


# --- embeddings as they are kept


def test_what_is_kept_is_kept_for_good() -> None:
    """Read and kept again, build after build, nothing drifts."""
    every = np.arange(-UNIT, UNIT + 1, dtype=np.int16)

    assert np.array_equal(to_fixed(from_fixed(every)), every)


@given(SEEDS, st.integers(1, 400), st.floats(0, 8))
@settings(max_examples=60, deadline=None)
def test_rounding_moves_no_cosine_by_more_than_it_may(seed: int, dimensions: int, unevenness: float) -> None:
    """However unequal the components are: half a unit each, and a query is of length 1."""
    random = np.random.default_rng(seed)
    rows = random.standard_normal((20, dimensions)) * np.exp(unevenness * random.random(dimensions))
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)

    moved = np.abs(rows @ (from_fixed(to_fixed(rows)) - rows).T)

    assert moved.max() <= 0.51 / UNIT * np.sqrt(dimensions)


# --- nearest: exact


@st.composite
def catalogues(draw: st.DrawFn) -> tuple[Views, NDArray[np.int64] | None]:
    rows = draw(st.integers(1, 40))
    corners = draw(st.lists(st.integers(0, len(CORNERS) - 1), min_size=rows, max_size=rows))
    item = draw(st.lists(st.integers(0, draw(st.integers(1, rows))), min_size=rows, max_size=rows))
    mask = draw(st.none() | hnp.arrays(np.bool_, rows))
    return lay_out(CORNERS[corners], item), None if mask is None else np.flatnonzero(mask)


@given(catalogues(), st.lists(st.sampled_from(range(len(CORNERS))), min_size=1, max_size=3), st.integers(1, 50))
@settings(max_examples=120, deadline=None)
def test_exact_search_is_brute_force(
    catalogue: tuple[Views, NDArray[np.int64] | None], corners: list[int], k: int
) -> None:
    views, matching = catalogue
    queries = CORNERS[corners]
    rows = range(len(views)) if matching is None else matching.tolist()

    hits = nearest(queries, views, k, matching=matching, exact=True)

    assert (hits.items.tolist(), hits.views.tolist(), hits.scores.tolist()) == brute_force(queries, views, k, rows)
    assert hits.exact
    assert hits.matching == len(rows)


@given(SEEDS, st.integers(1, 3), st.integers(1, 12), st.booleans())
@settings(max_examples=30, deadline=None)
def test_exact_search_on_many_views(seed: int, queries: int, k: int, masked: bool) -> None:  # noqa: FBT001
    random = np.random.default_rng(seed)
    views = lay_out(directions(random, 400, 8), random.integers(0, 150, 400))
    matching = np.flatnonzero(random.random(400) < random.random()) if masked else None
    asked = directions(random, queries, 8)

    hits = nearest(asked, views, k, matching=matching, exact=True)

    check(hits, asked, views, k, matching)
    items, _, scores = brute_force(asked, views, k, range(400) if matching is None else matching.tolist())
    np.testing.assert_allclose(hits.scores, scores, atol=1e-6)
    assert set(hits.items.tolist()) == set(items) or np.min(np.diff(scores[::-1])) < 1e-6
    assert hits.exact


# --- nearest: scan


@given(SEEDS, st.integers(1, 3), st.integers(1, 60), st.integers(1, 400), st.booleans())
@settings(max_examples=40, deadline=None)
def test_a_scan_gives_k_items(seed: int, queries: int, k: int, items: int, masked: bool) -> None:  # noqa: FBT001
    random = np.random.default_rng(seed)
    views = lay_out(directions(random, 500, 8), random.integers(0, items, 500))
    matching = np.flatnonzero(random.random(500) < random.random()) if masked else None
    asked = directions(random, queries, 8)

    hits = nearest(asked, views, k, matching=matching)

    check(hits, asked, views, k, matching)
    assert hits.path == "scan"


def test_candidates_grow_until_k_items_are_among_them() -> None:
    """One item has the 300 nearest views."""
    random = np.random.default_rng(0)
    query = directions(random, 1, 16)
    near = query + 0.01 * random.standard_normal((300, 16))
    far = directions(random, 700, 16)
    views = lay_out(np.concatenate([near, far]), [0] * 300 + list(range(1, 701)))

    hits = nearest(query, views, 5)

    check(hits, query, views, 5, None)
    assert hits.items.tolist() == nearest(query, views, 5, exact=True).items.tolist()


def test_a_scan_says_whether_it_was_exact() -> None:
    random = np.random.default_rng(0)
    query, views = directions(random, 1, 8), lay_out(directions(random, 1000, 8), np.arange(1000))

    assert not nearest(query, views, 5).exact
    assert nearest(query, views, 5, exact=True).exact
    assert nearest(query, views, 5, matching=np.arange(LEAST_CANDIDATES)).exact
    assert not nearest(query, views, 5, matching=np.arange(LEAST_CANDIDATES + 1)).exact
    assert nearest(query, views, 250).exact


def recall(way: list[Hits], right: list[Hits]) -> float:
    found = [np.isin(one.items, other.items).mean() for one, other in zip(way, right, strict=True)]
    return float(np.mean(found))


@pytest.mark.parametrize(("share", "asked"), [(1.0, 1), (0.3, 1), (0.05, 1), (1.0, 3), (0.3, 3)])
def test_recall_of_a_scan(share: float, asked: int) -> None:
    random = np.random.default_rng(1)
    views = lay_out(directions(random, 5000, 64), np.arange(5000) // 2)
    matching = np.flatnonzero(random.random(5000) < share) if share < 1 else None
    queries = [directions(random, asked, 64) for _ in range(40)]

    way = [nearest(query, views, 10, matching=matching) for query in queries]

    assert not any(hits.exact for hits in way)
    assert recall(way, [nearest(query, views, 10, matching=matching, exact=True) for query in queries]) >= 0.95


# --- nearest: graph


@pytest.fixture(scope="module")
def clustered() -> tuple[Views, Graph]:
    random = np.random.default_rng(2)
    centres = directions(random, 60, 64)[random.integers(0, 60, 4000)]
    views = lay_out(unit_rows(centres + 0.1 * random.standard_normal((4000, 64))), np.arange(4000) // 2)
    return views, Graph.build(views.codes)


def unit_rows(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True))


def test_recall_of_the_graph(clustered: tuple[Views, Graph]) -> None:
    views, graph = clustered
    queries = [from_fixed(views.fixed[[row]]) for row in range(0, 4000, 100)]

    way = [nearest(query, views, 10, graph=graph) for query in queries]

    for query, hits in zip(queries, way, strict=True):
        check(hits, query, views, 10, None)
        assert (hits.path, hits.exact) == ("graph", False)
        assert hits.scanned == LEAST_CANDIDATES
    assert recall(way, [nearest(query, views, 10, exact=True) for query in queries]) >= 0.95


def test_several_queries_share_the_graph(clustered: tuple[Views, Graph]) -> None:
    views, graph = clustered
    queries = from_fixed(views.fixed[[0, 2000]])

    hits = nearest(queries, views, 10, graph=graph)

    check(hits, queries, views, 10, None)
    assert {0, 1000} <= set(hits.items.tolist())
    assert hits.path == "graph"


@pytest.mark.parametrize(
    ("k", "masked", "exact"), [(10, True, False), (10, False, True), (1000, False, False), (5000, False, False)]
)
def test_what_the_graph_cannot_do_is_scanned(
    clustered: tuple[Views, Graph],
    k: int,
    masked: bool,  # noqa: FBT001
    exact: bool,  # noqa: FBT001
) -> None:
    views, graph = clustered
    matching = np.arange(0, 4000, 3) if masked else None
    query = from_fixed(views.fixed[[7]])

    hits = nearest(query, views, k, matching=matching, graph=graph, exact=exact)

    check(hits, query, views, k, matching)
    assert hits.path == "scan"


def test_too_few_items_from_the_graph_lead_to_a_scan() -> None:
    """All that the graph gives is views of one item."""
    random = np.random.default_rng(3)
    query = directions(random, 1, 16)
    near = unit_rows(query + 0.01 * random.standard_normal((300, 16)))
    views = lay_out(np.concatenate([near, directions(random, 300, 16)]), [0] * 300 + list(range(1, 301)))

    hits = nearest(query, views, 5, graph=Graph.build(views.codes))

    check(hits, query, views, 5, None)
    assert hits.path == "scan"
    assert hits.items.tolist() == nearest(query, views, 5, exact=True).items.tolist()


# --- nearest: nothing


@pytest.mark.parametrize(("rows", "matching", "k"), [(0, None, 5), (9, np.empty(0, np.int64), 5), (9, None, 0)])
@pytest.mark.parametrize("exact", [True, False])
def test_nothing_to_find(rows: int, matching: NDArray[np.int64] | None, k: int, exact: bool) -> None:  # noqa: FBT001
    views = lay_out(CORNERS[:rows], range(rows))

    hits = nearest(CORNERS[:1], views, k, matching=matching, graph=Graph.build(views.codes), exact=exact)

    assert (len(hits.items), len(hits.views), len(hits.scores), hits.scanned) == (0, 0, 0, 0)
    assert hits.exact


# --- quantise


@given(hnp.arrays(np.float32, hnp.array_shapes(min_dims=2, max_dims=2, min_side=0, max_side=6)))
@settings(max_examples=80, deadline=None)
def test_codes(embeddings: NDArray[np.float32]) -> None:
    if not np.isfinite(embeddings).all():
        with pytest.raises(InvalidVectorError, match="NaN or infinity"):
            quantise(embeddings)
        return

    codes, scale = quantise(embeddings)

    assert codes.dtype == np.int8
    assert codes.shape == embeddings.shape
    largest = np.abs(embeddings.astype(np.float64)).max(initial=0)
    assert np.abs(codes).max(initial=0) == (127 if largest else 0)
    assert np.abs(embeddings / (largest or 1) * 127 - codes).max(initial=0) <= 0.5001
    assert np.isfinite(scale)
    assert scale == pytest.approx(127 / largest if largest else 1)


@pytest.mark.parametrize("dtype", [np.float16, np.float32])
@pytest.mark.parametrize("value", ["tiny", "smallest_subnormal", "max"])
def test_codes_of_extremes(dtype: type[np.floating], value: str) -> None:
    embeddings = np.array([[getattr(np.finfo(dtype), value), 0], [0, -getattr(np.finfo(dtype), value)]], dtype)

    assert quantise(embeddings)[0].tolist() == [[127, 0], [0, -127]]


@pytest.mark.parametrize("wrong", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("dtype", [np.float16, np.float32])
def test_no_codes_of_what_is_not_finite(wrong: float, dtype: type[np.floating]) -> None:
    with pytest.raises(InvalidVectorError, match="NaN or infinity"):
        quantise(np.array([[1, 0], [0, wrong]], dtype))


def test_codes_of_many_rows_share_one_scale() -> None:
    rows = np.full((20_000, 2), 0.5, np.float16)
    rows[-1] = 1

    codes, scale = quantise(rows)

    assert (codes[:-1] == 64).all()
    assert codes[-1].tolist() == [127, 127]
    assert scale == 127


# --- unit


@given(hnp.arrays(np.float64, 5))
@settings(max_examples=80, deadline=None)
def test_unit(vector: NDArray[np.float64]) -> None:
    assume(np.isfinite(vector).all() and vector.any())

    found = unit(vector, 5)

    assert found.dtype == np.float32
    assert np.linalg.norm(found) == pytest.approx(1, abs=1e-6)
    np.testing.assert_allclose(found / np.abs(found).max(), vector / np.abs(vector).max(), atol=1e-6)


@pytest.mark.parametrize("value", [5e-324, 1e-300, 1e-40, 1e40, 1e308, 1.7976931348623157e308])
def test_unit_of_extremes(value: float) -> None:
    np.testing.assert_allclose(unit(np.array([value, -value, 0, 0]), 4), [0.5**0.5, -(0.5**0.5), 0, 0], rtol=1e-6)


@pytest.mark.parametrize(
    ("vector", "says"),
    [
        ([1.0, np.nan], "NaN or infinity"),
        ([1.0, np.inf], "NaN or infinity"),
        ([-np.inf, 1.0], "NaN or infinity"),
        ([0.0, -0.0], "length 0"),
        ([1.0], r"shape \(1,\).*\(2,\)"),
        ([1.0, 2.0, 3.0], r"shape \(3,\).*\(2,\)"),
        ([[1.0, 2.0]], r"shape \(1, 2\).*\(2,\)"),
        ([], r"shape \(0,\)"),
    ],
)
def test_vectors_that_cannot_be_used(vector: list[float], says: str) -> None:
    with pytest.raises(InvalidVectorError, match=says):
        unit(np.array(vector, np.float64), 2)


def test_the_vector_given_stays_as_it_is() -> None:
    vector = np.array([3.0, 4.0])
    unit(vector, 2)

    assert vector.tolist() == [3.0, 4.0]
