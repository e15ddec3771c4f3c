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


@dataclass(frozen=True, slots=True)
class Pushed:
    """Objects uploaded, with their bytes, and found unchanged; keys that the folder lacks, which are still there."""

    items: int
    uploaded: int
    unchanged: int
    bytes: int
    vanished: tuple[str, ...]

    @property
    def vanished_items(self) -> int:
        """How many items the vanished keys belong to."""
        return len({item_of(key) for key in self.vanished})


def push(catalogue: LocalCatalogue, bucket: Bucket, progress: Callable[[int, int], None]) -> Pushed:
    """Upload what the bucket lacks or has otherwise; objects whose ETag is the MD5 of our bytes stay as they are.

    On buckets whose ETags are no MD5 (SSE-KMS), every object is uploaded. ``progress`` is told how many items are done,
    and of how many.

    Raises
    ------
    StoreError
    """
    there = {found.key: found for prefix in (SCHEMA, IMAGES, ITEMS) for found in bucket.list(prefix)}
    sent = {} if catalogue.schema is None else {SCHEMA: _send(bucket, there, SCHEMA, catalogue.schema)}
    pool = ThreadPoolExecutor(THREADS)
    try:
        waiting = [pool.submit(_send_item, bucket, there, item) for item in catalogue.items]
        for done, finished in enumerate(as_completed(waiting), 1):
            sent |= finished.result()
            progress(done, len(waiting))
    finally:
        pool.shutdown(cancel_futures=True)
    documents = {document_key(item.id) for item in catalogue.items}
    vanished = tuple(sorted(there.keys() - sent.keys() - documents - {SCHEMA}))
    uploaded = [size for size in sent.values() if size is not None]
    return Pushed(len(catalogue.items), len(uploaded), len(sent) - len(uploaded), sum(uploaded), vanished)


def _send_item(bucket: Bucket, there: Mapping[str, ObjectInfo], item: LocalItem) -> dict[str, int | None]:
    keys = {image_key(item.id, name): path for name, path in item.views.items()}
    sent = {key: _send(bucket, there, key, path.read_bytes()) for key, path in keys.items()}
    key, document = document_key(item.id), item.document()
    return sent if document is None else sent | {key: _send(bucket, there, key, document)}


def _send(bucket: Bucket, there: Mapping[str, ObjectInfo], key: str, data: bytes) -> int | None:
    """Upload an object unless it is there; give how many bytes were sent."""
    known = there.get(key)
    if known and known.size == len(data) and known.etag == hashlib.md5(data, usedforsecurity=False).hexdigest():
        return None
    bucket.put(key, data, mimetypes.guess_type(key)[0] or "application/octet-stream")
    return len(data)
