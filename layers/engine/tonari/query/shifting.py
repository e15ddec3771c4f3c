"""A query moved towards classes of attributes, as a request names them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from tonari.attributes import AttributeModel
from tonari.attributes.shift import move
from tonari.contract.answers import Shifted
from tonari.contract.decoding import nearest_name
from tonari.errors import InvalidRequestError
from tonari.fields.kinds import text_of
from tonari.query.queries import Query
from tonari.query.serving import Serving

MOST_KEPT = 128
"""Classes of other attributes that keep their scores: the move takes a matrix of so many rows to invert."""
MOST_LISTED = 20
DECIMALS = 6


def shift(serving: Serving, query: Query, wanted: Mapping[str, Any]) -> tuple[Query, Shifted]:
    """Move a query towards classes, one of each attribute that is named.

    The other attributes keep their scores, those of the fewest classes first, as long as they have no more than
    :data:`MOST_KEPT` classes together.

    Raises
    ------
    InvalidRequestError
        Naming what is no attribute, or no class, and what there is instead.
    """
    learned = serving.snapshot.learned
    targets = [(_attribute(learned, name), _class(name, learned[name], value)) for name, value in wanted.items()]
    others = _kept(learned, wanted)
    moved = move(query.embeddings, targets, [learned[name] for name in others])
    kept = tuple(others[position] for position in moved.kept)
    return replace(query, embeddings=moved.embeddings, item=None), Shifted(
        round(float(moved.cosines.min()), DECIMALS), kept
    )


def _attribute(learned: Mapping[str, AttributeModel], name: str) -> AttributeModel:
    if name not in learned:
        near = nearest_name(name, learned)
        hint = f"did you mean {near!r}?" if near else f"there are {', '.join(learned) or 'none'}."
        raise InvalidRequestError(f"'shift': {name!r:.80} is not an attribute; {hint}")
    if len(learned[name].classes) < 2:
        raise InvalidRequestError(
            f"'shift': {name!r} has fewer than two classes with pictures, so there is nothing to move between."
        )
    return learned[name]


def _class(name: str, model: AttributeModel, value: Any) -> Any:
    known = {text_of(one): one for one in model.classes}
    text = text_of(value)
    if text in known:
        return known[text]
    near = nearest_name(text, known)
    listed = ", ".join([*known][:MOST_LISTED])
    more = f" and {len(known) - MOST_LISTED} more" if len(known) > MOST_LISTED else ""
    hint = f"did you mean {near!r}? " if near else ""
    raise InvalidRequestError(
        f"'shift': {text!r:.80} is no class of {name!r}. {hint[:1].upper()}{hint[1:]}Classes of the last rebuild are "
        f"{listed}{more}."
    )


def _kept(learned: Mapping[str, AttributeModel], wanted: Mapping[str, Any]) -> Sequence[str]:
    names = [name for name, model in learned.items() if name not in wanted and len(model.classes) > 1]
    kept: list[str] = []
    room = MOST_KEPT
    for name in sorted(names, key=lambda name: (len(learned[name].classes), name)):
        room -= len(learned[name].classes)
        if room < 0:
            break
        kept.append(name)
    return kept
