"""The use case of the reindex function: items that may have changed become searchable by one delta segment."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import msgspec
import numpy as np

from tonari.builds.encode import EncodedView, encode_views, in_parallel
from tonari.builds.known_vectors import KnownVectors, known_to, label_views
from tonari.catalogue.documents import CatalogueItem, ItemState, document_key, image_key, item_of, read_item
from tonari.catalogue.passages import Passage
from tonari.catalogue.views import choose_views, state_of, view_key
from tonari.contract.artefacts import Head, RejectedView, SegmentRef, ViewRule
from tonari.encoders.port import Encoder
from tonari.errors import ConflictError, CorruptArtefactError, MissingObjectError
from tonari.snapshots.head import publish, read_head
from tonari.snapshots.indexed import IndexedItem, IndexedView, ViewSource, text
from tonari.snapshots.segments import Segment, merge, read_segments, write_segment
from tonari.snapshots.snapshot import load_rows
from tonari.snapshots.table import Table
from tonari.storage.bucket import Bucket

MOST_SEGMENTS = 8
MOST_OVERLAY_ITEMS = 5_000
TRIES = 20


@dataclass(frozen=True, slots=True)
class Reindexed:
    """What became of a batch.

    Parameters
    ----------
    outcome
        ``published``; ``unchanged`` if what was live already said all of it; ``rebuild`` if only a rebuild can take it
        in: there is no snapshot yet, what is live cannot be read, or the overlay is past its limit.
    items, deleted, rejected
        Counts.
    generation
        Of the head that shows it.
    why
        What is live cannot be read.
    """

    outcome: Literal["published", "unchanged", "rebuild"]
    items: int = 0
    deleted: int = 0
    rejected: int = 0
    generation: int = 0
    why: str = ""


def reindex(
    items: Sequence[str],
    catalogue: Bucket,
    artefacts: Bucket,
    load_encoder: Callable[[str], Encoder],
    load_tables: Callable[[str], Table],
) -> Reindexed:
    """Publish the present state of items over the live snapshot.

    The head is read first, then the catalogue: whatever is published is newer than the head it lies over. If the head
    moved meanwhile, all is read again; images that were encoded are not encoded twice by the same encoder. The head
    moves even if nothing has changed: a slower writer, who saw another state, then has to look again. A rebuild that
    runs is told by :attr:`Segment.seen`.

    Parameters
    ----------
    items
        Ids that an event hinted at.
    load_encoder
        Gives an encoder by id.
    load_tables
        Gives a snapshot's items by its id; embeddings are not needed.

    Raises
    ------
    ConflictError
        If other writers came first 20 times in a row.
    StoreError, InvalidEncoderError
    """
    tried: list[Segment] = []
    wanted = sorted(set(items))
    for _ in range(TRIES):
        read = read_head(artefacts)
        head = read.head
        overlaid = sum(segment.items for segment in head.segments)
        if head.snapshot is None or head.encoder is None or overlaid + len(wanted) > MOST_OVERLAY_ITEMS:
            return Reindexed("rebuild", generation=head.generation)
        try:
            before = read_segments(artefacts, head.segments, head.encoder)
            tables = load_tables(head.snapshot)
        except (CorruptArtefactError, MissingObjectError) as error:
            if read_head(artefacts).etag != read.etag:
                continue
            return Reindexed("rebuild", generation=head.generation, why=error.detail)
        overlay = merge(head.encoder, before)
        recorded, rejected = _recorded(wanted, overlay, tables), by_item(overlay.rejected)
        changed = [
            item
            for item in read_items(catalogue, wanted)
            if state_of(item, tables.rule) != recorded[item.id] or item.problem or item.empty or item.id in rejected
        ]
        segment = Segment(head.encoder)
        if changed:
            stored = _stored(artefacts, head, tables, changed)
            known = known_to(head.encoder, [stored, *before, *tried])
            indexed = index_items(catalogue, load_encoder, changed, tables.rule, known)
            tried.append(indexed)
            segment = news(indexed, recorded, rejected)
        if head.lease:
            segment = replace(segment, seen=frozenset(wanted) - segment.items.keys())
        try:
            refs = _lay_over(artefacts, head, before, segment, tables.views.fixed.shape[1])
            published = publish(artefacts, read, msgspec.structs.replace(head, segments=refs))
        except ConflictError:
            continue
        generation = published.head.generation
        if not segment.items:
            return Reindexed("unchanged", generation=generation)
        there = sum(item is not None for item in segment.items.values())
        deleted = sum(item is None and recorded[name] is not None for name, item in segment.items.items())
        return Reindexed("published", there, deleted, len(segment.rejected), generation)
    raise ConflictError(f"Other writers replaced the head {TRIES} times in a row; the batch comes back later.")


def _stored(artefacts: Bucket, head: Head, tables: Table, items: Sequence[CatalogueItem]) -> Segment:
    """Read from the live snapshot the embeddings of those views that items still have; none if they cannot be read."""
    rows: dict[str, list[int]] = {}
    for item, position in zip(items, tables.positions([item.id for item in items]).tolist(), strict=True):
        if position >= 0:
            views = choose_views(item.id, item.fields, item.images, tables.rule)
            wanted = set(views.sources(item.images).values())
            there = tables.rows(position).tolist()
            rows[item.id] = [row for row in there if text(tables.view_sources[row]) in wanted]
    chosen = [row for of_item in rows.values() for row in of_item]
    try:
        read = iter(load_rows(artefacts, head.snapshot or "", tables, np.array(chosen, np.int64)))
    except (CorruptArtefactError, MissingObjectError):
        return Segment(head.encoder or "")
    stored = {
        item: IndexedItem(item, {}, "", tuple(tables.view(row, next(read)) for row in of)) for item, of in rows.items()
    }
    return Segment(head.encoder or "", stored)


def _lay_over(
    artefacts: Bucket, head: Head, before: Sequence[Segment], segment: Segment, dimensions: int
) -> tuple[SegmentRef, ...]:
    """Write a segment, unless it says nothing; give all that are then to be named."""
    if not segment.looked_at:
        return head.segments
    if len(head.segments) < MOST_SEGMENTS:
        return (*head.segments, write_segment(artefacts, segment, dimensions))
    merged = merge(segment.encoder, [*before, segment])
    if head.lease is None:
        merged = replace(merged, seen=frozenset())
    return (write_segment(artefacts, merged, dimensions),)


def read_items(catalogue: Bucket, items: Iterable[str]) -> list[CatalogueItem]:
    """Read the present state of items."""
    return list(in_parallel(lambda item: read_item(catalogue, item), items))


def index_items(
    catalogue: Bucket,
    load_encoder: Callable[[str], Encoder],
    items: Sequence[CatalogueItem],
    rule: ViewRule,
    known: KnownVectors,
) -> Segment:
    """Make a segment of items as they were read, with embeddings of the encoder that ``known`` names.

    Parameters
    ----------
    load_encoder
        Gives an encoder by id.
    rule
        By which the views of what lies below were chosen.
    known
        Embeddings: views whose source is among them are not encoded again.
    """
    rejected: dict[str, str] = {}
    chosen: dict[str, tuple[str, ...]] = {}
    passages: dict[str, Passage] = {}
    wanted: list[ViewSource] = []
    for item in items:
        if item.problem:
            rejected[document_key(item.id)] = item.problem
        views = choose_views(item.id, item.fields, item.images, rule)
        rejected |= {**views.missing, **item.empty}
        sources = views.sources(item.images)
        chosen[item.id] = tuple(sources)
        wanted += [(view_key(item.id, name), source) for name, source in sources.items()]
        passages |= {view_key(item.id, name): passage for name, passage in views.passages.items()}
    found: dict[str, EncodedView | RejectedView | None] = {
        key: EncodedView(key, source, known.vector(number), bool(known.cut[number]))
        for (key, source), number in zip(wanted, known.find(label_views(wanted)).tolist(), strict=True)
        if number >= 0
    }
    missing = [key for key, _ in wanted if key not in found]
    if missing:
        encoder = load_encoder(known.encoder)
        found |= zip(missing, encode_views(catalogue, encoder, missing, passages), strict=True)
    rejected |= {one.key: one.reason for one in found.values() if isinstance(one, RejectedView)}
    indexed: dict[str, IndexedItem | None] = {}
    for item in items:
        made = tuple(
            IndexedView(name, one.source, one.embedding, one.cut)
            for name in chosen[item.id]
            if isinstance(one := found[view_key(item.id, name)], EncodedView)
        )
        keys = [image_key(item.id, name) for name in item.images]
        vanished = not (item.etag or item.problem) and all(key in found and found[key] is None for key in keys)
        indexed[item.id] = None if vanished else IndexedItem(item.id, item.fields, item.etag, made)
    return Segment(known.encoder, indexed, rejected)


def news(
    indexed: Segment, recorded: Mapping[str, ItemState | None], before: Mapping[str | None, Mapping[str, str]]
) -> Segment:
    """Leave out items that are live just so, with the same objects rejected for the same reasons."""
    rejected_now = by_item(indexed.rejected)
    items = {
        name: item
        for name, item in indexed.items.items()
        if (item.state if item else None) != recorded[name] or rejected_now.get(name) != before.get(name)
    }
    rejected = {key: why for key, why in indexed.rejected.items() if item_of(key) in items}
    return Segment(indexed.encoder, items, rejected)


def by_item(rejected: Mapping[str, str]) -> dict[str | None, dict[str, str]]:
    """Sort reasons by the item that a key belongs to."""
    reasons: dict[str | None, dict[str, str]] = {}
    for key, why in rejected.items():
        reasons.setdefault(item_of(key), {})[key] = why
    return reasons


def _recorded(items: Sequence[str], overlay: Segment, tables: Table) -> dict[str, ItemState | None]:
    """Tell what the index that is live was made from, by item."""
    states: dict[str, ItemState | None] = {}
    for item, position in zip(items, tables.positions(items).tolist(), strict=True):
        indexed = overlay.items.get(item)
        if item in overlay.items:
            states[item] = indexed.state if indexed else None
        else:
            states[item] = tables.state(position) if position >= 0 else None
    return states
