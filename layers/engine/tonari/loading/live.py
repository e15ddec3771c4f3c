"""Brings a vector database elsewhere up to what is live: after publishing, and where it holds none of it yet."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path

from tonari.contract.database import CollectionState, Database, collection_name
from tonari.errors import (
    CorruptArtefactError,
    EngineUnavailableError,
    MissingCollectionError,
    NotReadyError,
    StoreError,
)
from tonari.loading.apply import Applied, apply, switch
from tonari.loading.load import prepare
from tonari.snapshots.head import read_head
from tonari.snapshots.snapshot import Progress, Snapshot, load_snapshot, load_tables
from tonari.storage.bucket import Bucket


def follow(database: Database, artefacts: Bucket, cache: Path) -> Applied:
    """Let the alias name what is live, and write what lies over it; raises what :func:`apply` does."""
    switch(database, artefacts)
    return apply(database, artefacts, functools.lru_cache(1)(lambda name: load_tables(artefacts, name, cache)))


def follow_if_possible(database: Database, artefacts: Bucket, cache: Path) -> str:
    """Follow a head that was published; gives why that failed, in words, empty if it did not.

    It is no reason to fail: until the next run does it, answers take what lies over the snapshot from memory.
    """
    try:
        follow(database, artefacts, cache)
    except (EngineUnavailableError, StoreError, CorruptArtefactError) as error:
        return f"the search engine has not got the newest changes yet, the next run brings them: {error.detail}"
    return ""


def bring_up(
    database: Database,
    artefacts: Bucket,
    cache: Path,
    progress: Progress = lambda *_: None,
    remaining: Callable[[], float] = lambda: float("inf"),
    live: Snapshot | None = None,
) -> CollectionState:
    """Load what is live, as far as the database does not hold it, and follow the head.

    Parameters
    ----------
    live
        The live snapshot, if it has been loaded already.

    Raises
    ------
    NotReadyError
        If no snapshot is live.
    UnfaithfulEngineError, OutOfTimeError
        As :func:`tonari.loading.load.prepare` says.
    EngineUnavailableError, StoreError, CorruptArtefactError
    """
    name = read_head(artefacts).head.snapshot
    if name is None:
        raise NotReadyError("No snapshot is live: run `tonari rebuild` first, which loads the search engine as well.")
    state = database.collections().get(collection_name(name))
    if state is None or not state.complete:
        snapshot = live if live and live.id == name else load_snapshot(artefacts, name, cache)
        prepare(database, artefacts, snapshot, progress, remaining)
    follow(database, artefacts, cache)
    state = database.collections().get(collection_name(name))
    if state is None:
        raise MissingCollectionError(
            f"Snapshot {name} was replaced while it was being loaded, and its collection dropped: run it again."
        )
    return state
