"""What narrows a search: a checked filter as a tree, and the range of items that filter and ids describe."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any


@dataclass(frozen=True, slots=True)
class Condition:
    """A field is compared with values.

    Parameters
    ----------
    operator
        ``$eq``, ``$ne``, ``$gt``, ``$gte``, ``$lt``, ``$lte``, ``$in``, ``$nin`` or ``$exists``.
    values
        One, or for ``$in`` and ``$nin`` several; a date as seconds since 1970.
    """

    field: str
    operator: str
    values: tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class And:
    """All terms hold."""

    terms: tuple[Filter, ...]


@dataclass(frozen=True, slots=True)
class Or:
    """At least one term holds."""

    terms: tuple[Filter, ...]


@dataclass(frozen=True, slots=True)
class Not:
    """The term does not hold."""

    term: Filter


Filter = Condition | And | Or | Not


def count_conditions(tree: Filter | None) -> int:
    """Count the conditions of a filter, which say how long it takes to evaluate."""
    match tree:
        case None:
            return 0
        case And(terms) | Or(terms):
            return max(1, sum(map(count_conditions, terms)))
        case Not(term):
            return count_conditions(term)
        case Condition():
            return 1


@dataclass(frozen=True, slots=True)
class Range:
    """Which items a search may find.

    Parameters
    ----------
    filter
        They match it; None admits every item.
    ids
        They are among these; None admits every item.
    excluded
        They are none of these.
    """

    filter: Filter | None = None
    ids: tuple[str, ...] | None = None
    excluded: tuple[str, ...] = ()

    def matching(self, condition: Filter) -> Range:
        """Narrow the range to items that also match a filter."""
        return replace(self, filter=condition if self.filter is None else And((self.filter, condition)))

    def without(self, ids: Iterable[str]) -> Range:
        """Narrow the range to items that are not among ``ids``."""
        return replace(self, excluded=(*self.excluded, *ids))


EVERYTHING = Range()
"""The range that nothing narrows."""
