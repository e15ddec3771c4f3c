"""Vectors as embeddings lie, and indexes over them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np
import pytest
from numpy.typing import NDArray

from tonari.index import tuning
from tonari.index.vector_index import VectorIndex, lay_out, sort_by_cell
from tonari.index.vectors import to_fixed


def unit_rows(rows: NDArray[np.floating]) -> NDArray[np.float32]:
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), np.float32)


def directions(random: np.random.Generator, rows: int, dimensions: int) -> NDArray[np.float32]:
    return unit_rows(random.standard_normal((rows, dimensions)))


def clusters(random: np.random.Generator, views: int, dimensions: int, centres: int = 40) -> NDArray[np.int16]:
    """Unit vectors around random centres, as embeddings lie."""
    middle = random.standard_normal((centres, dimensions))
    return to_fixed(
        unit_rows(middle[random.integers(0, centres, views)] + 0.7 * random.standard_normal((views, dimensions)))
    )


def index_of(fixed: NDArray[np.int16], item: Sequence[int] | NDArray[np.integer]) -> VectorIndex:
    """Index views of numbered items; a number without a view is an item without one."""
    order = np.argsort(item, kind="stable")
    return lay_out(fixed[order], np.bincount(item, minlength=0).astype(np.int64))


@contextmanager
def slow_graphs_kept() -> Iterator[None]:
    """Keep each graph that finds enough: whether one is quick enough is measured, and a busy machine is not."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tuning, "AT_ONCE", np.inf)
        yield


def in_cells(index: VectorIndex) -> VectorIndex:
    return sort_by_cell(index)[0] if len(index.views) else index
