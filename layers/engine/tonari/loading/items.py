"""What the collection of a live snapshot should hold: the snapshot's items, and over them what segments changed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from tonari.contract.artefacts import Head
from tonari.contract.database import Database, Record, Tombstone, collection_name
from tonari.fields.schema import schema_of
from tonari.snapshots.indexed import IndexedItem, text
from tonari.snapshots.manifest import read_manifest
from tonari.snapshots.records import RecordMaker, snapshot_state, state_text
from tonari.snapshots.segments import merge, read_segments
from tonari.snapshots.snapshot import load_rows
from tonari.snapshots.table import Table
from tonari.storage.bucket import Bucket

LoadTables = Callable[[str], Table]
"""Gives a snapshot's items by its id; embeddings are not needed."""


@dataclass(frozen=True, slots=True)
class LiveItems:
    """What one head shows.

    Parameters
    ----------
    name
        Of the collection.
    changes
        By id: what segments say of an item, None if it was deleted.
    """

    head: Head
    name: str
    changes: Mapping[str, IndexedItem | None]
    _artefacts: Bucket
    _load_tables: LoadTables

    def changed_states(self) -> dict[str, str | None]:
        """Give the state of each item that segments name, None of one that was deleted."""
        return {name: state_text(item.state) if item else None for name, item in self.changes.items()}

    def states(self) -> Iterator[tuple[str, str]]:
        """Give id and state of all items, by ascending id in UTF-8."""
        table = self._table()
        new = sorted(name.encode() for name, item in self.changes.items() if item and table.find(name) is None)
        places = np.searchsorted(table.ids, np.array(new, np.bytes_)) if new else np.empty(0, np.int64)
        changed, upcoming = self.changed_states(), iter([*zip(places.tolist(), new, strict=True), (len(table), None)])
        place, added = next(upcoming)
        for position in range(len(table) + 1):
            while added is not None and place == position:
                yield added.decode(), changed[added.decode()] or ""
                place, added = next(upcoming)
            if position == len(table):
                return
            name = text(table.ids[position])
            state = changed[name] if name in changed else snapshot_state(table.state(position))
            if state is not None:
                yield name, state

    def stored_states(self, ids: Sequence[str]) -> dict[str, str | None]:
        """Give the states that the snapshot has of items, None of those that it has not."""
        table = self._table()
        positions = table.positions(ids).tolist()
        return {
            item: snapshot_state(table.state(at)) if at >= 0 else None for item, at in zip(ids, positions, strict=True)
        }

    def records(self, ids: Sequence[str], batch: int) -> Iterator[list[Record | Tombstone]]:
        """Give items as they should be, with the head's generation, so many at a time."""
        maker = RecordMaker.of(schema_of(read_manifest(self._artefacts, self.head.snapshot or "").schema))
        for start in range(0, len(ids), batch):
            part = ids[start : start + batch]
            stored = self._stored([item for item in part if item not in self.changes])
            yield [self._record(maker, item, stored) for item in part]

    def _record(self, maker: RecordMaker, item: str, stored: Mapping[str, IndexedItem | None]) -> Record | Tombstone:
        generation = self.head.generation
        if item in self.changes:
            changed = self.changes[item]
            return maker.record(changed, generation) if changed else Tombstone(item, generation)
        found = stored[item]
        return maker.of_snapshot(found, generation) if found else Tombstone(item, generation)

    def _table(self) -> Table:
        return self._load_tables(self.head.snapshot or "")

    def _stored(self, ids: Sequence[str]) -> dict[str, IndexedItem | None]:
        """Read items of the snapshot, with their embeddings."""
        if not ids:
            return {}
        table = self._table()
        positions = dict(zip(ids, table.positions(ids).tolist(), strict=True))
        rows = {item: table.rows(at).tolist() if at >= 0 else [] for item, at in positions.items()}
        chosen = np.array([row for of_item in rows.values() for row in of_item], np.int64)
        read = iter(load_rows(self._artefacts, self.head.snapshot or "", table, chosen))
        return {
            item: IndexedItem(
                item,
                table.fields(at),
                text(table.document_etags[at]),
                tuple(table.view(row, next(read)) for row in rows[item]),
            )
            if at >= 0
            else None
            for item, at in positions.items()
        }


def live_items(artefacts: Bucket, head: Head, load_tables: LoadTables) -> LiveItems:
    """Read what a head shows; its snapshot is read when somebody asks for it.

    Parameters
    ----------
    head
        With a snapshot.

    Raises
    ------
    CorruptArtefactError
    MissingObjectError
        If a segment is not there any more: the head has moved.
    """
    encoder = head.encoder or ""
    changes = merge(encoder, read_segments(artefacts, head.segments, encoder)).items
    return LiveItems(head, collection_name(head.snapshot or ""), changes, artefacts, load_tables)


def write_items(database: Database, live: LiveItems, ids: Sequence[str]) -> None:
    """Write items as they should be."""
    for records in live.records(ids, database.limits.batch):
        database.write(live.name, records)
