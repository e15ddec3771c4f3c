"""Writers that are stalled, before any of their calls or by SIGSTOP, while others commit and collect."""

from __future__ import annotations

import signal
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from random import Random
from typing import Any
from unittest.mock import patch

from living.place import AT_ONCE, Place, place, server
from living.shop import items_of
from living.stalling import REPLACE_HEAD, Stalling, before_call
from living.worker import Failed, UseCases
from tonari.builds import collect as collecting
from tonari.builds import lease as leasing
from tonari.builds.publish import Published
from tonari.builds.rebuild import Rebuilt
from tonari.builds.reindex import Reindexed
from tonari.errors import NotReadyError, StoreError
from tonari.snapshots.head import SNAPSHOTS, named_by, read_head
from torture.figure import Figure, Say

STOPS = 60
WRITERS = ("reindex", "rebuild", "chain", "roll_back", "collect")
FENCED = ("rebuild", "roll_back")
"""Those that had the lease when they were stalled, and have lost it since, must not publish. A chain takes it anew."""


def run(share: float, seed: int, say: Say) -> Iterator[Figure]:
    """Stall each writer before each of its calls in turn; then stop processes at any time."""
    with ExitStack() as stack:
        for module in (leasing, collecting):
            stack.enter_context(patch.object(module, "PATIENCE_SECONDS", AT_ONCE))
        seaweed = stack.enter_context(server())
        here = stack.enter_context(place(seaweed.endpoint, Random(seed), AT_ONCE))
        stalls = _Stalls(here, Random(seed))
        stalls.begin()
        yield _before_calls(stalls, max(1, round(1 / share)), say)
        stalls = _Stalls(here, Random(seed))
        yield _by_signal(stalls, max(1, round(share * STOPS)), say)


@dataclass
class _Stalls:
    """A shop in which a writer is stalled, while others commit three times and collect."""

    place: Place
    random: Random
    counts: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def begin(self) -> None:
        """Let there be a snapshot, and one to go back to."""
        for _ in range(2):
            self._commit("rebuild")
            self.place.shop.change()

    def batch(self) -> list[str]:
        """Change some items: the writer is to take them in."""
        return items_of([key for _ in range(2) for key in self.place.shop.change()])

    def meanwhile(self, batch: list[str]) -> None:
        """Change what the writer works on, and something else; commit three times or more, collect at least twice."""
        self._publish_unnamed()
        self._commit("reindex", [*batch, *items_of(self.place.shop.change())])
        self.place.shop.change(self.random.choice(batch))
        if self.random.random() < 0.5:
            self.place.own.collect(AT_ONCE)
        self._commit("rebuild")
        self.place.own.collect(AT_ONCE)
        self._commit("reindex", items_of(self.place.shop.change(self.random.choice(batch))))
        self.place.own.collect(AT_ONCE)

    def _publish_unnamed(self) -> None:
        """Try to make each snapshot live that no head names: what collection is deleting must be refused."""
        artefacts = self.place.own.artefacts
        named = named_by(read_head(artefacts).head)
        for name in sorted({found.key.split("/")[1] for found in artefacts.list(SNAPSHOTS)}):
            if f"{SNAPSHOTS}{name}/" not in named:
                moment = self.place.shop.moment
                with suppress(StoreError, NotReadyError):
                    self.learn([], moment, self.place.own.publish(name))
                    self.counts["unnamed snapshot made live"] += 1

    def arguments(self, writer: str, batch: list[str]) -> dict[str, Any]:
        return {"reindex": {"items": batch}, "collect": {"grace": AT_ONCE}}.get(writer, {})

    def learn(self, batch: list[str], moment: int, said: Any) -> None:
        """Take note of what a writer promises."""
        match said:
            case Reindexed(outcome="published" | "unchanged"):
                self.place.watch.acknowledged(batch, moment)
            case Rebuilt(outcome="published" | "unchanged") | Published(outcome="published"):
                self.place.watch.acknowledged(self.place.shop.items, moment)
            case Failed(bug=True):
                self.wrong.append(said.detail)
            case _:
                pass

    def settle(self, what: str, said: Any, *, fenced: bool) -> bool:
        """Hold the index to what was promised, then, after a rebuild, to the catalogue; tell if it is wrong."""
        outcome = getattr(said, "outcome", getattr(said, "kind", "collected"))
        self.counts[outcome] += 1
        if fenced and outcome == "published":
            self.wrong.append("published though it had lost the lease")
        self.wrong += self.place.watch.violations()
        self._commit("rebuild")
        self.place.own.collect(AT_ONCE)
        self.wrong += [f"rebuilt: {one}" for one in self.place.watch.differences()]
        self.notes += [f"{what}: {one}" for one in self.wrong]
        failed, self.wrong = bool(self.wrong), []
        return failed

    def figure(self, fault: str, tried: int, failed: int) -> Figure:
        notes = ", ".join(f"{what} {count}" for what, count in sorted(self.counts.items()))
        return Figure(fault, tried, failed, "; ".join([notes, *self.notes[:3]]))

    def _commit(self, what: str, batch: list[str] | None = None) -> None:
        moment = self.place.shop.moment
        done = self.place.own.rebuild() if batch is None else self.place.own.reindex(batch)
        if done.outcome not in ("published", "unchanged"):
            self.wrong.append(f"a {what} meanwhile came to nothing: {done}")
        self.learn(batch or [], moment, done)


def _before_calls(stalls: _Stalls, step: int, say: Say) -> Figure:
    """Stall each writer before every ``step``-th of its calls."""
    tried = failed = 0
    for writer in WRITERS:
        at, calls = stalls.random.randrange(step), 1 << 30
        while at < calls:
            batch, moment = stalls.batch(), stalls.place.shop.moment
            stalling = Stalling(before_call(at), lambda batch=batch: stalls.meanwhile(batch))
            buckets = (stalling.bucket(one) for one in (stalls.place.own.catalogue, stalls.place.own.artefacts))
            machine = stalls.place.settings.cache.with_name(f"stalled-{writer}-{at}")
            said: Any
            try:
                said = getattr(UseCases(*buckets, machine), writer)(**stalls.arguments(writer, batch))
            except (StoreError, NotReadyError) as error:
                said = Failed(type(error).__name__, error.detail)
            stalls.learn(batch, moment, said)
            calls = len(stalling.calls)
            what = f"{writer} before its call {at}, {stalling.calls[min(at, calls - 1)]}"
            had_lease = writer in FENCED and stalling.calls[:at].count(REPLACE_HEAD) == 1
            if at < calls:
                tried += 1
                failed += stalls.settle(what, said, fenced=had_lease)
                if tried % 20 == 0:
                    say(f"{tried} stalls, {failed} wrong; {writer} at call {at} of {calls}")
            at += step
    return stalls.figure("stalled before a call, 3 commits and collections meanwhile", tried, failed)


def _by_signal(stalls: _Stalls, stops: int, say: Say) -> Figure:
    """Stop processes by SIGSTOP at any time while they work."""
    failed = tried = 0
    took = dict.fromkeys(WRITERS, 1.0)
    while tried < stops:
        writer = stalls.random.choice(WRITERS)
        batch, moment = stalls.batch(), stalls.place.shop.moment
        worker = stalls.place.worker()
        started = time.monotonic()
        worker.send(writer, **stalls.arguments(writer, batch))
        if worker.speaks(stalls.random.random() * took[writer]):
            took[writer] *= 0.8
            stalls.learn(batch, moment, worker.receive())
            worker.leave()
            continue
        worker.signal(signal.SIGSTOP)
        stopped = time.monotonic() - started
        stalls.meanwhile(batch)
        worker.signal(signal.SIGCONT)
        resumed = time.monotonic()
        said = worker.receive()
        took[writer] = 0.7 * took[writer] + 0.3 * (stopped + time.monotonic() - resumed)
        worker.leave()
        stalls.learn(batch, moment, said)
        tried += 1
        failed += stalls.settle(f"{writer} stopped after {stopped:.3f} s", said, fenced=False)
        if tried % 20 == 0:
            say(f"{tried} stops, {failed} wrong")
    return stalls.figure("stopped by SIGSTOP, 3 commits and collections meanwhile", tried, failed)
