"""What a bucket in a folder does with files: errors turned into ours, moves, listings, file systems that lose case."""

from __future__ import annotations

import os
import shutil
import time
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from tonari.errors import MissingObjectError, StoreError
from tonari.storage.folder_names import STATE, name_without_letters, names_of

REPLACE_TRIES = 50
REPLACE_PAUSE = 0.02


@contextmanager
def file_errors(what: str) -> Iterator[None]:
    """Turn the errors of reading and deleting files into ours."""
    try:
        yield
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError) as error:
        raise MissingObjectError(f"{what}: there is no such object.") from error
    except OSError as error:
        raise StoreError(f"{what}: {error.strerror}.") from error


@contextmanager
def write_errors(what: str) -> Iterator[None]:
    """Turn the errors of writing files into ours."""
    try:
        yield
    except (NotADirectoryError, IsADirectoryError, FileExistsError) as error:
        raise StoreError(f"{what}: a folder cannot hold both a file and a folder of one name.") from error
    except OSError as error:
        raise StoreError(f"{what}: {error.strerror}.") from error


def write_bytes(data: bytes, file: BinaryIO) -> None:
    """Write bytes to an open file."""
    file.write(data)


def copy_file(path: Path, file: BinaryIO) -> None:
    """Write what a file holds to an open one."""
    with path.open("rb") as source:
        shutil.copyfileobj(source, file)


def move(fresh: Path, path: Path) -> None:
    """Replace a file; on Windows that waits until nobody has it open."""
    for _ in range(REPLACE_TRIES):
        try:
            fresh.replace(path)
        except PermissionError:
            if os.name != "nt":
                raise
            time.sleep(REPLACE_PAUSE)
        else:
            return
    fresh.replace(path)


def list_files(folder: Path) -> Iterator[Path]:
    """Give all files below a folder, those of the bucket's own state left out."""
    waiting = [folder]
    while waiting:
        try:
            entries = [*os.scandir(waiting.pop())]
        except (FileNotFoundError, NotADirectoryError):
            continue
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                if entry.name != STATE:
                    waiting.append(Path(entry.path))
            elif entry.is_file():
                yield Path(entry.path)


def remove_empty(folder: Path, top: Path) -> None:
    """Remove folders that have become empty, up to the top."""
    while folder != top:
        try:
            folder.rmdir()
        except OSError:
            return
        folder = folder.parent


def case_counts(folder: Path) -> bool:
    """Tell whether the file system tells ``a`` from ``A``."""
    probe = folder / "case"
    probe.touch()
    return not (folder / "CASE").exists()


def where_case_is_lost(folder: Path, segment: str) -> Path:
    """Give the file of a segment: under its own name unless another key has taken that in other letters."""
    for name in names_of(segment):
        there = {path.name for path in folder.iterdir()} if folder.is_dir() else set()
        plain = _fold(name)
        taken = name not in there and any(_fold(other) == plain for other in there)
        folder /= name_without_letters(segment) if taken else name
    return folder


def _fold(name: str) -> str:
    return unicodedata.normalize("NFD", name).casefold()
