"""Records written to an index by bulk requests."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec

from tonari.contract.database import Record, Tombstone
from tonari.engines.databases.lucene.documents import document_of
from tonari.engines.databases.lucene.filters import Fields
from tonari.engines.databases.lucene.http import Http, error_of
from tonari.errors import EngineUnavailableError, MissingCollectionError

MOST_BYTES = 4_000_000
"""Of one request."""
TRIES = 4
REFUSED = 300
CONFLICT, TOO_MANY, UNAVAILABLE = 409, 429, 503


def bulks(records: Sequence[Record | Tombstone], fields: Fields, vectors: Sequence[str]) -> Iterator[bytes]:
    """Give bulk requests that write records, each below some 4 MB unless one record is larger.

    Parameters
    ----------
    vectors
        Names of the forms in which an embedding is in the index.
    """
    lines: list[bytes] = []
    size = 0
    for record in records:
        action = {"_id": record.id, "version": record.generation, "version_type": "external_gte"}
        document = document_of(record, fields, vectors)
        line = b"%s\n%s\n" % (msgspec.json.encode({"index": action}), msgspec.json.encode(document))
        if lines and size + len(line) > MOST_BYTES:
            yield b"".join(lines)
            lines, size = [], 0
        lines.append(line)
        size += len(line)
    yield b"".join(lines)


def write_bulk(http: Http, alias: str, lines: bytes) -> None:
    """Send a bulk request; by an alias, as the index itself would be made anew if it has been dropped.

    Raises
    ------
    EngineUnavailableError
        If not all of it was written; what was is as it should be, and all of it may be sent again.
    MissingCollectionError
        If there is no such alias.
    """
    path = f"/{alias}/_bulk?require_alias=true&filter_path=errors,items.*.status,items.*.error"
    for number in range(1, TRIES + 1):
        said = http.ask("POST", path, lines)
        failed = [one["index"] for one in said.get("items", ()) if one["index"]["status"] >= REFUSED]
        failed = [one for one in failed if one["status"] != CONFLICT]
        if not failed:
            return
        status = failed[0]["status"]
        kind, reason = error_of(failed[0].get("error"))
        if kind == "index_not_found_exception":
            raise MissingCollectionError(f"{http.name} holds nothing to write to by the alias {alias}.")
        if number == TRIES or status not in (TOO_MANY, UNAVAILABLE):
            raise EngineUnavailableError(
                f"{http.name} did not write {len(failed)} records, the first with status {status}: {kind} {reason}"
            )
