"""Items with their views as one immutable value: the body of a snapshot, and of the overlay of delta segments."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tonari.catalogue.documents import ItemState
from tonari.contract.artefacts import UnusableValues, ViewRule
from tonari.fields.columns import (
    ClassColumn,
    Column,
    ListColumn,
    NumberColumn,
    build_columns,
    columns_from_arrays,
    columns_to_arrays,
    count_unusable,
)
from tonari.fields.schema import Schema
from tonari.index.rotation import Rotation
from tonari.index.shortening import part
from tonari.index.vector_index import VectorIndex, lay_out
from tonari.index.vectors import Views
from tonari.snapshots.indexed import IndexedItem, IndexedView, ItemArrays, items_to_arrays, text
from tonari.storage.packing import Packed


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
    view_names, view_sources : (N,) bytes
        By row: rows lie in the order of the cells.
    view_cut : (N,) bool
        Of which views the encoder left out the end.
    index
        The embeddings, laid out for searching.
    unusable
        By field: values that count as missing because they are not of its type.
    rule
        By which the views were chosen.
    """

    ids: NDArray[np.bytes_]
    documents: NDArray[np.uint8]
    offsets: NDArray[np.int64]
    document_etags: NDArray[np.bytes_]
    columns: Mapping[str, Column]
    view_names: NDArray[np.bytes_]
    view_sources: NDArray[np.bytes_]
    view_cut: NDArray[np.bool_]
    index: VectorIndex
    unusable: Mapping[str, UnusableValues] = field(default_factory=dict)
    rule: ViewRule = ViewRule()  # noqa: RUF009 - immutable

    def __len__(self) -> int:
        """``I``."""
        return len(self.ids)

    @property
    def views(self) -> Views:
        """The embeddings."""
        return self.index.views

    def without_embeddings(self) -> Table:
        """Give the table that serves until the embeddings are here."""
        return replace(self, index=self.index.without_embeddings())

    def find(self, item: str) -> int | None:
        """Position of an item, None if it is not here."""
        (position,) = self.positions([item])
        return None if position < 0 else int(position)

    def positions(self, items: Sequence[str]) -> NDArray[np.int64]:
        """Positions of items, -1 for those that are not here."""
        # NumPy drops trailing NULs, with which an unknown id would pass for a known one; no id has a byte 0xFF, which
        # also stands for ids that are too long to be here: NumPy would widen all to the longest.
        width = self.ids.dtype.itemsize
        short = (item if len(item) <= width and b"\0" not in item else b"\xff" for item in map(str.encode, items))
        return self.positions_of(np.array(list(short), self.ids.dtype))

    def positions_of(self, ids: NDArray[np.bytes_]) -> NDArray[np.int64]:
        """Positions of items by valid ids in UTF-8, -1 for those that are not here; both (n,)."""
        if not len(self.ids):
            return np.full(len(ids), -1)
        places = np.minimum(np.searchsorted(self.ids, ids), len(self.ids) - 1)
        return np.where(self.ids[places] == ids, places, -1)

    def follow(self, item: str) -> int:
        """Tell from which position on the ids come after one, which need not be here."""
        return int(np.searchsorted(self.ids, np.array(item.encode(), self.ids.dtype), side="right"))

    def id(self, position: int) -> str:
        """Id of an item."""
        return text(self.ids[position])

    def fields(self, position: int) -> dict[str, Any]:
        """Read an item's document."""
        document: dict[str, Any] = json.loads(self.document(position))
        return document

    def document(self, position: int) -> bytes:
        """Give an item's document as JSON."""
        return self.documents[self.offsets[position] : self.offsets[position + 1]].tobytes()

    def rows(self, position: int) -> NDArray[np.int64]:
        """Find the views of an item, in the order its document gives them, as rows of ``views``."""
        return self.index.rows[self.index.first[position] : self.index.first[position + 1]]

    def state(self, position: int) -> ItemState:
        """Tell what an item was made from."""
        views = ((self.view_name(int(row)), text(self.view_sources[row])) for row in self.rows(position))
        return text(self.document_etags[position]), tuple(views)

    def made_from_same(self, other: Table) -> bool:
        """Tell whether all items of both were made from the same documents, read alike, and images."""
        return (
            np.array_equal(self.ids, other.ids)
            and np.array_equal(self.documents, other.documents)
            and np.array_equal(self.document_etags, other.document_etags)
            and np.array_equal(self.index.first, other.index.first)
            and np.array_equal(self.view_names[self.index.rows], other.view_names[other.index.rows])
            and np.array_equal(self.view_sources[self.index.rows], other.view_sources[other.index.rows])
        )

    def view_name(self, row: int) -> str:
        """Name of a view."""
        return text(self.view_names[row])

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

    def item(self, position: int) -> IndexedItem:
        """Give one item as an object."""
        views = tuple(self.view(row, self.views.fixed[row]) for row in self.rows(position).tolist())
        return IndexedItem(self.id(position), self.fields(position), text(self.document_etags[position]), views)

    def view(self, row: int, embedding: NDArray[np.int16]) -> IndexedView:
        """Give one view as an object, with its embedding, (D,)."""
        return IndexedView(self.view_name(row), text(self.view_sources[row]), embedding, bool(self.view_cut[row]))

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        """Give all but the embeddings and what is computed from them, by name, for a packed file."""
        return {
            "ids": self.ids,
            "documents": self.documents,
            "offsets": self.offsets,
            "document_etags": self.document_etags,
            "view_item": self.views.item,
            "item_rows": self.index.rows,
            "item_first": self.index.first,
            "view_names": self.view_names,
            "view_sources": self.view_sources,
            "view_cut": self.view_cut,
            **columns_to_arrays(self.columns),
        }


def read_table(
    packed: Packed,
    fixed: NDArray[np.int16],
    codes: NDArray[np.int8],
    rotation: Rotation | None = None,
    lengths: NDArray[np.float32] | None = None,
) -> Table:
    """Undo :meth:`Table.to_arrays`; raises what :meth:`Packed.array` does.

    Parameters
    ----------
    fixed, codes, rotation, lengths
        As :class:`tonari.index.vectors.Views` has them; ``codes`` without rows where only the items are wanted.
    """
    ids = packed.array("ids", np.bytes_, (None,))
    item = packed.array("view_item", np.int32, (len(codes) or None,))
    lengths = np.empty(0, np.float32) if lengths is None else lengths
    return Table(
        ids=ids,
        documents=packed.array("documents", np.uint8, (None,)),
        offsets=packed.array("offsets", np.int64, (len(ids) + 1,)),
        document_etags=packed.array("document_etags", np.bytes_, (len(ids),)),
        columns=columns_from_arrays(packed.arrays, len(ids)),
        view_names=packed.array("view_names", np.bytes_, (len(item),)),
        view_sources=packed.array("view_sources", np.bytes_, (len(item),)),
        view_cut=packed.array("view_cut", np.bool_, (len(item),)),
        index=VectorIndex(
            Views(item, fixed, codes, rotation, lengths),
            packed.array("item_rows", np.int64, (len(item),)),
            packed.array("item_first", np.int64, (len(ids) + 1,)),
        ),
    )


def build_table(items: Iterable[IndexedItem], schema: Schema, dimensions: int) -> Table:
    """Lay items out as a table, in the order of their ids."""
    return table_of(items_to_arrays(items, dimensions), schema)


def table_of(items: ItemArrays, schema: Schema, rule: ViewRule | None = None) -> Table:
    """Add columns and codes to items, and count the values that are in no column.

    Parameters
    ----------
    rule
        By which the views were chosen; that of an encoder of pictures if it is None.
    """
    documents = list(items.fields())
    columns = build_columns(documents, schema)
    return Table(
        ids=items.ids,
        documents=items.documents,
        offsets=items.offsets,
        document_etags=items.document_etags,
        columns=columns,
        view_names=items.view_names,
        view_sources=items.view_sources,
        view_cut=items.cut,
        index=lay_out(items.fixed, np.diff(items.first)),
        unusable=count_unusable(items.ids, documents, columns, schema),
        rule=rule or ViewRule(),
    )


def sort_into_cells(table: Table) -> Table:
    """Lay the views out for searching, by :func:`tonari.index.shortening.part`."""
    index, order = part(table.index)
    return replace(
        table,
        view_names=table.view_names[order],
        view_sources=table.view_sources[order],
        view_cut=table.view_cut[order],
        index=index,
    )
