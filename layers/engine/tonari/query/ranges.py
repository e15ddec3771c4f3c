"""Ranges: which items of snapshot and overlay a search may find."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tonari.fields.filters import And, Condition, Filter
from tonari.fields.masks import evaluate
from tonari.query.serving import Serving
from tonari.snapshots.table import Table


@dataclass(frozen=True, slots=True)
class Range:
    """Which items may be found: those that match the filter and, where ids are given, are among them."""

    filter: Filter | None = None
    ids: tuple[str, ...] | None = None

    def and_exists(self, field: str) -> Range:
        """Narrow to items that have a field."""
        has = Condition(field, "$exists", (True,))
        return Range(And((self.filter, has)) if self.filter else has, self.ids)


@dataclass(frozen=True, slots=True)
class Side:
    """A part, and which of its items are in range, None for all."""

    table: Table
    allowed: NDArray[np.bool_] | None

    def without(self, positions: NDArray[np.int64]) -> Side:
        """Leave items out."""
        allowed = np.ones(len(self.table), np.bool_) if self.allowed is None else self.allowed.copy()
        allowed[positions] = False
        return Side(self.table, allowed)

    def within(self, condition: Filter) -> Side:
        """Narrow to what a filter matches."""
        holds = evaluate(condition, self.table.columns, len(self.table))
        return Side(self.table, holds if self.allowed is None else self.allowed & holds)


def sides(serving: Serving, within: Range, without: tuple[str, ...] = ()) -> tuple[Side, ...]:
    """Lay a range over snapshot and overlay.

    Parameters
    ----------
    without
        Ids to leave out.
    """
    both = [Side(serving.snapshot.table, serving.alive)]
    if len(serving.overlay):
        both.append(Side(serving.overlay, None))
    return tuple(_narrowed(side, within, without) for side in both)


def _narrowed(side: Side, within: Range, without: tuple[str, ...]) -> Side:
    if within.filter is not None:
        side = side.within(within.filter)
    if within.ids is not None:
        positions = side.table.positions(within.ids) if within.ids else np.empty(0, np.int64)
        listed = np.zeros(len(side.table), np.bool_)
        listed[positions[positions >= 0]] = True
        side = Side(side.table, listed if side.allowed is None else side.allowed & listed)
    there = side.table.positions(without) if without else np.empty(0, np.int64)
    there = there[there >= 0]
    return side.without(there) if len(there) else side
