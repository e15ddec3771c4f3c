"""A visit to the nearest cells: how far it goes, and what it brings home."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from tonari.index.cells import Cells
from tonari.index.kernels import dot_products
from tonari.index.vectors import quantise

GROWTH = 6
"""How many times as many cells a round may reach as the one before."""
FEW = 1 / 16
"""Share of the visited rows up to which it is quicker to look up their places than to list those of all."""
WHOLE = 0.5
"""Share of a cell's rows in range from which all of them are scored where they lie, and not copied out first."""


class Contents:
    """The rows of each cell as a visit reads them: views of the arrays, cut once.

    Parameters
    ----------
    cells
        C of them.
    codes : (N, D) int8
        In the order of the cells.
    item : (N,) int32
        The item of each row.
    """

    def __init__(self, cells: Cells, codes: NDArray[np.int8], item: NDArray[np.int32]) -> None:
        ends = list(pairwise(cells.start.tolist()))
        self.cells, self.codes, self.item = cells, codes, item
        self.codes_of = [codes[begin:end] for begin, end in ends]
        self.items_of = [item[begin:end] for begin, end in ends]


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
    candidates
        How many of the best rows are wanted.
    """

    cells: int
    enough: int
    ratio: float
    candidates: int


@dataclass(frozen=True, slots=True)
class Visit:
    """Rows met in the nearest cells.

    Parameters
    ----------
    rows : (n,) int64
        The best of those in range by int8 codes, in no order.
    scanned
        How many in range were compared.
    """

    rows: NDArray[np.int64]
    scanned: int


def visit(queries: NDArray[np.float32], contents: Contents, allowed: NDArray[np.bool_] | None, reach: Reach) -> Visit:
    """Visit cells, nearest first, until those left are too far off to hold rows as near as the best that were met.

    That one rule serves every filter: where few rows are in range, or the range runs against the query, the best rows
    met are far off, and cells as far off are then worth a visit. A query in a dense place of its own, which no mean is
    near to, is judged by the best cell's promise instead of its rows.

    Parameters
    ----------
    queries : (Q, D) float32, rows of length 1
    allowed : (I,) bool
        Which items are in range, all if it is None.
    """
    query_codes, scale = quantise(queries)
    cells, codes = contents.cells, contents.codes
    order, far = cells.rank(query_codes, scale)
    scale *= float(dot_products(codes[:1], codes[:1])[0, 0]) ** 0.5
    best, met = np.empty(0, np.int32), []
    done, count = 0, min(reach.cells, len(cells))
    while True:
        chosen = order[done:count]
        met.append(_meet(query_codes, contents, chosen, allowed))
        best = _largest(np.concatenate((best, met[-1].coarse)), reach.enough)
        last = len(cells)
        if len(best) >= reach.enough:
            found = 1 - float(best.min()) / scale
            last = int(np.searchsorted(cells.ratio(far, found), reach.ratio, side="right"))
        if last <= count:
            return _candidates(met, reach.candidates)
        done, count = count, min(last, GROWTH * count)


@dataclass(frozen=True, slots=True)
class _Stretch:
    """Rows of some cells, one after the other; the place of a row is counted from the first.

    Parameters
    ----------
    begin, end : (c,) int64
        Where each cell's rows begin and end.
    """

    begin: NDArray[np.int64]
    end: NDArray[np.int64]

    def rows(self, places: NDArray[np.int64]) -> NDArray[np.int64]:
        """Tell the rows at some places."""
        size = self.end - self.begin
        last = size.cumsum()
        shift = self.begin - last + size
        if len(places) < FEW * last[-1]:
            return np.asarray(places + shift[last.searchsorted(places, side="right")])
        return np.asarray(places + shift.repeat(size)[places])


@dataclass(frozen=True, slots=True)
class _Met:
    """The rows in range of a stretch.

    Parameters
    ----------
    places : (n,) int64
        Where they are, None where all are in range.
    coarse : (n,) int32
        Their int8 dot products with the nearest query.
    """

    stretch: _Stretch
    places: NDArray[np.int64] | None
    coarse: NDArray[np.int32]


def _meet(
    query_codes: NDArray[np.int8], contents: Contents, chosen: NDArray[np.int32], allowed: NDArray[np.bool_] | None
) -> _Met:
    """Score the rows in range of some cells."""
    cells = contents.cells
    stretch, numbers = _Stretch(cells.start[chosen], cells.start[chosen + 1]), chosen.tolist()
    if allowed is None:
        return _Met(stretch, None, _score_whole(query_codes, [contents.codes_of[number] for number in numbers]))
    items = np.concatenate([contents.items_of[number] for number in numbers])
    places = allowed.take(items).nonzero()[0]
    if len(places) > WHOLE * len(items):
        whole = _score_whole(query_codes, [contents.codes_of[number] for number in numbers])
        return _Met(stretch, places, whole[places])
    if not len(places):
        return _Met(stretch, places, np.empty(0, np.int32))
    inside = contents.codes.take(stretch.rows(places), axis=0)
    return _Met(stretch, places, dot_products(query_codes, inside).max(axis=0))


def _score_whole(query_codes: NDArray[np.int8], pieces: Sequence[NDArray[np.int8]]) -> NDArray[np.int32]:
    """Score all rows of some cells, each cell in one piece."""
    scores = [dot_products(query_codes, piece) for piece in pieces if len(piece)]
    joined = np.concatenate(scores, axis=1) if scores else np.empty((1, 0), np.int32)
    return np.asarray(joined[0] if len(joined) == 1 else joined.max(axis=0))


def _largest(values: NDArray[np.int32], count: int) -> NDArray[np.int32]:
    return np.partition(values, len(values) - count)[-count:] if count < len(values) else values


def _best(values: NDArray[np.int32], count: int) -> NDArray[np.int64]:
    """Find the places of the largest values; fewer than there are."""
    least = np.partition(values, len(values) - count)[-count]
    found = (values >= least).nonzero()[0]
    return found if len(found) == count else np.argpartition(-values, count)[:count]


def _candidates(met: Sequence[_Met], wanted: int) -> Visit:
    """Take the rows that score best."""
    coarse = np.concatenate([one.coarse for one in met])
    chosen = _best(coarse, wanted) if wanted < len(coarse) else np.arange(len(coarse))
    stretch = _Stretch(*(np.concatenate([getattr(one.stretch, end) for one in met]) for end in ("begin", "end")))
    if met[0].places is None:
        return Visit(stretch.rows(chosen), len(coarse))
    offsets = np.cumsum([0, *(int((one.stretch.end - one.stretch.begin).sum()) for one in met[:-1])]).tolist()
    places = np.concatenate([one.places + offset for one, offset in zip(met, offsets, strict=True)])
    return Visit(stretch.rows(places[chosen]), len(coarse))
