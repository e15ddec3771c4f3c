"""Lists: items in range in the order of a field, in pages."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from tonari.contract.engine import FieldType, Place, SortedItem, SortQuery, Spread, Values
from tonari.contract.filter_tree import Range
from tonari.fields.schema import Schema
from tonari.query.contents import check_countable, check_single, read_documents
from tonari.query.facet_counts import count_facets
from tonari.query.serving import Serving

KINDS: Mapping[FieldType, type] = {"number": float, "date": float, "string": str, "boolean": bool}
"""As what an engine gives the values of a field that can be sorted by."""


@dataclass(frozen=True, slots=True)
class Order:
    """The field that items are ordered by, None for their ids; ``kind`` is what its values are."""

    field: str | None = None
    descending: bool = False
    kind: type | None = None


@dataclass(frozen=True, slots=True)
class ListParams:
    """What a list shall be: ``k`` items in range that follow a place, and what is read of each.

    Parameters
    ----------
    facets
        Fields whose values are counted over all items in range.
    disjunctive_facets
        Fields whose values are counted without their own conditions.
    fields
        What is read of each item's document, all that may be returned if it is None.
    """

    k: int
    within: Range
    order: Order
    facets: tuple[str, ...] = ()
    disjunctive_facets: tuple[str, ...] = ()
    after: Place | None = None
    fields: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class Listed:
    """A page of a list; ``more`` is its last place if items follow."""

    items: tuple[SortedItem, ...]
    matching: int
    facets: Mapping[str, Values | Spread]
    more: Place | None


def read_order(text: str | None, schema: Schema) -> Order:
    """Read what a list is sorted by: the name of a field, with ``-`` before it for descending values.

    Raises
    ------
    InvalidRequestError
        If there is no such field, or it has lists of values.
    """
    if text is None or text in ("id", "-id"):
        return Order(descending=text == "-id")
    descending = text.startswith("-") and text not in schema.fields
    field = text[1:] if descending else text
    check_single(schema, "sort", field)
    return Order(field, descending, KINDS[schema.fields[field].type])


def list_items(serving: Serving, params: ListParams) -> Listed:
    """List items.

    Raises
    ------
    InvalidRequestError
        If a field to count is unknown, or too many conditions have to be evaluated.
    TooLargeError
        If the documents are longer than an answer may be.
    """
    schema, order = serving.snapshot.schema, params.order
    check_countable(schema, "facets", params.facets)
    check_countable(schema, "disjunctive_facets", params.disjunctive_facets)
    facets = count_facets(serving.engine, params.facets, params.disjunctive_facets, params.within)
    question = SortQuery(params.k + 1, params.within, order.field, order.descending, params.after)
    found = serving.engine.sort(question)
    page = found.items[: params.k]
    documents = read_documents((one.fields for one in page), schema, params.fields)
    items = tuple(replace(one, fields=document) for one, document in zip(page, documents, strict=True))
    return Listed(items, found.matching, facets, page[-1].place if len(found.items) > params.k else None)
