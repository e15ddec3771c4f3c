"""Items chosen by a seed, as different as may be, and their nearest neighbours."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tonari.index.vectors import from_fixed
from tonari.query.candidates import Found, Nearest, Query
from tonari.query.ranges import Side
from tonari.snapshots.table import Table
from tonari_tools.report.goods import Goods, goods_at

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


def choose_examples(table: Table, attributes: Sequence[str], seed: int) -> tuple[Example, ...]:
    """Choose six items that have a view, each with as many classes as may be that none before it has."""
    with_views = np.unique(table.views.item)
    drawn = np.random.default_rng(seed).permutation(with_views)[:LOOKED_AT].tolist()
    classes = {one: {(name, label) for name in attributes for label in table.classes_of(name, one)} for one in drawn}
    seen: set[tuple[str, object]] = set()
    chosen: list[int] = []
    while drawn and len(chosen) < EXAMPLES:
        best = max(drawn, key=lambda one: len(classes[one] - seen))
        drawn.remove(best)
        chosen.append(best)
        seen |= classes[best]
    return tuple(_example(table, one, attributes) for one in chosen)


def _example(table: Table, position: int, attributes: Sequence[str]) -> Example:
    query = Query(from_fixed(table.views.fixed[table.rows(position)]), (table.id(position),))
    nearest = Nearest(query, (Side(table, None).without(np.array([position])),), exact=False)
    found: list[Found] = []
    while len(found) < NEIGHBOURS and not nearest.done:
        found += nearest.batch(NEIGHBOURS - len(found))
    near = (Neighbour(goods_at(table, one.position, attributes, one.row), one.score) for one in found[:NEIGHBOURS])
    return Example(goods_at(table, position, attributes), tuple(near))
