"""One layer of the built-in engine: a snapshot, or the changes over it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tonari.contract.engine import EngineQuery, StoredItem
from tonari.contract.filter_tree import EVERYTHING, Range
from tonari.fields.masks import evaluate
from tonari.index.planner import find
from tonari.index.vectors import Hits, from_fixed
from tonari.snapshots.table import Table

FEW = 16
"""Up to so many items are left out by asking for as many more, which keeps a range whole and the graph in use."""


class Document(Mapping[str, Any]):
    """An item's document, parsed when it is first read: of many items found, few are shown."""

    def __init__(self, table: Table, position: int) -> None:
        self._table, self._position = table, position
        self._fields: dict[str, Any] | None = None

    def _read(self) -> dict[str, Any]:
        if self._fields is None:
            self._fields = self._table.fields(self._position)
        return self._fields

    def __getitem__(self, name: str) -> Any:
        """Value of a field."""
        return self._read()[name]

    def __iter__(self) -> Iterator[str]:
        """Names of the fields."""
        return iter(self._read())

    def __len__(self) -> int:
        """How many fields there are."""
        return len(self._read())


@dataclass(frozen=True, slots=True)
class Layer:
    """Items laid out for searching, and which of them no longer count.

    Parameters
    ----------
    table
        I items.
    replaced : (n,) int64
        Positions of items that a layer above replaces or deletes.
    """

    table: Table
    replaced: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, np.int64))

    def __len__(self) -> int:
        """How many items count."""
        return len(self.table) - len(self.replaced)

    def find(self, query: EngineQuery) -> Hits:
        """Find the nearest items in range."""
        within, index = query.within, self.table.index
        if within.filter is None and within.ids is None and len(self.replaced) + len(within.excluded) <= FEW:
            left_out = np.union1d(self.replaced, self._positions(within.excluded))
            hits = find(query.vectors, index, query.k + len(left_out), exact=query.exact)
            kept = np.flatnonzero(np.isin(hits.items, left_out, invert=True))[: query.k]
            return replace(
                hits,
                items=hits.items[kept],
                rows=hits.rows[kept],
                scores=hits.scores[kept],
                matching=hits.matching - len(left_out),
            )
        return find(query.vectors, index, query.k, self.mask(within), exact=query.exact)

    def mask(self, within: Range) -> NDArray[np.bool_] | None:
        """Tell which items count and are in range.

        Returns
        -------
        (I,) bool, or None if all of them are.
        """
        if within == EVERYTHING and not len(self.replaced):
            return None
        allowed = np.ones(len(self.table), np.bool_)
        if within.filter is not None:
            allowed = evaluate(within.filter, self.table.columns, len(self.table))
        if within.ids is not None:
            among = np.zeros(len(self.table), np.bool_)
            among[self._positions(within.ids)] = True
            allowed &= among
        allowed[self.replaced] = False
        allowed[self._positions(within.excluded)] = False
        return allowed

    def read(self, ids: Sequence[str]) -> dict[str, StoredItem]:
        """Read items by id; those that are not here, or no longer count, are left out."""
        positions = self._positions(ids)
        counting = positions[np.isin(positions, self.replaced, invert=True)].tolist()
        return {self.table.id(position): self._stored(position) for position in counting}

    def _stored(self, position: int) -> StoredItem:
        rows = self.table.rows(position)
        names = tuple(self.table.view_name(int(row)) for row in rows)
        fields = Document(self.table, position)
        return StoredItem(self.table.id(position), fields, names, from_fixed(self.table.views.fixed[rows]))

    def _positions(self, ids: Sequence[str]) -> NDArray[np.int64]:
        if not ids:
            return np.empty(0, np.int64)
        positions = self.table.positions(ids)
        return positions[positions >= 0]
