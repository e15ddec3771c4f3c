"""Filters and ranges as boolean expressions of Milvus, with the meaning of :mod:`tonari.fields.masks`."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

from tonari.contract.filter_tree import And, Condition, Filter, Not, Or, Range
from tonari.engines.databases.milvus.columns import LISTED, NO_FLAG, NO_TEXT, Column, stored, stored_text
from tonari.errors import InvalidFilterError

ITEMS = "place in [-1, 0]"
"""One row of each item."""
VIEWS = "place >= 0"
"""One row of each view."""
TRUE, FALSE = "place > -30000", "place < -30000"
LEAST = "-1.7976931348623157e308"
ORDER = {"$gt": ">", "$gte": ">=", "$lt": "<", "$lte": "<="}
ESCAPES = str.maketrans({"\\": "\\\\", '"': '\\"', "\n": "\\n", "\r": "\\r", "\t": "\\t"})


def in_range(rows: str, within: Range, columns: Mapping[str, Column]) -> str:
    """Write a range as an expression.

    Parameters
    ----------
    rows
        Which rows of the items in range: ``ITEMS`` or ``VIEWS``.
    columns
        By field; a field without one is missing from all items.

    Raises
    ------
    InvalidFilterError
        If a filter orders what has no order.
    """
    terms = [rows]
    if within.filter is not None:
        terms.append(matching(within.filter, columns))
    if within.ids is not None:
        terms.append(f"item in {texts(within.ids)}" if within.ids else FALSE)
    if within.excluded:
        terms.append(f"item not in {texts(within.excluded)}")
    return " and ".join(f"({term})" for term in terms)


def matching(tree: Filter, columns: Mapping[str, Column]) -> str:
    """Write a filter as an expression that is true of the items it matches and false of others."""
    match tree:
        case And(terms):
            return _joined(" and ", [matching(term, columns) for term in terms], TRUE)
        case Or(terms):
            return _joined(" or ", [matching(term, columns) for term in terms], FALSE)
        case Not(term):
            return f"not ({matching(term, columns)})"
        case Condition(field, operator, values):
            column = columns.get(field)
            if column is None:
                absent = operator in ("$ne", "$nin") or (operator == "$exists" and not values[0])
                return TRUE if absent else FALSE
            return _holds(column, operator, values)


def text(value: str) -> str:
    r"""Write a text as Milvus reads it.

    >>> print(text('a "b"'))
    "a \"b\""
    """
    return f'"{value.translate(ESCAPES)}"'


def texts(values: Iterable[str]) -> str:
    """Write a list of texts."""
    return f"[{','.join(map(text, values))}]"


def _joined(word: str, terms: list[str], empty: str) -> str:
    return word.join(f"({term})" for term in terms) if terms else empty


def _holds(column: Column, operator: str, values: tuple[Any, ...]) -> str:
    if operator == "$exists":
        there = _exists(column)
        return there if values[0] else f"not ({there})"
    if operator in ("$eq", "$in"):
        return _one_of(column, values)
    if operator in ("$ne", "$nin"):
        return f"not ({_one_of(column, values)})"
    if column.type not in ("number", "date"):
        raise InvalidFilterError(f"{operator} orders numbers and dates only.")
    number = float(values[0])
    if math.isinf(number):
        return _exists(column) if (number > 0) == (operator in ("$lt", "$lte")) else FALSE
    least = f" and {column.name} >= {LEAST}" if operator in ("$lt", "$lte") else ""
    return f"{column.name} {ORDER[operator]} {number!r}{least}"


def _exists(column: Column) -> str:
    match column.type:
        case "number" | "date":
            return f"{column.name} >= {LEAST}"
        case "boolean":
            return f"{column.name} != {NO_FLAG}"
        case "string":
            return f"{column.name} != {text(NO_TEXT)}"
        case "strings":
            return f"array_contains({column.name}, {text(LISTED)})"


def _one_of(column: Column, values: tuple[Any, ...]) -> str:
    match column.type:
        case "number" | "date":
            numbers = [repr(stored(column.type, value)) for value in dict.fromkeys(values) if math.isfinite(value)]
            return f"{column.name} in [{','.join(numbers)}]" if numbers else FALSE
        case "boolean":
            flags = sorted({int(value) for value in values})
            return f"{column.name} in [{','.join(map(str, flags))}]" if flags else FALSE
        case "string":
            return f"{column.name} in {texts(map(stored_text, values))}" if values else FALSE
        case "strings":
            return f"array_contains_any({column.name}, {texts(map(stored_text, values))})" if values else FALSE
