"""Questions for the nearest views, and for the first items of an order, in SQL."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tonari.contract.database import NearestQuery
from tonari.contract.engine import SortQuery
from tonari.contract.filter_tree import EVERYTHING
from tonari.engines.databases.pgvector.filters import Where, in_range
from tonari.engines.databases.pgvector.layout import SQL_TYPES, Column, Layout, escaped, vector_text


def nearest_views(layout: Layout, query: NearestQuery, rows: int) -> Where:
    """Ask for the nearest views: id, name, generation, state, document, negative product, number and embedding.

    An order by a sum is one that no index gives: every view in range is compared. pgvector's ``<#>`` is the negative
    inner product, which for rows of length 1 is the negative cosine.
    """
    vector = vector_text(query.vector)
    where = in_range(query.within, layout.columns)
    embedding = "vector_send(v.embedding)" if query.embeddings else "NULL"
    distance = "v.embedding <#> %s::vector"
    parameters: tuple[Any, ...] = (vector, *where.parameters, vector)
    order = f"({distance}) + 0, v.number"
    if layout.indexed and not query.exact:
        order = f"{layout.indexed} <#> %s::{layout.vector}"
    joined = f"FROM {layout.views} v JOIN {layout.items} i ON i.item = v.item WHERE {where.sql}"
    if query.within == EVERYTHING:
        joined = f"FROM {layout.views} v JOIN {layout.items} i ON i.item = v.item WHERE TRUE"
    return Where(
        f"SELECT i.id, v.name, i.generation, i.state, i.document, {distance}, v.number, {embedding} {joined} "
        f"ORDER BY {order} LIMIT {int(rows)}",
        parameters,
    )


def first_views(layout: Layout, query: SortQuery) -> Where:
    """Ask for the first items of an order: id, value, name of the first view, document, generation and state."""
    where = in_range(query.within, layout.columns)
    column = layout.columns.get(query.sort) if query.sort is not None else None
    if column is not None and column.type == "strings":
        column = None
    behind = _behind(column, query)
    if column is None:
        order = f"i.id {'DESC' if query.descending and query.sort is None else 'ASC'}"
    else:
        order = f"{column.name} {'DESC' if query.descending else 'ASC'} NULLS LAST, i.id"
    view = f"(SELECT v.name FROM {layout.views} v WHERE v.item = i.item AND v.number = 0)"
    return Where(
        f"SELECT i.id, {column.name if column else 'NULL'}, {view}, i.document, i.generation, i.state "
        f"FROM {layout.items} i WHERE {where.sql} AND {behind.sql} ORDER BY {order} LIMIT {int(query.k)}",
        (*where.parameters, *behind.parameters),
    )


def stored_items(layout: Layout, ids: Sequence[str]) -> Where:
    """Ask for items by id: id, generation, state, document, names and embeddings of their views, and their fields."""
    fields = "".join(f", {column.name}" for column in layout.columns.values())
    return Where(
        f"SELECT i.id, i.generation, i.state, i.document, array_agg(v.name ORDER BY v.number), "
        f"array_agg(vector_send(v.embedding) ORDER BY v.number){fields} FROM {layout.items} i "
        f"LEFT JOIN {layout.views} v ON v.item = i.item WHERE NOT i.deleted AND i.id = ANY(%s::text[]) "
        "GROUP BY i.id ORDER BY i.id",
        ([escaped(one) for one in ids],),
    )


def _behind(column: Column | None, query: SortQuery) -> Where:
    """Say which items follow a place; those without a value come last, in the order of their ids."""
    if query.after is None:
        return Where("TRUE")
    last, value = escaped(query.after.id), query.after.value
    if query.sort is None:
        return Where(f"i.id {'<' if query.descending else '>'} %s", (last,))
    if column is None:
        return Where("TRUE") if value is not None else Where("i.id > %s", (last,))
    if value is None:
        return Where(f"({column.name} IS NULL AND i.id > %s)", (last,))
    kept = f"%s::{SQL_TYPES[column.type]}"
    farther = f"{column.name} {'<' if query.descending else '>'} {kept}"
    here = escaped(value) if isinstance(value, str) else value
    return Where(f"({farther} OR ({column.name} = {kept} AND i.id > %s) OR {column.name} IS NULL)", (here, here, last))
