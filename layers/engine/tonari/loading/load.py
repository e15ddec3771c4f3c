"""Loads a snapshot into a collection of its own in a vector database elsewhere, and compares what it then answers.

A load that was interrupted goes on where it stopped. The collection is complete only once it has been compared with the
snapshot; nobody asks it before.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection

import msgspec

from tonari.contract.artefacts import Head
from tonari.contract.database import CollectionState, Database, Tombstone, collection_name
from tonari.errors import CorruptArtefactError, MissingObjectError, OutOfTimeError
from tonari.loading.check import check_collection
from tonari.snapshots.head import read_head
from tonari.snapshots.records import RecordMaker
from tonari.snapshots.segments import read_segments
from tonari.snapshots.snapshot import Progress, Snapshot
from tonari.storage.bucket import Bucket

RECORD_EVERY = 2_000
"""After so many items that were written, or a batch, the collection's state says so."""
LAST_SECONDS = 20.0
"""With less time left, beside what the slowest write so far took, a load stops in good order."""


def prepare(
    database: Database,
    artefacts: Bucket,
    snapshot: Snapshot,
    progress: Progress = lambda *_: None,
    remaining: Callable[[], float] = lambda: float("inf"),
) -> CollectionState:
    """See to it that the collection of a snapshot is there, is complete, and holds exactly the snapshot.

    Of the snapshot that is live, changes that lie over it stay. Of one that was live before, they are undone: items
    are written again as the snapshot has them, with the present generation, so that no late writer of that time wins.

    Parameters
    ----------
    snapshot
        With its embeddings; its files are written.
    remaining
        Gives the seconds that are left.

    Raises
    ------
    UnfaithfulEngineError
        If the collection does not hold or answer what it should: it stays incomplete.
    OutOfTimeError
        If time runs out: the next run goes on.
    EngineUnavailableError
    StoreError
    """
    name = collection_name(snapshot.id)
    state = database.collections().get(name)
    if state is None or not _fits(state, snapshot):
        if state is not None:
            database.drop(name)
        state = _empty(snapshot)
        database.create(name, state)
    was_complete = state.complete
    if not was_complete:
        state = _load(database, name, state, snapshot, progress, remaining)
    head = read_head(artefacts).head
    undone = 0 if head.snapshot == snapshot.id else _undo(database, artefacts, head, name, snapshot)
    if was_complete and not undone:
        return state

    def tick(done: int, total: int) -> None:
        progress("engine check", done, total)
        _demand_time(remaining(), name)

    recall = check_collection(database, name, state, snapshot, tick)
    state = msgspec.structs.replace(
        state, loaded=state.items, complete=True, recall=recall, generation=max(state.generation, head.generation)
    )
    database.record(name, state)
    return state


def loaded_items(database: Database | None, snapshot: str) -> int:
    """Tell how many items of a snapshot have been written, 0 where there is no database or no collection of it."""
    state = database.collections().get(collection_name(snapshot)) if database else None
    return state.loaded if state else 0


def _fits(state: CollectionState, snapshot: Snapshot) -> bool:
    wanted = _empty(snapshot)
    return all(
        getattr(state, field) == getattr(wanted, field)
        for field in ("snapshot", "encoder", "dimensions", "types", "items", "views")
    )


def _empty(snapshot: Snapshot) -> CollectionState:
    return CollectionState(
        snapshot=snapshot.id,
        encoder=snapshot.encoder,
        dimensions=snapshot.table.views.dimensions,
        types={name: about.type for name, about in snapshot.schema.fields.items()},
        items=len(snapshot.table),
        views=len(snapshot.table.views),
    )


def _load(
    database: Database,
    name: str,
    state: CollectionState,
    snapshot: Snapshot,
    progress: Progress,
    remaining: Callable[[], float],
) -> CollectionState:
    """Write items from the first that is not known to be there, in the order of their ids."""
    maker, total, batch = RecordMaker.of(snapshot.schema), state.items, database.limits.batch
    recorded, slowest = state.loaded, 0.0

    def note(loaded: int) -> None:
        now = database.collections().get(name)
        if now is None or not now.complete:
            database.record(name, msgspec.structs.replace(state, loaded=loaded))

    for start in range(state.loaded, total, batch):
        progress("engine load", start, total)
        if remaining() < LAST_SECONDS + slowest:
            if start > recorded:
                note(start)
            _demand_time(remaining() - slowest, name)
        end = min(start + batch, total)
        began = time.monotonic()
        database.write(name, [*maker.records(snapshot.table, range(start, end))])
        slowest = max(slowest, time.monotonic() - began)
        if end - recorded >= RECORD_EVERY:
            recorded = end
            note(end)
    progress("engine load", total, total)
    note(total)
    return msgspec.structs.replace(state, loaded=total)


def _demand_time(left: float, name: str) -> None:
    if left < LAST_SECONDS:
        raise OutOfTimeError(
            f"Time ran out while {name} was being loaded; what was written stays, and the next run goes on. Where a "
            "function's time is too short for it, load from your own machine: `tonari engine load` for what is live, "
            "`tonari rebuild` for a new snapshot."
        )


def _undo(database: Database, artefacts: Bucket, head: Head, name: str, snapshot: Snapshot) -> int:
    """Write all that may have been changed while the snapshot was live as the snapshot has it; gives how many items.

    Those are the items that the collection has changed, and those that a slow writer may still be going to change.
    """
    ids = sorted({*(one.id for one in database.states(name, since=1)), *_named_before(artefacts, head, snapshot.id)})
    maker, table = RecordMaker.of(snapshot.schema), snapshot.table
    batch = database.limits.batch
    for start in range(0, len(ids), batch):
        part = ids[start : start + batch]
        database.write(
            name,
            [
                maker.of_snapshot(table.item(at), head.generation) if at >= 0 else Tombstone(item, head.generation)
                for item, at in zip(part, table.positions(part).tolist(), strict=True)
            ],
        )
    return len(ids)


def _named_before(artefacts: Bucket, head: Head, snapshot: str) -> Collection[str]:
    """Give the items that segments named when this snapshot was live last, as far as that can be told."""
    if head.previous is None or head.previous.snapshot != snapshot:
        return ()
    try:
        segments = read_segments(artefacts, head.previous.segments, head.previous.encoder)
    except (CorruptArtefactError, MissingObjectError):
        return ()
    return {item for segment in segments for item in segment.items}
