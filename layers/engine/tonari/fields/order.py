"""The first items in the order of a column's values, without sorting them all."""

from __future__ import annotations

from bisect import bisect_left
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tonari.fields.columns import ClassColumn, Column, NumberColumn


def first_by_value(
    column: Column | None,
    allowed: NDArray[np.bool_],
    k: int,
    *,
    descending: bool = False,
    after: tuple[Any, int] | None = None,
) -> NDArray[np.int64]:
    """Find the items of the least values, or of the greatest ones; equal values in the order of their positions.

    Items without a value come last. Only the k items are sorted, so that this takes time proportional to I
    [quickselect, Hoare 1961].

    Parameters
    ----------
    column
        Of I items; None if none of them has the field.
    allowed : (I,) bool
        Which items come into question.
    after
        A value, None for a missing one, and a position: only what comes after this value, or has it and stands at this
        position or behind it.

    Returns
    -------
    (n,) int64
        Positions, ``n <= k``.
    """
    keys = _keys(column, len(allowed))
    last = None if after is None else _key_of(column, after[0])
    if descending:
        keys = -keys
        last = None if last is None else -last
    valued = keys == keys  # noqa: PLR0124 - NaN alone differs from itself
    present, missing = np.flatnonzero(allowed & valued), np.flatnonzero(allowed & ~valued)
    if after is not None and last is not None:
        if np.isnan(last):
            present, missing = present[:0], missing[missing >= after[1]]
        else:
            ahead = keys[present]
            present = present[(ahead > last) | ((ahead == last) & (present >= after[1]))]
    first = _least(keys, present, k)
    return np.concatenate([first, missing[: k - len(first)]])


def _keys(column: Column | None, items: int) -> NDArray[np.float64]:
    """Give numbers in the order of the values, NaN where there is none: (I,)."""
    match column:
        case NumberColumn(values):
            return values
        case ClassColumn(codes, _):
            return np.where(codes < 0, np.nan, codes.astype(np.float64))
        case _:
            return np.full(items, np.nan)


def _key_of(column: Column | None, value: Any) -> float:
    """Place any value among those of a column: between two codes if the column does not have it."""
    match column:
        case NumberColumn() if value is not None:
            return float(value)
        case ClassColumn(_, classes) if value is not None:
            place = bisect_left(classes, value)
            return float(place) if place < len(classes) and classes[place] == value else place - 0.5
    return 0.0 if value is not None else np.nan


def _least(keys: NDArray[np.float64], candidates: NDArray[np.int64], k: int) -> NDArray[np.int64]:
    """Choose the k candidates of the least keys, of equal keys the first, and sort them."""
    found = keys[candidates]
    if len(candidates) > k:
        limit = np.partition(found, k - 1)[k - 1]
        below, equal = np.flatnonzero(found < limit), np.flatnonzero(found == limit)
        chosen = np.sort(np.concatenate([below, equal[: k - len(below)]]))
        candidates, found = candidates[chosen], found[chosen]
    return candidates[np.argsort(found, kind="stable")]
