"""Filters and ranges as conditions of SQL, with the meaning of :mod:`tonari.fields.masks`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tonari.contract.filter_tree import And, Condition, Filter, Not, Or, Range
from tonari.engines.databases.pgvector.layout import Column, escaped
from tonari.errors import InvalidFilterError

ORDER = {"$gt": ">", "$gte": ">=", "$lt": "<", "$lte": "<="}


@dataclass(frozen=True, slots=True)
class Where:
    """A condition with a place for each of its parameters."""

    sql: str
    parameters: tuple[Any, ...] = ()


def in_range(within: Range, columns: Mapping[str, Column]) -> Where:
    """Write a range as a condition on table ``i``, which leaves out what was deleted.

    Parameters
    ----------
    columns
        Of ``i``, by field; a field without one is missing from all items.

    Raises
    ------
    InvalidFilterError
        If a filter orders what has no order.
    """
    terms = [Where("NOT i.deleted")]
    if within.filter is not None:
        terms.append(matching(within.filter, columns))
    if within.ids is not None:
        terms.append(Where("i.id = ANY(%s::text[])", ([escaped(one) for one in within.ids],)))
    if within.excluded:
        terms.append(Where("i.id <> ALL(%s::text[])", ([escaped(one) for one in within.excluded],)))
    return _joined(" AND ", terms, "")


def matching(tree: Filter, columns: Mapping[str, Column]) -> Where:
    """Write a filter as a condition that is true of the items it matches, and false or NULL of others.

    NULL, of items without the field, counts as false beneath AND and OR; only what is negated must be one or the other.
    """
    match tree:
        case And(terms):
            return _joined(" AND ", [matching(term, columns) for term in terms], "TRUE")
        case Or(terms):
            return _joined(" OR ", [matching(term, columns) for term in terms], "FALSE")
        case Not(term):
            return _negated(matching(term, columns))
        case Condition(field, operator, values):
            column = columns.get(field)
            if column is None:
                absent = operator in ("$ne", "$nin") or (operator == "$exists" and not values[0])
                return Where("TRUE" if absent else "FALSE")
            return _holds(column, operator, values)


def _holds(column: Column, operator: str, values: tuple[Any, ...]) -> Where:
    if operator == "$exists":
        return Where(f"{column.name} IS {'NOT ' if values[0] else ''}NULL")
    if operator in ("$eq", "$in"):
        return _one_of(column, values)
    if operator in ("$ne", "$nin"):
        return _negated(_one_of(column, values))
    if column.type not in ("number", "date"):
        raise InvalidFilterError(f"{operator} orders numbers and dates only.")
    return Where(f"{column.name} {ORDER[operator]} %s::float8", (float(values[0]),))


def _one_of(column: Column, values: tuple[Any, ...]) -> Where:
    match column.type:
        case "number" | "date":
            return Where(f"{column.name} = ANY(%s::float8[])", ([float(value) for value in values],))
        case "boolean":
            return Where(f"{column.name} = ANY(%s::boolean[])", (list(values),))
        case "string":
            return Where(f"{column.name} = ANY(%s::text[])", ([escaped(value) for value in values],))
        case "strings":
            return Where(f"{column.name} && %s::text[]", ([escaped(value) for value in values],))


def _negated(one: Where) -> Where:
    return Where(f"NOT coalesce({one.sql}, FALSE)", one.parameters)


def _joined(by: str, terms: list[Where], of_none: str) -> Where:
    if not terms:
        return Where(of_none)
    parameters = tuple(parameter for term in terms for parameter in term.parameters)
    return Where("(" + by.join(term.sql for term in terms) + ")", parameters)
