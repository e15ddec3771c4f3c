"""The use case of the reindex function: items that may have changed become searchable by one delta segment."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import msgspec

from tonari.builds.changes import index_items, read_items
from tonari.builds.known_vectors import KnownVectors, vectors_of_items
from tonari.catalogue.documents import ItemState, item_of
from tonari.encoders.port import Encoder
from tonari.errors import ConflictError
from tonari.snapshots.head import publish, read_head
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
        recorded, rejected = _recorded(overlay, load_tables(head.snapshot)), _by_item(overlay.rejected)
        changed = [
            item
            for item in read_items(catalogue, sorted(set(items)))
            if item.state != recorded(item.id) or item.problem or item.id in rejected
        ]
        if not changed:
            return Reindexed("unchanged", generation=head.generation)
        encoder = load_encoder(head.encoder)
        earlier = [*before, tried.get(head.encoder, Segment({}, {}))]
        reusable = vectors_of_items(item for segment in earlier for item in segment.items.values() if item)
        indexed = index_items(catalogue, encoder, changed, KnownVectors(head.encoder, reusable))
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


def _news(
    indexed: Segment, recorded: Callable[[str], ItemState | None], rejected: Mapping[str | None, Mapping[str, str]]
) -> Segment:
    """Leave out items that are live just so, with the same objects rejected for the same reasons."""
    rejected_now = _by_item(indexed.rejected)
    items = {
        name: item
        for name, item in indexed.items.items()
        if (item.state if item else None) != recorded(name) or rejected_now.get(name) != rejected.get(name)
    }
    return Segment(items, {key: why for key, why in indexed.rejected.items() if item_of(key) in items})


def _by_item(rejected: Mapping[str, str]) -> dict[str | None, dict[str, str]]:
    """Sort reasons by the item that a key belongs to."""
    reasons: dict[str | None, dict[str, str]] = {}
    for key, why in rejected.items():
        reasons.setdefault(item_of(key), {})[key] = why
    return reasons


def _recorded(overlay: Segment, tables: Table) -> Callable[[str], ItemState | None]:
    """Tell what the index that is live was made from, by item."""

    def state(item: str) -> ItemState | None:
        if item in overlay.items:
            indexed = overlay.items[item]
            return indexed.state if indexed else None
        position = tables.find(item)
        return None if position is None else tables.state(position)

    return state
