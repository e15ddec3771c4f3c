"""What an engine over a database answers while that lags behind the head, or runs ahead."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pytest

from contract.engines import BASE, DIMENSIONS, TYPES, drawn, unpublished
from memory_database import Fault, MemoryDatabase
from tonari.contract.database import Record, Tombstone, collection_name
from tonari.contract.engine import Engine, EngineQuery, SnapshotItems, SortQuery, Spread, StoredItem, Values, WordQuery
from tonari.contract.filter_tree import EVERYTHING, Condition, Range
from tonari.engines.lagging import Lag
from tonari.engines.remote import RemoteEngine
from tonari.errors import EngineUnavailableError, InvalidTextError, UnsupportedByEngineError, UnsupportedQueryError
from tonari.snapshots.indexed import IndexedItem
from tonari.snapshots.records import RecordMaker, indexed_item

NAME = collection_name("1")
GENERATION = 7


@pytest.fixture
def database() -> MemoryDatabase:
    return MemoryDatabase()


@pytest.fixture
def engine(database: MemoryDatabase) -> RemoteEngine:
    return unpublished(database, "memory").publish(SnapshotItems("1", "e", DIMENSIONS, TYPES, BASE.values()))


def item(name: str, seed: int = 9) -> StoredItem:
    made = drawn(np.random.default_rng(seed), name)
    embeddings = np.eye(1, DIMENSIONS, dtype=np.float32)
    return replace(
        made, fields={**made.fields, "brand": "changed", "price": 100.0}, views=("a.jpg",), embeddings=embeddings
    )


def at_head(engine: RemoteEngine, changes: Mapping[str, StoredItem | None]) -> RemoteEngine:
    """Open the engine again at a head that names changes, whatever the database holds."""
    indexed = {name: None if one is None else indexed_item(one) for name, one in changes.items()}
    held = engine.database.states(engine.name, since=1)
    return replace(engine, lag=Lag.of(indexed, held, GENERATION, engine.schema, DIMENSIONS))


def written(engine: RemoteEngine, one: StoredItem, generation: int) -> Record:
    return RecordMaker.of(engine.schema).record(indexed_item(one), generation)


def found(engine: Engine, within: Range = EVERYTHING, k: int = 5) -> list[str]:
    answer = engine.search(EngineQuery(np.eye(1, DIMENSIONS, dtype=np.float32), k, within, exact=True))
    return [one.id for one in answer.items]


CHANGES = {"item-1": item("item-1"), "new": item("new"), "item-2": None}


def check_changed(engine: RemoteEngine) -> None:
    check_shown(engine)
    matching = engine.sort(SortQuery(1, Range(Condition("brand", "$eq", ("changed",))))).matching
    counted = engine.count(["brand", "price"], EVERYTHING)
    assert isinstance(counted["brand"], Values)
    assert isinstance(counted["price"], Spread)
    assert matching == dict(counted["brand"].most)["changed"] == 2
    assert (counted["price"].greatest, counted["price"].histogram[-1]) == (100.0, 2)
    assert engine.describe().items == len(BASE)


def check_shown(engine: RemoteEngine) -> None:
    assert found(engine)[:2] == ["item-1", "new"]
    assert "item-2" not in found(engine, k=1_000)
    assert set(engine.read(["item-1", "item-2", "new"])) == {"item-1", "new"}
    assert engine.read(["item-1"])["item-1"].fields["brand"] == "changed"
    in_order = [one.place.id for one in engine.sort(SortQuery(1_000)).items]
    assert in_order == sorted({*BASE, "new"} - {"item-2"})


def test_what_the_database_does_not_have_yet_is_answered_from_memory(engine: RemoteEngine) -> None:
    check_changed(at_head(engine, CHANGES))


def test_what_it_has_is_answered_by_it(engine: RemoteEngine, database: MemoryDatabase) -> None:
    database.write(
        NAME, [written(engine, CHANGES["item-1"], 5), written(engine, CHANGES["new"], 6), Tombstone("item-2", 6)]
    )

    there = at_head(engine, CHANGES)

    assert not there.lag.hidden
    check_changed(there)


def test_what_has_come_meanwhile_is_taken_from_memory_no_more(engine: RemoteEngine, database: MemoryDatabase) -> None:
    there = at_head(engine, CHANGES)
    assert there.catch_up() is there
    database.write(NAME, [written(engine, CHANGES["item-1"], 5)])
    database.faults = lambda _number, _method: Fault("refused")
    assert there.catch_up() is there
    database.faults = lambda _number, _method: None

    assert there.catch_up().lag.hidden == {"new", "item-2"}
    check_changed(there.catch_up())
    database.write(NAME, [written(engine, CHANGES["new"], 6), Tombstone("item-2", 6)])
    caught_up = there.catch_up()
    assert not caught_up.lag.hidden
    check_changed(caught_up)
    assert caught_up.catch_up() is caught_up


def test_a_half_written_batch_is_no_half_answer(engine: RemoteEngine, database: MemoryDatabase) -> None:
    database.write(NAME, [written(engine, CHANGES["item-1"], 5)])

    there = at_head(engine, CHANGES)

    assert there.lag.hidden == {"new", "item-2"}
    check_changed(there)


def test_an_old_writer_that_comes_late_brings_nothing_back(engine: RemoteEngine, database: MemoryDatabase) -> None:
    """It wrote an item that no segment names, and another state of one that they do."""
    for late in (
        [written(engine, item("item-1", 3), 2), written(engine, item("item-2", 4), 3)],
        [written(engine, replace(item("ghost"), id="ghost"), 1)],
    ):
        there = at_head(engine, CHANGES)
        database.write(NAME, late)
        check_shown(there)
        check_changed(at_head(engine, CHANGES))


def test_items_that_were_written_back_as_the_snapshot_has_them_are_not_astray(
    engine: RemoteEngine, database: MemoryDatabase
) -> None:
    maker = RecordMaker.of(engine.schema)
    again = maker.of_snapshot(indexed_item(BASE["item-5"]), generation=6)
    database.write(NAME, [written(engine, item("item-5"), 3), again])

    there = at_head(engine, {})

    assert not there.lag.hidden
    assert there.read(["item-5"])["item-5"].fields == BASE["item-5"].fields


def test_what_is_newer_than_the_head_shows(engine: RemoteEngine, database: MemoryDatabase) -> None:
    there = at_head(engine, {})
    database.write(NAME, [written(engine, item("item-1"), GENERATION + 1), Tombstone("item-2", GENERATION + 1)])

    for now in (there, at_head(engine, {})):
        assert found(now)[0] == "item-1"
        assert set(now.read(["item-1", "item-2"])) == {"item-1"}


def test_a_writer_of_old_states_that_never_stops_is_an_error(engine: RemoteEngine) -> None:
    class Haunted(MemoryDatabase):
        def nearest(self, name, query):  # type: ignore[no-untyped-def]
            number = len(self.calls)
            self.write(name, [written(engine, item(f"ghost-{number}"), 1)])
            return super().nearest(name, query)

    haunted = replace(engine, database=Haunted(engine.database.contents))  # type: ignore[attr-defined]

    with pytest.raises(EngineUnavailableError, match="old states"):
        found(at_head(haunted, {}))


def test_short_answers_are_asked_for_again_exactly(engine: RemoteEngine, database: MemoryDatabase) -> None:
    database.forgets = 0.5

    answer = engine.search(EngineQuery(np.eye(1, DIMENSIONS, dtype=np.float32), 150))

    assert len(answer.items) == 150
    assert (answer.plan.exact, answer.plan.path, answer.plan.matching) == (True, "memory", len(BASE))
    few = engine.search(EngineQuery(np.eye(1, DIMENSIONS, dtype=np.float32), 5))
    assert not few.plan.exact


def test_in_a_narrow_range_all_are_compared(engine: RemoteEngine, database: MemoryDatabase) -> None:
    database.forgets = 0.5
    viewed = [name for name, one in BASE.items() if one.views]
    query = EngineQuery(np.eye(1, DIMENSIONS, dtype=np.float32), 3)

    narrow = engine.search(replace(query, within=Range(ids=tuple(viewed[:5]))))
    wide = engine.search(replace(query, within=Range(ids=tuple(viewed[:100]))))

    assert narrow.plan.exact
    assert not wide.plan.exact
    assert [one.id for one in narrow.items] == found(engine, Range(ids=tuple(viewed[:5])), 3)


def test_embeddings_come_only_if_they_are_wanted(engine: RemoteEngine) -> None:
    query = EngineQuery(np.eye(1, DIMENSIONS, dtype=np.float32), 3)

    assert {len(one.embedding) for one in engine.search(query).items} == {DIMENSIONS}
    assert {len(one.embedding) for one in engine.search(replace(query, embeddings=False)).items} == {0}


def test_words(engine: RemoteEngine, database: MemoryDatabase) -> None:
    there = at_head(engine, {**CHANGES, "item-7": None})
    having = [
        name
        for name, one in BASE.items()
        if one.fields.get("brand") == "acme" and name not in ("item-1", "item-2", "item-7")
    ]

    answer = there.search_words(WordQuery("ACME", 1_000))

    assert sorted(one.id for one in answer.items) == sorted(having)
    assert {one.embedding.shape for one in answer.items} == {(DIMENSIONS,)}
    first, *_, last = [(one.score, one.id) for one in answer.items]
    pages = there.search_words(WordQuery("acme", 1_000, after=first)).items
    assert [one.id for one in pages] == [one.id for one in answer.items[1:]]
    assert not there.search_words(WordQuery("acme", 5, after=last)).items
    with pytest.raises(InvalidTextError):
        there.search_words(WordQuery("the", 5))
    database.no_words = "It has no words."
    with pytest.raises(UnsupportedQueryError, match="It has no words"):
        there.search_words(WordQuery("acme", 5))


def test_a_failure_is_an_error_and_no_short_answer(engine: RemoteEngine, database: MemoryDatabase) -> None:
    database.faults = lambda _number, _method: Fault("refused")

    with pytest.raises(EngineUnavailableError):
        found(engine)
    with pytest.raises(EngineUnavailableError):
        engine.count(["brand"], EVERYTHING)


def test_more_than_it_gives_at_once_is_refused(engine: RemoteEngine, database: MemoryDatabase) -> None:
    database.limits = replace(database.limits, found=50, exact=50)

    with pytest.raises(UnsupportedByEngineError, match="at most 50"):
        found(engine, k=60)


def test_the_state_of_an_item_is_what_it_was_made_from() -> None:
    made = indexed_item(item("a"))
    assert indexed_item(item("a")).state == made.state
    for other in (
        replace(made, document_etag="other"),
        replace(made, views=()),
        replace(made, views=(replace(made.views[0], source="other"),)),
        replace(made, views=(replace(made.views[0], name="other"),)),
    ):
        assert isinstance(other, IndexedItem)
        assert other.state != made.state
