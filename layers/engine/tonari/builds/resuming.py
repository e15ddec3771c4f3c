"""Finds the snapshot that a rebuild was loading into a vector database elsewhere when its time ran out, or it died."""

from __future__ import annotations

from dataclasses import dataclass

from tonari.builds.look import RebuildContext
from tonari.builds.old_collections import kept
from tonari.builds.publish import differing, is_whole
from tonari.contract.artefacts import Head
from tonari.errors import CorruptArtefactError, MissingObjectError
from tonari.fields.schema import Schema
from tonari.snapshots.snapshot import Snapshot, load_snapshot

MOST_CHANGED = 1_000
"""Up to so many items that have changed since are laid over it; if there are more, a new snapshot is built."""


@dataclass(frozen=True, slots=True)
class Loading:
    """A snapshot that is being loaded, and the ids of the items that have changed since it was built."""

    snapshot: Snapshot
    changed: tuple[str, ...]


def find_loading(context: RebuildContext, head: Head, encoder: str, schema: Schema) -> Loading | None:
    """Find the newest snapshot that is worth going on with; None if there is none.

    It passed the gates, for only then is a snapshot loaded; it is newer than the live one, of the encoder and the
    schema that a rebuild would use now, and few items have changed since.

    Raises
    ------
    EngineUnavailableError, StoreError
    """
    if context.database is None:
        return None
    there = context.database.collections()
    found = [
        state.snapshot
        for name, state in there.items()
        if name not in kept(head) and state.encoder == encoder and state.snapshot > (head.snapshot or "")
    ]
    for name in sorted(found, reverse=True):
        if not is_whole(context.artefacts, head, name):
            continue
        try:
            snapshot = load_snapshot(context.artefacts, name, context.cache, encoder)
        except (CorruptArtefactError, MissingObjectError):
            continue
        if snapshot.schema != schema:
            continue
        changed = tuple(sorted(differing(context.catalogue, snapshot.table)))
        if len(changed) <= MOST_CHANGED:
            return Loading(snapshot, changed)
    return None
