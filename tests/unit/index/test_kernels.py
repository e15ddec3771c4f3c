from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from graphs import mean_colour
from tonari.encoders.onnx import Session
from tonari.errors import InvalidEncoderError, UnencodableImageError
from tonari.index import kernels
from tonari.index.kernels import Packed, count_true, dot_products, dot_products_of

ROWS, DIMENSIONS = 200, 16


def codes(rows: int = ROWS, dimensions: int = DIMENSIONS, seed: int = 0) -> NDArray[np.int8]:
    return np.random.default_rng(seed).integers(-127, 128, (rows, dimensions), dtype=np.int8)


def python(program: str, home: Path) -> None:
    """Run a program in an interpreter of its own, whose home is an empty folder."""
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith(("XDG_", "ORT_")) and name != "HOME"
    }
    subprocess.run([sys.executable, "-c", program], env=environment | {"HOME": str(home)}, check=True, timeout=60)


# --- order of imports

USE = """
import numpy as np
from pathlib import Path
from tonari.encoders.onnx import Session
from tonari.index.graph import Graph
from tonari.index.kernels import dot_products, dot_products_of
codes = np.eye(8, dtype=np.int8)
assert Graph.build(codes).search(codes[3], 1).rows.tolist() == [3]
assert dot_products(codes, codes).trace() == 8
session = Session(Path({model!r}), ("image",), "embedding", 1, ValueError)
assert session.run({{"image": np.ones((1, 4, 4, 3), np.uint8)}}).shape == (1, 3)
"""


@pytest.mark.parametrize(
    "first",
    [
        "import usearch.index, onnxruntime, tonari.encoders.onnx",
        "import tonari.index.graph, tonari.encoders.onnx",
        "import tonari.encoders.onnx, tonari.index.graph",
        "import tonari.snapshots.snapshot, usearch.index, tonari.encoders.image",
        "import tonari.encoders.image, onnxruntime, tonari.index.vectors, tonari.snapshots.snapshot",
    ],
)
def test_orders_of_import(first: str, tmp_path: Path) -> None:
    python(f"{first}\n{USE.format(model=str(mean_colour(tmp_path / 'model.onnx')))}", tmp_path)


def test_nothing_is_written_at_home(tmp_path: Path) -> None:
    model = mean_colour(tmp_path / "model.onnx")
    home = tmp_path / "home"
    home.mkdir()

    python(USE.format(model=str(model)), home)

    assert list(home.rglob("*")) == []


# --- Session


def test_a_session_runs(tmp_path: Path) -> None:
    session = Session(
        mean_colour(tmp_path / "model.onnx", (1, 2, 3)), ("image",), "embedding", 1, UnencodableImageError
    )

    output = session.run({"image": np.full((1, 4, 4, 3), 5, np.uint8)})

    assert output.dtype == np.float32
    assert output.tolist() == [[5, 10, 15]]


@pytest.mark.parametrize("names", [("pixels", "embedding"), ("image", "mean"), ("", "")])
def test_a_session_wants_its_names(tmp_path: Path, names: tuple[str, str]) -> None:
    model = mean_colour(tmp_path / "model.onnx")

    with pytest.raises(InvalidEncoderError, match=r"the graph has inputs \['image'\] and outputs \['embedding'\]"):
        Session(model, names[:1], names[1], 1, UnencodableImageError)


def test_a_session_wants_a_graph(tmp_path: Path) -> None:
    (tmp_path / "model.onnx").write_bytes(b"no graph")

    with pytest.raises(InvalidEncoderError, match="does not load"):
        Session(tmp_path / "model.onnx", ("image",), "embedding", 1, UnencodableImageError)


@pytest.mark.parametrize("batch", [np.ones((1, 4, 4, 3), np.float32), np.ones((2, 4, 4, 3), np.uint8)])
def test_a_session_wants_its_input(tmp_path: Path, batch: NDArray[np.generic]) -> None:
    session = Session(mean_colour(tmp_path / "model.onnx"), ("image",), "embedding", 1, UnencodableImageError)

    with pytest.raises(InvalidEncoderError, match=f"failed on input.*{batch.dtype}"):
        session.run({"image": batch})


# --- dot products


@given(st.integers(1, 3), st.integers(1, 40), st.integers(1, 300), st.integers(0, 1 << 32))
@settings(max_examples=60, deadline=None)
def test_dot_products_are_exact(queries: int, rows: int, dimensions: int, seed: int) -> None:
    few, many = codes(queries, dimensions, seed), codes(rows, dimensions, seed + 1)

    for products in (dot_products(few, many), Packed(many).dot_products(few)):
        assert products.shape == (queries, rows)
        assert np.array_equal(products, few.astype(np.int64) @ many.astype(np.int64).T)


@pytest.mark.parametrize("one", [-128, 127])
def test_dot_products_do_not_overflow(one: int) -> None:
    full = np.full((1, 65_536), one, np.int8)

    assert dot_products(full, full).tolist() == [[one * one * 65_536]]
    assert Packed(full).dot_products(full).tolist() == [[one * one * 65_536]]


def test_dot_products_of_a_mapped_file(tmp_path: Path) -> None:
    held = codes(20, 7, 1)
    np.save(tmp_path / "codes.npy", held)
    mapped = np.load(tmp_path / "codes.npy", mmap_mode="r")

    assert np.array_equal(dot_products(mapped[3:4], mapped[5:]), dot_products(held[3:4], held[5:]))


@given(st.integers(0, 3000), st.floats(0, 1), st.integers(0, 1 << 16))
@settings(max_examples=60, deadline=None)
def test_true_places_are_counted(size: int, share: float, seed: int) -> None:
    mask = np.random.default_rng(seed).random(size) < share

    assert count_true(mask) == np.count_nonzero(mask)
    assert count_true(mask[::3].copy()) == np.count_nonzero(mask[::3])


def test_more_true_places_than_a_small_integer_holds() -> None:
    assert count_true(np.ones(70_000_000, np.bool_)) == 70_000_000


@pytest.mark.parametrize("block_bytes", [1, 100, 1 << 19])
def test_some_rows_are_compared_block_by_block(block_bytes: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kernels, "BLOCK_BYTES", block_bytes)
    random = np.random.default_rng(0)
    codes = random.integers(-127, 128, (90, 24)).astype(np.int8)
    queries, rows = codes[:2], random.permutation(90)[:37]

    expected = (codes[rows].astype(np.int32) @ queries.T.astype(np.int32)).max(axis=1)
    assert dot_products_of(queries, codes, rows).tolist() == expected.tolist()
