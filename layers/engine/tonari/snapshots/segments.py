"""Delta segments: immutable files of items added, changed or deleted since a snapshot."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from tonari.catalogue.documents import item_of
from tonari.contract.artefacts import SegmentHeader, SegmentRef
from tonari.errors import CorruptArtefactError
from tonari.snapshots.head import SEGMENTS, segment_key
from tonari.snapshots.indexed import IndexedItem, items_to_arrays, read_item_arrays
from tonari.storage.bucket import Bucket
from tonari.storage.packing import SUFFIX, Packed, pack, read_named, write_named

FORMAT = 3


@dataclass(frozen=True, slots=True)
class Segment:
    """What is true of some items since a snapshot.

    Parameters
    ----------
    encoder
        Id of the encoder that made the embeddings: they are compared with no others.
    items
        By id; None for an item that was deleted.
    rejected
        Reason by key, for objects that could not be used.
    seen
        Ids of items that were looked at while a rebuild ran, and found as the index has them. The rebuild looks at
        them again: it may have listed another state.
    """

    encoder: str
    items: Mapping[str, IndexedItem | None] = field(default_factory=dict)
    rejected: Mapping[str, str] = field(default_factory=dict)
    seen: frozenset[str] = frozenset()

    @property
    def looked_at(self) -> frozenset[str]:
        """Ids of all items that this says something of."""
        return self.seen | self.items.keys()


def merge(encoder: str, segments: Iterable[Segment]) -> Segment:
    """Lay segments over each other, oldest first: the last word on each item counts.

    Raises
    ------
    CorruptArtefactError
        If another encoder made the embeddings of one.
    """
    items: dict[str, IndexedItem | None] = {}
    rejected: dict[str, str] = {}
    seen: frozenset[str] = frozenset()
    for segment in segments:
        if segment.encoder != encoder:
            raise CorruptArtefactError(f"A segment has embeddings of encoder {segment.encoder}, not of {encoder}.")
        rejected = {key: why for key, why in rejected.items() if item_of(key) not in segment.items}
        items.update(segment.items)
        rejected.update(segment.rejected)
        seen |= segment.seen
    return Segment(encoder, items, rejected, seen)


def segment_to_bytes(segment: Segment, dimensions: int) -> bytes:
    """Lay a segment out as the bytes of a file."""
    deleted = tuple(name for name, item in segment.items.items() if item is None)
    present = items_to_arrays((item for item in segment.items.values() if item), dimensions)
    header = SegmentHeader(FORMAT, segment.encoder, deleted, segment.rejected, tuple(sorted(segment.seen)))
    return pack(header, present.to_arrays())


def write_segment(artefacts: Bucket, segment: Segment, dimensions: int) -> SegmentRef:
    """Write a segment by :func:`~tonari.storage.packing.write_named`."""
    key = write_named(artefacts, SEGMENTS, segment_to_bytes(segment, dimensions))
    return SegmentRef(key.removeprefix(SEGMENTS).removesuffix(SUFFIX), len(segment.items))


def read_segments(artefacts: Bucket, refs: Iterable[SegmentRef], encoder: str) -> list[Segment]:
    """Read segments whose embeddings a given encoder made.

    Raises
    ------
    CorruptArtefactError
        If the sha256 of one is not the one in its id, or another encoder made its embeddings.
    """
    return [segment_of(read_named(artefacts, segment_key(ref)), encoder) for ref in refs]


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
    return Segment(encoder, items, about.rejected, frozenset(about.seen))
