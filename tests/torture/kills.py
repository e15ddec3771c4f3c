"""Processes killed with SIGKILL while they rebuild, reindex, collect or go back, and the store's server with them."""

from __future__ import annotations

import contextlib
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from random import Random
from typing import Any

from aws.services import SeaweedFS
from living.place import AT_ONCE, Place, place, server
from living.shop import items_of
from living.worker import Failed
from living.zygote import Worker
from tonari.builds.publish import Published
from tonari.builds.rebuild import Rebuilt
from tonari.builds.reindex import Reindexed
from tonari.errors import StoreError
from tonari.snapshots.head import COPY, HEAD, named_by, read_head
from tonari.storage.cache import CACHED
from torture.figure import Figure, Say

KILLS, SERVER_KILLS = 300, 20
PATIENCE = 2.0
LONGEST_WAIT = 20.0
"""Seconds after a kill within which all must go on: the patience, what whole seconds hide, and a slow machine."""
BY_CALL = 0.5
"""Share of the kills that hit just before some call to the store, instead of at some time."""
CALLS = {"reindex": 20, "chain": 90, "collect": 15, "switch": 4}
"""How many calls there are about; 40 where nothing stands here."""
OPERATIONS = ("rebuild", "rebuild", "chain", "unfinished", "reindex", "reindex", "collect", "roll_back", "switch")


def run(share: float, seed: int, say: Say) -> Iterator[Figure]:
    """Kill processes, then servers under processes."""
    yield kill_processes(share, seed, say)
    yield kill_servers(share, seed, say)


def kill_processes(share: float, seed: int, say: Say) -> Figure:
    """Kill processes at any time while they work."""
    with server() as seaweed, place(seaweed.endpoint, Random(seed), PATIENCE) as here:
        trial = _Trial(here, Random(seed + 1), None, say)
        return trial.figure("kill -9 of a process on SeaweedFS", max(1, round(share * KILLS)))


def kill_servers(share: float, seed: int, say: Say) -> Figure:
    """Kill the server at any time while a process works."""
    with server() as seaweed, place(seaweed.endpoint, Random(seed), PATIENCE) as here:
        trial = _Trial(here, Random(seed + 1), seaweed, say)
        return trial.figure("kill -9 of SeaweedFS under a process", max(1, round(share * SERVER_KILLS)))


@dataclass
class _Trial:
    """Round after round in one shop."""

    place: Place
    random: Random
    seaweed: SeaweedFS | None
    say: Say
    took: dict[str, float] = field(default_factory=dict)
    counts: Counter[str] = field(default_factory=Counter)
    pending: list[str] = field(default_factory=list)
    """Keys of which events have not been acknowledged."""
    wrong: list[str] = field(default_factory=list)

    def figure(self, fault: str, kills: int) -> Figure:
        self._begin()
        failed = number = 0
        while self.counts["killed"] < kills:
            number += 1
            before = len(self.wrong)
            self._round(number)
            failed += len(self.wrong) > before
            if number % 20 == 0:
                self.say(f"{fault}: {self.counts['killed']} kills, {len(self.wrong)} violations")
        end = self._end()
        self.wrong += end
        notes = ", ".join(f"{what} {count}" for what, count in sorted(self.counts.items()))
        return Figure(fault, self.counts["killed"], failed + bool(end), "; ".join([notes, *self.wrong[:3]]))

    def _begin(self) -> None:
        """Bring the shop into an index, and measure how long everything takes."""
        first = self.place.worker()
        for what in ("rebuild", "reindex", "chain", "unfinished", "rebuild", "collect", "roll_back", "switch"):
            self._change()
            arguments = self._arguments(what)
            started = time.monotonic()
            self._learn(what, arguments, self.place.shop.moment, first.ask(what, **arguments))
            self.took[what] = time.monotonic() - started
            if what == "unfinished":
                self._recover(first, started)
        first.leave()

    def _round(self, number: int) -> None:
        what = self.random.choice(OPERATIONS)
        self._change()
        bystander = self._bystander() if self.random.random() < 0.3 and self.seaweed is None else None
        if self.seaweed is None:
            self._kill(what)
        else:
            self._kill_server(what, self.seaweed)
        if bystander:
            bystander()
        killed = time.monotonic()
        self._check(f"round {number}, {what} killed")
        worker = self.place.worker()
        steps: list[tuple[float, Callable[[], object]]] = [
            (1.0, lambda: self._take_in(worker)),
            (0.6, lambda: self._recover(worker, killed)),
            (0.5, lambda: worker.ask("collect", grace=AT_ONCE)),
        ]
        for chance, step in self.random.sample(steps, len(steps)):
            if self.random.random() < chance:
                step()
        self._check(f"round {number}, {what} killed, gone on")
        worker.leave()

    def _kill(self, what: str) -> None:
        """Let a process do something, and kill it at some time while it does."""
        worker, arguments, moment = self.place.worker(), self._arguments(what), self.place.shop.moment
        started = time.monotonic()
        dies = self.random.randrange(CALLS.get(what, 40)) if self.random.random() < BY_CALL else -1
        worker.send(what, **arguments, dies=dies)
        at = (LONGEST_WAIT if dies >= 0 else self.random.random()) * self.took[what]
        if self.random.random() < 0.5 and not worker.speaks(self.took[what] * self.random.random()):
            self._change()
        worker.speaks(max(0.0, at - (time.monotonic() - started)))
        took = time.monotonic() - started
        said = worker.kill()
        finished = bool(said)
        for one in said:
            self._learn(what, arguments, moment, one)
        if finished:
            self.took[what] = 0.8 * self.took[what] + 0.2 * took
            self.counts["done before"] += 1
        else:
            self.took[what] *= 1.02 if dies < 0 else 1
            self.counts["killed"] += 1
            self.counts["killed before a call"] += dies >= 0
            self.counts[f"{what} killed"] += 1

    def _kill_server(self, what: str, seaweed: SeaweedFS) -> None:
        """Let a process do something, and kill its server at some time while it does; the process goes on."""
        worker, arguments, moment = self.place.worker(), self._arguments(what), self.place.shop.moment
        worker.send(what, **arguments)
        finished = worker.speaks(self.random.random() * self.took[what])
        seaweed.restart()
        self._wait_for_server()
        said = worker.receive()
        self._learn(what, arguments, moment, said)
        self.counts["failed"] += isinstance(said, Failed)
        self.counts["done before" if finished else "killed"] += 1
        worker.leave()

    def _bystander(self) -> Callable[[], None]:
        """Let another process, on another machine, reindex at the same time; gives what waits for it."""
        other = self.place.worker(cache=self.place.settings.cache.with_name("bystander"))
        arguments, moment = self._arguments("reindex"), self.place.shop.moment
        other.send("reindex", **arguments)

        def wait() -> None:
            said = other.receive()
            if not isinstance(said, Reindexed):
                self.wrong.append(f"a bystander failed: {said}")
            self._learn("reindex", arguments, moment, said)
            other.leave()

        return wait

    def _change(self) -> None:
        for _ in range(self.random.randint(1, 3)):
            self.pending += self.place.shop.change()

    def _arguments(self, what: str) -> dict[str, Any]:
        match what:
            case "reindex":
                return {"items": items_of(self.pending) or ["a"]}
            case "collect":
                return {"grace": AT_ONCE}
            case "switch":
                return {"name": self.random.choice(self.place.encoders)}
            case _:
                return {}

    def _learn(self, what: str, arguments: dict[str, Any], moment: int, said: Any) -> None:
        """Take note of what a process promised."""
        match said:
            case Reindexed(outcome="published" | "unchanged"):
                self.place.watch.acknowledged(arguments["items"], moment)
            case Rebuilt(outcome="published" | "unchanged") | Published(outcome="published"):
                self.place.watch.acknowledged(self.place.shop.items, moment)
            case Failed(bug=True):
                self.wrong.append(f"{what}: {said.detail}")
            case _:
                pass

    def _take_in(self, worker: Worker) -> None:
        """Let the events that were not acknowledged come back: that must be possible at once."""
        arguments, moment, keys = self._arguments("reindex"), self.place.shop.moment, list(self.pending)
        said = worker.ask("reindex", **arguments)
        self._learn("reindex", arguments, moment, said)
        if isinstance(said, Reindexed) and said.outcome != "rebuild":
            del self.pending[: len(keys)]
        else:
            self.wrong.append(f"reindexing could not go on: {said}")

    def _recover(self, worker: Worker, killed: float) -> None:
        """Let a rebuild follow, which may have to wait for the dead one's lease; then all must be as the catalogue."""
        moment, waited = self.place.shop.moment, 0
        while True:
            said = worker.ask("rebuild")
            if not isinstance(said, Rebuilt) or said.outcome != "busy":
                break
            waited = 1
            if time.monotonic() - killed > LONGEST_WAIT:
                break
            time.sleep(0.2)
        self.counts["waited for a lease"] += waited
        self.counts["rebuilt"] += 1
        self._learn("rebuild", {}, moment, said)
        if not isinstance(said, Rebuilt) or said.outcome not in ("published", "unchanged"):
            self.wrong.append(f"a rebuild could not go on: {said}")
            return
        self.wrong += self.place.watch.differences()

    def _check(self, when: str) -> None:
        self.wrong += [f"{when}: {one}" for one in self.place.watch.violations()]

    def _wait_for_server(self) -> None:
        """Wait until the server that was started again has found its data."""
        until = time.monotonic() + LONGEST_WAIT
        while time.monotonic() < until:
            with contextlib.suppress(StoreError):
                read_head(self.place.own.artefacts)
                list(self.place.shop.catalogue.list(""))
                return
            time.sleep(0.1)

    def _end(self) -> list[str]:
        """After a rebuild and collections with no patience at all: nothing but what is named is left anywhere."""
        last = self.place.worker(patience=AT_ONCE, stale=AT_ONCE, idle=AT_ONCE)
        self._recover(last, time.monotonic())
        for _ in range(3):
            last.ask("collect", grace=AT_ONCE)
        last.leave()
        self._check("at the end")
        head, artefacts = read_head(self.place.own.artefacts).head, self.place.own.artefacts
        named = (*named_by(head), "encoders/", HEAD, COPY, f"work/{head.encoder}/")
        left = [found.key for found in artefacts.list("") if not found.key.startswith(named)]
        cached = [path.name for path in self.place.settings.cache.iterdir()]
        left += [name for name in cached if not CACHED.fullmatch(name)]
        return [f"{len(left)} are left over: {left[:5]}"] if left else []
