"""Items of a snapshot and of delta segments, as a vector database elsewhere keeps them; and back."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tonari.catalogue.documents import ItemState
from tonari.contract.database import Record
from tonari.contract.engine import StoredItem
from tonari.fields.schema import Schema, values_of
from tonari.index.vectors import from_fixed, to_fixed
from tonari.snapshots.indexed import IndexedItem, IndexedView, document_bytes
from tonari.snapshots.table import Table
from tonari.words.searched import Searched, searched_of

DIGITS = 32
"""Hexadecimal ones of a state: 128 bits."""


@dataclass(frozen=True, slots=True)
class RecordMaker:
    """Makes records by the schema of one snapshot."""

    schema: Schema
    searched: Searched

    @classmethod
    def of(cls, schema: Schema) -> RecordMaker:
        """Choose the fields by whose words items are found."""
        return cls(schema, searched_of(schema))

    def of_snapshot(self, item: IndexedItem, generation: int = 0) -> Record:
        """Make the record of an item as a snapshot has it.

        Parameters
        ----------
        generation
            0, unless something else was written over it since.
        """
        record = self.record(item, generation)
        return replace(record, state=snapshot_state(item.state))

    def record(self, item: IndexedItem, generation: int) -> Record:
        """Make the record of an item that was added or changed since the snapshot."""
        fields: dict[str, Any] = {}
        for name, about in self.schema.fields.items():
            values = values_of(item.fields.get(name), about)
            if values:
                fields[name] = values if about.type == "strings" else values[0]
        found = self.searched.found_by(item.id, item.fields)
        return Record(
            id=item.id,
            generation=generation,
            state=state_text(item.state),
            fields=fields,
            document=document_bytes(item.fields).decode(),
            terms=(*found.terms, *([found.id] if found.id else [])),
            views=tuple(view.name for view in item.views),
            embeddings=unit_rows([view.embedding for view in item.views]),
        )

    def records(self, table: Table, positions: Iterable[int], generation: int = 0) -> Iterator[Record]:
        """Make the records of some items of a snapshot's table that has their embeddings, one after the other."""
        return (self.of_snapshot(table.item(position), generation) for position in positions)


def state_text(state: ItemState) -> str:
    """Tell what an item was made from by 32 hexadecimal digits [SHA-256, FIPS 180-4]."""
    etag, views = state
    said = json.dumps([etag, views], ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(said.encode("utf-8", "surrogatepass")).hexdigest()[:DIGITS]


def snapshot_state(state: ItemState) -> str:
    """Tell what an item was made from, and that it is as its snapshot has it: :func:`state_text` behind an ``=``."""
    return f"={state_text(state)}"


def is_of_snapshot(state: str) -> bool:
    """Tell whether a record has the item as its snapshot has it."""
    return state.startswith("=")


def unit_rows(fixed: Sequence[NDArray[np.int16]]) -> NDArray[np.float32]:
    """Give V stored embeddings, each (D,), as rows of length 1: (V, D), of none (0, 0)."""
    if not fixed:
        return np.empty((0, 0), np.float32)
    rows = from_fixed(np.stack(fixed))
    return np.asarray(rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12), np.float32)


def stored_item(record: Record, dimensions: int) -> StoredItem:
    """Give what an engine says of a record, with embeddings (V, D) of no views too."""
    embeddings = record.embeddings if record.views else np.empty((0, dimensions), np.float32)
    return StoredItem(record.id, json.loads(record.document), record.views, embeddings)


def indexed_item(item: StoredItem) -> IndexedItem:
    """Give an item that came from nowhere but the port, told apart from others by what it holds."""
    document = document_bytes(dict(item.fields))
    rows = to_fixed(item.embeddings)
    views = tuple(
        IndexedView(name, hashlib.sha256(row.tobytes()).hexdigest(), row)
        for name, row in zip(item.views, rows, strict=True)
    )
    return IndexedItem(item.id, dict(item.fields), hashlib.sha256(document).hexdigest(), views)
