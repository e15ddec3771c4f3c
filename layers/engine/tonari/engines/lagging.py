"""What a database elsewhere does not hold as the head has it: such items are answered from memory instead."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from tonari.contract.database import RecordState
from tonari.contract.filter_tree import Range
from tonari.engines.layers import Layer
from tonari.fields.schema import Schema
from tonari.snapshots.indexed import IndexedItem
from tonari.snapshots.records import is_of_snapshot, state_text
from tonari.snapshots.table import build_table


class Seen(Protocol):
    """Any row of a database that says of which item it is, and in which form."""

    @property
    def id(self) -> str:
        """Of the item."""

    @property
    def generation(self) -> int:
        """By which it was written."""

    @property
    def state(self) -> str | None:
        """What it was made from; None of a tombstone."""


@dataclass(frozen=True, slots=True)
class Lag:
    """How far a collection is from one generation.

    Parameters
    ----------
    generation
        Of the head.
    changes
        What its segments say of items since the snapshot; None of those that were deleted.
    expected
        The states of their records, None of those that were deleted.
    hidden
        Ids of items that the collection holds otherwise: they are not taken from there.
    overlay
        Those of them that exist.
    """

    generation: int
    changes: Mapping[str, IndexedItem | None]
    expected: Mapping[str, str | None]
    hidden: frozenset[str]
    overlay: Layer

    @classmethod
    def of(
        cls,
        changes: Mapping[str, IndexedItem | None],
        held: Iterable[RecordState],
        generation: int,
        schema: Schema,
        dimensions: int,
    ) -> Lag:
        """Compare what a collection has changed since its snapshot with what the head's segments say.

        Parameters
        ----------
        held
            All of its records and tombstones whose generation is not 0.
        """
        expected = {name: None if item is None else state_text(item.state) for name, item in changes.items()}
        lag = cls(generation, changes, expected, frozenset(), _layer((), schema, dimensions))
        there = {row.id: row for row in held}
        behind = {name for name in expected if name not in there}
        astray = {name for name, row in there.items() if lag.is_stale(row)}
        return lag.hiding(behind | astray, schema, dimensions)

    def is_stale(self, row: Seen) -> bool:
        """Tell whether a row is neither what the head has of its item nor newer."""
        if row.generation > self.generation:
            return False
        if row.id in self.expected:
            return row.state != self.expected[row.id]
        return row.generation > 0 and row.state is not None and not is_of_snapshot(row.state)

    def hiding(self, ids: Iterable[str], schema: Schema, dimensions: int) -> Lag:
        """Take more items from memory."""
        hidden = self.hidden.union(ids)
        there = (item for name in hidden if (item := self.changes.get(name)) is not None)
        return Lag(self.generation, self.changes, self.expected, hidden, _layer(there, schema, dimensions))

    def narrowed(self, within: Range) -> Range:
        """Leave out what is answered from memory."""
        return within.without(sorted(self.hidden)) if self.hidden else within


def _layer(items: Iterable[IndexedItem], schema: Schema, dimensions: int) -> Layer:
    return Layer(build_table(items, schema, dimensions), np.empty(0, np.int64))
