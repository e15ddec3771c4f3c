"""Events tripled, shuffled and lost: what was acknowledged is shown at once, the rest after a rebuild."""

from __future__ import annotations

import json
import tempfile
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any
from unittest.mock import patch
from urllib.parse import quote_plus

import hypothesis
from hypothesis import HealthCheck, Phase
from hypothesis import strategies as st

from living.place import AT_ONCE
from living.shop import NAMES, Shop
from living.stalling import Stalling, before_call, before_publishing, never
from living.watch import Watch, save_encoders
from living.worker import UseCases
from simulation.materials import DOCUMENTS, PICTURES
from simulation.store import SimulatedStore
from tonari.aws.events import read_hints
from tonari.builds import collect as collecting
from tonari.builds import lease as leasing
from tonari.catalogue.documents import document_key, image_key
from tonari.errors import NotReadyError, StoreError
from tonari.snapshots.head import SNAPSHOTS, use_encoder
from torture.figure import Figure, Say

RUNS = 1_000
ITEMS = ("plain", "a b", "ü+1", "100%")
MEMORY = Path("/dev/shm")  # noqa: S108
"""Where files cost the least, if there is such a place."""
COPIES = (3, 3, 3, 3, 3, 3, 3, 3, 3, 0)
"""How often an event arrives: thrice, or one in ten never."""
MOST_MESSAGES = 10
ALL = -1
"""Instead of a seed by which messages are chosen."""
PUBLISHES = {"rebuild": 2, "roll_back": 2}
"""How often the head is replaced; once where nothing stands here."""
LEAST, MOST = 8, 40
"""How much happens in a run."""

Operation = tuple[Any, ...]
"""What is done: a word and its numbers, the last of which may be ``(when, operations)``: they happen meanwhile."""


def operations() -> st.SearchStrategy[list[Operation]]:
    """Draw what happens: single operations, and changes that a writer takes in while something else happens."""
    item, name, copies = st.integers(0, len(ITEMS) - 1), st.integers(0, len(NAMES) - 1), st.sampled_from(COPIES)
    undo = st.tuples(st.just("undo"), copies)
    change = st.one_of(
        st.tuples(st.just("document"), item, st.integers(0, len(DOCUMENTS) - 1), copies),
        st.tuples(st.just("image"), item, name, st.integers(0, len(PICTURES) - 1), copies),
        st.tuples(st.just("delete image"), item, name, copies),
        st.tuples(st.just("delete"), item, copies),
    )
    taken_in = st.tuples(st.one_of(undo, change), st.just(("deliver", ALL))).map(list)
    some = st.tuples(st.just("deliver"), st.integers(0, 999))
    small = st.one_of(change, undo, some, st.sampled_from((("rebuild",), ("collect",))))
    others = st.one_of(
        taken_in,
        taken_in.map(lambda before: [*before, ("rebuild",)]),
        st.integers(0, 3).map(lambda number: [("publish", number)]),
        st.lists(small, min_size=1, max_size=3),
    )
    inside = st.tuples(st.tuples(st.sampled_from(("call", "publishing")), st.integers(0, 99)), others)
    builder = st.sampled_from(("rebuild", "roll_back", "collect"))
    writer = st.one_of(st.tuples(st.just("deliver"), st.just(ALL), inside), st.tuples(builder, inside))
    single = st.one_of(
        change, change, undo, some, st.tuples(builder), writer, st.tuples(st.just("switch"), st.integers(0, 1))
    )
    episode = st.one_of(single.map(lambda one: [one]), single.map(lambda one: [one]), st.tuples(change, writer))
    opened = st.sampled_from(([("open",)],) * 7 + ([],))
    episodes = st.tuples(opened, st.lists(episode, min_size=LEAST, max_size=MOST))
    return episodes.map(lambda both: [*both[0], *(one for episode in both[1] for one in episode)])


def _known() -> Iterator[list[Operation]]:
    """Give what once went wrong, or would if a guard were missing."""
    looked_at = [("undo", 3), ("deliver", ALL)]
    for number in (0, 1):
        for writer in (("deliver", ALL), ("rebuild",)):
            yield [("open",), ("image", 0, 0, 1, 3), (*writer, (("publishing", number), looked_at))]
    folded = [("document", 0, 1, 3), ("deliver", ALL), ("rebuild",)]
    for writer in ("rebuild", "roll_back"):
        two = [("open",), ("image", 0, 0, 1, 3), ("rebuild",)]
        yield [*two, ("image", 1, 0, 1, 3), (writer, (("publishing", 1), folded))]
    three = [("open",), *(one for number in (1, 2) for one in (("image", 0, 0, number, 3), ("rebuild",)))]
    for number in range(12):
        yield [*three, ("collect",), ("collect", (("call", number), [("publish", 0)]))]
    mixed = (("publishing", 0), [("rebuild",), ("document", 0, 1, 0)])
    yield [("open",), ("switch", 1), ("image", 0, 0, 1, 3), ("deliver", ALL, mixed)]


class ViolationError(AssertionError):
    """Something does not hold; says how it is seen again."""

    def __init__(self, done: Sequence[Operation], wrong: Sequence[str]) -> None:
        super().__init__(f"{'; '.join(wrong[:3])}. Again: torture.events.play({list(done)!r})")


def run(share: float, seed: int, say: Say) -> Iterator[Figure]:
    """Play what hypothesis thinks of."""
    runs, counts = max(1, round(share * RUNS)), Counter[str]()

    @hypothesis.seed(seed)
    @hypothesis.settings(
        max_examples=runs,
        database=None,
        deadline=None,
        phases=[Phase.explicit, Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
    )
    @hypothesis.given(operations())
    def played(done: list[Operation]) -> None:
        counts["runs"] += 1
        counts.update(play(done))
        if counts["runs"] % 50 == 0:
            say(f"events: {counts['runs']} runs")

    for done in _known():
        played = hypothesis.example(done)(played)
    fault, note = "events tripled, shuffled, 10 % lost; equal after a rebuild", ""
    try:
        played()
    except ViolationError as error:
        note = f"; {error}"
    tried = counts.pop("runs")
    notes = ", ".join(f"{what} {count}" for what, count in sorted(counts.items()))
    yield Figure(fault, tried, int(bool(note)), f"{notes}{note}")


def play(done: Sequence[Operation]) -> Counter[str]:
    """Do what is given to a shop in memory, and at the end rebuild; counts what came of it.

    Raises
    ------
    ViolationError
    """
    with ExitStack() as stack:
        for module in (leasing, collecting):
            stack.enter_context(patch.object(module, "PATIENCE_SECONDS", AT_ONCE))
        folder = tempfile.TemporaryDirectory(prefix="events-", dir=MEMORY if MEMORY.is_dir() else None)
        world = _World(Path(stack.enter_context(folder)))
        for one in done:
            world.do(one)
            if wrong := [*world.wrong, *world.watch.violations()]:
                raise ViolationError(done, [f"after {one}: {what}" for what in wrong])
        world.do(("rebuild",))
        if wrong := [*world.wrong, *world.watch.violations(), *world.watch.differences()]:
            raise ViolationError(done, [f"after the last rebuild: {what}" for what in wrong])
        return world.counts


@dataclass
class _World:
    """A shop, its index, and a queue."""

    folder: Path
    counts: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    queue: list[str] = field(default_factory=list)
    """Bodies of messages."""
    _undone: dict[str, bytes | None] = field(default_factory=dict)
    _last: defaultdict[str, Stalling] = field(default_factory=lambda: defaultdict(Stalling))

    def __post_init__(self) -> None:
        store = SimulatedStore()
        self._catalogue, self._artefacts = store.bucket("catalogue"), store.bucket("artefacts")
        self._encoders = save_encoders(self._artefacts)
        use_encoder(self._artefacts, self._encoders[0])
        self._shop = Shop(self._catalogue, Random(0), ITEMS)
        self.watch = Watch(self._shop, self._artefacts, self.folder / "watch")

    def do(self, one: Operation) -> None:
        """Do one thing."""
        match one:
            case ("open",):
                self._open()
            case ("deliver" as what, seed, *inside):
                self._deliver(seed, self._use_cases(what, *inside))
            case ("publish", number):
                self._publish(number)
            case ("switch", number):
                self._use_cases("switch").switch(self._encoders[number])
            case ("collect" as what, *inside):
                self._use_cases(what, *inside).collect(AT_ONCE)
            case (("rebuild" | "roll_back") as what, *inside):
                self._rebuild(what, self._use_cases(what, *inside))
            case _:
                self._change(one)

    def _change(self, one: Operation) -> None:
        match one:
            case ("document", item, content, copies):
                self._put(document_key(ITEMS[item]), DOCUMENTS[content], copies)
            case ("image", item, name, content, copies):
                self._put(image_key(ITEMS[item], NAMES[name]), PICTURES[content], copies)
            case ("delete image", item, name, copies):
                self._delete(copies, image_key(ITEMS[item], NAMES[name]))
            case ("undo", copies):
                self._undo(copies)
            case ("delete", item, copies):
                images = (image_key(ITEMS[item], name) for name in NAMES)
                self._delete(copies, document_key(ITEMS[item]), *images)

    def _open(self) -> None:
        """Let there be all items, in a snapshot."""
        for item in ITEMS:
            self._shop.put(document_key(item), DOCUMENTS[0])
            self._shop.put(image_key(item, NAMES[0]), PICTURES[0])
        self.do(("rebuild",))

    def _use_cases(self, what: str, inside: tuple[tuple[str, int], list[Operation]] | None = None) -> UseCases:
        """Give the use cases of a new machine, on which something is done during which other things may happen."""
        (at, number), others = inside or (("never", 0), [])
        when = {
            "call": before_call(number % max(1, len(self._last[what].calls))),
            "publishing": before_publishing(number % PUBLISHES.get(what, 1)),
            "never": never,
        }[at]
        stalling = Stalling(when, lambda: self._meanwhile(others))
        self._last[what] = stalling
        self.counts["machines"] += 1
        machine = self.folder / f"machine-{self.counts['machines']}"
        return UseCases(stalling.bucket(self._catalogue), stalling.bucket(self._artefacts), machine)

    def _meanwhile(self, others: list[Operation]) -> None:
        self.counts["interrupted"] += 1
        for one in others:
            self.do(one)

    def _undo(self, copies: int) -> None:
        """Let what was changed last be as it was."""
        for key, data in dict(self._undone).items():
            if data is None:
                self._delete(copies, key)
            else:
                self._put(key, data, copies)

    def _put(self, key: str, data: bytes, copies: int) -> None:
        self._undone = {key: self._shop.now(key)}
        self._shop.put(key, data)
        self._send(key, "ObjectCreated:Put", "Object Created", copies)

    def _delete(self, copies: int, *keys: str) -> None:
        self._undone = {key: self._shop.now(key) for key in keys}
        self._shop.delete(*keys)
        for key in keys:
            self._send(key, "ObjectRemoved:Delete", "Object Deleted", copies)

    def _send(self, key: str, name: str, detail: str, copies: int) -> None:
        """Let an event arrive so often, in each of the shapes it may have."""
        record = {"eventSource": "aws:s3", "eventName": name, "s3": {"object": {"key": quote_plus(key)}}}
        shapes: list[Mapping[str, Any]] = [
            {"Records": [record]},
            {"source": "aws.s3", "detail-type": detail, "detail": {"object": {"key": key}}},
        ]
        self.queue += [json.dumps(shapes[number % 2]) for number in range(copies)]
        self.counts["events lost"] += not copies
        self.counts["events"] += 1

    def _deliver(self, seed: int, use_cases: UseCases) -> None:
        """Deliver some messages, in any order; those that are acknowledged do not come back."""
        random, most = Random(seed), len(self.queue)
        bodies = random.sample(self.queue, most if seed == ALL else min(most, random.randint(1, MOST_MESSAGES)))
        items, moment = _hinted(bodies), self._shop.moment
        if not items:
            return
        said = use_cases.reindex(items)
        self.counts[f"reindex {said.outcome}"] += 1
        if said.outcome != "rebuild":
            self.watch.acknowledged(items, moment)
            for body in bodies:
                if body in self.queue:
                    self.queue.remove(body)

    def _publish(self, number: int) -> None:
        """Make a snapshot live that lies in the bucket, if that may be."""
        names = sorted({found.key.split("/")[1] for found in self._artefacts.list(SNAPSHOTS)})
        moment = self._shop.moment
        with suppress(NotReadyError, StoreError, IndexError):
            said = self._use_cases("publish").publish(names[number])
            self.counts[f"publish {said.outcome}"] += 1
            if said.outcome == "published":
                self.watch.acknowledged(ITEMS, moment)

    def _rebuild(self, what: str, use_cases: UseCases) -> None:
        moment = self._shop.moment
        try:
            said = getattr(use_cases, what)()
        except NotReadyError:
            said = None
        outcome = said.outcome if said else "not possible"
        self.counts[f"{what} {outcome}"] += 1
        if outcome in ("published", "unchanged"):
            self.watch.acknowledged(ITEMS, moment)


def _hinted(bodies: Sequence[str]) -> list[str]:
    """Give the items that a batch of messages hints at."""
    records = [{"messageId": str(number), "eventSource": "aws:sqs", "body": one} for number, one in enumerate(bodies)]
    return read_hints({"Records": records}).items
