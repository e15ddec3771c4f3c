"""Records as rows of Milvus, one for each view, and back.

A row is never changed: its key holds item, generation, time of writing and place. Of an item's rows only those of the
greatest generation and then time count; others are left over from an older or a torn write.
"""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from operator import itemgetter
from typing import Any

import numpy as np

from tonari.contract.database import Record, RecordState, Tombstone
from tonari.engines.databases.milvus.columns import MOST_BYTES, Column, given, is_long, long_texts, stored

Row = Mapping[str, Any]
TOMBSTONE, NO_VIEW, FIRST_PART = -2, -1, -3
"""Places of rows that are no view; parts of a long document count down from the last."""
MOST_PLACES = 30_000
PLAIN, PACKED = "=", "z"
VERSION = ("item", "generation", "stamp")
STATE = (*VERSION, "key", "place", "views", "parts", "state")
DOCUMENT = (*VERSION, "key", "place", "parts", "state", "view", "document")


def rows_of(
    record: Record | Tombstone, stamp: int, columns: Mapping[str, Column], dimensions: int
) -> list[dict[str, Any]]:
    """Make the rows of a record.

    Parameters
    ----------
    stamp
        Time of writing; of records of one generation the latest counts.
    """
    start: dict[str, Any] = {"item": record.id, "generation": record.generation, "stamp": stamp}
    nothing = np.zeros(dimensions, np.float32)
    fields = record.fields if isinstance(record, Record) else {}
    start |= {column.name: stored(column.type, fields.get(field)) for field, column in columns.items()}
    if isinstance(record, Tombstone):
        start |= {"views": 0, "parts": 0, "state": "", "document": ""}
        return [_placed(start, TOMBSTONE, "", nothing)]
    document, *parts = _pieces(record)
    start |= {"views": len(record.views), "parts": len(parts), "state": record.state, "document": document}
    places = [(place, view, record.embeddings[place]) for place, view in enumerate(record.views)]
    rows = [_placed(start, *one) for one in places or [(NO_VIEW, "", nothing)]]
    return rows + [
        _placed(start | {"document": part}, FIRST_PART - number, "", nothing) for number, part in enumerate(parts)
    ]


def _placed(start: Mapping[str, Any], place: int, view: str, embedding: Any) -> dict[str, Any]:
    key = f"{from_id(start['item'])}.{start['generation']:016x}.{start['stamp']:016x}.{place + 32_768:04x}"
    return {**start, "key": key, "place": place, "view": view, "embedding": embedding}


def from_id(name: str) -> str:
    """Give what the keys of an item begin with, before a dot: they ascend as the ids do by their bytes."""
    return name.encode().hex()


def _pieces(record: Record) -> list[str]:
    """Give what a document column holds, and what is left for further rows."""
    long = {held: text for value in record.fields.values() for held, text in long_texts(value).items()}
    plain = PLAIN + record.document
    if not long and len(plain.encode()) <= MOST_BYTES:
        return [plain]
    packed = zlib.compress(json.dumps([record.document, long], ensure_ascii=False).encode())
    text = PACKED + base64.b85encode(packed).decode()
    return [text[start : start + MOST_BYTES] for start in range(0, len(text), MOST_BYTES)]


def unpacked(row: Row, parts: Sequence[Row] = ()) -> tuple[str, dict[str, str]]:
    """Give the document of a row, and the texts of which its columns hold the digest, by that.

    Parameters
    ----------
    parts
        The rows of the item that hold the rest of its document.
    """
    text: str = row["document"]
    if text.startswith(PLAIN) or not text:
        return text[1:], {}
    rest = sorted(parts, key=itemgetter("place"), reverse=True)
    packed = "".join([text[1:], *(one["document"] for one in rest)])
    document, long = json.loads(zlib.decompress(base64.b85decode(packed)))
    return document, long


def is_packed(row: Row) -> bool:
    """Tell whether the row's document is not plain."""
    return bool(row["document"].startswith(PACKED))


def needs_texts(row: Row, columns: Iterable[Column]) -> bool:
    """Tell whether columns of a row hold digests."""
    return any(is_long(row[column.name]) for column in columns)


def value_in(row: Row, column: Column | None, texts: Mapping[str, str]) -> Any:
    """Give a field's value; None if the field is missing or has no column."""
    return None if column is None else given(column.type, row[column.name], texts)


def version(row: Row) -> tuple[int, int]:
    """Give what tells which of two rows of an item is newer."""
    return row["generation"], row["stamp"]


def newest(rows: Iterable[Row]) -> dict[str, list[Row]]:
    """Keep of each item the rows of its newest write, in the order in which they come."""
    kept: dict[str, list[Row]] = {}
    for row in rows:
        there = kept.get(row["item"])
        if there is None or version(row) > version(there[0]):
            kept[row["item"]] = [row]
        elif version(row) == version(there[0]):
            there.append(row)
    return kept


def is_whole(rows: Sequence[Row]) -> bool:
    """Tell whether all rows of a write are there, its ``STATE`` columns known."""
    first = rows[0]
    return len(rows) == int(max(first["views"], 1) + first["parts"])


def record_state(rows: Sequence[Row]) -> RecordState:
    """Tell the state of an item from all rows of its newest write: an empty text if some are missing."""
    first = rows[0]
    state = None if first["place"] == TOMBSTONE else first["state"] if is_whole(rows) else ""
    return RecordState(first["item"], first["generation"], state)


def states_in(rows: Iterable[Row]) -> Iterable[RecordState]:
    """Give the state of each item from rows that come by ascending key."""
    for item, own in groupby(rows, key=itemgetter("item")):
        yield record_state(newest(own)[item])


def record_of(rows: Sequence[Row], columns: Mapping[str, Column]) -> Record | None:
    """Make a record from all rows of its newest write; None of a tombstone, or if a part of its document is missing."""
    first = min(rows, key=lambda row: abs(row["place"] + 0.5))
    if first["place"] == TOMBSTONE or first["place"] <= FIRST_PART:
        return None
    parts = [row for row in rows if row["place"] <= FIRST_PART]
    if len(parts) < first["parts"]:
        return None
    document, texts = unpacked(first, parts)
    values = {field: value_in(first, column, texts) for field, column in columns.items()}
    views = sorted((row for row in rows if row["place"] >= 0), key=itemgetter("place"))
    return Record(
        id=first["item"],
        generation=first["generation"],
        state=first["state"] if is_whole(rows) else "",
        fields={field: value for field, value in values.items() if value is not None},
        document=document,
        terms=(),
        views=tuple(row["view"] for row in views),
        embeddings=np.array([row["embedding"] for row in views], np.float32).reshape(
            len(views), len(first["embedding"])
        ),
    )
