"""Search: from what the engine finds to an answer in groups, varied, counted and in pages."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from msgspec import structs
from numpy.typing import NDArray

from tonari.contract.answers import Plan, Reranked
from tonari.contract.engine import ScoredItem, SortedItem, SortQuery, Spread, Values
from tonari.contract.filter_tree import Condition, Range
from tonari.contract.ranking import Boost
from tonari.errors import InvalidRequestError
from tonari.fields.schema import Schema, values_of
from tonari.index.scoring import varied_candidates, vary
from tonari.query.boosts import Groups, Page, Ranked, Ranking, ranking, rerank, rest_of_parts
from tonari.query.contents import check_countable, check_single, read_documents, read_passage
from tonari.query.cursor import PageEnd, Part
from tonari.query.facet_counts import count_facets
from tonari.query.finding import ByRank, Finder, ItemByWords, finder_of
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
    duplicates
        Give near-copies of the query's own items, and of items before them, too; None: unless the query's own items
        have passages alone.
    facets
        Fields whose values are counted over all items in range.
    disjunctive_facets
        Fields whose values are counted without their own conditions.
    after
        The end of the page before.
    fields
        What is read of each item's document, all that may be returned if it is None.
    passages
        Whether the passage is read that an item's score is of.
    embeddings
        Whether the embeddings of the items are shown; they are read as well where the order depends on them.
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
    duplicates: bool | None = True
    facets: tuple[str, ...] = ()
    disjunctive_facets: tuple[str, ...] = ()
    after: PageEnd | None = None
    fields: tuple[str, ...] | None = None
    passages: bool = False
    embeddings: bool = True
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
    adds = bool(params.boosts or params.diversity)
    compares = bool(params.diversity) or _originals(query, params) is not None
    finder = finder_of(
        serving.engine,
        query,
        exact=params.exact,
        min_score=params.min_score,
        adds=adds,
        gives_embeddings=params.embeddings or compares,
    )
    chosen, plan, reranked = _in_parts(serving, query, params, Order(finder, order), count)
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
    if params.passages:
        chosen = [replace(one, passage=read_passage(one.item.fields, schema, one.item.view)) for one in chosen]
    documents = read_documents((one.item.fields for one in chosen), schema, params.fields)
    items = tuple(
        replace(one, item=replace(one.item, fields=document)) for one, document in zip(chosen, documents, strict=True)
    )
    return Neighbours(items, plan, facets, more, reranked)


@dataclass(frozen=True, slots=True)
class Order:
    """What finds items, and what boosts add to their scores."""

    finder: Finder
    boosts: Ranking


def _in_parts(
    serving: Serving, query: Query, params: SearchParams, order: Order, count: int
) -> tuple[list[Ranked], Plan, Reranked | None]:
    """Take what is pinned, then what is ranked, then what is buried, until there is enough."""
    own = _originals(query, params)
    if not params.pinned and not params.buried:
        return _ranked(serving, query, params, order, Count(count, own))
    after, within = params.after, params.within
    pinned, pins = _placed(serving, query, params, order, "pinned", params.pinned)
    buried, burials = _placed(serving, query, params, order, "buried", params.buried)
    others = within.without((*params.pinned, *params.buried))
    behind = after if after is not None and after.part == "ranked" else None
    above = own if own is None else np.concatenate([own, *(one.item.embedding[None] for one in pinned)])
    rest = replace(params, within=others, after=behind)
    ranked, plan, reranked = _ranked(serving, query, rest, order, Count(count, above))
    parts: dict[Part, list[Ranked]] = {"pinned": pinned, "ranked": ranked, "buried": buried}
    if after is not None:
        parts = rest_of_parts(parts, after, params.pinned)
    plan = structs.replace(plan, matching=plan.matching + pins + burials)
    return [one for part in parts.values() for one in part][:count], plan, reranked


def _originals(query: Query, params: SearchParams) -> NDArray[np.float32] | None:
    """Give what no near-copies are wanted of, beside the items of the answer; None where copies are wanted."""
    if not query.of_passages if params.duplicates is None else params.duplicates:
        return None
    return query.embeddings[:0] if query.own is None else query.own


@dataclass(frozen=True, slots=True)
class Count:
    """How many items, and of what they are no near-copies: see :class:`tonari.query.boosts.Page`."""

    most: int
    originals: NDArray[np.float32] | None


def _placed(
    serving: Serving, query: Query, params: SearchParams, order: Order, part: Part, names: tuple[str, ...]
) -> tuple[list[Ranked], int]:
    """Give the items that are pinned or buried, however similar; and how many are in range.

    They have a view or, where words are searched for, are pinned or have one of the words.
    """
    among = None if params.within.ids is None else {*params.within.ids}
    names = tuple(name for name in names if among is None or name in among)
    if not names:
        return [], 0
    within = replace(params.within, ids=names).without(query.items)
    finder = replace(order.finder, min_score=-1.0) if isinstance(order.finder, ByRank) else order.finder
    found = finder.find(len(names), within)
    items = [replace(one, ranks={}) if isinstance(one, ItemByWords) else one for one in found.items]
    matching = found.plan.matching
    if part == "pinned" and query.words is not None:
        there = {one.id for one in items}
        wordless = serving.engine.sort(SortQuery(len(names), within.without(there))).items
        items += [_without_words(one, query) for one in wordless]
        matching = len(items)
    ranked = [replace(one, part=part) for one in order.boosts.order(items)]
    if part == "pinned":
        ranked.sort(key=lambda one: names.index(one.item.id))
    return ranked, matching


def _without_words(one: SortedItem, query: Query) -> ItemByWords:
    nothing = np.zeros(query.embeddings.shape[1], np.float32)
    return ItemByWords(one.place.id, 0.0, 0.0, one.view or "", one.fields, nothing)


def _ranked(
    serving: Serving, query: Query, params: SearchParams, order: Order, count: Count
) -> tuple[list[Ranked], Plan, Reranked | None]:
    field, boosts, finder = params.group_by, order.boosts, order.finder
    if boosts.boosts or finder.by_rank or count.originals is not None:
        groups = None if field is None else Groups(field, serving.snapshot.schema.fields[field], params.per_group)
        within = params.within.without(query.items)
        least = -1.0 if query.words is not None else params.min_score
        page = Page(count.most, least, groups, params.after, count.originals)
        chosen, plan, reranked = rerank(lambda k: finder.find(k, within), boosts, page)
        return chosen, plan, reranked if boosts.boosts else None
    if field is None:
        items, plan = _nearest(query, params, finder, count.most)
    else:
        items, plan = _nearest_of_groups(serving, query, params, finder, field, count.most)
    return [boosts.rank(one) for one in items], plan, None


def _check_fields(schema: Schema, params: SearchParams) -> None:
    check_countable(schema, "facets", params.facets)
    check_countable(schema, "disjunctive_facets", params.disjunctive_facets)
    if params.group_by is not None:
        check_single(schema, "group_by", params.group_by)


def _nearest(query: Query, params: SearchParams, finder: Finder, count: int) -> tuple[list[ScoredItem], Plan]:
    """Take the nearest items; a page that is not among the first is what follows the one before in an exact search."""
    after, within = params.after, params.within.without(query.items)
    k = min(count + (after.count if after else 0), MOST_AT_FIRST)
    answer = finder.find(k, within)
    near = _reaching(answer.items, params.min_score)
    if after is None:
        return near, answer.plan
    later = [item for item in near if after.precedes(item.score, item.id)]
    if len(later) < count and len(near) == k:
        answer = finder.find(count, within, (after.score, after.id))
        later = _reaching(answer.items, params.min_score)
    return later[:count], answer.plan


def _nearest_of_groups(
    serving: Serving, query: Query, params: SearchParams, finder: Finder, field: str, count: int
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
        answer = finder.find(k, within)
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
