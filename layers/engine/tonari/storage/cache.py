"""The local cache of what was downloaded: files named by their sha256, shared by all processes of a machine.

A file is replaced, never overwritten, and so stays whole for whoever has it mapped. Processes that want the same file
take turns: the first downloads it, the others find it. Only traffic depends on that: a process that does not get its
turn downloads a file of its own, and the last one stays.
"""

from __future__ import annotations

import os
import re
import secrets
import shutil
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

from tonari.errors import NoSpaceError
from tonari.storage.bucket import Bucket, file_sha256, local_errors

try:
    import fcntl
except ImportError:  # Windows: each process downloads for itself
    fcntl = None  # type: ignore[assignment]

CACHED = re.compile(r"([0-9a-f]{64})((?:\.[\w.-]+)?\.(?:onnx|json)|\.lock|\.[0-9a-f]{8})?", re.ASCII)
"""Files of the cache: downloads and those of encoders, whole; locks; what is being written, or was by who died."""
OF_ENCODERS = (".onnx", ".json")
IDLE_SECONDS = 3600
SPARED_SECONDS = 300
"""How long after it was asked for a file stays even if space is short: somebody may be about to map it."""
TURN_SECONDS = 120
"""How long a process waits for another one that downloads the same file."""
PAUSE = 0.02


@dataclass(frozen=True, slots=True)
class CachedFile:
    """A file of the cache, as it was when its sha256 was the right one.

    Parameters
    ----------
    inode, size, written
        Of the file; ``written`` in nanoseconds since 1970.
    """

    path: Path
    inode: int
    size: int
    written: int

    @classmethod
    def of(cls, path: Path) -> CachedFile:
        """Note what a file is now."""
        stat = path.stat()
        return cls(path, stat.st_ino, stat.st_size, stat.st_mtime_ns)

    def damaged(self) -> bool:
        """Tell whether somebody wrote into the file since.

        One that was replaced or deleted is not damaged: whoever has mapped it keeps it as it was.
        """
        try:
            now = CachedFile.of(self.path)
        except OSError:
            return False
        return now.inode == self.inode and now != self


def fetch(artefacts: Bucket, key: str, cache: Path, sha256: str, keep: Collection[str] = ()) -> CachedFile:
    """Download an object, as :meth:`Bucket.download` does, unless the cache has it whole.

    If space is short, files that nobody asked for of late are deleted first, the oldest ones first.

    Parameters
    ----------
    keep
        sha256 (hex) of files that stay nevertheless.

    Raises
    ------
    NoSpaceError
        If it does not fit all the same.
    StoreError
        If the folder cannot be written to.
    """

    def download(fresh: Path) -> None:
        artefacts.download(key, fresh, sha256)

    return place(cache, sha256, download, lambda: _size(artefacts, key), keep)


def place(
    cache: Path, sha256: str, write: Callable[[Path], None], size: Callable[[], int], keep: Collection[str] = ()
) -> CachedFile:
    """Have a file in the cache: written, by ``write``, to the path it is given, unless the cache has it whole.

    Raises what :func:`fetch` does, and what ``write`` does.

    Parameters
    ----------
    sha256
        Of what ``write`` writes.
    size
        Gives its bytes.
    keep
        As for :func:`fetch`.
    """
    path = cache / sha256
    with local_errors(cache):
        cache.mkdir(parents=True, exist_ok=True)
    if found := _whole(path, sha256):
        return found
    with turn(cache, sha256):
        if found := _whole(path, sha256):
            return found
        fresh = path.with_name(f"{sha256}.{secrets.token_hex(4)}")
        _write(lambda: write(fresh), cache, {sha256, *keep}, size)
        return _move(fresh, path)


def save(path: Path, data: bytes) -> None:
    """Write a file of the cache, which replaces the one that is there; raises what :func:`fetch` does."""
    fresh = path.with_name(f"{path.name[:64]}.{secrets.token_hex(4)}")

    def write() -> None:
        try:
            with local_errors(path.parent):
                fresh.write_bytes(data)
        except BaseException:
            fresh.unlink(missing_ok=True)
            raise

    _write(write, path.parent, {path.name[:64]}, lambda: len(data))
    _move(fresh, path)


@contextmanager
def turn(cache: Path, name: str) -> Iterator[None]:
    """Hold the lock of a file while it is downloaded; it is let go of when its holder dies.

    Whoever cannot have it, within two minutes, goes on without.
    """
    try:
        lock = os.open(cache / f"{name}.lock", os.O_RDWR | os.O_CREAT, 0o600) if fcntl else None
    except OSError:
        lock = None
    if lock is None:
        yield
        return
    try:
        until = time.monotonic() + TURN_SECONDS
        while not _locked(lock) and time.monotonic() < until:
            time.sleep(PAUSE)
        yield
    finally:
        os.close(lock)


def touch(path: Path) -> None:
    """Note that a file was asked for, as the time of its last access: that of writing tells of damage."""
    os.utime(path, ns=(time.time_ns(), path.stat().st_mtime_ns))


def sweep(cache: Path, keep: Collection[str]) -> None:
    """Delete files that nobody has asked for in an hour, but none whose sha256 (hex) is in ``keep``.

    Of these only what killed processes left half written goes. Processes that have a file mapped go on reading it.
    """
    for path, asked in _old_files(cache, keep):
        if time.time() - asked > IDLE_SECONDS:
            path.unlink(missing_ok=True)


def _locked(lock: int) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _whole(path: Path, sha256: str) -> CachedFile | None:
    try:
        found = CachedFile.of(path)
        if file_sha256(path) != sha256:
            return None
        touch(path)
    except OSError:
        return None
    return found


def _move(fresh: Path, path: Path) -> CachedFile:
    with local_errors(path.parent):
        found = CachedFile.of(fresh)
        fresh.replace(path)
    return replace(found, path=path)


def _write(write: Callable[[], None], cache: Path, keep: Collection[str], size: Callable[[], int]) -> None:
    """Try to write until it fits, or nothing is left that can be deleted."""
    while True:
        try:
            write()
        except NoSpaceError as error:
            needed = size()
            if not _make_room(cache, keep, needed):
                raise NoSpaceError(f"{error.detail} {needed:,} bytes more are needed there.") from error
        else:
            return


def _make_room(cache: Path, keep: Collection[str], needed: int) -> bool:
    """Delete old files, the oldest first, until so many bytes are free; tell whether there was one to delete."""
    deleted = False
    for path, asked in sorted(_old_files(cache, keep), key=lambda one: one[1]):
        if time.time() - asked <= SPARED_SECONDS or (deleted and shutil.disk_usage(cache).free >= needed):
            break
        with suppress(OSError):
            path.unlink()
            deleted = True
    return deleted


def _old_files(cache: Path, keep: Collection[str]) -> Iterator[tuple[Path, float]]:
    """Give the files of the cache that need not stay, each with the time when it was asked for or written."""
    for path in cache.iterdir():
        found = CACHED.fullmatch(path.name)
        if found and not (found[1] in keep and (found[2] is None or found[2].endswith(OF_ENCODERS))):
            with suppress(FileNotFoundError):
                stat = path.stat()
                yield path, max(stat.st_atime, stat.st_mtime)


def _size(artefacts: Bucket, key: str) -> int:
    found = artefacts.head(key)
    return found.size if found else 0
