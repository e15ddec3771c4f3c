"""What a vector database elsewhere holds, beside what is live."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from tonari.contract.database import LIVE, Database, collection_name
from tonari.snapshots.head import read_head
from tonari.storage.bucket import Bucket

Role = Literal["live", "previous", "loading", "old"]


@dataclass(frozen=True, slots=True)
class Held:
    """A collection.

    Parameters
    ----------
    role
        It holds what is live, or what was live before; it is not complete, and no head names it; or nobody needs it.
    items, views, loaded
        How many its snapshot has, and how many of its items were written.
    behind
        By how many generations it is behind the head: those changes come with the next one, and are answered from
        memory until then. 0 unless it is live.
    """

    name: str
    role: Role
    snapshot: str
    items: int
    views: int
    loaded: int
    complete: bool
    recall: float
    behind: int


@dataclass(frozen=True, slots=True)
class EngineState:
    """What a database holds.

    Parameters
    ----------
    live
        The collection that should answer; None if nothing is live.
    alias
        The collection that the alias names.
    found, ids
        Its limits: the greatest ``k`` of an approximate search, and how many ids a range may name.
    problem
        What is wrong, with the remedy; empty if nothing is.
    """

    live: str | None
    generation: int
    alias: str | None
    found: int
    ids: int
    collections: tuple[Held, ...]
    problem: str


def look_at(database: Database, artefacts: Bucket) -> EngineState:
    """Ask a database what it holds.

    Raises
    ------
    EngineUnavailableError
        If it cannot be reached.
    StoreError
    """
    head = read_head(artefacts).head
    live = collection_name(head.snapshot) if head.snapshot else None
    previous = collection_name(head.previous.snapshot) if head.previous else None
    held = []
    for name, state in sorted(database.collections().items()):
        role: Role = "live" if name == live else "previous" if name == previous else "old"
        if role == "old" and not state.complete:
            role = "loading"
        behind = max(0, head.generation - state.generation) if name == live and head.segments else 0
        held.append(
            Held(
                name,
                role,
                state.snapshot,
                state.items,
                state.views,
                state.loaded,
                state.complete,
                state.recall,
                behind,
            )
        )
    alias, limits = database.pointed(LIVE), database.limits
    whole = any(one.name == live and one.complete for one in held)
    return EngineState(
        live, head.generation, alias, limits.found, limits.ids, tuple(held), _problem(live, alias, whole=whole)
    )


def _problem(live: str | None, alias: str | None, *, whole: bool) -> str:
    if live is None:
        return "No snapshot is live: run tonari rebuild, which loads the search engine as well."
    if not whole:
        return f"It does not hold all of {live}, which is live: run tonari engine load."
    if alias != live:
        return f"The alias names {alias}, not {live}, which is live: run tonari engine load."
    return ""
