"""A small catalogue that went through two rebuilds and two reindexings, and a child process that serves it."""

from __future__ import annotations

import functools
import json
import logging
import multiprocessing
import time
from collections.abc import Mapping
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from graphs import MEAN_COLOUR, mean_colour
from pictures import encoded
from tonari.api.app import App
from tonari.api.http import Request
from tonari.builds.look import RebuildContext
from tonari.builds.rebuild import rebuild
from tonari.builds.reindex import reindex
from tonari.catalogue.documents import SCHEMA, document_key, image_key
from tonari.config import ANY_FALL
from tonari.encoders.store import load_encoder, save_encoder
from tonari.engines.builtin import BuiltinOpening
from tonari.query.reader import Reader
from tonari.snapshots.head import HEAD, SNAPSHOTS, read_head, use_encoder
from tonari.snapshots.manifest import FILES, GRAPH, MANIFEST, read_manifest
from tonari.snapshots.snapshot import load_tables
from tonari.storage.folder import FolderBucket
from unit.index.samples import slow_graphs_kept

ITEMS = 130
COLORS = ("red", "green", "blue")
PATIENCE = 60
SPAWN = multiprocessing.get_context("spawn")

Answers = tuple[tuple[int, str], ...]
"""Status and body of each answer; of those that succeed, without generation and times."""


def picture(random: np.random.Generator, color: int) -> bytes:
    """Draw one colour with a cast."""
    cast = random.integers(20, 90, 3)
    cast[color] += 150
    return encoded(Image.new("RGB", (8, 8), tuple(cast.tolist())), "PNG")


@dataclass(frozen=True)
class World:
    """Two states that are whole, and what each answers.

    Parameters
    ----------
    head, head_before
        Bytes of ``head.json`` when the live state was published, and the one before it.
    keys
        Of each kind of artefact of the live state, in the bucket.
    cached
        Of each kind the name in the cache.
    live, before
        What the two states answer.
    """

    folder: Path
    head: bytes
    head_before: bytes
    keys: Mapping[str, str]
    cached: Mapping[str, str]
    live: Answers = ()
    before: Answers = ()

    @property
    def bucket(self) -> FolderBucket:
        return FolderBucket(self.folder / "artefacts")


def build_world(folder: Path) -> World:
    """Build, change, switch to another encoder, change again; and let each state answer once."""
    for name in ("catalogue", "artefacts"):
        (folder / name).mkdir()
    catalogue, artefacts = FolderBucket(folder / "catalogue"), FolderBucket(folder / "artefacts")
    random = np.random.default_rng(11)
    fields = {"color": {"type": "string", "attribute": True}, "price": {"type": "number"}}
    catalogue.put(SCHEMA, json.dumps({"fields": fields}).encode())
    load = functools.cache(lambda name: load_encoder(artefacts, name, folder / "builder"))
    tables = functools.cache(lambda name: load_tables(artefacts, name, folder / "builder"))

    def put(number: int) -> str:
        color = int(random.integers(3))
        item = f"item-{number:03}"
        catalogue.put(image_key(item, "a.png"), picture(random, color))
        about = {"id": item, "color": COLORS[color], "price": int(random.integers(100))}
        catalogue.put(document_key(item), json.dumps(about).encode())
        return item

    def build(*factors: float) -> None:
        model = mean_colour(folder / "model", factors).read_bytes()
        use_encoder(artefacts, save_encoder(artefacts, model, json.dumps(MEAN_COLOUR).encode()))
        context = RebuildContext(
            catalogue, artefacts, load, folder / "builder", lambda *_: None, lambda: 900.0, margins=ANY_FALL
        )
        with slow_graphs_kept():
            assert rebuild(context).outcome == "published"
        assert reindex([put(ITEMS + 1), put(7)], catalogue, artefacts, load, tables).outcome == "published"

    for number in range(ITEMS):
        put(number)
    build(1, 1, 1)
    head_before = artefacts.get(HEAD).data
    for number in range(0, ITEMS, 2):
        put(number)
    build(1, 0.7, 0.4)
    world = _describe(folder, artefacts, head_before)
    states = {}
    for head, cache in ((world.head, "cache"), (world.head_before, "cache before")):
        artefacts.put(HEAD, head)
        child = Child(world)
        child.start_cold(folder / cache)
        states[cache] = child.ask()
        child.stop()
    artefacts.put(HEAD, world.head)
    assert all(status == 200 for state in states.values() for status, _ in state), states
    assert not set(states["cache"]) & set(states["cache before"])
    return World(folder, world.head, head_before, world.keys, world.cached, states["cache"], states["cache before"])


def _describe(folder: Path, artefacts: FolderBucket, head_before: bytes) -> World:
    head = read_head(artefacts).head
    assert head.snapshot
    manifest = read_manifest(artefacts, head.snapshot)
    assert GRAPH in manifest.files
    served = {file.partition(".")[0]: file for file in (*FILES, GRAPH)}
    keys = {kind: f"{SNAPSHOTS}{head.snapshot}/{file}" for kind, file in served.items()}
    keys |= {
        "head": HEAD,
        "manifest": f"{SNAPSHOTS}{head.snapshot}/{MANIFEST}",
        "segment": f"segments/{head.segments[0].id}.pack",
        "model": f"encoders/{head.encoder}/model.onnx",
        "config": f"encoders/{head.encoder}/encoder.json",
    }
    cached = {kind: manifest.files[file] for kind, file in served.items()}
    cached |= {"model": f"{head.encoder}.onnx", "config": f"{head.encoder}.json"}
    return World(folder, artefacts.get(HEAD).data, head_before, keys, cached)


class Child:
    """A process that serves."""

    def __init__(self, world: World) -> None:
        self._pipe, theirs = SPAWN.Pipe()
        self._process = SPAWN.Process(target=_serve, args=(str(world.folder), theirs), daemon=True)
        self._process.start()
        theirs.close()

    def start_cold(self, cache: Path) -> None:
        """Forget all that is loaded, and use another cache."""
        self._pipe.send(str(cache))

    def ask(self) -> Answers:
        """Ask all questions; raises EOFError if the process dies of it, and TimeoutError if it is silent."""
        self._pipe.send(None)
        if not self._pipe.poll(PATIENCE):
            raise TimeoutError
        answers: Answers = self._pipe.recv()
        return answers

    def stop(self) -> None:
        self._process.kill()
        self._process.join()


def _serve(folder: str, pipe: Connection) -> None:
    logging.disable()
    catalogue, artefacts = FolderBucket(Path(folder) / "catalogue"), FolderBucket(Path(folder) / "artefacts")
    requests = [
        _post("/v1/search", picture(np.random.default_rng(5), 1), "image/png"),
        _post("/v1/search", json.dumps({"id": "item-020", "k": 20, "filter": {"price": {"$lt": 70}}}).encode()),
        _post("/v1/search", json.dumps({"vector": [0.9, 0.3, 0.2], "k": 12, "facets": ["color"]}).encode()),
        _post("/v1/predict", json.dumps({"vector": [0.3, 0.9, 0.2], "attributes": ["color"]}).encode()),
        Request("GET", "/v1/items/item-020/similar", (), "", b""),
        Request("GET", "/v1/items/item-007/similar", (), "", b""),
    ]
    app = None
    while True:
        try:
            told = pipe.recv()
        except EOFError:
            return
        if told is not None:
            reader = Reader(artefacts, Path(told), 0.0, BuiltinOpening(), lambda _: None)
            app = App(reader, catalogue, artefacts)
            continue
        assert app is not None
        answers = [app(request) for request in requests]
        pipe.send(tuple((answer.status, _body(answer.status, answer.body)) for answer in answers))


def _post(path: str, body: bytes, kind: str = "application/json") -> Request:
    return Request("POST", path, (), kind, body)


def _body(status: int, body: bytes) -> str:
    said: Any = json.loads(body)
    if status == 200:
        for name in ("generation", "took_ms", "stale_seconds"):
            said.pop(name, None)
    return json.dumps(said, sort_keys=True)


def settle() -> None:
    """Leave a reader that loads beside its requests the time to do so."""
    time.sleep(0.05)
