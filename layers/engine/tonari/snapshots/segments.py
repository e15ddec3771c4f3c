"""Delta segments: immutable files of items added, changed or deleted since a snapshot."""

from __future__ import annotations

import hashlib
import io
import json
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from tonari.catalogue.documents import item_of
from tonari.errors import CorruptArtefactError
from tonari.snapshots.head import SegmentRef
from tonari.snapshots.table import IndexedItem, IndexedView
from tonari.storage.bucket import Bucket

PREFIX = "segments/"


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
        renamed = segment.items.keys()
        rejected = {key: why for key, why in rejected.items() if item_of(key) not in renamed}
        items.update(segment.items)
        rejected.update(segment.rejected)
    return Segment(items, rejected)


def segment_to_bytes(segment: Segment, dimensions: int) -> bytes:
    """Lay a segment out as an ``.npz`` file."""
    views = [view for item in segment.items.values() if item for view in item.views]
    about = {
        "deleted": [name for name, item in segment.items.items() if item is None],
        "items": [
            {
                "id": item.id,
                "fields": item.fields,
                "document_etag": item.document_etag,
                "views": [[view.name, view.etag] for view in item.views],
            }
            for item in segment.items.values()
            if item
        ],
        "rejected": segment.rejected,
    }
    fixed = np.empty((len(views), dimensions), np.int16)
    for row, view in zip(fixed, views, strict=True):
        np.copyto(row, view.embedding, casting="no")
    file = io.BytesIO()
    np.savez(file, about=np.frombuffer(json.dumps(about).encode(), np.uint8), embeddings=fixed)
    return file.getvalue()


def segment_from_bytes(data: bytes) -> Segment:
    """Undo :func:`segment_to_bytes`."""
    with np.load(io.BytesIO(data), allow_pickle=False) as arrays:
        about: dict[str, Any] = json.loads(arrays["about"].tobytes())
        fixed = arrays["embeddings"]
    if fixed.dtype != np.int16:
        raise CorruptArtefactError(f"A segment holds {fixed.dtype}, this version reads int16: rebuild.")
    items: dict[str, IndexedItem | None] = dict.fromkeys(about["deleted"])
    row = 0
    for item in about["items"]:
        views = []
        for name, etag in item["views"]:
            views.append(IndexedView(name, etag, fixed[row]))
            row += 1
        items[item["id"]] = IndexedItem(item["id"], item["fields"], item["document_etag"], tuple(views))
    return Segment(items, about["rejected"])


def write_segment(artefacts: Bucket, segment: Segment, dimensions: int) -> SegmentRef:
    """Write a segment under an id that ends in its sha256, read it back and compare."""
    data = segment_to_bytes(segment, dimensions)
    digest = hashlib.sha256(data).hexdigest()
    ref = SegmentRef(f"{secrets.token_hex(4)}-{digest}", len(segment.items))
    artefacts.create(_key(ref), data)
    _read(artefacts, ref)
    return ref


def read_segments(artefacts: Bucket, refs: Iterable[SegmentRef]) -> list[Segment]:
    """Read segments.

    Raises
    ------
    CorruptArtefactError
        If the sha256 of one is not the one in its id.
    """
    return [segment_from_bytes(_read(artefacts, ref)) for ref in refs]


def _key(ref: SegmentRef) -> str:
    return f"{PREFIX}{ref.id}.npz"


def _read(artefacts: Bucket, ref: SegmentRef) -> bytes:
    data = artefacts.get(_key(ref)).data
    if not ref.id.endswith(hashlib.sha256(data).hexdigest()):
        raise CorruptArtefactError(f"{_key(ref)} has not the sha256 that its id says.")
    return data
