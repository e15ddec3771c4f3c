"""How records are written to OpenSearch Serverless, which has neither ids of ours nor conditional writes.

A write adds rows, waits until they are seen, reads all rows of its items, deletes those that are not of the newest
write of their item, and waits until that is seen too. Of two writers at once, the one that reads last sees the rows of
both, and deletes the older ones: an older generation never wins, whoever comes first. While a write is under way, or
after it broke off, old and new rows of an item lie side by side, and its state is an empty text; counts may then count
both. The next write of the item heals it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import chain

from tonari.contract.database import Record, Tombstone
from tonari.engines.databases.latest import latest
from tonari.engines.databases.lucene.filters import ID, Fields
from tonari.engines.databases.serverless.index import Index
from tonari.engines.databases.serverless.rows import STAMP, Row, is_whole, newest, rows_of
from tonari.errors import EngineUnavailableError

MOST_VIEWS = 3_000
"""Of an item: a search gives 10,000 rows, and all of an item's are read at once, older ones too."""
IDS = 2_000
"""Items whose rows are read at once."""
TRIES = 5
LOOK_AFTER = 5
"""Where so many counts do not change, rows are read: another writer may have deleted those that are waited for."""


def write(
    index: Index, records: Sequence[Record | Tombstone], fields: Fields, check: Callable[[], object] = lambda: None
) -> None:
    """Write records, each in the place of one of the same generation or an older one.

    Parameters
    ----------
    check
        Called when rows have been added; raises if the index is not the one it should be.

    Raises
    ------
    EngineUnavailableError
        If rows are not seen in time, or another program writes other records of the same generation all the while.
    UnsupportedByEngineError
        If a record has too many views.
    """
    left, stamp = latest(records, "OpenSearch Serverless", MOST_VIEWS), time.time_ns()
    for _ in range(TRIES):
        added = index.append(chain.from_iterable(rows_of(record, stamp, fields) for record in left.values()))
        check()
        there = _seen(index, left, stamp, added)
        kept = {item: newest(rows) for item, rows in there.items()}
        stay = {row.key for own in kept.values() for row in own}
        old = [row.key for rows in there.values() for row in rows if row.key not in stay]
        if old:
            index.remove(old)
        beaten = {item: own[0] for item, own in kept.items() if own[0].stamp > stamp}
        left = {item: left[item] for item, row in beaten.items() if row.generation == left[item].generation}
        if not left:
            return
        stamp = max(beaten[item].stamp for item in left) + 1  # of a clock that is ahead of this one
    raise EngineUnavailableError(
        f"Another program wrote other records of generation {next(iter(left.values())).generation} into OpenSearch "
        f"Serverless {TRIES} times in a row: stop it, and try again."
    )


def rows_by_item(index: Index, items: Sequence[str]) -> Iterator[list[Row]]:
    """Read what tells the rows of some items apart."""
    for start in range(0, len(items), IDS):
        some = list(items[start : start + IDS])
        yield from ([row for row, _ in hits] for hits in index.items({"terms": {ID: some}}))


def _seen(index: Index, written: Mapping[str, Record | Tombstone], stamp: int, added: int) -> dict[str, list[Row]]:
    """Wait until the rows of a write are seen, or newer ones of their items; give all rows of these, by item."""
    counts: list[int] = []
    there: dict[str, list[Row]] = {}
    is_so = False

    def all_are_seen() -> bool:
        nonlocal is_so
        counts.append(index.count({"term": {STAMP: stamp}}))
        stopped = len(counts) % LOOK_AFTER == 0 and len({*counts[-LOOK_AFTER:]}) == 1
        if not (counts[-1] >= added or stopped or is_so):
            return False
        there.clear()
        there.update((rows[0].item, rows) for rows in rows_by_item(index, list(written)))
        is_so = all(_is_settled(there.get(item, ()), (one.generation, stamp)) for item, one in written.items())
        return is_so

    index.wait(all_are_seen, "does not show what was written")
    return there


def _is_settled(rows: Sequence[Row], version: tuple[int, int]) -> bool:
    """Tell whether the rows of a write are all among those of an item, or newer ones."""
    if not rows:
        return False
    own = newest(rows)
    return own[0].version > version or (own[0].version == version and is_whole(own))
