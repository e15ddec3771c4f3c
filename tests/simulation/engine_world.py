"""The same world with a vector database attached: no reader sees what is gone, and at the end it has what is live."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from random import Random
from typing import Any

import numpy as np

from memory_database import MemoryDatabase
from simulation import use_cases
from simulation.faults import Faults
from simulation.gated_database import GatedDatabase
from simulation.invariants import Shown, Violation
from simulation.materials import ITEMS
from simulation.store import Change, Stored
from simulation.world import Message, World
from tonari.builds.look import RebuildContext
from tonari.builds.old_collections import kept
from tonari.contract.database import LIVE, Record, Tombstone, collection_name
from tonari.contract.engine import EngineQuery, SortQuery, StoredItem
from tonari.engines.remote import RemoteOpening
from tonari.index.vectors import UNIT
from tonari.loading.apply import apply
from tonari.loading.drift import drift
from tonari.query.reader import Reader
from tonari.snapshots.head import read_head
from tonari.snapshots.indexed import IndexedItem
from tonari.snapshots.snapshot import load_tables

NEAR = 1e-3
NUMBER = 4


class EngineWorld(World):
    """A world whose searches a vector database answers.

    Parameters
    ----------
    undone
        By collection: the last generation at which it was not live, and somebody made it ready to be so again. A
        reader of an earlier generation may see that.
    compared, lacking
        How many items readers were shown that should be there, and how many of those they were not shown.
    """

    def __init__(self, random: Random, faults: Faults, folder: Path, base: Mapping[str, Mapping[str, Stored]]) -> None:
        super().__init__(random, faults, folder, base)
        self.database = MemoryDatabase()
        self.undone: dict[str, int] = {}
        self.compared = self.lacking = 0
        self.floors: dict[tuple[str, str], int] = {}

    def reach(self, actor: str) -> GatedDatabase:
        """Give an actor's handle of the database."""
        return GatedDatabase(self.database, self.store, actor, self._written)

    def _written(self, actor: str, name: str, row: Record | Tombstone) -> None:
        head = self.watch.head
        live = name == collection_name(head.snapshot or "")
        if row.generation and not actor.startswith("reindexer") and not live:
            self.undone[name] = head.generation
            self.floors = {at: floor for at, floor in self.floors.items() if at[0] != name}
        if live and (name, row.id) in self.floors:
            self._hold_row(actor, name, row.id)

    def take_in(self, handle: Callable[[list[str]], int | None], batch: list[Message]) -> int | None:
        generation = super().take_in(handle, batch)
        if generation is not None:
            live = self.watch.shown[generation].head.snapshot
            name = collection_name(live or "")
            if live == self.watch.head.snapshot and self._is_complete(name):
                for message in batch:
                    self.floors[name, message.item] = generation
                    self._hold_row("whoever acknowledged", name, message.item)
        return generation

    def _is_complete(self, name: str) -> bool:
        held = self.database.contents.collections.get(name)
        return held is not None and held.state.complete

    def _hold_row(self, actor: str, name: str, item: str) -> None:
        """Hold a row of an item that was acknowledged to what a head shows that has what was acknowledged."""
        floor = self.floors[name, item]
        row = next(iter(self.database.read(name, [item])), None)
        heads = [one for number, one in self.watch.shown.items() if number >= floor]
        there = [one.items.get(item) for one in heads if collection_name(one.head.snapshot or "") == name]
        if not any(_holds(row, one) for one in there):
            raise Violation(f"{actor} wrote {item} into the live collection as it was before generation {floor}")

    def _changed(self, change: Change) -> None:
        before = self.watch.head.snapshot
        super()._changed(change)
        live = self.watch.head.snapshot
        if live and live != before and not self._is_complete(collection_name(live)):
            raise Violation(f"generation {self.watch.head.generation} names {live}, which the database does not hold")

    def begin(self) -> None:
        context = self.context("")
        if read_head(context.artefacts).head.snapshot:
            use_cases.load_engine(context)

    def context(self, actor: str, remaining: Callable[[], float] = lambda: 900.0) -> RebuildContext:
        return use_cases.context_of(*self.buckets(actor), remaining, self.reach(actor))

    def reindexing(self, actor: str) -> Callable[[Sequence[str]], int | None]:
        return use_cases.reindexer(*self.buckets(actor), self.asked.append, self.reach(actor))

    def collect(self, actor: str) -> None:
        use_cases.collect(self.buckets(actor)[1], self.grace, self.reach(actor))

    def reader(self, actor: str, random: Random, looks: int) -> None:
        """Ask what is served, in three ways, and hold the answers to what its head names or a newer one."""

        def new() -> Reader:
            _, artefacts, cache = self.buckets(actor)
            opening = RemoteOpening(self.reach(actor), "simulated")
            return Reader(artefacts, cache, 10.0, opening, lambda _: None, beside=lambda work: work())

        reader = new()
        for _ in range(looks):
            self.scheduler.sleep(random.expovariate(1 / self.pace))
            if not self.surviving(lambda: self.look(actor, reader)):  # noqa: B023
                reader = new()

    def look(self, actor: str, reader: Reader) -> None:
        """Ask several times over, so that writers come between."""
        serving = reader.current()
        generation = serving.read.head.generation
        for _ in range(NUMBER):
            read = serving.engine.read(ITEMS)
            self.hold(actor, generation, {name: self._stored(item) for name, item in read.items()}, whole=True)
            listed = serving.engine.sort(SortQuery(len(ITEMS) + 1)).items
            self.hold(actor, generation, {one.place.id: dict(one.fields) for one in listed}, whole=True)
            dimensions = serving.snapshot.table.views.dimensions
            vector = np.full((1, dimensions), dimensions**-0.5, np.float32)
            found = serving.engine.search(EngineQuery(vector, len(ITEMS) + 1)).items
            self.hold(actor, generation, {one.id: dict(one.fields) for one in found}, whole=False)

    def _stored(self, item: StoredItem) -> tuple[Any, ...]:
        return dict(item.fields), item.views, item.embeddings

    def hold(self, actor: str, generation: int, answer: Mapping[str, Any], *, whole: bool) -> None:
        """Hold an answer at a generation to what it, or a newer one of its snapshot, shows."""
        at = self.watch.shown[generation]
        if self.undone.get(collection_name(at.head.snapshot or ""), -1) >= generation:
            return
        newer = [one for number, one in self.watch.shown.items() if number >= generation and _together(one, at)]
        for name, found in answer.items():
            if not any(_is(one.items.get(name), found) for one in newer):
                was = at.items.get(name)
                raise Violation(
                    f"{actor} at generation {generation} shows {name} as {found}, neither as its head nor as a newer "
                    f"one has it: {was.fields if was else 'deleted'}"
                )
        if whole:
            due = [name for name in ITEMS if all(name in one.items for one in newer)]
            self.compared += len(due)
            self.lacking += sum(name not in answer for name in due)

    def quiet(self) -> None:
        context = self.context("last")
        if context.database is None:
            return
        held = context.database.collections()
        head = self.watch.head
        if head.snapshot and (state := held.get(collection_name(head.snapshot))) and state.complete:
            if not self.queue.messages and state.generation == head.generation:
                self._compare(context, "after all was acknowledged")
            apply(context.database, context.artefacts, lambda name: load_tables(context.artefacts, name, context.cache))
            self._compare(context, "after one apply")
        super().quiet()
        self.collect("last")
        self._compare(context, "after all is quiet")
        head = self.watch.head
        if (there := set(self.database.collections())) - kept(head):
            raise Violation(f"after all is quiet {sorted(there)} are kept, not only {sorted(kept(head))}")
        if self.database.pointed(LIVE) != collection_name(head.snapshot or ""):
            raise Violation(f"after all is quiet the alias names {self.database.pointed(LIVE)}, not {head.snapshot}")

    def _compare(self, context: RebuildContext, when: str) -> None:
        if context.database is None:
            return
        found = drift(
            context.database, context.artefacts, lambda name: load_tables(context.artefacts, name, context.cache)
        )
        shown = self.watch.shown[self.watch.head.generation].items
        rows = {one.id: one for one in self.database.read(found.name, ITEMS)}
        wrong = [name for name in ITEMS if not _holds(rows.get(name), shown.get(name))]
        if found.ids or wrong:
            raise Violation(f"{when} the database differs from what is live: {found}, {wrong}")


def _together(one: Shown, at: Shown) -> bool:
    return one.head.snapshot == at.head.snapshot


def _is(item: IndexedItem | None, found: Any) -> bool:
    if item is None:
        return False
    if isinstance(found, dict):
        return dict(item.fields) == found
    fields, views, embeddings = found
    return (dict(item.fields), tuple(one.name for one in item.views)) == (fields, views) and _near(item, embeddings)


def _holds(row: Record | None, item: IndexedItem | None) -> bool:
    if row is None or item is None:
        return row is None and item is None
    return tuple(one.name for one in item.views) == row.views and _near(item, row.embeddings)


def _near(item: IndexedItem, embeddings: Any) -> bool:
    rows = [one.embedding / UNIT for one in item.views]
    return not rows or bool(np.allclose(np.stack(rows), embeddings, atol=NEAR))
