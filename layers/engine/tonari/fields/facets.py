"""Facets: how often each value occurs, and how numbers spread, over all items in range."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tonari.fields.columns import ClassColumn, Column, ListColumn, NumberColumn

MOST_VALUES = 50
BINS = 10


@dataclass(frozen=True, slots=True)
class Values:
    """How often values occur.

    Parameters
    ----------
    count
        Items that have the field.
    distinct
        How many different values they have.
    most
        The 50 most frequent values with their counts; of equals, the first in their order.
    """

    count: int
    distinct: int
    most: tuple[tuple[Any, int], ...]


@dataclass(frozen=True, slots=True)
class Spread:
    """How numbers or dates (seconds since 1970) spread.

    Parameters
    ----------
    count
        Items that have the field.
    least, greatest
        None if there are no such items.
    histogram
        Items in each of ten equal parts of the way from the least to the greatest.
    """

    count: int
    least: float | None
    greatest: float | None
    histogram: tuple[int, ...]


def count_facet(pieces: Sequence[tuple[Column, NDArray[np.bool_] | None]]) -> Values | Spread:
    """Count over the items in range of several columns of one field.

    Parameters
    ----------
    pieces
        Columns, all of one class, and (I,) bool: which of their items are in range, all if it is None.
    """
    numbers = [
        column.values if mask is None else column.values.compress(mask)
        for column, mask in pieces
        if isinstance(column, NumberColumn)
    ]
    if numbers:
        return _spread(np.concatenate(numbers))
    counts: Counter[Any] = Counter()
    items = 0
    for column, mask in pieces:
        if isinstance(column, NumberColumn):
            continue
        classes, by_code, having = _count(column, mask)
        counts.update({classes[code]: int(by_code[code]) for code in np.flatnonzero(by_code)})
        items += having
    most = sorted(counts.items(), key=lambda one: (-one[1], one[0]))[:MOST_VALUES]
    return Values(items, len(counts), tuple(most))


def _count(
    column: ClassColumn | ListColumn, mask: NDArray[np.bool_] | None
) -> tuple[tuple[Any, ...], NDArray[np.intp], int]:
    match column:
        case ClassColumn(codes, classes):
            in_range = codes if mask is None else codes.compress(mask)
            in_range = in_range.compress(in_range >= 0)
            return classes, np.bincount(in_range, minlength=len(classes)), len(in_range)
        case ListColumn(codes, items, classes, _):
            having = column.having_any()
            if mask is None:
                return classes, np.bincount(codes, minlength=len(classes)), int(np.count_nonzero(having))
            kept = codes.compress(mask.take(items))
            return classes, np.bincount(kept, minlength=len(classes)), int(np.count_nonzero(having & mask))


def _spread(numbers: NDArray[np.float64]) -> Spread:
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
