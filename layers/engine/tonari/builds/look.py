"""What a rebuild starts from: the catalogue as it lies there now, and what earlier builds already know of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tonari.builds.checkpoints import list_checkpoints, read_checkpoint
from tonari.builds.encode import Seen, ViewKey, in_parallel, known_views, see
from tonari.catalogue.documents import SCHEMA, Document, Listing
from tonari.config import USUAL, Margins
from tonari.encoders.image import Encoder
from tonari.errors import CorruptArtefactError, MissingObjectError
from tonari.fields.schema import Schema, infer_schema, parse_schema
from tonari.snapshots.head import ReadHead
from tonari.snapshots.segments import merge, read_segments
from tonari.snapshots.snapshot import Snapshot, load_snapshot
from tonari.storage.bucket import Bucket

SHARD = 1_000

Progress = Callable[[str, int, int], None]
"""Told a stage, how much of it is done, and of how much."""


@dataclass(frozen=True, slots=True)
class RebuildContext:
    """What a rebuild works with.

    Parameters
    ----------
    load
        Gives an encoder by id.
    cache
        Folder for downloaded artefacts.
    progress
        Is told how far it is.
    remaining
        Gives the seconds that are left.
    margins
        By how much a new snapshot may be worse than the live one.
    """

    catalogue: Bucket
    artefacts: Bucket
    load: Callable[[str], Encoder]
    cache: Path
    progress: Progress
    remaining: Callable[[], float]
    margins: Margins = USUAL


@dataclass(frozen=True, slots=True)
class Known:
    """What earlier builds and segments leave: documents and embeddings that need not be read or computed again."""

    live: Snapshot | None = None
    documents: Mapping[tuple[str, str], Mapping[str, object]] = field(default_factory=dict)
    views: Mapping[ViewKey, NDArray[np.int16]] = field(default_factory=dict)
    checkpoints: tuple[str, ...] = ()


def look_back(place: RebuildContext, read: ReadHead, encoder: str) -> Known:
    """Load what earlier builds computed; a damaged snapshot or checkpoint is reported and done without."""
    views: dict[ViewKey, NDArray[np.int16]] = {}
    checkpoints = list_checkpoints(place.artefacts, encoder)
    for key in checkpoints:
        try:
            views |= read_checkpoint(place.artefacts, key)
        except (CorruptArtefactError, MissingObjectError) as error:
            place.progress(f"a checkpoint cannot be reused: {error.detail}", 0, 0)
    documents: dict[tuple[str, str], Mapping[str, object]] = {}
    live: Snapshot | None = None
    if read.head.snapshot:
        try:
            live = load_snapshot(place.artefacts, read.head.snapshot, place.cache)
            overlay = merge(read_segments(place.artefacts, read.head.segments))
        except (CorruptArtefactError, MissingObjectError) as error:
            place.progress(f"the live snapshot cannot be reused: {error.detail}", 0, 0)
        else:
            before = [*live.table.items(), *(item for item in overlay.items.values() if item)]
            documents = {(item.id, item.document_etag): item.fields for item in before if item.document_etag}
            if read.head.encoder == encoder:
                views |= known_views(before)
    return Known(live, documents, views, tuple(checkpoints))


def look_at(place: RebuildContext, listed: Mapping[str, Listing], known: Known) -> list[Seen]:
    """Read the documents that are new; an item that vanishes meanwhile is a delete."""

    def look(item: str) -> Seen:
        listing = listed[item]
        fields = known.documents.get((item, listing.document_etag))
        if fields is not None:
            return Seen(item, Document(fields, listing.document_etag), "", listing.images)
        if not listing.document_etag:
            return Seen(item, None, "", listing.images)
        return see(place.catalogue, item, listing.images)

    seen = []
    for count, one in enumerate(in_parallel(look, sorted(listed)), 1):
        if not one.gone:
            seen.append(one)
        if count % SHARD == 0 or count == len(listed):
            place.progress("documents", count, len(listed))
    return seen


def decide_schema(catalogue: Bucket, seen: list[Seen]) -> Schema:
    """Read ``schema.json``, or infer what it would say.

    Raises
    ------
    InvalidCatalogueError
        If it cannot be read.
    """
    documents = [one.document.fields for one in seen if one.document]
    try:
        return parse_schema(catalogue.get(SCHEMA).data, documents)
    except MissingObjectError:
        return infer_schema(documents)
