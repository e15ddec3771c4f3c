"""Two generations of one catalogue, each with an encoder of its own, whose answers to some pictures are known."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec
import numpy as np
from PIL import Image

from pictures import encoded
from tonari.builds.assemble import build_snapshot
from tonari.contract.artefacts import Live
from tonari.encoders.store import load_encoder, save_encoder
from tonari.fields.schema import Field, Schema
from tonari.index.vectors import to_fixed, unit_rows
from tonari.snapshots.canaries import encode_picture
from tonari.snapshots.head import ReadHead, publish, read_head
from tonari.snapshots.indexed import IndexedItem, IndexedView
from tonari.snapshots.storing import write_snapshot
from tonari.snapshots.table import build_table
from tonari.storage.bucket import Bucket
from tonari_tools.onnx.default import read_default

SCHEMA = Schema({"price": Field("number"), "of": Field("string")})
EDGES = {"even": 224, "odd": 300}
"""Of each generation's encoder, the shorter edge to which a picture is resized before it is cut."""
SURE = 0.999
"""A picture is as like as this to the item that was made from it, and less to that of the other encoder."""


def pictures(count: int = 6) -> list[bytes]:
    random = np.random.default_rng(5)
    grain = [random.integers(0, 256, (7, 7, 3), dtype=np.uint8) for _ in range(count)]
    return [encoded(Image.fromarray(one).resize((320, 240), Image.Resampling.BICUBIC), "PNG") for one in grain]


@dataclass(frozen=True)
class Generation:
    """What to publish, and what it answers: the picture of number n finds the item ``picture-n``, of this name.

    Parameters
    ----------
    name
        Value of the field ``of`` of all its items.
    """

    name: str
    live: Live

    def mistake(self, number: int, answer: Mapping[str, object]) -> str:
        """Say what is wrong with an answer to a picture; empty if nothing."""
        if (answer["snapshot"], answer["encoder"]) != (self.live.snapshot, self.live.encoder):
            return f"{answer['snapshot']} of {answer['encoder']}"
        (first, *_) = answer["items"]  # type: ignore[misc]  # as it came, read from JSON
        right = (first["id"], first["fields"]["of"]) == (f"picture-{number}", self.name) and first["score"] >= SURE
        return "" if right else f"{first} of {self.name}"


def write_generation(artefacts: Bucket, name: str, items: int, folder: Path) -> Generation:
    """Write an encoder and a snapshot of so many items, those of the pictures among them."""
    built = read_default()
    config = json.loads(built.config)
    config["preprocessing"]["shortest_edge"] = EDGES[name]
    encoder_name = save_encoder(artefacts, built.model, json.dumps(config).encode())
    shown = pictures()
    encoder = load_encoder(artefacts, encoder_name, folder / "encoders")
    rows = np.stack([encoder.encode(one) for one in shown])
    random = np.random.default_rng(len(name))
    others = unit_rows(random.standard_normal((items - len(shown), encoder.dimensions)))
    ids = [*(f"picture-{number}" for number in range(len(shown))), *(f"item-{n:05}" for n in range(len(others)))]
    made = (
        IndexedItem(one, {"id": one, "price": number, "of": name}, "d", (IndexedView("a.png", "s", row),))
        for number, (one, row) in enumerate(zip(ids, [*to_fixed(rows), *others], strict=True))
    )
    built = build_snapshot(encoder_name, SCHEMA, build_table(made, SCHEMA, encoder.dimensions), {})
    snapshot = replace(built, picture=encode_picture(encoder))
    files = folder / snapshot.id
    files.mkdir()
    write_snapshot(artefacts, snapshot, files)
    shutil.rmtree(files)
    return Generation(name, Live(snapshot.id, encoder_name, ()))


def make_live(artefacts: Bucket, generation: Generation) -> ReadHead:
    """Publish a generation; what was live is kept as the one before."""
    read, live = read_head(artefacts), generation.live
    head = read.head
    before = Live(head.snapshot, head.encoder, head.segments) if head.snapshot and head.encoder else None
    next_head = msgspec.structs.replace(
        head, snapshot=live.snapshot, encoder=live.encoder, segments=live.segments, previous=before
    )
    return publish(artefacts, read, next_head)
