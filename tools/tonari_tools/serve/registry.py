"""Which servers run on this machine, by name: the command line finds them from any folder.

Each has a file that names its state folder; whether it runs is told by the lock in there.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import count
from pathlib import Path

from click import get_app_dir
from filelock import FileLock

from tonari.contract.normal_form import nfc
from tonari.errors import SettingError
from tonari_tools.serve.running import Running, announced, find_running

HERE = Path(".tonari")
PATIENCE_SECONDS = 5.0


def find_all() -> list[Running]:
    """Find all servers that run: those of this user, and those whose state lies under the present folder."""
    states = [HERE, *sorted(HERE.glob("*/"))]
    for folder in _folders():
        for path in sorted(folder.glob("*.json")):
            with contextlib.suppress(OSError, ValueError, TypeError, KeyError):
                states.append(Path(json.loads(path.read_text(encoding="utf-8"))["state"]))
    found = {}
    for state in states:
        if running := find_running(state):
            found[running.url] = running
    return list(found.values())


def choose(found: Sequence[Running], name: str, here: Path) -> Running | None:
    """Choose a server: by name, else the one of this folder, else the only one; None if none runs.

    A server is of the folder in which it was started, and of the one that it shows.

    Raises
    ------
    SettingError
        If none has that name, or several could be meant.
    """
    if name:
        named = [one for one in found if nfc(one.name) == nfc(name)]
        if not named:
            raise SettingError(f"No demo called {name!r} is running. {_listed(found)}")
        return named[0]
    of_here = [one for one in found if str(here) in (one.began, one.shown)]
    meant = of_here or found
    if len(meant) > 1:
        raise SettingError(f"Which demo? Name one: --demo NAME, or TONARI_DEMO. {_listed(found)}")
    return meant[0] if meant else None


def _listed(found: Sequence[Running]) -> str:
    if not found:
        return "None is running: start one with tonari demo."
    return f"Running: {', '.join(f'{one.name} at {one.url}' for one in found)}."


@contextlib.contextmanager
def registered(state: Path, running: Running) -> Iterator[Running]:
    """Announce a server in its state folder and to all commands of this user, while the context lasts.

    It is given back with a name that no other server has: ``shop-2`` where ``shop`` runs already. Where nothing can be
    written but its state folder, commands find it from the folder in which it was started.
    """
    with contextlib.ExitStack() as stack:
        folder = next(_writable(), None)
        lock = FileLock(folder / "lock", timeout=PATIENCE_SECONDS) if folder else contextlib.nullcontext()
        with lock:
            taken = {one.name for one in find_all()}
            names = (running.name if number == 1 else f"{running.name}-{number}" for number in count(1))
            running = replace(running, name=next(name for name in names if name not in taken))
            stack.enter_context(announced(state, running))
            if folder:
                _drop_stale(folder)
                stack.enter_context(_entered(folder, state.resolve()))
        yield running


@contextlib.contextmanager
def _entered(folder: Path, state: Path) -> Iterator[None]:
    path = folder / f"{hashlib.sha256(os.fsencode(state)).hexdigest()[:16]}.json"
    path.write_text(json.dumps({"state": str(state)}), encoding="utf-8")
    try:
        yield
    finally:
        path.unlink(missing_ok=True)


def _drop_stale(folder: Path) -> None:
    for path in folder.glob("*.json"):
        with contextlib.suppress(OSError):
            try:
                state = Path(json.loads(path.read_text(encoding="utf-8"))["state"])
            except (ValueError, TypeError, KeyError):
                path.unlink()
                continue
            if find_running(state) is None:
                path.unlink()


def _writable() -> Iterator[Path]:
    for folder in _candidates():
        with contextlib.suppress(OSError):
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            if _is_ours(folder) and os.access(folder, os.W_OK):
                yield folder


def _folders() -> list[Path]:
    """Give the folders in which servers of this user may be registered."""
    found = []
    for folder in _candidates():
        with contextlib.suppress(OSError):
            if _is_ours(folder):
                found.append(folder)
    return found


def _candidates() -> list[Path]:
    """Give the user's own folder, and one for those who have none, or none that can be written to."""
    user = str(os.getuid()) if hasattr(os, "getuid") else os.environ.get("USERNAME", "")
    own, other = Path(get_app_dir("tonari")), Path(tempfile.gettempdir(), f"tonari-{user}")
    return [folder / "running" for folder in (own, other) if folder.is_absolute()]


def _is_ours(folder: Path) -> bool:
    """Tell whether nobody else can have made a folder: who plants a server there would be sent what is pushed."""
    return folder.is_dir() and (not hasattr(os, "getuid") or folder.stat().st_uid == os.getuid())
