"""Predictions: the classes of an item's attributes, by class weights or by the vote of its nearest neighbours."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from tonari.attributes import VOTERS, Method, Prediction, by_vote, by_weights
from tonari.contract.answers import Voter
from tonari.contract.engine import EngineQuery, Values
from tonari.contract.filter_tree import EVERYTHING, Condition, Range, count_conditions
from tonari.errors import InvalidRequestError
from tonari.fields.schema import values_of
from tonari.query.queries import Query
from tonari.query.serving import Serving

LEAST_SHARED, SHARED_PER_VOTER = 128, 4
"""How many items are looked at for the votes on several attributes at once: at least, and for each that votes."""

MOST_CONDITIONS = 256
"""How many conditions are evaluated for attributes that need a search of their own."""


@dataclass(frozen=True, slots=True)
class Voting:
    """An item that votes on one attribute, its similarity, and its classes: one, or several tags."""

    id: str
    score: float
    values: tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Answer:
    """The prediction of one attribute.

    Parameters
    ----------
    prediction
        By the method that was asked for; by the vote if the neighbours' class is so new that it has no weights.
    new_class
        Whether that is so.
    agree
        Whether weights and vote name the same best class; None if one of them has none.
    voters
        The neighbours that voted, nearest first.
    """

    prediction: Prediction
    new_class: bool
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
        Which items may vote; only classes of these items can be predicted.

    Raises
    ------
    InvalidRequestError
        If one of ``attributes`` is not an attribute.
    """
    known = serving.snapshot.schema.attributes
    chosen = known if attributes is None else attributes
    for name in chosen:
        if name not in known:
            raise InvalidRequestError(f"{name!r:.80} is not an attribute; there are {', '.join(known) or 'none'}.")
    chosen = tuple(dict.fromkeys(chosen))
    voting = _voters(serving, query, chosen, k, within)
    classes = None if within == EVERYTHING else _classes_in_range(serving, chosen, within)
    typical = k == VOTERS and within == EVERYTHING
    return {
        name: _predict(serving, query, name, method, voting[name], None if classes is None else classes[name], typical)
        for name in chosen
    }


def _predict(
    serving: Serving,
    query: Query,
    name: str,
    method: Method,
    voters: Sequence[Voting],
    among: Collection[Any] | None,
    typical: bool,  # noqa: FBT001
) -> Answer:
    learned = serving.snapshot.learned[name]
    voted = by_vote([one.values for one in voters], [one.score for one in voters], learned, typical=typical)
    weighed = by_weights(query.embeddings, learned, "means" if method == "means" else "discriminant", among)
    agree = voted.ranked[0].value == weighed.ranked[0].value if voted.ranked and weighed.ranked else None
    new_class = bool(voted.ranked) and voted.ranked[0].value not in learned.classes
    chosen = voted if method == "vote" or new_class else weighed
    shown = (Voter(one.id, one.score, one.values if learned.several else one.values[0]) for one in voters)
    return Answer(chosen, new_class, agree, tuple(shown))


def _voters(
    serving: Serving, query: Query, attributes: Sequence[str], k: int, within: Range
) -> dict[str, list[Voting]]:
    """Give for each attribute the k nearest items that have it, nearest first.

    One search serves all attributes; one of its own is made for those that few items near the query have.
    """
    types = serving.snapshot.schema.fields
    having = within.without(query.items)
    found: dict[str, list[Voting]] = {name: [] for name in attributes}
    lacking = set(attributes)
    asked = max(LEAST_SHARED, SHARED_PER_VOTER * k)
    near = serving.engine.search(EngineQuery(query.embeddings, asked, having)).items if len(attributes) > 1 else ()
    for item in near:
        document = dict(item.fields.items())
        for name in [*lacking]:
            if values := values_of(document.get(name), types[name]):
                found[name].append(Voting(item.id, item.score, values))
                if len(found[name]) == k:
                    lacking.discard(name)
        if not lacking:
            break
    if len(attributes) == 1 or len(near) == asked:
        _check_effort(within, lacking)
        for name in lacking:
            own = having.matching(Condition(name, "$exists", (True,)))
            items = serving.engine.search(EngineQuery(query.embeddings, k, own)).items
            found[name] = [Voting(item.id, item.score, values_of(item.fields.get(name), types[name])) for item in items]
    return found


def _check_effort(within: Range, attributes: Collection[str]) -> None:
    conditions = count_conditions(within.filter)
    if conditions * len(attributes) > MOST_CONDITIONS:
        raise InvalidRequestError(
            f"Few items near the query have {', '.join(sorted(attributes)[:3])}, …: {len(attributes)} attributes by a "
            f"filter of {conditions} conditions are more than {MOST_CONDITIONS} in all: name fewer attributes at once."
        )


def _classes_in_range(serving: Serving, names: Sequence[str], within: Range) -> dict[str, frozenset[Any]]:
    counted = serving.engine.count(names, within, most=None)
    return {
        name: frozenset(value for value, _ in one.most) if isinstance(one, Values) else frozenset()
        for name, one in counted.items()
    }
