"""What keeps the index up to date on this machine: changes are reindexed at once, rebuilds go by schedule and need."""

from __future__ import annotations

import functools
import math
import threading
import time
from collections.abc import Callable
from pathlib import Path

from tonari.builds.collect import collect
from tonari.builds.lease import REFUSED_SECONDS
from tonari.builds.look import RebuildContext
from tonari.builds.old_collections import drop_old
from tonari.builds.rebuild import Rebuilt, rebuild
from tonari.builds.reindex import reindex
from tonari.catalogue.documents import IMAGES, ITEMS, SCHEMA, item_of
from tonari.config import Margins
from tonari.contract.database import Database
from tonari.encoders.store import load_encoder
from tonari.errors import TonariError
from tonari.loading.apply import apply
from tonari.snapshots.head import read_head, refused_lately
from tonari.snapshots.snapshot import Progress, load_tables
from tonari.storage.bucket import Bucket

EVERY_SECONDS = 1.0
LISTING_SHARE = 0.1
"""Of the time at most that listing the catalogue may take."""
AGAIN_SECONDS = 5.0
BATCH = 500


class Rebuilder:
    """Rebuilds, one at a time; downloads go to ``cache``, what comes of rebuilds in the background to ``log``.

    ``build`` is the id of its rebuilds, if it is the only one of that id: it then goes on at once where a dead process
    of that id stopped, which others do after fifteen minutes.
    """

    def __init__(
        self,
        catalogue: Bucket,
        artefacts: Bucket,
        cache: Path,
        margins: Margins,
        log: Callable[[str], object],
        build: str = "",
        database: Database | None = None,
    ) -> None:
        self._catalogue, self._artefacts, self._cache, self._database = catalogue, artefacts, cache, database
        self._margins, self._log = margins, log
        self._load = functools.lru_cache(maxsize=1)(lambda name: load_encoder(artefacts, name, cache))
        self._wanted = threading.Event()
        self._running = False
        self._build = build

    def ask(self) -> bool:
        """Ask for a rebuild, which :meth:`run` does; tell whether that is news.

        Nothing is done if one is asked for or running, or was refused in the last hours.
        """
        if self._running or self._wanted.is_set():
            return False
        live = read_head(self._artefacts).head.snapshot
        if refused_lately(self._artefacts, live, REFUSED_SECONDS):
            return False
        self._wanted.set()
        return True

    def wake(self) -> None:
        """Let :meth:`run` see that it is told to stop."""
        self._wanted.set()

    def rebuild(self, progress: Progress) -> Rebuilt:
        """Rebuild now, and collect what the index no longer needs.

        Raises
        ------
        NotReadyError
            If no encoder has been chosen.
        InvalidCatalogueError
            If ``schema.json`` cannot be read.
        StoreError
        """
        context = RebuildContext(
            self._catalogue,
            self._artefacts,
            self._load,
            self._cache,
            progress,
            lambda: math.inf,
            self._margins,
            self._database,
        )
        done = rebuild(context, self._build)
        if done.outcome != "busy":
            collect(self._artefacts)
            if self._database:
                drop_old(self._database, self._artefacts)
        return done

    def run(self, stop: threading.Event, *, first: float, every: float) -> None:
        """Rebuild ``first`` seconds from now, then at intervals and when asked, until told to stop."""
        pause = first
        while not stop.is_set():
            self._wanted.wait(pause)
            self._wanted.clear()
            pause = every
            if stop.is_set():
                return
            try:
                self._running = True
                said = say(self.rebuild(lambda *_: None))
            except Exception as error:  # noqa: BLE001  a thread that dies would end the schedule
                said = _reason(error)
            finally:
                self._running = False
            if not stop.is_set():
                self._log(f"rebuild: {said}\n")


def say(done: Rebuilt) -> str:
    """Say in a line what a rebuild came to."""
    if done.outcome == "refused":
        return f"refused: {done.why}{'; tonari rebuild --accept publishes it' if done.acceptable else ''}"
    if done.outcome == "busy":
        return "another rebuild is running"
    return f"{done.outcome}: {done.items} items, {done.views} views, {done.rejected} objects rejected"


class CatalogueWatch:
    """Tells what has changed since it was asked last; what it finds when it is made counts as known."""

    def __init__(self, catalogue: Bucket) -> None:
        self._catalogue = catalogue
        self._etags = self._list()
        self._schema = catalogue.head(SCHEMA)

    def changed(self) -> set[str]:
        """Give the ids of items with an object that is new, gone or has other bytes.

        Raises
        ------
        StoreError
        """
        now = self._list()
        keys = {key for key, _ in now.items() ^ self._etags.items()}
        self._etags = now
        return {item for key in keys if (item := item_of(key)) is not None}

    def schema_changed(self) -> bool:
        """Tell whether ``schema.json`` is new, gone or has other bytes.

        Raises
        ------
        StoreError
        """
        before, self._schema = self._schema, self._catalogue.head(SCHEMA)
        return (before and before.etag) != (self._schema and self._schema.etag)

    def _list(self) -> dict[str, str]:
        return {found.key: found.etag for prefix in (ITEMS, IMAGES) for found in self._catalogue.list(prefix)}


class Reindexer:
    """Publishes items that have changed, in batches; what fails is tried again. Another schema needs a rebuild.

    It is the local counterpart of S3's events and the reindex function; ``rebuild`` asks for a rebuild without waiting.
    """

    def __init__(
        self,
        catalogue: Bucket,
        artefacts: Bucket,
        cache: Path,
        rebuild: Callable[[], bool],
        log: Callable[[str], object],
        database: Database | None = None,
    ) -> None:
        self._database = database
        self._watch = CatalogueWatch(catalogue)
        self._catalogue, self._artefacts, self._rebuild, self._log = catalogue, artefacts, rebuild, log
        self._load_encoder = functools.lru_cache(maxsize=2)(lambda name: load_encoder(artefacts, name, cache))
        self._load_tables = functools.lru_cache(maxsize=1)(lambda name: load_tables(artefacts, name, cache))
        self._waiting: set[str] = set()
        self._schema_waits = False
        self._not_before = 0.0

    def run(self, stop: threading.Event) -> None:
        """Look every second, less often where that takes long, until told to stop."""
        pause = EVERY_SECONDS
        while not stop.wait(pause):
            began = time.monotonic()
            try:
                self._waiting |= self._watch.changed()
                self._schema_waits |= self._watch.schema_changed()
                pause = max(EVERY_SECONDS, (time.monotonic() - began) / LISTING_SHARE)
                if self._schema_waits and self._rebuild():
                    self._schema_waits = False
                    self._log("schema.json has changed: a rebuild starts now\n")
                if self._waiting and time.monotonic() >= self._not_before:
                    self._publish()
            except Exception as error:  # noqa: BLE001  a thread that dies would leave changes unseen
                self._not_before = time.monotonic() + AGAIN_SECONDS
                if not stop.is_set():
                    self._log(f"reindex: {_reason(error)}\n")

    def _publish(self) -> None:
        batch = sorted(self._waiting)[:BATCH]
        done = reindex(batch, self._catalogue, self._artefacts, self._load_encoder, self._load_tables)
        if done.outcome == "rebuild":
            self._not_before = time.monotonic() + AGAIN_SECONDS
            if self._rebuild():
                why = f" ({done.why})" if done.why else ""
                self._log(f"reindex: {len(self._waiting)} items wait for a rebuild, which starts now{why}\n")
            return
        if self._database:
            apply(self._database, self._artefacts, self._load_tables, batch, done.generation)
        self._waiting -= set(batch)
        if done.outcome == "published":
            self._log(
                f"reindex: {done.items} items changed, {done.deleted} deleted, {done.rejected} objects rejected; "
                f"generation {done.generation}\n"
            )


def _reason(error: Exception) -> str:
    return error.detail if isinstance(error, TonariError) else repr(error)
