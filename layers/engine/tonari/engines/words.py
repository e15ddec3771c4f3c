"""The words of the built-in engine: an index over both layers, opened when it is first asked."""

from __future__ import annotations

import functools
import tempfile
import threading
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tonari.contract.engine import SearchedWords
from tonari.errors import CorruptArtefactError, TonariError, UnsupportedQueryError
from tonari.fields.schema import Schema
from tonari.snapshots.snapshot_words import NO_TEXTS, SnapshotWords, found_by
from tonari.snapshots.table import Table
from tonari.words.files import OwnFolder
from tonari.words.searched import Searched, searched_of
from tonari.words.word_index import MISSING, WordIndex, build, has_library, lay_over


@dataclass(frozen=True, slots=True)
class _Opened:
    index: WordIndex
    folder: OwnFolder


class LayeredWords:
    """Searches the words of a snapshot's items and of those laid over them; items of the overlay are numbered last.

    Parameters
    ----------
    base, overlay
        I and J items.
    replaced : (n,) int64
        Positions in ``base`` of items that the overlay replaces or that were deleted.
    source
        The snapshot's index, or why it has none; None where it was never written: the index is then made here.
    """

    def __init__(
        self,
        base: Table,
        overlay: Table,
        replaced: NDArray[np.int64],
        schema: Schema,
        source: SnapshotWords | str | None,
    ) -> None:
        self._base, self._overlay, self._replaced = base, overlay, replaced
        self._schema = schema
        self.source = source
        self._lock = threading.Lock()
        self._opened: _Opened | None = None

    @functools.cached_property
    def _searched(self) -> Searched:
        return searched_of(self._schema)

    def describe(self) -> SearchedWords:
        """Say what is searched; opens nothing."""
        if isinstance(self.source, str):
            return SearchedWords((), self.source)
        if not self._searched.weights:
            return SearchedWords((), NO_TEXTS)
        return SearchedWords(tuple(self._searched.weights)) if has_library() else SearchedWords((), MISSING)

    def open(self) -> WordIndex:
        """Give the index, as it is on the disk.

        Raises
        ------
        UnsupportedQueryError
            If nothing can be searched by words.
        CorruptArtefactError, StoreError
            If its files cannot be fetched, read or written.
        """
        reason = self.describe().reason
        if reason:
            raise UnsupportedQueryError(reason)
        with self._lock:
            if self._opened is None or self._opened.folder.damaged():
                self._opened = self._open()
            return self._opened.index

    @property
    def ready(self) -> bool:
        """Whether the index is open."""
        return self._opened is not None

    def open_if_asked(self) -> None:
        """Open the index beside the requests, if that of the snapshot has been asked before.

        Pictures are searched whether or not that succeeds: who asks by words is told why it did not.
        """
        if isinstance(self.source, SnapshotWords) and self.source.asked:
            with suppress(TonariError):
                self.open()

    def _open(self) -> _Opened:
        if isinstance(self.source, SnapshotWords):
            folder = OwnFolder(self.source.folder)
            folder.link(self.source.files())
        else:
            folder = OwnFolder(Path(tempfile.gettempdir()) / "tonari-words")
            build(folder.path, found_by(self._base, self._searched))
        if len(self._replaced) or len(self._overlay):
            lay_over(folder.path, found_by(self._overlay, self._searched), len(self._base), self._replaced.tolist())
        index = WordIndex(folder.path)
        expected = len(self._base) - len(self._replaced) + len(self._overlay)
        if len(index) != expected:
            raise CorruptArtefactError(f"The index of words has {len(index)} items, there are {expected}: rebuild.")
        return _Opened(index, folder)
