"""Everything that lies in a catalogue, as arrays: a million views take no million Python objects."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tonari.catalogue.documents import (
    EMPTY_FILE,
    IMAGES,
    ITEMS,
    SCHEMA,
    TWICE,
    ReadKey,
    document_key,
    image_key,
    keys_of,
    read_key,
)
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
        UTF-8 in NFC, ascending.
    document_etags : (I,) bytes
        Empty where an item has no document.
    first : (I + 1,) int64
        Where the images of each item start.
    names, etags : (V,) bytes
        Of the images, names ascending within an item, in NFC.
    ignored
        By reason: keys that belong to no item, or whose name another key has in another normal form.
    empty
        Reason by key, for files of items that have no bytes.
    """

    ids: NDArray[np.bytes_]
    document_etags: NDArray[np.bytes_]
    first: NDArray[np.int64]
    names: NDArray[np.bytes_]
    etags: NDArray[np.bytes_]
    ignored: Mapping[str, IgnoredKeys]
    empty: Mapping[str, str] = field(default_factory=dict)

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
    """List all items, and count the keys that belong to none.

    Documents come first: an item whose images were uploaded before its document is never seen without them. Of what
    lies neither under ``items/`` nor under ``images/``, only that among the first 1,000 keys of the bucket is counted,
    since there may be any amount of it. Of two keys that differ only in their normal form, that in NFC is taken and the
    other one counted as ignored.
    """
    found = _Found()
    documents = _columns(_documents(bucket, found), 3)
    images = _columns(_images(bucket, found), 4)
    for other in itertools.islice(bucket.list(""), FIRST_KEYS):
        if not other.key.startswith((ITEMS, IMAGES)) and other.key != SCHEMA:
            found.take(other)
    if found.spelled_otherwise:
        documents = _each_once(documents, found, lambda item, _: document_key(item))
        images = _each_once(images, found, image_key)
    document_ids, _, document_etags = documents
    owners, names, _, etags = images
    ids = np.union1d(document_ids, owners)
    listed = np.zeros(len(ids), document_etags.dtype)
    listed[np.searchsorted(ids, document_ids)] = document_etags
    owner = np.searchsorted(ids, owners)
    order = np.argsort(owner, kind="stable")
    first = np.searchsorted(owner[order], np.arange(len(ids) + 1)).astype(np.int64)
    return Inventory(ids, listed, first, names[order], etags[order], found.counted(), found.empty)


class _Found:
    """Grows key by key."""

    def __init__(self) -> None:
        self.empty: dict[str, str] = {}
        self.spelled_otherwise = False
        self._counts: Counter[str] = Counter()
        self._examples: dict[str, list[str]] = {}

    def take(self, found: ObjectInfo) -> ReadKey | None:
        """Read a key; None if it is of no item, which is counted, or the file is empty."""
        read = read_key(found.key)
        if read.item is None:
            self.ignore(found.key, read.why)
            return None
        if not found.size:
            self.empty[image_key(read.item, read.name) if read.name else document_key(read.item)] = EMPTY_FILE
            return None
        self.spelled_otherwise |= read.spelling > 0
        return read

    def ignore(self, key: str, why: str) -> None:
        """Count a key."""
        self._counts[why] += 1
        if self._counts[why] <= EXAMPLES:
            self._examples.setdefault(why, []).append(key)

    def counted(self) -> dict[str, IgnoredKeys]:
        """Give what was counted, the most frequent reason first."""
        return {why: IgnoredKeys(count, tuple(self._examples[why])) for why, count in self._counts.most_common()}


def _documents(bucket: Bucket, found: _Found) -> Iterator[tuple[bytes, ...]]:
    for one in bucket.list(ITEMS):
        if (read := found.take(one)) and read.item:
            yield read.item.encode(), b"%d" % read.spelling, one.etag.encode()


def _images(bucket: Bucket, found: _Found) -> Iterator[tuple[bytes, ...]]:
    for one in bucket.list(IMAGES):
        if (read := found.take(one)) and read.item:
            yield read.item.encode(), read.name.encode(), b"%d" % read.spelling, one.etag.encode()


def _each_once(columns: list[NDArray[Any]], found: _Found, key: Callable[[str, str], str]) -> list[NDArray[Any]]:
    """Order rows by id, name and spelling, and keep the first of those of one id and name.

    Parameters
    ----------
    columns
        Id, name (of images), spelling and ETag, each (n,) bytes.
    key
        Gives the key, in NFC, of an id and a name.
    """
    *names, spellings, _ = columns
    order = np.lexsort((spellings, *reversed(names)))
    columns = [column[order] for column in columns]
    *names, spellings, _ = columns
    same = np.logical_and.reduce([name[1:] == name[:-1] for name in names])
    kept = np.concatenate([[True], ~same])[: len(spellings)]
    for row in np.flatnonzero(~kept).tolist():
        item, name, *_ = (*(one[row].decode() for one in names), "")
        found.ignore(keys_of(key(item, name))[int(spellings[row])], TWICE)
    return [column[kept] for column in columns]


def _columns(rows: Iterator[tuple[bytes, ...]], count: int) -> list[NDArray[Any]]:
    """Lay rows of ``count`` values out as arrays, batch by batch."""
    batches: list[list[NDArray[Any]]] = [[np.empty(0, "S1")] for _ in range(count)]
    while batch := list(itertools.islice(rows, BATCH)):
        for column, values in zip(batches, zip(*batch, strict=True), strict=True):
            column.append(np.array(values, np.bytes_))
    return [np.concatenate(column) for column in batches]
