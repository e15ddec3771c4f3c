"""Requests -> what the use cases take, and what they found -> answers."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

import msgspec
from msgspec import UNSET

from tonari.contract.answers import Facet, FoundItem, ListedItem, Prediction, RankedClass, SearchResult, ValueCount
from tonari.contract.engine import ScoredItem, SortedItem, Spread, Values
from tonari.contract.filter_tree import Range
from tonari.contract.requests import ItemsRequest, PredictRequest, SearchRequest, query_of
from tonari.errors import InvalidRequestError
from tonari.fields.facets import date_text
from tonari.fields.filters import parse_filter
from tonari.query.cursor import digest, read_cursor, read_place, write_cursor, write_place
from tonari.query.listing import Listed, ListParams, read_order
from tonari.query.predict import Answer
from tonari.query.search import Neighbours, SearchParams
from tonari.query.serving import Serving

EMBEDDING_DECIMALS = 5
PROBABILITY_DECIMALS = 6


def range_of(serving: Serving, request: SearchRequest | PredictRequest | ItemsRequest) -> Range:
    """Check a range against the fields of a generation.

    Raises
    ------
    InvalidFilterError
    """
    schema = serving.snapshot.schema
    return Range(None if request.filter is None else parse_filter(request.filter, schema), request.ids)


def check_shown(serving: Serving, fields: tuple[str, ...] | None) -> None:
    """Check that fields which an answer shall show can be shown.

    Raises
    ------
    InvalidRequestError
    """
    for name in fields or ():
        why_not = serving.snapshot.schema.why_hidden(name)
        if why_not is not None:
            raise InvalidRequestError(f"'fields': {why_not}")


def params_of(serving: Serving, request: SearchRequest) -> SearchParams:
    """Check a search against the fields and the encoder of a generation.

    Raises
    ------
    InvalidFilterError, InvalidRequestError, StaleCursorError
    """
    encoder = serving.snapshot.encoder
    check_shown(serving, request.fields)
    return SearchParams(
        k=request.k,
        within=range_of(serving, request),
        exact=request.exact,
        min_score=request.min_score,
        group_by=request.group_by,
        per_group=request.per_group,
        diversity=request.diversity,
        facets=request.facets,
        after=None if request.cursor is None else read_cursor(request.cursor, encoder, digest(order_of(request))),
        fields=request.fields if "fields" in request.include else (),
    )


def order_of(request: SearchRequest) -> dict[str, Any]:
    """Give, in JSON, all that decides on the order of the answer: what a cursor belongs to."""
    query = query_of(request)
    value = getattr(request, query)
    said = hashlib.sha256(value).hexdigest() if isinstance(value, bytes) else msgspec.to_builtins(value)
    return {
        "query": [query, said],
        "filter": request.filter,
        "ids": request.ids,
        "min_score": request.min_score,
        "exact": request.exact,
        "group_by": request.group_by,
        "per_group": request.per_group,
    }


def search_result(
    serving: Serving,
    request: SearchRequest,
    found: Neighbours,
    predictions: Mapping[str, Answer],
    took_ms: dict[str, float],
) -> SearchResult:
    """Give what the API says of a search, with as much of each item as was asked for."""
    more = found.more
    return SearchResult(
        items=tuple(_found_item(one, request) for one in found.items),
        plan=found.plan,
        facets=_facets(serving, found.facets) if request.facets else UNSET,
        next=UNSET if more is None else write_cursor(more, serving.snapshot.encoder, digest(order_of(request))),
        predictions={name: show_prediction(one) for name, one in predictions.items()} if request.predict else UNSET,
        took_ms=took_ms,
    )


def list_params_of(serving: Serving, request: ItemsRequest) -> ListParams:
    """Check a list against the fields of a generation.

    Raises
    ------
    InvalidFilterError, InvalidRequestError, StaleCursorError
    """
    check_shown(serving, request.fields)
    order = read_order(request.sort, serving.snapshot.schema)
    return ListParams(
        k=request.k,
        within=range_of(serving, request),
        order=order,
        facets=request.facets,
        after=None if request.cursor is None else read_place(request.cursor, order.kind, _list_digest(request)),
        fields=request.fields if "fields" in request.include else (),
    )


def _list_digest(request: ItemsRequest) -> str:
    return digest({"filter": request.filter, "ids": request.ids, "sort": request.sort})


def items_answer(serving: Serving, request: ItemsRequest, found: Listed) -> dict[str, Any]:
    """Give what the API says of a list, by the names of its answer."""
    return {
        "items": tuple(_listed_item(one, request) for one in found.items),
        "matching": found.matching,
        "facets": _facets(serving, found.facets) if request.facets else UNSET,
        "next": UNSET if found.more is None else write_place(found.more, _list_digest(request)),
    }


def _listed_item(one: SortedItem, request: ItemsRequest) -> ListedItem:
    image = None if one.view is None else image_path(one.place.id)
    return ListedItem(
        id=one.place.id,
        fields=dict(one.fields) if "fields" in request.include else UNSET,
        image=image if "image" in request.include else UNSET,
    )


def image_path(item: str) -> str:
    """Path of an item's first image."""
    return f"/v1/items/{quote(item, safe='')}/image"


def _found_item(one: ScoredItem, request: SearchRequest) -> FoundItem:
    return FoundItem(
        id=one.id,
        score=one.score,
        view=one.view,
        fields=dict(one.fields) if "fields" in request.include else UNSET,
        image=f"{image_path(one.id)}?view={quote(one.view, safe='')}" if "image" in request.include else UNSET,
        embedding=tuple(round(float(component), EMBEDDING_DECIMALS) for component in one.embedding)
        if "embedding" in request.include
        else UNSET,
    )


def _facets(serving: Serving, facets: Mapping[str, Values | Spread]) -> dict[str, Facet]:
    types = serving.snapshot.schema.fields
    return {name: _facet(one, types[name].type) for name, one in facets.items()}


def _facet(facet: Values | Spread, kind: str) -> Facet:
    if isinstance(facet, Values):
        values = tuple(ValueCount(value, count) for value, count in facet.most)
        return Facet(type=kind, count=facet.count, distinct=facet.distinct, values=values)
    if facet.least is None or facet.greatest is None:
        return Facet(type=kind, count=facet.count)
    least, greatest = (date_text(one) if kind == "date" else one for one in (facet.least, facet.greatest))
    return Facet(type=kind, count=facet.count, min=least, max=greatest, histogram=facet.histogram)


def show_prediction(answer: Answer) -> Prediction:
    """Give what the API says of one attribute.

    Where the best class is withheld it heads the alternatives, and ``score`` is its probability.
    """
    found = answer.prediction
    ranked = tuple(RankedClass(one.value, round(one.score, PROBABILITY_DECIMALS)) for one in found.ranked)
    given = bool(ranked) and not found.abstained
    return Prediction(
        value=ranked[0].value if given else None,
        score=ranked[0].score if ranked else None,
        alternatives=ranked[1:] if given else ranked,
        method=found.method,
        calibrated=found.calibrated,
        abstained=found.abstained,
        agree=answer.agree,
        new_class=answer.new_class,
        neighbours=answer.voters,
        values=tuple(found.values) if found.several else UNSET,
    )
