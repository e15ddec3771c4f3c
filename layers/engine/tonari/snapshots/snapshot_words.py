"""The index of words in a snapshot: written with it, and fetched when somebody first asks by words."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from tonari.fields.schema import Schema
from tonari.snapshots.table import Table
from tonari.storage.cache import CachedFile
from tonari.storage.scratch import scratch
from tonari.words.files import FOLDERS, pack_index, unpack_index
from tonari.words.searched import FoundBy, Searched, searched_of
from tonari.words.word_index import build, has_library

WORDS = "words.pack"
NO_TEXTS = (
    "No field of this catalogue has texts that can be searched by words: give the documents a title or a name, then "
    "rebuild."
)
NOT_BUILT = "The live snapshot was built without the words layer, so that nothing can be searched by words: rebuild."


class SnapshotWords:
    """The index of a loaded snapshot.

    Parameters
    ----------
    fetch
        Has the packed file in the cache.
    """

    def __init__(self, fetch: Callable[[], CachedFile], cache: Path) -> None:
        self._fetch, self._cache = fetch, cache
        self.asked = False
        """Whether anybody has asked for it in this process."""

    @property
    def folder(self) -> Path:
        """Where processes may have folders of their own, on the disk of the cache."""
        return self._cache / FOLDERS

    def files(self) -> dict[str, CachedFile]:
        """Have the files of the index in the cache, by name.

        Raises
        ------
        CorruptArtefactError, StoreError
            If the snapshot's file has another sha256 than was recorded, or cannot be fetched, read or unpacked.
        """
        self.asked = True
        return unpack_index(self._fetch().path, WORDS, self._cache)


def wants_words(words: SnapshotWords | str | None) -> bool:
    """Tell whether a loaded snapshot has no index only because the library was missing, which is here now."""
    return words == NOT_BUILT and has_library()


def write_words(table: Table, schema: Schema, path: Path, progress: Callable[[str, int, int], None]) -> bool:
    """Write the index of a table's words, beside which a folder is made for a while; False if there are none.

    Without the library there are none either, which ``progress`` is told as the stage.
    """
    searched = searched_of(schema)
    if not searched.weights:
        return False
    if not has_library():
        progress("words left out: tantivy is not installed", 0, 0)
        return False
    with scratch(path.parent, "words-") as folder:
        build(folder, _told(table, searched, progress))
        pack_index(folder, path)
    return True


def found_by(table: Table, searched: Searched) -> Iterator[FoundBy]:
    """Tell what each item of a table is found by, in their order."""
    for position in range(len(table)):
        yield searched.found_by(table.id(position), table.fields(position))


def _told(table: Table, searched: Searched, progress: Callable[[str, int, int], None]) -> Iterator[FoundBy]:
    step = max(1, len(table) // 20)
    for done, item in enumerate(found_by(table, searched), 1):
        yield item
        if done % step == 0 or done == len(table):
            progress("words", done, len(table))
