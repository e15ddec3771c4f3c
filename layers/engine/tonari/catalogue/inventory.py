"""Everything that lies in a catalogue, as arrays: a million views take no million Python objects."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tonari.catalogue.documents import IMAGES, ITEMS, item_of
from tonari.storage.bucket import Bucket

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
        return {name: bytes(self.etags[row]).decode() for name, row in self.rows(position).items()}

    def rows(self, position: int) -> dict[str, int]:
        """Give the images of one item: row by name."""
        start, end = int(self.first[position]), int(self.first[position + 1])
        return {name.decode(): row for row, name in enumerate(self.names[start:end].tolist(), start)}


def list_catalogue(bucket: Bucket) -> Inventory:
    """List all items; keys that belong to no item are passed over, and so are empty images."""
    document_ids, document_etags = _columns(_documents(bucket), 2)
    owners, names, etags = _columns(_images(bucket), 3)
    ids = np.union1d(document_ids, owners)
    listed = np.zeros(len(ids), document_etags.dtype)
    listed[np.searchsorted(ids, document_ids)] = document_etags
    owner = np.searchsorted(ids, owners)
    order = np.argsort(owner, kind="stable")
    first = np.searchsorted(owner[order], np.arange(len(ids) + 1)).astype(np.int64)
    return Inventory(ids, listed, first, names[order], etags[order])


def _documents(bucket: Bucket) -> Iterator[tuple[bytes, ...]]:
    for found in bucket.list(ITEMS):
        if (item := item_of(found.key)) is not None:
            yield item.encode(), found.etag.encode()


def _images(bucket: Bucket) -> Iterator[tuple[bytes, ...]]:
    for found in bucket.list(IMAGES):
        if found.size and (item := item_of(found.key)) is not None:
            yield item.encode(), found.key[len(IMAGES) + len(item) + 1 :].encode(), found.etag.encode()


def _columns(rows: Iterator[tuple[bytes, ...]], count: int) -> list[NDArray[Any]]:
    """Lay rows of ``count`` values out as arrays, batch by batch."""
    batches: list[list[NDArray[Any]]] = [[np.empty(0, "S1")] for _ in range(count)]
    while batch := list(itertools.islice(rows, BATCH)):
        for column, values in zip(batches, zip(*batch, strict=True), strict=True):
            column.append(np.array(values, np.bytes_))
    return [np.concatenate(column) for column in batches]
