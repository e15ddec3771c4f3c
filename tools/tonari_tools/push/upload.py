"""Items on disk -> the catalogue bucket: images before documents, only what has changed."""

from __future__ import annotations

import hashlib
import mimetypes
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass

from tonari.catalogue.documents import IMAGES, ITEMS, SCHEMA, document_key, image_key, item_of
from tonari.storage.bucket import Bucket, ObjectInfo
from tonari_tools.push.local_catalogue import LocalCatalogue
from tonari_tools.push.pictures import LocalItem

THREADS = 16
JSON = "application/json"


@dataclass(frozen=True, slots=True)
class Pushed:
    """What a push did.

    Parameters
    ----------
    uploaded, unchanged
        Objects, and bytes of the uploaded ones.
    vanished
        Keys in the bucket that the folder does not have; they are still there.
    """

    items: int
    uploaded: int
    unchanged: int
    bytes: int
    vanished: tuple[str, ...]

    @property
    def vanished_items(self) -> int:
        """How many items the vanished keys belong to."""
        return len({item_of(key) for key in self.vanished})


@dataclass(frozen=True, slots=True)
class _Sent:
    uploaded: int = 0
    unchanged: int = 0
    bytes: int = 0

    def __add__(self, other: _Sent) -> _Sent:
        return _Sent(self.uploaded + other.uploaded, self.unchanged + other.unchanged, self.bytes + other.bytes)


def push(catalogue: LocalCatalogue, bucket: Bucket, progress: Callable[[int, int], None]) -> Pushed:
    """Upload what the bucket lacks or has otherwise; objects whose ETag is the MD5 of our bytes stay as they are.

    On buckets whose ETags are no MD5 (SSE-KMS), every object is uploaded.

    Parameters
    ----------
    progress
        Is told how many items are done, and of how many.

    Raises
    ------
    StoreError
    """
    there = {found.key: found for prefix in (SCHEMA, IMAGES, ITEMS) for found in bucket.list(prefix)}
    sent = _Sent() if catalogue.schema is None else _send(bucket, there, SCHEMA, catalogue.schema)
    pool = ThreadPoolExecutor(THREADS)
    try:
        waiting = [pool.submit(_send_item, bucket, there, item) for item in catalogue.items]
        for done, finished in enumerate(as_completed(waiting), 1):
            sent += finished.result()
            progress(done, len(waiting))
    finally:
        pool.shutdown(cancel_futures=True)
    vanished = tuple(sorted(there.keys() - _keys(catalogue) - {SCHEMA}))
    return Pushed(len(catalogue.items), sent.uploaded, sent.unchanged, sent.bytes, vanished)


def _keys(catalogue: LocalCatalogue) -> set[str]:
    images = {image_key(item.id, name) for item in catalogue.items for name in item.views}
    return images | {document_key(item.id) for item in catalogue.items}


def _send_item(bucket: Bucket, there: Mapping[str, ObjectInfo], item: LocalItem) -> _Sent:
    sent = _Sent()
    for name, path in item.views.items():
        sent += _send(bucket, there, image_key(item.id, name), path.read_bytes())
    document = item.document()
    return sent if document is None else sent + _send(bucket, there, document_key(item.id), document)


def _send(bucket: Bucket, there: Mapping[str, ObjectInfo], key: str, data: bytes) -> _Sent:
    known = there.get(key)
    if known and known.size == len(data) and known.etag == hashlib.md5(data, usedforsecurity=False).hexdigest():
        return _Sent(unchanged=1)
    content_type = mimetypes.guess_type(key)[0] or "application/octet-stream"
    bucket.put(key, data, JSON if key.endswith(".json") else content_type)
    return _Sent(uploaded=1, bytes=len(data))
