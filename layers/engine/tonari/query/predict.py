"""What an item is: the classes of its attributes, by weights or by the vote of its neighbours."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tonari.attributes import VOTERS, Method, Prediction, by_vote, by_weights
from tonari.errors import InvalidRequestError
from tonari.fields.columns import ClassColumn, ListColumn
from tonari.query.candidates import Found, Query
from tonari.query.ranges import Range, sides
from tonari.query.search import SearchParams, nearest_items
from tonari.query.serving import Serving


@dataclass(frozen=True, slots=True)
class Voter:
    """A neighbour that voted: its id, cosine similarity and classes."""

    id: str
    score: float
    values: tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Answer:
    """What is said of one attribute.

    Parameters
    ----------
    prediction
        By the method that was asked for; by the vote where the neighbours' class is so new that it has no weights.
    unheard_of
        Whether that is so.
    agree
        Whether weights and vote name the same best class; None where one of them says nothing.
    voters
        The neighbours that voted, nearest first.
    """

    prediction: Prediction
    unheard_of: bool
    agree: bool | None
    voters: tuple[Voter, ...]


def predict(
    serving: Serving, query: Query, attributes: Sequence[str] | None, method: Method, k: int, within: Range
) -> dict[str, Answer]:
    """Predict attributes, all if none are named.

    Parameters
    ----------
    method
        ``discriminant`` or ``means``: weight vectors of the classes, one matrix product. ``vote``: the nearest items in
        range that have the attribute. Where weights are asked for, the vote says whether it agrees.
    k
        How many items vote.
    within
        Which items may vote; only classes that items in range have come into question.

    Raises
    ------
    InvalidRequestError
        If one of ``attributes`` is none.
    """
    known = serving.snapshot.schema.attributes
    chosen = known if attributes is None else attributes
    for name in chosen:
        if name not in known:
            raise InvalidRequestError(f"{name!r:.80} is no attribute; there are {', '.join(known) or 'none'}.")
    return {name: _predict(serving, query, name, method, k, within) for name in chosen}


def _predict(serving: Serving, query: Query, name: str, method: Method, k: int, within: Range) -> Answer:
    learned = serving.snapshot.learned[name]
    found = nearest_items(serving, query, SearchParams(k, within.and_exists(name)))
    voters = tuple(_voter(one, name) for one in found)
    typical = k == VOTERS and within == Range()
    voted = by_vote([one.values for one in voters], [one.score for one in voters], learned, typical=typical)
    among = None if within == Range() else _classes_in_range(serving, name, within)
    weighed = by_weights(query.embeddings, learned, "means" if method == "means" else "discriminant", among)
    agree = voted.ranked[0].value == weighed.ranked[0].value if voted.ranked and weighed.ranked else None
    unheard_of = bool(voted.ranked) and voted.ranked[0].value not in learned.classes
    chosen = voted if method == "vote" or unheard_of else weighed
    return Answer(chosen, unheard_of, agree, voters)


def _voter(found: Found, name: str) -> Voter:
    return Voter(found.id, found.score, found.table.classes_of(name, found.position))


def _classes_in_range(serving: Serving, name: str, within: Range) -> frozenset[Any]:
    classes: set[Any] = set()
    for side in sides(serving, within):
        match side.table.columns.get(name):
            case ClassColumn(codes, values):
                here = codes if side.allowed is None else codes[side.allowed]
                classes |= {values[code] for code in np.unique(here[here >= 0]).tolist()}
            case ListColumn(codes, items, values, _):
                here = codes if side.allowed is None else codes[side.allowed[items]]
                classes |= {values[code] for code in np.unique(here).tolist()}
    return frozenset(classes)
