"""Which demo is running, for the command line to talk to: ``.tonari/running.json``."""

from __future__ import annotations

import contextlib
import json
import os
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

NAME = "running.json"


@dataclass(frozen=True, slots=True)
class Running:
    """A demo that is up.

    Parameters
    ----------
    url
        Where the HTTP API answers.
    endpoint
        Where the local AWS answers.
    catalogue, artefacts
        Names of its two buckets.
    pid
        The demo's process.
    """

    url: str
    endpoint: str
    catalogue: str
    artefacts: str
    pid: int


def find_running(folder: Path) -> Running | None:
    """Find the demo whose state lies in a folder; a file left by one that is gone counts for nothing."""
    try:
        document = json.loads((folder / NAME).read_text(encoding="utf-8"))
        running = Running(**document)
        os.kill(running.pid, 0)
    except PermissionError:
        return running
    except (OSError, ValueError, TypeError):
        return None
    return running


@contextlib.contextmanager
def announced(folder: Path, running: Running) -> Iterator[None]:
    """Announce a demo while the context lasts. Readers see all of the file or none."""
    path = folder / NAME
    with tempfile.NamedTemporaryFile("w", dir=folder, prefix=f"{NAME}.", delete=False, encoding="utf-8") as file:
        json.dump(asdict(running), file)
    Path(file.name).replace(path)
    try:
        yield
    finally:
        path.unlink(missing_ok=True)
