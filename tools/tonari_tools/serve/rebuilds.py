"""Rebuilds on this machine: one before the server is ready, others on a schedule and when they are asked for."""

from __future__ import annotations

import datetime as dt
import functools
import math
import threading
from collections.abc import Callable
from pathlib import Path

from tonari.builds.look import RebuildContext
from tonari.builds.pending import forget, hold
from tonari.builds.rebuild import Rebuilt, rebuild
from tonari.config import Margins
from tonari.encoders.store import load_encoder
from tonari.errors import TonariError
from tonari.snapshots.snapshot import Progress
from tonari.storage.bucket import Bucket


class Rebuilder:
    """Rebuilds, one at a time.

    Parameters
    ----------
    cache
        Folder for downloaded artefacts.
    margins
        By how much a new snapshot may be worse than the live one.
    log
        Takes what a rebuild in the background came to.
    """

    def __init__(
        self, catalogue: Bucket, artefacts: Bucket, cache: Path, margins: Margins, log: Callable[[str], object]
    ) -> None:
        self._catalogue, self._artefacts, self._cache = catalogue, artefacts, cache
        self._margins, self._log = margins, log
        self._load = functools.lru_cache(maxsize=1)(lambda name: load_encoder(artefacts, name, cache))
        self._wanted = threading.Event()

    def ask(self) -> None:
        """Ask for a rebuild; :meth:`run` does it."""
        self._wanted.set()

    def rebuild(self, progress: Progress) -> Rebuilt:
        """Rebuild now.

        Raises
        ------
        NotReadyError
            If no encoder has been chosen.
        InvalidCatalogueError
            If ``schema.json`` cannot be read.
        StoreError
        """
        context = RebuildContext(
            self._catalogue, self._artefacts, self._load, self._cache, progress, lambda: math.inf, self._margins
        )
        done = rebuild(context)
        if done.outcome == "refused":
            hold(self._artefacts, dt.datetime.now(dt.UTC))
        else:
            forget(self._artefacts)
        return done

    def run(self, stop: threading.Event, *, first: float, every: float) -> None:
        """Rebuild ``first`` seconds from now, then at intervals and when asked, until told to stop."""
        pause = first
        while not stop.is_set():
            self._wanted.wait(pause)
            self._wanted.clear()
            pause = every
            if not stop.is_set():
                self._once(stop)

    def _once(self, stop: threading.Event) -> None:
        try:
            done = self.rebuild(lambda *_: None)
        except TonariError as error:
            said = error.detail
        except Exception as error:  # noqa: BLE001  a thread that dies would end the schedule
            said = repr(error)
        else:
            said = say(done)
        if not stop.is_set():
            self._log(f"rebuild: {said}\n")


def say(done: Rebuilt) -> str:
    """Say in a line what a rebuild came to."""
    if done.outcome == "refused":
        return f"refused: {done.why}; tonari rebuild --accept publishes it"
    return f"{done.outcome}: {done.items} items, {done.views} pictures, {done.rejected} objects rejected"
