"""Items with embedded views, before anything is computed from them: a few as objects, many as arrays."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tonari.catalogue.documents import ItemState
from tonari.catalogue.views import view_key
from tonari.storage.packing import Packed

ViewSource = tuple[str, str]
"""Key and source of a view."""


@dataclass(frozen=True, slots=True)
class IndexedView:
    """One view of an item.

    Parameters
    ----------
    name
        Of an image under ``images/<id>/``, or of a passage.
    source
        Tells what was encoded from anything else: an image's ETag, a passage's sha256. Nothing else is known of it.
    embedding : (D,) int16
        As :func:`tonari.index.vectors.to_fixed` gives it.
    cut
        Whether the encoder left out the end, for it was too long.
    """

    name: str
    source: str
    embedding: NDArray[np.int16]
    cut: bool = False


@dataclass(frozen=True, slots=True)
class IndexedItem:
    """One item as it is searched: its document, the ETag that document had, its views."""

    id: str
    fields: Mapping[str, Any]
    document_etag: str
    views: tuple[IndexedView, ...]

    @property
    def state(self) -> ItemState:
        """What the item was made from."""
        return self.document_etag, tuple((view.name, view.source) for view in self.views)


@dataclass(frozen=True, slots=True)
class ItemArrays:
    """I items with V views.

    Parameters
    ----------
    ids : (I,) bytes
        UTF-8, ascending.
    documents : (B,) uint8
        JSON documents, one after the other.
    offsets : (I + 1,) int64
        Where each document starts.
    document_etags : (I,) bytes
    first : (I + 1,) int64
        Where the views of each item start.
    view_names, view_sources : (V,) bytes
    fixed : (V, D) int16
        Embeddings, as :func:`tonari.index.vectors.to_fixed` gives them.
    cut : (V,) bool
        Of which views the encoder left out the end.
    """

    ids: NDArray[np.bytes_]
    documents: NDArray[np.uint8]
    offsets: NDArray[np.int64]
    document_etags: NDArray[np.bytes_]
    first: NDArray[np.int64]
    view_names: NDArray[np.bytes_]
    view_sources: NDArray[np.bytes_]
    fixed: NDArray[np.int16]
    cut: NDArray[np.bool_]

    def __len__(self) -> int:
        """``I``."""
        return len(self.ids)

    def fields(self) -> Iterator[dict[str, Any]]:
        """Read the documents, one after the other."""
        whole = self.documents.tobytes()
        for start, end in zip(self.offsets[:-1].tolist(), self.offsets[1:].tolist(), strict=True):
            yield json.loads(whole[start:end])

    def items(self) -> Iterator[IndexedItem]:
        """Give the items one by one."""
        for position, fields in enumerate(self.fields()):
            rows = range(int(self.first[position]), int(self.first[position + 1]))
            views = (
                IndexedView(
                    text(self.view_names[row]), text(self.view_sources[row]), self.fixed[row], bool(self.cut[row])
                )
                for row in rows
            )
            yield IndexedItem(text(self.ids[position]), fields, text(self.document_etags[position]), tuple(views))

    def views(self, rows: NDArray[np.int64]) -> Iterator[ViewSource]:
        """Give key and source of some views."""
        owners = np.searchsorted(self.first, rows, side="right") - 1
        for row, owner in zip(rows.tolist(), owners.tolist(), strict=True):
            yield view_key(text(self.ids[owner]), text(self.view_names[row])), text(self.view_sources[row])

    def of_items(self, chosen: NDArray[np.bool_]) -> ItemArrays:
        """Keep some items, (I,) bool, and their views."""
        if chosen.all():
            return self
        lengths, counts = np.diff(self.offsets), np.diff(self.first)
        of_views = np.repeat(chosen, counts)
        return ItemArrays(
            ids=self.ids[chosen],
            documents=self.documents[np.repeat(chosen, lengths)],
            offsets=np.cumsum([0, *lengths[chosen]], dtype=np.int64),
            document_etags=self.document_etags[chosen],
            first=np.cumsum([0, *counts[chosen]], dtype=np.int64),
            view_names=self.view_names[of_views],
            view_sources=self.view_sources[of_views],
            fixed=self.fixed[of_views],
            cut=self.cut[of_views],
        )

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        """Give the arrays by name, for a packed file."""
        return {name: getattr(self, name) for name in self.__slots__}


def items_to_arrays(items: Iterable[IndexedItem], dimensions: int) -> ItemArrays:
    """Lay items out as arrays, in the order of their ids."""
    ordered = sorted(items, key=lambda item: item.id.encode())
    documents = [document_bytes(item.fields) for item in ordered]
    views = [view for item in ordered for view in item.views]
    fixed = np.empty((len(views), dimensions), np.int16)
    for row, view in zip(fixed, views, strict=True):
        np.copyto(row, view.embedding, casting="no")
    return ItemArrays(
        ids=texts([item.id for item in ordered]),
        documents=np.frombuffer(b"".join(documents), np.uint8),
        offsets=np.cumsum([0, *map(len, documents)], dtype=np.int64),
        document_etags=texts([item.document_etag for item in ordered]),
        first=np.cumsum([0, *(len(item.views) for item in ordered)], dtype=np.int64),
        view_names=texts([view.name for view in views]),
        view_sources=texts([view.source for view in views]),
        fixed=fixed,
        cut=np.array([view.cut for view in views], np.bool_),
    )


def read_item_arrays(packed: Packed) -> ItemArrays:
    """Undo :meth:`ItemArrays.to_arrays`; raises what :meth:`Packed.array` does."""
    ids = packed.array("ids", np.bytes_, (None,))
    fixed = packed.array("fixed", np.int16, (None, None))
    items, views = len(ids), len(fixed)
    return ItemArrays(
        ids=ids,
        documents=packed.array("documents", np.uint8, (None,)),
        offsets=packed.array("offsets", np.int64, (items + 1,)),
        document_etags=packed.array("document_etags", np.bytes_, (items,)),
        first=packed.array("first", np.int64, (items + 1,)),
        view_names=packed.array("view_names", np.bytes_, (views,)),
        view_sources=packed.array("view_sources", np.bytes_, (views,)),
        fixed=fixed,
        cut=packed.array("cut", np.bool_, (views,)) if "cut" in packed.arrays else np.zeros(views, np.bool_),
    )


def document_bytes(fields: Mapping[str, Any]) -> bytes:
    """Write a document as it is stored."""
    return json.dumps(fields, ensure_ascii=False, separators=(",", ":")).encode()


def texts(values: Sequence[str]) -> NDArray[np.bytes_]:
    """Give texts as an array, in UTF-8."""
    return np.array([value.encode() for value in values], np.bytes_)


def text(value: bytes) -> str:
    """Read one text of such an array."""
    return bytes(value).decode()
