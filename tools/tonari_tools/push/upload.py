"""Items on disk -> the catalogue bucket: images before documents, only what has changed."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from types import MappingProxyType

from tonari.catalogue.documents import IMAGES, ITEMS, SCHEMA, document_key, image_key, item_of, keys_of
from tonari.contract.answers import JSON
from tonari.contract.parameters import PICTURE_SUFFIXES
from tonari.storage.bucket import Bucket, ObjectInfo
from tonari_tools.push.folder.pictures import LocalItem
from tonari_tools.push.local_catalogue import LocalCatalogue

THREADS = 16
NOTHING_SENT: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Pushed:
    """What a push came to.

    Parameters
    ----------
    uploaded, bytes
        Objects uploaded, and their size.
    unchanged
        Objects that were there already.
    vanished
        Keys that the folder lacks, which are still there.
    kept
        Keys of objects that somebody else changed, which were left alone.
    unread
        Files that could not be read, and why. Documents of their items were not sent.
    """

    items: int
    uploaded: int
    unchanged: int
    bytes: int
    vanished: tuple[str, ...]
    kept: tuple[str, ...] = ()
    unread: tuple[str, ...] = ()

    @property
    def vanished_items(self) -> int:
        """How many items the vanished keys belong to."""
        return len({item_of(key) for key in self.vanished})


def push(
    catalogue: LocalCatalogue,
    bucket: Bucket,
    progress: Callable[[int, int], None],
    sent_before: Mapping[str, str] = NOTHING_SENT,
) -> Pushed:
    """Upload what the bucket lacks or has otherwise; objects whose ETag is the MD5 of our bytes stay as they are.

    On buckets whose ETags are no MD5 (SSE-KMS), every object is uploaded. ``progress`` is told how many items are done,
    and of how many. An object of which the folder still has what was sent before (``sent_before``: MD5 by key), but the
    bucket has not, was changed there, and stays.

    Raises
    ------
    StoreError
    """
    there = list_keys(bucket)
    sender = _Sender(bucket, there, sent_before)
    sent = {} if catalogue.schema is None else {SCHEMA: sender.send(SCHEMA, catalogue.schema)}
    pool = ThreadPoolExecutor(THREADS)
    try:
        waiting = [pool.submit(sender.send_item, item) for item in catalogue.items]
        for done, finished in enumerate(as_completed(waiting), 1):
            sent |= finished.result()
            progress(done, len(waiting))
    finally:
        pool.shutdown(cancel_futures=True)
    wanted = {key for item in catalogue.items for key in (*_pictures(item), document_key(item.id))}
    sizes = [size for size in sent.values() if size is not None]
    return Pushed(
        items=len(catalogue.items),
        uploaded=len(sizes),
        unchanged=len(sent) - len(sizes) - len(sender.kept),
        bytes=sum(sizes),
        vanished=tuple(sorted(there.keys() - wanted - {SCHEMA})),
        kept=tuple(sender.kept),
        unread=tuple(sorted(sender.unread)),
    )


def list_keys(bucket: Bucket) -> dict[str, ObjectInfo]:
    """List what is there, by key in NFC; of two spellings of one key the one that counts (see ``keys_of``).

    Keys in neither form are left out, as they belong to no item.
    """
    there: dict[str, ObjectInfo] = {}
    for found in itertools.chain.from_iterable(map(bucket.list, (SCHEMA, IMAGES, ITEMS))):
        keys = keys_of(found.key)
        if found.key not in keys:
            continue
        known = there.setdefault(keys[0], found)
        if keys.index(found.key) < keys.index(known.key):
            there[keys[0]] = found
    return there


def _pictures(item: LocalItem) -> dict[str, Path]:
    return {image_key(item.id, name): path for name, path in item.views.items()}


@dataclass(frozen=True, slots=True)
class _Sender:
    """Uploads objects; ``there`` and ``before`` say what is in the bucket and what was sent into it before."""

    bucket: Bucket
    there: Mapping[str, ObjectInfo]
    before: Mapping[str, str]
    kept: list[str] = field(default_factory=list)
    unread: list[str] = field(default_factory=list)

    def send_item(self, item: LocalItem) -> dict[str, int | None]:
        """Upload an item's pictures and then, if all could be read, its document."""
        sent: dict[str, int | None] = {}
        unread: list[str] = []
        for key, path in _pictures(item).items():
            try:
                data = path.read_bytes()
            except OSError as error:
                unread.append(f"{path}: {error.strerror}")
            else:
                sent[key] = self.send(key, data)
        self.unread.extend(unread)
        document = item.document()
        if document is not None and not unread:
            key = document_key(item.id)
            sent[key] = self.send(key, document)
        return sent

    def send(self, key: str, data: bytes) -> int | None:
        """Upload an object unless it is there; give how many bytes were sent."""
        known, etag = self.there.get(key), hashlib.md5(data, usedforsecurity=False).hexdigest()
        if known and known.size == len(data) and known.etag == etag:
            return None
        if known and self.before.get(key) == etag:
            self.kept.append(key)
            return None
        self.bucket.put(key, data, PICTURE_SUFFIXES.get(PurePosixPath(key).suffix.lower(), JSON))
        return len(data)
