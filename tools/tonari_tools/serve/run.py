"""tonari in one process: the API and its page over two buckets, with threads that keep the index up to date."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Self

from tonari.api.app import App
from tonari.config import Margins
from tonari.engines.builtin import open_builtin
from tonari.errors import CorruptArtefactError, MissingObjectError, NotReadyError
from tonari.query.serving import Reader
from tonari.snapshots.head import read_head
from tonari.snapshots.snapshot import Progress, read_manifest
from tonari.storage.bucket import Bucket
from tonari.storage.folder import FolderBucket
from tonari_tools.report.desk import PATH, Desk, ReportProcess
from tonari_tools.serve.buckets import is_folder, open_bucket
from tonari_tools.serve.listener import Listener, access_log
from tonari_tools.serve.rebuilds import Rebuilder, say
from tonari_tools.serve.running import Running, announced, reserved
from tonari_tools.serve.site import FILES, LinkedFiles, Site
from tonari_tools.serve.watching import Reindexer

HEAD_MAX_AGE = 1.0
FIRST_REBUILD_SECONDS = 5.0
"""Takes in what changed while nobody served."""
JOIN_SECONDS = 3.0
POLL_SECONDS = 0.5


class _Ended(BaseException):
    """Ctrl-C or SIGTERM."""


@dataclass(frozen=True, slots=True)
class ServeSettings:
    """How to serve.

    Parameters
    ----------
    state
        Folder for downloads, the report and ``running.json``; made if need be.
    catalogue, artefacts
        The two buckets: folders, made if need be, or names on S3. What changes in a folder is reindexed and rebuilt
        here; for a catalogue on S3 the functions there do that.
    port
        Port on 127.0.0.1, 0 for any that is free.
    rebuild_every
        Seconds between two scheduled rebuilds.
    """

    state: Path
    catalogue: str
    artefacts: str
    port: int = 8787
    rebuild_every: float = 600.0


def serve(
    settings: ServeSettings,
    prepare: Callable[[Bucket, Bucket], bool],
    progress: Callable[[], AbstractContextManager[Progress]],
) -> None:
    """Serve until Ctrl-C or SIGTERM.

    Parameters
    ----------
    prepare
        Called with catalogue and artefacts before anything is served; tells whether it changed anything.
    progress
        Opened for the first rebuild, if there has to be one: told how far it is.

    Raises
    ------
    LocalServiceError
        If the port is taken, or another server runs on the same state.
    NotReadyError
        If nothing is published and no encoder is chosen.
    """
    settings.state.mkdir(parents=True, exist_ok=True)
    with contextlib.suppress(_Ended), _ended_by_signals(), contextlib.ExitStack() as stack:
        _run(settings, prepare, progress, stack)


def _run(
    settings: ServeSettings,
    prepare: Callable[[Bucket, Bucket], bool],
    progress: Callable[[], AbstractContextManager[Progress]],
    stack: contextlib.ExitStack,
) -> None:
    began = time.monotonic()
    stack.enter_context(reserved(settings.state))
    listener = stack.enter_context(Listener(settings.port))
    buckets = {
        name: _open(bucket, f"{listener.url}{FILES}{name}")
        for name, bucket in (("catalogue", settings.catalogue), ("artefacts", settings.artefacts))
    }
    catalogue, artefacts = buckets["catalogue"], buckets["artefacts"]
    cache = settings.state / "cache"
    rebuilder = Rebuilder(catalogue, artefacts, cache, Margins.read(os.environ), _log)
    local = is_folder(settings.catalogue)
    if prepare(catalogue, artefacts) or (local and not _is_built(artefacts)):
        with progress() as report_progress:
            done = rebuilder.rebuild(report_progress)
        print(f"index  {say(done)}", flush=True)
    reader = Reader(artefacts, cache, HEAD_MAX_AGE, open_builtin, lambda why: _log(f"{why}\n"))
    with contextlib.suppress(NotReadyError):
        reader.current()

    files = {name: LinkedFiles(bucket) for name, bucket in buckets.items() if isinstance(bucket, FolderBucket)}
    report = stack.enter_context(ReportProcess(catalogue.name, artefacts.name, settings.state / "report.log"))
    desk = Desk(Site(App(reader, catalogue, artefacts), files), artefacts, settings.state / "report", report.make, _log)
    listener.serve(access_log(desk, _log))
    threads = stack.enter_context(_Threads())
    if local:
        reindexer = Reindexer(catalogue, artefacts, cache, rebuilder.ask, _log)
        threads.start(reindexer.run)
        threads.start(
            lambda stop: rebuilder.run(stop, first=FIRST_REBUILD_SECONDS, every=settings.rebuild_every),
            wake=rebuilder.ask,
        )
    running = Running(listener.url, catalogue.name, artefacts.name, os.getpid())
    stack.enter_context(announced(settings.state, running))
    print(f"Ready in {time.monotonic() - began:.1f} s: {listener.url}  (Ctrl-C ends it)", flush=True)
    print(f"Report on the catalogue: {listener.url}{PATH}", flush=True)
    threads.start(desk.prepare, wake=report.stop)
    while True:
        time.sleep(POLL_SECONDS)  # in short pieces: on Windows Ctrl-C does not end a long wait


def _open(name: str, url: str) -> Bucket:
    if is_folder(name):
        Path(name).expanduser().mkdir(parents=True, exist_ok=True)
    return open_bucket(name, url)


def _is_built(artefacts: Bucket) -> bool:
    """Tell whether there is a snapshot that this version can serve."""
    live = read_head(artefacts).head.snapshot
    try:
        return live is not None and bool(read_manifest(artefacts, live))
    except (CorruptArtefactError, MissingObjectError):
        return False


def _log(line: str) -> None:
    sys.stderr.write(line)
    sys.stderr.flush()


class _Threads:
    """Threads that are told to stop together, and given a moment for it."""

    def __init__(self) -> None:
        self._stop = threading.Event()
        self._wakes: list[Callable[[], object]] = []
        self._threads: list[threading.Thread] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for wake in self._wakes:
            wake()
        deadline = time.monotonic() + JOIN_SECONDS
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))

    def start(self, run: Callable[[threading.Event], None], *, wake: Callable[[], object] | None = None) -> None:
        """Start a thread that ends soon after its event is set; ``wake`` is then called too."""
        if wake:
            self._wakes.append(wake)
        thread = threading.Thread(target=run, args=(self._stop,), daemon=True)
        self._threads.append(thread)
        thread.start()


@contextlib.contextmanager
def _ended_by_signals() -> Iterator[None]:
    def end(number: int, frame: FrameType | None) -> None:
        del number, frame
        for each in signals:
            signal.signal(each, signal.SIG_IGN)
        raise _Ended

    signals = (signal.SIGINT, signal.SIGTERM)
    before = [signal.signal(each, end) for each in signals]
    try:
        yield
    finally:
        for each, handler in zip(signals, before, strict=True):
            signal.signal(each, handler)
