"""Everything that lies in a catalogue, as arrays: a million views take no million Python objects."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tonari.catalogue.documents import EMPTY_FILE, IMAGES, ITEMS, SCHEMA, read_key
from tonari.contract.artefacts import IgnoredKeys
from tonari.storage.bucket import Bucket, ObjectInfo

BATCH = 10_000
EXAMPLES = 5
FIRST_KEYS = 1_000
"""Of the bucket, among which those outside ``items/`` and ``images/`` are counted: one page of a listing."""


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
    ignored
        By reason: keys that belong to no item.
    """

    ids: NDArray[np.bytes_]
    document_etags: NDArray[np.bytes_]
    first: NDArray[np.int64]
    names: NDArray[np.bytes_]
    etags: NDArray[np.bytes_]
    ignored: Mapping[str, IgnoredKeys]

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
    """List all items, and count the keys that belong to none and the empty files.

    Documents come first: an item whose images were uploaded before its document is never seen without them. Of what
    lies neither under ``items/`` nor under ``images/``, only that among the first 1,000 keys of the bucket is counted,
    since there may be any amount of it.
    """
    ignored = _Ignored()
    document_ids, document_etags = _columns(_documents(bucket, ignored), 2)
    owners, names, etags = _columns(_images(bucket, ignored), 3)
    for found in itertools.islice(bucket.list(""), FIRST_KEYS):
        if not found.key.startswith((ITEMS, IMAGES)) and found.key != SCHEMA:
            ignored.owner(found)
    ids = np.union1d(document_ids, owners)
    listed = np.zeros(len(ids), document_etags.dtype)
    listed[np.searchsorted(ids, document_ids)] = document_etags
    owner = np.searchsorted(ids, owners)
    order = np.argsort(owner, kind="stable")
    first = np.searchsorted(owner[order], np.arange(len(ids) + 1)).astype(np.int64)
    return Inventory(ids, listed, first, names[order], etags[order], ignored.counted())


class _Ignored:
    """Grows key by key."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()
        self._examples: dict[str, list[str]] = {}

    def owner(self, found: ObjectInfo) -> str | None:
        """Tell to which item an object belongs; count it if to none, or if it is empty."""
        item, why = read_key(found.key)
        if item is not None and found.size:
            return item
        why = why or EMPTY_FILE
        self._counts[why] += 1
        if self._counts[why] <= EXAMPLES:
            self._examples.setdefault(why, []).append(found.key)
        return None

    def counted(self) -> dict[str, IgnoredKeys]:
        """Give what was counted, the most frequent reason first."""
        return {why: IgnoredKeys(count, tuple(self._examples[why])) for why, count in self._counts.most_common()}


def _documents(bucket: Bucket, ignored: _Ignored) -> Iterator[tuple[bytes, ...]]:
    for found in bucket.list(ITEMS):
        if (item := ignored.owner(found)) is not None:
            yield item.encode(), found.etag.encode()


def _images(bucket: Bucket, ignored: _Ignored) -> Iterator[tuple[bytes, ...]]:
    for found in bucket.list(IMAGES):
        if (item := ignored.owner(found)) is not None:
            yield item.encode(), found.key[len(IMAGES) + len(item) + 1 :].encode(), found.etag.encode()


def _columns(rows: Iterator[tuple[bytes, ...]], count: int) -> list[NDArray[Any]]:
    """Lay rows of ``count`` values out as arrays, batch by batch."""
    batches: list[list[NDArray[Any]]] = [[np.empty(0, "S1")] for _ in range(count)]
    while batch := list(itertools.islice(rows, BATCH)):
        for column, values in zip(batches, zip(*batch, strict=True), strict=True):
            column.append(np.array(values, np.bytes_))
    return [np.concatenate(column) for column in batches]
