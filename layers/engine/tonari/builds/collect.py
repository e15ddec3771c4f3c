"""Each item of the catalogue with its document and the views that it is to have; documents are read once."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tonari.builds.encode import in_parallel
from tonari.builds.known_vectors import ViewSource
from tonari.catalogue.documents import Document, document_key, image_key, read_item, select_images
from tonari.catalogue.inventory import Inventory
from tonari.snapshots.indexed import IndexedItem, ItemArrays, document_bytes, text, texts
from tonari.snapshots.table import Table
from tonari.storage.bucket import Bucket

REPORT_EVERY = 1_000


@dataclass(frozen=True, slots=True)
class Indexed:
    """What is live: items whose documents need not be read again while their ETags are the same.

    Parameters
    ----------
    table
        Of the snapshot, None if there is none.
    overlay
        What segments say, by id.
    """

    table: Table | None
    overlay: Mapping[str, IndexedItem | None]

    def positions(self, inventory: Inventory) -> NDArray[np.int64]:
        """Find the items whose documents the table has: (I,) int64, -1 for the others."""
        if self.table is None or not len(self.table):
            return np.full(len(inventory), -1)
        found = self.table.positions_of(inventory.ids)
        same = (self.table.document_etags[found] == inventory.document_etags) & (inventory.document_etags != b"")
        return np.where(same, found, -1)

    def changed(self, item: str, etag: str) -> Mapping[str, Any] | None:
        """Give the document of an item that a segment names, if it had this ETag."""
        was = self.overlay.get(item)
        return was.fields if was is not None and was.document_etag == etag else None


def collect_items(
    catalogue: Bucket,
    inventory: Inventory,
    indexed: Indexed,
    rejected: Mapping[ViewSource, str],
    progress: Callable[[int, int], None],
) -> tuple[ItemArrays, dict[str, str]]:
    """Put each item's document beside those of its images that it selects.

    Parameters
    ----------
    rejected
        Reasons, for views that are known to be of no use.
    progress
        Is told how many items are done.

    Returns
    -------
    The items, without embeddings, and the reason by key of each object that cannot be used.
    """
    ids = [text(item) for item in inventory.ids]
    etags = [text(etag) for etag in inventory.document_etags]
    positions = indexed.positions(inventory)
    new = (
        number
        for number, etag in enumerate(etags)
        if etag and positions[number] < 0 and indexed.changed(ids[number], etag) is None
    )
    read = in_parallel(lambda number: read_item(catalogue, ids[number], inventory.images(number)), new)
    made = _Collection(inventory, rejected)
    for number, (item, etag) in enumerate(zip(ids, etags, strict=True)):
        if not etag:
            made.add(number, item, Document())
        elif indexed.table is not None and positions[number] >= 0:
            made.add(number, item, Document(indexed.table.fields(int(positions[number])), etag))
        elif (fields := indexed.changed(item, etag)) is not None:
            made.add(number, item, Document(fields, etag))
        else:
            found = next(read)
            if found.problem:
                made.rejected[document_key(item)] = found.problem
            if not found.deleted:
                made.add(number, item, found.document or Document())
        if (number + 1) % REPORT_EVERY == 0:
            progress(number + 1, len(ids))
    progress(len(ids), len(ids))
    return made.lay_out(), made.rejected


class _Collection:
    """Grows item by item, with no object for a view."""

    def __init__(self, inventory: Inventory, known_rejected: Mapping[ViewSource, str]) -> None:
        self.rejected: dict[str, str] = {}
        self._inventory, self._known_rejected = inventory, known_rejected
        self._numbers, self._rows = array("q"), array("q")
        self._offsets, self._first = array("q", [0]), array("q", [0])
        self._documents = bytearray()
        self._etags: list[str] = []

    def add(self, number: int, item: str, document: Document) -> None:
        """Add an item by its number in the inventory."""
        self._numbers.append(number)
        self._etags.append(document.etag)
        self._documents += document_bytes(document.fields)
        self._offsets.append(len(self._documents))
        images = self._inventory.rows(number)
        names, missing = select_images(document.fields, images)
        self.rejected |= {image_key(item, name): "The document names it, the bucket lacks it." for name in missing}
        for name in names:
            why = self._why_not(image_key(item, name), images[name])
            if why is None:
                self._rows.append(images[name])
            else:
                self.rejected[image_key(item, name)] = why
        self._first.append(len(self._rows))

    def _why_not(self, key: str, row: int) -> str | None:
        if not self._known_rejected:
            return None
        return self._known_rejected.get((key, text(self._inventory.etags[row])))

    def lay_out(self) -> ItemArrays:
        """Give what was added."""
        numbers, rows = np.array(self._numbers, np.int64), np.array(self._rows, np.int64)
        return ItemArrays(
            ids=self._inventory.ids[numbers],
            documents=np.frombuffer(bytes(self._documents), np.uint8),
            offsets=np.array(self._offsets, np.int64),
            document_etags=texts(self._etags),
            first=np.array(self._first, np.int64),
            view_names=self._inventory.names[rows],
            view_sources=self._inventory.etags[rows],
            fixed=np.empty((len(rows), 0), np.int16),
        )
