"""Every engine that tests hold to the port, and the items they are given: another engine is one more entry."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from memory_database import MemoryDatabase
from plain_engine import PlainEngine
from tonari.contract.database import CollectionState, Database
from tonari.contract.engine import Engine, FieldType, SnapshotItems, StoredItem
from tonari.engines.builtin import open_builtin
from tonari.engines.lagging import Lag
from tonari.engines.remote import RemoteEngine
from tonari.fields.schema import Schema
from tonari.snapshots.segments import Segment
from tonari.snapshots.snapshot import Snapshot
from tonari.snapshots.table import build_table

DIMENSIONS = 16
ITEMS = 200
TYPES: Mapping[str, FieldType] = {
    "brand": "string", "price": "number", "new": "boolean", "since": "date", "tags": "strings",
}  # fmt: skip
CLOSE = 1e-4
"""Engines may keep embeddings in 16 bits."""


def builtin() -> Engine:
    table = build_table([], Schema({}), DIMENSIONS)
    snapshot = Snapshot(id="0", encoder="e", schema=Schema({}), table=table, learned={}, recall={}, rejected={})
    return open_builtin(snapshot, Segment("e"))


def remote() -> Engine:
    return unpublished(MemoryDatabase(), "memory")


def unpublished(database: Database, kind: str) -> RemoteEngine:
    """Give an engine of which only publish is asked."""
    state = CollectionState(snapshot="", encoder="", dimensions=DIMENSIONS, types={}, items=0, views=0)
    return RemoteEngine(database, kind, "", state, Schema({}), Lag.of({}, (), 0, Schema({}), DIMENSIONS))


ENGINES: dict[str, Callable[[], Engine]] = {"builtin": builtin, "plain": PlainEngine, "remote": remote}
FIND_WORDS = ("builtin", "plain")
"""Engines that reduce words to their stems as tonari does."""
FROZEN = ("builtin", "plain")
"""Engines that never show what was applied after them; those elsewhere show it as soon as it is there."""
Items = Mapping[str, StoredItem]


def drawn(random: np.random.Generator, item: str) -> StoredItem:
    fields: dict[str, Any] = {"id": item, "note": f"about {item}"}
    drawn_fields = {
        "brand": random.choice(["acme", "bolt", "隣"]).item(),
        "price": float(random.integers(0, 20)) / 2,
        "new": bool(random.random() < 0.5),
        "since": f"2026-01-{random.integers(1, 29):02}",
        "tags": [["a", "b", "c", 38, 39.5][one] for one in random.permutation(5)[: random.integers(0, 3)]],
    }
    fields |= {name: value for name, value in drawn_fields.items() if random.random() < 0.8}
    views = tuple(f"{number}.jpg" for number in range(random.choice([0, 1, 1, 1, 2, 3])))
    return StoredItem(item, fields, views, unit_rows(random, len(views)))


def unit_rows(random: np.random.Generator, count: int) -> NDArray[np.float32]:
    rows = random.standard_normal((count, DIMENSIONS))
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), np.float32)


def some_items(seed: int, names: Iterable[str]) -> dict[str, StoredItem]:
    random = np.random.default_rng(seed)
    return {name: drawn(random, name) for name in names}


def published(engine: Engine, items: Items, name: str = "1") -> Engine:
    return engine.publish(SnapshotItems(name, "e", DIMENSIONS, TYPES, items.values()))


BASE = some_items(1, [f"item-{number}" for number in range(ITEMS)])
CHANGES: Mapping[str, StoredItem | None] = {
    **some_items(2, [f"item-{number}" for number in range(0, 60, 3)]),
    **some_items(3, ["new-1", "new-2", "é & 隣"]),
    **dict.fromkeys([f"item-{number}" for number in range(1, 60, 3)]),
    "never-there": None,
}
CHANGED = {name: item for name, item in {**BASE, **CHANGES}.items() if item is not None}
