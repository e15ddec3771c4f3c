"""A process dies before and after each of its bucket calls; then messages come back, and a rebuild runs."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from random import Random

from simulation import use_cases
from simulation.engine_world import EngineWorld
from simulation.faults import CrashAt, Drawn, Fault
from simulation.invariants import CATALOGUE, Violation
from simulation.materials import DOCUMENTS, ITEMS, NAMES, PICTURES, picture_encoders
from simulation.world import World, base, world
from tonari.builds.reindex import MOST_SEGMENTS
from tonari.catalogue.documents import document_key, image_key
from tonari.snapshots.head import read_head, use_encoder
from torture.figure import Figure, Say

VICTIM = "victim"
WORLDS = 4
DAY = 86_400.0
SHOWS_WRITE = "put", "engine/"


@dataclass(frozen=True)
class Scene:
    """What a process does that dies, and what was there before.

    Parameters
    ----------
    shows
        The beginning of a key, and what is done to it, if it does what its name says.
    start
        Number of the world that it begins with.
    kind
        Of that world.
    """

    name: str
    shows: tuple[str, str]
    work: Callable[[World], None]
    prepare: tuple[Callable[[World], None], ...] = ()
    start: int = 1
    kind: type[World] = World


def change(made: World, item: str = ITEMS[0], picture: int = 1) -> None:
    """Put a document and a picture, delete another."""
    catalogue = made.store.bucket(CATALOGUE)
    catalogue.put(document_key(item), DOCUMENTS[picture % len(DOCUMENTS)])
    catalogue.put(image_key(item, NAMES[0]), PICTURES[picture % len(PICTURES)])
    catalogue.delete(image_key(item, NAMES[1]))


def rebuild_thrice(made: World) -> None:
    """Leave a snapshot and segments that no head names."""
    for number in range(3):
        change(made, picture=number)
        reindex(made)
        rebuild(made)


def delete(made: World) -> None:
    item = ITEMS[1]
    made.store.bucket(CATALOGUE).delete(document_key(item), *(image_key(item, name) for name in NAMES))


def revert(made: World) -> None:
    """Send hints at items that are as they were."""
    for item in ITEMS:
        made.queue.send(item, made.store.clock)


def switch(made: World) -> None:
    """Choose the encoder that is not live."""
    _, artefacts, _ = made.buckets("")
    use_encoder(artefacts, next(name for name in picture_encoders() if name != read_head(artefacts).head.encoder))


def later(made: World) -> None:
    made.store.clock += 2 * DAY


def reindex(made: World, actor: str = "") -> None:
    """Take in all that is queued."""
    made.store.clock += 1000
    handle = made.reindexing(actor)
    while batch := made.queue.receive(made.store.clock):
        made.take_in(handle, batch)


def rebuild(made: World, actor: str = "") -> None:
    use_cases.rebuild(made.context(actor))


def roll_back(made: World, actor: str = "") -> None:
    use_cases.roll_back(made.context(actor))


def collect(made: World, actor: str = "") -> None:
    made.collect(actor)


def fill_segments(made: World) -> None:
    """Name as many segments as a head can."""
    for number in range(MOST_SEGMENTS):
        change(made, picture=number)
        reindex(made)


def dying(work: Callable[[World, str], None]) -> Callable[[World], None]:
    return lambda made: work(made, VICTIM)


SCENES = (
    Scene("the first rebuild", ("create", "artefacts/snapshots/"), dying(rebuild), (change,), start=0),
    Scene("rebuild", ("create", "artefacts/work/"), dying(rebuild), (change, delete)),
    Scene("rebuild over segments", ("get", "artefacts/segments/"), dying(rebuild), (change, delete, reindex, change)),
    Scene("rebuild that switches encoders", ("create", "artefacts/work/"), dying(rebuild), (change, reindex, switch)),
    Scene("reindex", ("create", "artefacts/segments/"), dying(reindex), (change, delete)),
    Scene("reindex of what has not changed", ("replace", "artefacts/head.json"), dying(reindex), (revert,)),
    Scene(
        "reindex that merges segments",
        ("create", "artefacts/segments/"),
        dying(reindex),
        (fill_segments, delete, change),
    ),
    Scene(
        "gc that condemns",
        ("create", "artefacts/work/condemned/"),
        dying(collect),
        (rebuild_thrice, later),
    ),
    Scene(
        "gc that deletes",
        ("delete", "artefacts/snapshots/"),
        dying(collect),
        (rebuild_thrice, later, collect, later),
    ),
    Scene("rollback", ("create", "artefacts/segments/"), dying(roll_back), (change, rebuild, delete, reindex)),
    Scene(
        "rollback to another encoder",
        ("replace", "artefacts/head.json"),
        dying(roll_back),
        (switch, rebuild, switch, rebuild, change, reindex),
    ),
    Scene("the first rebuild with an engine", SHOWS_WRITE, dying(rebuild), (change,), start=0, kind=EngineWorld),
    Scene("rebuild with an engine", SHOWS_WRITE, dying(rebuild), (change, reindex, delete), kind=EngineWorld),
    Scene("reindex with an engine", SHOWS_WRITE, dying(reindex), (change, delete), kind=EngineWorld),
    Scene(
        "rollback with an engine",
        SHOWS_WRITE,
        dying(roll_back),
        (change, reindex, rebuild, delete, reindex),
        kind=EngineWorld,
    ),
    Scene("gc with an engine", ("delete", "engine/"), dying(collect), (rebuild_thrice, later), kind=EngineWorld),
)


def calls(scene: Scene, seed: int) -> list[tuple[str, str]]:
    """Let a scene's process live; give what it did to which key."""
    with world(Random(seed), Drawn(Random(0), {}), base(scene.start + 4 * (seed % 2)), scene.kind) as made:
        _play(scene, made)
        return [(what, key) for actor, what, key, _ in made.scheduler.trace if actor == VICTIM]


def _play(scene: Scene, made: World) -> None:
    made.begin()
    for prepare in scene.prepare:
        prepare(made)
    made.scheduler.add(VICTIM, lambda: scene.work(made))
    made.scheduler.run()
    made.scheduler.add("last", made.quiet)
    made.scheduler.run()


def crash(scene: Scene, seed: int, fault: Fault, number: int) -> bool:
    """Let a scene's process die at one of its calls, and the world recover; tell whether it came to that call.

    Raises
    ------
    Violation
        If an invariant does not hold.
    """
    faults = CrashAt(VICTIM, number, fault)
    with world(Random(seed), faults, base(scene.start + 4 * (seed % 2)), scene.kind) as made:
        _play(scene, made)
    return faults.hit


def run(share: float, seed: int, say: Say) -> Iterator[Figure]:
    worlds = range(seed, seed + max(1, round(WORLDS * share)))
    step = max(1, round(1 / (share * WORLDS))) if share * WORLDS < 1 else 1
    for scene in SCENES:
        tried, failed = 0, []
        for at, fault in itertools.product(worlds, (Fault.CRASH_BEFORE, Fault.CRASH_AFTER)):
            for number in itertools.count(1, step):
                try:
                    if not crash(scene, at, fault, number):
                        break
                except Violation as violation:
                    failed.append(f"world {at}, {fault} {number}: {violation}")
                tried += 1
        say(f"{scene.name}: {tried} points, {len(failed)} failed")
        yield Figure(
            f"a crash before and after each bucket call: {scene.name}", tried, len(failed), "".join(failed[:1])
        )
