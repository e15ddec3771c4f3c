"""Counts of what was taken for what -> shares, and the worst of them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tonari_tools.report.figures import Confusion


@dataclass(frozen=True, slots=True)
class Mistake:
    """Items of one class that were said to be of another, and what share of their class they are."""

    truth: Any
    said: Any
    items: float
    share: float


def mistakes(pairs: Sequence[Confusion], most: int) -> list[Mistake]:
    """Give the most frequent confusions, largest first."""
    of_class = _totals(pairs)
    wrong = sorted((pair for pair in pairs if pair.truth != pair.said and pair.items > 0), key=lambda pair: -pair.items)
    return [Mistake(pair.truth, pair.said, pair.items, pair.items / of_class[pair.truth]) for pair in wrong[:most]]


def matrix(classes: Sequence[Any], pairs: Sequence[Confusion]) -> list[list[float]]:
    """Give the share of each class (row) that was said to be of each (column); a class that nobody has is all 0."""
    of_class = _totals(pairs)
    place = {value: number for number, value in enumerate(classes)}
    shares = [[0.0] * len(classes) for _ in classes]
    for pair in pairs:
        if pair.truth in place and pair.said in place and of_class[pair.truth] > 0:
            shares[place[pair.truth]][place[pair.said]] += pair.items / of_class[pair.truth]
    return shares


def commonest(pairs: Sequence[Confusion]) -> tuple[Any, float]:
    """Give the class that most items have, and the share of all that do: what guessing without looking comes to."""
    of_class = _totals(pairs)
    value = max(of_class, key=lambda one: of_class[one])
    return value, of_class[value] / sum(of_class.values())


def _totals(pairs: Sequence[Confusion]) -> dict[Any, float]:
    of_class: dict[Any, float] = defaultdict(float)
    for pair in pairs:
        of_class[pair.truth] += pair.items
    return of_class
