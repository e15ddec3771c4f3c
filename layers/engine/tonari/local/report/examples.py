"""Items chosen by a seed, as different as may be, and their nearest neighbours."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from tonari.candidates import Nearest, Query
from tonari.index import from_fixed
from tonari.local.report.goods import goods_at
from tonari.ranges import Side

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tonari.candidates import Found
    from tonari.local.report.goods import Goods
    from tonari.parts import Part

EXAMPLES = 6
NEIGHBOURS = 6
LOOKED_AT = 2000


@dataclass(frozen=True, slots=True)
class Neighbour:
    """An item near another; ``score`` is the cosine similarity of their nearest views."""

    goods: Goods
    score: float


@dataclass(frozen=True, slots=True)
class Example:
    """An item and the other items nearest to it."""

    goods: Goods
    neighbours: tuple[Neighbour, ...]


def choose_examples(part: Part, attributes: Sequence[str], seed: int) -> tuple[Example, ...]:
    """Choose six items that have a view, each with as many classes as may be that none before it has."""
    with_views = np.unique(part.views.item)
    drawn = np.random.default_rng(seed).permutation(with_views)[:LOOKED_AT].tolist()
    classes = {one: {(name, label) for name in attributes for label in part.classes_of(name, one)} for one in drawn}
    seen: set[tuple[str, object]] = set()
    chosen: list[int] = []
    while drawn and len(chosen) < EXAMPLES:
        best = max(drawn, key=lambda one: len(classes[one] - seen))
        drawn.remove(best)
        chosen.append(best)
        seen |= classes[best]
    return tuple(_example(part, one, attributes) for one in chosen)


def _example(part: Part, position: int, attributes: Sequence[str]) -> Example:
    query = Query(from_fixed(part.views.fixed[part.rows(position)]), (part.id(position),))
    nearest = Nearest(query, (Side(part, None).without(np.array([position])),), exact=False)
    found: list[Found] = []
    while len(found) < NEIGHBOURS and not nearest.done:
        found += nearest.batch(NEIGHBOURS - len(found))
    near = (Neighbour(goods_at(part, one.position, attributes, one.row), one.score) for one in found[:NEIGHBOURS])
    return Example(goods_at(part, position, attributes), tuple(near))
