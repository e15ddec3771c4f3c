"""A catalogue whose keys others write in NFC or NFD: objects are found under either."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from tonari.catalogue.documents import keys_of
from tonari.contract.normal_form import spellings
from tonari.errors import MissingObjectError
from tonari.storage.bucket import Blob, Bucket, ObjectInfo, PresignedPost


class AnySpelling:
    """A bucket in front of another; see :class:`tonari.storage.bucket.Bucket`.

    What is written goes where the object already lies, new objects under their names in NFC. Keys that have one
    spelling, as ASCII has, cost nothing more; for the rest the spelling in NFC is tried first. A listing gives keys as
    they lie, those of all spellings of its prefix.
    """

    def __init__(self, bucket: Bucket) -> None:
        self.name = bucket.name
        self._bucket = bucket

    def get(self, key: str, *, if_match: str | None = None) -> Blob:
        """Read an object, with ``if_match`` only while its ETag is that one."""
        first, *others = keys_of(key)
        try:
            return self._bucket.get(first, if_match=if_match)
        except MissingObjectError:
            for other in others:
                with suppress(MissingObjectError):
                    return self._bucket.get(other, if_match=if_match)
            raise

    def get_changed(self, key: str, etag: str) -> Blob | None:
        """Read an object unless its ETag is still ``etag``."""
        return self._bucket.get_changed(self._place(key), etag)

    def get_range(self, key: str, start: int, count: int) -> bytes:
        """Read some bytes of an object; fewer come where it ends before."""
        return self._bucket.get_range(self._place(key), start, count)

    def head(self, key: str) -> ObjectInfo | None:
        """Ask what a listing says of one object; None if it is not there."""
        return next((found for one in keys_of(key) if (found := self._bucket.head(one))), None)

    def list(self, prefix: str) -> Iterator[ObjectInfo]:
        """List objects as they lie, in the order of their keys' UTF-8 bytes for each spelling of the prefix."""
        for one in keys_of(prefix):
            yield from self._bucket.list(one)

    def put(self, key: str, data: bytes, content_type: str = "application/octet-stream") -> str:
        """Write an object whatever was there; returns its ETag."""
        return self._bucket.put(self._place(key), data, content_type)

    def create(self, key: str, data: bytes) -> str:
        """Write an object that must not exist yet; returns its ETag."""
        return self._bucket.create(self._place(key), data)

    def create_file(self, key: str, path: Path) -> None:
        """Like :meth:`create`, from a file, which is streamed."""
        self._bucket.create_file(self._place(key), path)

    def replace(self, key: str, data: bytes, etag: str) -> str:
        """Write an object only while its ETag is ``etag``; returns the new one."""
        return self._bucket.replace(self._place(key), data, etag)

    def delete(self, *keys: str) -> None:
        """Delete objects in all their spellings; those that are not there count as deleted."""
        self._bucket.delete(*dict.fromkeys(one for key in keys for one in (key, *keys_of(key))))

    def sha256(self, key: str) -> str:
        """Read an object back and hash it (hex)."""
        return self._bucket.sha256(self._place(key))

    def download(self, key: str, path: Path, sha256: str) -> None:
        """Write an object to ``path`` and verify it; whatever fails, no file is left there."""
        self._bucket.download(self._place(key), path, sha256)

    def now(self) -> float:
        """Tell the time by the store's clock."""
        return self._bucket.now()

    def presign_get(self, key: str, seconds: int) -> str:
        """Make a URL that reads one object until it expires."""
        return self._bucket.presign_get(self._place(key), seconds)

    def presign_post(self, key: str, most_bytes: int, seconds: int) -> PresignedPost:
        """Make a form that uploads one picture; ``key`` may end in ``${filename}``."""
        return self._bucket.presign_post(spellings(key)[0], most_bytes, seconds)

    def _place(self, key: str) -> str:
        """Give the key under which an object lies, or would."""
        keys = keys_of(key)
        if len(keys) == 1:
            return keys[0]
        return next((one for one in keys if self._bucket.head(one)), keys[0])
