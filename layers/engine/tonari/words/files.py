"""The files of an index of words: packed for a snapshot, in the cache, and in folders of processes.

The cache holds each file once, named by its sha256, for all processes. An index is a folder, so each process has one in
which the files are linked to: laying items over an index adds files to that folder and replaces those that name the
others. It is deleted with its owner; one that a killed process left is deleted by the next process.
"""

from __future__ import annotations

import functools
import hashlib
import os
import shutil
import weakref
from collections.abc import Mapping
from contextlib import AbstractContextManager
from pathlib import Path

import numpy as np

from tonari.contract.artefacts import WordsHeader
from tonari.errors import CorruptArtefactError
from tonari.storage.bucket import file_sha256, save_verified
from tonari.storage.cache import CachedFile, place
from tonari.storage.packing import map_file, pack_file
from tonari.storage.scratch import scratch

FORMAT = 1
FOLDERS = "words"
"""Where the folders of processes lie, in the cache."""


def pack_index(folder: Path, path: Path) -> None:
    """Write the files of an index, which nobody writes to any more, as one file."""
    names = sorted(one.name for one in folder.iterdir() if one.suffix != ".lock")
    arrays = {name: np.fromfile(folder / name, np.uint8) for name in names}
    pack_file(path, WordsHeader(FORMAT, {name: file_sha256(folder / name) for name in names}), arrays)


def unpack_index(packed: Path, name: str, cache: Path) -> dict[str, CachedFile]:
    """Have the files of an index in the cache, by name.

    Raises
    ------
    CorruptArtefactError
        If what was packed contradicts itself.
    NoSpaceError, StoreError
        If the cache cannot be written to.
    """
    mapped = map_file(packed, name)
    about = mapped.about(WordsHeader)
    if about.format != FORMAT or about.files.keys() != mapped.arrays.keys():
        raise CorruptArtefactError(f"{name} has not the form that this version reads: rebuild.")
    found = {}
    for file, sha256 in about.files.items():
        data = np.ascontiguousarray(mapped.arrays[file]).reshape(-1).view(np.uint8).tobytes()
        if Path(file).name != file or hashlib.sha256(data).hexdigest() != sha256:
            raise CorruptArtefactError(f"{name}: {file!r:.80} is not what was packed: rebuild.")
        found[file] = place(cache, sha256, functools.partial(_write, data, sha256), functools.partial(len, data))
    return found


class OwnFolder:
    """A folder for as long as somebody holds this object, and no longer than the process lives."""

    def __init__(self, parent: Path) -> None:
        holding = scratch(parent, "index-")
        self.path = holding.__enter__()
        self._linked: tuple[CachedFile, ...] = ()
        weakref.finalize(self, _delete, holding, os.getpid())

    def link(self, files: Mapping[str, CachedFile]) -> None:
        """Have the files of an index in the folder, without copying them where that can be avoided."""
        self._linked = tuple(files.values())
        for name, file in files.items():
            try:
                os.link(file.path, self.path / name)
            except FileNotFoundError:
                raise
            except OSError:
                shutil.copyfile(file.path, self.path / name)

    def damaged(self) -> bool:
        """Tell whether somebody wrote into a file that was linked to."""
        return any(file.damaged() for file in self._linked)


def _write(data: bytes, sha256: str, path: Path) -> None:
    save_verified([data], path, sha256, path.name)


def _delete(holding: AbstractContextManager[Path], owner: int) -> None:
    if os.getpid() == owner:
        holding.__exit__(None, None, None)
