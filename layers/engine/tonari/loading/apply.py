"""Lays what has changed since a snapshot over its collection in a vector database elsewhere.

The head is the only truth, and it moves first. What is written to the database carries the generation of the head it
was read from, and the database lets no older one win: however late a writer comes, and however many there are, what
they write ends as the newest of them saw it. Two writers may see an item alike at two heads, and a third have seen it
otherwise between them: therefore whoever published an item writes it, even if the database has it just so.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Literal

import msgspec

from tonari.contract.database import LIVE, CollectionState, Database, RecordState, collection_name
from tonari.errors import CorruptArtefactError, MissingCollectionError, MissingObjectError
from tonari.loading.items import LiveItems, LoadTables, live_items, write_items
from tonari.snapshots.head import read_head
from tonari.storage.bucket import Bucket

TRIES = 10


@dataclass(frozen=True, slots=True)
class Applied:
    """What became of changes.

    Parameters
    ----------
    outcome
        ``applied``; ``not loaded`` if the database does not hold all of the live snapshot: loading it brings the
        changes along; ``nothing`` if no snapshot is live.
    generation
        Of the head whose changes the database then has.
    written
        How many items.
    """

    outcome: Literal["applied", "not loaded", "nothing"]
    generation: int
    written: int = 0


def apply(
    database: Database,
    artefacts: Bucket,
    load_tables: LoadTables,
    published: Collection[str] = (),
    since: int = 0,
) -> Applied:
    """Write to the live collection what differs from the live head, until no newer head is found.

    Doing it twice, or by several processes at once, does no harm.

    Parameters
    ----------
    load_tables
        Gives a snapshot's items by its id; embeddings are not needed.
    published, since
        Items that the caller has looked at, and the generation that shows them: they are written even if the database
        has them just so, unless it has them from that generation or a newer one.

    Raises
    ------
    EngineUnavailableError
        If the database cannot be reached. What was written stays; the next run goes on.
    CorruptArtefactError
    StoreError
    """
    written, sure = 0, frozenset(published)
    generation = 0
    for _ in range(TRIES):
        head = read_head(artefacts).head
        if head.snapshot is None or head.encoder is None:
            return Applied("nothing", head.generation)
        if head.generation == generation:
            break
        try:
            state = database.collections().get(collection_name(head.snapshot))
            if state is None or not state.complete:
                return Applied("not loaded", head.generation, written)
            written += _apply(database, live_items(artefacts, head, load_tables), state, sure, since)
        except (MissingCollectionError, MissingObjectError, CorruptArtefactError):
            if read_head(artefacts).head.generation == head.generation:
                raise
            continue
        generation = head.generation
    return Applied("applied", generation, written)


def _apply(database: Database, live: LiveItems, state: CollectionState, sure: Collection[str], since: int) -> int:
    """Write what differs from one head; gives how many items that were."""
    have = {one.id: one for one in database.states(live.name, since=1)}
    generation, wanted = live.head.generation, live.changed_states()
    ids = [item for item, state in wanted.items() if _differs(have.get(item), state, since if item in sure else 0)]
    changed_before = [item for item in have if item not in wanted]
    stored = live.stored_states(changed_before) if changed_before else {}
    ids += [item for item in changed_before if have[item].state != stored[item]]
    ids = sorted(item for item in ids if item not in have or have[item].generation <= generation)
    write_items(database, live, ids)
    if state.generation < generation:
        database.record(live.name, msgspec.structs.replace(state, generation=generation))
    return len(ids)


def _differs(found: RecordState | None, state: str | None, since: int) -> bool:
    return found is None or found.state != state or found.generation < since


def switch(database: Database, artefacts: Bucket) -> str | None:
    """Let the alias name the collection of what is live; gives its name, None if nothing is live."""
    head = read_head(artefacts).head
    for _ in range(TRIES):
        if head.snapshot is None:
            return None
        name = collection_name(head.snapshot)
        if database.pointed(LIVE) != name:
            database.point(LIVE, name)
        if (now := read_head(artefacts).head).snapshot == head.snapshot:
            return name
        head = now
    return collection_name(head.snapshot or "")
