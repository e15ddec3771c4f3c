"""Hostile requests against a large catalogue in memory, each measured: processor time, and memory beyond the catalogue.

300,000 items of 256 dimensions, once searched by cells and once by scans, in a process of its own.
"""

from __future__ import annotations

import contextlib
import gc
import logging
import multiprocessing as mp
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path

from hostile.large_catalogue import ids_of, large_catalogue
from hostile.requests import KINDS, Attacker
from tonari.api.app import App
from tonari.api.http import Request
from tonari.engines.builtin import BuiltinOpening
from tonari.query.reader import Reader
from tonari.query.serving import Serving
from tonari.storage.folder import FolderBucket
from torture.figure import Figure, Say

ITEMS, REQUESTS = 300_000, 2_000
LEAST_ITEMS, LEAST_REQUESTS = 2_000, 2 * len(KINDS)
WAYS = ("cells", "scan")
SOONER_LARGE = 20
"""From a twentieth of the requests on, the catalogue is as large as with all of them."""
PATIENCE = 1_200.0
"""Seconds in which the catalogue is made, and any request answered, before the process is given up."""
MOST_SECONDS, MOST_MEGABYTES = 2.0, 300.0


@dataclass(frozen=True)
class Measured:
    """What one request cost.

    Parameters
    ----------
    way
        How the catalogue is searched: cells or scan.
    megabytes
        By which the process was larger at most than before the first request.
    """

    number: int
    kind: str
    way: str
    status: int
    seconds: float
    megabytes: float

    def __str__(self) -> str:
        return f"{self.kind} {self.number} by {self.way}: {self.status}, {self.seconds:.2f} s, {self.megabytes:.0f} MB"


class Standing(Reader):
    """Gives always the same state."""

    def __init__(self, serving: Serving, artefacts: FolderBucket, folder: Path) -> None:
        super().__init__(artefacts, folder, 1e9, BuiltinOpening(), lambda _: None)
        self._standing = serving

    def current(self) -> Serving:
        return self._standing


def run(share: float, seed: int, say: Say) -> Iterator[Figure]:
    """Send the requests of one seed."""
    items = max(LEAST_ITEMS, int(min(1, SOONER_LARGE * share) * ITEMS))
    count = max(LEAST_REQUESTS, int(share * REQUESTS))
    context = mp.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_answer_all, args=(items, seed, theirs))
    process.start()
    theirs.close()
    made: list[Measured] = []
    with contextlib.suppress(EOFError, OSError):
        for number, (kind, request) in enumerate(Attacker(seed, ids_of(items)).requests(count)):
            way = WAYS[number // len(KINDS) % len(WAYS)]
            ours.send((way, request))
            if not ours.poll(PATIENCE):
                process.kill()
                break
            made.append(Measured(number, kind, way, *ours.recv()))
            if len(made) % 100 == 0:
                say(f"{len(made)} of {count} hostile requests over {items:,} items")
        ours.send(None)
    process.join()
    yield from _figures(made, count, items, seed)


def _figures(made: list[Measured], count: int, items: int, seed: int) -> Iterator[Figure]:
    failing = {
        f"above {MOST_SECONDS:g} s": [one for one in made if one.seconds > MOST_SECONDS],
        f"above {MOST_MEGABYTES:g} MB": [one for one in made if one.megabytes > MOST_MEGABYTES],
        "answered 5xx": [one for one in made if one.status >= 500],
    }
    for name, found in failing.items():
        note = f"seed {seed}: {found[0]}" if found else ""
        yield Figure(f"hostile request {name}, {items:,} items", len(made), len(found), note)
    slowest, largest = max(made, key=lambda one: one.seconds), max(made, key=lambda one: one.megabytes)
    statuses = ", ".join(f"{status}: {times}" for status, times in sorted(Counter(one.status for one in made).items()))
    note = f"slowest {slowest}; largest {largest}; {statuses}"
    yield Figure("hostile request ended the process", count, count - len(made), note)


def _answer_all(items: int, seed: int, asked: Connection) -> None:
    logging.disable(logging.CRITICAL)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        large = large_catalogue(folder, items, seed)
        (folder / "bucket").mkdir()
        bucket = FolderBucket(folder / "bucket", "http://localhost")
        servings = dict(zip(WAYS, (large.by_cells, large.by_scan), strict=True))
        apps = {way: App(Standing(serving, bucket, folder), bucket, bucket) for way, serving in servings.items()}
        for app in apps.values():
            app(Request("GET", "/v1/items/item-0000001/similar", (("predict", "tags"),), "", b""))
        gc.collect()
        loaded = _status("VmRSS")
        while given := asked.recv():
            way, request = given
            asked.send(_measure(apps[way], request, loaded))


def _measure(app: App, request: Request, loaded: float) -> tuple[int, float, float]:
    Path("/proc/self/clear_refs").write_text("5")  # the peak is from here on
    began = time.process_time()
    status = app(request).status
    seconds = time.process_time() - began
    return status, seconds, _status("VmHWM") - loaded


def _status(name: str) -> float:
    """Read a figure of this process in megabytes."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(name):
            return int(line.split()[1]) / 1024
    raise LookupError(name)
