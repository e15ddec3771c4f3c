"""Views and what finds them again: items, cells, a graph, and what was learned about these when they were built."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from tonari.index.cells import Cells, assign, cell_count, train
from tonari.index.costs import LOOKED_UP_TO, least_cost
from tonari.index.graph import Graph
from tonari.index.probing import InvertedLists, Probe
from tonari.index.vectors import Views, quantise

LEAST_CANDIDATES = 60
ROTATED_CANDIDATES = 220
CANDIDATES_PER_ITEM = 4
"""How many rows get their final score at least: in all, in all where they were found by rotated vectors, and for each
item that is wanted."""
TUNED_FOR = 10
"""How many items the queries want by which settings are learned."""


@dataclass(frozen=True, slots=True)
class Tuning:
    """What was learned when the index was built.

    Parameters
    ----------
    probes
        By descending selectivity; empty if cells never had the recall that is asked for, so that scans serve.
    graph
        Whether a graph serves searches without a filter.
    expansion
        How many candidates the graph is walked for when ten items are wanted; 0 without a graph.
    reason
        Why scans serve although there are cells, and why there is no graph; empty if nothing is to be said.
    """

    probes: tuple[Probe, ...] = ()
    graph: bool = False
    expansion: int = 0
    reason: str = ""

    def walked(self, k: int) -> int:
        """Choose how many candidates a graph is walked for so that k items are found."""
        return -(-self.expansion * max(k, TUNED_FOR) // TUNED_FOR)


@dataclass(frozen=True, slots=True)
class VectorIndex:
    """Items and their views as a search finds them.

    Parameters
    ----------
    views
        N rows, in the order of the cells where there are cells.
    rows : (N,) int64
        The same rows item after item, each item's in the order in which its document names them.
    first : (I + 1,) int64
        Where each item's rows begin in ``rows``.
    cells
        None where there are too few rows to part them.
    graph
        Over the codes, None where there is none.
    tuning
        What was learned about them.

    Attributes
    ----------
    lists
        Of the cells, None where there are none.
    one_view_each
        Whether no item has two views, so that a row stands for its item.
    between
        What serves at a selectivity above those of all probes, between each two, and below, where ten items are wanted:
        the dearer of two.
    least
        What cells cost at least where ten items are wanted, 0 without cells.
    """

    views: Views
    rows: NDArray[np.int64]
    first: NDArray[np.int64]
    cells: Cells | None = None
    graph: Graph | None = None
    tuning: Tuning = Tuning()
    lists: InvertedLists | None = field(init=False, repr=False, compare=False)
    one_view_each: bool = field(init=False, repr=False, compare=False)
    between: tuple[Probe, ...] = field(init=False, repr=False, compare=False)
    least: float = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        lists = None if self.cells is None else InvertedLists(self.cells, self.views.codes, self.views.item)
        object.__setattr__(self, "lists", lists)
        object.__setattr__(self, "one_view_each", int(np.diff(self.first).max(initial=0)) <= 1)
        probes = self.tuning.probes
        dearer = map(_dearer, (*probes[:1], *probes), (*probes, *probes[-1:]))
        object.__setattr__(self, "between", tuple(self._at_least(probe, TUNED_FOR) for probe in dearer))
        object.__setattr__(self, "least", self._least_cost(TUNED_FOR))

    def __len__(self) -> int:
        """``I``."""
        return len(self.first) - 1

    def candidates(self, k: int) -> int:
        """Choose how many rows get their final score at least where k items are wanted."""
        least = LEAST_CANDIDATES if self.views.rotation is None else ROTATED_CANDIDATES
        return max(least, CANDIDATES_PER_ITEM * k)

    def probe(self, selectivity: float, k: int) -> Probe:
        """Take the dearer of the settings learned around a selectivity, with as many rows as k items ask for at least.

        There is a setting, or more.
        """
        place = 0
        for one in self.tuning.probes:
            if one.selectivity < selectivity:
                break
            place += 1
        found = self.between[place]
        return found if k <= TUNED_FOR else self._at_least(found, k)

    def least_cost(self, k: int) -> float:
        """Tell what cells cost at least where k items are wanted."""
        return self.least if k <= TUNED_FOR else self._least_cost(k)

    def rows_for(self, k: int) -> int:
        """Tell how many rows k items have on average."""
        return -(-k * len(self.views) // max(len(self), 1))

    def without_embeddings(self) -> VectorIndex:
        """Give the index that serves until embeddings and graph are here: candidates come by scan or cells."""
        tuning = replace(self.tuning, graph=False, expansion=0)
        return replace(self, views=self.views.without_embeddings(), graph=None, tuning=tuning)

    def rows_in(self, allowed: NDArray[np.bool_], matching: int) -> NDArray[np.int64]:
        """List all views of the items in range, in no certain order: (n,).

        Parameters
        ----------
        allowed : (I,) bool
        matching
            How many are in range. Unless they are many their views are looked up; else every view is asked for its
            item.
        """
        if matching > LOOKED_UP_TO * len(self):
            return allowed.take(self.views.item).nonzero()[0]
        items = allowed.nonzero()[0]
        return self.rows.take(items) if self.one_view_each and len(self.rows) == len(self) else self.rows_of(items)[0]

    def _least_cost(self, k: int) -> float:
        rows, dimensions = self.views.codes.shape
        return 0.0 if self.cells is None else least_cost(self.rows_for(k), rows, len(self.cells), dimensions)

    def _at_least(self, probe: Probe, k: int) -> Probe:
        rows, candidates = max(probe.rows, self.rows_for(k)), max(probe.candidates, self.candidates(k))
        return replace(probe, rows=rows, candidates=candidates)

    def rows_of(self, items: NDArray[np.integer]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """List all views of items.

        Parameters
        ----------
        items : (i,) int

        Returns
        -------
        rows : (n,) int64
            Item after item, each item's in the order in which its document names them.
        size : (i,) int64
            How many of them each item has.
        """
        begin = self.first[items]
        size = self.first[items + 1] - begin
        end = size.cumsum()
        return self.rows[(begin - end + size).repeat(size) + np.arange(end[-1] if len(end) else 0)], size


def _dearer(one: Probe, other: Probe) -> Probe:
    return Probe(
        one.selectivity,
        max(one.cells, other.cells),
        max(one.rows, other.rows),
        max(one.ratio, other.ratio),
        max(one.candidates, other.candidates),
        max(one.sparse, other.sparse),
    )


def lay_out(fixed: NDArray[np.int16], size: NDArray[np.int64]) -> VectorIndex:
    """Make an index of views that stand item after item.

    Parameters
    ----------
    fixed : (N, D) int16
        As :func:`tonari.index.vectors.to_fixed` gives them.
    size : (I,) int64
        How many views each item has.
    """
    first = np.concatenate([np.zeros(1, np.int64), size.cumsum()])
    item = np.arange(len(size), dtype=np.int32).repeat(size)
    return VectorIndex(Views(item, fixed, quantise(fixed)[0]), np.arange(len(fixed)), first)


def sort_by_cell(index: VectorIndex) -> tuple[VectorIndex, NDArray[np.int64]]:
    """Find cells, and put the rows in their order.

    Parameters
    ----------
    index
        Of one row at least.

    Returns
    -------
    index
        With cells; what was learned about the old order is left out.
    order : (N,) int64
        The old number of each new row.
    """
    views = index.views
    centroids = train(views.codes, cell_count(len(views)))
    cell = assign(views.codes, centroids)
    order = np.argsort(cell, kind="stable")
    new_row = np.empty(len(order), np.int64)
    new_row[order] = np.arange(len(order))
    start = np.searchsorted(cell[order], np.arange(len(centroids) + 1)).astype(np.int64)
    lengths = views.lengths if views.rotation is None else views.lengths[order]
    moved = Views(views.item[order], views.fixed[order], views.codes[order], views.rotation, lengths)
    return VectorIndex(moved, new_row[index.rows], index.first, Cells(centroids, start)), order
