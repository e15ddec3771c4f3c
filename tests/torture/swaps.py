"""Swaps of snapshot and encoder under many clients of the local server: no error, no mixed answer, no long wait."""

from __future__ import annotations

import http.client
import itertools
import json
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np

from generations import Generation, make_live, pictures, write_generation
from tonari.api.app import App
from tonari.engines.builtin import BuiltinOpening
from tonari.query.reader import Reader
from tonari.snapshots.head import HEAD
from tonari.storage.bucket import Blob
from tonari.storage.folder import FolderBucket
from tonari_tools.serve.listener import Listener
from tonari_tools.serve.site import Site
from torture.figure import Figure, Say

SWAPS, CLIENTS, ITEMS, LEAST_ITEMS = 100, 16, 3000, 60
HEAD_MAX_AGE = 0.2
STEADY_SECONDS, SETTLING_SECONDS = 2.0, 0.5
PATIENCE_SECONDS = 120.0
MOST_TIMES = 2.0


class WatchedBucket(FolderBucket):
    """Remembers when a changed head was first read."""

    seen = 0.0

    def get_changed(self, key: str, etag: str) -> Blob | None:
        began = time.perf_counter()
        blob = super().get_changed(key, etag)
        if key == HEAD and blob:
            self.seen = began
        return blob


@dataclass(frozen=True)
class Asked:
    """One request: when it began and ended, what was shown, the status and body of the answer."""

    began: float
    ended: float
    number: int
    status: int
    answer: dict[str, object]


class Client(threading.Thread):
    """Asks by one picture after the other until told to stop."""

    def __init__(self, url: str, first: int, stop: threading.Event) -> None:
        super().__init__(daemon=True)
        self._url, self._first, self._stop_asking = urlsplit(url), first, stop
        self.asked: list[Asked] = []
        self.broken: list[str] = []

    def run(self) -> None:
        shown = list(enumerate(pictures()))
        for number, picture in itertools.islice(itertools.cycle(shown), self._first, None):
            if self._stop_asking.is_set():
                return
            try:
                self.asked.append(self._ask(number, picture))
            except (OSError, http.client.HTTPException, ValueError) as error:
                self.broken.append(repr(error))

    def _ask(self, number: int, picture: bytes) -> Asked:
        began = time.perf_counter()
        connection = http.client.HTTPConnection(self._url.hostname or "", self._url.port, timeout=60)
        try:
            connection.request("POST", "/v1/search?k=3", picture, {"content-type": "image/png"})
            response = connection.getresponse()
            body = response.read()
        finally:
            connection.close()
        return Asked(began, time.perf_counter(), number, response.status, json.loads(body))


def run(share: float, seed: int, say: Say) -> Iterator[Figure]:
    del seed  # nothing is drawn: threads race as they will
    swaps, steady = max(4, round(SWAPS * share)), STEADY_SECONDS * min(1.0, 20 * share)
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        (folder / "artefacts").mkdir()
        artefacts = WatchedBucket(folder / "artefacts")
        items = max(LEAST_ITEMS, round(ITEMS * share))
        generations = [write_generation(artefacts, name, items, folder) for name in ("even", "odd")]
        make_live(artefacts, generations[0])
        said: list[str] = []
        reader = Reader(artefacts, folder / "cache", HEAD_MAX_AGE, BuiltinOpening(), said.append)
        reader.current()
        stop = threading.Event()
        with Listener() as listener:
            listener.serve(Site(App(reader, artefacts, artefacts), {}))
            clients = [Client(listener.url, number, stop) for number in range(CLIENTS)]
            for client in clients:
                client.start()
            windows = []
            for number in range(1, swaps + 1):
                time.sleep(steady)
                for cached in (folder / "cache").iterdir():
                    cached.unlink()
                target = generations[number % 2]
                make_live(artefacts, target)
                windows.append((_wait_for(target, clients, artefacts), time.perf_counter() + SETTLING_SECONDS))
                time.sleep(SETTLING_SECONDS)
                if number % 10 == 0:
                    say(f"swaps: {number} of {swaps}")
            stop.set()
            for client in clients:
                client.join(PATIENCE_SECONDS)
        yield from _judge(generations, clients, windows, said)


def _wait_for(target: Generation, clients: Sequence[Client], artefacts: WatchedBucket) -> float:
    """Wait until the first answer of a generation; gives when its head was read."""
    deadline = time.perf_counter() + PATIENCE_SECONDS
    known = [len(client.asked) for client in clients]
    while time.perf_counter() < deadline:
        for number, client in enumerate(clients):
            while known[number] < len(client.asked):
                if client.asked[known[number]].answer.get("snapshot") == target.live.snapshot:
                    return artefacts.seen
                known[number] += 1
        time.sleep(0.005)
    raise TimeoutError(f"{target.live.snapshot} never answered")


def _judge(
    generations: Sequence[Generation],
    clients: Sequence[Client],
    windows: Sequence[tuple[float, float]],
    said: Sequence[str],
) -> Iterator[Figure]:
    by_snapshot: dict[object, Generation] = {one.live.snapshot: one for one in generations}
    asked = [one for client in clients for one in client.asked]
    wrong = [error for client in clients for error in client.broken] + list(said)
    for one in asked:
        generation = by_snapshot.get(one.answer.get("snapshot")) if one.status == 200 else None
        if mistake := generation.mistake(one.number, one.answer) if generation else f"{one.status} {one.answer}":
            wrong.append(mistake)
    during, steady = [], []
    for one in asked:  # by when it ended, which says nothing of how long it took
        swapping = any(begin <= one.ended <= end for begin, end in windows)
        (during if swapping else steady).append(one.ended - one.began)
    yield Figure(
        f"{len(windows)} swaps of snapshot and encoder, {len(clients)} clients",
        len(asked) + len(wrong),
        len(wrong),
        f"{len(during)} answers during swaps" + (f"; first: {wrong[0]:.200}" if wrong else ""),
    )
    tail, usual = (float(np.percentile(took, 99)) * 1000 for took in (during, steady))
    yield Figure(
        f"p99 during swaps above {MOST_TIMES:.0f} x the steady p99",
        len(windows),
        int(tail > MOST_TIMES * usual),
        f"{tail / usual:.2f} x: {tail:.0f} ms against {usual:.0f} ms; medians {np.median(during) * 1000:.0f} and "
        f"{np.median(steady) * 1000:.0f} ms",
    )
