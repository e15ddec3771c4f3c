"""The last step of a rebuild: a snapshot is compared with the live one, written, and made live."""

from __future__ import annotations

import datetime as dt
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from tonari.builds.changes import index_items, read_items
from tonari.builds.gates import Metrics, find_regressions
from tonari.builds.known_vectors import KnownVectors, vectors_of_items
from tonari.builds.look import RebuildContext
from tonari.contract.artefacts import Head, Live, Refusal, Regression, SegmentRef
from tonari.encoders.port import Encoder
from tonari.errors import ConflictError
from tonari.snapshots import refusals
from tonari.snapshots.head import ReadHead, publish, read_head
from tonari.snapshots.segments import merge, read_segments, write_segment
from tonari.snapshots.snapshot import Snapshot, write_snapshot


@dataclass(frozen=True, slots=True)
class Published:
    """What became of a snapshot.

    Parameters
    ----------
    read
        The head that makes it live; None if it is not live.
    refused
        Why it may not be published, in words; empty if another rebuild came first.
    """

    read: ReadHead | None
    refused: str = ""


def publish_snapshot(
    context: RebuildContext, started: Head, live: Snapshot | None, snapshot: Snapshot, encoder: Encoder
) -> Published:
    """Make a snapshot live unless it is worse than the live one, or another rebuild came first.

    Parameters
    ----------
    started
        The head when the rebuild began: items that segments named since are read again and lie over the snapshot.
    live
        To compare with; None if there is none that can be read.
    """
    if live is not None:
        metrics = metrics_of(snapshot)
        falls = find_regressions(metrics_of(live), metrics, context.margins)
        if falls:
            refusals.write_refusal(context.artefacts, _refusal(snapshot.id, live.id, falls, metrics))
            return Published(None, "; ".join(map(str, falls)))
    with tempfile.TemporaryDirectory() as folder:
        write_snapshot(context.artefacts, snapshot, Path(folder), context.progress)
    return Published(_make_live(context, started, snapshot, encoder))


def metrics_of(snapshot: Snapshot) -> Metrics:
    """Take the figures that snapshots are compared by."""
    attributes = {name: one.report() for name, one in snapshot.learned.items()}
    return Metrics(
        len(snapshot.table), len(snapshot.table.views), snapshot.schema.split_by, snapshot.recall, attributes
    )


def _refusal(snapshot: str, live: str, falls: Sequence[Regression], metrics: Metrics) -> Refusal:
    return Refusal(
        format=refusals.FORMAT,
        id=snapshot,
        at=dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
        live=live,
        falls=tuple(falls),
        recall=metrics.recall,
        attributes=metrics.attributes,
    )


def _make_live(context: RebuildContext, started: Head, snapshot: Snapshot, encoder: Encoder) -> ReadHead | None:
    """Replace the head, with one segment of what changed since the rebuild began; None if another came first."""
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
    known = KnownVectors(snapshot.encoder, vectors_of_items(before))
    segment = index_items(context.catalogue, encoder, read_items(context.catalogue, changed), known)
    return write_segment(context.artefacts, segment, snapshot.encoder, encoder.dimensions)
