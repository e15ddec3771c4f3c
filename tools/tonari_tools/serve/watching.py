"""What changes in the catalogue becomes searchable: the local counterpart of S3's events and the reindex function."""

from __future__ import annotations

import datetime as dt
import functools
import threading
import time
from collections.abc import Callable
from pathlib import Path

from tonari.builds.pending import ask_once
from tonari.builds.reindex import reindex
from tonari.catalogue.documents import IMAGES, ITEMS, item_of
from tonari.encoders.store import load_encoder
from tonari.errors import TonariError
from tonari.snapshots.snapshot import load_tables
from tonari.storage.bucket import Bucket

EVERY_SECONDS = 1.0
LISTING_SHARE = 0.1
"""Of the time at most that listing the catalogue may take."""
AGAIN_SECONDS = 5.0
BATCH = 500


class CatalogueWatch:
    """Tells which items have changed since it was asked last; what it finds when it is made counts as known."""

    def __init__(self, catalogue: Bucket) -> None:
        self._catalogue = catalogue
        self._etags = self._list()

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

    def _list(self) -> dict[str, str]:
        return {found.key: found.etag for prefix in (ITEMS, IMAGES) for found in self._catalogue.list(prefix)}


class Reindexer:
    """Publishes items that have changed, in batches; what fails is tried again.

    Parameters
    ----------
    cache
        Folder for downloaded artefacts.
    rebuild
        Asks for a rebuild, without waiting for it.
    log
        Takes what went wrong.
    """

    def __init__(
        self,
        catalogue: Bucket,
        artefacts: Bucket,
        cache: Path,
        rebuild: Callable[[], object],
        log: Callable[[str], object],
    ) -> None:
        self._watch = CatalogueWatch(catalogue)
        self._catalogue, self._artefacts, self._rebuild, self._log = catalogue, artefacts, rebuild, log
        self._load_encoder = functools.lru_cache(maxsize=2)(lambda name: load_encoder(artefacts, name, cache))
        self._load_tables = functools.lru_cache(maxsize=1)(lambda name: load_tables(artefacts, name, cache))
        self._waiting: set[str] = set()
        self._not_before = 0.0

    def run(self, stop: threading.Event) -> None:
        """Look every second, less often where that takes long, until told to stop."""
        pause = EVERY_SECONDS
        while not stop.wait(pause):
            began = time.monotonic()
            try:
                self._waiting |= self._watch.changed()
                pause = max(EVERY_SECONDS, (time.monotonic() - began) / LISTING_SHARE)
                if self._waiting and time.monotonic() >= self._not_before:
                    self.publish()
            except TonariError as error:
                self._later(f"reindex: {error.detail}", stop)
            except Exception as error:  # noqa: BLE001  a thread that dies would leave changes unseen
                self._later(f"reindex: {error!r}", stop)

    def publish(self) -> None:
        """Publish the items that wait.

        Raises
        ------
        StoreError, InvalidEncoderError
        """
        batch = sorted(self._waiting)[:BATCH]
        done = reindex(batch, self._catalogue, self._artefacts, self._load_encoder, self._load_tables)
        if done.outcome == "rebuild":
            self._not_before = time.monotonic() + AGAIN_SECONDS
            if ask_once(self._artefacts, dt.datetime.now(dt.UTC)):
                self._log(f"reindex: {len(self._waiting)} items wait for a rebuild, which starts now\n")
                self._rebuild()
            return
        self._waiting -= set(batch)
        if done.outcome == "published":
            self._log(
                f"reindex: {done.items} items changed, {done.deleted} deleted, {done.rejected} objects rejected; "
                f"generation {done.generation}\n"
            )

    def _later(self, why: str, stop: threading.Event) -> None:
        self._not_before = time.monotonic() + AGAIN_SECONDS
        if not stop.is_set():
            self._log(f"{why}\n")
