"""`tonari.Index`: vectors and columns in one process."""

from __future__ import annotations

import doctest
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tonari import (
    CorruptArtefactError,
    Index,
    InvalidCatalogueError,
    InvalidFilterError,
    InvalidRequestError,
    InvalidVectorError,
    embedded,
)
from unit.index.samples import directions, slow_graphs_kept

FILTERS: dict[str, tuple[Any, Any]] = {
    "all": (None, lambda _: True),
    "cheap": ({"price": {"$lt": 3}}, lambda f: f.get("price", 9) < 3),
    "red or new": (
        {"$or": [{"color": "red"}, {"new": True}]},
        lambda f: f.get("color") == "red" or f.get("new") is True,
    ),
    "tagged": ({"tags": {"$in": ["a", "b"]}}, lambda f: bool({"a", "b"} & set(f.get("tags", [])))),
    "nothing": ({"color": "no such colour"}, lambda _: False),
}


def random_index(random: np.random.Generator, items: int, *, several: bool) -> tuple[Index, list[Any]]:
    """Also the vectors of each item, as they were given."""
    given = [
        np.round(3 * directions(random, int(random.integers(1, 4)) if several else 1, 5), 1) + 0.01
        for _ in range(items)
    ]
    price = random.integers(0, 6, items).astype(float)
    price[random.random(items) < 0.2] = np.nan
    columns = {
        "price": price,
        "color": [("red", "blue", None)[random.integers(3)] for _ in range(items)],
        "new": (random.random(items) < 0.5).tolist(),
        "tags": [random.choice(["a", "b", "c"], random.integers(0, 3)).tolist() for _ in range(items)],
    }
    vectors = given if several else np.concatenate(given)
    return Index.build(vectors, columns, ids=[f"item {number}" for number in range(items)]), given


@given(st.integers(0, 1 << 32), st.integers(1, 120), st.integers(1, 30), st.sampled_from(sorted(FILTERS)), st.data())
@settings(max_examples=25, deadline=None)
def test_answers_are_brute_force(seed: int, items: int, k: int, name: str, data: st.DataObject) -> None:
    random = np.random.default_rng(seed)
    index, given = random_index(random, items, several=data.draw(st.booleans()))
    raw, holds = FILTERS[name]
    ids = data.draw(st.none() | st.lists(st.integers(0, 150).map(lambda n: f"item {n}"), max_size=60))
    query = random.standard_normal(5)

    def score(position: int) -> float:
        rows = given[position] / np.linalg.norm(given[position], axis=1, keepdims=True)
        return float((rows @ query / np.linalg.norm(query)).max())

    in_range = [n for n in range(items) if holds(index.fields(n)) and (ids is None or f"item {n}" in ids)]
    right = sorted((score(n) for n in in_range), reverse=True)[:k]
    for exact in (True, False):
        found = index.search(query, k, raw, ids=ids, exact=exact)

        assert found.matching == len(in_range)
        assert len(found) == min(k, len(in_range)) == len({hit.id for hit in found})
        for hit in found:
            position = int(hit.id.removeprefix("item "))
            assert position in in_range
            assert hit.fields == index.fields(position)
            assert hit.score == pytest.approx(score(position), abs=1e-4)
        if exact:
            assert [hit.score for hit in found] == pytest.approx(right, abs=1e-4)


@pytest.fixture(scope="module")
def large() -> Index:
    """Large enough for cells and a graph."""
    random = np.random.default_rng(2)
    with pytest.MonkeyPatch.context() as patch, slow_graphs_kept():
        patch.setattr("tonari.index.shortening.CELLS_FROM_BYTES", 0)
        return random_index(random, 1500, several=False)[0]


def test_recall_is_measured_at_build(large: Index) -> None:
    assert large.recall["1"] >= 0.99
    assert large.search([1, 0, 0, 0, 0]).path == "graph"


def test_what_was_saved_is_opened(large: Index, tmp_path: Path) -> None:
    large.save(tmp_path / "index")

    again = Index.open(tmp_path / "index")

    assert (again.ids, again.columns, again.recall) == (large.ids, large.columns, large.recall)
    assert (again.dimensions, len(again), again.schema) == (5, 1500, large.schema)
    for query in directions(np.random.default_rng(3), 20, 5):
        for raw, _ in FILTERS.values():
            assert again.search(query, 15, raw) == large.search(query, 15, raw)


def test_an_index_by_rotated_vectors_is_saved_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tonari.index.shortening.CELLS_FROM_BYTES", 0)
    random = np.random.default_rng(6)
    vectors = random.standard_normal((900, 24)) @ random.standard_normal((24, 200))
    index = Index.build(vectors, {"price": list(range(900))})
    assert index._vectors.views.codes.shape == (900, 64)
    assert index.dimensions == 200
    index.save(tmp_path / "index")

    again = Index.open(tmp_path / "index")

    assert again._vectors.views.rotation is not None
    for query in vectors[:20] + 0.5 * random.standard_normal((20, 200)):
        assert again.search(query, 15) == index.search(query, 15)
        scores = vectors @ query / np.linalg.norm(vectors, axis=1)
        found = index.search(query, 15, {"price": {"$lt": 600}})
        assert [hit.id for hit in found][:3] == np.argsort(-scores[:600])[:3].tolist()


def test_a_small_index_is_saved_too(tmp_path: Path) -> None:
    index = Index.build(np.eye(3), {"price": [1, None, 3]})
    index.save(str(tmp_path / "index"))

    found = Index.open(str(tmp_path / "index")).search([0, 1, 1], filter={"price": {"$exists": True}})

    assert [(hit.id, hit.fields) for hit in found] == [(2, {"price": 3}), (0, {"price": 1})]


def test_a_damaged_file_is_refused(large: Index, tmp_path: Path) -> None:
    path = tmp_path / "index"
    large.save(path)
    whole = path.read_bytes()
    for place in np.linspace(0, len(whole) - 1, 40).astype(int):
        damaged = bytearray(whole)
        damaged[place] ^= 1
        path.write_bytes(damaged)
        try:
            opened = Index.open(path)
        except CorruptArtefactError:
            continue
        assert opened.search([1, 0, 0, 0, 0]) == large.search([1, 0, 0, 0, 0])  # a byte between two arrays
    for cut in (0, 10, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:cut])
        with pytest.raises(CorruptArtefactError):
            Index.open(path)
    with pytest.raises(FileNotFoundError):
        Index.open(tmp_path / "nowhere")


def test_nothing_is_an_index_too() -> None:
    index = Index.build(np.empty((0, 4)), {"price": []}, ids=[])

    assert len(index) == 0
    assert list(index.search([1, 0, 0, 0])) == []


@pytest.mark.parametrize(
    ("vectors", "says"),
    [
        ([[1.0, 2.0], [float("nan"), 1.0]], "Vector 1 has NaN"),
        ([[1.0, 2.0], [float("inf"), 1.0]], "Vector 1 has NaN, infinity"),
        ([[0.0, 0.0]], "Vector 0 has .* no length"),
        ([[1.0, 2.0], [1.0]], "different dimensions"),
        ([1.0, 2.0], r"shape \(2,\)"),
        ([["a", "b"]], "vectors are numbers"),
        ([[[1.0, 2.0]], [[1.0, 2.0, 3.0]]], r"item 1 have shape \(1, 3\)"),
    ],
)
def test_vectors_that_cannot_be_used(vectors: Any, says: str) -> None:
    with pytest.raises(InvalidVectorError, match=says):
        Index.build(vectors)


@pytest.mark.parametrize(
    ("columns", "ids", "says"),
    [
        ({"price": [1]}, None, "'price' has 1 values for 2 items"),
        ({"price": [1, {}]}, None, r"'price' has \{\} at 1"),
        ({"price": [1, float("inf")]}, None, "'price' has inf at 1"),
        ({"id": ["a", "b"]}, None, "'id' cannot be a column"),
        ({}, ["a"], "1 ids and 2 items"),
        ({}, ["a", "a"], "'a' stands twice"),
        ({}, ["a", 1.5], "1.5 cannot be an id"),
        ({}, ["a", True], "true cannot be an id"),
        ({}, ["a", "\ud800"], "half a surrogate pair"),
        ({}, ["7", 7], "7 stands twice"),
        ({}, ["é", "e\u0301"], "stands twice"),
        ({"é": [1, 2], "e\u0301": [1, 2]}, None, "are one name in two normal forms"),
        ({"name": ["a", "\udfff"]}, None, "the value of 'name' holds half a surrogate pair"),
    ],
)
def test_columns_and_ids_that_cannot_be_used(columns: Any, ids: Any, says: str) -> None:
    with pytest.raises(InvalidCatalogueError, match=says):
        Index.build(np.eye(2), columns, ids=ids)


@pytest.mark.parametrize(
    ("asked", "error", "says"),
    [
        ({"query": [1.0]}, InvalidVectorError, r"shape \(1,\)"),
        ({"query": [0.0, float("nan")]}, InvalidVectorError, "NaN"),
        ({"query": ["a", "b"]}, InvalidVectorError, "numbers"),
        ({"k": 0}, InvalidRequestError, "'k' is 0"),
        ({"k": True}, InvalidRequestError, "'k' is True"),
        ({"filter": {"pice": 1}}, InvalidFilterError, "did you mean 'price'"),
        ({"filter": {"price": "1"}}, InvalidFilterError, "compared with a number"),
        ({"filter": {"price": 2**53 + 1}}, InvalidFilterError, "beyond 2.53, which a number field does not hold"),
        ({"filter": {"\ud83d": 1}}, InvalidFilterError, "half a surrogate pair"),
        ({"ids": [1.5]}, InvalidRequestError, "'ids': 1.5 cannot be an id"),
        ({"ids": ["\udfff"]}, InvalidRequestError, "half a surrogate pair"),
    ],
)
def test_questions_that_cannot_be_answered(asked: Any, error: type[Exception], says: str) -> None:
    index = Index.build(np.eye(2), {"price": [1, 2]})

    with pytest.raises(error, match=says):
        index.search(**({"query": [1.0, 0.0]} | asked))


@pytest.mark.parametrize("dtype", [np.int64, np.uint64])
def test_large_whole_numbers_are_exact(dtype: type[np.integer], tmp_path: Path) -> None:
    codes = np.array([2**53, 2**53 + 1, 2**63 - 1, 5], dtype)
    built = Index.build(np.eye(4), {"code": codes, "size": list(codes % 50), "sizes": [[38, "39"], [38.0], [], None]})
    built.save(tmp_path / "index")

    for index in (built, Index.open(tmp_path / "index")):
        for number, code in enumerate(codes.tolist()):
            for wanted in (code, str(code), codes[number], {"$in": codes[number : number + 1]}):
                (hit,) = index.search(np.ones(4), filter={"code": wanted})
                assert (hit.id, hit.fields["code"], type(hit.fields["code"])) == (number, code, int)
        assert not index.search(np.ones(4), filter={"code": 2**53 + 2})
        for size in (38, 38.0, "38"):
            assert {hit.id for hit in index.search(np.ones(4), filter={"sizes": size})} == {0, 1}
        assert {hit.id for hit in index.search(np.ones(4), filter={"sizes": None})} == {2, 3}
        assert len(index.search(np.ones(4), filter={"size": {"$gte": 0}})) == 4


@pytest.mark.parametrize(
    "ids", [[7, "a", 3, -1], ["7", "a", "3", "-1"], np.array([7, 0, 3, -1]), [np.int64(7), "a", 3, -1]]
)
def test_a_number_as_id_is_its_digits(ids: Any) -> None:
    index = Index.build(np.eye(4), ids=ids)

    for asked in ([7, "3"], ["7", 3], np.array([7, 3]), ("7", "3", 7, "nobody")):
        assert [hit.id for hit in index.search([1, 0, 0.5, 0], ids=asked)] == [ids[0], ids[2]]
    assert not index.search(np.ones(4), ids=[])


def test_names_are_one_in_both_normal_forms(tmp_path: Path) -> None:
    other = "gru\u0308n"
    built = Index.build(np.eye(2), {other: [other, "rot"], "tags": [[other], []]}, ids=[f"{other}.jpg", "a.jpg"])
    built.save(tmp_path / "index")

    for index in (built, Index.open(tmp_path / "index")):
        for name in ("grün", other):
            for narrowed in ({"filter": {name: name}}, {"filter": {"tags": name}}, {"ids": [f"{name}.jpg"]}):
                (hit,) = index.search([1, 0], **narrowed)
                assert (hit.id, hit.fields) == ("grün.jpg", {"grün": "grün", "tags": ["grün"]})


def test_the_example_runs() -> None:
    assert doctest.testmod(embedded).failed == 0
