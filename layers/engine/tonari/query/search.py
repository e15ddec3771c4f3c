"""Search: from what the engine finds to an answer in groups, varied, counted and in pages."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from tonari.contract.answers import Plan
from tonari.contract.engine import EngineQuery, ScoredItem, Spread, Values
from tonari.contract.filter_tree import Condition, Range, count_conditions
from tonari.errors import InvalidRequestError
from tonari.fields.schema import Schema, values_of
from tonari.index.scoring import varied_candidates, vary
from tonari.query.contents import check_countable, check_single, read_documents
from tonari.query.cursor import PageEnd
from tonari.query.queries import Query
from tonari.query.serving import Serving

MOST_AT_FIRST = 5_000
"""For how many items the engine is asked at first; a page that begins farther on is found by comparing all of them."""
MOST_CONDITIONS = 128
"""How many conditions the filters of several searches of one request have together."""
MOST_COMPONENTS = 800_000_000
"""Components of embeddings that are compared exactly before the last search of a request: a second's work."""
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
    after
        The end of the page before.
    fields
        What is read of each item's document, all that may be returned if it is None.
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
    fields: tuple[str, ...] | None = None


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


def check_together(searches: Sequence[SearchParams]) -> None:
    """Check how much several searches ask for together, before any is made.

    Raises
    ------
    InvalidRequestError
    """
    conditions = sum(count_conditions(one.within.filter) for one in searches)
    if conditions > MOST_CONDITIONS:
        raise InvalidRequestError(
            f"The filters of the queries have {conditions:,} conditions together, at most {MOST_CONDITIONS} are taken: "
            "send fewer queries at once."
        )


def check_compared(serving: Serving, made: Sequence[Plan]) -> None:
    """Check before another search of a request how many pictures were compared exactly for those before it.

    Raises
    ------
    InvalidRequestError
    """
    compared = sum(plan.scanned for plan in made if plan.exact)
    most = MOST_COMPONENTS // serving.encoder.dimensions
    if compared > most:
        raise InvalidRequestError(
            f"The queries before it compared {compared:,} pictures exactly, at most {most:,} are in one request: send "
            "fewer queries at once, or leave 'exact' out."
        )


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
    facets = serving.engine.count(params.facets, params.within.without(query.items))
    count = varied_candidates(params.k) if params.diversity else params.k + 1
    if params.group_by is None:
        chosen, plan = _nearest(serving, query, params, count)
    else:
        chosen, plan = _nearest_of_groups(serving, query, params, params.group_by, count)
    more = None
    if params.diversity:
        scores, embeddings = np.array([one.score for one in chosen]), np.array([one.embedding for one in chosen])
        chosen = [chosen[position] for position in vary(scores, embeddings, params.k, params.diversity)]
    elif len(chosen) > params.k:
        chosen = chosen[: params.k]
        given = params.after.count if params.after else 0
        more = PageEnd(chosen[-1].score, chosen[-1].id, given + params.k)
    documents = read_documents((one.fields for one in chosen), schema, params.fields)
    items = tuple(replace(one, fields=document) for one, document in zip(chosen, documents, strict=True))
    return Neighbours(items, plan, facets, more)


def _check_fields(schema: Schema, params: SearchParams) -> None:
    check_countable(schema, params.facets)
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
    plan = Plan(plans[0].path, plans[0].matching, scanned, exact)
    return sorted(chosen, key=lambda item: (-item.score, item.id))[:count], plan


def _reaching(items: Iterable[ScoredItem], min_score: float) -> list[ScoredItem]:
    return [item for item in items if item.score >= min_score]
