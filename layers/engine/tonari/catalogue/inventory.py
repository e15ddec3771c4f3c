"""Everything that lies in a catalogue, as arrays: a million views take no million Python objects."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tonari.catalogue.documents import IMAGES, ITEMS, item_of
from tonari.storage.bucket import Bucket, ObjectInfo

BATCH = 10_000


@dataclass(frozen=True, slots=True)
class Inventory:
    """I items with V images.

    Parameters
    ----------
    ids : (I,) bytes
        UTF-8, ascending.
    document_etags : (I,) bytes
        Empty where an item has no document.
    first : (I + 1,) int64
        Where the images of each item start.
    names, etags : (V,) bytes
        Of the images, names ascending within an item.
    """

    ids: NDArray[np.bytes_]
    document_etags: NDArray[np.bytes_]
    first: NDArray[np.int64]
    names: NDArray[np.bytes_]
    etags: NDArray[np.bytes_]

    def __len__(self) -> int:
        """``I``."""
        return len(self.ids)

    def images(self, position: int) -> dict[str, str]:
        """Give the images of one item: ETag by name."""
        rows = slice(int(self.first[position]), int(self.first[position + 1]))
        names, etags = self.names[rows].tolist(), self.etags[rows].tolist()
        return {name.decode(): etag.decode() for name, etag in zip(names, etags, strict=True)}

    def rows(self, position: int) -> dict[str, int]:
        """Give the images of one item: row by name."""
        start, end = int(self.first[position]), int(self.first[position + 1])
        return {name.decode(): start + number for number, name in enumerate(self.names[start:end].tolist())}


def list_catalogue(bucket: Bucket) -> Inventory:
    """List all items; keys that belong to no item are passed over, and so are empty images."""
    document_ids, document_etags = _columns(bucket.list(ITEMS), 2, _document)
    owners, names, etags = _columns(bucket.list(IMAGES), 3, _image)
    ids = np.union1d(document_ids, owners)
    listed = np.zeros(len(ids), document_etags.dtype)
    listed[np.searchsorted(ids, document_ids)] = document_etags
    owner = np.searchsorted(ids, owners)
    order = np.argsort(owner, kind="stable")
    first = np.searchsorted(owner[order], np.arange(len(ids) + 1)).astype(np.int64)
    return Inventory(ids, listed, first, names[order], etags[order])


def _document(found: ObjectInfo) -> tuple[bytes, ...] | None:
    item = item_of(found.key)
    return None if item is None else (item.encode(), found.etag.encode())


def _image(found: ObjectInfo) -> tuple[bytes, ...] | None:
    item = item_of(found.key)
    if item is None or not found.size:
        return None
    return item.encode(), found.key[len(IMAGES) + len(item) + 1 :].encode(), found.etag.encode()


def _columns(
    found: Iterable[ObjectInfo], count: int, read: Callable[[ObjectInfo], tuple[bytes, ...] | None]
) -> list[NDArray[Any]]:
    """Read a listing batch by batch into arrays, ``count`` of them."""
    batches: list[list[NDArray[Any]]] = [[np.empty(0, "S1")] for _ in range(count)]
    rows = (row for one in found if (row := read(one)) is not None)
    for batch in _batched(rows):
        for column, values in zip(batches, zip(*batch, strict=True), strict=True):
            column.append(np.array(values, np.bytes_))
    return [np.concatenate(column) for column in batches]


def _batched(rows: Iterator[tuple[bytes, ...]]) -> Iterator[list[tuple[bytes, ...]]]:
    while batch := list(itertools.islice(rows, BATCH)):
        yield batch
