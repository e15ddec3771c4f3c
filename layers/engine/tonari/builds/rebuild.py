"""The use case of the rebuild function: the whole catalogue becomes one snapshot, each view encoded once."""

from __future__ import annotations

import datetime as dt
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from tonari.builds.assemble import build_snapshot
from tonari.builds.checkpoints import write_checkpoint
from tonari.builds.encode import Encoded, encode_image, gather, in_parallel, index_seen, known_views, look, split_known
from tonari.builds.gates import Metrics, find_regressions
from tonari.builds.look import SHARD, Known, RebuildContext, decide_schema, look_at, look_back
from tonari.builds.refusals import write_refusal
from tonari.catalogue.documents import list_catalogue
from tonari.encoders.image import Encoder
from tonari.errors import ConflictError, NotReadyError
from tonari.fields.schema import Schema
from tonari.snapshots.head import Live, ReadHead, SegmentRef, publish, read_head
from tonari.snapshots.segments import merge, read_segments, write_segment
from tonari.snapshots.snapshot import Snapshot, write_snapshot
from tonari.snapshots.table import IndexedItem, Table, build_table

RESERVE_SECONDS = 240
"""What building and publishing may take after the last shard."""


class OutOfTimeError(Exception):
    """What is encoded so far lies in checkpoints; the next run goes on from there."""


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """What became of a rebuild.

    Parameters
    ----------
    outcome
        ``published``; ``unchanged`` if the live snapshot already says all of it; ``unfinished`` if time ran out and
        the next run goes on; ``superseded`` if another rebuild published first; ``refused`` if it is worse than the
        live snapshot by more than the margins.
    snapshot
        The one that is live.
    items, views, encoded, reused, rejected
        Counts; ``encoded`` views went through the encoder in this run, ``reused`` ones did not.
    generation
        Of the head.
    why
        It was refused, in words.
    """

    outcome: Literal["published", "unchanged", "unfinished", "superseded", "refused"]
    snapshot: str | None = None
    items: int = 0
    views: int = 0
    encoded: int = 0
    reused: int = 0
    rejected: int = 0
    generation: int = 0
    why: str = ""


def rebuild(place: RebuildContext) -> Rebuilt:
    """Build a snapshot of the present catalogue and publish it.

    Raises
    ------
    NotReadyError
        If no encoder has been chosen.
    InvalidCatalogueError
        If ``schema.json`` cannot be read.
    StoreError
    """
    read = read_head(place.artefacts)
    name = read.head.next_encoder or read.head.encoder
    if name is None:
        raise NotReadyError("No encoder has been chosen: run `tonari init`, which uploads the default one.")
    encoder = place.load(name)
    known = look_back(place, read, name)
    seen = look_at(place, list_catalogue(place.catalogue), known)
    schema = decide_schema(place.catalogue, seen)
    encoding = _Encoding(place, name, encoder, known)
    try:
        items, rejected = gather(seen, encoding.encode)
    except OutOfTimeError:
        return Rebuilt("unfinished", read.head.snapshot, encoded=encoding.encoded, generation=read.head.generation)
    table = build_table(items, schema, encoder.dimensions)
    counts = Rebuilt(
        "published",
        None,
        len(table),
        len(table.views),
        encoding.encoded,
        len(table.views) - encoding.encoded,
        len(rejected),
    )
    settled = name == read.head.encoder and not read.head.segments
    if known.live and settled and _same(known.live, table, schema, rejected):
        place.artefacts.delete(*known.checkpoints, *encoding.written)
        return replace(counts, outcome="unchanged", snapshot=known.live.id, generation=read.head.generation)
    place.progress("graph", 0, len(table.views))
    snapshot = build_snapshot(name, schema, table, rejected, place.progress)
    if why := _refuse(place, known.live, snapshot):
        return replace(counts, outcome="refused", snapshot=read.head.snapshot, generation=read.head.generation, why=why)
    place.progress("upload", 0, len(table.views))
    with tempfile.TemporaryDirectory() as folder:
        write_snapshot(place.artefacts, snapshot, Path(folder))
    published = _publish(place, read, snapshot, encoder, items)
    if published is None:
        return replace(counts, outcome="superseded", snapshot=read_head(place.artefacts).head.snapshot)
    place.artefacts.delete(*known.checkpoints, *encoding.written)
    place.progress("published", len(table.views), len(table.views))
    return replace(counts, snapshot=snapshot.id, generation=published.head.generation)


class _Encoding:
    """Encodes what is not known, shard by shard, and leaves a checkpoint after each: the build may yet fail."""

    def __init__(self, place: RebuildContext, name: str, encoder: Encoder, known: Known) -> None:
        self._place, self._name, self._encoder, self._known = place, name, encoder, known
        self.encoded = 0
        self.written: list[str] = []

    def encode(self, wanted: dict[str, str]) -> dict[str, Encoded]:
        done, keys = split_known(wanted, self._known.views)
        self._place.progress("encode", 0, len(keys))
        for start in range(0, len(keys), SHARD):
            shard = keys[start : start + SHARD]
            fresh = in_parallel(lambda key: encode_image(self._place.catalogue, self._encoder, key), shard)
            made = [one for one in fresh if one is not None]
            done |= {one.key: one for one in made}
            views = {(one.key, one.etag): one.embedding for one in made if one.embedding is not None}
            self.encoded += len(views)
            self._place.progress("encode", start + len(shard), len(keys))
            if views:
                self.written.append(write_checkpoint(self._place.artefacts, self._name, views))
            if start + SHARD < len(keys) and views and self._place.remaining() < RESERVE_SECONDS:
                raise OutOfTimeError
        return done


def _same(live: Snapshot, table: Table, schema: Schema, rejected: Mapping[str, str]) -> bool:
    return live.schema == schema and live.rejected.keys() == rejected.keys() and live.table.made_from_same(table)


def _refuse(place: RebuildContext, live: Snapshot | None, snapshot: Snapshot) -> str:
    """Hold a snapshot against the live one; where it may not be published record why, and say it."""
    if live is None:
        return ""
    worth = _worth(snapshot)
    falls = find_regressions(_worth(live), worth, place.margins)
    if falls:
        write_refusal(place.artefacts, snapshot.id, live.id, falls, worth, dt.datetime.now(dt.UTC))
    return "; ".join(map(str, falls))


def _worth(snapshot: Snapshot) -> Metrics:
    attributes = {name: one.report() for name, one in snapshot.learned.items()}
    return Metrics(
        len(snapshot.table), len(snapshot.table.views), snapshot.schema.split_by, snapshot.recall, attributes
    )


def _publish(
    place: RebuildContext, started: ReadHead, snapshot: Snapshot, encoder: Encoder, items: list[IndexedItem]
) -> ReadHead | None:
    """Make the snapshot live, with one segment of what changed since the build began; None if another came first."""
    before = {segment.id for segment in started.head.segments}
    known = known_views(items)
    while True:
        read = read_head(place.artefacts)
        head = read.head
        if head.snapshot != started.head.snapshot:
            return None
        since = [segment for segment in head.segments if segment.id not in before]
        segments: tuple[SegmentRef, ...] = ()
        if since:
            changed = sorted(merge(read_segments(place.artefacts, since)).items)
            segment = index_seen(place.catalogue, encoder, look(place.catalogue, changed), known)
            segments = (write_segment(place.artefacts, segment, encoder.dimensions),)
        was = Live(head.snapshot, head.encoder, head.segments) if head.snapshot and head.encoder else None
        chosen = None if head.next_encoder == snapshot.encoder else head.next_encoder
        new = replace(
            head, snapshot=snapshot.id, encoder=snapshot.encoder, next_encoder=chosen, segments=segments, previous=was
        )
        try:
            return publish(place.artefacts, read, new)
        except ConflictError:
            continue
