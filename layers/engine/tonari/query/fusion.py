"""Several rankings of items as one, by their places alone: scores of different kinds cannot be added."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

Ranking = Literal["lexical", "dense"]
DAMPING = 60
"""Of the first places: the authors' value, by which the first of a list weighs about twice as much as the sixtieth."""
DECIMALS = 9


@dataclass(frozen=True, slots=True)
class Fused:
    """An item's place among several rankings.

    Parameters
    ----------
    score
        From 0 to 1, the first place of every ranking; rounded to nine decimals.
    ranks
        Its place, from 1, by the name of each ranking that holds it.
    """

    id: str
    score: float
    ranks: Mapping[Ranking, int]


def fuse(rankings: Mapping[Ranking, Sequence[str]]) -> list[Fused]:
    """Rank items by the sum of their reciprocal ranks [Cormack, Clarke and Buettcher, SIGIR 2009].

    The sum of ``1 / (60 + rank)`` is divided by what the first place of every ranking gives, so that it lies between 0
    and 1 as shares of similarity do. An item that a ranking lacks gains nothing by it.

    Parameters
    ----------
    rankings
        Ids by name of the ranking, the best first, each once.

    Returns
    -------
    Every item that a ranking holds: the highest score first, equal ones by id.
    """
    ranks: dict[str, dict[Ranking, int]] = {}
    for name, ids in rankings.items():
        for rank, item in enumerate(ids, 1):
            ranks.setdefault(item, {})[name] = rank
    most = len(rankings) / (DAMPING + 1)
    fused = [
        Fused(item, round(sum(1 / (DAMPING + rank) for rank in held.values()) / most, DECIMALS), held)
        for item, held in ranks.items()
    ]
    return sorted(fused, key=lambda one: (-one.score, one.id))
