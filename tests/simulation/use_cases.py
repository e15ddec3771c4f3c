"""The real use cases, as the functions and commands call them: the one place that knows how they are called."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from pathlib import Path

from simulation.materials import encoders
from tonari.builds import collect as collecting
from tonari.builds import lease as leases
from tonari.builds import old_collections as dropping
from tonari.builds import publish as publishing
from tonari.builds import rebuild as rebuilding
from tonari.builds import reindex as reindexing
from tonari.builds.look import RebuildContext
from tonari.config import ANY_FALL
from tonari.contract.database import Database
from tonari.encoders.port import Encoder
from tonari.encoders.store import fetch_encoder
from tonari.loading import apply as applying
from tonari.loading import live as loading
from tonari.snapshots.snapshot import load_tables
from tonari.storage.bucket import Bucket


def load_encoder(artefacts: Bucket, name: str, _: Path) -> Encoder:
    """Download an encoder, and give the one in memory that has the same files."""
    fetch_encoder(artefacts, name)
    return encoders()[name].encoder


def context_of(
    catalogue: Bucket,
    artefacts: Bucket,
    cache: Path,
    remaining: Callable[[], float] = lambda: 900.0,
    database: Database | None = None,
) -> RebuildContext:
    """Give what a rebuild, and going back, work with."""
    load = functools.lru_cache(maxsize=2)(lambda name: load_encoder(artefacts, name, cache))
    return RebuildContext(catalogue, artefacts, load, cache, lambda *_: None, remaining, ANY_FALL, database)


def reindexer(
    catalogue: Bucket,
    artefacts: Bucket,
    cache: Path,
    start: Callable[[str], None],
    database: Database | None = None,
) -> Callable[[Sequence[str]], int | None]:
    """Do what the reindex function does with items; gives the head's generation if they can be acknowledged.

    If only a rebuild can take them in, ``start`` is told the id of one, unless somebody else is at it.
    """
    load = functools.lru_cache(maxsize=2)(lambda name: load_encoder(artefacts, name, cache))
    tables = functools.lru_cache(maxsize=1)(lambda name: load_tables(artefacts, name, cache))

    def handle(items: Sequence[str]) -> int | None:
        done = reindexing.reindex(items, catalogue, artefacts, load, tables)
        if done.outcome != "rebuild":
            if database:
                applying.apply(database, artefacts, tables, items, done.generation)
            return done.generation
        if lease := leases.ask(artefacts):
            start(lease.build)
        return None

    return handle


def rebuild(context: RebuildContext, build: str = "") -> bool:
    """Do one run of the rebuild function; tell whether it is done with its rebuild."""
    return rebuilding.rebuild(context, build).outcome not in ("unfinished", "busy")


def roll_back(context: RebuildContext) -> None:
    """Do what `tonari rollback` does."""
    publishing.roll_back(context)


def collect(artefacts: Bucket, grace: float, database: Database | None = None) -> None:
    """Do what the rebuild function does at its end, and `tonari gc`."""
    collecting.collect(artefacts, grace)
    if database:
        dropping.drop_old(database, artefacts)


def load_engine(context: RebuildContext) -> None:
    """Do what `tonari engine load` does."""
    if context.database:
        loading.bring_up(context.database, context.artefacts, context.cache)
