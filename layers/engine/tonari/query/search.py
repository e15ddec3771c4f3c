"""Search: from what the engine finds to an answer in groups, varied, counted and in pages."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from tonari.contract.answers import Plan
from tonari.contract.engine import EngineQuery, ScoredItem, Spread, Values
from tonari.contract.filter_tree import Condition, Range
from tonari.errors import InvalidRequestError
from tonari.fields.columns import values_of
from tonari.fields.schema import Schema
from tonari.index.scoring import varied_candidates, vary
from tonari.query.contents import shown
from tonari.query.cursor import PageEnd
from tonari.query.queries import Query
from tonari.query.serving import Serving

MOST_AT_FIRST = 10_000
"""For how many items the engine is asked at first, however far on a page begins."""
ASKED_PER_GROUPED_ITEM = 4
"""For how many items the engine is asked at first for each item of an answer in groups: another search costs more."""


@dataclass(frozen=True, slots=True)
class SearchParams:
    """What an answer shall be.

    Parameters
    ----------
    k
        How many items: so many come back whenever so many are in range, reach ``min_score`` and pass the groups.
    within
        Which items may be found.
    exact
        Compare every view in range.
    min_score
        Leave out items that are less similar.
    group_by, per_group
        At most so many items for each value of a field; an item without the field is a group of its own.
    diversity
        From 0, the nearest, to 1: see :func:`tonari.index.scoring.vary`.
    facets
        Fields whose values are counted over all items in range.
    after
        The end of the page before.
    """

    k: int
    within: Range
    exact: bool = False
    min_score: float = -1.0
    group_by: str | None = None
    per_group: int = 1
    diversity: float = 0.0
    facets: tuple[str, ...] = ()
    after: PageEnd | None = None


@dataclass(frozen=True, slots=True)
class Neighbours:
    """An answer.

    Parameters
    ----------
    items
        By descending score, then by id; where diversity was asked for, in the order in which they were chosen. Of
        their documents they have the fields that are returned.
    plan
        How it was found, over all searches that it took.
    facets
        By field.
    more
        The end of this page if items come after it.
    """

    items: tuple[ScoredItem, ...]
    plan: Plan
    facets: Mapping[str, Values | Spread]
    more: PageEnd | None


def search(serving: Serving, query: Query, params: SearchParams) -> Neighbours:
    """Find the items in range that are nearest to a query.

    Raises
    ------
    InvalidRequestError
        If a field to group by or to count is unknown, or cannot be used so.
    """
    schema = serving.snapshot.schema
    _check_fields(schema, params)
    facets = serving.engine.count(params.facets, params.within.without(query.items))
    count = varied_candidates(params.k) if params.diversity else params.k + 1
    chosen, plan = _nearest(serving, query, params, count)
    more = None
    if params.diversity:
        scores, embeddings = np.array([one.score for one in chosen]), np.array([one.embedding for one in chosen])
        chosen = [chosen[position] for position in vary(scores, embeddings, params.k, params.diversity)]
    elif len(chosen) > params.k:
        chosen = chosen[: params.k]
        given = params.after.count if params.after else 0
        more = PageEnd(chosen[-1].score, chosen[-1].id, given + params.k)
    items = tuple(replace(item, fields=shown(item.fields, schema)) for item in chosen)
    return Neighbours(items, plan, facets, more)


def _check_fields(schema: Schema, params: SearchParams) -> None:
    for what, name in (("group_by", params.group_by), *(("facets", name) for name in params.facets)):
        why_not = None if name is None else schema.why_not(name)
        if why_not is not None:
            raise InvalidRequestError(f"{what!r}: {why_not}")
    if params.group_by is not None and schema.fields[params.group_by].type == "strings":
        raise InvalidRequestError(f"'group_by': {params.group_by!r} has lists of values; name a field with one value.")


def _nearest(serving: Serving, query: Query, params: SearchParams, count: int) -> tuple[list[ScoredItem], Plan]:
    """Take the nearest items that pass; the engine is asked for more until there are so many or none are left.

    Each time it leaves out what it gave before, and the groups that are full.
    """
    schema, after, within = serving.snapshot.schema, params.after, params.within.without(query.items)
    taken: Counter[Any] = Counter()
    chosen: list[ScoredItem] = []
    plans: list[Plan] = []
    wanted = count + (after.count if after else 0)
    k = min(wanted if params.group_by is None else ASKED_PER_GROUPED_ITEM * wanted, MOST_AT_FIRST)
    while True:
        answer = serving.engine.search(EngineQuery(query.embeddings, k, within, params.exact))
        plans.append(answer.plan)
        near = [item for item in answer.items if item.score >= params.min_score]
        full = []
        for item in near:
            group = _group(item, params.group_by, schema)
            if group is not None:
                if taken[group] == params.per_group:
                    continue
                taken[group] += 1
                if taken[group] == params.per_group:
                    full.append(group)
            if after is None or after.precedes(item.score, item.id):
                chosen.append(item)
        if len(chosen) >= count or len(near) < k:
            break
        within = within.without(item.id for item in near)
        if params.group_by is not None and full:
            within = within.matching(Condition(params.group_by, "$nin", tuple(full)))
        k *= 2
    scanned, exact = sum(plan.scanned for plan in plans), all(plan.exact for plan in plans)
    plan = Plan(plans[0].path, plans[0].matching, scanned, exact)
    return sorted(chosen, key=lambda item: (-item.score, item.id))[:count], plan


def _group(item: ScoredItem, field: str | None, schema: Schema) -> Any:
    """Give the value that an item is grouped by, None if it has none."""
    if field is None:
        return None
    values = values_of(item.fields.get(field), schema.fields[field])
    return values[0] if values else None
