"""Delta segments: immutable files of items added, changed or deleted since a snapshot."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from tonari.catalogue.documents import item_of
from tonari.contract.artefacts import SegmentHeader, SegmentRef
from tonari.errors import CorruptArtefactError
from tonari.snapshots.indexed import IndexedItem, items_to_arrays, read_item_arrays
from tonari.storage.bucket import Bucket
from tonari.storage.packing import SUFFIX, Packed, pack, read_named, write_named

PREFIX = "segments/"
FORMAT = 2


@dataclass(frozen=True, slots=True)
class Segment:
    """What is true of some items since a snapshot.

    Parameters
    ----------
    items
        By id; None for an item that was deleted.
    rejected
        Reason by key, for objects that could not be used.
    """

    items: Mapping[str, IndexedItem | None]
    rejected: Mapping[str, str]


def merge(segments: Iterable[Segment]) -> Segment:
    """Lay segments over each other, oldest first: the last word on each item counts."""
    items: dict[str, IndexedItem | None] = {}
    rejected: dict[str, str] = {}
    for segment in segments:
        rejected = {key: why for key, why in rejected.items() if item_of(key) not in segment.items}
        items.update(segment.items)
        rejected.update(segment.rejected)
    return Segment(items, rejected)


def segment_to_bytes(segment: Segment, encoder: str, dimensions: int) -> bytes:
    """Lay a segment out as the bytes of a file."""
    deleted = tuple(name for name, item in segment.items.items() if item is None)
    present = items_to_arrays((item for item in segment.items.values() if item), dimensions)
    header = SegmentHeader(FORMAT, encoder, deleted, segment.rejected)
    return pack(header, present.to_arrays())


def write_segment(artefacts: Bucket, segment: Segment, encoder: str, dimensions: int) -> SegmentRef:
    """Write a segment, whose embeddings ``encoder`` made, by :func:`~tonari.storage.packing.write_named`."""
    key = write_named(artefacts, PREFIX, segment_to_bytes(segment, encoder, dimensions))
    return SegmentRef(key.removeprefix(PREFIX).removesuffix(SUFFIX), len(segment.items))


def read_segments(artefacts: Bucket, refs: Iterable[SegmentRef], encoder: str) -> list[Segment]:
    """Read segments whose embeddings a given encoder made.

    Raises
    ------
    CorruptArtefactError
        If the sha256 of one is not the one in its id, or another encoder made its embeddings.
    """
    return [segment_of(read_named(artefacts, f"{PREFIX}{ref.id}{SUFFIX}"), encoder) for ref in refs]


def segment_of(packed: Packed, encoder: str) -> Segment:
    """Read a segment from its file: see :func:`read_segments`."""
    about = packed.about(SegmentHeader)
    if about.format != FORMAT:
        raise CorruptArtefactError(f"{packed.name} has format {about.format}, this version reads {FORMAT}: rebuild.")
    if about.encoder != encoder:
        raise CorruptArtefactError(
            f"{packed.name} has embeddings of encoder {about.encoder}, not of {encoder}: rebuild."
        )
    items: dict[str, IndexedItem | None] = dict.fromkeys(about.deleted)
    items |= {item.id: item for item in read_item_arrays(packed).items()}
    return Segment(items, about.rejected)
