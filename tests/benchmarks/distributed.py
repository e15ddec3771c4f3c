"""Rebuilds in many functions, by the state machine of the template: ``real 10000`` pictures, or ``simulated 1000000``.

``real`` draws pictures and encodes them by the default encoder, over folders, two shards at once; ``simulated`` runs
plan and encoding over a store in memory, with an encoder that costs nothing, throttles, deaths and double runs, and
then puts the table together as one machine would. Prints one JSON object.

    cd tests && ../.venv/bin/python -m benchmarks.distributed real 10000
"""

from __future__ import annotations

import functools
import json
import resource
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from random import Random
from typing import Any

import numpy as np

from integration.shop import COLOURS, KINDS, draw
from pictures import encoded
from step_functions.definition import definition
from step_functions.machine import Machine
from step_functions.worlds import ENCODER, DigestEncoder, Misfortune, World
from tonari.aws.rebuilding import Rebuilding
from tonari.builds.assemble import assemble
from tonari.builds.look import RebuildContext, look
from tonari.catalogue.documents import document_key, image_key
from tonari.config import ANY_FALL, Settings
from tonari.encoders.store import load_encoder, save_encoder
from tonari.snapshots.head import read_head, use_encoder
from tonari.storage.folder import FolderBucket
from tonari_tools.onnx.default import read_default


class Context:
    """Lambda's, with time enough."""

    aws_request_id = "real"

    def get_remaining_time_in_millis(self) -> int:
        return 900_000


class Timed:
    """Seconds of each step, and how often it ran."""

    def __init__(self) -> None:
        self.seconds: Counter[str] = Counter()
        self.runs: Counter[str] = Counter()

    def add(self, step: str, seconds: float) -> None:
        self.seconds[step] += seconds
        self.runs[step] += 1

    def told(self) -> dict[str, Any]:
        return {step: {"runs": self.runs[step], "seconds": round(self.seconds[step], 1)} for step in self.runs}


def real(count: int, folder: Path) -> dict[str, Any]:
    """Rebuild a drawn shop."""
    for name in ("catalogue", "artefacts"):
        (folder / name).mkdir()
    catalogue, artefacts = (FolderBucket(folder / name) for name in ("catalogue", "artefacts"))
    dice, begun = Random(1), time.perf_counter()
    for number in range(count):
        color, kind = dice.choice([*COLOURS]), dice.choice(KINDS)
        picture = draw(color, kind, inset=dice.randrange(20, 90)).rotate(dice.randrange(360), fillcolor=(245, 245, 245))
        catalogue.put(image_key(f"{number:06}", "1.jpg"), encoded(picture, "JPEG"))
        said = {"color": color, "category": kind, "price": round(dice.uniform(5, 99), 2)}
        catalogue.put(document_key(f"{number:06}"), json.dumps(said).encode())
    drawn = time.perf_counter() - begun
    built = read_default()
    use_encoder(artefacts, save_encoder(artefacts, built.model, built.config))
    load = functools.cache(lambda name: load_encoder(artefacts, name, folder / "cache"))
    settings = Settings("catalogue", "artefacts", 10.0, folder / "cache", "", ANY_FALL)
    function, timed = Rebuilding(settings, catalogue, artefacts, load), Timed()

    def invoke(payload: Any) -> Any:
        begun = time.perf_counter()
        answer = function(payload, Context())
        timed.add(payload["step"], time.perf_counter() - begun)
        return answer

    made = definition(RebuildFunction="rebuild", ArtefactBucket="artefacts")
    machine = Machine(made, invoke, lambda _, key: artefacts.get(key).data, at_once=2)
    begun = time.perf_counter()
    answer = machine.run({"build": "real", "accept": False})
    return {
        "pictures": count,
        "drawn_seconds": round(drawn, 1),
        "seconds": round(time.perf_counter() - begun, 1),
        "steps": timed.told(),
        "answer": {name: answer[name] for name in ("outcome", "items", "views", "encoded", "reused", "rejected")},
        "children": machine.counts.children,
        "transitions": machine.counts.transitions,
        "largest_payload": machine.counts.largest,
    }


def simulated(count: int, folder: Path) -> dict[str, Any]:
    """Plan and encode a large catalogue whose runs go wrong, and compare the table with that of one machine."""
    odds = Misfortune(throttled=0.2, died=0.05, twice=0.05, late=0.02)
    world = World(folder, shard=1_000, random=Random(2), misfortune=odds)
    world.store.page = 10 * count
    for number in range(count):
        world.store.write("catalogue", image_key(f"{number:07}", "1.jpg"), b"%d" % number)
    timed = Timed()
    published: dict[str, Any] = {}
    function = world.function

    def run(payload: Any, context: Any) -> Any:
        begun = time.perf_counter()
        if payload["step"] == "publish":
            assert [one for one in payload["outcomes"] if one] == []
            published.update(table(world))
            answer: Any = {"outcome": "published"}
        else:
            answer = function(payload, context)
        timed.add(payload["step"], time.perf_counter() - begun)
        return answer

    world.function = run  # type: ignore[assignment]
    machine = world.machine()
    begun = time.perf_counter()
    machine.run({"build": "build", "accept": False})
    seconds = time.perf_counter() - begun
    digests = DigestEncoder()
    for number in Random(3).sample(range(count), 1_000):
        expected = digests.encode(b"%d" % number)
        assert np.abs(published["fixed"][number] / 32767 - expected).max() < 1e-3
    return {
        "pictures": count,
        "seconds": round(seconds, 1),
        "steps": timed.told(),
        "children": machine.counts.children,
        "transitions": machine.counts.transitions,
        "retried": dict(machine.counts.retried),
        "events_of_longest_history": machine.counts.events,
        "largest_payload": machine.counts.largest,
        "views": len(published["fixed"]),
        "megabytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
    }


def table(world: World) -> dict[str, Any]:
    """Look again, as who publishes does, and put the table together."""
    context = RebuildContext(
        world.catalogue,
        world.artefacts,
        lambda _: world.encoder,
        world.cache,
        lambda *_: None,
        lambda: 900.0,
    )
    plan = look(context, read_head(world.artefacts).head, ENCODER)
    assert len(plan.to_encode()) == 0
    made, rejected = assemble(plan, [], world.encoder.dimensions)
    assert rejected == {}
    ids = [item.decode() for item in made.ids]
    assert ids == sorted(ids)
    return {"fixed": made.views.fixed[np.argsort(made.views.item, kind="stable")]}


if __name__ == "__main__":
    what, how_many = sys.argv[1], int(sys.argv[2])
    with tempfile.TemporaryDirectory() as place:
        print(json.dumps((real if what == "real" else simulated)(how_many, Path(place)), indent=1))
