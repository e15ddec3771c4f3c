"""Which generation answers: its encoder, snapshot and engine, and how a newer one takes over."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from tonari.contract.engine import Engine
from tonari.encoders.port import Encoder
from tonari.encoders.store import load_encoder
from tonari.errors import NotReadyError
from tonari.snapshots.head import ReadHead, read_changed_head, read_head
from tonari.snapshots.segments import Segment, merge, read_segments
from tonari.snapshots.snapshot import Snapshot, load_snapshot
from tonari.storage.bucket import Bucket

OpenEngine = Callable[[Snapshot, Segment], Engine]
"""Gives the engine that answers for a snapshot and for all changes since."""


@dataclass(frozen=True, slots=True)
class Serving:
    """One generation, ready to answer.

    Parameters
    ----------
    read
        The head that names it.
    encoder
        The one that made the snapshot's embeddings.
    snapshot
        Its schema and its class weights predict, whatever engine searches.
    engine
        Searches the snapshot's items and what delta segments changed.
    rejected
        Reason by key, for objects that could not be used.
    """

    read: ReadHead
    encoder: Encoder
    snapshot: Snapshot
    engine: Engine
    rejected: Mapping[str, str]


class Reader:
    """Keeps a :class:`Serving` fresh: asks for the head when its knowledge is older than ``max_age`` seconds.

    The next generation is loaded beside the one that answers and replaces it by one assignment. If loading fails, the
    old one goes on answering.

    Parameters
    ----------
    open_engine
        Gives the engine of a generation.
    log
        Is called with the reason why a newer generation could not be loaded.
    """

    def __init__(
        self, artefacts: Bucket, cache: Path, max_age: float, open_engine: OpenEngine, log: Callable[[str], None]
    ) -> None:
        self._artefacts, self._cache, self._max_age = artefacts, cache, max_age
        self._open_engine, self._log = open_engine, log
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
            encoder = pool.submit(self._encoder, serving, head.encoder)
            snapshot = pool.submit(self._snapshot, serving, head.snapshot)
            segments = read_segments(self._artefacts, head.segments, head.encoder)
        return serve(read, encoder.result(), snapshot.result(), segments, self._open_engine)

    def _encoder(self, serving: Serving | None, wanted: str) -> Encoder:
        if serving and serving.read.head.encoder == wanted:
            return serving.encoder
        return load_encoder(self._artefacts, wanted, self._cache)

    def _snapshot(self, serving: Serving | None, wanted: str) -> Snapshot:
        if serving and serving.snapshot.id == wanted:
            return serving.snapshot
        return load_snapshot(self._artefacts, wanted, self._cache)


def serve(
    read: ReadHead, encoder: Encoder, snapshot: Snapshot, segments: Iterable[Segment], open_engine: OpenEngine
) -> Serving:
    """Put a generation together."""
    changes = merge([Segment({}, snapshot.rejected), *segments])
    return Serving(read, encoder, snapshot, open_engine(snapshot, changes), changes.rejected)
