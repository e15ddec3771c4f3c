"""The port to a bucket: what S3 and a folder both do."""

from __future__ import annotations

import errno
import hashlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import FileIO
from pathlib import Path
from typing import Protocol

from tonari.errors import CorruptArtefactError, NoSpaceError, StoreError


@dataclass(frozen=True, slots=True)
class ObjectInfo:
    """What a listing says of an object.

    Parameters
    ----------
    etag
        Without quotes.
    size
        In bytes.
    modified
        Seconds since 1970 by the store's clock, of which S3 gives whole ones: compare it with :meth:`Bucket.now` alone.
    """

    key: str
    etag: str
    size: int
    modified: float


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

    def get_range(self, key: str, start: int, count: int) -> bytes:
        """Read some bytes of an object; fewer come where it ends before.

        Parameters
        ----------
        start, count
            From which byte, and how many: at least one.
        """

    def head(self, key: str) -> ObjectInfo | None:
        """Ask what a listing says of one object; None if it is not there."""

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
        NoSpaceError
            If there is no room for the file.
        """

    def now(self) -> float:
        """Tell the time by the store's clock, which all its users share: seconds since 1970."""

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
        with local_errors(path.parent):
            file = path.open("wb", buffering=0)
        with file:
            for chunk in chunks:
                digest.update(chunk)
                with local_errors(path.parent):
                    _write_all(file, chunk)
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    if digest.hexdigest() != sha256:
        path.unlink()
        raise CorruptArtefactError(f"{what} has sha256 {digest.hexdigest()}, recorded is {sha256}.")


FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


@contextmanager
def local_errors(folder: Path) -> Iterator[None]:
    """Turn the errors of writing into a folder of this machine into ours."""
    try:
        yield
    except OSError as error:
        if error.errno in FULL:
            raise NoSpaceError(
                f"There is no room in {folder} ({error.strerror}): make some. A function on AWS takes more "
                "TemporaryStorage, or a larger folder as TONARI_CACHE_DIR."
            ) from error
        raise StoreError(f"{folder} cannot be written to: {error.strerror}.") from error


def _write_all(file: FileIO, chunk: bytes) -> None:
    """Write without a buffer, which would be written once more where the error is no longer expected."""
    rest = memoryview(chunk)
    while rest:
        rest = rest[file.write(rest) :]
