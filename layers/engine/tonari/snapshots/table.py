"""Items with their views as one immutable value: the body of a snapshot, and of the overlay of delta segments."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tonari.fields.columns import (
    ClassColumn,
    Column,
    ListColumn,
    NumberColumn,
    build_columns,
)
from tonari.fields.schema import Schema
from tonari.index.cells import Cells
from tonari.index.kmeans import assign, cell_count, train
from tonari.index.planner import SCAN_BYTES, VectorIndex
from tonari.index.vectors import Views, quantise

CELLS_FROM_BYTES = 4 * SCAN_BYTES

State = tuple[str, tuple[tuple[str, str], ...]]
"""ETag of an item's document; name and ETag of its views, in order."""


@dataclass(frozen=True, slots=True)
class IndexedView:
    """One image of an item.

    Parameters
    ----------
    name
        Under ``images/<id>/``.
    etag
        Of the bytes that were encoded.
    embedding : (D,) int16
        As :func:`tonari.index.vectors.to_fixed` gives it.
    """

    name: str
    etag: str
    embedding: NDArray[np.int16]


@dataclass(frozen=True, slots=True)
class IndexedItem:
    """One item as it is searched: its document, the ETag that document had, its views."""

    id: str
    fields: Mapping[str, Any]
    document_etag: str
    views: tuple[IndexedView, ...]

    @property
    def state(self) -> State:
        """What the item was made from."""
        return self.document_etag, tuple((view.name, view.etag) for view in self.views)


@dataclass(frozen=True, slots=True)
class Table:
    """I items with N views.

    Parameters
    ----------
    ids : (I,) bytes
        UTF-8, ascending.
    documents : (B,) uint8
        JSON documents, one after the other.
    offsets : (I + 1,) int64
        Where each document starts.
    document_etags : (I,) bytes
    columns
        By field.
    view_names, view_etags : (N,) bytes
    shelf
        The embeddings, laid out for searching.
    """

    ids: NDArray[np.bytes_]
    documents: NDArray[np.uint8]
    offsets: NDArray[np.int64]
    document_etags: NDArray[np.bytes_]
    columns: Mapping[str, Column]
    view_names: NDArray[np.bytes_]
    view_etags: NDArray[np.bytes_]
    index: VectorIndex

    def __len__(self) -> int:
        """``I``."""
        return len(self.ids)

    @property
    def views(self) -> Views:
        """The embeddings."""
        return self.index.views

    def find(self, item: str) -> int | None:
        """Position of an item, None if it is not here."""
        (position,) = self.positions([item])
        return None if position < 0 else int(position)

    def positions(self, items: Sequence[str]) -> NDArray[np.int64]:
        """Positions of items, -1 for those that are not here."""
        # NumPy drops trailing NULs, with which an unknown id would pass for a known one; no id has a byte 0xFF.
        wanted = np.array([item.encode().replace(b"\0", b"\xff") for item in items], np.bytes_)
        if not len(self.ids):
            return np.full(len(items), -1)
        places = np.minimum(np.searchsorted(self.ids, wanted), len(self.ids) - 1)
        return np.where(self.ids[places] == wanted, places, -1)

    def id(self, position: int) -> str:
        """Id of an item."""
        return bytes(self.ids[position]).decode()

    def fields(self, position: int) -> dict[str, Any]:
        """Read an item's document."""
        document: dict[str, Any] = json.loads(
            self.documents[self.offsets[position] : self.offsets[position + 1]].tobytes()
        )
        return document

    def rows(self, position: int) -> NDArray[np.int64]:
        """Find the views of an item, in the order its document gives them, as rows of ``views``."""
        return self.index.rows[self.index.first[position] : self.index.first[position + 1]]

    def state(self, position: int) -> State:
        """Tell what an item was made from."""
        etags = (bytes(self.view_etags[row]).decode() for row in self.rows(position))
        names = (self.view_name(int(row)) for row in self.rows(position))
        return bytes(self.document_etags[position]).decode(), tuple(zip(names, etags, strict=True))

    def made_from_same(self, other: Table) -> bool:
        """Tell whether all items of both were made from the same documents and images."""
        return (
            np.array_equal(self.ids, other.ids)
            and np.array_equal(self.document_etags, other.document_etags)
            and np.array_equal(self.index.first, other.index.first)
            and np.array_equal(self.view_names[self.index.rows], other.view_names[other.index.rows])
            and np.array_equal(self.view_etags[self.index.rows], other.view_etags[other.index.rows])
        )

    def view_name(self, row: int) -> str:
        """Name of a view."""
        return bytes(self.view_names[row]).decode()

    def value(self, name: str, position: int) -> Any:
        """Tell an item's value of a field that has one at most, None if it has none."""
        match self.columns.get(name):
            case ClassColumn(codes, classes) if codes[position] >= 0:
                return classes[codes[position]]
            case NumberColumn(values) if not np.isnan(values[position]):
                return float(values[position])
        return None

    def classes_of(self, name: str, position: int) -> tuple[Any, ...]:
        """Tell all classes that an item has of an attribute: none, one, or several tags."""
        column = self.columns.get(name)
        if isinstance(column, ListColumn):
            return tuple(column.classes[code] for code in np.sort(column.codes[column.items == position]))
        value = self.value(name, position)
        return () if value is None else (value,)

    def items(self) -> Iterable[IndexedItem]:
        """All items, in the order of their ids."""
        for position in range(len(self)):
            views = (
                IndexedView(self.view_name(int(row)), bytes(self.view_etags[row]).decode(), self.views.fixed[row])
                for row in self.rows(position)
            )
            etag = bytes(self.document_etags[position]).decode()
            yield IndexedItem(self.id(position), self.fields(position), etag, tuple(views))


def build_table(items: Iterable[IndexedItem], schema: Schema, dimensions: int) -> Table:
    """Lay items out as arrays, in the order of their ids."""
    ordered = sorted(items, key=lambda item: item.id.encode())
    documents = [json.dumps(item.fields, ensure_ascii=False, separators=(",", ":")).encode() for item in ordered]
    views = [(number, view) for number, item in enumerate(ordered) for view in item.views]
    first = np.cumsum([0, *(len(item.views) for item in ordered)], dtype=np.int64)
    fixed = np.empty((len(views), dimensions), np.int16)
    for row, (_, view) in zip(fixed, views, strict=True):
        np.copyto(row, view.embedding, casting="no")
    return Table(
        ids=_texts([item.id for item in ordered]),
        documents=np.frombuffer(b"".join(documents), np.uint8),
        offsets=np.cumsum([0, *map(len, documents)], dtype=np.int64),
        document_etags=_texts([item.document_etag for item in ordered]),
        columns=build_columns([item.fields for item in ordered], schema),
        view_names=_texts([view.name for _, view in views]),
        view_etags=_texts([view.etag for _, view in views]),
        index=VectorIndex(
            Views(np.array([number for number, _ in views], np.int32), fixed, quantise(fixed)[0]),
            np.arange(len(views)),
            first,
        ),
    )


def sort_into_cells(table: Table) -> Table:
    """Put the rows in the order of coarse cells, where there are enough of them to be worth parting."""
    views = table.views
    if views.codes.size <= CELLS_FROM_BYTES:
        return table
    centroids = train(views.fixed, cell_count(len(views)))
    cell = assign(views.fixed, centroids)
    order = np.argsort(cell, kind="stable")
    place = np.empty(len(order), np.int64)
    place[order] = np.arange(len(order))
    start = np.searchsorted(cell[order], np.arange(len(centroids) + 1)).astype(np.int64)
    moved = Views(views.item[order], views.fixed[order], views.codes[order])
    index = VectorIndex(moved, place[table.index.rows], table.index.first, Cells(centroids, start))
    return replace(table, view_names=table.view_names[order], view_etags=table.view_etags[order], index=index)


def _texts(values: Sequence[str]) -> NDArray[np.bytes_]:
    return np.array([value.encode() for value in values], np.bytes_)
