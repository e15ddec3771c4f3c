"""tonari in one process: the API and its page over two buckets, with threads that keep the index up to date."""

from __future__ import annotations

import contextlib
import hashlib
import os
import platform
import shlex
import shutil
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from tonari.api.app import App
from tonari.catalogue.any_spelling import AnySpelling
from tonari.config import ANY_FALL, EngineSettings, Margins
from tonari.engines.opening import connect, opening_of
from tonari.errors import CorruptArtefactError, EngineUnavailableError, MissingObjectError, NotReadyError
from tonari.query.reader import Reader
from tonari.snapshots.head import read_head
from tonari.snapshots.manifest import read_manifest
from tonari.storage.bucket import Bucket
from tonari.storage.folder import FolderBucket
from tonari_tools.progress import StageLines
from tonari_tools.report.desk import PATH, Desk, ReportProcess
from tonari_tools.serve.buckets import is_folder, open_bucket
from tonari_tools.serve.listener import Listener, LocalServiceError, access_log
from tonari_tools.serve.registry import registered
from tonari_tools.serve.running import Running, reserved, withdraw
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


@dataclass(frozen=True, slots=True)
class Demo:
    """What is shown: brought into the buckets before anything is served, and published whatever the gates say.

    Parameters
    ----------
    prepare
        Called with catalogue and artefacts.
    shown
        The folder of pictures, empty for the drawn shop.
    memory
        The file that says what was pushed.
    """

    prepare: Callable[[Bucket, Bucket], None]
    shown: str
    memory: Path


def serve(
    state: Path,
    name: str,
    places: Mapping[str, str],
    port: int,
    demo: Demo | None = None,
    endpoint: str = "",
    engine: contextlib.AbstractContextManager[EngineSettings] | None = None,
) -> None:
    """Serve until Ctrl-C or SIGTERM.

    Parameters
    ----------
    state
        Folder for downloads, the report and ``running.json``; made if need be.
    name
        What commands may call this server.
    places
        Where ``catalogue`` and ``artefacts`` are: folders, made if need be, or names on S3. What changes in a folder is
        reindexed and rebuilt here; for a catalogue on S3 the functions there do that.
    port
        Port on 127.0.0.1, 0 for any that is free.
    demo
        What to show; otherwise the buckets are served as they are.
    endpoint
        URL of an S3 server other than the one that the environment names.
    engine
        Starts what answers searches, once nobody else serves this state; what the environment names, if it is None.

    Raises
    ------
    LocalServiceError
        If the port is taken, another server runs on the same state, or that folder cannot be written to.
    NotReadyError
        If nothing is published and no encoder is chosen.
    """
    make_state(state)
    with contextlib.suppress(_Ended), _ended_by_signals(), contextlib.ExitStack() as stack:
        began = time.monotonic()
        stack.enter_context(reserved(state))
        withdraw(state)
        listener = stack.enter_context(Listener(port))
        buckets = {name: _open(place, f"{listener.url}{FILES}{name}", endpoint) for name, place in places.items()}
        catalogue, artefacts, cache = AnySpelling(buckets["catalogue"]), buckets["artefacts"], state / "cache"
        owner = hashlib.sha256(os.fsencode(f"{platform.node()} {state.resolve()}")).hexdigest()[:16]
        margins = ANY_FALL if demo else Margins.read(os.environ)
        started = stack.enter_context(engine) if engine else None
        chosen = started or EngineSettings.read(os.environ)
        database = connect(chosen, chosen.own_secret)
        rebuilder = Rebuilder(catalogue, artefacts, cache, margins, _log, owner, database)
        local = isinstance(buckets["catalogue"], FolderBucket)
        if demo:
            demo.prepare(catalogue, artefacts)
        if demo or (local and not _is_built(artefacts)):
            with StageLines("index", "views") as stages:
                done = rebuilder.rebuild(stages)
            print(f"index  {say(done)}", flush=True)

        def ask_rebuild(why: str) -> None:
            started = local and rebuilder.ask()
            _log(f"{why}{' A rebuild starts now.' if started else ''}\n")

        opening = opening_of(chosen, database)
        reader = Reader(artefacts, cache, HEAD_MAX_AGE, opening, lambda why: _log(f"{why}\n"), ask_rebuild)
        with contextlib.suppress(NotReadyError, EngineUnavailableError):
            reader.current()

        site = Site(App(reader, catalogue, artefacts), buckets)
        report = ReportProcess(catalogue.name, artefacts.name, endpoint, state / "report.log")
        desk = Desk(site, artefacts, state / "report.html", report.make, _log)
        start = stack.enter_context(_threads(rebuilder.wake, report.stop))
        listener.serve(access_log(desk, _log))
        if local:
            start(Reindexer(catalogue, artefacts, cache, rebuilder.ask, _log, database).run)
            start(lambda stop: rebuilder.run(stop, first=FIRST_REBUILD_SECONDS, every=REBUILD_SECONDS))
        running = Running(
            listener.url,
            catalogue.name,
            artefacts.name,
            os.getpid(),
            name,
            demo.shown if demo else "",
            str(Path.cwd()),
            str(demo.memory.resolve()) if demo else "",
            endpoint,
            started or EngineSettings(),
        )
        named = stack.enter_context(registered(state, running))
        print(f"Ready in {time.monotonic() - began:.1f} s: {listener.url}  (Ctrl-C ends it)", flush=True)
        print(f"Report on the catalogue: {listener.url}{PATH}", flush=True)
        print(f"Commands find it from any folder: {_program()} status --demo {shlex.quote(named.name)}", flush=True)
        start(desk.prepare)
        while True:
            time.sleep(POLL_SECONDS)  # in short pieces: on Windows Ctrl-C does not end a long wait


def make_state(state: Path) -> None:
    """Make the folder for a server's state.

    Raises
    ------
    LocalServiceError
        If that cannot be done.
    """
    try:
        state.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise LocalServiceError(
            f"{state.absolute()} cannot be made ({error.strerror}): the server keeps its index there. Start it in a "
            "folder that you may write to."
        ) from error


def _program() -> str:
    """Give what calls this program from any folder."""
    called, found = Path(sys.argv[0]).absolute(), shutil.which("tonari")
    if called.stem != "tonari" or (found and Path(found).samefile(called)):
        return "tonari"
    return shlex.quote(str(called))


def _open(name: str, url: str, endpoint: str) -> Bucket:
    if is_folder(name):
        Path(name).expanduser().mkdir(parents=True, exist_ok=True)
    return open_bucket(name, url, endpoint)


def _is_built(artefacts: Bucket) -> bool:
    """Tell whether there is a snapshot that this version can serve."""
    live = read_head(artefacts).head.snapshot
    try:
        return live is not None and bool(read_manifest(artefacts, live))
    except (CorruptArtefactError, MissingObjectError):
        return False


def _log(line: str) -> None:
    with contextlib.suppress(OSError, ValueError):  # nobody reads it any more; the server goes on
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
