"""Predictions: the classes of an item's attributes, by class weights or by the vote of its nearest neighbours.

What an item of the catalogue carries is no prediction: class weights have learned it from that very item. It is given
as its label, beside what its neighbours say.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from tonari.attributes import VOTERS, Method, Prediction, by_vote, by_weights
from tonari.catalogue.holdout import split_value
from tonari.contract.engine import EngineQuery, ScoredItem, Values
from tonari.contract.filter_tree import EVERYTHING, Condition, Range, count_conditions
from tonari.errors import InvalidRequestError
from tonari.fields.schema import values_of
from tonari.query.copies import COPY
from tonari.query.queries import Query
from tonari.query.serving import Serving

LEAST_SHARED, SHARED_PER_VOTER = 128, 4
"""How many items are looked at for the votes on several attributes at once: at least, and for each that votes."""

MOST_CONDITIONS = 256
"""How many conditions are evaluated for attributes that need a search of their own."""

MOST_TWINS = 64
"""Among how many of the nearest items copies and variants of the item that asks are looked for."""


@dataclass(frozen=True, slots=True)
class Voting:
    """An item that votes on one attribute, and its classes: one, or several tags."""

    item: ScoredItem
    values: tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Answer:
    """The prediction of one attribute.

    Parameters
    ----------
    prediction
        By the method that was asked for; by the vote if the neighbours' class is so new that it has no weights. Of an
        attribute with a label, the vote of other items.
    new_class
        Whether the best class is newer than the class weights.
    agree
        Whether weights and vote name the same best class; None if one of them has none. Of a label: whether the vote
        names it; None if the vote names another class, but is not sure of it.
    voters
        The neighbours that voted, nearest first.
    familiar
        Whether the query is like anything in the catalogue: if it is not, no value is given. None if nobody can tell.
    label
        The classes that the query itself, an item of the catalogue, carries; empty if nothing is known of it.
    """

    prediction: Prediction
    new_class: bool
    agree: bool | None
    voters: tuple[Voting, ...]
    familiar: bool | None = True
    label: tuple[Any, ...] = ()

    @property
    def best(self) -> Any:
        """The class that neighbours speak for or against: of labels the first, else the best one; None if none is."""
        if self.label:
            return self.label[0]
        return self.prediction.ranked[0].value if self.prediction.ranked else None


def predict(
    serving: Serving,
    query: Query,
    attributes: Sequence[str] | None,
    method: Method | None,
    k: int,
    within: Range,
    *,
    familiar: bool | None = True,
) -> dict[str, Answer]:
    """Predict attributes, all if none are named.

    Parameters
    ----------
    method
        ``discriminant`` or ``means``: weight vectors of the classes, one matrix product. ``vote``: the nearest items in
        range that have the attribute. Where weights are asked for, the vote says whether it agrees. None: for each
        attribute the method that held-out items speak for.
    k
        How many items vote.
    within
        Which items may vote; only classes of these items can be predicted.
    familiar
        Whether the query is like anything in the catalogue; None if nobody can tell. Of a description in words
        probabilities are not known either: they were measured on views.

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
    labels, twins = _own(serving, query, chosen)
    unknown = [name for name in chosen if not labels[name]]
    voting = _voters(serving, query, unknown, k, within)
    voting |= _voters(serving, query, [name for name in chosen if labels[name]], k, within.without(twins))
    classes = _classes_in_range(serving, unknown, within) if within != EVERYTHING or query.described else None
    typical = k == VOTERS and within == EVERYTHING and not query.described
    answers: dict[str, Answer] = {}
    for name in chosen:
        learned, voters = serving.snapshot.learned[name], tuple(voting[name])
        voted = by_vote([one.values for one in voters], [one.item.score for one in voters], learned, typical=typical)
        if labels[name]:
            answers[name] = Answer(voted, False, _confirms(voted, labels[name]), voters, label=labels[name])
            continue
        by = method or learned.default
        among = None if classes is None else classes[name]
        weighed = by_weights(query.embeddings, learned, "means" if by == "means" else "discriminant", among)
        agree = voted.ranked[0].value == weighed.ranked[0].value if voted.ranked and weighed.ranked else None
        new_class = bool(voted.ranked) and voted.ranked[0].value not in learned.classes
        answers[name] = Answer(voted if by == "vote" or new_class else weighed, new_class, agree, voters, familiar)
    return answers


def _confirms(voted: Prediction, label: tuple[Any, ...]) -> bool | None:
    """Tell whether the vote names a label; None if it names another class, but is not sure of it."""
    if voted.ranked and voted.ranked[0].value in label:
        return True
    return None if voted.abstained or not voted.ranked else False


def _own(
    serving: Serving, query: Query, attributes: Sequence[str]
) -> tuple[dict[str, tuple[Any, ...]], tuple[str, ...]]:
    """Give the labels of the item that asks, and the ids of its twins: copies, and others of its ``split_by`` value.

    Twins carry the same label for the same reason: their votes would confirm a wrong one as well.
    """
    if query.item is None:
        return dict.fromkeys(attributes, ()), ()
    schema = serving.snapshot.schema
    fields = dict(serving.engine.read([query.item])[query.item].fields.items())
    labels = {name: values_of(fields.get(name), schema.fields[name]) for name in attributes}
    if not any(labels.values()):
        return labels, ()
    own = split_value(query.item, fields, schema.split_by)
    near = serving.engine.search(
        EngineQuery(query.embeddings, MOST_TWINS, EVERYTHING.without(query.items), embeddings=False)
    ).items
    twins = (one.id for one in near if one.upper >= COPY or split_value(one.id, one.fields, schema.split_by) == own)
    return labels, tuple(twins)


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
    near = (
        serving.engine.search(EngineQuery(query.embeddings, asked, having, embeddings=False)).items
        if len(attributes) > 1
        else ()
    )
    for item in near:
        document = dict(item.fields.items())
        for name in [*lacking]:
            if values := values_of(document.get(name), types[name]):
                found[name].append(Voting(item, values))
                if len(found[name]) == k:
                    lacking.discard(name)
        if not lacking:
            break
    if len(attributes) == 1 or len(near) == asked:
        _check_effort(within, lacking)
        for name in lacking:
            own = having.matching(Condition(name, "$exists", (True,)))
            items = serving.engine.search(EngineQuery(query.embeddings, k, own, embeddings=False)).items
            found[name] = [Voting(item, values_of(item.fields.get(name), types[name])) for item in items]
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
