"""Search: from the nearest items in range to the answer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tonari.errors import InvalidRequestError
from tonari.fields.facets import Spread, Values, count_facet
from tonari.fields.filters import Condition
from tonari.fields.schema import Schema
from tonari.index.ranking import Groups, varied_candidates, vary
from tonari.index.vectors import from_fixed
from tonari.query.candidates import Found, Nearest, Plan, Query
from tonari.query.cursor import Place
from tonari.query.items import shown
from tonari.query.ranges import Range, sides
from tonari.query.serving import Serving


@dataclass(frozen=True, slots=True)
class SearchParams:
    """What an answer shall be.

    Parameters
    ----------
    k
        How many items: so many come back whenever so many match, reach ``min_score`` and pass the groups.
    within
        Which items may be found.
    exact
        Compare every view in range.
    min_score
        Leave out what is less similar.
    group_by, per_group
        At most so many items for each value of a field; an item without the field is a group of its own.
    diversity
        From 0, the nearest, to 1: see :func:`tonari.index.ranking.vary`.
    facets
        Fields to be counted over all items in range.
    after
        Go on after this place.
    """

    k: int
    within: Range
    exact: bool = False
    min_score: float = -1.0
    group_by: str | None = None
    per_group: int = 1
    diversity: float = 0.0
    facets: tuple[str, ...] = ()
    after: Place | None = None


@dataclass(frozen=True, slots=True)
class Neighbour:
    """An item found; ``view`` is the name of its nearest image, ``score`` that image's cosine similarity."""

    id: str
    score: float
    view: str
    fields: Mapping[str, Any]
    embedding: NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Neighbours:
    """An answer.

    Parameters
    ----------
    items
        By descending score, then by id; where diversity was asked for, in the order in which they were chosen.
    plan
        How it was come by.
    facets
        By field.
    more
        The last item's place if others come after it.
    """

    items: tuple[Neighbour, ...]
    plan: Plan
    facets: Mapping[str, Values | Spread]
    more: Place | None


def search(serving: Serving, query: Query, params: SearchParams) -> Neighbours:
    """Find the items in range that are nearest to a query.

    Raises
    ------
    InvalidRequestError
        If a field to group by or to count is unknown, or has no order or single value as it must.
    """
    schema = serving.snapshot.schema
    _check_fields(schema, params)
    both = sides(serving, params.within, query.items)
    facets = {name: count_facet([(side.table.columns[name], side.allowed) for side in both]) for name in params.facets}
    nearest = Nearest(query, both, exact=params.exact)
    chosen = _choose(nearest, params, varied_candidates(params.k) if params.diversity else params.k + 1)
    last = None
    if params.diversity:
        fixed = np.array([one.table.views.fixed[one.row] for one in chosen], np.int16)
        embeddings = from_fixed(fixed.reshape(len(chosen), serving.encoder.dimensions))
        order = vary(np.array([one.score for one in chosen]), embeddings, params.k, params.diversity)
        chosen = [chosen[place] for place in order]
    elif len(chosen) > params.k:
        chosen = chosen[: params.k]
        before = params.after.before if params.after else 0
        last = Place(chosen[-1].score, chosen[-1].id, before + params.k)
    items = tuple(
        Neighbour(
            one.id,
            one.score,
            one.table.view_name(one.row),
            shown(one.table.fields(one.position), schema),
            from_fixed(one.table.views.fixed[one.row]),
        )
        for one in chosen
    )
    return Neighbours(items, nearest.plan, facets, last)


def _check_fields(schema: Schema, params: SearchParams) -> None:
    for what, name in (("group_by", params.group_by), *(("facets", name) for name in params.facets)):
        why_not = None if name is None else schema.why_not(name)
        if why_not is not None:
            raise InvalidRequestError(f"{what!r}: {why_not}")
    if params.group_by is not None and schema.fields[params.group_by].type == "strings":
        raise InvalidRequestError(f"'group_by': {params.group_by!r} has lists of values; name a field with one value.")


def nearest_items(serving: Serving, query: Query, params: SearchParams) -> list[Found]:
    """Find the k nearest items, neither varied nor counted nor shown."""
    return _choose(Nearest(query, sides(serving, params.within, query.items), exact=params.exact), params, params.k)


def _choose(nearest: Nearest, params: SearchParams, count: int) -> list[Found]:
    """Take the nearest that pass, batch by batch, until there are so many or no more."""
    groups = Groups(params.per_group)
    chosen: list[Found] = []
    reach = count + (params.after.before if params.after else 0)
    while len(chosen) < count and not nearest.done:
        for one in nearest.batch(reach):
            if one.score < params.min_score:
                return sorted(chosen, key=lambda one: one.order)[:count]
            value = None if params.group_by is None else one.table.value(params.group_by, one.position)
            if groups.admit(value) and (params.after is None or params.after.precedes(one.score, one.id)):
                chosen.append(one)
        filled = groups.take_filled()
        if params.group_by is not None and filled and len(chosen) < count:
            nearest.narrow(Condition(params.group_by, "$nin", filled))
        reach *= 2
    return sorted(chosen, key=lambda one: one.order)[:count]
