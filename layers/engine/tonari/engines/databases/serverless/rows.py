"""Records as rows of an index of OpenSearch Serverless, one for each view, and back.

A row is never changed, and its key is Serverless' own. Of an item's rows only those of the greatest generation and then
time of writing count; others are left over from an older or a torn write.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tonari.contract.database import CollectionState, Record, RecordState, Tombstone
from tonari.engines.databases.lucene.documents import (
    COUNT,
    GENERATION,
    ITEM,
    LONG,
    NAME,
    PACKED,
    STATE,
    TERMS,
    VECTOR,
    VIEWS,
    Document,
    document_of,
    properties,
    record_of,
)
from tonari.engines.databases.lucene.filters import ID, Fields, Query
from tonari.engines.databases.lucene.indices import CONSTRUCTION, NEIGHBOURS

STAMP, PLACE, ROWS, STANDS = "stamp", "place", "row_count", "stands_for_item"
TOMBSTONE, NO_VIEW = -2, -1
"""Places of rows that are no view."""
COLUMNS = (ID, GENERATION, STAMP, PLACE, ROWS, STATE)
ITEMS: Query = {"term": {STANDS: True}}
"""The one row of each item that is found by words, sorted and counted."""
IN_VIEWS: Query = {"range": {PLACE: {"gte": 0}}}
EXPANSION = 400
"""Candidates while a graph of faiss is walked."""


@dataclass(frozen=True, slots=True)
class Row:
    """What tells a row from others.

    Parameters
    ----------
    key
        Serverless' own id of it.
    item
        Id of its item.
    stamp
        Time of writing; of rows of one generation the latest count.
    place
        Of its view among the item's.
    rows
        How many rows the write made of the item.
    state
        None of a tombstone.
    """

    key: str
    item: str
    generation: int
    stamp: int
    place: int
    rows: int
    state: str | None

    @property
    def version(self) -> tuple[int, int]:
        """What tells which of two rows of an item is newer."""
        return self.generation, self.stamp


def body_of(_index: str, state: CollectionState, analyser: str, analysis: Mapping[str, Any]) -> dict[str, Any]:
    """Give settings and mapping of an index of rows.

    Serverless takes HNSW of faiss alone [AWS, Working with vector search collections, Limitations]; its newer
    collections compress vectors to a 32nd unless they are told not to [same page, NextGen].
    """
    parameters = {"m": NEIGHBOURS, "ef_construction": CONSTRUCTION}
    method = {"name": "hnsw", "engine": "faiss", "space_type": "innerproduct", "parameters": parameters}
    vector = {"type": "knn_vector", "dimension": state.dimensions, "compression_level": "1x", "method": method}
    of_items = properties(Fields(state.types), {}, analyser)
    del of_items[VIEWS]
    of_rows = {
        STAMP: {"type": "long"},
        PLACE: {"type": "integer"},
        ROWS: {"type": "integer"},
        STANDS: {"type": "boolean"},
        VECTOR: vector,
    }
    return {
        "settings": {"index": {"knn": True, "knn.algo_param.ef_search": EXPANSION}, "analysis": analysis},
        "mappings": {"dynamic": False, "_source": {"excludes": [VECTOR]}, "properties": of_items | of_rows},
    }


def is_made_by_rows(mapping: Document) -> bool:
    """Tell whether an index has the mapping that it gets if rows are added where there is none."""
    return "_meta" not in mapping and {ID, STAMP, PLACE, ROWS} <= mapping.get("properties", {}).keys()


def rows_of(record: Record | Tombstone, stamp: int, fields: Fields) -> Iterator[Document]:
    """Make the rows of a record.

    Parameters
    ----------
    stamp
        Time of writing.
    """
    document = document_of(record, fields, (VECTOR,))
    once = {STANDS: True, **{key: document.pop(key) for key in (TERMS, COUNT) if key in document}}
    views = document.pop(VIEWS, [])
    document |= {STAMP: stamp, ROWS: max(len(views), 1)}
    if not views:
        yield {**document, **once, PLACE: TOMBSTONE if isinstance(record, Tombstone) else NO_VIEW}
    for place, view in enumerate(views):
        yield {**document, **view, PLACE: place, **({} if place else once)}


def row_of(hit: Document) -> Row:
    """Read the columns of a hit."""
    said = hit["fields"]
    (item,), (generation,), (stamp,), (place,), (rows,) = (said[name] for name in COLUMNS[:-1])
    return Row(hit["_id"], item, generation, stamp, place, rows, said[STATE][0] if STATE in said else None)


def newest(rows: Iterable[Row]) -> list[Row]:
    """Keep of one item's rows those of its newest write, each place once, by ascending place."""
    there = list(rows)
    version = max(row.version for row in there)
    return [*{row.place: row for row in sorted(there, key=_place) if row.version == version}.values()]


def is_whole(own: Sequence[Row]) -> bool:
    """Tell whether all rows of a write are there, as :func:`newest` gives them."""
    return len(own) == own[0].rows


def record_state(rows: Sequence[Row]) -> RecordState:
    """Tell the state of an item from its rows: an empty text if some are missing, or others lie beside the newest."""
    own = newest(rows)
    is_settled = len(own) == len(rows) and is_whole(own)
    return RecordState(own[0].item, own[0].generation, own[0].state if is_settled else "")


def source_of(fields: Fields) -> list[str]:
    """Say what is read of the rows of a record."""
    return [ID, GENERATION, STATE, ITEM, NAME, PACKED, LONG, *fields.keys.values()]


def record_from(rows: Sequence[Row], sources: Mapping[str, Document], fields: Fields) -> Record | None:
    """Make a record from all rows of an item; None of a tombstone.

    Parameters
    ----------
    sources
        By key what :func:`source_of` names.
    """
    own = newest(rows)
    if own[0].place == TOMBSTONE:
        return None
    views = [sources[row.key] for row in own if row.place >= 0]
    document = sources[own[0].key] | {VIEWS: views, STATE: own[0].state if is_whole(own) else ""}
    return record_of(document, fields)


def _place(row: Row) -> tuple[int, str]:
    return row.place, row.key
