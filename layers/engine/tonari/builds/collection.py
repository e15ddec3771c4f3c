"""Items with the views that they are to have, as they are found one after the other: no object for a view."""

from __future__ import annotations

import json
from array import array
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from tonari.catalogue.documents import image_key
from tonari.catalogue.inventory import Inventory
from tonari.catalogue.views import choose_views, view_key
from tonari.contract.artefacts import ViewRule
from tonari.snapshots.indexed import ItemArrays, ViewSource, text, texts

PASSAGE_SOURCE = 64
"""Bytes of a sha256 in hexadecimal digits."""


class Collection:
    """Grows item by item.

    Parameters
    ----------
    known_rejected
        Reason by key and source of views that are known to be of no use.
    rule
        By which views are chosen.
    """

    def __init__(self, inventory: Inventory, known_rejected: Mapping[ViewSource, str], rule: ViewRule) -> None:
        self.rejected: dict[str, str] = {}
        self.read = array("q")
        self.ignored = inventory.ignored
        self._inventory, self._known_rejected, self._rule = inventory, known_rejected, rule
        self._numbers, self._rows = array("q"), array("q")
        self._passage_names, self._passage_sources = list[str](), bytearray()
        self._offsets, self._first = array("q", [0]), array("q", [0])
        self._documents = bytearray()
        self._etags: list[str] = []

    def __len__(self) -> int:
        return len(self._numbers)

    def add(self, number: int, item: str, etag: str, document: bytes) -> None:
        """Add an item by its number in the inventory."""
        self._numbers.append(number)
        self._etags.append(etag)
        self._documents += document
        self._offsets.append(len(self._documents))
        images = self._inventory.rows(number)
        chosen = choose_views(item, json.loads(document), images, self._rule)
        if etag == text(self._inventory.document_etags[number]):  # a later one may name images that are not listed yet
            self.rejected |= chosen.missing
        for name in chosen.images:
            row = images[name]
            if self._is_of_use(image_key(item, name), text(self._inventory.etags[row])):
                self._rows.append(row)
        for name, passage in chosen.passages.items():
            source = passage.source
            if self._is_of_use(view_key(item, name), source):
                self._passage_names.append(name)
                self._passage_sources += source.encode()
                self._rows.append(-len(self._passage_names))
        self._first.append(len(self._rows))

    def _is_of_use(self, key: str, source: str) -> bool:
        """Tell whether a view is not known to be rejected; say so of one that is."""
        why = self._known_rejected.get((key, source))
        if why is not None:
            self.rejected[key] = why
        return why is None

    def lay_out(self) -> ItemArrays:
        """Give what was added: rows from 0 are images of the inventory, those from -1 downwards passages."""
        numbers, rows = np.array(self._numbers, np.int64), np.array(self._rows, np.int64)
        sources = np.frombuffer(bytes(self._passage_sources), f"S{PASSAGE_SOURCE}")
        names = texts(self._passage_names)
        return ItemArrays(
            ids=self._inventory.ids[numbers],
            documents=np.frombuffer(bytes(self._documents), np.uint8),
            offsets=np.array(self._offsets, np.int64),
            document_etags=texts(self._etags),
            first=np.array(self._first, np.int64),
            view_names=_taken(rows, self._inventory.names, names),
            view_sources=_taken(rows, self._inventory.etags, sources),
            fixed=np.empty((len(rows), 0), np.int16),
            cut=np.zeros(len(rows), np.bool_),
        )


def _taken(rows: NDArray[np.int64], listed: NDArray[np.bytes_], passages: NDArray[np.bytes_]) -> NDArray[np.bytes_]:
    """Take rows of ``listed``, and those from -1 downwards of ``passages``."""
    if not len(passages):
        return listed[rows]
    taken = np.empty(len(rows), np.promote_types(listed.dtype, passages.dtype))
    images = rows >= 0
    taken[images] = listed[rows[images]]
    taken[~images] = passages[-1 - rows[~images]]
    return taken
