"""Counts of what was predicted for what -> shares, and the worst mistakes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tonari.contract.findings import ConfusionCount


@dataclass(frozen=True, slots=True)
class Mistake:
    """Items of one class that were predicted to be of another, and what share of their class they are."""

    truth: Any
    predicted: Any
    items: float
    share: float


def mistakes(pairs: Sequence[ConfusionCount], most: int) -> list[Mistake]:
    """Give the most frequent mistakes, largest first."""
    of_class = _totals(pairs)
    wrong = [pair for pair in pairs if pair.truth != pair.predicted and pair.items > 0]
    wrong.sort(key=lambda pair: -pair.items)
    return [Mistake(one.truth, one.predicted, one.items, one.items / of_class[one.truth]) for one in wrong[:most]]


def matrix(classes: Sequence[Any], pairs: Sequence[ConfusionCount]) -> list[list[float]]:
    """Give the share of each class (row) that was predicted to be of each (column); a class without items is all 0."""
    of_class = _totals(pairs)
    number = {value: position for position, value in enumerate(classes)}
    shares = [[0.0] * len(classes) for _ in classes]
    for pair in pairs:
        if pair.truth in number and pair.predicted in number and of_class[pair.truth] > 0:
            shares[number[pair.truth]][number[pair.predicted]] += pair.items / of_class[pair.truth]
    return shares


def commonest(pairs: Sequence[ConfusionCount]) -> tuple[Any, float]:
    """Give the class that most items have, and the share of all that do: the accuracy of always predicting it."""
    of_class = _totals(pairs)
    value = max(of_class, key=lambda one: of_class[one])
    return value, of_class[value] / sum(of_class.values())


def _totals(pairs: Sequence[ConfusionCount]) -> dict[Any, float]:
    of_class: dict[Any, float] = defaultdict(float)
    for pair in pairs:
        of_class[pair.truth] += pair.items
    return of_class
