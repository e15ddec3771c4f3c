"""How records are written to Milvus, which has no conditional write.

A write adds rows under keys of its own, waits until every reader sees them, reads all rows of its items, and deletes
those that are not the newest of their item. Of two writers at once, the one that reads last sees the rows of both, and
deletes the older ones: an older generation never wins, whoever comes first. While a write is under way, or after it
broke off, old and new rows of an item lie side by side. Answers then keep the newest of those they meet; counts may
count both. The next write of the item heals it.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

from tonari.contract.database import Record, Tombstone
from tonari.engines.databases.latest import latest
from tonari.engines.databases.milvus.client import Client
from tonari.engines.databases.milvus.columns import Column
from tonari.engines.databases.milvus.filters import texts
from tonari.engines.databases.milvus.rows import MOST_PLACES, VERSION, newest, rows_of, version
from tonari.errors import EngineUnavailableError

One = TypeVar("One")
MOST_BYTES = 16_000_000
"""Of rows sent at once; a message of Milvus holds 64 MB."""
IDS = 2_000
"""Items whose rows are read at once."""
KEYS = 2_000
"""Rows deleted at once."""
TRIES = 5


def write(
    client: Client, name: str, records: Sequence[Record | Tombstone], columns: Mapping[str, Column], dimensions: int
) -> None:
    """Write records, each in the place of one of the same generation or an older one.

    Raises
    ------
    EngineUnavailableError
        If another program writes other records of the same generation all the while.
    UnsupportedByEngineError
        If a record has too many views.
    """
    left, stamp = latest(records, "Milvus", MOST_PLACES), time.time_ns()
    for _ in range(TRIES):
        _insert(client, name, left.values(), stamp, columns, dimensions)
        ahead = _clear(client, name, left)
        beaten = {one: row for one, row in ahead.items() if row["stamp"] > stamp}
        left = {one: left[one] for one, row in beaten.items() if row["generation"] == left[one].generation}
        if not left:
            return
        stamp = max(beaten[one]["stamp"] for one in left) + 1  # of a clock that is ahead of this one
    raise EngineUnavailableError(
        f"Another program wrote other records of generation {next(iter(left.values())).generation} into Milvus "
        f"{TRIES} times in a row: stop it, and try again."
    )


def in_batches(values: Sequence[One], size: int) -> Iterator[Sequence[One]]:
    """Cut a sequence into pieces."""
    return (values[start : start + size] for start in range(0, len(values), size))


def _insert(
    client: Client,
    name: str,
    records: Iterable[Record | Tombstone],
    stamp: int,
    columns: Mapping[str, Column],
    dimensions: int,
) -> None:
    rows: list[dict[str, Any]] = []
    size = 0
    for record in records:
        for row in rows_of(record, stamp, columns, dimensions):
            rows.append(row)
            size += 4 * dimensions + 4 * len(row["document"]) + 2_000
            if size > MOST_BYTES:
                client.insert(name, rows)
                rows, size = [], 0
    if rows:
        client.insert(name, rows)


def _clear(client: Client, name: str, written: Mapping[str, Record | Tombstone]) -> dict[str, Mapping[str, Any]]:
    """Delete all rows of some items but those of their newest write; give one row of that by item."""
    client.settle(name)
    ahead: dict[str, Mapping[str, Any]] = {}
    old: list[str] = []
    for ids in in_batches(list(written), IDS):
        rows = list(client.rows(name, f"item in {texts(ids)}", (*VERSION, "key")))
        kept = {one: found[0] for one, found in newest(rows).items()}
        old += [row["key"] for row in rows if version(row) < version(kept[row["item"]])]
        ahead |= kept
    for keys in in_batches(old, KEYS):
        client.delete(name, f"key in {texts(keys)}")
    if old:
        client.settle(name)
    return ahead
