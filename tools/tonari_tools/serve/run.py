"""tonari in one process: the API and its page over two buckets, with threads that keep the index up to date."""

from __future__ import annotations

import contextlib
import hashlib
import os
import platform
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from tonari.api.app import App
from tonari.config import Margins
from tonari.engines.builtin import open_builtin
from tonari.errors import CorruptArtefactError, MissingObjectError, NotReadyError
from tonari.query.reader import Reader
from tonari.snapshots.head import read_head
from tonari.snapshots.snapshot import read_manifest
from tonari.storage.bucket import Bucket
from tonari.storage.folder import FolderBucket
from tonari_tools.progress import StageLines
from tonari_tools.report.desk import PATH, Desk, ReportProcess
from tonari_tools.serve.buckets import is_folder, open_bucket
from tonari_tools.serve.listener import Listener, access_log
from tonari_tools.serve.running import Running, announced, reserved
from tonari_tools.serve.site import FILES, Site
from tonari_tools.serve.upkeep import Rebuilder, Reindexer, say

HEAD_MAX_AGE = 1.0
FIRST_REBUILD_SECONDS = 5.0
"""Takes in what changed while nobody served."""
REBUILD_SECONDS = 600.0
JOIN_SECONDS = 3.0
POLL_SECONDS = 0.5


class _Ended(BaseException):
    """Ctrl-C or SIGTERM."""


def serve(
    state: Path, places: Mapping[str, str], port: int, prepare: Callable[[Bucket, Bucket], bool] = lambda *_: False
) -> None:
    """Serve until Ctrl-C or SIGTERM.

    Parameters
    ----------
    state
        Folder for downloads, the report and ``running.json``; made if need be.
    places
        Where ``catalogue`` and ``artefacts`` are: folders, made if need be, or names on S3. What changes in a folder is
        reindexed and rebuilt here; for a catalogue on S3 the functions there do that.
    port
        Port on 127.0.0.1, 0 for any that is free.
    prepare
        Called with catalogue and artefacts before anything is served; tells whether it changed anything.

    Raises
    ------
    LocalServiceError
        If the port is taken, or another server runs on the same state.
    NotReadyError
        If nothing is published and no encoder is chosen.
    """
    state.mkdir(parents=True, exist_ok=True)
    with contextlib.suppress(_Ended), _ended_by_signals(), contextlib.ExitStack() as stack:
        began = time.monotonic()
        stack.enter_context(reserved(state))
        listener = stack.enter_context(Listener(port))
        buckets = {name: _open(place, f"{listener.url}{FILES}{name}") for name, place in places.items()}
        catalogue, artefacts, cache = buckets["catalogue"], buckets["artefacts"], state / "cache"
        owner = hashlib.sha256(f"{platform.node()} {state.resolve()}".encode()).hexdigest()[:16]
        rebuilder = Rebuilder(catalogue, artefacts, cache, Margins.read(os.environ), _log, owner)
        local = isinstance(catalogue, FolderBucket)
        if prepare(catalogue, artefacts) or (local and not _is_built(artefacts)):
            with StageLines("index", "pictures") as stages:
                done = rebuilder.rebuild(stages)
            print(f"index  {say(done)}", flush=True)

        def ask_rebuild(why: str) -> None:
            started = local and rebuilder.ask()
            _log(f"{why}{' A rebuild starts now.' if started else ''}\n")

        reader = Reader(artefacts, cache, HEAD_MAX_AGE, open_builtin, lambda why: _log(f"{why}\n"), ask_rebuild)
        with contextlib.suppress(NotReadyError):
            reader.current()

        site = Site(App(reader, catalogue, artefacts), buckets)
        report = ReportProcess(catalogue.name, artefacts.name, state / "report.log")
        desk = Desk(site, artefacts, state / "report.html", report.make, _log)
        start = stack.enter_context(_threads(rebuilder.wake, report.stop))
        listener.serve(access_log(desk, _log))
        if local:
            start(Reindexer(catalogue, artefacts, cache, rebuilder.ask, _log).run)
            start(lambda stop: rebuilder.run(stop, first=FIRST_REBUILD_SECONDS, every=REBUILD_SECONDS))
        stack.enter_context(announced(state, Running(listener.url, catalogue.name, artefacts.name, os.getpid())))
        print(f"Ready in {time.monotonic() - began:.1f} s: {listener.url}  (Ctrl-C ends it)", flush=True)
        print(f"Report on the catalogue: {listener.url}{PATH}", flush=True)
        start(desk.prepare)
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


@contextlib.contextmanager
def _threads(*wake: Callable[[], object]) -> Iterator[Callable[[Callable[[threading.Event], None]], None]]:
    """Give what starts a thread; in the end all are told to stop, woken, and given a moment for it."""
    stop = threading.Event()
    started: list[threading.Thread] = []

    def start(run: Callable[[threading.Event], None]) -> None:
        started.append(threading.Thread(target=run, args=(stop,), daemon=True))
        started[-1].start()

    try:
        yield start
    finally:
        stop.set()
        for each in wake:
            each()
        deadline = time.monotonic() + JOIN_SECONDS
        for thread in started:
            thread.join(max(0.0, deadline - time.monotonic()))


@contextlib.contextmanager
def _ended_by_signals() -> Iterator[None]:
    def end(*_: object) -> None:
        for each in before:
            signal.signal(each, signal.SIG_IGN)
        raise _Ended

    before = {each: signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM)}
    try:
        for each in before:
            signal.signal(each, end)
        yield
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)
