"""The use case of the query function: neighbours and predictions, from one generation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from tonari.attributes import predict_by_means, predict_by_vote
from tonari.catalogue import image_key
from tonari.errors import InvalidRequestError, UnknownItemError
from tonari.fields.filters import And, Condition, evaluate, parse_filter
from tonari.fields.schema import RESERVED
from tonari.index import unit
from tonari.planner import find

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from tonari.attributes import Ranked
    from tonari.fields.filters import Filter
    from tonari.fields.schema import Schema
    from tonari.index import Hits
    from tonari.parts import Part
    from tonari.serving import Serving

Method = Literal["means", "vote"]


@dataclass(frozen=True, slots=True)
class Query:
    """What is looked for.

    Parameters
    ----------
    embeddings : (Q, D) float32, rows of length 1
        Usually one; an item that serves as query brings all its views.
    item
        The item that serves as query: it is not among its own neighbours.
    """

    embeddings: NDArray[np.float32]
    item: str | None = None


@dataclass(frozen=True, slots=True)
class Range:
    """Which items may be found: those that match the filter and, where ids are given, are among them."""

    filter: Filter | None = None
    ids: tuple[str, ...] | None = None

    def and_exists(self, field: str) -> Range:
        """Narrow to items that have a field."""
        has = Condition(field, "$exists", (True,))
        return Range(And((self.filter, has)) if self.filter else has, self.ids)


@dataclass(frozen=True, slots=True)
class Neighbour:
    """An item found; ``view`` is the name of its nearest image, ``score`` that image's cosine similarity."""

    id: str
    score: float
    view: str
    fields: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Plan:
    """How an answer was come by; ``matching`` counts items in range, ``scanned`` views that were compared."""

    path: str
    matching: int
    scanned: int
    exact: bool


def query_image(serving: Serving, data: bytes) -> Query:
    """Encode a picture.

    Raises
    ------
    UnsupportedImageError, InvalidImageError, TooLargeError
    """
    return Query(serving.encoder.embed([serving.encoder.read(data)]))


def query_vector(serving: Serving, vector: Sequence[float]) -> Query:
    """Take a ready embedding.

    Raises
    ------
    InvalidVectorError
    """
    return Query(unit(np.asarray(vector, np.float64), serving.encoder.dimensions)[None])


def query_item(serving: Serving, item: str) -> Query:
    """Take the stored embeddings of an item.

    Raises
    ------
    UnknownItemError
        If there is no such item, or it has no image that could be encoded.
    """
    part, position = _find(serving, item)
    rows = part.rows(position)
    if not len(rows):
        raise UnknownItemError(f"The item {item!r} has no image that could be encoded, so nothing is near to it.")
    return Query(np.asarray(part.views.halves[rows], np.float32), item)


def _find(serving: Serving, item: str) -> tuple[Part, int]:
    found = serving.find(item)
    if found is None:
        raise UnknownItemError(f"There is no item {item!r} in this generation; a new one takes some seconds to appear.")
    return found


@dataclass(frozen=True, slots=True)
class _Found:
    """One item of one part, before its document is read."""

    part: Part
    position: int
    row: int
    score: float


def search(
    serving: Serving, query: Query, k: int, within: Range, *, exact: bool = False, min_score: float = -1.0
) -> tuple[list[Neighbour], Plan]:
    """Find the k items in range that are nearest to a query: k come back whenever k match and reach ``min_score``."""
    found, plan = _search(serving, query, k, within, exact=exact)
    schema = serving.snapshot.schema
    neighbours = [
        Neighbour(
            one.part.id(one.position),
            one.score,
            one.part.view_name(one.row),
            shown(one.part.fields(one.position), schema),
        )
        for one in found
        if one.score >= min_score
    ]
    return neighbours, plan


def _search(serving: Serving, query: Query, k: int, within: Range, *, exact: bool) -> tuple[list[_Found], Plan]:
    found: list[_Found] = []
    plans: list[Hits] = []
    for part, alive in ((serving.snapshot.part, serving.alive), (serving.overlay, None)):
        if not len(part) and plans:
            continue
        hits = find(query.embeddings, part.shelf, k, _allowed(part, alive, within, query.item), exact=exact)
        plans.append(hits)
        found += [
            _Found(part, int(item), int(row), float(score))
            for item, row, score in zip(hits.items, hits.views, hits.scores, strict=True)
        ]
    found.sort(key=lambda one: -one.score)
    plan = Plan(
        path=plans[0].path,
        matching=sum(hits.matching for hits in plans),
        scanned=sum(hits.scanned for hits in plans),
        exact=all(hits.exact for hits in plans),
    )
    return found[:k], plan


def _allowed(
    part: Part, alive: NDArray[np.bool_] | None, within: Range, without: str | None
) -> NDArray[np.bool_] | None:
    """Tell which items may be found, None for all."""
    mask = None if alive is None else alive.copy()
    if within.filter is not None:
        holds = evaluate(within.filter, part.columns, len(part))
        mask = holds if mask is None else mask & holds
    if within.ids is not None:
        positions = part.positions(within.ids) if within.ids else np.empty(0, np.int64)
        listed = np.zeros(len(part), np.bool_)
        listed[positions[positions >= 0]] = True
        mask = listed if mask is None else mask & listed
    itself = None if without is None else part.find(without)
    if itself is not None:
        mask = np.ones(len(part), np.bool_) if mask is None else mask
        mask[itself] = False
    return mask


def predict(
    serving: Serving, query: Query, attributes: Sequence[str], method: Method, k: int, within: Range
) -> dict[str, list[Ranked]]:
    """Rank the classes of each attribute, best first; an attribute about which nothing is known gets an empty list.

    Parameters
    ----------
    method
        ``means``: the nearest class mean, one matrix product. ``vote``: the k nearest items in range that have the
        attribute.

    Raises
    ------
    InvalidRequestError
        If one of ``attributes`` is none.
    """
    known = serving.snapshot.schema.attributes
    for name in attributes:
        if name not in known:
            raise InvalidRequestError(f"{name!r} is no attribute; there are {', '.join(known) or 'none'}.")
    if method == "means":
        return {name: predict_by_means(query.embeddings, serving.snapshot.weights[name]) for name in attributes}
    predictions = {}
    for name in attributes:
        found, _ = _search(serving, query, k, within.and_exists(name), exact=False)
        values = [one.part.value(name, one.position) for one in found]
        predictions[name] = predict_by_vote(values, [one.score for one in found])
    return predictions


def read_filter(serving: Serving, raw: Any) -> Filter:
    """Check a filter against the fields of this generation.

    Raises
    ------
    InvalidFilterError
    """
    return parse_filter(raw, serving.snapshot.schema)


def shown(fields: Mapping[str, Any], schema: Schema) -> dict[str, Any]:
    """Drop from a document what is no field, or one that is not returned."""
    hidden = {name for name, field in schema.fields.items() if not field.returned} | {*RESERVED}
    return {name: value for name, value in fields.items() if name not in hidden}


def item_details(serving: Serving, item: str) -> tuple[dict[str, Any], list[str]]:
    """Give an item's fields and the names of its views.

    Raises
    ------
    UnknownItemError
    """
    part, position = _find(serving, item)
    return shown(part.fields(position), serving.snapshot.schema), [
        part.view_name(int(row)) for row in part.rows(position)
    ]


def image_of(serving: Serving, item: str, view: str | None) -> str:
    """Give the key of an item's image in the catalogue, its first if no view is named.

    Raises
    ------
    UnknownItemError
        If there is no such item or view.
    """
    _, names = item_details(serving, item)
    if view is None and names:
        return image_key(item, names[0])
    if view is None or view not in names:
        raise UnknownItemError(f"The item {item!r} has no image {view or ''}; it has {', '.join(names) or 'none'}.")
    return image_key(item, view)
