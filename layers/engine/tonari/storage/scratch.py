"""Folders for files on their way to a bucket: one that a killed process left is deleted by the next process."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows, where a folder cannot be locked
    fcntl = None  # type: ignore[assignment]

LOCKS = fcntl is not None
ABANDONED_SECONDS = 24 * 3600
"""Where folders cannot be locked, one that is older counts as left by a dead process."""


@contextmanager
def scratch(parent: Path, prefix: str) -> Iterator[Path]:
    """Make an empty folder that is deleted at the end, after those that processes left which have died.

    It is locked for as long as the process has it; the lock ends with the process, however it ends. Folders of living
    processes are let be.

    Parameters
    ----------
    parent
        Made if need be.
    prefix
        Names begin so. All folders in ``parent`` whose names do must have been made by this function.
    """
    parent.mkdir(parents=True, exist_ok=True)
    for left in parent.glob(f"{prefix}*"):
        _delete_if_abandoned(left)
    folder, lock = _make(parent, prefix)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        if lock is not None:
            os.close(lock)


def _make(parent: Path, prefix: str) -> tuple[Path, int | None]:
    """Make a folder and lock it; anew if another process took it for abandoned before the lock was there."""
    while True:
        folder = Path(tempfile.mkdtemp(dir=parent, prefix=prefix))
        if not LOCKS:
            return folder, None
        with suppress(FileNotFoundError):
            lock = os.open(folder, os.O_RDONLY)
            fcntl.flock(lock, fcntl.LOCK_EX)
            if folder.exists():
                return folder, lock
            os.close(lock)


def _delete_if_abandoned(folder: Path) -> None:
    if not LOCKS:
        with suppress(OSError):
            if time.time() - folder.stat().st_mtime > ABANDONED_SECONDS:
                shutil.rmtree(folder, ignore_errors=True)
        return
    try:
        lock = os.open(folder, os.O_RDONLY)
    except OSError:
        return
    try:
        with suppress(BlockingIOError):
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(folder, ignore_errors=True)
    finally:
        os.close(lock)
