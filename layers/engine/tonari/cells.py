"""Coarse cells: rows lie sorted by the nearest of some centroids, and a search visits the nearest cells first.

Inverted lists as in Rii [Matsui, Hinami and Satoh, Reconfigurable Inverted Index, ACM Multimedia 2018], with int8 codes
in the place of product quantisation.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from tonari.index import quantise
from tonari.native import dot_products

if TYPE_CHECKING:
    from numpy.typing import NDArray

GROWTH = 3
SPREAD = 0.3
"""How much nearer to a query than its cell's mean a row is taken to lie, in units of the cell's radius."""
FADING = 0.12
"""How much nearer a cell must be, in units of the distance to the best rows found, for twice as many cells visited."""
NEAREST = 0.02
"""Least distance, one less a cosine, that others are measured by: copies of a query say nothing of what lies around."""
WHOLE = 0.5
"""Share of a cell's rows in range from which all of them are scored where they lie, and not copied out first."""


@dataclass(frozen=True, slots=True)
class Cells:
    """A partition of N rows into C cells.

    Parameters
    ----------
    centroids : (C, D) float32
        Means of the cells' rows, which have length 1: the shorter a mean, the wider its cell.
    start : (C + 1,) int64
        Where each cell's rows begin; a cell may be empty.
    radius : (C,) float32
        Root mean square distance of a cell's rows from their mean.
    fading : (C,) float32
        What the cells of each rank have lost by it.
    """

    centroids: NDArray[np.float32]
    start: NDArray[np.int64]
    radius: NDArray[np.float32] = field(init=False, repr=False)
    fading: NDArray[np.float32] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        squares = np.einsum("ij,ij->i", self.centroids, self.centroids)
        object.__setattr__(self, "radius", np.sqrt(np.maximum(0, 1 - squares)))
        ranks = np.arange(1, len(squares) + 1, dtype=np.float32)
        object.__setattr__(self, "fading", np.float32(FADING) * np.log2(ranks))

    def __len__(self) -> int:
        """``C``."""
        return len(self.centroids)

    def rank(self, queries: NDArray[np.float32]) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Put the cells in the order in which they are to be visited.

        Parameters
        ----------
        queries : (Q, D) float32, rows of length 1

        Returns
        -------
        Cells, nearest first, (C,) int64; and how far off the nearest rows of each are to be expected, as one less their
        cosine with the nearest query, (C,) float32, ascending.
        """
        means = self.centroids @ queries.T
        near = (means[:, 0] if len(queries) == 1 else means.max(axis=1)) + SPREAD * self.radius
        order = np.argsort(-near)
        return order, np.asarray(1 - near[order])

    def ratio(self, far: NDArray[np.float32], found: float) -> NDArray[np.float32]:
        """Tell how many times as far off as what was found the cells are, and add what they lose by their rank.

        True neighbours sit in the first few cells; where a filter has taken those, in others that are hardly farther
        off than what was found instead.

        Parameters
        ----------
        far : (C,) float32
            As :meth:`rank` gives it.
        found
            How far off the last of the best rows is, alike.

        Returns
        -------
        (C,) float32, ascending.
        """
        return np.asarray(far / max(found, float(far[0]), NEAREST) + self.fading)


@dataclass(frozen=True, slots=True)
class Reach:
    """How far a visit goes.

    Parameters
    ----------
    cells
        Least number of cells.
    enough
        How many rows in range make the first opinion of what there is to be found: at least 1.
    ratio
        How many times as far off as the ``enough``-th best row a cell may be and still be worth a visit; less for cells
        that come late.
    """

    cells: int
    enough: int
    ratio: float


@dataclass(frozen=True, slots=True)
class Visit:
    """Rows met in the nearest cells.

    Parameters
    ----------
    rows : (n,) int64
        Those in range.
    coarse : (n,) float64
        Their int8 dot products with the nearest query, comparable with each other only.
    """

    rows: NDArray[np.int64]
    coarse: NDArray[np.float64]


def visit(
    queries: NDArray[np.float32],
    cells: Cells,
    codes: NDArray[np.int8],
    item: NDArray[np.int32],
    allowed: NDArray[np.bool_] | None,
    reach: Reach,
) -> Visit:
    """Visit cells, nearest first, until those left are too far off to hold rows as near as the best that were met.

    That one rule serves every filter: where few rows are in range, or the range runs against the query, the best rows
    met are far off, and cells as far off are then worth a visit. A query in a dense place of its own, which no mean is
    near to, is judged by the best cell's promise instead of its rows.

    Parameters
    ----------
    queries : (Q, D) float32, rows of length 1
    codes : (N, D) int8
        In the order of the cells.
    item : (N,) int32
        The item of each row.
    allowed : (I,) bool
        Which items are in range, all if it is None.
    """
    query_codes, scale = quantise(queries)
    scale *= float(dot_products(codes[:1], codes[:1])[0, 0]) ** 0.5
    order, far = cells.rank(queries)
    done, count = 0, min(reach.cells, len(cells))
    met = Visit(np.empty(0, np.int64), np.empty(0))
    while True:
        met = _joined(met, _meet(query_codes, cells, order[done:count], codes, item, allowed))
        last = len(cells)
        if len(met.rows) >= reach.enough:
            best = len(met.rows) - reach.enough
            found = 1 - float(np.partition(met.coarse, best)[best]) / scale
            last = int(np.searchsorted(cells.ratio(far, found), reach.ratio, side="right"))
        if last <= count:
            return met
        done, count = count, min(last, GROWTH * count)


def _joined(one: Visit, other: Visit) -> Visit:
    if not len(one.rows):
        return other
    return Visit(np.concatenate((one.rows, other.rows)), np.concatenate((one.coarse, other.coarse)))


def _meet(
    query_codes: NDArray[np.int8],
    cells: Cells,
    chosen: NDArray[np.int64],
    codes: NDArray[np.int8],
    item: NDArray[np.int32],
    allowed: NDArray[np.bool_] | None,
) -> Visit:
    """Score the rows in range of some cells."""
    begin, end = cells.start[chosen], cells.start[chosen + 1]
    size = end - begin
    shift = np.repeat(begin - np.cumsum(size) + size, size)
    if allowed is None:
        return Visit(shift + np.arange(len(shift)), _score_whole(query_codes, codes, begin, end))
    items = np.concatenate([item[first:last] for first, last in zip(begin.tolist(), end.tolist(), strict=True)])
    inside = np.flatnonzero(allowed.take(items))
    rows = shift.take(inside) + inside
    if len(inside) > WHOLE * len(items):
        return Visit(rows, _score_whole(query_codes, codes, begin, end)[inside])
    if not len(rows):
        return Visit(rows, np.empty(0))
    return Visit(rows, dot_products(query_codes, codes.take(rows, axis=0)).max(axis=0))


def _score_whole(
    query_codes: NDArray[np.int8], codes: NDArray[np.int8], begin: NDArray[np.int64], end: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Score all rows of some cells, each cell in one piece."""
    scores = [
        dot_products(query_codes, codes[first:last])
        for first, last in zip(begin.tolist(), end.tolist(), strict=True)
        if first < last
    ]
    joined = np.concatenate(scores, axis=1) if scores else np.empty((len(query_codes), 0))
    return np.asarray(joined[0] if len(joined) == 1 else joined.max(axis=0))
