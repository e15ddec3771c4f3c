"""What a worker does: the real use cases, on real buckets, as the functions and commands do them."""

from __future__ import annotations

import functools
import os
import signal
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from living.stalling import Stalling, before_call, never
from tonari.builds import collect as collecting
from tonari.builds import lease as leasing
from tonari.builds import publish as publishing
from tonari.builds import rebuild as rebuilding
from tonari.builds import reindex as reindexing
from tonari.builds.look import RebuildContext
from tonari.config import ANY_FALL
from tonari.encoders.store import load_encoder
from tonari.errors import NotReadyError, StoreError
from tonari.snapshots.head import use_encoder
from tonari.snapshots.snapshot import load_tables
from tonari.storage import cache as caching
from tonari.storage.bucket import Bucket
from tonari.storage.s3 import S3Bucket

SHORT_OF_TIME = 15.0
"""Seconds with which a run that has read or encoded anything leaves the rest to the next one."""


@dataclass(frozen=True)
class Settings:
    """What a worker works with.

    Parameters
    ----------
    patience
        Seconds without a sign of life after which a rebuild counts as dead.
    shard
        Most views that are encoded together.
    idle, stale
        Seconds for which the cache, and collection, keep what nobody asks for.
    """

    catalogue: str
    artefacts: str
    cache: Path
    patience: float = leasing.PATIENCE_SECONDS
    shard: int = 2
    idle: float = caching.IDLE_SECONDS
    stale: float = collecting.STALE_SECONDS


@dataclass(frozen=True)
class Failed:
    """A use case raised a passing error, or (``bug``) one that should not be."""

    kind: str
    detail: str
    bug: bool = False


@dataclass(frozen=True)
class Holding:
    """A rebuild has come to a stage, and waits to be told to go on."""

    stage: str


class UseCases:
    """The use cases on two buckets, as one execution environment has them.

    Parameters
    ----------
    progress
        Is told how far a rebuild has come.
    """

    def __init__(
        self,
        catalogue: Bucket,
        artefacts: Bucket,
        cache: Path,
        progress: Callable[[str, int, int], None] = lambda *_: None,
    ) -> None:
        self.catalogue, self.artefacts = catalogue, artefacts
        self._load = functools.lru_cache(maxsize=2)(lambda name: load_encoder(artefacts, name, cache))
        self._tables = functools.lru_cache(maxsize=1)(lambda name: load_tables(artefacts, name, cache))
        self.context = RebuildContext(catalogue, artefacts, self._load, cache, progress, lambda: 900.0, ANY_FALL)

    def reindex(self, items: Sequence[str]) -> reindexing.Reindexed:
        return reindexing.reindex(items, self.catalogue, self.artefacts, self._load, self._tables)

    def rebuild(self) -> rebuilding.Rebuilt:
        return rebuilding.rebuild(self.context)

    def chain(self) -> rebuilding.Rebuilt:
        """Rebuild in runs that are each short of time."""
        short = replace(self.context, remaining=lambda: SHORT_OF_TIME)
        done = rebuilding.rebuild(short)
        while done.outcome == "unfinished":
            done = rebuilding.rebuild(short, done.build)
        return done

    def unfinished(self) -> rebuilding.Rebuilt:
        """Begin a chain that nobody goes on with."""
        return rebuilding.rebuild(replace(self.context, remaining=lambda: SHORT_OF_TIME))

    def collect(self, grace: float) -> collecting.Collected:
        return collecting.collect(self.artefacts, grace)

    def roll_back(self) -> publishing.Published:
        return publishing.roll_back(self.context)

    def publish(self, name: str) -> publishing.Published:
        """Make a snapshot live that lies in the bucket."""
        return publishing.publish_stored(self.context, name)

    def switch(self, name: str) -> None:
        """Choose another encoder for the next rebuild."""
        use_encoder(self.artefacts, name)


class Machine:
    """A process that does what it is told by name, with arguments, and says what came of it."""

    def __init__(self, settings: Settings, client: Any, connection: Connection) -> None:
        self._connection, self._hold = connection, False
        leasing.PATIENCE_SECONDS = collecting.PATIENCE_SECONDS = settings.patience
        leasing.SIGN_EVERY_SECONDS = min(leasing.SIGN_EVERY_SECONDS, max(settings.patience / 4, 0))
        rebuilding.SHARD, caching.IDLE_SECONDS = settings.shard, settings.idle
        collecting.STALE_SECONDS = settings.stale
        self._stalling = stalling = Stalling(never, lambda: os.kill(os.getpid(), signal.SIGKILL))
        buckets = (stalling.bucket(S3Bucket(name, client)) for name in (settings.catalogue, settings.artefacts))
        self._do = UseCases(*buckets, settings.cache, self._progress)

    def serve(self) -> None:
        """Do what is asked, until nobody asks any more.

        ``hold`` makes a rebuild wait once it has begun; ``dies`` kills the process before a call, by its number.
        """
        while True:
            try:
                what, arguments = self._connection.recv()
            except (EOFError, ConnectionResetError):
                return
            self._hold = arguments.pop("hold", False)
            self._stalling.expect(before_call(arguments.pop("dies", -1)))
            try:
                said: Any = getattr(self._do, what)(**arguments)
            except (StoreError, NotReadyError) as error:
                said = Failed(type(error).__name__, error.detail)
            except Exception:  # noqa: BLE001
                said = Failed("bug", traceback.format_exc(), bug=True)
            self._connection.send(said)

    def _progress(self, stage: str, *_: int) -> None:
        if self._hold:
            self._hold = False
            self._connection.send(Holding(stage))
            self._connection.recv()
