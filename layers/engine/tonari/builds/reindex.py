"""The use case of the reindex function: items that may have changed become searchable by one delta segment."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import msgspec

from tonari.builds.encode import EncodedView, encode_view, in_parallel
from tonari.builds.known_vectors import Embeddings, vectors_of_items
from tonari.catalogue.documents import (
    CatalogueItem,
    ItemState,
    document_key,
    image_key,
    item_of,
    read_item,
    select_images,
)
from tonari.contract.artefacts import RejectedView
from tonari.encoders.port import Encoder
from tonari.errors import ConflictError
from tonari.snapshots.head import publish, read_head
from tonari.snapshots.indexed import IndexedItem, IndexedView
from tonari.snapshots.segments import Segment, merge, read_segments, write_segment
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
        ``published``; ``unchanged`` if what is live already says all of it; ``rebuild`` if only a rebuild can take it
        in: there is no snapshot yet, or the overlay is past its limit.
    items, deleted, rejected
        Counts.
    generation
        Of the head that shows it.
    """

    outcome: Literal["published", "unchanged", "rebuild"]
    items: int = 0
    deleted: int = 0
    rejected: int = 0
    generation: int = 0


def reindex(
    items: Sequence[str],
    catalogue: Bucket,
    artefacts: Bucket,
    load_encoder: Callable[[str], Encoder],
    load_tables: Callable[[str], Table],
) -> Reindexed:
    """Publish the present state of items over the live snapshot.

    The head is read first, then the catalogue: whatever is published is newer than the head it lies over. If the head
    moved meanwhile, all is read again; images that were encoded are not encoded twice.

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
    tried: dict[str, Segment] = {}
    for _ in range(TRIES):
        read = read_head(artefacts)
        head = read.head
        overlaid = sum(segment.items for segment in head.segments)
        if head.snapshot is None or head.encoder is None or overlaid + len(items) > MOST_OVERLAY_ITEMS:
            return Reindexed("rebuild", generation=head.generation)
        before = read_segments(artefacts, head.segments, head.encoder)
        overlay = merge(before)
        wanted = sorted(set(items))
        recorded, rejected = _recorded(wanted, overlay, load_tables(head.snapshot)), _by_item(overlay.rejected)
        changed = [
            item
            for item in read_items(catalogue, wanted)
            if item.state != recorded[item.id] or item.problem or item.id in rejected
        ]
        if not changed:
            return Reindexed("unchanged", generation=head.generation)
        encoder = load_encoder(head.encoder)
        earlier = [*before, tried.get(head.encoder, Segment({}, {}))]
        reusable = vectors_of_items(item for segment in earlier for item in segment.items.values() if item)
        indexed = index_items(catalogue, encoder, changed, reusable)
        tried = {head.encoder: indexed}
        segment = _news(indexed, recorded, rejected)
        if not segment.items:
            return Reindexed("unchanged", generation=head.generation)
        if len(head.segments) < MOST_SEGMENTS:
            refs = (*head.segments, write_segment(artefacts, segment, head.encoder, encoder.dimensions))
        else:
            refs = (write_segment(artefacts, merge([*before, segment]), head.encoder, encoder.dimensions),)
        try:
            published = publish(artefacts, read, msgspec.structs.replace(head, segments=refs))
        except ConflictError:
            continue
        deleted = sum(item is None for item in segment.items.values())
        return Reindexed(
            "published", len(segment.items) - deleted, deleted, len(segment.rejected), published.head.generation
        )
    raise ConflictError(f"Other writers replaced the head {TRIES} times in a row; the batch comes back later.")


def read_items(catalogue: Bucket, items: Iterable[str]) -> list[CatalogueItem]:
    """Read the present state of items."""
    return list(in_parallel(lambda item: read_item(catalogue, item), items))


def index_items(catalogue: Bucket, encoder: Encoder, items: Sequence[CatalogueItem], known: Embeddings) -> Segment:
    """Make a segment of items as they were read.

    Parameters
    ----------
    known
        Embeddings that this encoder made: views whose source is among them are not encoded again.
    """
    rejected: dict[str, str] = {}
    chosen: dict[str, list[str]] = {}
    for item in items:
        if item.problem:
            rejected[document_key(item.id)] = item.problem
        chosen[item.id], missing = select_images(item.id, item.fields, item.images)
        rejected |= missing
    wanted = [(image_key(item.id, name), item.images[name]) for item in items for name in chosen[item.id]]
    found: dict[str, EncodedView | RejectedView | None] = {
        key: EncodedView(key, source, embedding)
        for key, source in wanted
        if (embedding := known.get((key, source))) is not None
    }
    keys = [key for key, _ in wanted if key not in found]
    found |= zip(keys, in_parallel(lambda key: encode_view(catalogue, encoder, key), keys), strict=True)
    rejected |= {one.key: one.reason for one in found.values() if isinstance(one, RejectedView)}
    indexed: dict[str, IndexedItem | None] = {}
    for item in items:
        views = tuple(
            IndexedView(name, one.source, one.embedding)
            for name in chosen[item.id]
            if isinstance(one := found[image_key(item.id, name)], EncodedView)
        )
        indexed[item.id] = None if item.deleted else IndexedItem(item.id, item.fields, item.etag, views)
    return Segment(indexed, rejected)


def _news(
    indexed: Segment, recorded: Mapping[str, ItemState | None], rejected: Mapping[str | None, Mapping[str, str]]
) -> Segment:
    """Leave out items that are live just so, with the same objects rejected for the same reasons."""
    rejected_now = _by_item(indexed.rejected)
    items = {
        name: item
        for name, item in indexed.items.items()
        if (item.state if item else None) != recorded[name] or rejected_now.get(name) != rejected.get(name)
    }
    return Segment(items, {key: why for key, why in indexed.rejected.items() if item_of(key) in items})


def _by_item(rejected: Mapping[str, str]) -> dict[str | None, dict[str, str]]:
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
