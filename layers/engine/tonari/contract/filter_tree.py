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


def fields_of(tree: Filter) -> frozenset[str]:
    """Name the fields that a filter looks at."""
    match tree:
        case And(terms) | Or(terms):
            return frozenset[str]().union(*map(fields_of, terms))
        case Not(term):
            return fields_of(term)
        case Condition(field):
            return frozenset((field,))


def without_conditions_on(field: str, tree: Filter | None) -> Filter | None:
    """Leave a field's own conditions out of a filter.

    Those are the terms of the filter that look at no other field, whether they stand alone or are joined by ``$and``. A
    term with ``$or`` or ``$not`` that looks at other fields as well stays whole: without a part of it, it would say
    something else.

    Returns
    -------
    What is left; None if that is nothing.
    """
    match tree:
        case None:
            return None
        case And(terms):
            kept = tuple(one for term in terms if (one := without_conditions_on(field, term)) is not None)
            if kept == terms:
                return tree
            return And(kept) if len(kept) > 1 else kept[0] if kept else None
        case _:
            return None if fields_of(tree) == {field} else tree


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

    def without_conditions_on(self, field: str) -> Range:
        """Widen the range: leave a field's own conditions out of the filter."""
        return replace(self, filter=without_conditions_on(field, self.filter))

    def without(self, ids: Iterable[str]) -> Range:
        """Narrow the range to items that are not among ``ids``."""
        return replace(self, excluded=(*self.excluded, *ids))


EVERYTHING = Range()
"""The range that nothing narrows."""
