"""Requests -> what the use cases take, and what they found -> answers."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

import msgspec
from msgspec import UNSET

from tonari.catalogue.views import is_passage, passage_number
from tonari.contract.answers import (
    Facet,
    FoundItem,
    FoundPassage,
    Likeness,
    ListedItem,
    Prediction,
    RankedClass,
    SearchResult,
    Shifted,
    ValueCount,
    Voter,
)
from tonari.contract.engine import SortedItem, Spread, Values
from tonari.contract.filter_tree import Range
from tonari.contract.requests import ItemsRequest, PredictRequest, SearchRequest, query_of
from tonari.contract.text_queries import Retrieval
from tonari.errors import InvalidRequestError, StaleCursorError
from tonari.fields.facets import date_text
from tonari.fields.filters import parse_filter
from tonari.query.asking import retrieval_of
from tonari.query.boosts import Ranked
from tonari.query.cursor import digest, read_cursor, read_place, write_cursor, write_place
from tonari.query.familiar import Likeness as Judged
from tonari.query.finding import ItemByWords
from tonari.query.listing import Listed, ListParams, read_order
from tonari.query.predict import Answer, Voting
from tonari.query.search import Neighbours, SearchParams
from tonari.query.serving import Serving

EMBEDDING_DECIMALS = 5
PROBABILITY_DECIMALS = RANK_DECIMALS = 6
MOST_SPEAKING = 3
"""How many neighbours are named for a class, and how many against it."""


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
    UnsupportedQueryError
        If there is a cursor, and the text that it belongs to finds nothing here any more.
    """
    encoder = serving.snapshot.encoder
    check_shown(serving, request.fields)
    after = None if request.cursor is None else read_cursor(request.cursor, encoder, _digest(serving, request))
    if after is not None and after.estimated_by not in {"", serving.snapshot.id}:
        raise StaleCursorError(
            "The cursor's scores were estimates, and their snapshot has been replaced since: search again without it."
        )
    return SearchParams(
        k=request.k,
        within=range_of(serving, request),
        exact=request.exact,
        min_score=request.min_score,
        group_by=request.group_by,
        per_group=request.per_group,
        diversity=request.diversity,
        duplicates=request.duplicates,
        facets=request.facets,
        disjunctive_facets=request.disjunctive_facets,
        after=after,
        fields=request.fields if "fields" in request.include else (),
        passages="image" in request.include,
        embeddings="embedding" in request.include,
        boosts=request.boost,
        pinned=request.pin,
        buried=request.bury,
        now=_now(request) if after is None else after.now,
    )


def _now(request: SearchRequest) -> float:
    """Give the time that ages are counted from; a cursor carries it, and is the same twice where no age counts."""
    return time.time() if any(one.function == "age" for one in request.boost) else 0.0


def order_of(request: SearchRequest, retrieval: Retrieval | None = None) -> dict[str, Any]:
    """Give, in JSON, all that decides on the order of the answer: what a cursor belongs to.

    Parameters
    ----------
    retrieval
        By what a text that stands alone finds items; None for other queries.
    """
    query = query_of(request)
    value = getattr(request, query)
    said = hashlib.sha256(value).hexdigest() if isinstance(value, bytes) else msgspec.to_builtins(value)
    return {
        "query": [query, said],
        "text": [request.text, request.text_weight, retrieval],
        "duplicates": request.duplicates,
        "shift": request.shift,
        "region": msgspec.to_builtins(request.region),
        "filter": request.filter,
        "ids": request.ids,
        "min_score": request.min_score,
        "exact": request.exact,
        "group_by": request.group_by,
        "per_group": request.per_group,
        "boost": msgspec.to_builtins(request.boost),
        "pin": request.pin,
        "bury": request.bury,
    }


def _digest(serving: Serving, request: SearchRequest) -> str:
    alone = query_of(request) == "text"
    return digest(order_of(request, retrieval_of(serving, request.retrieval) if alone else None))


def search_result(
    serving: Serving,
    request: SearchRequest,
    found: Neighbours,
    shifted: Shifted | None,
    predictions: Mapping[str, Answer],
    likeness: Judged,
    took_ms: dict[str, float],
) -> SearchResult:
    """Give what the API says of a search, with as much of each item as was asked for."""
    more = found.more
    return SearchResult(
        items=tuple(_found_item(one, request) for one in found.items),
        plan=found.plan,
        shifted=UNSET if shifted is None else shifted,
        reranked=UNSET if found.reranked is None else found.reranked,
        facets=_facets(serving, found.facets) if _counts(request) else UNSET,
        next=UNSET if more is None else write_cursor(more, serving.snapshot.encoder, _digest(serving, request)),
        predictions={name: show_prediction(one) for name, one in predictions.items()} if request.predict else UNSET,
        familiar=likeness.familiar,
        likeness=show_likeness(likeness),
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
        disjunctive_facets=request.disjunctive_facets,
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
        "facets": _facets(serving, found.facets) if _counts(request) else UNSET,
        "next": UNSET if found.more is None else write_place(found.more, _list_digest(request)),
    }


def _listed_item(one: SortedItem, request: ItemsRequest) -> ListedItem:
    image = None if one.view is None or is_passage(one.view) else image_path(one.place.id)
    return ListedItem(
        id=one.place.id,
        fields=dict(one.fields) if "fields" in request.include else UNSET,
        image=image if "image" in request.include else UNSET,
    )


def image_path(item: str) -> str:
    """Path of an item's first image."""
    return f"/v1/items/{quote(item, safe='')}/image"


def _view_path(item: str, view: str) -> str:
    return f"{image_path(item)}?view={quote(view, safe='')}"


def _found_item(ranked: Ranked, request: SearchRequest) -> FoundItem:
    one = ranked.item
    words = one if isinstance(one, ItemByWords) else None
    fused, passage = words is not None and bool(words.ranks), ranked.passage
    return FoundItem(
        id=one.id,
        score=one.score if words is None else words.cosine,
        view=one.view,
        bm25=UNSET if words is None or words.bm25 is None else words.bm25,
        ranks=dict(words.ranks) if words is not None and fused else UNSET,
        ranked_by=round(ranked.by, RANK_DECIMALS) if request.boost or fused else UNSET,
        boosts=dict(ranked.added) if request.boost else UNSET,
        placed=UNSET if ranked.part == "ranked" else ranked.part,
        fields=dict(one.fields) if "fields" in request.include else UNSET,
        image=_view_path(one.id, one.view) if "image" in request.include and _is_image(one.view) else UNSET,
        passage=UNSET if passage is None else FoundPassage(passage.text, passage_number(one.view), passage.title),
        embedding=tuple(round(float(component), EMBEDDING_DECIMALS) for component in one.embedding)
        if "embedding" in request.include and one.view
        else UNSET,
    )


def _is_image(view: str) -> bool:
    return bool(view) and not is_passage(view)


def _counts(request: SearchRequest | ItemsRequest) -> bool:
    return bool(request.facets or request.disjunctive_facets)


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

    Where the best class is withheld it heads the alternatives, and ``score`` is its probability; nothing is probable of
    a query that is like nothing in the catalogue. Beside a label the alternatives are what others say.
    """
    found, label, familiar = answer.prediction, answer.label, answer.familiar
    ranked = tuple(RankedClass(one.value, round(one.score, PROBABILITY_DECIMALS)) for one in found.ranked)
    given = bool(ranked) and familiar is not False and not found.abstained and not label
    abstained = bool(ranked) and not given and not label
    voters = tuple(_voter(one, several=found.several) for one in answer.voters)
    speaks = [answer.best in one.values for one in answer.voters]
    values = label or (() if familiar is False else tuple(found.values))
    return Prediction(
        value=label[0] if label else ranked[0].value if given else None,
        score=ranked[0].score if ranked and familiar is not False and not label else None,
        alternatives=ranked[1:] if given else ranked,
        method="label" if label else found.method,
        calibrated=found.calibrated and familiar is True,
        abstained=abstained,
        abstained_because=None if not abstained else "unfamiliar" if familiar is False else "unsure",
        agree=answer.agree,
        new_class=answer.new_class,
        neighbours=voters,
        supporting=tuple(one for one, has in zip(voters, speaks, strict=True) if has)[:MOST_SPEAKING],
        against=tuple(one for one, has in zip(voters, speaks, strict=True) if not has)[:MOST_SPEAKING],
        values=values if found.several else UNSET,
    )


def _voter(one: Voting, *, several: bool) -> Voter:
    item = one.item
    image = _view_path(item.id, item.view) if _is_image(item.view) else ""
    return Voter(item.id, item.score, one.values if several else one.values[0], item.view, image)


def show_likeness(found: Judged) -> Likeness:
    """Give what the API says of how near a query is to the catalogue."""
    return Likeness(found.nearest, found.level)
