"""Ranges: which items of snapshot and overlay a search may find."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from tonari.fields.filters import And, Condition
from tonari.fields.masks import evaluate

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tonari.fields.filters import Filter
    from tonari.parts import Part
    from tonari.serving import Serving


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

    part: Part
    allowed: NDArray[np.bool_] | None

    def without(self, positions: NDArray[np.int64]) -> Side:
        """Leave items out."""
        allowed = np.ones(len(self.part), np.bool_) if self.allowed is None else self.allowed.copy()
        allowed[positions] = False
        return Side(self.part, allowed)

    def within(self, condition: Filter) -> Side:
        """Narrow to what a filter matches."""
        holds = evaluate(condition, self.part.columns, len(self.part))
        return Side(self.part, holds if self.allowed is None else self.allowed & holds)


def sides(serving: Serving, within: Range, without: tuple[str, ...] = ()) -> tuple[Side, ...]:
    """Lay a range over snapshot and overlay.

    Parameters
    ----------
    without
        Ids to leave out.
    """
    both = [Side(serving.snapshot.part, serving.alive)]
    if len(serving.overlay):
        both.append(Side(serving.overlay, None))
    return tuple(_narrowed(side, within, without) for side in both)


def _narrowed(side: Side, within: Range, without: tuple[str, ...]) -> Side:
    if within.filter is not None:
        side = side.within(within.filter)
    if within.ids is not None:
        positions = side.part.positions(within.ids) if within.ids else np.empty(0, np.int64)
        listed = np.zeros(len(side.part), np.bool_)
        listed[positions[positions >= 0]] = True
        side = Side(side.part, listed if side.allowed is None else side.allowed & listed)
    there = side.part.positions(without) if without else np.empty(0, np.int64)
    there = there[there >= 0]
    return side.without(there) if len(there) else side
