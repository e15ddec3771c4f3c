"""Search: from what the engine finds to an answer in groups, varied, counted and in pages."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from msgspec import structs

from tonari.contract.answers import Plan, Reranked
from tonari.contract.engine import EngineQuery, ScoredItem, Spread, Values
from tonari.contract.filter_tree import Condition, Range
from tonari.contract.ranking import Boost
from tonari.errors import InvalidRequestError
from tonari.fields.schema import Schema, values_of
from tonari.index.scoring import varied_candidates, vary
from tonari.query.boosts import Groups, Page, Ranked, Ranking, ranking, rerank, rest_of_parts
from tonari.query.contents import check_countable, check_single, read_documents
from tonari.query.cursor import PageEnd, Part
from tonari.query.facet_counts import count_facets
from tonari.query.queries import Query
from tonari.query.serving import Serving

MOST_AT_FIRST = 5_000
"""For how many items the engine is asked at first; a page that begins farther on is found by comparing all of them."""
MOST_SEEN = 30_000
"""How many items are looked at for an answer in groups: each page looks at those of all pages before it."""
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
    disjunctive_facets
        Fields whose values are counted without their own conditions.
    after
        The end of the page before.
    fields
        What is read of each item's document, all that may be returned if it is None.
    boosts
        What fields add to the order.
    pinned
        Items that come first, in this order, if they are in range.
    buried
        Items that come last.
    now
        Seconds since 1970, from which boosts count ages.
    """

    k: int
    within: Range
    exact: bool = False
    min_score: float = -1.0
    group_by: str | None = None
    per_group: int = 1
    diversity: float = 0.0
    facets: tuple[str, ...] = ()
    disjunctive_facets: tuple[str, ...] = ()
    after: PageEnd | None = None
    fields: tuple[str, ...] | None = None
    boosts: tuple[Boost, ...] = ()
    pinned: tuple[str, ...] = ()
    buried: tuple[str, ...] = ()
    now: float = 0.0


@dataclass(frozen=True, slots=True)
class Neighbours:
    """An answer.

    Parameters
    ----------
    items
        Those that are pinned; then the others, the highest ranked first, equal ones by id; then those that are buried.
        Where diversity was asked for, in the order in which they were chosen. Of their documents they have the fields
        that are returned.
    plan
        How it was found, over all searches that it took.
    facets
        By field.
    more
        The end of this page if items come after it.
    reranked
        How many candidates the boosts ordered; None without boosts.
    """

    items: tuple[Ranked, ...]
    plan: Plan
    facets: Mapping[str, Values | Spread]
    more: PageEnd | None
    reranked: Reranked | None = None


def search(serving: Serving, query: Query, params: SearchParams) -> Neighbours:
    """Find the items in range that are nearest to a query.

    Raises
    ------
    InvalidRequestError
        If a field to group by or to count is unknown, or cannot be used so; or if too many items have to be looked at.
    TooLargeError
        If the documents are longer than an answer may be.
    """
    schema = serving.snapshot.schema
    _check_fields(schema, params)
    facets = count_facets(serving.engine, params.facets, params.disjunctive_facets, params.within.without(query.items))
    order = ranking(params.boosts, schema, params.now)
    count = varied_candidates(params.k) if params.diversity else params.k + 1
    chosen, plan, reranked = _in_parts(serving, query, params, order, count)
    more = None
    if params.diversity:
        scores, embeddings = np.array([one.by for one in chosen]), np.array([one.item.embedding for one in chosen])
        chosen = [chosen[position] for position in vary(scores, embeddings, params.k, params.diversity)]
    elif len(chosen) > params.k:
        chosen = chosen[: params.k]
        given = params.after.count if params.after else 0
        last = chosen[-1]
        estimated_by = serving.snapshot.id if plan.vectors == "rotated" else ""
        more = PageEnd(last.by, last.item.id, given + params.k, last.part, params.now, estimated_by)
    documents = read_documents((one.item.fields for one in chosen), schema, params.fields)
    items = tuple(
        replace(one, item=replace(one.item, fields=document)) for one, document in zip(chosen, documents, strict=True)
    )
    return Neighbours(items, plan, facets, more, reranked)


def _in_parts(
    serving: Serving, query: Query, params: SearchParams, order: Ranking, count: int
) -> tuple[list[Ranked], Plan, Reranked | None]:
    """Take what is pinned, then what is ranked, then what is buried, until there is enough."""
    if not params.pinned and not params.buried:
        return _ranked(serving, query, params, order, count)
    after, within = params.after, params.within
    pinned, pins = _placed(serving, query, params, order, "pinned", params.pinned)
    buried, burials = _placed(serving, query, params, order, "buried", params.buried)
    others = within.without((*params.pinned, *params.buried))
    behind = after if after is not None and after.part == "ranked" else None
    ranked, plan, reranked = _ranked(serving, query, replace(params, within=others, after=behind), order, count)
    parts: dict[Part, list[Ranked]] = {"pinned": pinned, "ranked": ranked, "buried": buried}
    if after is not None:
        parts = rest_of_parts(parts, after, params.pinned)
    plan = structs.replace(plan, matching=plan.matching + pins + burials)
    return [one for part in parts.values() for one in part][:count], plan, reranked


def _placed(
    serving: Serving, query: Query, params: SearchParams, order: Ranking, part: Part, names: tuple[str, ...]
) -> tuple[list[Ranked], int]:
    """Give the items that are pinned or buried, if they have a view, however similar; and how many are in range."""
    among = None if params.within.ids is None else {*params.within.ids}
    names = tuple(name for name in names if among is None or name in among)
    if not names:
        return [], 0
    within = replace(params.within, ids=names).without(query.items)
    found = serving.engine.search(EngineQuery(query.embeddings, len(names), within, params.exact))
    ranked = [replace(one, part=part) for one in order.order(found.items)]
    if part == "pinned":
        ranked.sort(key=lambda one: names.index(one.item.id))
    return ranked, found.plan.matching


def _ranked(
    serving: Serving, query: Query, params: SearchParams, order: Ranking, count: int
) -> tuple[list[Ranked], Plan, Reranked | None]:
    field = params.group_by
    if order.boosts:
        groups = None if field is None else Groups(field, serving.snapshot.schema.fields[field], params.per_group)
        within = params.within.without(query.items)
        return rerank(
            lambda k: serving.engine.search(EngineQuery(query.embeddings, k, within, params.exact)),
            order,
            Page(count, params.min_score, groups, params.after),
        )
    if field is None:
        items, plan = _nearest(serving, query, params, count)
    else:
        items, plan = _nearest_of_groups(serving, query, params, field, count)
    return [order.rank(one) for one in items], plan, None


def _check_fields(schema: Schema, params: SearchParams) -> None:
    check_countable(schema, "facets", params.facets)
    check_countable(schema, "disjunctive_facets", params.disjunctive_facets)
    if params.group_by is not None:
        check_single(schema, "group_by", params.group_by)


def _nearest(serving: Serving, query: Query, params: SearchParams, count: int) -> tuple[list[ScoredItem], Plan]:
    """Take the nearest items; a page that is not among the first is what follows the one before in an exact search."""
    after, within = params.after, params.within.without(query.items)
    k = min(count + (after.count if after else 0), MOST_AT_FIRST)
    answer = serving.engine.search(EngineQuery(query.embeddings, k, within, params.exact))
    near = _reaching(answer.items, params.min_score)
    if after is None:
        return near, answer.plan
    later = [item for item in near if after.precedes(item.score, item.id)]
    if len(later) < count and len(near) == k:
        question = EngineQuery(query.embeddings, count, within, params.exact, (after.score, after.id))
        answer = serving.engine.search(question)
        later = _reaching(answer.items, params.min_score)
    return later[:count], answer.plan


def _nearest_of_groups(
    serving: Serving, query: Query, params: SearchParams, field: str, count: int
) -> tuple[list[ScoredItem], Plan]:
    """Take the nearest items of each group; the engine is asked for more until there are so many or none are left.

    Each time it leaves out what it gave before, and the groups that are full.
    """
    after, within, about = params.after, params.within.without(query.items), serving.snapshot.schema.fields[field]
    taken: Counter[Any] = Counter()
    chosen: list[ScoredItem] = []
    plans: list[Plan] = []
    seen, k = 0, min(ASKED_PER_GROUPED_ITEM * (count + (after.count if after else 0)), MOST_AT_FIRST)
    while True:
        answer = serving.engine.search(EngineQuery(query.embeddings, k, within, params.exact))
        plans.append(answer.plan)
        near = _reaching(answer.items, params.min_score)
        full = []
        for item in near:
            groups = values_of(item.fields.get(field), about)
            taken.update(groups)
            full += [group for group in groups if taken[group] == params.per_group]
            if all(taken[group] <= params.per_group for group in groups) and (
                after is None or after.precedes(item.score, item.id)
            ):
                chosen.append(item)
        seen += len(near)
        if len(chosen) >= count or len(near) < k:
            break
        if seen > MOST_SEEN:
            raise InvalidRequestError(
                f"{seen:,} items do not give these groups, and no more are looked at: narrow the 'filter', raise "
                "'per_group', or lower 'k'."
            )
        within = within.without(item.id for item in near)
        if full:
            within = within.matching(Condition(field, "$nin", tuple(full)))
        k *= 2
    scanned, exact = sum(plan.scanned for plan in plans), all(plan.exact for plan in plans)
    plan = Plan(plans[0].path, plans[0].matching, scanned, exact, plans[0].vectors)
    return sorted(chosen, key=lambda item: (-item.score, item.id))[:count], plan


def _reaching(items: Iterable[ScoredItem], min_score: float) -> list[ScoredItem]:
    return [item for item in items if item.score >= min_score]
