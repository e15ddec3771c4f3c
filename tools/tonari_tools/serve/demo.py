"""tonari on one machine: a local AWS, the three functions in execution environments of their own, the HTTP API."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from tonari.errors import CorruptArtefactError, MissingObjectError
from tonari.snapshots.head import read_head
from tonari.snapshots.snapshot import read_manifest
from tonari.storage.bucket import Bucket
from tonari.storage.s3 import S3Bucket
from tonari_tools.report.apart import made_apart
from tonari_tools.report.desk import PATH, Desk
from tonari_tools.serve.aws_admin import Admin
from tonari_tools.serve.background import Background, every, follow
from tonari_tools.serve.environments import EmulatedEnvironment, ProcessEnvironment
from tonari_tools.serve.functions import Function, find_emulator
from tonari_tools.serve.gateway import Gateway
from tonari_tools.serve.lambda_api import LambdaApi
from tonari_tools.serve.pool import Pool
from tonari_tools.serve.pump import Pump
from tonari_tools.serve.running import Running, announced, find_running
from tonari_tools.serve.server import LocalServiceError, require_free
from tonari_tools.serve.services import Endpoint, MiniStack
from tonari_tools.serve.serving import Serving, access_log

CATALOGUE = "tonari-catalogue"
ARTEFACTS = "tonari-artefacts"
QUEUE = "tonari-changes"
REBUILD = "tonari-rebuild"
POLL = 0.2
JOIN = 0.5


class _Ended(BaseException):
    """Ctrl-C or SIGTERM."""


@dataclass(frozen=True, slots=True)
class DemoSettings:
    """How a demo is run.

    Parameters
    ----------
    state
        Folder for all that is kept between runs.
    functions
        Folder of the three functions' folders.
    prepare
        Called with the names of the catalogue and the artefact bucket once S3 answers, and once this process's own
        ``AWS_*`` environment points at it; fills the catalogue, puts the encoder, and tells whether anything changed.
    show
        Takes each JSON line that a rebuild logs while the demo waits for it.
    port
        Where the HTTP API is to answer, 0 for any free port.
    queries
        How many queries may run at a time.
    rebuild_every
        Seconds between two scheduled rebuilds.
    """

    state: Path
    functions: Path
    prepare: Callable[[str, str], bool]
    show: Callable[[str], object]
    port: int = 8787
    queries: int = 2
    rebuild_every: float = 600.0


def demo(settings: DemoSettings) -> None:
    """Run until Ctrl-C or SIGTERM; every process that it starts ends with this one, however this one ends.

    Raises
    ------
    LocalServiceError
        If the port is taken, another demo runs on the same state, or a server does not start or ends.
    FunctionError
        If the first rebuild fails.
    """
    with contextlib.suppress(_Ended), _ended_by_signals(), contextlib.ExitStack() as stack:
        _run(settings, stack)


def _run(settings: DemoSettings, stack: contextlib.ExitStack) -> None:
    began = time.monotonic()
    if (other := find_running(settings.state)) is not None:
        raise LocalServiceError(
            f"A demo on {settings.state} is running at {other.url}; end it first (kill {other.pid})."
        )
    require_free(settings.port)
    settings.state.mkdir(parents=True, exist_ok=True)
    logs = settings.state / "log"
    logs.mkdir(exist_ok=True)
    background = Background()
    stack.callback(background.join, JOIN)

    with _timed("S3 and events") as note:
        ministack = stack.enter_context(MiniStack(settings.state / "ministack"))
        endpoint = ministack.endpoint
        _point_at(endpoint)
        admin = stack.enter_context(contextlib.closing(Admin(endpoint)))
        for bucket in (CATALOGUE, ARTEFACTS):
            admin.create_bucket(bucket)
        queue = admin.create_queue(QUEUE)
        note(endpoint.url)

    invokers: dict[str, Callable[[bytes], bytes]] = {}
    lambda_api = stack.enter_context(contextlib.closing(LambdaApi(invokers, sys.stderr.write)))
    lambda_server = stack.enter_context(Serving(lambda_api))
    variables = _variables(endpoint, lambda_server.url, settings.state / "cache")
    emulator = find_emulator()
    print(f"{'functions':<35}{'under the Lambda runtime emulator' if emulator else 'in plain processes'}", flush=True)
    pools = {}
    for name, timeout, size in (("query", 29, settings.queries), ("reindex", 60, 1), ("rebuild", 900, 1)):
        folder, log = (settings.functions / name).resolve(), (logs / f"{name}.log").resolve()
        function = Function(f"tonari-{name}", folder, variables, log, timeout)
        pools[name] = stack.enter_context(_pool(function, size, emulator))
    invokers |= {f"tonari-{name}": pool.invoke for name, pool in pools.items()}

    with _timed("catalogue and encoder"):
        changed = settings.prepare(CATALOGUE, ARTEFACTS)
    if changed or not _is_built(S3Bucket(ARTEFACTS)):
        with _timed("index") as note, _following(logs / "rebuild.log", settings.show):
            note(_refusal(pools["rebuild"].invoke(b"{}")))
    admin.notify(CATALOGUE, queue)

    gateway = stack.enter_context(contextlib.closing(Gateway(pools["query"].invoke, sys.stderr.write)))
    make = made_apart(endpoint, CATALOGUE, ARTEFACTS, logs / "report.log")
    desk = Desk(gateway, S3Bucket(ARTEFACTS), settings.state / "report", make, sys.stderr.write)
    server = stack.enter_context(Serving(access_log(desk, sys.stderr.write), settings.port))
    background.start(Pump(queue, pools["reindex"].invoke, sys.stderr.write).run)
    background.start(every(settings.rebuild_every, pools["rebuild"].invoke, sys.stderr.write))
    stack.callback(background.stop)
    stack.enter_context(announced(settings.state, Running(server.url, endpoint.url, CATALOGUE, ARTEFACTS, os.getpid())))
    print(f"Ready in {time.monotonic() - began:.1f} s: {server.url}  (Ctrl-C ends it; logs in {logs})", flush=True)
    print(f"Report on the catalogue: {server.url}{PATH}", flush=True)
    background.start(desk.prepare)
    while ministack.alive:
        time.sleep(POLL)
    raise LocalServiceError(f"S3 and events have ended unexpectedly; see {settings.state / 'ministack' / 'log'}.")


def _refusal(answer: bytes) -> str:
    """Say why a rebuild published nothing; nothing, if it did."""
    why = json.loads(answer).get("why")
    return f"refused: {why}; tonari rebuild --accept publishes it" if why else ""


def _point_at(endpoint: Endpoint) -> None:
    """Let no profile, key or endpoint of the user's lead this process to another AWS."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        del os.environ[name]
    os.environ.update(endpoint.environment())


def _is_built(artefacts: Bucket) -> bool:
    """Tell whether there is a snapshot that this version can serve."""
    live = read_head(artefacts).head.snapshot
    try:
        return live is not None and bool(read_manifest(artefacts, live))
    except (CorruptArtefactError, MissingObjectError):
        return False


def _variables(endpoint: Endpoint, lambda_url: str, cache: Path) -> dict[str, str]:
    return {
        **endpoint.environment(),
        "AWS_ENDPOINT_URL_LAMBDA": lambda_url,
        "TONARI_CATALOGUE_BUCKET": CATALOGUE,
        "TONARI_ARTEFACT_BUCKET": ARTEFACTS,
        "TONARI_REBUILD_FUNCTION": REBUILD,
        "TONARI_HEAD_MAX_AGE": "1",
        "TONARI_CACHE_DIR": str(cache.resolve()),
        "OPENBLAS_NUM_THREADS": "1",
    }


def _pool(function: Function, size: int, emulator: Path | None) -> Pool:
    if emulator is None:
        return Pool(lambda: ProcessEnvironment(function), size)
    return Pool(lambda: EmulatedEnvironment(function, emulator), size)


@contextlib.contextmanager
def _timed(what: str) -> Iterator[Callable[[str], None]]:
    began = time.monotonic()
    notes: list[str] = []
    yield notes.append
    print(f"{what:<24}{time.monotonic() - began:6.1f} s  {' '.join(notes)}".rstrip(), flush=True)


@contextlib.contextmanager
def _following(log: Path, show: Callable[[str], object]) -> Iterator[None]:
    def show_json(line: str) -> None:
        if line.startswith("{"):
            show(line)

    background = Background()
    background.start(follow(log, show_json))
    try:
        yield
    finally:
        background.stop()
        background.join(JOIN)


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
