from __future__ import annotations

import secrets
from typing import Any

import numpy as np
import pytest

from tonari.contract.database import Record, RecordState, Tombstone
from tonari.contract.engine import FieldType
from tonari.engines.databases.milvus.columns import MOST_FIELDS, MOST_LISTED, columns_of
from tonari.engines.databases.milvus.rows import from_id, newest, record_of, record_state, rows_of, states_in
from tonari.errors import UnsupportedByEngineError

TYPES: dict[str, FieldType] = {
    "brand": "string",
    "price": "number",
    "new": "boolean",
    "since": "date",
    "tags": "strings",
}
COLUMNS = columns_of(TYPES)
LONG = secrets.token_hex(150_000)


def record(name: str = "one", generation: int = 3, views: int = 2, document: str = "{}", **fields: Any) -> Record:
    rows = np.eye(4, dtype=np.float32)[:views]
    return Record(name, generation, "state", fields, document, (), tuple(f"{one}.jpg" for one in range(views)), rows)


@pytest.mark.parametrize(
    "made",
    [
        record(),
        record(views=0),
        record(brand="", price=-0.5, new=False, since=1.7e9, tags=("", "a")),
        record(brand=LONG, tags=(LONG, "x")),
        record(document=LONG),
        record(document=LONG, views=0, brand=LONG[:100_000]),
    ],
    ids=["plain", "no view", "fields", "long text", "long document", "both"],
)
def test_a_record_comes_back(made: Record) -> None:
    rows = rows_of(made, 7, COLUMNS, 4)

    here = record_of(rows[::-1], COLUMNS)

    assert here is not None
    assert (here.id, here.generation, here.state) == (made.id, made.generation, made.state)
    assert (here.fields, here.document, here.views) == (made.fields, made.document, made.views)
    np.testing.assert_array_equal(here.embeddings, made.embeddings.reshape(len(made.views), 4))
    assert all(len(value.encode()) <= 65_535 for row in rows for value in row.values() if isinstance(value, str))
    assert len({row["key"] for row in rows}) == len(rows)
    assert record_state(rows) == RecordState("one", 3, "state")


def test_what_is_left_of_a_torn_write_has_no_state() -> None:
    rows = rows_of(record(document=LONG), 7, COLUMNS, 4)
    assert record_state(rows[1:]) == RecordState("one", 3, "")
    assert record_state(rows[:-1]) == RecordState("one", 3, "")
    assert record_of(rows[:-1], COLUMNS) is None
    torn = record_of(rows_of(record(), 7, COLUMNS, 4)[1:], COLUMNS)
    assert torn is not None
    assert (torn.state, torn.views) == ("", ("1.jpg",))


def test_the_newest_write_counts() -> None:
    old, first, second = (
        rows_of(record(generation=generation, brand=brand), stamp, COLUMNS, 4)
        for generation, stamp, brand in ((2, 90, "old"), (3, 10, "first"), (3, 11, "second"))
    )
    gone = rows_of(Tombstone("two", 5), 1, COLUMNS, 4)
    for rows in ([*old, *first, *second, *gone], [*gone, *second, *first, *old]):
        kept = newest(rows)
        assert {row["f0"] for row in kept["one"]} == {"=second"}
        assert record_of(kept["two"], COLUMNS) is None
    by_key = sorted([*old, *first, *second, *gone], key=lambda row: row["key"])
    assert list(states_in(by_key)) == [RecordState("one", 3, "state"), RecordState("two", 5, None)]


def test_keys_ascend_as_ids_do() -> None:
    names = sorted(["", " ", "a", "a ", "a-", "a1", "aa", "b", "é", "隣", "\U0010ffff"], key=str.encode)
    keys = [rows_of(Tombstone(name, 1), 1, COLUMNS, 4)[0]["key"] for name in names]
    assert keys == sorted(keys)
    for name, key, after in zip(names, keys, keys[1:], strict=False):
        assert key < f"{from_id(name)}/" < after


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(UnsupportedByEngineError, match="at most 53 fields"):
        columns_of({str(number): "number" for number in range(MOST_FIELDS + 1)})
    many = tuple(f"{number:05}" for number in range(MOST_LISTED + 1))
    with pytest.raises(UnsupportedByEngineError, match="texts of one list"):
        rows_of(record(tags=many), 1, COLUMNS, 4)
