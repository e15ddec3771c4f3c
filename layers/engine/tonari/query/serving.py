"""What a query function holds: encoder, snapshot and overlay of one generation, and how it learns of the next."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from tonari.encoders.image import Encoder
from tonari.encoders.store import load_encoder
from tonari.errors import NotReadyError
from tonari.snapshots.head import ReadHead, read_changed_head, read_head
from tonari.snapshots.segments import Segment, merge, read_segments
from tonari.snapshots.snapshot import Snapshot, load_snapshot
from tonari.snapshots.table import Table, build_table
from tonari.storage.bucket import Bucket

Loaded = TypeVar("Loaded")


@dataclass(frozen=True, slots=True)
class Serving:
    """One generation, ready to answer.

    Parameters
    ----------
    read
        The head that says so.
    encoder
        The one that made the snapshot's embeddings.
    snapshot
        What was built.
    overlay
        What delta segments add or change.
    alive : (I,) bool
        Which of the snapshot's items no segment names; None if that is all of them.
    rejected
        Reason by key, for objects that could not be used.
    """

    read: ReadHead
    encoder: Encoder
    snapshot: Snapshot
    overlay: Table
    alive: NDArray[np.bool_] | None
    rejected: Mapping[str, str]

    def find(self, item: str) -> tuple[Table, int] | None:
        """Find an item in the overlay, else in the snapshot."""
        position = self.overlay.find(item)
        if position is not None:
            return self.overlay, position
        position = self.snapshot.table.find(item)
        if position is None or (self.alive is not None and not self.alive[position]):
            return None
        return self.snapshot.table, position


class Reader:
    """Keeps a :class:`Serving` fresh: asks for the head when its knowledge is older than ``max_age`` seconds.

    The next state is loaded beside the one that serves and replaces it by one assignment; whatever fails, the old
    state goes on serving.

    Parameters
    ----------
    log
        Told why a newer generation could not be loaded.
    """

    def __init__(self, artefacts: Bucket, cache: Path, max_age: float, log: Callable[[str], None]) -> None:
        self._artefacts, self._cache, self._max_age, self._log = artefacts, cache, max_age, log
        self._serving: Serving | None = None
        self._asked = 0.0

    def current(self) -> Serving:
        """Give the state to answer from, at most ``max_age`` seconds behind the head unless S3 fails.

        Raises
        ------
        NotReadyError
            If nothing has been published.
        StoreError, CorruptArtefactError
            If the first state cannot be loaded.
        """
        serving = self._serving
        if serving is not None and time.monotonic() - self._asked < self._max_age:
            return serving
        try:
            fresh = self._load(serving)
        except Exception as error:
            if serving is None:
                raise
            self._log(f"still serving generation {serving.read.head.generation}: {error}")
            fresh = serving
        self._asked = time.monotonic()
        self._serving = fresh
        return fresh

    def _load(self, serving: Serving | None) -> Serving:
        read = read_changed_head(self._artefacts, serving.read) if serving else read_head(self._artefacts)
        if serving and read is serving.read:
            return serving
        head = read.head
        if head.snapshot is None or head.encoder is None:
            raise NotReadyError("Nothing is published yet: the first rebuild is still running, or has to be started.")
        with ThreadPoolExecutor(2) as pool:
            if serving and serving.read.head.encoder == head.encoder:
                encoder = _done(serving.encoder)
            else:
                encoder = pool.submit(load_encoder, self._artefacts, head.encoder, self._cache)
            if serving and serving.snapshot.id == head.snapshot:
                snapshot = _done(serving.snapshot)
            else:
                snapshot = pool.submit(load_snapshot, self._artefacts, head.snapshot, self._cache)
            segments = read_segments(self._artefacts, head.segments)
        return assemble(read, encoder.result(), snapshot.result(), segments)


def assemble(read: ReadHead, encoder: Encoder, snapshot: Snapshot, segments: Iterable[Segment]) -> Serving:
    """Lay segments over a snapshot."""
    merged = merge([Segment({}, snapshot.rejected), *segments])
    changes = merged.items
    overlay = build_table((item for item in changes.values() if item), snapshot.schema, encoder.dimensions)
    replaced = snapshot.table.positions(list(changes)) if changes else np.empty(0, np.int64)
    replaced = replaced[replaced >= 0]
    alive: NDArray[np.bool_] | None = None
    if len(replaced):
        alive = np.ones(len(snapshot.table), np.bool_)
        alive[replaced] = False
    return Serving(read, encoder, snapshot, overlay, alive, merged.rejected)


def _done(value: Loaded) -> Future[Loaded]:
    future: Future[Loaded] = Future()
    future.set_result(value)
    return future
