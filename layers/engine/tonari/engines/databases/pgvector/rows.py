"""Rows that PostgreSQL gives, read as what the port speaks of."""

from __future__ import annotations

from typing import Any

from tonari.contract.database import FoundRecord, Record, SortedRecord
from tonari.engines.databases.pgvector.layout import Layout, field_value, read_vectors, unescaped


def found_record(row: tuple[Any, ...], dimensions: int) -> FoundRecord:
    """Read a row of :func:`~tonari.engines.databases.pgvector.searches.nearest_views`."""
    item, view, generation, state, document, distance, _, sent = row
    embedding = None if sent is None else read_vectors([sent], dimensions)[0]
    return FoundRecord(
        unescaped(item), -distance, unescaped(view), unescaped(document), generation, unescaped(state), embedding
    )


def sorted_record(row: tuple[Any, ...]) -> SortedRecord:
    """Read a row of :func:`~tonari.engines.databases.pgvector.searches.first_views`."""
    item, value, view, document, generation, state = row
    said = (unescaped(document), generation, unescaped(state))
    return SortedRecord(unescaped(item), field_value(value), unescaped(view or ""), *said)


def stored_record(row: tuple[Any, ...], layout: Layout) -> Record:
    """Read a row of :func:`~tonari.engines.databases.pgvector.searches.stored_items`."""
    item, generation, state, document, names, sent, *values = row
    named = [name for name in names if name is not None]
    found = {one: field_value(value) for one, value in zip(layout.columns, values, strict=True) if value is not None}
    return Record(
        id=unescaped(item),
        generation=generation,
        state=unescaped(state),
        fields=found,
        document=unescaped(document),
        terms=(),
        views=tuple(map(unescaped, named)),
        embeddings=read_vectors([one for one in sent if one is not None], layout.state.dimensions),
    )
