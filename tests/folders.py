"""Folders as people have them, made on the spot: files that begin as pictures do, and tables."""

from __future__ import annotations

import os
from pathlib import Path

from tonari_tools.push.folder.pictures import is_image

JPEG_HEAD = b"\xff\xd8\xff\xe0"


def put(folder: Path, *names: str) -> Path:
    """Make files, each with other bytes, and the folders they lie in; those called as pictures begin as a JPEG does."""
    for name in names:
        put_bytes(folder, name, (JPEG_HEAD if is_image(Path(name)) else b"") + os.fsencode(name))
    return folder


def put_bytes(folder: Path, name: str, data: bytes) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


def table(folder: Path, text: str, name: str = "items.csv") -> Path:
    return put_bytes(folder, name, text.encode())


def class_folders(folder: Path, each: int = 10, classes: tuple[str, ...] = ("dress", "shoe", "hat")) -> Path:
    """Make folders that are classes of items, each with pictures of its own names."""
    return put(folder, *(f"{name}/IMG_{number}{name[0]}.jpg" for name in classes for number in range(each)))
