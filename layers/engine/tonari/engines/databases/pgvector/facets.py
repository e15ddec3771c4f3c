"""Facets in SQL: how often each value occurs, and how numbers spread, as :mod:`tonari.fields.facets` counts them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tonari.contract.engine import Spread, Values
from tonari.contract.filter_tree import Range
from tonari.engines.databases.pgvector.filters import in_range
from tonari.engines.databases.pgvector.layout import Layout, unescaped
from tonari.fields.facets import BINS, spread

Ask = Callable[[str, Sequence[Any]], list[tuple[Any, ...]]]
"""Runs a statement with its parameters and gives the rows."""
NARROW = 1e-280
"""Numbers that lie closer to each other are counted here: PostgreSQL takes what float64 rounds to 0 for an error."""


def count_values(ask: Ask, layout: Layout, field: str, within: Range, most: int | None) -> Values:
    """Count the values of a field of texts or flags."""
    column, where = layout.columns[field], in_range(within, layout.columns)
    value = "u.value" if column.type == "strings" else column.name
    listed = f" CROSS JOIN LATERAL unnest({column.name}) AS u(value)" if column.type == "strings" else ""
    limit = "" if most is None else f" LIMIT {int(most)}"
    chosen = ask(
        f"SELECT {value}, count(*) FROM {layout.items} i{listed} WHERE {where.sql} AND {column.name} IS NOT NULL "
        f"GROUP BY 1 ORDER BY 2 DESC, 1{limit}",
        where.parameters,
    )
    distinct = f"(SELECT count(DISTINCT {value}) FROM {layout.items} i{listed} WHERE {where.sql})"
    ((having, different),) = ask(
        f"SELECT count({column.name}), {distinct} FROM {layout.items} i WHERE {where.sql}",
        (*where.parameters, *where.parameters),
    )
    values = ((unescaped(one) if isinstance(one, str) else one, count) for one, count in chosen)
    return Values(having, different, tuple(values))


def spread_of(ask: Ask, layout: Layout, field: str, within: Range) -> Spread:
    """Count how the numbers or dates of a field are distributed."""
    column, where = layout.columns[field], in_range(within, layout.columns)
    source = f"FROM {layout.items} i WHERE {where.sql} AND {column.name} IS NOT NULL"
    ((count, least, greatest),) = ask(
        f"SELECT count(*), min({column.name}), max({column.name}) {source}", where.parameters
    )
    if not count:
        return Spread(0, None, None, (0,) * BINS)
    width = greatest / 2 - least / 2
    if width < NARROW:
        few = ask(f"SELECT {column.name} {source}", where.parameters)
        return spread(np.array([value for (value,) in few], np.float64))
    half = f"(CASE WHEN abs({column.name}) < {NARROW} THEN 0 ELSE {column.name} / 2 END)"
    ahead = f"({half} - %s::float8)"
    place = f"CASE WHEN {ahead} < %s::float8 THEN 0 ELSE least(trunc({ahead} / %s::float8 * {BINS}), {BINS - 1}) END"
    rows = ask(
        f"SELECT ({place})::integer, count(*) {source} GROUP BY 1",
        (least / 2, width * 1e-10, least / 2, width, *where.parameters),
    )
    histogram = [0] * BINS
    for bin_number, often in rows:
        histogram[bin_number] = often
    return Spread(count, least, greatest, tuple(histogram))
