"""Counts over a database elsewhere and over items in memory, added up."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

from tonari.contract.engine import Spread, Values

BINS = 10


def merge_values(one: Values, other: Values, most: int | None) -> Values:
    """Add up how often values occur; both must list all of theirs."""
    counts: Counter[Any] = Counter(dict(one.most))
    counts.update(dict(other.most))
    ordered = sorted(counts.items(), key=lambda value_and_count: (-value_and_count[1], value_and_count[0]))
    return Values(one.count + other.count, len(ordered), tuple(ordered[:most]))


def merge_spreads(one: Spread, other: Spread, count_from: Callable[[float], int]) -> Spread:
    """Add up how numbers are spread, over the least interval that holds both.

    Parameters
    ----------
    count_from
        Counts how many numbers, of both, are at least so great.
    """
    if one.least is None or one.greatest is None:
        return other
    if other.least is None or other.greatest is None:
        return one
    least, greatest = min(one.least, other.least), max(one.greatest, other.greatest)
    total = one.count + other.count
    half = greatest / 2 - least / 2
    if not half:
        return Spread(total, least, greatest, (total, *[0] * (BINS - 1)))
    above = [total, *(count_from(2 * (least / 2 + half * part / BINS)) for part in range(1, BINS)), 0]
    return Spread(total, least, greatest, tuple(above[part] - above[part + 1] for part in range(BINS)))
