"""A server that is killed at any moment: old answers or a clear 503, nothing lost, and the next run heals."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
from msgspec import structs

from contract.engines import builtin
from database_contract import DIMENSIONS
from engines.conftest import client_of, started
from engines.drawn import SCHEMA, TYPES, Drawing, Items
from tonari.contract.database import LIVE, Database, Record, RecordState, Tombstone, collection_name
from tonari.contract.engine import Engine, EngineQuery, SnapshotItems
from tonari.engines.opening import connect_to
from tonari.engines.remote import RemoteEngine, RemoteOpening
from tonari.errors import EngineUnavailableError, MissingCollectionError
from tonari.loading.apply import switch
from tonari.loading.load import prepare
from tonari.snapshots.head import change, read_head
from tonari.snapshots.records import RecordMaker, indexed_item
from tonari.snapshots.segments import Segment
from tonari.snapshots.snapshot import Snapshot
from tonari.snapshots.table import build_table, sort_into_cells
from tonari.storage.folder import FolderBucket
from tonari_tools.local_engines.running import Running

COUNT, BATCH = 1_200, 200
VECTORS = Drawing(3).vectors(6)
LONGEST = 60.0
"""Seconds in which a request is answered, or refused, whatever happens to the server."""
UNSETTLED = {"serverless"}
"""Whose items have an empty state after a write that broke off: no head has that, so they are answered from memory."""


@dataclass
class Place:
    """A server that may be killed, what is live in it, and the truth."""

    engine: str
    running: Running
    artefacts: FolderBucket
    database: Database
    old: Snapshot
    truth: Engine

    def open(self, snapshot: Snapshot) -> RemoteEngine:
        generation = read_head(self.artefacts).head.generation
        return RemoteOpening(self.database, client_of(self.engine)).open(snapshot, Segment("e"), generation)

    def restart(self) -> None:
        """Start the server again, and wait until it answers from what it keeps: until then it may only refuse."""
        self.running.restart()
        deadline = time.monotonic() + LONGEST
        while True:
            try:
                answers(self.open(self.old))
            except EngineUnavailableError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.2)
            else:
                return

    def settled(self, name: str) -> list[RecordState]:
        """Give the items that were changed, but those of which the database itself says that their write broke off."""
        rows = self.database.states(name, since=1)
        return [row for row in rows if row.state != "" or self.engine not in UNSETTLED]


def drawn(name: str, seed: int) -> tuple[Snapshot, Engine, Items]:
    items = Drawing(seed).items([f"item-{number:04}" for number in range(COUNT)])
    table = sort_into_cells(build_table((indexed_item(item) for item in items.values()), SCHEMA, DIMENSIONS))
    snapshot = Snapshot(id=name, encoder="e", schema=SCHEMA, table=table, learned={}, recall={}, rejected={})
    return snapshot, builtin().publish(SnapshotItems(name, "e", DIMENSIONS, TYPES, items.values())), items


def answers(engine: Engine) -> list[list[str]]:
    return [[one.id for one in engine.search(EngineQuery(row[None], 10, exact=True)).items] for row in VECTORS]


def refused(ask: Callable[[], object]) -> None:
    started = time.monotonic()
    with pytest.raises(EngineUnavailableError) as raised:
        ask()
    assert raised.value.status == 503
    assert time.monotonic() - started < LONGEST


@pytest.fixture(scope="module")
def place(engine: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    folder: Path = tmp_path_factory.mktemp("killed")
    with started(engine) as running:
        database = connect_to(client_of(engine), running.access)
        (folder / "artefacts").mkdir()
        artefacts = FolderBucket(folder / "artefacts")
        old, truth, _ = drawn("killed-old", 4)
        change(artefacts, lambda head: structs.replace(head, snapshot=old.id, encoder="e"))
        prepare(database, artefacts, old)
        switch(database, artefacts)
        yield Place(engine, running, artefacts, database, old, truth)
        database.close()


@pytest.mark.feature("killed while loading: the old answers, and the next run goes on")
@pytest.mark.parametrize(("stage", "at"), [("engine load", 400), ("engine load", COUNT), ("engine check", 5)])
def test_killed_while_loading(place: Place, stage: str, at: int, monkeypatch: pytest.MonkeyPatch) -> None:
    few = replace(place.database.limits, batch=BATCH)
    monkeypatch.setattr(type(place.database), "limits", property(lambda _: few))
    new, truth, _ = drawn(f"killed-{stage}-{at}", 5)
    name = collection_name(new.id)
    before = place.open(place.old)
    assert answers(before) == answers(place.truth)

    def kill(now: str, done: int, _total: int) -> None:
        if (now, done) == (stage, at):
            place.running.kill()

    refused(lambda: prepare(place.database, place.artefacts, new, kill))
    refused(lambda: answers(before))
    refused(lambda: place.open(place.old))

    place.restart()
    assert place.database.pointed(LIVE) == collection_name(place.old.id)
    assert answers(before) == answers(place.open(place.old)) == answers(place.truth)
    state = place.database.collections()[name]
    assert not state.complete
    with pytest.raises(MissingCollectionError):
        place.open(new)

    done: list[int] = []
    prepare(place.database, place.artefacts, new, lambda _stage, so_far, _total: done.append(so_far))
    assert done[0] == state.loaded or state.loaded == COUNT
    assert place.database.collections()[name].complete
    assert answers(place.open(new)) == answers(truth)
    place.database.drop(name)


@pytest.mark.feature("killed while the alias is switched: the one or the other")
def test_killed_while_the_alias_is_switched(place: Place) -> None:
    new, truth, _ = drawn("killed-switch", 6)
    prepare(place.database, place.artefacts, new)
    names = [collection_name(place.old.id), collection_name(new.id)]
    drawing = random.Random(7)
    for _ in range(4):
        stopped: list[BaseException] = []

        def switch_on(stopped: list[BaseException] = stopped) -> None:
            try:
                while True:
                    for name in names:
                        place.database.point(LIVE, name)
            except EngineUnavailableError as error:
                stopped.append(error)

        thread = threading.Thread(target=switch_on)
        thread.start()
        time.sleep(0.02 + drawing.random() * 0.3)
        place.running.kill()
        thread.join(LONGEST)
        assert len(stopped) == 1
        refused(lambda: place.database.pointed(LIVE))
        place.restart()
        assert place.database.pointed(LIVE) in names
        assert answers(place.open(place.old)) == answers(place.truth)
        assert answers(place.open(new)) == answers(truth)
    switch(place.database, place.artefacts)
    assert place.database.pointed(LIVE) == names[0]
    place.database.drop(names[1])


@pytest.mark.feature("killed while asked: true answers or 503")
def test_killed_while_asked(place: Place) -> None:
    asked, wanted = place.open(place.old), answers(place.truth)
    found: list[bool] = []
    wrong: list[str] = []
    end = threading.Event()

    def ask() -> None:
        while not end.is_set():
            try:
                found.append(answers(asked) == wanted)
            except EngineUnavailableError:
                end.wait(0.05)
            except Exception as error:  # noqa: BLE001 - any other is what is looked for
                wrong.append(repr(error))

    threads = [threading.Thread(target=ask) for _ in range(3)]
    for thread in threads:
        thread.start()
    for _ in range(3):
        end.wait(0.4)
        place.running.restart()
    before = len(found)
    deadline = time.monotonic() + LONGEST
    while len(found) < before + 6 and time.monotonic() < deadline:
        end.wait(0.05)
    end.set()
    for thread in threads:
        thread.join(LONGEST)
    assert len(found) >= before + 6
    assert (all(found), wrong) == (True, [])
    assert answers(asked) == wanted


@pytest.mark.feature("killed while written: what was acknowledged stays, and no item is half old")
def test_killed_while_written(place: Place) -> None:
    maker, name = RecordMaker.of(SCHEMA), collection_name(place.old.id)
    names = [f"item-{number:04}" for number in range(0, COUNT, 4)]

    def records(generation: int) -> list[Record | Tombstone]:
        items = Drawing(100 + generation).items(names)
        made = (maker.record(indexed_item(item), generation) for item in items.values())
        return [Tombstone(one.id, generation) if place_of(one.id, generation) else one for one in made]

    def place_of(item: str, generation: int) -> bool:
        return (int(item[-4:]) // 4 + generation) % 5 == 0

    written: dict[int, list[Record | Tombstone]] = {}
    acknowledged = 0
    try:
        for attempt in range(3):
            stopped: list[BaseException] = []

            def write(first: int, stopped: list[BaseException] = stopped) -> None:
                nonlocal acknowledged
                try:
                    for generation in range(first, first + 1_000):
                        written[generation] = records(generation)
                        place.database.write(name, written[generation])
                        acknowledged = generation
                except EngineUnavailableError as error:
                    stopped.append(error)

            thread = threading.Thread(target=write, args=(max(written, default=0) + 1,))
            thread.start()
            time.sleep(0.5 + 0.3 * attempt)
            place.running.kill()
            thread.join(LONGEST)
            assert len(stopped) == 1
            place.restart()

            there = {one.id: one for one in place.database.read(name, names)}
            for row in place.settled(name):
                assert acknowledged <= row.generation <= max(written)
                expected = {one.id: one for one in written[row.generation]}[row.id]
                if isinstance(expected, Tombstone):
                    assert (row.state, row.id in there) == (None, False)
                    continue
                here = there[row.id]
                assert (row.state, here.fields, here.document) == (expected.state, expected.fields, expected.document)
                assert here.views == expected.views
                if here.views:
                    np.testing.assert_allclose(here.embeddings, expected.embeddings, atol=2e-3)
            again = max(written)
            place.database.write(name, written[again])
            assert {row.generation for row in place.database.states(name, since=1)} == {again}
    finally:
        place.restart()
        table, last = place.old.table, max(written, default=0) + 1
        positions = table.positions(names).tolist()
        place.database.write(name, [maker.of_snapshot(table.item(at), last) for at in positions])
    assert answers(place.open(place.old)) == answers(place.truth)
