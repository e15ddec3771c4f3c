"""The world that the use cases live in: users who change their minds, a queue that repeats itself, dying machines."""

from __future__ import annotations

import contextlib
import functools
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import TypeVar
from unittest.mock import patch

from simulation import use_cases
from simulation.faults import Drawn, Fault, Faults
from simulation.invariants import ARTEFACTS, CATALOGUE, Violation, Watch
from simulation.machine import simulated_machine
from simulation.materials import DOCUMENTS, ITEMS, NAMES, PICTURES, encoders
from simulation.scheduler import Crash, Scheduler
from simulation.store import Change, SimulatedStore, Stored
from tonari.builds.look import RebuildContext
from tonari.catalogue.documents import document_key, image_key, item_of
from tonari.encoders.store import save_encoder
from tonari.engines.builtin import BuiltinEngine, BuiltinOpening
from tonari.errors import (
    EngineUnavailableError,
    NotReadyError,
    OutOfTimeError,
    StoreError,
    UnfaithfulEngineError,
    UnreadableError,
)
from tonari.query import serving as serving_module
from tonari.query.reader import Reader
from tonari.query.serving import Serving
from tonari.snapshots.head import use_encoder
from tonari.snapshots.indexed import IndexedItem
from tonari.snapshots.segments import Segment
from tonari.snapshots.snapshot import Snapshot
from tonari.storage.bucket import Bucket

VISIBILITY, DELAY = 120.0, 3.0
"""Seconds."""
TRIES = 3
BATCH = 5
DAY = 86_400.0
BASES = 8
MEMORY = Path("/dev/shm")  # noqa: S108
"""Where files cost the least, if there is such a place."""


PASSING = (
    StoreError,
    NotReadyError,
    OutOfTimeError,
    UnreadableError,
    EngineUnavailableError,
    UnfaithfulEngineError,
)
"""What may go wrong for a while."""


@dataclass
class Message:
    """A hint at an item, to be had from some time on."""

    item: str
    at: float


Views = Mapping[str, list[tuple[str, str, bytes]]]
"""Name, source and embedding of the views of items, by id."""


def views_of(items: Mapping[str, IndexedItem | None]) -> Views:
    """Give the views of all items that have any."""
    return {
        name: [(view.name, view.source, view.embedding.tobytes()) for view in item.views]
        for name, item in items.items()
        if item and item.views
    }


class RememberingOpening(BuiltinOpening):
    """Opens the built-in engine, and remembers which views each engine has."""

    def __init__(self) -> None:
        self.opened: list[tuple[object, Views]] = []

    def open(self, snapshot: Snapshot, changes: Segment, generation: int) -> BuiltinEngine:
        base = {item.id: item for item in map(snapshot.table.item, range(len(snapshot.table)))}
        engine = super().open(snapshot, changes, generation)
        self.opened.append((engine, views_of({**base, **changes.items})))
        return engine


class Queue:
    """Delivers each message at least once, in any order, and again when nobody acknowledges it."""

    def __init__(self, random: Random, loss: float, delay: float) -> None:
        self._random, self._loss, self._delay = random, loss, delay
        self.messages: list[Message] = []

    def send(self, item: str, now: float) -> None:
        if self._random.random() >= self._loss:
            copies = self._random.choice((1, 1, 1, 2, 3))
            self.messages += [Message(item, now + self._random.expovariate(1 / self._delay)) for _ in range(copies)]

    def receive(self, now: float) -> list[Message]:
        visible = [message for message in self.messages if message.at <= now]
        batch = self._random.sample(visible, min(len(visible), self._random.randint(1, BATCH)))
        for message in batch:
            message.at = now + VISIBILITY
        return batch

    def acknowledge(self, batch: list[Message]) -> None:
        self.messages = [message for message in self.messages if not any(message is one for one in batch)]


@dataclass(frozen=True)
class Cast:
    """How many of each there are, and how often each acts."""

    rebuilders: int = 2
    reindexers: int = 3
    readers: int = 3
    users: int = 2
    operators: int = 1
    collectors: int = 1
    changes: int = 9
    rebuilds: int = 3
    looks: int = 4
    collections: int = 3


@dataclass
class Outcome:
    """What a run came to."""

    calls: int
    publishes: int
    faults: Counter[Fault]
    trace: list[tuple[str, str, str, str]] = field(repr=False)


class World:
    """A store, those who use it, and who watches."""

    def __init__(self, random: Random, faults: Faults, folder: Path, base: Mapping[str, Mapping[str, Stored]]) -> None:
        self.random, self.faults, self._folder = random, faults, folder
        self.slowness = random.choice((1.0, 5.0, 15.0))
        self.pace = self.slowness * random.choice((1.0, 3.0, 10.0, 100.0))
        self.queue = Queue(Random(random.random()), random.choice((0, 0, 0.1)), DELAY * self.slowness)
        self.touched = ITEMS[: random.choice((1, 2, 4))]
        self.grace = random.choice((0.0, 60.0, 3600.0))
        self.store = SimulatedStore(
            page=random.choice((2, 1000)), objects={name: dict(of) for name, of in base.items()}
        )
        self.scheduler = Scheduler(
            self.store,
            faults,
            Random(random.random()),
            restless=random.choice((0.1, 0.3, 1.0)),
            slowness=self.slowness,
        )
        self.watch = Watch(self.store, folder / "watch")
        self.choices = choices(0)
        self.users: set[str] = set()
        self.asked: list[str] = []
        for bucket in (CATALOGUE, ARTEFACTS):
            for key, stored in sorted(self.store.objects[bucket].items()):
                self.watch.changed(Change(bucket, key, stored))
        self.store.on_change = self._changed

    def _changed(self, change: Change) -> None:
        self.watch.changed(change)
        if change.bucket == CATALOGUE and (item := item_of(change.key)):
            self.queue.send(item, self.store.clock)

    def buckets(self, actor: str) -> tuple[Bucket, Bucket, Path]:
        """Give an actor's handles of the buckets, and the folder of its machine."""
        return self.store.bucket(CATALOGUE, actor), self.store.bucket(ARTEFACTS, actor), self._folder / actor

    def begin(self) -> None:
        """Do what was done before anybody acts."""

    def context(self, actor: str, remaining: Callable[[], float] = lambda: 900.0) -> RebuildContext:
        """Give what an actor's rebuilds, and going back, work with."""
        return use_cases.context_of(*self.buckets(actor), remaining)

    def reindexing(self, actor: str) -> Callable[[Sequence[str]], int | None]:
        """Give what an actor's reindex function does with items."""
        return use_cases.reindexer(*self.buckets(actor), self.asked.append)

    def collect(self, actor: str) -> None:
        """Collect once."""
        use_cases.collect(self.buckets(actor)[1], self.grace)

    def add(self, actor: str, life: Callable[[str, Random], None]) -> None:
        """Add an actor, whose machine's clock may be a day off."""
        random = Random(self.random.random())
        self.scheduler.add(
            actor,
            lambda: life(actor, random),
            skew=random.choice((0.0, 0.0, -DAY, DAY)),
            vigour=10 ** random.uniform(-1.5, 0),
            starts_in=random.uniform(0, self.pace),
        )

    @property
    def busy(self) -> bool:
        """Whether there is still something to index."""
        return bool(self.queue.messages or self.users)

    def surviving(self, work: Callable[[], object]) -> bool:
        """Do some work; tell whether it neither failed nor died."""
        try:
            work()
        except PASSING:
            return False
        except Crash:
            self.scheduler.revive()
            return False
        return True

    def user(self, actor: str, random: Random, changes: int) -> None:
        """Put, change, revert and delete documents and images."""
        catalogue, *_ = self.buckets(actor)
        for _ in range(changes):
            self.scheduler.sleep(random.expovariate(1 / self.pace))
            item = random.choice(self.touched)
            image = image_key(item, random.choice(NAMES))
            match random.randrange(8):
                case 0:
                    catalogue.put(document_key(item), random.choice(DOCUMENTS))
                case 1 | 2:
                    catalogue.put(image, random.choice(PICTURES))
                case 3:
                    catalogue.delete(random.choice((document_key(item), image)))
                case 4:
                    catalogue.delete(document_key(item), *(image_key(item, name) for name in NAMES))
                case _:  # and soon back again
                    was = self.store.objects[CATALOGUE].get(image)
                    catalogue.put(image, random.choice(PICTURES))
                    self.scheduler.sleep(random.expovariate(1 / self.slowness))
                    if was:
                        catalogue.put(image, was.data)
                    else:
                        catalogue.delete(image)
        self.users.remove(actor)

    def reindexer(self, actor: str, random: Random) -> None:
        """Work off the queue, until it is empty and nobody fills it any more."""
        handle = self.reindexing(actor)
        while self.busy:
            batch = self.queue.receive(self.store.clock)
            if not batch:
                self.scheduler.sleep(random.uniform(0.5, 10) * max(1, self.pace / 30))
                continue
            if not self.surviving(lambda: self.take_in(handle, batch)):  # noqa: B023
                handle = self.reindexing(actor)

    def take_in(self, handle: Callable[[list[str]], int | None], batch: list[Message]) -> int | None:
        """Reindex a batch, and acknowledge it if that may be; gives the generation that shows it."""
        begun, items = self.watch.moment, sorted({message.item for message in batch})
        generation = handle(items)
        if generation is not None:
            self.queue.acknowledge(batch)
            self.watch.acknowledged(items, begun, generation)
        return generation

    def rebuilder(self, actor: str, random: Random, rebuilds: int) -> None:
        """Rebuild now and then, and when somebody asks for it; what fails is tried again under the same id."""
        while rebuilds > 0 or self.busy:
            self.scheduler.sleep(random.expovariate(1 / self.pace))
            if rebuilds <= 0 and not self.asked:
                continue
            rebuilds -= 1
            build = self.asked.pop() if self.asked else f"{actor}-{rebuilds}"
            for _ in range(TRIES):
                if self.surviving(lambda: self.rebuild(actor, build)):  # noqa: B023
                    break
                self.scheduler.sleep(random.uniform(0, 60))

    def rebuild(self, actor: str, build: str) -> None:
        """Do one run of the rebuild function."""
        begun = self.store.clock
        context = self.context(actor, lambda: begun + 900 - self.store.clock)
        if use_cases.rebuild(context, build):
            self.collect(actor)

    def operator(self, actor: str, random: Random) -> None:
        """Switch encoders, and go back to what was live before."""
        for _ in range(random.randint(0, 3)):
            self.scheduler.sleep(random.expovariate(1 / self.pace))
            context = self.context(actor)
            name = random.choice(self.choices)
            self.surviving(
                random.choice(
                    (
                        lambda: use_encoder(context.artefacts, name),  # noqa: B023
                        lambda: use_cases.roll_back(context),  # noqa: B023
                    )
                )
            )

    def collector(self, actor: str, random: Random, collections: int) -> None:
        """Delete what no head names any more."""
        for _ in range(collections):
            self.scheduler.sleep(random.expovariate(1 / self.pace))
            self.surviving(lambda: self.collect(actor))

    def reader(self, actor: str, random: Random, looks: int) -> None:
        """Look at what is served, and hold it to what its head names."""
        opening = RememberingOpening()

        def new() -> Reader:
            _, artefacts, cache = self.buckets(actor)
            return Reader(artefacts, cache, 10.0, opening, lambda _: None, beside=lambda work: work())

        reader, last = new(), 0
        for _ in range(looks):
            self.scheduler.sleep(random.expovariate(1 / self.pace))
            served: list[Serving] = []
            if not self.surviving(lambda: served.append(reader.current())):  # noqa: B023
                reader, last = new(), 0
                continue
            head = served[0].read.head
            views = next(views for engine, views in opening.opened if engine is served[0].engine)
            if views != views_of(self.watch.show(head).items):
                raise Violation(f"{actor} serves generation {head.generation} otherwise than its head says")
            if head.generation < last:
                raise Violation(f"{actor} went back from generation {last} to {head.generation}")
            last = head.generation

    def quiet(self) -> None:
        """When all faults are over: deliver what is left, rebuild, collect, and hold the index to the catalogue."""
        context, handle = self.context("last"), self.reindexing("last")
        self._rebuild_at_last(context)
        while self.queue.messages:
            if batch := self.queue.receive(self.store.clock):
                self.take_in(handle, batch)
            else:
                self.scheduler.sleep(VISIBILITY)
        self._rebuild_at_last(context)
        for _ in range(2):
            self.collect("last")
            self.scheduler.sleep(self.grace)
        self.watch.settled()

    def _rebuild_at_last(self, context: RebuildContext) -> None:
        """Rebuild, once whoever died with the lease is known to be dead."""
        for _ in range(TRIES):
            if use_cases.rebuild(context):
                return
            self.scheduler.sleep(600)
        raise Violation("nobody can rebuild any more")


Kind = TypeVar("Kind", bound=World)


@contextlib.contextmanager
def world(
    random: Random,
    faults: Faults,
    base: Mapping[str, Mapping[str, Stored]],
    kind: Callable[[Random, Faults, Path, Mapping[str, Mapping[str, Stored]]], Kind],
) -> Iterator[Kind]:
    """Make a world of some kind on a simulated machine."""
    with tempfile.TemporaryDirectory(prefix="world-", dir=MEMORY if MEMORY.is_dir() else None) as folder:
        made = kind(random, faults, Path(folder), base)
        with (
            simulated_machine(made.scheduler),
            patch.object(serving_module, "load_encoder", use_cases.load_encoder),
            patch.object(tempfile, "tempdir", folder),
        ):
            yield made


def choices(number: int) -> list[str]:
    """Give the ids of the encoders that are used: in every other world those that see, in the others all."""
    return [name for name, one in encoders().items() if number % 2 or "text" not in one.rule.modalities]


@functools.lru_cache(maxsize=BASES + 1)
def base(number: int) -> Mapping[str, Mapping[str, Stored]]:
    """Give buckets that a few items are in, and in most a snapshot of them."""
    random = Random(number)
    empty: dict[str, dict[str, Stored]] = {CATALOGUE: {}, ARTEFACTS: {}}
    with world(random, Drawn(random, {}), empty, World) as made:
        catalogue, artefacts, _ = made.buckets("")
        for one in encoders().values():
            save_encoder(artefacts, one.model, one.config)
        use_encoder(artefacts, random.choice(choices(number)))
        for item in random.sample(ITEMS, 3):
            catalogue.put(document_key(item), random.choice(DOCUMENTS))
            for name in NAMES:
                catalogue.put(image_key(item, name), random.choice(PICTURES))
        if number % 4:
            use_cases.rebuild(use_cases.context_of(*made.buckets("")))
        return made.store.objects


def play(
    seed: int,
    cast: Cast = Cast(),
    kind: Callable[[Random, Faults, Path, Mapping[str, Mapping[str, Stored]]], World] = World,
) -> Outcome:
    """Let a seed's world run to its end, with all faults, and then be quiet.

    Raises
    ------
    Violation
        If an invariant does not hold.
    """
    start = base(seed % BASES)
    random = Random(seed)
    total = 10 ** random.uniform(-3, -1.2)
    chosen = random.sample(sorted(Fault), random.randint(1, len(Fault)))
    users = frozenset(f"user-{number}" for number in range(cast.users))
    faults = Drawn(random, dict.fromkeys(chosen, total / len(chosen)), spared=users)
    with world(random, faults, start, kind) as made:
        lives: list[tuple[str, int, Callable[[str, Random], None]]] = [
            ("user", cast.users, lambda actor, own: made.user(actor, own, cast.changes)),
            ("reindexer", cast.reindexers, made.reindexer),
            ("rebuilder", cast.rebuilders, lambda actor, own: made.rebuilder(actor, own, cast.rebuilds)),
            ("operator", cast.operators, made.operator),
            ("collector", cast.collectors, lambda actor, own: made.collector(actor, own, cast.collections)),
            ("reader", cast.readers, lambda actor, own: made.reader(actor, own, cast.looks)),
        ]
        for role, count, life in lives:
            for number in range(count):
                made.add(f"{role}-{number}", life)
        made.users.update(users)
        made.choices = choices(seed)
        made.begin()
        made.scheduler.run()
        faults.over = True
        made.scheduler.add("last", made.quiet)
        made.scheduler.run()
        return Outcome(len(made.scheduler.trace), made.watch.publishes, faults.counts, made.scheduler.trace)
