"""Drops collections of a vector database elsewhere whose snapshots can never be live again."""

from __future__ import annotations

from tonari.builds.publish import is_whole
from tonari.contract.artefacts import Head
from tonari.contract.database import Database, collection_name
from tonari.errors import NotReadyError
from tonari.snapshots.head import read_head
from tonari.storage.bucket import Bucket


def kept(head: Head) -> frozenset[str]:
    """Name the collections of what is live and of what was live before it."""
    snapshots = (head.snapshot, head.previous.snapshot if head.previous else None)
    return frozenset(collection_name(snapshot) for snapshot in snapshots if snapshot)


def drop_old(database: Database, artefacts: Bucket) -> tuple[str, ...]:
    """Drop the collections of snapshots that are condemned or gone; gives their names.

    Those of a load that runs stay, for the files of its snapshot are there before its collection is; and whoever would
    publish a snapshot that is condemned is refused.

    Raises
    ------
    EngineUnavailableError, StoreError
    """
    there = database.collections()
    head = read_head(artefacts).head
    old = [
        name
        for name, state in sorted(there.items())
        if name not in kept(head) and not is_whole(artefacts, head, state.snapshot)
    ]
    for name in old:
        database.drop(name)
    return tuple(old)


def droppable(database: Database, artefacts: Bucket) -> tuple[str, ...]:
    """Name all collections but those of what is live and of what was live before it."""
    there = database.collections()
    return tuple(sorted(set(there) - kept(read_head(artefacts).head)))


def drop_named(database: Database, artefacts: Bucket, name: str) -> None:
    """Drop one collection.

    Raises
    ------
    NotReadyError
        If it is the one of what is live.
    """
    head = read_head(artefacts).head
    if head.snapshot and collection_name(head.snapshot) == name:
        raise NotReadyError(
            f"{name} holds the live snapshot: without it no search is answered. Publish another snapshot first."
        )
    database.drop(name)
