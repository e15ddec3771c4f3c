"""Shorter vectors to find candidates by: the fewest dimensions with which searches still find what is nearest."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tonari.index.planner import CELLS_FROM_BYTES
from tonari.index.rotation import Rotation, learn_basis, mix
from tonari.index.truth import KINDS, SELECTIVITIES, GroundTruth, recall_under
from tonari.index.vector_index import ROTATED_CANDIDATES, VectorIndex, sort_by_cell
from tonari.index.vectors import BLOCK, Views, from_fixed, quantise, to_fixed

DIMENSIONS = (64, 128, 192, 256, 384, 512)
"""Numbers of dimensions that are tried, the fewest first."""
SEED = 13
SAMPLED = 20_000
"""Rows that a rotation is learned from."""
WORTH = 0.5
"""Share of the dimensions up to which shorter vectors are worth a rotation of each query."""
STRIVEN_FOR = 0.997
"""Recall@10 that scans must reach under every kind of filter, at every selectivity: cells lose some of it."""


def shorten(index: VectorIndex) -> VectorIndex:
    """Learn a rotation, and find candidates by as few dimensions as keep recall; as before if none do.

    Recall is measured on views of this index under filters drawn for each, against exact searches by whole vectors.

    Parameters
    ----------
    index
        Not in cells, without a graph.
    """
    views = index.views
    tried = [count for count in DIMENSIONS if count <= WORTH * views.dimensions]
    if not tried or not len(views):
        return index
    truth = GroundTruth(index)
    basis = learn_basis(_sample(views.fixed), tried[-1])
    short = rotated(index, Rotation(mix(basis[:, : tried[0]])))
    for selectivity in SELECTIVITIES:
        if selectivity * len(index) <= ROTATED_CANDIDATES:
            break
        for kind in KINDS if selectivity < 1 else KINDS[:1]:
            queries = truth.under_filters(selectivity, kind)
            while (recall_under(short, queries) or 0.0) < STRIVEN_FOR:
                tried = tried[1:]
                if not tried:
                    return index
                short = rotated(index, Rotation(mix(basis[:, : tried[0]])))
    return short


def _sample(fixed: NDArray[np.int16]) -> NDArray[np.float32]:
    chosen = np.random.default_rng(SEED).choice(len(fixed), min(len(fixed), SAMPLED), replace=False)
    return from_fixed(fixed[np.sort(chosen)])


def part(index: VectorIndex) -> tuple[VectorIndex, NDArray[np.int64]]:
    """Lay views out for searching: many by shorter vectors where these keep recall, and what is still many in cells.

    Returns
    -------
    index
        As it was given where so few views are scanned as quickly.
    order : (N,) int64
        The old number of each row.
    """
    if index.views.codes.size > CELLS_FROM_BYTES:
        index = shorten(index)
    if index.views.codes.size > CELLS_FROM_BYTES:
        return sort_by_cell(index)
    return index, np.arange(len(index.views))


def rotated(index: VectorIndex, rotation: Rotation) -> VectorIndex:
    """Give the same items, whose candidates are found by rotated vectors: not in cells, and without a graph."""
    fixed = index.views.fixed
    turned = np.empty((len(fixed), rotation.basis.shape[1]), np.int16)
    lengths = np.empty(len(fixed), np.float32)
    for start in range(0, len(fixed), BLOCK):
        rows = from_fixed(fixed[start : start + BLOCK])
        rows /= np.sqrt(np.vecdot(rows, rows))[:, None]
        block, lengths[start : start + BLOCK] = rotation.turn(rows)
        turned[start : start + BLOCK] = to_fixed(block)
    views = Views(index.views.item, fixed, quantise(turned)[0], rotation, lengths)
    return VectorIndex(views, index.rows, index.first)
