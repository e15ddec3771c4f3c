"""One generation as it answers: its encoder, snapshot and engine; and how it is loaded."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Protocol

from tonari.contract.artefacts import Head, SegmentRef
from tonari.contract.engine import Engine, SearchedWords
from tonari.encoders.port import Encoder
from tonari.encoders.store import load_encoder
from tonari.errors import (
    CorruptArtefactError,
    InvalidCatalogueError,
    InvalidEncoderError,
    MissingObjectError,
    NotReadyError,
)
from tonari.snapshots.canaries import check_encoder
from tonari.snapshots.head import ReadHead
from tonari.snapshots.segments import Segment, merge, read_segments
from tonari.snapshots.snapshot import Snapshot
from tonari.storage.bucket import Bucket


class Opening(Protocol):
    """Loads of a snapshot what its engine needs, and opens that engine."""

    def load_first(self, artefacts: Bucket, name: str, cache: Path, encoder: str) -> Snapshot:
        """Load what the first answers need; the rest, if there is more, is loaded beside requests.

        Raises
        ------
        CorruptArtefactError
            If it is damaged, or another encoder made the embeddings.
        StoreError
        """

    def load(self, artefacts: Bucket, name: str, cache: Path, encoder: str) -> Snapshot:
        """Load all that answers need; raises what :meth:`load_first` does."""

    def open(self, snapshot: Snapshot, changes: Segment, generation: int) -> Engine:
        """Give the engine that answers for a snapshot and for all changes up to a generation.

        Raises
        ------
        EngineUnavailableError
            If it cannot be reached, or does not hold this snapshot.
        """


DAMAGE = (
    CorruptArtefactError,
    MissingObjectError,
    NotReadyError,
    InvalidEncoderError,
    InvalidCatalogueError,
    ValueError,
    TypeError,
    LookupError,
    ArithmeticError,
)
"""What files raise that are damaged, gone or of another version; a rebuild mends them, trying again does not."""


@dataclass(frozen=True, slots=True)
class Serving:
    """One generation, ready to answer.

    Parameters
    ----------
    read
        The head that names it. Where what was live before answers, the head as it would be if that were live.
    encoder
        The one that made the snapshot's embeddings.
    snapshot
        Its schema and its class weights predict, whatever engine searches.
    engine
        Searches the snapshot's items and what delta segments changed.
    rejected
        Reason by key, for objects that could not be used.
    segments
        The delta segments by id.
    stale_seconds
        Since when nobody could tell whether it is the newest, or since when it is not; None if it is.
    words
        What the engine searches by words.
    """

    read: ReadHead
    encoder: Encoder
    snapshot: Snapshot
    engine: Engine
    rejected: Mapping[str, str]
    segments: Mapping[str, Segment] = field(default_factory=dict)
    stale_seconds: float | None = None
    words: SearchedWords = SearchedWords((), "This engine does not search by words.")  # noqa: RUF009 - immutable

    def is_what(self, head: Head) -> bool:
        """Tell whether a head names the same snapshot, encoder and segments."""
        own = self.read.head
        return (own.snapshot, own.encoder, own.segments) == (head.snapshot, head.encoder, head.segments)


def serve(
    read: ReadHead, encoder: Encoder, snapshot: Snapshot, segments: Iterable[Segment], opening: Opening
) -> Serving:
    """Put a generation together; ``segments`` are those that the head names, in their order."""
    segments = tuple(segments)
    changes = merge(snapshot.encoder, [Segment(snapshot.encoder, {}, snapshot.rejected), *segments])
    named = {ref.id: segment for ref, segment in zip(read.head.segments, segments, strict=False)}
    engine = opening.open(snapshot, changes, read.head.generation)
    return Serving(read, encoder, snapshot, engine, changes.rejected, named, words=engine.describe().words)


def completed(serving: Serving, whole: Snapshot, opening: Opening) -> Serving:
    """Answer from the same generation, by another form of its snapshot."""
    segments = [serving.segments[ref.id] for ref in serving.read.head.segments]
    fresh = serve(serving.read, serving.encoder, whole, segments, opening)
    return replace(fresh, stale_seconds=serving.stale_seconds)


def estimating(serving: Serving, opening: Opening) -> Serving:
    """Answer from the same generation by estimates, as before its snapshot was whole; nothing changes if it is not."""
    snapshot = serving.snapshot
    if not snapshot.whole or snapshot.table.views.rotation is None:
        return serving
    return completed(serving, replace(snapshot, table=snapshot.table.without_embeddings()), opening)


def load(artefacts: Bucket, cache: Path, read: ReadHead, opening: Opening, old: Serving | None) -> Serving:
    """Load the generation that a head names; what ``old`` has of it is taken from there.

    While nothing answers, no answer shall wait for more than candidates are found by: :func:`completed` adds the rest.

    Raises
    ------
    NotReadyError
        If the head names none, or its encoder is not in the bucket.
    StoreError, CorruptArtefactError, InvalidEncoderError
        If something it names cannot be read, or encoder and snapshot do not belong together.
    """
    name, maker = read.head.snapshot, read.head.encoder
    if name is None or maker is None:
        raise NotReadyError("Nothing is published yet: the first rebuild is still running, or has to be started.")
    if old and old.is_what(read.head):
        return replace(old, read=read)
    same_encoder = old if old and old.read.head.encoder == maker else None
    known = same_encoder.segments if same_encoder else {}

    def segment(ref: SegmentRef) -> Segment:
        return known[ref.id] if ref.id in known else read_segments(artefacts, [ref], maker)[0]

    with ThreadPoolExecutor(4) as pool:
        encoder = pool.submit(lambda: same_encoder.encoder if same_encoder else load_encoder(artefacts, maker, cache))
        segments = pool.map(segment, read.head.segments)
        if old and old.snapshot.id == name:
            snapshot = old.snapshot
        else:
            snapshot = (opening.load if old else opening.load_first)(artefacts, name, cache, maker)
    if old is None or snapshot is not old.snapshot:
        check_encoder(snapshot.picture, encoder.result())
    return serve(read, encoder.result(), snapshot, segments, opening)
