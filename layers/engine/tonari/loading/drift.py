"""Compares a whole collection of a vector database elsewhere with what is live, and mends what differs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from tonari.contract.database import Database, RecordState
from tonari.errors import MissingCollectionError, NotReadyError
from tonari.loading.items import LiveItems, LoadTables, live_items, write_items
from tonari.snapshots.head import read_head
from tonari.storage.bucket import Bucket


@dataclass(frozen=True, slots=True)
class Drift:
    """How a collection differs from what is live.

    Parameters
    ----------
    name
        Of the collection.
    generation
        Of the head that it was compared with.
    items
        How many the head shows.
    missing
        Ids of items that the collection lacks.
    astray
        Ids of items that it holds, and that are not there any more.
    outdated
        Ids of items that it holds in another form.
    """

    name: str
    generation: int
    items: int
    missing: tuple[str, ...]
    astray: tuple[str, ...]
    outdated: tuple[str, ...]

    @property
    def ids(self) -> tuple[str, ...]:
        """All ids that differ, ascending."""
        return tuple(sorted({*self.missing, *self.astray, *self.outdated}))


def drift(database: Database, artefacts: Bucket, load_tables: LoadTables) -> Drift:
    """Compare ids and states of a whole collection with the live snapshot and its segments.

    What was written by a newer head, while this compares, counts as right.

    Raises
    ------
    NotReadyError
        If nothing is live.
    MissingCollectionError
        If the collection is not there, or is not complete.
    EngineUnavailableError, StoreError, CorruptArtefactError
    """
    live = _live(database, artefacts, load_tables)
    return _compare(database, live)


def repair(database: Database, artefacts: Bucket, load_tables: LoadTables) -> Drift:
    """Compare as :func:`drift` does, and write what differs as it should be; gives what differed."""
    live = _live(database, artefacts, load_tables)
    found = _compare(database, live)
    write_items(database, live, found.ids)
    return found


def _live(database: Database, artefacts: Bucket, load_tables: LoadTables) -> LiveItems:
    head = read_head(artefacts).head
    if head.snapshot is None or head.encoder is None:
        raise NotReadyError("No snapshot is live: run `tonari rebuild` first.")
    live = live_items(artefacts, head, load_tables)
    state = database.collections().get(live.name)
    if state is None or not state.complete:
        raise MissingCollectionError(
            f"The search engine does not hold all of the live snapshot {head.snapshot}: run `tonari engine load`."
        )
    return live


def _compare(database: Database, live: LiveItems) -> Drift:
    missing, astray, outdated = list[str](), list[str](), list[str]()
    items, generation = 0, live.head.generation
    for name, wanted, found in _side_by_side(live.states(), database.states(live.name)):
        items += wanted is not None
        if found is not None and found.generation > generation:
            continue
        state = found.state if found else None
        if wanted == state:
            continue
        (missing if state is None else astray if wanted is None else outdated).append(name)
    return Drift(live.name, generation, items, tuple(missing), tuple(astray), tuple(outdated))


def _side_by_side(
    wanted: Iterator[tuple[str, str]], found: Iterator[RecordState]
) -> Iterator[tuple[str, str | None, RecordState | None]]:
    """Give what should be and what is there of each id; both ascend by the bytes of their ids."""
    ours, theirs = next(wanted, None), next(found, None)
    while ours is not None or theirs is not None:
        mine = ours[0].encode() if ours else None
        other = theirs.id.encode() if theirs else None
        if ours is not None and (other is None or (mine is not None and mine < other)):
            yield ours[0], ours[1], None
            ours = next(wanted, None)
        elif theirs is not None and (mine is None or (other is not None and other < mine)):
            yield theirs.id, None, theirs
            theirs = next(found, None)
        elif ours is not None and theirs is not None:
            yield ours[0], ours[1], theirs
            ours, theirs = next(wanted, None), next(found, None)
