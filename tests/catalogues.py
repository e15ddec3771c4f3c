"""Small random catalogues as a query function holds them, and what plain Python says of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from graphs import mean_colour
from tonari.contract.artefacts import Head
from tonari.contract.engine import EngineAnswer, EngineQuery
from tonari.encoders.image import EncoderConfig, ImageEncoder
from tonari.engines.builtin import BuiltinOpening
from tonari.fields.schema import Field, Schema
from tonari.images.framing import Framing
from tonari.index.probing import Probe
from tonari.index.vector_index import Tuning
from tonari.index.vectors import UNIT, to_fixed
from tonari.query.serving import Serving
from tonari.query.serving import serve as serve_generation
from tonari.snapshots.head import ReadHead
from tonari.snapshots.indexed import IndexedItem, IndexedView
from tonari.snapshots.segments import Segment
from tonari.snapshots.snapshot import Snapshot
from tonari.snapshots.table import build_table, sort_into_cells

DIMENSIONS = 3
SCHEMA = Schema(
    {
        "brand": Field("string"),
        "price": Field("number"),
        "new": Field("boolean"),
        "since": Field("date"),
        "tags": Field("strings"),
        "secret": Field("string", filterable=False, returned=False),
    }
)
DIRECTIONS = np.random.default_rng(3).standard_normal((12, DIMENSIONS))
LEAST_EFFORT = Tuning((Probe(1.0, 1, 1),))


def tiny_encoder(folder: Path) -> ImageEncoder:
    framing = Framing(4, 4, 4, resample="bilinear", background=(255, 255, 255))
    return ImageEncoder(
        EncoderConfig("mean colour", "image", "embedding", framing, DIMENSIONS), mean_colour(folder / "m")
    )


@dataclass(frozen=True)
class World:
    """A catalogue as it is after all changes, and the state that serves it."""

    items: Mapping[str, IndexedItem]
    serving: Serving

    def ranked(self, queries: NDArray[np.float32], without: Iterable[str] = ()) -> list[tuple[float, str]]:
        """Give score and id of all items that have a view, best first; by id where scores are equal."""
        return sorted(
            (
                (self.score(queries, item), item.id)
                for item in self.items.values()
                if item.views and item.id not in without
            ),
            key=lambda one: (-one[0], one[1]),
        )

    def score(self, queries: NDArray[np.float32], item: IndexedItem) -> float:
        products = (
            float(np.vecdot(view.embedding.astype(np.float32), query)) / UNIT
            for view in item.views
            for query in queries
        )
        return round(max(min(1.0, max(-1.0, product)) for product in products), 6)

    def field(self, item: str, name: str) -> Any:
        return self.items[item].fields.get(name)


class Counting:
    """Passes searches on and counts them."""

    def __init__(self, serving: Serving) -> None:
        self._engine, self.searches = serving.engine, 0

    def search(self, query: EngineQuery) -> EngineAnswer:
        self.searches += 1
        return self._engine.search(query)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._engine, name)


def unit_rows(random: np.random.Generator, count: int, directions: int) -> NDArray[np.int16]:
    """Unit vectors, most of them among the first few directions, so that many are equal."""
    chosen = DIRECTIONS[random.integers(0, directions, count)]
    free = random.standard_normal((count, DIMENSIONS))
    rows = np.where(random.random((count, 1)) < 0.3, free, chosen)
    return to_fixed(rows / np.sqrt((rows * rows).sum(axis=1, keepdims=True)))


def random_item(random: np.random.Generator, item: str, directions: int) -> IndexedItem:
    drawn = random.random(12).tolist()
    fields: dict[str, Any] = {"id": item}
    if drawn[0] < 0.8:
        fields["brand"] = ("acme", "bolt", "隣")[int(3 * drawn[1])]
    if drawn[2] < 0.8:
        fields["price"] = int(5 * drawn[3]) / 2
    if drawn[4] < 0.7:
        fields["new"] = drawn[5] < 0.5
    if drawn[6] < 0.7:
        fields["since"] = f"2026-01-0{1 + int(4 * drawn[7])}"
    if drawn[8] < 0.7:
        fields["tags"] = [tag for tag, here in zip("abca", f"{int(16 * drawn[9]):04b}", strict=True) if here == "1"]
    rows = unit_rows(random, (0, 1, 1, 1, 2, 3)[int(6 * drawn[10])], directions)
    views = tuple(IndexedView(f"{number}.jpg", f"e{number}", row) for number, row in enumerate(rows))
    return IndexedItem(item, fields, "d", views)


def one_view(item: str, brand: str | None, *vector: float) -> IndexedItem:
    view = IndexedView("a.jpg", "e", to_fixed(np.array(vector)))
    return IndexedItem(item, {} if brand is None else {"brand": brand}, "d", (view,))


def random_world(encoder: ImageEncoder, seed: int, items: int, changes: int, directions: int) -> World:
    """A snapshot in cells, with changes (items added, replaced, deleted) in two segments over it."""
    random = np.random.default_rng(seed)
    base = {f"item-{number}": random_item(random, f"item-{number}", directions) for number in range(items)}
    segments: list[dict[str, IndexedItem | None]] = [{}, {}]
    for _ in range(changes):
        item = f"item-{random.integers(0, 2 * items)}"
        changed = None if random.random() < 0.4 else random_item(random, item, directions)
        segments[random.integers(2)][item] = changed
    merged: dict[str, IndexedItem | None] = {**base, **segments[0], **segments[1]}
    present = {name: item for name, item in merged.items() if item is not None}
    return World(present, serve(encoder, base.values(), segments))


def serve(
    encoder: ImageEncoder, items: Iterable[IndexedItem], segments: Iterable[Mapping[str, IndexedItem | None]] = ()
) -> Serving:
    table = sort_into_cells(build_table(items, SCHEMA, DIMENSIONS))
    table = replace(table, index=replace(table.index, tuning=LEAST_EFFORT))
    snapshot = Snapshot("s", "encoder-1", SCHEMA, table, {}, {}, {})
    head = ReadHead(Head(1, (), "s", "encoder-1"), "etag")
    changes = [Segment("encoder-1", dict(items)) for items in segments]
    return serve_generation(head, encoder, snapshot, changes, BuiltinOpening())
