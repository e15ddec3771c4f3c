"""A checked filter -> a mask over items."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tonari.contract.filter_tree import And, Condition, Filter, Not, Or
from tonari.errors import InvalidFilterError
from tonari.fields.columns import ClassColumn, Column, ListColumn, NumberColumn, has_value

FEW = 10
"""Up to so many values are compared with a column one by one; more are looked up."""
HASH_BITS = 16
GOLDEN = np.uint64(0x9E3779B97F4A7C15)
ORDER = {"$gt": np.greater, "$gte": np.greater_equal, "$lt": np.less, "$lte": np.less_equal}


def evaluate(tree: Filter, columns: Mapping[str, Column], items: int) -> NDArray[np.bool_]:
    """Tell which items a filter matches.

    Parameters
    ----------
    columns
        Of one snapshot or overlay; a field without a column is missing from all its items.
    items
        ``I``.

    Returns
    -------
    (I,) bool
    """
    match tree:
        case And(terms):
            return _combined(np.logical_and, terms, columns, items)
        case Or(terms):
            return _combined(np.logical_or, terms, columns, items)
        case Not(term):
            mask = evaluate(term, columns, items)
            return np.logical_not(mask, out=mask)
        case Condition(field, operator, values):
            column = columns.get(field)
            if column is None:
                absent = operator in ("$ne", "$nin") or (operator == "$exists" and not values[0])
                return np.full(items, absent)
            return _holds(column, operator, values)


def _combined(
    combine: np.ufunc, terms: tuple[Filter, ...], columns: Mapping[str, Column], items: int
) -> NDArray[np.bool_]:
    if not terms:
        return np.full(items, combine is np.logical_and)
    mask = evaluate(terms[0], columns, items)
    for term in terms[1:]:
        combine(mask, evaluate(term, columns, items), out=mask)
    return mask


def _holds(column: Column, operator: str, values: tuple[Any, ...]) -> NDArray[np.bool_]:
    if operator == "$exists":
        return has_value(column) if values[0] else ~has_value(column)
    if operator in ("$ne", "$nin"):
        mask = _one_of(column, values)
        return np.logical_not(mask, out=mask)
    if operator in ("$eq", "$in"):
        return _one_of(column, values)
    if not isinstance(column, NumberColumn):
        raise InvalidFilterError(f"{operator} orders numbers and dates only.")
    return np.asarray(ORDER[operator](column.values, values[0]), np.bool_)


def _one_of(column: Column, values: tuple[Any, ...]) -> NDArray[np.bool_]:
    match column:
        case NumberColumn(numbers):
            wanted = np.unique(np.array(values, np.float64))  # whoever asks can choose whole numbers of one hash
            return _equal_to(numbers, wanted) if len(wanted) <= FEW else _among(numbers, wanted)
        case ClassColumn(codes, classes):
            chosen = _codes(classes, values)
            if len(chosen) <= FEW:
                return _equal_to(codes, chosen)
            among = np.zeros(len(classes) + 1, np.bool_)
            among[chosen] = True
            return among.take(codes)  # -1, of items that lack the field, takes the last: False
        case ListColumn(_, _, classes, _):
            return _in_lists(column, _codes(classes, values))


def _equal_to(column: NDArray[Any], wanted: Sequence[Any] | NDArray[Any]) -> NDArray[np.bool_]:
    if not len(wanted):
        return np.zeros(len(column), np.bool_)
    mask = np.asarray(column == wanted[0], np.bool_)
    for one in wanted[1:]:
        mask |= column == one
    return mask


def _among(numbers: NDArray[np.float64], wanted: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Look many numbers up: few pass a table of 16-bit hashes of their bits, and only those are compared."""
    sought = np.append(wanted, [0.0, -0.0]) if 0 in wanted else wanted
    table = np.zeros(1 << HASH_BITS, np.bool_)
    table[_hash(sought)] = True
    likely = np.flatnonzero(table.take(_hash(numbers)))
    mask = np.zeros(len(numbers), np.bool_)
    mask[likely[np.isin(numbers[likely], sought)]] = True
    return mask


def _hash(numbers: NDArray[np.float64]) -> NDArray[np.uint64]:
    """Multiply and keep the upper bits [Knuth, The Art of Computer Programming 3, 6.4]: (n,) -> (n,)."""
    return np.ascontiguousarray(numbers).view(np.uint64) * GOLDEN >> np.uint64(64 - HASH_BITS)


def _in_lists(column: ListColumn, codes: Iterable[int]) -> NDArray[np.bool_]:
    wanted = set(codes)
    often = wanted & column.frequent.keys()
    mask = column.having(wanted - often)
    if often:
        bitmap = np.bitwise_or.reduce([column.frequent[code] for code in often])
        mask |= np.unpackbits(bitmap, count=column.count).view(np.bool_)
    return mask


def _codes(classes: tuple[Any, ...], values: tuple[Any, ...]) -> list[int]:
    """Look values up among sorted classes."""
    places = ((bisect_left(classes, value), value) for value in set(values))
    return [place for place, value in places if place < len(classes) and classes[place] == value]
