"""Predictions: the classes of an item's attributes, by class weights or by the vote of its nearest neighbours."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tonari.attributes import VOTERS, Method, Prediction, by_vote, by_weights
from tonari.contract.answers import Voter
from tonari.contract.engine import EngineQuery, Values
from tonari.contract.filter_tree import EVERYTHING, Condition, Range
from tonari.errors import InvalidRequestError
from tonari.fields.columns import values_of
from tonari.query.queries import Query
from tonari.query.serving import Serving


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
    return {name: _predict(serving, query, name, method, k, within) for name in chosen}


def _predict(serving: Serving, query: Query, name: str, method: Method, k: int, within: Range) -> Answer:
    learned = serving.snapshot.learned[name]
    about = serving.snapshot.schema.fields[name]
    having = within.matching(Condition(name, "$exists", (True,))).without(query.items)
    found = serving.engine.search(EngineQuery(query.embeddings, k, having)).items
    values = [values_of(item.fields.get(name), about) for item in found]
    typical = k == VOTERS and within == EVERYTHING
    voted = by_vote(values, [item.score for item in found], learned, typical=typical)
    among = None if within == EVERYTHING else _classes_in_range(serving, name, within)
    weighed = by_weights(query.embeddings, learned, "means" if method == "means" else "discriminant", among)
    agree = voted.ranked[0].value == weighed.ranked[0].value if voted.ranked and weighed.ranked else None
    new_class = bool(voted.ranked) and voted.ranked[0].value not in learned.classes
    chosen = voted if method == "vote" or new_class else weighed
    voters = (
        Voter(item.id, item.score, has if learned.several else has[0]) for item, has in zip(found, values, strict=True)
    )
    return Answer(chosen, new_class, agree, tuple(voters))


def _classes_in_range(serving: Serving, name: str, within: Range) -> frozenset[Any]:
    counted = serving.engine.count((name,), within, most=None)[name]
    return frozenset(value for value, _ in counted.most) if isinstance(counted, Values) else frozenset()
