"""The last step of a rebuild: a snapshot becomes live, with what changed since it was begun laid over it."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

import msgspec

from tonari.builds.known_vectors import vectors_of_items
from tonari.builds.look import RebuildContext
from tonari.builds.reindex import index_items, read_items
from tonari.contract.artefacts import Head, Live, SegmentRef
from tonari.encoders.port import Encoder
from tonari.errors import ConflictError
from tonari.snapshots.head import ReadHead, publish, read_head
from tonari.snapshots.segments import merge, read_segments, write_segment
from tonari.snapshots.snapshot import Snapshot, write_snapshot


def publish_snapshot(context: RebuildContext, started: Head, snapshot: Snapshot, encoder: Encoder) -> ReadHead | None:
    """Write a snapshot and make it live, with one segment of what changed since; None if another rebuild came first.

    Parameters
    ----------
    started
        The head when the rebuild began: items that segments named since are read again and lie over the snapshot.
    """
    with tempfile.TemporaryDirectory() as folder:
        write_snapshot(context.artefacts, snapshot, Path(folder), context.progress)
    before = {segment.id for segment in started.segments}
    while True:
        read = read_head(context.artefacts)
        head = read.head
        if head.snapshot != started.snapshot:
            return None
        since = [segment for segment in head.segments if segment.id not in before]
        segments: tuple[SegmentRef, ...] = ()
        if since and head.encoder:
            changed = sorted(merge(read_segments(context.artefacts, since, head.encoder)).items)
            segments = (_segment_over(context, snapshot, encoder, changed),)
        was = Live(head.snapshot, head.encoder, head.segments) if head.snapshot and head.encoder else None
        chosen = None if head.next_encoder == snapshot.encoder else head.next_encoder
        new = msgspec.structs.replace(
            head, snapshot=snapshot.id, encoder=snapshot.encoder, next_encoder=chosen, segments=segments, previous=was
        )
        try:
            return publish(context.artefacts, read, new)
        except ConflictError:
            continue


def _segment_over(context: RebuildContext, snapshot: Snapshot, encoder: Encoder, changed: Sequence[str]) -> SegmentRef:
    """Read items again, and write what they are now as a segment over a new snapshot."""
    positions = snapshot.table.positions(changed)
    before = (snapshot.table.item(int(position)) for position in positions[positions >= 0])
    items = read_items(context.catalogue, changed)
    segment = index_items(context.catalogue, encoder, items, vectors_of_items(before))
    return write_segment(context.artefacts, segment, snapshot.encoder, encoder.dimensions)
