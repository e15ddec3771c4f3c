"""Facets: how often each value occurs, and how numbers spread, over all items in range."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tonari.contract.engine import MOST_VALUES, Spread, Values
from tonari.fields.columns import ClassColumn, Column, ListColumn, NumberColumn

BINS = 10


def count_facet(
    pieces: Sequence[tuple[Column, NDArray[np.bool_] | None]], most: int | None = MOST_VALUES
) -> Values | Spread:
    """Count over the items in range of several columns of one field.

    Parameters
    ----------
    pieces
        Columns, all of one class, and (I,) bool: which of their items are in range, all if it is None.
    most
        How many of the most frequent values are listed; None lists all.
    """
    numbers = [
        column.values if mask is None else column.values.compress(mask)
        for column, mask in pieces
        if isinstance(column, NumberColumn)
    ]
    if numbers:
        return spread(np.concatenate(numbers))
    counted = [_count(column, mask) for column, mask in pieces if not isinstance(column, NumberColumn)]
    *few, (classes, counts, having) = sorted(counted, key=lambda one: len(one[0]))
    others: Counter[Any] = Counter()
    for some, found, also_having in few:
        having += also_having
        for code in np.flatnonzero(found).tolist():
            place = bisect_left(classes, some[code])
            if place < len(classes) and classes[place] == some[code]:
                counts[place] += found[code]
            else:
                others[some[code]] += int(found[code])
    distinct = int(np.count_nonzero(counts)) + len(others)
    listed = [(classes[code], int(counts[code])) for code in _most_frequent(counts, most).tolist()]
    by_frequency = sorted(
        [*listed, *others.items()], key=lambda value_and_count: (-value_and_count[1], value_and_count[0])
    )
    return Values(having, distinct, tuple(by_frequency[:most]))


def _count(
    column: ClassColumn | ListColumn, mask: NDArray[np.bool_] | None
) -> tuple[tuple[Any, ...], NDArray[np.int64], int]:
    """Give the values, the items in range that have each, (C,), and those that have any."""
    in_range: NDArray[np.signedinteger]
    match column:
        case ClassColumn(codes):
            in_range = codes if mask is None else codes.compress(mask)
            in_range = in_range.compress(in_range >= 0)
            having = len(in_range)
        case ListColumn(codes, items):
            tagged = column.having_any()
            in_range = codes if mask is None else codes.compress(mask.take(items))
            having = int(np.count_nonzero(tagged if mask is None else tagged & mask))
    return column.classes, np.bincount(in_range, minlength=len(column.classes)), having


def _most_frequent(counts: NDArray[np.int64], most: int | None) -> NDArray[np.int64]:
    """Find the values that occur most often, of equals the first: their codes, in no order."""
    codes = np.flatnonzero(counts)
    if most is None or most >= len(codes):
        return codes
    order = counts[codes] * len(counts) - codes  # each once
    return np.asarray(codes[np.argpartition(-order, most)[:most]])


def spread(numbers: NDArray[np.float64]) -> Spread:
    """Count how numbers, (I,), are distributed; NaN is of an item without one."""
    known = numbers.compress(~np.isnan(numbers))
    if not len(known):
        return Spread(0, None, None, (0,) * BINS)
    least, greatest = float(known.min()), float(known.max())
    width = greatest / 2 - least / 2  # half, lest the way from -1e308 to 1e308 overflow
    share = (known / 2 - least / 2) / width if width else np.zeros(len(known))
    bins = np.bincount(np.minimum((share * BINS).astype(np.int64), BINS - 1), minlength=BINS)
    return Spread(len(known), least, greatest, tuple(bins.tolist()))


def date_text(seconds: float) -> str:
    """Write seconds since 1970 as an ISO 8601 time in UTC."""
    moment = np.datetime64(round(seconds * 1000), "ms")
    return f"{np.datetime_as_string(moment, unit='s' if seconds == int(seconds) else 'ms')}Z"
