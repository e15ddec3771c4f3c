"""What every database behind the port must do: a class of tests, to be inherited with a fixture ``database``.

A database is held to a second one in memory, which is given the same records.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import msgspec
import numpy as np
import pytest
from numpy.typing import NDArray

from memory_database import MemoryDatabase
from tonari.contract.database import (
    CollectionState,
    Counts,
    Database,
    FoundRecord,
    NearestQuery,
    Record,
    RecordState,
    Tombstone,
)
from tonari.contract.engine import FieldType, Place, SortQuery, Spread, Values
from tonari.contract.filter_tree import EVERYTHING, And, Condition, Filter, Not, Or, Range
from tonari.errors import EngineUnavailableError, MissingCollectionError, UnsupportedByEngineError

DIMENSIONS = 64
ITEMS = 300
CLOSE = 2e-3
"""Databases may keep embeddings in 16 bits."""
TYPES: Mapping[str, FieldType] = {
    "brand": "string",
    "price": "number",
    "new": "boolean",
    "since": "date",
    "tags": "strings",
    "a \"name\" 'of'; any.text\n\\ 隣 🙂": "string",
}
ODD = list(TYPES)[-1]
ODD_TEXTS = (
    "",
    " ",
    "it's",
    'say "yes"',
    "back\\slash",
    "line\nbreak\ttab",
    "nul\x000and\x01one",
    "%s %(x)s {0} ${y} :z ?",
    "隣の🙂",
    "e\u0301",
    "\u00e9",
    "a,b{c}[d]",
    "null",
    "NaN",
    "*",
    "a AND b",
    "x" * 5_000,
)
"""Values of fields; ids have no control characters, no slash and at most 256 bytes."""
ODD_IDS = (
    *("it's", 'say "yes"', "back\\slash", "%s %(x)s {0} ${y} :z ?", "隣🙂", "é", "a,b{c}[d]", "null", "*", "_id"),
    *(" ", "a b", "-", "#", "x" * 256, "隣" * 85, "\U0010ffff", "\uff01", "A", "a", "-- ;", "$eq"),
)
STATE = CollectionState(snapshot="s1", encoder="e", dimensions=DIMENSIONS, types=TYPES, items=ITEMS, views=0)


def unit_rows(random: np.random.Generator, count: int) -> NDArray[np.float32]:
    rows = random.standard_normal((count, DIMENSIONS))
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), np.float32)


def made(name: str, generation: int = 0, *, views: int = 1, seed: int = 0, state: str = "", **fields: Any) -> Record:
    """Make a record with drawn embeddings."""
    random = np.random.default_rng([seed, *name.encode()])
    document = json.dumps({"id": name, **fields}, ensure_ascii=False)
    names = tuple(f"{number}.jpg" for number in range(views))
    texts = tuple(str(fields["brand"]).split()) if "brand" in fields else ()
    rows = unit_rows(random, views) if views else np.empty((0, 0), np.float32)
    return Record(name, generation, state or f"{name}@{generation}", fields, document, (*texts, name), names, rows)


def drawn(random: np.random.Generator, name: str, generation: int = 0) -> Record:
    drawn_fields: dict[str, Any] = {
        "brand": random.choice(["acme", "bolt", "隣"]).item(),
        "price": float(random.integers(-4, 20)) / 2,
        "new": bool(random.random() < 0.5),
        "since": 1.7e9 + float(random.integers(0, 40)) * 86_400.5,
        "tags": tuple(sorted(random.permutation(["a", "b", "c", "38"])[: random.integers(1, 4)].tolist())),
        ODD: random.choice(["one", "two"]).item(),
    }
    fields = {field: value for field, value in drawn_fields.items() if random.random() < 0.8}
    views = int(random.choice([0, 1, 1, 1, 2, 3]))
    return made(name, generation, views=views, seed=int(random.integers(1 << 30)), **fields)


def some_records(seed: int, names: Iterable[str], generation: int = 0) -> list[Record]:
    random = np.random.default_rng(seed)
    return [drawn(random, name, generation) for name in names]


BASE = some_records(1, [f"item-{number:03}" for number in range(ITEMS)])
CHANGES: list[Record | Tombstone] = [
    *some_records(2, [f"item-{number:03}" for number in range(0, 60, 3)], 5),
    *some_records(3, ["new-1", "new-2", "é & 隣"], 5),
    *(Tombstone(f"item-{number:03}", 6) for number in range(1, 60, 3)),
    Tombstone("never-there", 6),
]
CONDITIONS: list[Filter] = [
    Condition("brand", "$eq", ("acme",)),
    Condition("brand", "$ne", ("acme",)),
    Condition("brand", "$in", ("acme", "隣", "nobody")),
    Condition("brand", "$in", ()),
    Condition("brand", "$nin", ("acme", "隣")),
    Condition("brand", "$nin", ()),
    Condition("brand", "$exists", (True,)),
    Condition("brand", "$exists", (False,)),
    Condition("price", "$eq", (2.5,)),
    Condition("price", "$eq", (0.0,)),
    Condition("price", "$eq", (-0.0,)),
    Condition("price", "$ne", (2.5,)),
    Condition("price", "$gt", (2.5,)),
    Condition("price", "$gte", (2.5,)),
    Condition("price", "$lt", (0.0,)),
    Condition("price", "$lte", (-1.5,)),
    Condition("price", "$lt", (1e308,)),
    Condition("price", "$in", tuple(float(number) for number in range(-2, 400))),
    Condition("price", "$nin", (1.0, 2.0)),
    Condition("price", "$exists", (False,)),
    Condition("new", "$eq", (True,)),
    Condition("new", "$eq", (False,)),
    Condition("new", "$ne", (True,)),
    Condition("new", "$in", (True, False)),
    Condition("new", "$nin", (True, False)),
    Condition("new", "$exists", (True,)),
    Condition("since", "$eq", (1.7e9 + 3 * 86_400.5,)),
    Condition("since", "$lt", (1.7e9 + 3 * 86_400.5,)),
    Condition("since", "$gte", (1.7e9 + 20 * 86_400.5,)),
    Condition("since", "$exists", (False,)),
    Condition("tags", "$eq", ("a",)),
    Condition("tags", "$ne", ("a",)),
    Condition("tags", "$in", ("b", "38", "z")),
    Condition("tags", "$nin", ("b", "38")),
    Condition("tags", "$exists", (True,)),
    Condition("tags", "$exists", (False,)),
    Condition(ODD, "$eq", ("one",)),
    Condition(ODD, "$nin", ("one",)),
    Condition("unknown", "$eq", ("x",)),
    Condition("unknown", "$ne", ("x",)),
    Condition("unknown", "$nin", ("x",)),
    Condition("unknown", "$gt", (1.0,)),
    Condition("unknown", "$exists", (True,)),
    Condition("unknown", "$exists", (False,)),
    And(()),
    Or(()),
    Not(And(())),
    Not(Or(())),
    Not(Condition("brand", "$eq", ("acme",))),
    Not(Condition("brand", "$ne", ("acme",))),
    Not(Condition("price", "$lt", (2.5,))),
    Not(Condition("tags", "$in", ("a", "b"))),
    Not(Not(Condition("price", "$lt", (2.5,)))),
    Not(And((Condition("price", "$lt", (5.0,)), Condition("brand", "$eq", ("bolt",))))),
    Not(Or((Condition("price", "$lt", (5.0,)), Not(Condition("tags", "$eq", ("a",)))))),
    And((Condition("price", "$gte", (0.0,)), Condition("price", "$lt", (5.0,)), Condition("new", "$eq", (True,)))),
    Or((
        Condition("tags", "$eq", ("c",)),
        And((Condition("brand", "$eq", ("隣",)), Condition("price", "$exists", (False,)))),
    )),
    And((
        Or((Condition("brand", "$exists", (False,)), Condition("brand", "$in", ("acme",)))),
        Not(Condition("new", "$eq", (True,))),
    )),
]  # fmt: skip
RANGES: list[Range] = [
    EVERYTHING,
    Range(ids=()),
    Range(ids=("item-000", "item-001", "item-002", "nobody", "é & 隣", "it's")),
    Range(excluded=("item-000", "item-005", "nobody")),
    Range(ids=tuple(f"item-{number:03}" for number in range(100)), excluded=("item-005", "item-006")),
    Range(
        Condition("price", "$gte", (1.0,)), ids=tuple(f"item-{number:03}" for number in range(50)), excluded=("item-9",)
    ),
]


def same(found: Sequence[FoundRecord], wanted: Sequence[FoundRecord]) -> None:
    """Hold an answer to the true one: the same scores, and the same items but for those of nearly equal scores."""
    assert [one.score for one in found] == pytest.approx([one.score for one in wanted], abs=CLOSE)
    assert len({one.id for one in found}) == len(found)
    by_id = {one.id: one for one in wanted}
    for one in found:
        if one.id not in by_id:
            assert one.score <= wanted[-1].score + 2 * CLOSE
            continue
        truth = by_id[one.id]
        assert one.score == pytest.approx(truth.score, abs=CLOSE)
        said = (one.view, one.document, one.generation, one.state)
        assert said == (truth.view, truth.document, truth.generation, truth.state)


def loaded(database: Database, name: str, records: Sequence[Record | Tombstone], state: CollectionState) -> None:
    """Make a collection, write records, and say that all are written."""
    database.create(name, state)
    database.write(name, records)
    views = sum(len(record.views) for record in records if isinstance(record, Record))
    database.record(
        name, msgspec.structs.replace(state, items=len(records), views=views, loaded=len(records), complete=True)
    )


def exactly(database: Database, name: str, query: NearestQuery) -> list[FoundRecord]:
    """Ask for an exact answer; for an approximate one if the database has none, which over few items is exact too."""
    try:
        return database.nearest(name, replace(query, exact=True))
    except UnsupportedByEngineError:
        return database.nearest(name, query)


class DatabaseContract:
    """Tests of a database; whoever inherits them gives a fixture ``database``, which may serve them all."""

    @pytest.fixture
    def name(self, database: Database) -> Iterator[str]:
        """Name of a collection that is dropped at the end."""
        name = f"s{uuid.uuid4().hex[:12]}"
        yield name
        database.drop(name)

    @pytest.fixture(scope="module")
    @classmethod
    def base(cls, database: Database) -> Iterator[str]:
        """Name of a collection with all records of BASE; it is not to be changed."""
        name = f"b{uuid.uuid4().hex[:12]}"
        loaded(database, name, BASE, STATE)
        yield name
        database.drop(name)

    @pytest.fixture(scope="module")
    @classmethod
    def changed(cls, database: Database) -> Iterator[str]:
        """Name of a collection with BASE and CHANGES over it; it is not to be changed."""
        name = f"c{uuid.uuid4().hex[:12]}"
        loaded(database, name, BASE, STATE)
        database.write(name, CHANGES)
        yield name
        database.drop(name)

    @pytest.fixture(scope="module")
    @classmethod
    def truth(cls) -> MemoryDatabase:
        """The same collections, by the names ``base`` and ``changed``."""
        memory = MemoryDatabase()
        for name in ("base", "changed"):
            loaded(memory, name, BASE, STATE)
        memory.write("changed", CHANGES)
        return memory

    @pytest.fixture(params=["base", "changed"])
    def held(self, request: pytest.FixtureRequest, base: str, changed: str) -> tuple[str, str]:
        """A collection's name, here and in the truth."""
        return {"base": base, "changed": changed}[request.param], request.param

    # collections and aliases

    def test_a_collection_is_made_recorded_and_dropped(self, database: Database, name: str) -> None:
        assert name not in database.collections()

        database.create(name, STATE)
        assert database.collections()[name] == STATE
        assert database.count(name, EVERYTHING) == Counts(0, 0)
        assert exactly(database, name, NearestQuery(made("x").embeddings[0], 3)) == []

        later = msgspec.structs.replace(STATE, loaded=0, recall=0.875, generation=7)
        database.record(name, later)
        assert database.collections()[name] == later
        assert list(database.collections()[name].types) == list(TYPES)

        database.drop(name)
        assert name not in database.collections()
        database.drop(name)

    def test_a_collection_that_is_there_stays_as_it_is(self, database: Database, name: str) -> None:
        database.create(name, STATE)
        database.write(name, [made("one")])

        database.create(name, msgspec.structs.replace(STATE, snapshot="other"))

        assert database.collections()[name] == STATE
        assert database.count(name, EVERYTHING) == Counts(1, 1)

    def test_an_alias_points_to_one_collection(self, database: Database, name: str) -> None:
        alias, other = f"live_{name}", f"{name}_2"
        assert database.pointed(alias) is None
        database.create(name, STATE)
        database.create(other, msgspec.structs.replace(STATE, dimensions=8, types={"other": "number"}))

        database.point(alias, name)
        assert database.pointed(alias) == name
        database.point(alias, name)
        assert database.pointed(alias) == name
        database.point(alias, other)
        assert database.pointed(alias) == other
        assert alias not in database.collections()
        database.point(alias, name)
        database.drop(other)
        assert database.pointed(alias) == name

        database.drop(name)
        assert database.pointed(alias) is None

    def test_what_asks_a_missing_collection_is_told(self, database: Database) -> None:
        query = NearestQuery(made("x").embeddings[0], 3)
        asks: Mapping[str, Callable[[], Any]] = {
            "record": lambda: database.record("missing", STATE),
            "write": lambda: database.write("missing", [made("x")]),
            "nearest": lambda: database.nearest("missing", query),
            "exact": lambda: exactly(database, "missing", query),
            "sorted": lambda: database.sorted("missing", SortQuery(3)),
            "read": lambda: database.read("missing", ["x"]),
            "count": lambda: database.count("missing", EVERYTHING),
            "values": lambda: database.values("missing", ["brand"], EVERYTHING, 5),
            "states": lambda: list(database.states("missing")),
            "point": lambda: database.point("live_missing", "missing"),
        }
        for what, ask in asks.items():
            with pytest.raises(MissingCollectionError):
                pytest.fail(f"{what} answered {ask()!r}")
        assert "missing" not in database.collections()

    # writing and reading

    def test_a_record_is_read_as_it_was_written(self, database: Database, name: str) -> None:
        fields: dict[str, Any] = {
            "brand": "acme",
            "price": 0.1,
            "new": False,
            "since": 1.7e9 + 0.25,
            "tags": ("a", "b"),
            ODD: "one",
        }
        records = [made("one", views=3, **fields), made("two", views=0), made("three", 4, price=-1e300)]
        database.create(name, STATE)
        database.write(name, records)

        found = {record.id: record for record in database.read(name, ["three", "one", "nobody", "two", "one"])}

        assert found.keys() == {"one", "two", "three"}
        for record in records:
            here = found[record.id]
            assert (here.generation, here.state) == (record.generation, record.state)
            assert here.fields == record.fields
            assert here.document == record.document
            assert here.views == record.views
            assert len(here.embeddings) == len(record.views)
            if record.views:
                np.testing.assert_allclose(here.embeddings, record.embeddings, atol=CLOSE)
                assert here.embeddings.dtype == np.float32
        assert database.count(name, EVERYTHING) == Counts(3, 4)

    def test_of_a_former_record_nothing_stays(self, database: Database, name: str) -> None:
        database.create(name, STATE)
        old, new = made("one", 1, views=3, brand="acme", tags=("a",)), made("one", 2, views=1, seed=9, price=3.0)
        database.write(name, [old])
        database.write(name, [new])

        (here,) = database.read(name, ["one"])
        assert (here.fields, here.document, here.views) == (new.fields, new.document, new.views)
        assert database.count(name, EVERYTHING) == Counts(1, 1)
        assert database.count(name, Range(Condition("brand", "$exists", (True,)))) == Counts(0, 0)
        assert database.count(name, Range(Condition("tags", "$eq", ("a",)))) == Counts(0, 0)
        for row in (*old.embeddings, *new.embeddings):
            (found,) = exactly(database, name, NearestQuery(row, 5))
            assert found.score == pytest.approx(float(new.embeddings[0] @ row), abs=CLOSE)
        database.write(name, [made("one", 3, views=0)])
        assert exactly(database, name, NearestQuery(new.embeddings[0], 5)) == []
        assert database.count(name, EVERYTHING) == Counts(1, 0)

    def test_an_older_generation_never_wins(self, database: Database, name: str) -> None:
        database.create(name, STATE)
        database.write(name, [made("one", 5, brand="new"), Tombstone("two", 5)])

        database.write(name, [made("one", 4, views=2, brand="old"), made("two", 4)])
        database.write(name, [Tombstone("one", 3)])

        assert [record.fields for record in database.read(name, ["one", "two"])] == [{"brand": "new"}]
        assert database.count(name, EVERYTHING) == Counts(1, 1)
        assert list(database.states(name)) == [RecordState("one", 5, "one@5"), RecordState("two", 5, None)]

    def test_an_equal_generation_takes_the_place(self, database: Database, name: str) -> None:
        database.create(name, STATE)
        database.write(name, [made("one", 5, brand="a"), Tombstone("two", 5), made("three", 5)])

        database.write(name, [made("one", 5, brand="b"), made("two", 5, brand="c"), Tombstone("three", 5)])

        found = {record.id: record.fields for record in database.read(name, ["one", "two", "three"])}
        assert found == {"one": {"brand": "b"}, "two": {"brand": "c"}}
        assert database.count(name, EVERYTHING) == Counts(2, 2)

    def test_a_tombstone_hides_a_record_until_a_newer_one_comes(self, database: Database, name: str) -> None:
        record = made("one", 1, brand="acme")
        database.create(name, STATE)
        database.write(name, [record, made("two", 1)])
        database.write(name, [Tombstone("one", 2)])

        assert database.read(name, ["one"]) == []
        assert database.count(name, EVERYTHING) == Counts(1, 1)
        assert [one.id for one in exactly(database, name, NearestQuery(record.embeddings[0], 5))] == ["two"]
        assert [one.id for one in database.sorted(name, SortQuery(5))] == ["two"]
        assert database.values(name, ["brand"], EVERYTHING, 5) == {"brand": Values(0, 0, ())}
        assert database.count(name, Range(Condition("brand", "$ne", ("x",)))) == Counts(1, 1)

        database.write(name, [made("one", 3, brand="bolt")])
        assert [one.fields for one in database.read(name, ["one"])] == [{"brand": "bolt"}]

    def test_one_write_may_name_an_item_several_times(self, database: Database, name: str) -> None:
        database.create(name, STATE)
        database.write(name, [made("one", 2, brand="a"), made("one", 3, brand="b", views=2), made("one", 1, brand="c")])
        database.write(name, [made("two", 2), Tombstone("two", 2), Tombstone("three", 1), made("three", 2)])

        found = {record.id: record.fields for record in database.read(name, ["one", "two", "three"])}
        assert found == {"one": {"brand": "b"}, "three": {}}
        assert database.count(name, EVERYTHING) == Counts(2, 3)

    def test_nothing_is_written_of_nothing(self, database: Database, name: str) -> None:
        database.create(name, STATE)
        database.write(name, [])
        assert database.read(name, []) == []
        assert list(database.states(name)) == []

    def test_writers_at_once_agree_on_the_newest(self, database: Database, name: str) -> None:
        database.create(name, STATE)
        names = [f"item-{number}" for number in range(12)]
        random = np.random.default_rng(3)

        def write(seed: int) -> None:
            order = np.random.default_rng(seed).permutation(names).tolist()
            database.write(name, [made(one, seed, views=1 + seed % 3, brand=str(seed)) for one in order])

        seeds = random.permutation(16).tolist()
        with ThreadPoolExecutor(4) as threads:
            list(threads.map(write, seeds))

        assert list(database.states(name)) == [RecordState(one, 15, f"{one}@15") for one in sorted(names)]
        assert database.count(name, EVERYTHING) == Counts(12, 12)
        assert {record.fields["brand"] for record in database.read(name, names)} == {"15"}

    def test_threads_ask_at_once(self, database: Database, base: str, truth: MemoryDatabase) -> None:
        rows = unit_rows(np.random.default_rng(5), 24)
        with ThreadPoolExecutor(6) as threads:
            found = list(threads.map(lambda row: exactly(database, base, NearestQuery(row, 5)), rows))
        for row, one in zip(rows, found, strict=True):
            same(one, truth.nearest("base", NearestQuery(row, 5, exact=True)))

    # texts

    def test_ids_are_any_text(self, database: Database, name: str) -> None:
        ids = sorted(set(ODD_IDS), key=str.encode)
        database.create(name, STATE)
        database.write(name, [made(one, 1, brand=one) for one in ids])

        assert [one.id for one in database.states(name)] == ids
        assert sorted((one.id for one in database.read(name, ids)), key=str.encode) == ids
        assert [one.id for one in database.sorted(name, SortQuery(100))] == ids
        for one in ids:
            assert database.count(name, Range(ids=(one,))) == Counts(1, 1)
            assert database.count(name, Range(excluded=(one,))) == Counts(len(ids) - 1, len(ids) - 1)
            (first,) = exactly(database, name, NearestQuery(made(one).embeddings[0], 1))
            assert first.id == one
            following = [other.id for other in database.sorted(name, SortQuery(2, after=Place(None, one)))]
            assert following == ids[ids.index(one) + 1 :][:2]

    def test_values_are_any_text(self, database: Database, name: str) -> None:
        database.create(name, STATE)
        texts = dict(enumerate(ODD_TEXTS))
        records = [made(str(number), brand=text, tags=tuple(sorted({text, "all"}))) for number, text in texts.items()]
        database.write(name, records)

        found = {record.id: record.fields for record in database.read(name, list(map(str, texts)))}
        assert found == {record.id: record.fields for record in records}
        for number, text in texts.items():
            for field in ("brand", "tags"):
                within = Range(Condition(field, "$eq", (text,)))
                assert [one.id for one in database.sorted(name, SortQuery(50, within))] == [str(number)], (field, text)
                others = Range(Condition(field, "$nin", (text, "nobody")))
                assert database.count(name, others).items == len(texts) - 1, (field, text)
        ordered = [one.value for one in database.sorted(name, SortQuery(50, sort="brand"))]
        assert ordered == sorted(ODD_TEXTS)
        counted = database.values(name, ["brand"], EVERYTHING, None)["brand"]
        assert counted == Values(len(texts), len(texts), tuple((text, 1) for text in sorted(ODD_TEXTS)))

    def test_long_texts_and_documents(self, database: Database, name: str) -> None:
        long = ["隣" * 33_000 + end for end in "ab"]
        database.create(name, STATE)
        database.write(name, [made(str(number), brand=text) for number, text in enumerate(long)])

        assert [record.fields["brand"] for record in database.read(name, ["0", "1"])] == long
        within = Range(Condition("brand", "$eq", (long[1],)))
        assert [one.id for one in database.sorted(name, SortQuery(5, within))] == ["1"]

    # ranges

    @pytest.mark.parametrize("number", range(len(CONDITIONS)))
    def test_filters_mean_what_masks_say(
        self, database: Database, held: tuple[str, str], truth: MemoryDatabase, number: int
    ) -> None:
        name, true_name = held
        within = Range(CONDITIONS[number])
        wanted = [one.id for one in truth.sorted(true_name, SortQuery(1_000, within))]

        assert [one.id for one in database.sorted(name, SortQuery(1_000, within))] == wanted
        assert database.count(name, within) == truth.count(true_name, within)
        query = NearestQuery(unit_rows(np.random.default_rng(number), 1)[0], 20, within)
        same(exactly(database, name, query), truth.nearest(true_name, query))

    @pytest.mark.parametrize("number", range(len(RANGES)))
    def test_ranges_of_ids(self, database: Database, held: tuple[str, str], truth: MemoryDatabase, number: int) -> None:
        name, true_name = held
        within = RANGES[number]
        wanted = [one.id for one in truth.sorted(true_name, SortQuery(1_000, within))]

        assert [one.id for one in database.sorted(name, SortQuery(1_000, within))] == wanted
        assert database.count(name, within) == truth.count(true_name, within)
        query = NearestQuery(unit_rows(np.random.default_rng(number), 1)[0], 20, within)
        same(exactly(database, name, query), truth.nearest(true_name, query))

    def test_fifty_thousand_ids(self, database: Database, base: str, truth: MemoryDatabase) -> None:
        many = tuple(f"item-{number:03}" for number in range(0, 50_000 * 3, 3))[: database.limits.ids]
        row = unit_rows(np.random.default_rng(4), 1)[0]
        for within in (Range(ids=many), Range(excluded=many), Range(CONDITIONS[0], ids=many, excluded=many[:50])):
            query = NearestQuery(row, 20, within)
            assert database.count(base, within) == truth.count("base", within)
            same(exactly(database, base, query), truth.nearest("base", query))

    # nearest

    def test_exact_answers(self, database: Database, held: tuple[str, str], truth: MemoryDatabase) -> None:
        name, true_name = held
        for row in unit_rows(np.random.default_rng(7), 10):
            for k in (1, 7, 60, 500):
                query = NearestQuery(row, k, exact=True, embeddings=True)
                found, wanted = exactly(database, name, query), truth.nearest(true_name, query)
                same(found, wanted)
                assert [one.score for one in found] == sorted((one.score for one in found), reverse=True)
                for one in found:
                    assert one.embedding is not None
                    assert float(one.embedding @ row) == pytest.approx(one.score, abs=CLOSE)

    def test_approximate_answers_are_records_in_range(
        self, database: Database, held: tuple[str, str], truth: MemoryDatabase
    ) -> None:
        name, true_name = held
        kept = recalled = 0
        for number, row in enumerate(unit_rows(np.random.default_rng(8), 20)):
            for within in (EVERYTHING, Range(CONDITIONS[number])):
                query = NearestQuery(row, 10, within)
                found, wanted = database.nearest(name, query), truth.nearest(true_name, replace(query, k=1_000))
                scores = {one.id: one.score for one in wanted}
                assert len({one.id for one in found}) == len(found) <= 10
                assert [one.score for one in found] == pytest.approx([scores[one.id] for one in found], abs=CLOSE)
                assert all(one.embedding is None for one in found)
                kept += len(wanted[:10])
                recalled += len({one.id for one in found} & {one.id for one in wanted[:10]})
        assert recalled >= 0.9 * kept

    def test_of_equally_near_views_the_first_is_named(self, database: Database, name: str) -> None:
        row, other = unit_rows(np.random.default_rng(9), 2)
        database.create(name, STATE)
        record = made("one", views=4)
        database.write(name, [replace(record, embeddings=np.stack([other, row, row, row])), made("two")])

        first, second = exactly(database, name, NearestQuery(row, 5, embeddings=True))

        assert (first.id, first.view) == ("one", "1.jpg")
        assert first.score == pytest.approx(1, abs=CLOSE)
        assert second.id == "two"

    def test_items_of_many_views_are_found_once(self, database: Database, name: str) -> None:
        random = np.random.default_rng(10)
        center = unit_rows(random, 1)[0]
        crowd = [replace(made(f"crowd-{one}", views=60), embeddings=_around(random, center, 60, 0.1)) for one in "abc"]
        far = [made(f"far-{number}") for number in range(20)]
        loaded(database, name, [*crowd, *far], STATE)

        found = exactly(database, name, NearestQuery(center, 10))

        assert [one.id[:5] for one in found[:4]] == ["crowd", "crowd", "crowd", "far-" + found[3].id[4]]
        assert len({one.id for one in found}) == 10

    # orders

    @pytest.mark.parametrize("descending", [False, True])
    @pytest.mark.parametrize("sort", [None, "brand", "price", "new", "since", "tags", "unknown", ODD])
    def test_orders_page_by_page(
        self,
        database: Database,
        held: tuple[str, str],
        truth: MemoryDatabase,
        sort: str | None,
        descending: bool,  # noqa: FBT001
    ) -> None:
        name, true_name = held
        query = SortQuery(47, Range(Condition("new", "$ne", (True,))), sort, descending)
        wanted = truth.sorted(true_name, replace(query, k=1_000))
        found = database.sorted(name, query)
        pages = [*found]
        while found:
            found = database.sorted(name, replace(query, after=Place(found[-1].value, found[-1].id)))
            pages += found
        assert pages == wanted
        for after in (Place("bolt", "item-1"), Place("c", ""), Place(None, "item-2")):
            if sort in ("brand", ODD):
                assert database.sorted(name, replace(query, after=after)) == truth.sorted(
                    true_name, replace(query, after=after)
                )

    # facets

    @pytest.mark.parametrize("most", [2, 50, None])
    def test_values_are_counted(
        self, database: Database, held: tuple[str, str], truth: MemoryDatabase, most: int | None
    ) -> None:
        name, true_name = held
        for within in (EVERYTHING, Range(CONDITIONS[0]), Range(CONDITIONS[14]), Range(Or(())), *RANGES):
            found = database.values(name, list(TYPES), within, most)
            for field, wanted in truth.values(true_name, list(TYPES), within, most).items():
                assert found[field] == wanted, field
        assert database.values(name, [], EVERYTHING, most) == {}

    def test_spreads_of_any_numbers(self, database: Database, name: str) -> None:
        for number, numbers in enumerate(NUMBERS):
            one = f"{name}_{number}"
            memory = MemoryDatabase()
            for each in (memory, database):
                each.create(one, STATE)
                each.write(one, [made(str(place), price=value) for place, value in enumerate(numbers)])
            wanted = memory.values(one, ["price"], EVERYTHING, 5)["price"]
            found = database.values(one, ["price"], EVERYTHING, 5)["price"]
            database.drop(one)
            assert found == wanted, numbers
            assert isinstance(found, Spread)

    # states

    def test_states_since_a_generation(self, database: Database, changed: str, truth: MemoryDatabase) -> None:
        for since in (0, 1, 5, 6, 7):
            found = list(database.states(changed, since=since))
            assert found == list(truth.states("changed", since=since))
        assert [one.id for one in found] == []

    def test_states_of_many(self, database: Database, name: str) -> None:
        count = 2_500
        database.create(name, STATE)
        database.write(name, [made(f"{number:05}", views=int(number % 7 == 0)) for number in range(count)])
        database.write(name, [made(f"{number:05}", 1) for number in range(0, count, 100)])

        found = list(database.states(name))

        assert [one.id for one in found] == [f"{number:05}" for number in range(count)]
        assert [one.id for one in database.states(name, since=1)] == [f"{number:05}" for number in range(0, count, 100)]

    # words

    def test_words(self, database: Database, name: str) -> None:
        searched = database.words()
        if searched is not None:
            assert searched.reason
            assert searched.fields == ()
            return
        records = [made("one", brand="red red shoe"), made("two", brand="red"), made("three", brand="hat", views=0)]
        loaded(database, name, [*records, *(made(f"x{number}", brand="red box") for number in range(20))], STATE)

        assert [one.id for one in database.worded(name, ["shoe", "hat"], 10, EVERYTHING)] != []
        assert {one.id for one in database.worded(name, ["shoe", "hat"], 10, EVERYTHING)} == {"one", "three"}
        assert {one.id for one in database.worded(name, ["two"], 10, EVERYTHING)} == {"two"}
        assert database.worded(name, ["nobody"], 10, EVERYTHING) == []
        within = Range(ids=("one", "three"))
        assert {one.id for one in database.worded(name, ["red", "hat"], 10, within)} == {"one", "three"}
        found = database.worded(name, ["red", "shoe"], 50, EVERYTHING)
        assert (found[0].id, len(found)) == ("one", 22)
        assert [one.score for one in found] == sorted((one.score for one in found), reverse=True)
        (hat,) = database.worded(name, ["hat"], 5, EVERYTHING)
        assert (hat.view, hat.document) == ("", records[2].document)


NUMBERS: list[list[float]] = [
    [1.0],
    [5.0, 5.0],
    [0.0, -0.0, 1.0],
    [float(number) for number in range(21)],
    [0.1, 0.2, 0.3, 0.7, 0.9, 1.1],
    [-1e308, 0.0, 1e308],
    [1e-320, 2e-320, 5e-320],
    [0.0, 5e-324, 1.0],
    [-1e300, 1e-300, 5.0],
    [1.7e9, 1.7e9 + 0.25, 1.7e9 + 1e-6],
]


def _around(random: np.random.Generator, center: NDArray[np.float32], count: int, far: float) -> NDArray[np.float32]:
    rows = center + far * unit_rows(random, count)
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), np.float32)


def refuses(database: Database) -> None:
    """Hold a database that cannot be reached to its one error."""
    asks: list[Callable[[], Any]] = [
        database.collections,
        lambda: database.create("s1", STATE),
        lambda: database.write("s1", [made("x")]),
        lambda: database.nearest("s1", NearestQuery(made("x").embeddings[0], 3)),
        lambda: database.count("s1", EVERYTHING),
        lambda: list(database.states("s1")),
        lambda: database.pointed("live"),
        lambda: database.drop("s1"),
    ]
    for ask in asks:
        with pytest.raises(EngineUnavailableError) as raised:
            ask()
        assert not isinstance(raised.value, MissingCollectionError)
        assert "secret" not in raised.value.detail
