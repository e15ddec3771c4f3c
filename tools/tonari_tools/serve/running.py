"""One server per state folder, and where it answers: ``running.json``, for the command line to find."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from filelock import FileLock, Timeout

from tonari.config import EngineSettings
from tonari_tools.serve.listener import LocalServiceError

NAME = "running.json"
LOCK = "running.lock"
PATIENCE_SECONDS = 2.0
"""For who only looks whether a server runs, and holds the lock for that moment."""


@dataclass(frozen=True, slots=True)
class Running:
    """A server that is up.

    Parameters
    ----------
    url
        Of its API.
    catalogue, artefacts
        Its buckets: absolute paths of folders, or names on S3.
    pid
        Its process.
    name
        What ``--demo`` calls it.
    shown
        The folder of pictures that it shows; empty if there is none.
    began
        The folder in which it was started.
    memory
        The file that says what was pushed into its catalogue; empty if nobody keeps one.
    endpoint
        URL of the S3 server of its buckets, if that was named; empty otherwise.
    engine
        The search engine that was started with it, for commands that build; the built-in one otherwise.
    """

    url: str
    catalogue: str
    artefacts: str
    pid: int
    name: str = ""
    shown: str = ""
    began: str = ""
    memory: str = ""
    endpoint: str = ""
    engine: EngineSettings = EngineSettings()  # noqa: RUF009 - immutable


def find_running(folder: Path) -> Running | None:
    """Find the server whose state lies in a folder; a file left by one that is gone counts for nothing."""
    try:
        said = json.loads((folder / NAME).read_text(encoding="utf-8"))
        running = Running(**{**said, "engine": EngineSettings(**said.get("engine", {}))})
    except (OSError, ValueError, TypeError, AttributeError):
        return None
    try:
        with FileLock(folder / LOCK, timeout=0):
            return None
    except Timeout:
        return running
    except OSError:
        return None


def withdraw(folder: Path) -> None:
    """Remove what a server that was killed left, so that nobody takes it for the one that is starting."""
    (folder / NAME).unlink(missing_ok=True)


@contextlib.contextmanager
def reserved(folder: Path) -> Iterator[None]:
    """Keep a state folder for this process while the context lasts, however the process ends.

    Raises
    ------
    LocalServiceError
        If another server runs on it.
    """
    lock = FileLock(folder / LOCK, timeout=PATIENCE_SECONDS)
    try:
        lock.acquire()
    except Timeout as error:
        other = find_running(folder)
        where = f"at {other.url}; end it first (kill {other.pid})" if other else "and is just starting"
        raise LocalServiceError(f"A server on {folder} is running {where}.") from error
    try:
        yield
    finally:
        lock.release()


@contextlib.contextmanager
def announced(folder: Path, running: Running) -> Iterator[None]:
    """Announce a server while the context lasts. Readers see all of the file or none; it is this user's alone."""
    path, fresh = folder / NAME, folder / f"{NAME}.new"
    fresh.unlink(missing_ok=True)
    fresh.touch(mode=0o600)
    fresh.write_text(json.dumps(asdict(running)), encoding="utf-8")
    fresh.replace(path)
    try:
        yield
    finally:
        path.unlink(missing_ok=True)
