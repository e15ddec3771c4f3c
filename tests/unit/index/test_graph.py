"""The USearch graph: built, saved, opened, searched, refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from tonari.errors import CorruptArtefactError
from tonari.index.graph import Graph

ROWS, DIMENSIONS = 200, 16


def codes(rows: int = ROWS, dimensions: int = DIMENSIONS, seed: int = 0) -> NDArray[np.int8]:
    return np.random.default_rng(seed).integers(-127, 128, (rows, dimensions), dtype=np.int8)


def built(path: Path, given: NDArray[np.int8]) -> Path:
    Graph.build(given).save(path)
    return path


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return built(tmp_path / "graph", codes())


def test_the_same_codes_give_the_same_file(tmp_path: Path) -> None:
    one, other, another = (
        built(tmp_path / name, codes(seed=seed)).read_bytes() for name, seed in (("a", 0), ("b", 0), ("c", 1))
    )

    assert one == other
    assert one != another


def test_search_finds_the_nearest(file: Path) -> None:
    wide = codes().astype(np.float64)
    wide /= np.linalg.norm(wide, axis=1, keepdims=True)
    right = np.argsort(-(wide @ wide.T), axis=1)[:, :10]

    for graph in (Graph.build(codes()), Graph.open(file, ROWS, DIMENSIONS)):
        found = np.stack([graph.search(code, 40).rows[:10] for code in codes()])

        assert found.dtype == np.int64
        assert found[:, 0].tolist() == list(range(ROWS))
        assert np.mean([np.isin(row, wanted).mean() for row, wanted in zip(found, right, strict=True)]) > 0.95


def test_a_mapped_graph_searches_as_widely_as_the_built_one_does(tmp_path: Path) -> None:
    many = codes(3000, 64)
    graph = Graph.build(many)
    graph.save(tmp_path / "graph")
    mapped = Graph.open(tmp_path / "graph", *many.shape)

    for query in codes(50, 64, seed=5):
        assert mapped.search(query, 10).rows.tolist() == graph.search(query, 10).rows.tolist()


def test_a_wider_walk_compares_more_rows_and_finds_more() -> None:
    many = codes(3000, 64)
    graph, query = Graph.build(many), codes(1, 64, seed=5)[0]
    few, more = graph.search(query, 10), graph.search(query, 300)

    assert (len(few.rows), len(more.rows)) == (10, 300)
    assert 10 < few.scanned < more.scanned < 3000


def test_no_more_than_there_are(file: Path) -> None:
    assert sorted(Graph.open(file, ROWS, DIMENSIONS).search(codes()[0], 5 * ROWS).rows.tolist()) == list(range(ROWS))


def test_an_empty_graph(tmp_path: Path) -> None:
    empty = codes(0)

    graph = Graph.open(built(tmp_path / "empty", empty), 0, DIMENSIONS)

    assert graph.search(codes(1)[0], 5).rows.tolist() == []


@pytest.mark.parametrize(("rows", "dimensions"), [(ROWS + 1, DIMENSIONS), (0, DIMENSIONS), (ROWS, DIMENSIONS * 2)])
def test_another_size_is_refused(file: Path, rows: int, dimensions: int) -> None:
    with pytest.raises(CorruptArtefactError, match=rf"should be \({rows}, {dimensions}, .*\({ROWS}, {DIMENSIONS}, "):
        Graph.open(file, rows, dimensions)


@pytest.mark.parametrize(("metric", "scalar"), [("ip", "i8"), ("l2sq", "i8"), ("cos", "f16"), ("cos", "f32")])
def test_another_metric_or_scalar_is_refused(tmp_path: Path, metric: str, scalar: str) -> None:
    from usearch.index import Index  # noqa: PLC0415 - at the top it would come before onnxruntime

    index = Index(ndim=DIMENSIONS, metric=metric, dtype=scalar)
    index.add(np.arange(ROWS, dtype=np.uint64), codes().astype(np.float32) / 127)
    index.save(str(tmp_path / "graph"))

    with pytest.raises(CorruptArtefactError, match=f"should be .*the file is .*{ROWS}"):
        Graph.open(tmp_path / "graph", ROWS, DIMENSIONS)


@pytest.mark.parametrize("data", [b"", b"no graph", bytes(4096)])
def test_what_is_no_graph_is_refused(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "graph").write_bytes(data)

    with pytest.raises(CorruptArtefactError):
        Graph.open(tmp_path / "graph", ROWS, DIMENSIONS)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CorruptArtefactError):
        Graph.open(tmp_path / "nowhere", ROWS, DIMENSIONS)
