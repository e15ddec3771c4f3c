"""The first step of a rebuild: the catalogue as it lies there now, beside what is known of it, gives a plan."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tonari.builds.collect import Indexed, collect_items
from tonari.builds.encode import Checkpoint, Shard, list_checkpoints, read_checkpoint
from tonari.builds.known_vectors import KnownVectors, ViewSource, label_views, vectors_of_items, vectors_of_table
from tonari.catalogue.documents import SCHEMA, image_key
from tonari.catalogue.inventory import list_catalogue
from tonari.config import USUAL, Margins
from tonari.contract.artefacts import Head
from tonari.encoders.port import Encoder
from tonari.errors import CorruptArtefactError, MissingObjectError
from tonari.fields.schema import Schema, infer_schema, parse_schema
from tonari.snapshots.indexed import IndexedItem, ItemArrays, text
from tonari.snapshots.segments import merge, read_segments
from tonari.snapshots.snapshot import Progress, Snapshot, load_snapshot
from tonari.storage.bucket import Bucket


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
class Plan:
    """What a snapshot is to be made of.

    Parameters
    ----------
    items
        Items with the views that they are to have; the sources are those listed, and there are no embeddings.
    schema
        As ``schema.json`` says, or inferred.
    known
        Embeddings that need not be computed again.
    numbers : (V,) int64
        Each view's embedding in ``known``, -1 for views that are to be encoded.
    rejected
        Reason by key, for objects that cannot be used.
    live
        The snapshot that is live; None if there is none, or none that can be read.
    checkpoints
        Keys of what earlier builds left, to be deleted once a snapshot holds it.
    """

    items: ItemArrays
    schema: Schema
    known: KnownVectors
    numbers: NDArray[np.int64]
    rejected: Mapping[str, str]
    live: Snapshot | None
    checkpoints: tuple[str, ...]

    def views(self, rows: NDArray[np.int64]) -> Iterator[ViewSource]:
        """Give key and source of some views."""
        return _views(self.items, rows)

    def to_encode(self) -> NDArray[np.int64]:
        """Rows of the views that are to be encoded: (n,) int64."""
        return np.flatnonzero(self.numbers < 0)

    def shards(self, size: int) -> Iterator[Shard]:
        """Part the views that are to be encoded, at most ``size`` to a shard."""
        rows = self.to_encode()
        for start in range(0, len(rows), size):
            views = self.views(rows[start : start + size])
            yield Shard(self.known.encoder, tuple(key for key, _ in views))


def look(context: RebuildContext, head: Head, encoder: str) -> Plan:
    """List the catalogue, read the documents that are new, and find out which views are to be encoded.

    A damaged snapshot or checkpoint is reported and done without. What vanishes meanwhile counts as deleted.

    Parameters
    ----------
    head
        Read before: what is listed is newer.
    encoder
        Id of the encoder that the snapshot is to be made with; only embeddings of that one are reused.

    Raises
    ------
    InvalidCatalogueError
        If ``schema.json`` cannot be read.
    StoreError
    """
    keys = list_checkpoints(context.artefacts, encoder)
    checkpoints = _read_checkpoints(context, encoder, keys)
    live, overlay = _load_live(context, head)
    items, rejected = collect_items(
        context.catalogue,
        list_catalogue(context.catalogue),
        Indexed(live.table if live else None, overlay),
        {(one.key, one.source): one.reason for checkpoint in checkpoints for one in checkpoint.rejected},
        lambda done, total: context.progress("documents", done, total),
    )
    schema = _decide_schema(context.catalogue, items)
    blocks = [checkpoint.vectors() for checkpoint in checkpoints]
    if live and live.encoder == encoder:
        blocks += [vectors_of_table(live.table), *vectors_of_items(item for item in overlay.values() if item)]
    known = KnownVectors(encoder, blocks)
    numbers = known.find(label_views(_views(items, np.arange(len(items.view_names)))))
    return Plan(items, schema, known, numbers, rejected, live, tuple(keys))


def _read_checkpoints(context: RebuildContext, encoder: str, keys: Iterable[str]) -> list[Checkpoint]:
    checkpoints = []
    for key in keys:
        try:
            checkpoints.append(read_checkpoint(context.artefacts, encoder, key))
        except (CorruptArtefactError, MissingObjectError) as error:
            context.progress(f"a checkpoint cannot be reused: {error.detail}", 0, 0)
    return checkpoints


def _load_live(context: RebuildContext, head: Head) -> tuple[Snapshot | None, Mapping[str, IndexedItem | None]]:
    """Load the live snapshot and what lies over it, as far as they can be read."""
    live: Snapshot | None = None
    overlay: Mapping[str, IndexedItem | None] = {}
    if head.snapshot and head.encoder:
        try:
            live = load_snapshot(context.artefacts, head.snapshot, context.cache)
            overlay = merge(read_segments(context.artefacts, head.segments, head.encoder)).items
        except (CorruptArtefactError, MissingObjectError) as error:
            context.progress(f"the live snapshot cannot be reused: {error.detail}", 0, 0)
    return live, overlay


def _decide_schema(catalogue: Bucket, items: ItemArrays) -> Schema:
    """Read ``schema.json``, or infer what it would say."""
    try:
        data = catalogue.get(SCHEMA).data
    except MissingObjectError:
        return infer_schema(items.fields())
    return parse_schema(data, items.fields())


def _views(items: ItemArrays, rows: NDArray[np.int64]) -> Iterator[ViewSource]:
    owners = np.searchsorted(items.first, rows, side="right") - 1
    for row, owner in zip(rows.tolist(), owners.tolist(), strict=True):
        yield image_key(text(items.ids[owner]), text(items.view_names[row])), text(items.view_sources[row])
