"""Which of several records of an item is written, where one write names an item more than once."""

from __future__ import annotations

from collections.abc import Iterable

from tonari.contract.database import Record, Tombstone
from tonari.errors import UnsupportedByEngineError


def latest(records: Iterable[Record | Tombstone], engine: str, most_views: int) -> dict[str, Record | Tombstone]:
    """Keep of each item the record of the greatest generation, of equals the last, by id.

    Parameters
    ----------
    engine
        Its name, for messages.
    most_views
        So many views of an item it keeps.

    Raises
    ------
    UnsupportedByEngineError
        If a record has more.
    """
    kept: dict[str, Record | Tombstone] = {}
    for record in records:
        there = kept.get(record.id)
        if there is None or there.generation <= record.generation:
            kept[record.id] = record
        if isinstance(record, Record) and len(record.views) > most_views:
            raise UnsupportedByEngineError(
                f"{engine} keeps at most {most_views:,} views of an item; {record.id!r:.80} has more: leave some out."
            )
    return kept
