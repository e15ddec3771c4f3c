"""A bucket in a folder of this machine: any file under it is an object, those that others put there too."""

from __future__ import annotations

import hashlib
import os
import secrets
import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path

from filelock import FileLock

from tonari.errors import ConflictError, MissingObjectError, StoreError
from tonari.storage.bucket import Blob, ObjectInfo, PresignedPost, file_sha256, save_verified
from tonari.storage.folder_files import (
    STATE,
    case_counts,
    file_errors,
    key_by_hand,
    key_of,
    list_files,
    may_be_by_hand,
    move,
    names_of,
    remove_empty,
    where_case_is_lost,
    write_errors,
)
from tonari.storage.folder_links import Links

MOST_KEY_BYTES = 1024
CHUNK = 1 << 20


class FolderBucket:
    """A bucket whose objects are the files of a folder; see :class:`tonari.storage.bucket.Bucket`.

    An object's ETag is the MD5 of its bytes, as on S3. Writers of any number of processes take turns by a lock;
    readers never see half of a file. The lock, the secret of the links and files that are being written lie in
    ``.tonari`` under the folder.

    Parameters
    ----------
    folder
        Must be there.
    url
        Where a server answers for this bucket's links; without one there are none.

    Raises
    ------
    StoreError
        If there is no such folder, or it cannot be written to.
    """

    def __init__(self, folder: Path, url: str = "") -> None:
        self._folder = folder.resolve()
        self.name = str(self._folder)
        if not self._folder.is_dir():
            raise StoreError(f"{folder}: there is no such folder; make it, or check its name.")
        self._state = self._folder / STATE
        self._writing = self._state / "writing"
        with file_errors(str(folder)):
            self._writing.mkdir(parents=True, exist_ok=True)
            self._lock = FileLock(self._state / "lock")
            self._case_counts = case_counts(self._state)
            self.links = Links(url, self._secret())
        self._etags: dict[Path, tuple[tuple[int, int, int], str]] = {}

    def get(self, key: str, *, if_match: str | None = None) -> Blob:
        """Read an object, with ``if_match`` only while its ETag is that one."""
        with self._errors(key):
            data = self._path(key).read_bytes()
        etag = _md5(data)
        if if_match is not None and etag != if_match:
            raise ConflictError(f"{self._what(key)} has changed: its ETag is {etag}, not {if_match}.")
        return Blob(data, etag)

    def get_changed(self, key: str, etag: str) -> Blob | None:
        """Read an object unless its ETag is still ``etag``."""
        blob = self.get(key)
        return None if blob.etag == etag else blob

    def get_range(self, key: str, start: int, count: int) -> bytes:
        """Read some bytes of an object; fewer come where it ends before."""
        with self._errors(key), self._path(key).open("rb") as file:
            file.seek(start)
            return file.read(count)

    def head(self, key: str) -> ObjectInfo | None:
        """Ask what a listing says of one object; None if it is not there."""
        try:
            with self._errors(key):
                return self._describe(key, self._path(key))
        except MissingObjectError:
            return None

    def list(self, prefix: str) -> Iterator[ObjectInfo]:
        """List objects in the order of their keys' UTF-8 bytes."""
        parent = prefix.rpartition("/")[0]
        with self._errors(prefix):
            folder = self._path(parent) if parent else self._folder
            found = [(key, path) for path in list_files(folder) if (key := self._key(path)) and key.startswith(prefix)]
        for key, path in sorted(found, key=lambda one: one[0].encode()):
            try:
                with self._errors(key):
                    described = self._describe(key, path)
            except MissingObjectError:
                continue
            yield described

    def put(self, key: str, data: bytes, content_type: str = "application/octet-stream") -> str:
        """Write an object whatever was there; returns its ETag. Its type is told by the key."""
        del content_type
        self._write(key, data, lambda *_: True)
        return _md5(data)

    def create(self, key: str, data: bytes) -> str:
        """Write an object that must not exist yet, or by our own earlier attempt; returns its ETag."""
        self._create(key, data)
        return _md5(data)

    def create_file(self, key: str, path: Path) -> None:
        """Like :meth:`create`, from a file, which is streamed."""
        self._create(key, path)

    def replace(self, key: str, data: bytes, etag: str) -> str:
        """Write an object only while its ETag is ``etag``; returns the new one."""

        def allow(path: Path, _: Path) -> bool:
            if not path.exists():
                raise ConflictError(f"{self._what(key)} is not there any more.")
            if _md5(path.read_bytes()) != etag:
                raise ConflictError(f"{self._what(key)} has changed: its ETag is not {etag}.")
            return True

        self._write(key, data, allow)
        return _md5(data)

    def delete(self, *keys: str) -> None:
        """Delete objects; those that are not there count as deleted."""
        with self._lock:
            for key in keys:
                while (path := self._unlinked(key)) is not None:
                    self._etags.pop(path, None)
                    remove_empty(path.parent, self._folder)

    def _unlinked(self, key: str) -> Path | None:
        """Remove an object's file, and give it; None if there is none: it may have another one under its own name."""
        try:
            with self._errors(key):
                path = self._path(key)
                path.unlink()
        except MissingObjectError:
            return None
        return path

    def sha256(self, key: str) -> str:
        """Read an object back and hash it (hex)."""
        with self._errors(key):
            return file_sha256(self._path(key))

    def download(self, key: str, path: Path, sha256: str) -> None:
        """Write an object to ``path`` and verify it; whatever fails, no file is left there."""
        with self._errors(key), self._path(key).open("rb") as file:
            save_verified(iter(partial(file.read, CHUNK), b""), path, sha256, self._what(key))

    def now(self) -> float:
        """Tell the time by the clock that stamps the folder's files."""
        probe = self._writing / secrets.token_hex(8)
        try:
            with write_errors(self.name):
                probe.touch()
            return probe.stat().st_mtime
        finally:
            probe.unlink(missing_ok=True)

    def presign_get(self, key: str, seconds: int) -> str:
        """Make a URL that reads one object until it expires."""
        return self._served().for_reading(key, seconds)

    def presign_post(self, key: str, most_bytes: int, seconds: int) -> PresignedPost:
        """Make a form that uploads one picture; ``key`` may end in ``${filename}``."""
        return self._served().for_upload(key, most_bytes, seconds)

    def _served(self) -> Links:
        if not self.links.url:
            raise StoreError(f"Nobody serves links to {self.name}: start `tonari serve`, which does.")
        return self.links

    def _what(self, key: str) -> str:
        return f"{self.name}/{key}"

    def _errors(self, key: str) -> AbstractContextManager[None]:
        return file_errors(self._what(key))

    def _secret(self) -> bytes:
        path = self._state / "secret"
        with self._lock:
            if not path.exists():
                with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600), "wb") as file:
                    file.write(secrets.token_bytes(32))
            return path.read_bytes()

    def _path(self, key: str) -> Path:
        """Give the file that holds a key, or would."""
        try:
            length = len(key.encode())
        except UnicodeEncodeError:
            length = 0
        if not 0 < length <= MOST_KEY_BYTES:
            raise StoreError(f"{key[:40]!r} cannot be a key: 1 to {MOST_KEY_BYTES} bytes of UTF-8 can.")
        path = self._folder
        for segment in key.split("/"):
            by_hand = path / segment if may_be_by_hand(segment) else None
            path = path.joinpath(*names_of(segment)) if self._case_counts else where_case_is_lost(path, segment)
            if by_hand is not None and not os.path.exists(path) and os.path.exists(by_hand):  # noqa: PTH110
                path = by_hand
        return path

    def _key(self, path: Path) -> str | None:
        """Give the key of a file, or None if it is no object."""
        names = path.relative_to(self._folder).parts
        try:
            "".join(names).encode()
        except UnicodeEncodeError:
            return None
        key = key_of(names)
        if key is not None and (not self._case_counts or names_of(key) == names):
            return key
        key = key_by_hand(names)
        return key if key is not None and self._path(key) == path else None

    def _describe(self, key: str, path: Path) -> ObjectInfo:
        stat = path.stat()
        if path.is_dir():
            raise IsADirectoryError
        stamp = (stat.st_ino, stat.st_size, stat.st_mtime_ns)
        known = self._etags.get(path)
        if known is None or known[0] != stamp:
            with path.open("rb") as file:
                known = stamp, hashlib.file_digest(file, partial(hashlib.md5, usedforsecurity=False)).hexdigest()
            self._etags[path] = known
        return ObjectInfo(key, known[1], stat.st_size, stat.st_mtime)

    def _create(self, key: str, given: bytes | Path) -> None:
        def allow(path: Path, fresh: Path) -> bool:
            there = path.exists()
            if there and file_sha256(path) != file_sha256(fresh):
                raise ConflictError(f"{self._what(key)} exists.")
            return not there

        self._write(key, given, allow)

    def _write(self, key: str, given: bytes | Path, allow: Callable[[Path, Path], bool]) -> None:
        """Write a file beside, and move it into place if ``allow(place, written)`` once nobody else writes."""
        fresh = self._writing / secrets.token_hex(8)
        try:
            with write_errors(self._what(key)):
                if isinstance(given, Path):
                    shutil.copyfile(given, fresh)
                else:
                    fresh.write_bytes(given)
                with self._lock:
                    path = self._path(key)
                    if allow(path, fresh):
                        path.parent.mkdir(parents=True, exist_ok=True)
                        move(fresh, path)
        finally:
            fresh.unlink(missing_ok=True)


def _md5(data: bytes) -> str:
    return hashlib.md5(data, usedforsecurity=False).hexdigest()
