"""The last step of a rebuild: a snapshot becomes live, with what has changed since laid over it; and how to go back."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Literal

import msgspec
import numpy as np

from tonari.builds.known_vectors import known_to
from tonari.builds.lease import give_back, new_build, signing, take
from tonari.builds.look import RebuildContext
from tonari.builds.reindex import MOST_OVERLAY_ITEMS, by_item, index_items, news, read_items
from tonari.catalogue.inventory import list_catalogue
from tonari.catalogue.views import choose_views
from tonari.contract.artefacts import CondemnedList, Head, Live, SegmentRef
from tonari.contract.forms import decode
from tonari.errors import ConflictError, CorruptArtefactError, MissingObjectError, NotReadyError
from tonari.loading.live import follow_if_possible
from tonari.loading.load import prepare
from tonari.snapshots.canaries import check_encoder
from tonari.snapshots.head import SNAPSHOTS, ReadHead, publish, read_head
from tonari.snapshots.indexed import IndexedItem, text
from tonari.snapshots.manifest import read_manifest
from tonari.snapshots.segments import Segment, read_segments, write_segment
from tonari.snapshots.snapshot import Snapshot, load_snapshot
from tonari.snapshots.table import Table
from tonari.storage.bucket import Bucket

TRIES = 50


@dataclass(frozen=True, slots=True)
class Published:
    """What became of publishing a snapshot that lies in the bucket.

    Parameters
    ----------
    outcome
        ``published``; ``live`` if it already is; ``busy`` if a rebuild is running; ``superseded`` if another one took
        the lease meanwhile.
    snapshot, generation
        What is live then.
    changed
        How many items had changed since it was built, and lie over it.
    why
        The search engine elsewhere has not got them yet; empty if it has.
    """

    outcome: Literal["published", "live", "busy", "superseded"]
    snapshot: str | None
    generation: int
    changed: int = 0
    why: str = ""


def publish_snapshot(
    context: RebuildContext,
    started: Head,
    snapshot: Snapshot,
    changed: Collection[str] = (),
    known: Sequence[Segment] = (),
    unreadable: str | None = None,
) -> ReadHead | None:
    """Make a snapshot live whose files are written, and lay over it what has changed since.

    Where a vector database answers searches, it holds the snapshot before the head names it; what lies over the
    snapshot is left to :func:`tonari.loading.live.follow`.

    Parameters
    ----------
    started
        The head by which the lease was taken, before the catalogue was listed: items that segments name since are read
        again.
    changed
        Ids of other items that have changed.
    known
        Their embeddings, as far as the snapshot's encoder made them, are not computed again.
    unreadable
        Id of a snapshot that is damaged: it shall not be what one can go back to.

    Returns
    -------
    The new head; None if another run has the lease, or collection has condemned or deleted the snapshot.

    Raises
    ------
    ConflictError
        If other writers came first 50 times in a row.
    UnfaithfulEngineError, OutOfTimeError
        If the vector database does not hold or answer what it should, or not in time: what is live stays.
    EngineUnavailableError
    """
    if context.database:
        prepare(context.database, context.artefacts, snapshot, context.progress, context.remaining)
    before = {segment.id for segment in started.segments}
    ids, earlier = set(changed), [*known]
    for _ in range(TRIES):
        read = read_head(context.artefacts)
        head = read.head
        if head.lease != started.lease or not is_whole(context.artefacts, head, snapshot.id):
            return None
        try:
            since = _read_since(context.artefacts, head, before)
        except (CorruptArtefactError, MissingObjectError) as error:
            context.progress(f"the catalogue is compared item by item: {error.detail}", 0, 0)
            ids.update(differing(context.catalogue, snapshot.table))
            since = []
        ids.update(*(segment.looked_at for segment in since))
        segment = _changes(context, snapshot, sorted(ids), [*earlier, *since])
        earlier.append(segment)
        refs: tuple[SegmentRef, ...] = ()
        if segment.items:
            refs = (write_segment(context.artefacts, segment, snapshot.table.views.fixed.shape[1]),)
        was = Live(head.snapshot, head.encoder, head.segments) if head.snapshot and head.encoder else None
        new = msgspec.structs.replace(
            head,
            snapshot=snapshot.id,
            encoder=snapshot.encoder,
            next_encoder=None if head.next_encoder == snapshot.encoder else head.next_encoder,
            segments=refs,
            previous=was if was and was.snapshot != unreadable else head.previous,
            lease=None,
        )
        with suppress(ConflictError):
            return publish(context.artefacts, read, new)
    raise ConflictError(f"Other writers replaced the head {TRIES} times in a row: try again.")


def is_whole(artefacts: Bucket, head: Head, snapshot: str) -> bool:
    """Tell whether a snapshot has all its files, and this head condemns none of them."""
    prefix = f"{SNAPSHOTS}{snapshot}/"
    if any(prefix in condemned_keys(artefacts, one.key) for one in head.condemned):
        return False
    there = {found.key for found in artefacts.list(prefix)}
    try:
        return all(f"{prefix}{name}" in there for name in read_manifest(artefacts, snapshot).files)
    except MissingObjectError:
        return False


def condemned_keys(artefacts: Bucket, key: str) -> tuple[str, ...]:
    """Read a list of what is condemned; one that is not there has been dealt with, and condemns nothing."""
    try:
        return decode(artefacts.get(key).data, CondemnedList, key).keys
    except MissingObjectError:
        return ()


def _read_since(artefacts: Bucket, head: Head, before: Collection[str]) -> list[Segment]:
    """Read the segments of a head that are not among those of ``before``."""
    since = [ref for ref in head.segments if ref.id not in before]
    return read_segments(artefacts, since, head.encoder) if head.encoder else []


def _changes(context: RebuildContext, snapshot: Snapshot, ids: Sequence[str], known: Sequence[Segment]) -> Segment:
    """Read items again; give those that are not now as the snapshot has them."""
    table = snapshot.table
    positions = zip(ids, table.positions(ids).tolist(), strict=True)
    there: dict[str, IndexedItem | None] = {item: table.item(at) if at >= 0 else None for item, at in positions}
    everything = known_to(snapshot.encoder, [*known, Segment(snapshot.encoder, there)])
    now = index_items(context.catalogue, context.load, read_items(context.catalogue, ids), table.rule, everything)
    recorded = {item: was.state if was else None for item, was in there.items()}
    return news(now, recorded, by_item(snapshot.rejected))


def differing(catalogue: Bucket, table: Table) -> Iterator[str]:
    """List the catalogue; give the ids of items that are not there as a table has them."""
    inventory = list_catalogue(catalogue)
    positions = table.positions_of(inventory.ids).tolist()
    for number, at in enumerate(positions):
        item, etag = text(inventory.ids[number]), text(inventory.document_etags[number])
        if at < 0:
            yield item
            continue
        images = inventory.images(number)
        chosen = choose_views(item, table.fields(at), images, table.rule)
        if table.state(at) != (etag, tuple(chosen.sources(images).items())):
            yield item
    gone = np.setdiff1d(np.arange(len(table)), positions)
    yield from (table.id(int(at)) for at in gone)


def publish_stored(context: RebuildContext, name: str) -> Published:
    """Make a snapshot live that lies in the bucket, with all that has changed since it was built laid over it.

    Raises
    ------
    NotReadyError
        If so much has changed that only a rebuild can take it in.
    CorruptArtefactError
        If the snapshot cannot be read, or its encoder did not make its embeddings.
    StoreError
    """
    head = read_head(context.artefacts).head
    if head.snapshot == name:
        return Published("live", name, head.generation)
    if not is_whole(context.artefacts, head, name):
        raise NotReadyError(
            f"Snapshot {name} is not in {context.artefacts.name}, or collection is deleting it: rebuild."
        )
    snapshot = load_snapshot(context.artefacts, name, context.cache)
    check_encoder(snapshot.picture, context.load(snapshot.encoder))
    started = take(context.artefacts, new_build())
    if started is None:
        return Published("busy", head.snapshot, head.generation)
    lease = started.head.lease
    try:
        changed = sorted(differing(context.catalogue, snapshot.table))
        if len(changed) > MOST_OVERLAY_ITEMS:
            raise NotReadyError(
                f"{len(changed):,} items have changed since snapshot {name} was built, at most "
                f"{MOST_OVERLAY_ITEMS:,} can be laid over it: rebuild instead."
            )
        known = _segments_at_hand(context.artefacts, started.head)
        if lease:
            context = replace(context, progress=signing(context.artefacts, lease.build, context.progress))
        published = publish_snapshot(context, started.head, snapshot, changed, known)
    finally:
        if lease:
            give_back(context.artefacts, lease)
    if published is None:
        now = read_head(context.artefacts).head
        return Published("superseded", now.snapshot, now.generation)
    why = follow_if_possible(context.database, context.artefacts, context.cache) if context.database else ""
    return Published("published", name, published.head.generation, len(changed), why)


def roll_back(context: RebuildContext) -> Published:
    """Make the snapshot live again that was live before: see :func:`publish_stored`.

    Raises
    ------
    NotReadyError
        If there was none, or too much has changed since.
    """
    previous = read_head(context.artefacts).head.previous
    if previous is None:
        raise NotReadyError("No snapshot was live before this one: there is nothing to go back to.")
    return publish_stored(context, previous.snapshot)


def _segments_at_hand(artefacts: Bucket, head: Head) -> list[Segment]:
    """Read the segments that a head names, as far as they can be read."""
    live = Live(head.snapshot, head.encoder, head.segments) if head.snapshot and head.encoder else None
    found: list[Segment] = []
    for one in (live, head.previous):
        with suppress(CorruptArtefactError, MissingObjectError):
            found += read_segments(artefacts, one.segments, one.encoder) if one else []
    return found
