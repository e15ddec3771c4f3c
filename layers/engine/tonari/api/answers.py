"""Search forms -> wishes, and what was found as JSON."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from tonari.api.forms import PredictForm, SearchForm
from tonari.errors import InvalidRequestError
from tonari.fields.facets import Spread, Values, date_text
from tonari.query.cursor import digest, read_cursor, write_cursor
from tonari.query.queries import read_filter
from tonari.query.ranges import Range
from tonari.query.search import Neighbour, Neighbours, SearchParams
from tonari.query.serving import Serving

EMBEDDING_DECIMALS = 5


def range_of(serving: Serving, form: SearchForm | PredictForm) -> Range:
    """Check a range against the fields of a generation.

    Raises
    ------
    InvalidFilterError
    """
    return Range(None if form.filter is None else read_filter(serving, form.filter), form.ids)


def params_of(serving: Serving, form: SearchForm) -> SearchParams:
    """Check a search against the fields and the encoder of a generation.

    Raises
    ------
    InvalidFilterError, InvalidRequestError, StaleCursorError
    """
    encoder = serving.snapshot.encoder
    for name in form.fields or ():
        why_not = serving.snapshot.schema.why_hidden(name)
        if why_not is not None:
            raise InvalidRequestError(f"'fields': {why_not}")
    return SearchParams(
        k=form.k,
        within=range_of(serving, form),
        exact=form.exact,
        min_score=form.min_score,
        group_by=form.group_by,
        per_group=form.per_group,
        diversity=form.diversity,
        facets=form.facets,
        after=None if form.cursor is None else read_cursor(form.cursor, encoder, digest(form.question())),
    )


def show_neighbours(serving: Serving, form: SearchForm, found: Neighbours) -> dict[str, Any]:
    """Give what the API says of an answer, with as much of each item as was asked for."""
    plan = found.plan
    shown: dict[str, Any] = {
        "items": [_show_item(one, form) for one in found.items],
        "plan": {"path": plan.path, "matching": plan.matching, "scanned": plan.scanned, "exact": plan.exact},
    }
    if form.facets:
        schema = serving.snapshot.schema
        shown["facets"] = {name: _show_facet(one, schema.fields[name].type) for name, one in found.facets.items()}
    if found.more is not None:
        shown["next"] = write_cursor(found.more, serving.snapshot.encoder, digest(form.question()))
    return shown


def _show_item(one: Neighbour, form: SearchForm) -> dict[str, Any]:
    shown: dict[str, Any] = {"id": one.id, "score": one.score, "view": one.view}
    if "fields" in form.include:
        shown["fields"] = _only(one.fields, form.fields)
    if "image" in form.include:
        shown["image"] = f"/v1/items/{quote(one.id, safe='')}/image?view={quote(one.view, safe='')}"
    if "embedding" in form.include:
        shown["embedding"] = [round(float(component), EMBEDDING_DECIMALS) for component in one.embedding]
    return shown


def _only(fields: Mapping[str, Any], names: tuple[str, ...] | None) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if names is None or name in names}


def _show_facet(facet: Values | Spread, kind: str) -> dict[str, Any]:
    if isinstance(facet, Values):
        values = [{"value": value, "count": count} for value, count in facet.most]
        return {"type": kind, "count": facet.count, "distinct": facet.distinct, "values": values}
    shown: dict[str, Any] = {"type": kind, "count": facet.count}
    if facet.least is not None and facet.greatest is not None:
        dated = kind == "date"
        shown["min"] = date_text(facet.least) if dated else facet.least
        shown["max"] = date_text(facet.greatest) if dated else facet.greatest
        shown["histogram"] = list(facet.histogram)
    return shown
