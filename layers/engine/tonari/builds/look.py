"""The first step of a rebuild: the catalogue as it lies there now, beside what is known of it, gives a plan."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tonari.builds.collection import Collection
from tonari.builds.encode import Checkpoint, Shard, in_parallel, list_checkpoints, read_checkpoint
from tonari.builds.known_vectors import (
    KnownVectors,
    label_views,
    vectors_of_segment,
    vectors_of_table,
)
from tonari.builds.read_documents import list_documents, read_documents, write_documents
from tonari.catalogue.documents import SCHEMA, document_key, read_item
from tonari.catalogue.inventory import Inventory, list_catalogue
from tonari.catalogue.passages import Passage
from tonari.catalogue.views import choose_views, is_passage, view_key
from tonari.config import USUAL, Margins
from tonari.contract.artefacts import Head, IgnoredKeys, PassageFields, ViewRule
from tonari.contract.database import Database
from tonari.contract.normal_form import is_plain
from tonari.encoders.port import Encoder
from tonari.errors import CorruptArtefactError, MissingObjectError, OutOfTimeError
from tonari.fields.schema import Schema, infer_schema, parse_schema
from tonari.snapshots.indexed import ItemArrays, ViewSource, document_bytes, text
from tonari.snapshots.segments import Segment, merge, read_segments
from tonari.snapshots.snapshot import Progress, Snapshot, load_snapshot
from tonari.snapshots.table import Table
from tonari.storage.bucket import Bucket

REPORT_EVERY = 1_000
SAVE_SECONDS = 30.0
"""What saving the documents that were read may take."""


@dataclass(frozen=True, slots=True)
class RebuildContext:
    """What a rebuild works with.

    Parameters
    ----------
    load
        Gives an encoder by id.
    cache
        Folder for downloaded artefacts.
    remaining
        Gives the seconds that are left to this run.
    margins
        By how much a new snapshot may be worse than the live one.
    database
        The vector database elsewhere that answers searches; None if the built-in engine does.
    """

    catalogue: Bucket
    artefacts: Bucket
    load: Callable[[str], Encoder]
    cache: Path
    progress: Progress
    remaining: Callable[[], float]
    margins: Margins = USUAL
    database: Database | None = None


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
        Keys of what earlier runs left, to be deleted once a snapshot holds it.
    read : (n,) int64
        Positions of the items whose documents this run has read.
    ignored
        By reason: keys of the catalogue that belong to no item.
    rule
        By which the views were chosen.
    """

    items: ItemArrays
    schema: Schema
    known: KnownVectors
    numbers: NDArray[np.int64]
    rejected: Mapping[str, str]
    live: Snapshot | None
    checkpoints: tuple[str, ...]
    read: NDArray[np.int64]
    ignored: Mapping[str, IgnoredKeys] = field(default_factory=dict)
    rule: ViewRule = ViewRule()  # noqa: RUF009 - immutable

    def to_encode(self) -> NDArray[np.int64]:
        """Rows of the views that are to be encoded: (n,) int64."""
        return np.flatnonzero(self.numbers < 0)

    def documents_read(self) -> dict[tuple[str, str], bytes]:
        """Give the documents that this run has read, by id and ETag."""
        return {(text(self.items.ids[at]), text(self.items.document_etags[at])): self._document(at) for at in self.read}

    def shards(self, size: int) -> Iterator[Shard]:
        """Part the views that are to be encoded, at most ``size`` to a shard."""
        rows = self.to_encode()
        for start in range(0, len(rows), size):
            yield self.shard(rows[start : start + size])

    def shard(self, rows: NDArray[np.int64]) -> Shard:
        """Give some views, by row, as what is encoded together."""
        return Shard(self.known.encoder, tuple(key for key, _ in self.items.views(rows)), self._passages(rows))

    def _passages(self, rows: NDArray[np.int64]) -> dict[str, Passage]:
        """Give those of some views that are passages, by key; the documents are those that were read."""
        found: dict[str, Passage] = {}
        owners = np.searchsorted(self.items.first, rows, side="right") - 1
        written = np.char.startswith(self.items.view_names[rows], b"#")
        for owner in np.unique(owners[written]).tolist():
            item, (start, end) = text(self.items.ids[owner]), self.items.first[owner : owner + 2].tolist()
            if any(is_passage(text(name)) for name in self.items.view_names[start:end]):
                chosen = choose_views(item, json.loads(self._document(owner)), (), self.rule)
                found |= {view_key(item, name): passage for name, passage in chosen.passages.items()}
        return found

    def _document(self, at: int) -> bytes:
        return self.items.documents[self.items.offsets[at] : self.items.offsets[at + 1]].tobytes()


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
    OutOfTimeError
        If time ran out: the next run need not read the documents again that this one has read.
    StoreError
    """
    said = _read_schema(context.catalogue)
    modalities = context.load(encoder).modalities
    rule = ViewRule(tuple(sorted(modalities)), parse_schema(said).passages if said is not None else PassageFields())
    keys = list_checkpoints(context.artefacts, encoder)
    checkpoints = _read_checkpoints(context, encoder, keys)
    live, overlay = _load_live(context, head)
    refused = {(one.key, one.source): one.reason for checkpoint in checkpoints for one in checkpoint.rejected}
    saved = list_documents(context.artefacts)
    made = _collect(context, rule, live.table if live else None, overlay, saved, refused)
    items, rejected = made.lay_out(), made.rejected
    schema = infer_schema(items.fields()) if said is None else parse_schema(said, items.fields())
    blocks = [checkpoint.vectors() for checkpoint in checkpoints]
    if live and live.encoder == encoder:
        blocks.append(vectors_of_table(live.table))
    if overlay.encoder == encoder:
        blocks.append(vectors_of_segment(overlay))
    known = KnownVectors(encoder, blocks)
    numbers = known.find(label_views(items.views(np.arange(len(items.view_names)))))
    read = np.array(made.read, np.int64)
    return Plan(items, schema, known, numbers, rejected, live, (*keys, *saved), read, made.ignored, rule)


def _collect(
    context: RebuildContext,
    rule: ViewRule,
    table: Table | None,
    overlay: Segment,
    saved: Sequence[str],
    rejected: Mapping[ViewSource, str],
) -> Collection:
    """Put each item's document, read again if it is not live, beside the views that it is to have.

    Documents in files whose keys are ``saved`` were read by earlier runs; views in ``rejected`` are known to be of no
    use.
    """
    inventory = list_catalogue(context.catalogue)
    before = _Known(inventory, table, overlay, read_documents(context.artefacts, saved, context.progress))
    new = [number for number in range(len(inventory)) if before.document(number) is None]
    read = in_parallel(
        lambda number: read_item(context.catalogue, before.ids[number], inventory.images(number)), iter(new)
    )
    made, fresh = Collection(inventory, rejected, rule), dict[tuple[str, str], bytes]()
    for number, item in enumerate(before.ids):
        if number % REPORT_EVERY == 0 and number:
            context.progress("documents", number, len(inventory))
        if (document := before.document(number)) is not None:
            made.add(number, item, before.etags[number], document)
            continue
        if fresh and context.remaining() < SAVE_SECONDS:
            write_documents(context.artefacts, fresh)
            raise OutOfTimeError(f"{len(fresh):,} documents were read; the next run goes on with the others.")
        found = next(read)
        if found.problem:
            made.rejected[document_key(item)] = found.problem
        made.rejected |= found.empty
        if not found.deleted:
            made.add(number, item, found.etag, document_bytes(found.fields))
        if found.etag:
            made.read.append(len(made) - 1)
            fresh[item, found.etag] = document_bytes(found.fields)
    context.progress("documents", len(inventory), len(inventory))
    made.rejected |= inventory.empty
    return made


class _Known:
    """Documents that need not be read again: the live ones, those that changed since, and what earlier runs read."""

    def __init__(
        self, inventory: Inventory, table: Table | None, overlay: Segment, read: Mapping[tuple[str, str], bytes]
    ) -> None:
        self.ids, self.etags = ([text(one) for one in array] for array in (inventory.ids, inventory.document_etags))
        self._table, self._overlay, self._read = table, overlay, read
        self._positions = _unchanged(table, inventory)

    def document(self, number: int) -> bytes | None:
        """Give the document of an item, by its number in the inventory; None if it is to be read."""
        item, etag = self.ids[number], self.etags[number]
        if not etag:
            return b"{}"
        if self._table is not None and self._positions[number] >= 0:
            return _if_plain(self._table.document(int(self._positions[number])))
        was = self._overlay.items.get(item)
        if was and was.document_etag == etag:
            return _if_plain(document_bytes(was.fields))
        return _if_plain(self._read.get((item, etag)))


def _if_plain(document: bytes | None) -> bytes | None:
    """Give a document unless an earlier version kept it in another normal form than NFC: it is then read again."""
    return document if document is None or document.isascii() or is_plain(document.decode()) else None


def _unchanged(table: Table | None, inventory: Inventory) -> NDArray[np.int64]:
    """Find the items whose documents the table has: (I,) int64, -1 for the others."""
    if table is None or not len(table):
        return np.full(len(inventory), -1)
    found = table.positions_of(inventory.ids)
    return np.where(table.document_etags[found] == inventory.document_etags, found, -1)


def _read_checkpoints(context: RebuildContext, encoder: str, keys: Iterable[str]) -> list[Checkpoint]:
    checkpoints = []
    for key in keys:
        try:
            checkpoints.append(read_checkpoint(context.artefacts, encoder, key))
        except (CorruptArtefactError, MissingObjectError) as error:
            context.progress(f"a checkpoint cannot be reused: {error.detail}", 0, 0)
    return checkpoints


def _load_live(context: RebuildContext, head: Head) -> tuple[Snapshot | None, Segment]:
    """Load the live snapshot and what lies over it, as far as they can be read."""
    live: Snapshot | None = None
    overlay = Segment(head.encoder or "")
    if head.snapshot and head.encoder:
        try:
            live = load_snapshot(context.artefacts, head.snapshot, context.cache, head.encoder)
            overlay = merge(head.encoder, read_segments(context.artefacts, head.segments, head.encoder))
        except (CorruptArtefactError, MissingObjectError) as error:
            context.progress(f"the live snapshot cannot be reused: {error.detail}", 0, 0)
    return live, overlay


def _read_schema(catalogue: Bucket) -> bytes | None:
    """Read ``schema.json``; None if there is none."""
    try:
        return catalogue.get(SCHEMA).data
    except MissingObjectError:
        return None
