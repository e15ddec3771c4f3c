"""The port to a bucket: what S3 and a folder both do; and the local cache of what was downloaded."""

from __future__ import annotations

import hashlib
import os
import re
import secrets
import time
from collections.abc import Collection, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from tonari.errors import CorruptArtefactError


@dataclass(frozen=True, slots=True)
class ObjectInfo:
    """What a listing says of an object; ``etag`` without quotes, ``size`` in bytes."""

    key: str
    etag: str
    size: int


@dataclass(frozen=True, slots=True)
class Blob:
    """An object's bytes and the ETag they had."""

    data: bytes
    etag: str


@dataclass(frozen=True, slots=True)
class PresignedPost:
    """A form that lets its holder upload one object until it expires."""

    url: str
    fields: dict[str, str]


class Bucket(Protocol):
    """A bucket of objects.

    Every method raises :class:`StoreError` when the store does not do what was asked, with these two told apart:
    :class:`MissingObjectError` and :class:`ConflictError`.
    """

    @property
    def name(self) -> str:
        """Name of the bucket, for messages."""

    def get(self, key: str, *, if_match: str | None = None) -> Blob:
        """Read an object, with ``if_match`` only while its ETag is that one."""

    def get_changed(self, key: str, etag: str) -> Blob | None:
        """Read an object unless its ETag is still ``etag``."""

    def head(self, key: str) -> ObjectInfo | None:
        """Ask for an object's ETag and size."""

    def list(self, prefix: str) -> Iterator[ObjectInfo]:
        """List objects in the order of their keys' UTF-8 bytes."""

    def put(self, key: str, data: bytes, content_type: str = "application/octet-stream") -> str:
        """Write an object whatever was there; returns its ETag."""

    def create(self, key: str, data: bytes) -> str:
        """Write an object that must not exist yet; returns its ETag.

        A retry of our own write that had succeeded is told from another writer's by the bytes.
        """

    def create_file(self, key: str, path: Path) -> None:
        """Like :meth:`create`, from a file, which is streamed."""

    def replace(self, key: str, data: bytes, etag: str) -> str:
        """Write an object only while its ETag is ``etag``; returns the new one."""

    def delete(self, *keys: str) -> None:
        """Delete objects; those that are not there count as deleted."""

    def sha256(self, key: str) -> str:
        """Read an object back and hash it (hex)."""

    def download(self, key: str, path: Path, sha256: str) -> None:
        """Write an object to ``path``, which must not be in use; whatever fails, no file is left there.

        Raises
        ------
        CorruptArtefactError
            If its sha256 (hex) is another.
        """

    def presign_get(self, key: str, seconds: int) -> str:
        """Make a URL that reads one object until it expires."""

    def presign_post(self, key: str, most_bytes: int, seconds: int) -> PresignedPost:
        """Make a form that uploads one picture of at most ``most_bytes``.

        ``key`` may end in ``${filename}``, which the uploader's file name replaces.
        """


def file_sha256(path: Path) -> str:
    """Hash a file (hex)."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def save_verified(chunks: Iterable[bytes], path: Path, sha256: str, what: str) -> None:
    """Do what :meth:`Bucket.download` promises, with the bytes of an object that messages call ``what``."""
    digest = hashlib.sha256()
    try:
        with path.open("wb") as file:
            for chunk in chunks:
                digest.update(chunk)
                file.write(chunk)
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    if digest.hexdigest() != sha256:
        path.unlink()
        raise CorruptArtefactError(f"{what} has sha256 {digest.hexdigest()}, recorded is {sha256}.")


CACHED = re.compile(r"[0-9a-f]{64}(\.[0-9a-f]{8})?")
"""Files of the cache: named by their sha256, replaced but never overwritten, so that mapped files stay whole."""
IDLE_SECONDS = 3600


def fetch(artefacts: Bucket, key: str, cache: Path, sha256: str) -> Path:
    """Download an object, as :meth:`Bucket.download` does, unless the cache has it whole."""
    path = cache / sha256
    if path.exists() and file_sha256(path) == sha256:
        os.utime(path)
        return path
    fresh = cache / f"{sha256}.{secrets.token_hex(4)}"
    artefacts.download(key, fresh, sha256)
    return fresh.replace(path)


def sweep(cache: Path, keep: Collection[str]) -> None:
    """Delete files that nobody has asked for in an hour, but none whose sha256 (hex) is in ``keep``.

    Processes that have one mapped go on reading it.
    """
    for path in cache.iterdir():
        if not CACHED.fullmatch(path.name) or path.name in keep:
            continue
        with suppress(FileNotFoundError):
            if time.time() - path.stat().st_mtime > IDLE_SECONDS:
                path.unlink()
