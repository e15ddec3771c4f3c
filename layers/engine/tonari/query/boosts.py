"""Boosts: what the fields of an item add to its similarity, and how many candidates that takes."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from msgspec import structs
from numpy.typing import NDArray

from tonari.catalogue.passages import Passage
from tonari.contract.answers import Plan, Reranked
from tonari.contract.engine import EngineAnswer, ScoredItem
from tonari.contract.ranking import Boost
from tonari.errors import InvalidRequestError
from tonari.fields.schema import Field, Schema, values_of
from tonari.query.copies import Originals
from tonari.query.cursor import PageEnd, Part

CANDIDATES_PER_ITEM = 10
"""How many of the nearest items are ranked at first for each item of an answer."""
ASKED_PER_ITEM = 2
"""How many of the best items are looked at at first for each item of an answer without boosts."""
MORE_EACH_TIME = 4
MOST_CANDIDATES = 5_000
"""Of how many items an answer is made at most, if they fill it."""
MOST_SEEN = 30_000
"""How many items are looked at for an answer that fewer do not fill: in groups, or on a page far on."""
DAY = 86_400.0
DECIMALS = 6
TYPES = {"linear": ("number", "boolean"), "log": ("number",), "age": ("date",)}
"""The types of fields that each function takes."""


@dataclass(frozen=True, slots=True)
class Ranked:
    """An item with its place in the order.

    Parameters
    ----------
    by
        Its similarity and what is added to it, rounded to six decimals.
    added
        What each boosted field adds, by field; empty without boosts.
    part
        Of the answer, in which it lies.
    passage
        That its score is of; None if that is none, or it was not asked for.
    """

    item: ScoredItem
    by: float
    added: Mapping[str, float]
    part: Part = "ranked"
    passage: Passage | None = None


@dataclass(frozen=True, slots=True)
class Ranking:
    """An order by similarity and boosts.

    Parameters
    ----------
    boosts
        May be empty.
    fields
        Types of the fields that they look at.
    now
        Seconds since 1970, from which ages are counted.
    """

    boosts: tuple[Boost, ...]
    fields: Mapping[str, Field]
    now: float

    @property
    def most(self) -> float:
        """What is added to any item at most."""
        return math.fsum(one.weight for one in self.boosts if one.weight > 0)

    def rank(self, item: ScoredItem) -> Ranked:
        """Give an item its place."""
        if not self.boosts:
            return Ranked(item, item.score, {})
        document = dict(item.fields.items())
        added: dict[str, float] = {}
        for one in self.boosts:
            values = values_of(document.get(one.field), self.fields[one.field])
            gain = one.weight * _share(one, values[0], self.now) if values else 0.0
            added[one.field] = added.get(one.field, 0.0) + gain
        by = round(item.score + math.fsum(added.values()), DECIMALS)
        return Ranked(item, by, {name: round(gain, DECIMALS) for name, gain in added.items()})

    def order(self, items: Sequence[ScoredItem]) -> list[Ranked]:
        """Order items: the highest first, equal ones by id."""
        return sorted(map(self.rank, items), key=lambda one: (-one.by, one.item.id))


@dataclass(frozen=True, slots=True)
class Groups:
    """At most so many items for each value of a field; an item without the field is a group of its own."""

    field: str
    about: Field
    most: int


@dataclass(frozen=True, slots=True)
class Page:
    """Which items of an order are wanted.

    Parameters
    ----------
    count
        How many.
    min_score
        Similarity, without boosts, that they reach.
    groups
        None if items are not grouped.
    after
        The end of the page before.
    originals : (n, D) float32
        Embeddings of which no near-copies are wanted, nor of an item before; None where copies are wanted too.
    """

    count: int
    min_score: float
    groups: Groups | None
    after: PageEnd | None
    originals: NDArray[np.float32] | None = None


def rerank(search: Callable[[int], EngineAnswer], order: Ranking, page: Page) -> tuple[list[Ranked], Plan, Reranked]:
    """Find the first items of an order by boosts or places, or without near-copies.

    The nearest items are ranked. One that is not among them is no nearer than the last of them, and no boost adds more
    than :attr:`Ranking.most`; so all that rank above the sum of the two are certain to stand where they stand [the
    threshold of Fagin, Lotem and Naor, Optimal aggregation algorithms for middleware, JCSS 66, 2003]. More items are
    asked for until the page is certain, up to :data:`MOST_CANDIDATES`; beyond that only until it is full. Of estimates
    nothing is certain: as many are ranked, but the answer is never called complete. Without boosts the order is
    that of the search, and a full page is certain.

    Parameters
    ----------
    search
        Gives the k nearest items in range.

    Raises
    ------
    InvalidRequestError
        If :data:`MOST_SEEN` items do not fill the page.
    """
    given = page.after.count if page.after else 0
    each = CANDIDATES_PER_ITEM if order.boosts else ASKED_PER_ITEM
    k, scanned = min(each * (page.count + given), MOST_CANDIDATES), 0
    while True:
        answer = search(k)
        near = [item for item in answer.items if item.score >= page.min_score]
        scanned += answer.plan.scanned
        all_seen = len(near) < k
        least = -math.inf if all_seen else round(near[-1].score + order.most, DECIMALS)
        chosen = _choose(order.order(near), page)
        full = len(chosen) == page.count
        certain = all_seen or (full and (not order.boosts or chosen[-1].by > least))
        if certain or (full and k >= MOST_CANDIDATES):
            plan = structs.replace(answer.plan, scanned=scanned)
            return chosen, plan, Reranked(len(near), certain and plan.vectors == "full")
        if k >= MOST_SEEN:
            by = " by 'boost'" if order.boosts else ""
            raise InvalidRequestError(
                f"{len(near):,} items do not fill this page, and no more are ranked{by}: narrow the 'filter', or lower "
                "'k'."
            )
        k = min(MORE_EACH_TIME * k, MOST_CANDIDATES if k < MOST_CANDIDATES else MOST_SEEN)


def _choose(ranked: Sequence[Ranked], page: Page) -> list[Ranked]:
    """Drop near-copies and what is too much of its group, then what earlier pages gave."""
    after, groups = page.after, page.groups
    originals = None if page.originals is None else Originals(page.originals)
    taken: Counter[Any] = Counter()
    chosen: list[Ranked] = []
    for one in ranked:
        if len(chosen) == page.count:
            break
        if originals is not None and originals.has(one.item.embedding):
            continue
        if groups is not None:
            values = values_of(one.item.fields.get(groups.field), groups.about)
            taken.update(values)
            if any(taken[value] > groups.most for value in values):
                continue
        if originals is not None:
            originals.add(one.item.embedding)
        if after is None or after.precedes(one.by, one.item.id):
            chosen.append(one)
    return chosen


def rest_of_parts(
    parts: Mapping[Part, list[Ranked]], after: PageEnd, pinned: Sequence[str]
) -> dict[Part, list[Ranked]]:
    """Keep what follows the end of a page: of its own part what follows the item, and all later parts."""
    order = [*parts]
    rest = {part: parts[part] for part in order[order.index(after.part) :]}
    if after.part == "pinned" and after.id in pinned:
        behind = pinned[pinned.index(after.id) + 1 :]
        rest["pinned"] = [one for one in parts["pinned"] if one.item.id in behind]
    if after.part == "buried":
        rest["buried"] = [one for one in parts["buried"] if after.precedes(one.by, one.item.id)]
    return rest


def ranking(boosts: tuple[Boost, ...], schema: Schema, now: float) -> Ranking:
    """Check boosts against the fields of a generation.

    Raises
    ------
    InvalidRequestError
        If a field is unknown, or not of a type that the function takes.
    """
    for one in boosts:
        if (why_not := schema.why_not(one.field)) is not None:
            raise InvalidRequestError(f"'boost': {why_not}")
        kind, taken = schema.fields[one.field].type, TYPES[one.function]
        if kind not in taken:
            functions = [name for name, kinds in TYPES.items() if kind in kinds]
            remedy = f"use {' or '.join(functions)}" if functions else "boost by a number, a date or a boolean"
            raise InvalidRequestError(
                f"'boost': {one.field!r} is of type {kind}; {one.function!r} takes {' and '.join(taken)} fields: "
                f"{remedy}."
            )
    return Ranking(boosts, {one.field: schema.fields[one.field] for one in boosts}, now)


def _share(boost: Boost, value: Any, now: float) -> float:
    """Give the function's value, from 0 to 1."""
    number = float(value)
    if boost.function == "age":
        return float(0.5 ** (max(0.0, now - number) / DAY / (boost.half_life or 1.0)))
    if boost.function == "log":
        share = math.log1p(max(0.0, number)) / math.log1p(boost.top)
    else:
        # Halves, lest the way from -1e300 to 1e300 overflow.
        share = (number / 2 - boost.bottom / 2) / (boost.top / 2 - boost.bottom / 2)
    return min(1.0, max(0.0, share))
