"""Snapshots on which searches go each way, and their files taken apart, to be changed and signed again."""

from __future__ import annotations

import hashlib
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from tonari.builds.assemble import build_snapshot
from tonari.contract.artefacts import Manifest
from tonari.contract.forms import seal
from tonari.fields.schema import Field, Schema
from tonari.index.vectors import unit_rows
from tonari.snapshots.head import SNAPSHOTS
from tonari.snapshots.indexed import IndexedItem, IndexedView
from tonari.snapshots.manifest import FILES, GRAPH, MANIFEST, read_manifest
from tonari.snapshots.storing import write_snapshot
from tonari.snapshots.table import build_table
from tonari.storage.bucket import Bucket
from tonari.storage.packing import pack, unpack
from unit.index.samples import slow_graphs_kept

ENCODER = "1" * 64
SCHEMA = Schema(
    {
        "color": Field("string", attribute=True),
        "tags": Field("strings"),
        "price": Field("number"),
        "new": Field("boolean"),
    }
)
SIZES = {"scan": (90, 24), "graph": (700, 16), "cells": (16_500, 256)}
"""Items and dimensions of a snapshot that is searched so: :data:`tonari.index.planner.CELLS_FROM_BYTES` parts them."""


@dataclass
class Draft:
    """The files of a snapshot, taken apart so that they can be changed."""

    manifest: Manifest
    said: dict[str, Any]
    arrays: dict[str, dict[str, NDArray[Any]]]
    graph: bytes | None
    random: np.random.Generator
    other: Draft | None = None
    dropped: set[str] = field(default_factory=set)

    def array(self, file: str, name: str) -> NDArray[Any]:
        """Give an array that may be written to."""
        self.arrays[file][name] = self.arrays[file][name].copy()
        return self.arrays[file][name]

    @property
    def foreign(self) -> Draft:
        assert self.other is not None
        return self.other

    def claim(self, **said: Any) -> None:
        """Change what the manifest says."""
        self.manifest = msgspec.structs.replace(self.manifest, **said)


def catalogue(items: int, dimensions: int, seed: int) -> list[IndexedItem]:
    """Draw items of four colours, whose views lie around a centre of their colour."""
    random = np.random.default_rng(seed)
    colors = ("blue", "green", "red", "yellow")
    centres = random.standard_normal((24, dimensions))
    made = []
    for number in range(items):
        centre = int(random.integers(24))
        rows = unit_rows(centres[centre] + 0.8 * random.standard_normal((1 + number % 2, dimensions)))
        tags = [tag for tag in "abc" if random.random() < 0.4]
        fields = {"color": colors[centre % 4], "price": number % 97, "new": number % 3 == 0, "tags": tags}
        views = tuple(IndexedView(f"{at}.jpg", f"etag-{number}-{at}", row) for at, row in enumerate(rows))
        made.append(IndexedItem(f"item-{number:06}", fields, f"document-{number}", views))
    return made


def write_world(bucket: Bucket, kind: str, seed: int) -> str:
    """Build a real snapshot that is searched in one way, and write it; gives its id."""
    items, dimensions = SIZES[kind]
    table = build_table(catalogue(items, dimensions, seed), SCHEMA, dimensions)
    with slow_graphs_kept():
        built = build_snapshot(ENCODER, SCHEMA, table, {"images/x/y.jpg": "Not a picture."})
    found = {"cells": built.table.index.cells is not None, "graph": built.table.index.graph is not None}
    assert found.get(kind, True), built.table.index.tuning.reason
    with tempfile.TemporaryDirectory() as folder:
        write_snapshot(bucket, built, Path(folder))
    return built.id


def take_apart(bucket: Bucket, name: str, random: np.random.Generator, other: Draft | None) -> Draft:
    manifest = read_manifest(bucket, name)
    packs = {file: unpack(bucket.get(f"{SNAPSHOTS}{name}/{file}").data, file) for file in FILES}
    graph = bucket.get(f"{SNAPSHOTS}{name}/{GRAPH}").data if GRAPH in manifest.files else None
    said = {file: msgspec.json.decode(packed.said) for file, packed in packs.items()}
    return Draft(manifest, said, {file: dict(one.arrays) for file, one in packs.items()}, graph, random, other)


def sign(bucket: Bucket, draft: Draft, name: str) -> None:
    """Write a draft as a snapshot with the right sha256 of everything, its manifest sealed."""
    files = {file: pack(draft.said[file], draft.arrays[file]) for file in FILES if file not in draft.dropped}
    if draft.graph is not None:
        files[GRAPH] = draft.graph
    for file, data in files.items():
        bucket.put(f"{SNAPSHOTS}{name}/{file}", data)
    digests = {file: hashlib.sha256(data).hexdigest() for file, data in files.items()}
    manifest = msgspec.structs.replace(draft.manifest, id=name, files=digests)
    bucket.put(f"{SNAPSHOTS}{name}/{MANIFEST}", msgspec.json.encode(seal(manifest)))
