"""Rebuilds, reindexing, going back and collection over a real S3 server, with a vector database beside it."""

from __future__ import annotations

import functools
import itertools
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import ModuleType, SimpleNamespace

import msgspec
import numpy as np
import pytest

from integration.events import notification, sqs_event
from integration.shop import PRODUCTS, VIEW, put_document, put_image
from integration.test_rebuild import Context
from memory_database import LIMITS, Contents, Fault, MemoryDatabase, at
from tonari.builds.collect import collect
from tonari.builds.look import RebuildContext
from tonari.builds.old_collections import drop_named, drop_old, droppable
from tonari.builds.publish import roll_back
from tonari.builds.rebuild import Rebuilt, rebuild
from tonari.builds.reindex import reindex
from tonari.catalogue.documents import document_key, image_key
from tonari.contract.database import LIVE, Record, Tombstone, collection_name
from tonari.errors import EngineUnavailableError, MissingCollectionError, NotReadyError, UnfaithfulEngineError
from tonari.loading import load as loading
from tonari.loading.apply import apply
from tonari.loading.drift import drift, repair
from tonari.loading.items import LoadTables, live_items
from tonari.loading.live import bring_up, follow
from tonari.snapshots.head import read_head
from tonari.snapshots.snapshot import load_tables

ITEM = PRODUCTS[0].id
FEW_AT_ONCE = replace(LIMITS, batch=5)


@pytest.fixture
def database() -> MemoryDatabase:
    return MemoryDatabase()


@pytest.fixture
def joined(context: RebuildContext, database: MemoryDatabase) -> RebuildContext:
    """A rebuild's context with a database."""
    return replace(context, database=database)


@pytest.fixture
def tables(context: RebuildContext) -> LoadTables:
    return functools.cache(lambda name: load_tables(context.artefacts, name, context.cache))


@pytest.fixture
def take_in(joined: RebuildContext, database: MemoryDatabase, tables: LoadTables) -> Callable[..., int]:
    """Reindexes items, as the function does; gives the head's generation."""

    def run(*items: str) -> int:
        done = reindex(items, joined.catalogue, joined.artefacts, joined.load, tables)
        apply(database, joined.artefacts, tables, items, done.generation)
        return done.generation

    return run


@pytest.fixture
def loaded(request: pytest.FixtureRequest, joined: RebuildContext) -> Rebuilt:
    """The drawn shop, live and loaded."""
    request.getfixturevalue("shop")
    done = rebuild(joined)
    assert (done.outcome, done.why) == ("published", "")
    return done


def rows(database: MemoryDatabase, done: Rebuilt) -> dict[str, Record | Tombstone]:
    return dict(database.contents.collections[collection_name(done.snapshot or "")].records)


def delete(context: RebuildContext, item: str) -> None:
    context.catalogue.delete(document_key(item), image_key(item, VIEW))


def test_a_rebuild_loads_and_then_publishes(
    loaded: Rebuilt, joined: RebuildContext, database: MemoryDatabase, tables: LoadTables
) -> None:
    assert loaded.snapshot
    name = collection_name(loaded.snapshot)
    state = database.collections()[name]
    assert (state.items, state.views, state.loaded, state.complete) == (12, 12, 12, True)
    assert state.recall == 1
    assert state.generation <= read_head(joined.artefacts).head.generation
    assert database.pointed(LIVE) == name
    assert {row.generation for row in rows(database, loaded).values()} == {0}
    assert drift(database, joined.artefacts, tables).ids == ()


def test_changes_are_applied_and_come_twice_without_harm(
    loaded: Rebuilt, joined: RebuildContext, database: MemoryDatabase, take_in: Callable[..., int], tables: LoadTables
) -> None:
    put_image(joined.catalogue, "new", PRODUCTS[1].picture())
    put_document(joined.catalogue, ITEM, {"price": 77})
    delete(joined, PRODUCTS[2].id)
    first = take_in("new", ITEM, PRODUCTS[2].id)
    there = rows(database, loaded)
    assert {there[item].generation for item in ("new", ITEM, PRODUCTS[2].id)} == {first}
    assert isinstance(there[PRODUCTS[2].id], Tombstone)
    again = take_in("new", ITEM, PRODUCTS[2].id)
    there = rows(database, loaded)
    assert again > first
    assert {there[item].generation for item in ("new", ITEM, PRODUCTS[2].id)} == {again}
    assert drift(database, joined.artefacts, tables).ids == ()
    calls = len(database.calls)
    assert apply(database, joined.artefacts, tables).written == 0
    assert "write" not in database.calls[calls:]


def test_an_older_writer_never_wins(
    loaded: Rebuilt, joined: RebuildContext, database: MemoryDatabase, take_in: Callable[..., int]
) -> None:
    put_document(joined.catalogue, ITEM, {"price": 1})
    take_in(ITEM)
    old = rows(database, loaded)[ITEM]
    put_document(joined.catalogue, ITEM, {"price": 2})
    take_in(ITEM)
    database.write(collection_name(loaded.snapshot or ""), [old])
    assert rows(database, loaded)[ITEM] != old


def unwritten(context: RebuildContext, tables: LoadTables, item: str) -> list[Record | Tombstone]:
    """Make a change known to the head alone; gives what a writer who has read that head is about to write."""
    reindex([item], context.catalogue, context.artefacts, context.load, tables)
    live = live_items(context.artefacts, read_head(context.artefacts).head, tables)
    return [one for some in live.records([item], 5) for one in some]


def test_a_writer_between_two_equal_states_never_wins(
    loaded: Rebuilt, joined: RebuildContext, database: MemoryDatabase, take_in: Callable[..., int], tables: LoadTables
) -> None:
    put_document(joined.catalogue, ITEM, {"price": 1})
    take_in(ITEM)
    put_document(joined.catalogue, ITEM, {"price": 2})
    late = unwritten(joined, tables, ITEM)
    put_document(joined.catalogue, ITEM, {"price": 1})
    take_in(ITEM)
    database.write(collection_name(loaded.snapshot or ""), late)
    assert drift(database, joined.artefacts, tables).ids == ()


def test_a_writer_of_an_earlier_time_never_wins_after_going_back(
    loaded: Rebuilt, joined: RebuildContext, database: MemoryDatabase, tables: LoadTables
) -> None:
    put_image(joined.catalogue, "new", PRODUCTS[1].picture())
    late = unwritten(joined, tables, "new")
    rebuild(joined)
    delete(joined, "new")
    roll_back(joined)
    database.write(collection_name(loaded.snapshot or ""), late)
    assert drift(database, joined.artefacts, tables).ids == ()


def test_what_nobody_names_is_restored(
    loaded: Rebuilt, joined: RebuildContext, database: MemoryDatabase, tables: LoadTables
) -> None:
    name, before = collection_name(loaded.snapshot or ""), rows(database, loaded)[ITEM]
    head = read_head(joined.artefacts).head
    database.write(name, [Tombstone(ITEM, 1), Tombstone("stranger", 1)])
    assert apply(database, joined.artefacts, tables).written == 1
    after = rows(database, loaded)[ITEM]
    assert isinstance(before, Record)
    assert isinstance(after, Record)
    assert (after.generation, after.state, after.document) == (head.generation, before.state, before.document)
    assert np.array_equal(after.embeddings, before.embeddings)


def test_drift_is_told_and_repaired(
    loaded: Rebuilt, joined: RebuildContext, database: MemoryDatabase, tables: LoadTables, take_in: Callable[..., int]
) -> None:
    put_image(joined.catalogue, "new", PRODUCTS[1].picture())
    take_in("new")
    name = collection_name(loaded.snapshot or "")
    held = database.contents.collections[name]
    records = dict(held.records)
    other, record = PRODUCTS[3].id, records[PRODUCTS[4].id]
    assert isinstance(record, Record)
    del records[ITEM], records["new"]
    records |= {other: replace(record, id=other), "stranger": replace(record, id="stranger")}
    database.contents.collections[name] = replace(held, records=records)
    found = repair(database, joined.artefacts, tables)
    assert (found.missing, found.astray, found.outdated) == (tuple(sorted((ITEM, "new"))), ("stranger",), (other,))
    assert found.items == 13
    assert drift(database, joined.artefacts, tables).ids == ()


@pytest.mark.usefixtures("shop")
def test_a_load_that_was_cut_goes_on(joined: RebuildContext, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loading, "RECORD_EVERY", 5)
    database = MemoryDatabase(faults=at(2, Fault("torn"), "write"), limits=FEW_AT_ONCE)
    with pytest.raises(EngineUnavailableError):
        rebuild(replace(joined, database=database))
    head = read_head(joined.artefacts).head
    assert (head.snapshot, head.lease) == (None, None)
    assert database.pointed(LIVE) is None
    (name,) = database.collections()
    assert not database.collections()[name].complete
    done = rebuild(replace(joined, database=database))
    assert (done.outcome, done.encoded, collection_name(done.snapshot or "")) == ("published", 0, name)
    assert database.collections()[name].complete


@pytest.mark.usefixtures("shop")
@pytest.mark.parametrize(("seconds", "last"), [(0.0, 15.0), (70.0, 85.0)], ids=["quick writes", "slow writes"])
def test_a_load_out_of_time_is_unfinished_and_the_next_run_publishes_it(
    joined: RebuildContext, database: MemoryDatabase, monkeypatch: pytest.MonkeyPatch, seconds: float, last: float
) -> None:
    monkeypatch.setattr(database, "limits", FEW_AT_ONCE)
    monkeypatch.setattr(loading, "RECORD_EVERY", 5)
    clock = itertools.count()
    monkeypatch.setattr(loading, "time", SimpleNamespace(monotonic=lambda: seconds * next(clock)))
    left = iter([900.0] * 1000)

    def remaining() -> float:
        return last if "write" in database.calls else next(left)

    cut = rebuild(replace(joined, remaining=remaining))
    assert cut.outcome == "unfinished"
    (state,) = database.collections().values()
    assert (state.loaded, state.complete) == (5, False)
    put_document(joined.catalogue, ITEM, {"price": 5})
    done = rebuild(joined, cut.build)
    assert (done.outcome, done.snapshot) == ("published", state.snapshot)
    (row,) = database.read(collection_name(state.snapshot), [ITEM])
    assert json.loads(row.document) == {"price": 5, "id": ITEM}


def test_an_unfaithful_database_leaves_what_is_live(
    loaded: Rebuilt, joined: RebuildContext, database: MemoryDatabase
) -> None:
    put_document(joined.catalogue, ITEM, {"price": 5})
    database.forgets = 0.8
    done = rebuild(joined)
    assert (done.outcome, done.snapshot) == ("refused", loaded.snapshot)
    assert "recall@10" in done.why
    assert database.pointed(LIVE) == collection_name(loaded.snapshot or "")


def test_going_back_undoes_changes_first(
    loaded: Rebuilt, joined: RebuildContext, database: MemoryDatabase, take_in: Callable[..., int], tables: LoadTables
) -> None:
    put_document(joined.catalogue, ITEM, {"price": 5})
    put_image(joined.catalogue, "new", PRODUCTS[1].picture())
    take_in(ITEM, "new")
    late = rows(database, loaded)["new"]
    second = rebuild(joined)
    delete(joined, "new")
    take_in("new")
    done = roll_back(joined)
    assert (done.outcome, done.snapshot, done.why) == ("published", loaded.snapshot, "")
    assert database.pointed(LIVE) == collection_name(loaded.snapshot or "")
    database.write(collection_name(loaded.snapshot or ""), [late])
    assert drift(database, joined.artefacts, tables).ids == ()
    forward = roll_back(joined)
    assert forward.snapshot == second.snapshot
    assert drift(database, joined.artefacts, tables).ids == ()


def test_an_engine_that_was_emptied_is_loaded_again(
    loaded: Rebuilt, joined: RebuildContext, database: MemoryDatabase, tables: LoadTables, take_in: Callable[..., int]
) -> None:
    put_document(joined.catalogue, ITEM, {"price": 5})
    take_in(ITEM)
    database.contents.collections.clear()
    database.contents.aliases.clear()
    assert apply(database, joined.artefacts, tables).outcome == "not loaded"
    with pytest.raises(MissingCollectionError, match="tonari engine load"):
        drift(database, joined.artefacts, tables)
    state = bring_up(database, joined.artefacts, joined.cache)
    assert state.complete
    assert state.generation == read_head(joined.artefacts).head.generation
    assert database.pointed(LIVE) == collection_name(loaded.snapshot or "")
    assert drift(database, joined.artefacts, tables).ids == ()


def test_old_collections_are_dropped_and_no_others(
    loaded: Rebuilt, joined: RebuildContext, database: MemoryDatabase
) -> None:
    built = [loaded]
    for price in (5, 6):
        put_document(joined.catalogue, ITEM, {"price": price})
        built.append(rebuild(joined))
    names = [collection_name(one.snapshot or "") for one in built]
    assert drop_old(database, joined.artefacts) == ()
    assert droppable(database, joined.artefacts) == (names[0],)
    with pytest.raises(NotReadyError, match="live snapshot"):
        drop_named(database, joined.artefacts, names[2])
    collect(joined.artefacts, grace=0)
    assert drop_old(database, joined.artefacts) == (names[0],)
    assert set(database.collections()) == set(names[1:])


@pytest.mark.usefixtures("shop")
def test_following_fails_without_failing_the_rebuild(joined: RebuildContext, database: MemoryDatabase) -> None:
    failing = replace(database, faults=at(1, Fault("refused"), "point"))
    done = rebuild(replace(joined, database=failing))
    assert done.outcome == "published"
    assert "has not got the newest changes yet" in done.why
    assert database.pointed(LIVE) is None
    follow(database, joined.artefacts, joined.cache)
    assert database.pointed(LIVE) == collection_name(done.snapshot or "")


@pytest.mark.usefixtures("shop")
def test_functions_hand_messages_back_while_the_engine_is_silent(
    functions: ModuleType, joined: RebuildContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    contents = Contents()
    silent = False

    def connect(*_: object) -> MemoryDatabase:
        return MemoryDatabase(contents, lambda *_: Fault("refused") if silent else None)

    monkeypatch.setattr(functions, "connect", connect)
    rebuilder, reindexer = functions.rebuild_function(), functions.reindex_function()
    first = rebuilder({}, Context())
    assert first["outcome"] == "published"
    put_document(joined.catalogue, ITEM, {"price": 5})
    event = sqs_event(notification(document_key(ITEM)))
    silent = True
    assert len(reindexer(event, None)["batchItemFailures"]) == 1
    silent = False
    assert reindexer(event, None)["batchItemFailures"] == []
    (row,) = MemoryDatabase(contents).read(collection_name(first["snapshot"]), [ITEM])
    assert json.loads(row.document) == {"price": 5, "id": ITEM}


@pytest.mark.usefixtures("loaded")
def test_states_of_the_head_ascend_with_what_was_added(
    joined: RebuildContext, database: MemoryDatabase, take_in: Callable[..., int], tables: LoadTables
) -> None:
    for item in ("a", "m", "zz", "é"):
        put_image(joined.catalogue, item, PRODUCTS[1].picture())
    delete(joined, ITEM)
    take_in("a", "m", "zz", "é", ITEM)
    found = drift(database, joined.artefacts, tables)
    assert (found.items, found.ids) == (15, ())
    held = database.contents.collections[found.name]
    database.contents.collections[found.name] = replace(held, records={})
    assert drift(database, joined.artefacts, tables).missing == tuple(
        sorted({"a", "m", "zz", "é", *(one.id for one in PRODUCTS[1:])}, key=str.encode)
    )


def test_a_state_that_does_not_fit_is_loaded_anew(
    loaded: Rebuilt, joined: RebuildContext, database: MemoryDatabase, tables: LoadTables, tmp_path: Path
) -> None:
    name = collection_name(loaded.snapshot or "")
    state = msgspec.structs.replace(database.collections()[name], items=3, complete=False)
    database.record(name, state)
    assert bring_up(database, joined.artefacts, tmp_path / "other").items == 12
    assert drift(database, joined.artefacts, tables).ids == ()


@pytest.mark.parametrize(("item", "why"), [("stranger", "holds 13 items"), (ITEM, "as the snapshot has it")])
def test_what_was_written_wrongly_is_not_taken_for_loaded(
    loaded: Rebuilt, joined: RebuildContext, database: MemoryDatabase, item: str, why: str
) -> None:
    name = collection_name(loaded.snapshot or "")
    database.record(name, msgspec.structs.replace(database.collections()[name], complete=False))
    other = rows(database, loaded)[PRODUCTS[5].id]
    database.write(name, [replace(other, id=item)])
    with pytest.raises(UnfaithfulEngineError, match=why):
        bring_up(database, joined.artefacts, joined.cache)
    assert not database.collections()[name].complete
