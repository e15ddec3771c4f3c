"""What must hold of an index that comes from files, so that no search reads out of range or compares what differs.

What could lead a search astray by a single number, such as the bounds of cells, is checked whole. What was computed
from something else, such as codes from embeddings, is computed again for rows spread over all.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from tonari.errors import CorruptArtefactError
from tonari.index.cells import Cells, assign
from tonari.index.graph import Graph
from tonari.index.planner import MOST_WALKED
from tonari.index.rotation import Rotation
from tonari.index.vector_index import Tuning, VectorIndex
from tonari.index.vectors import Views, from_fixed

SAMPLED_ROWS = 1024
ASSIGNED_ROWS = 128
"""Comparing a row with all centroids takes longer."""
LENGTH_TOLERANCE = 0.02
CODE_TOLERANCE = 1.5
"""Rounding takes a half; as much again is left for a scale that is guessed from few rows."""
LEAST_ASSIGNED = 0.9
"""Share of the rows that must be in the cell of their nearest centroid: arithmetic of other machines may swap a few."""
MOST_CANDIDATES = 100_000


def demand(holds: object, what: str) -> None:
    """Refuse what was read unless something holds of it.

    Parameters
    ----------
    what
        Is wrong otherwise.

    Raises
    ------
    CorruptArtefactError
        If it does not hold.
    """
    if not holds:
        raise CorruptArtefactError(f"{what}: rebuild.")


def spread(count: int, most: int) -> NDArray[np.int64]:
    """Choose at most so many of ``count`` positions, the first and the last among them, evenly spread."""
    return np.unique(np.linspace(0, count - 1, min(count, most)).astype(np.int64))


def demand_bounds(bounds: NDArray[np.int64], end: int, what: str) -> None:
    """Refuse bounds of consecutive parts, (n + 1,), unless they ascend from 0 to ``end``."""
    holds = len(bounds) and bounds[0] == 0 and bounds[-1] == end and bool((bounds[1:] >= bounds[:-1]).all())
    demand(holds, f"{what} do not ascend from 0 to {end:,}")


def check_rows(item: NDArray[np.int32], rows: NDArray[np.int64], first: NDArray[np.int64]) -> None:
    """Check that each of N rows belongs to one of I items, by whatever way it is looked up.

    Parameters
    ----------
    item : (N,) int32
    rows : (N,) int64
    first : (I + 1,) int64
        As :class:`tonari.index.vector_index.VectorIndex` has them.

    Raises
    ------
    CorruptArtefactError
        If they contradict each other.
    """
    demand_bounds(first, len(item), "The bounds of the items' views")
    if not len(item):
        return
    demand(rows.min() >= 0 and rows.max() < len(item), "A view of an item lies outside of the rows")
    listed = np.zeros(len(item), np.bool_)
    listed[rows] = True
    demand(listed.all(), "Not every row is a view of an item")
    owner = np.repeat(np.arange(len(first) - 1, dtype=item.dtype), np.diff(first))
    demand(np.array_equal(item[rows], owner), "Rows belong to other items than those that list them")


def check_views(views: Views) -> None:
    """Check that embeddings have length 1, and that the codes are theirs; of what is here.

    Raises
    ------
    CorruptArtefactError
        If not.
    """
    if views.rotation is not None:
        _check_rotation(views, views.rotation)
    rows = spread(len(views), SAMPLED_ROWS)
    if not len(rows) or not views.whole:
        return
    fixed, codes = from_fixed(views.fixed[rows]), views.codes[rows].astype(np.float32)
    lengths = np.sqrt(np.vecdot(fixed, fixed))
    demand((np.abs(lengths - 1) <= LENGTH_TOLERANCE).all(), "There are embeddings whose length is not 1")
    if views.rotation is not None:
        fixed, kept = views.rotation.turn(fixed / lengths[:, None])
        same = np.abs(kept - views.lengths[rows]).max() <= LENGTH_TOLERANCE
        demand(same, "There are lengths of other embeddings than those kept")
    scale = np.vdot(fixed, codes) / np.vdot(fixed, fixed)
    fit = scale > 0 and np.abs(codes - scale * fixed).max() <= CODE_TOLERANCE
    demand(fit, "There are codes of other embeddings than those kept")


def _check_rotation(views: Views, rotation: Rotation) -> None:
    """Check that a rotation is one, and that lengths are what it can leave."""
    basis = rotation.basis
    demand(np.isfinite(basis).all(), "There are directions that are not finite")
    angles = basis.T @ basis - np.eye(basis.shape[1], dtype=np.float32)
    demand(np.abs(angles).max() <= LENGTH_TOLERANCE, "The directions of the rotation are not at right angles")
    sane = len(views.lengths) == len(views) and bool(((views.lengths >= 0) & (views.lengths <= 1)).all())
    demand(sane, "There are lengths that no rotation leaves")


def check_cells(centroids: NDArray[np.float32], start: NDArray[np.int64], codes: NDArray[np.int8]) -> None:
    """Check that cells part the rows, each row in the cell of its nearest centroid.

    Parameters
    ----------
    centroids : (C, R) float32
    start : (C + 1,) int64
        As :class:`tonari.index.cells.Cells` has them.
    codes : (N, R) int8

    Raises
    ------
    CorruptArtefactError
        If not.
    """
    demand_bounds(start, len(codes), "The bounds of the cells")
    demand(np.isfinite(centroids).all(), "There are centroids that are not finite")
    lengths = np.vecdot(centroids, centroids)
    demand(lengths.max(initial=0) <= (1 + LENGTH_TOLERANCE) ** 2, "There are centroids longer than any mean can be")
    rows = spread(len(codes), ASSIGNED_ROWS)
    nearest = np.searchsorted(start, rows, side="right") - 1 == assign(codes[rows], centroids)
    demand(nearest.mean() >= LEAST_ASSIGNED, "Rows do not lie in the cells of their nearest centroids")


def check_graph(graph: Graph, codes: NDArray[np.int8]) -> None:
    """Check that a graph is over these codes, (N, D).

    Raises
    ------
    CorruptArtefactError
        If not.
    """
    rows = spread(len(codes), SAMPLED_ROWS)
    demand(np.array_equal(graph.codes(rows), codes[rows]), "The graph is of other codes, or under other keys")


def check_tuning(tuning: Tuning, cells: Cells | None, graph: Graph | None) -> None:
    """Check that settings say what searches can do.

    Raises
    ------
    CorruptArtefactError
        If not.
    """
    demand(tuning.graph == (graph is not None), "The tuning says otherwise than the files whether there is a graph")
    demand(
        0 < tuning.expansion <= MOST_WALKED if tuning.graph else tuning.expansion == 0,
        f"The tuning walks a graph for {tuning.expansion} candidates; 1 to {MOST_WALKED} are possible",
    )
    demand(cells is not None or not tuning.probes, "The tuning probes cells, and there are none")
    selectivities = [probe.selectivity for probe in tuning.probes]
    demand(selectivities == sorted(selectivities, reverse=True), "The tuning's selectivities do not descend")
    for probe in tuning.probes:
        sane = (
            0 < probe.selectivity <= 1
            and probe.cells >= 1
            and 1 <= probe.rows <= MOST_CANDIDATES
            and 0 <= probe.candidates <= MOST_CANDIDATES
            and 0 < probe.ratio < np.inf
            and 0 <= probe.sparse < np.inf
        )
        demand(sane, f"The tuning has impossible settings: {probe}")


def check_recall(recall: Mapping[str, float]) -> None:
    """Check that recall lies from 0 to 1.

    Raises
    ------
    CorruptArtefactError
        If not.
    """
    demand(all(0 <= share <= 1 for share in recall.values()), "There is a recall that is not from 0 to 1")


def check_index(index: VectorIndex) -> None:
    """Check a whole index, laid out already; cells must have been checked before that.

    Raises
    ------
    CorruptArtefactError
        If something of it contradicts the rest.
    """
    check_rows(index.views.item, index.rows, index.first)
    check_views(index.views)
    if index.graph is not None:
        check_graph(index.graph, index.views.codes)
    check_tuning(index.tuning, index.cells, index.graph)
