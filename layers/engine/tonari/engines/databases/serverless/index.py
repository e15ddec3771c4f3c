"""One index of OpenSearch Serverless: rows that are added, seen after a while, read and deleted."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import groupby
from typing import Any

import msgspec

from tonari.engines.databases.lucene.documents import GENERATION, Document
from tonari.engines.databases.lucene.filters import ID, Query, all_of
from tonari.engines.databases.lucene.http import Http, error_of
from tonari.engines.databases.lucene.indices import MOST
from tonari.engines.databases.lucene.questions import whole
from tonari.engines.databases.lucene.writes import CONFLICT, MOST_BYTES, REFUSED, TOO_MANY, UNAVAILABLE
from tonari.engines.databases.serverless.rows import COLUMNS, PLACE, STAMP, Row, row_of
from tonari.errors import EngineUnavailableError, UnsupportedByEngineError

MOST_REQUEST = 10 * 1024 * 1024
"""Bytes of a request [AWS, Migration Assistant, Limits and considerations: Request payload size]."""
PAGE = 5_000
"""Rows that are read at once without more of them."""
DELETED, READ = 5_000, 500
"""Rows that are deleted at once, and read by their keys."""
NOT_FOUND = 404
TRIES = 4
WAIT = 1.0
"""Seconds before what was put off is sent again; twice as many each further time."""
PATIENCE = 140.0
"""Seconds until what was written has to be seen: AWS names 60, and some wait for two minutes."""
FIRST_POLL, LONGEST_POLL, GROWTH = 0.1, 3.0, 1.5
IN_A_ROW = 2
"""So often all has to be seen, as several copies of an index may answer."""
ORDER: list[Query] = [
    {ID: {"order": "asc"}},
    {GENERATION: {"order": "desc"}},
    {STAMP: {"order": "desc"}},
    {PLACE: {"order": "asc"}},
]

Hit = tuple[Row, Document]
"""A row, and what else was asked for of it."""


class Index:
    """One index.

    Parameters
    ----------
    path
        Its name there.
    patience
        Seconds until what was written has to be seen.
    """

    def __init__(self, http: Http, path: str, patience: float = PATIENCE) -> None:
        self._http, self._path, self._patience = http, path, patience

    def search(self, body: Document) -> Document:
        """Give the answer to a search.

        Raises
        ------
        UnsupportedByEngineError
            If the question is too large.
        """
        self._hold(body)
        return whole(self._http.ask("POST", f"/{self._path}/_search", body), self._http.name, self._path)

    def count(self, query: Query) -> int:
        """Count rows."""
        body = {"query": query}
        self._hold(body)
        return int(whole(self._http.ask("POST", f"/{self._path}/_count", body), self._http.name, self._path)["count"])

    def append(self, rows: Iterator[Document]) -> int:
        """Add rows, and tell how many: a request that was sent twice may have added more."""
        added, size, lines = 0, 0, list[bytes]()
        for row in rows:
            line = b'{"index":{}}\n%s\n' % msgspec.json.encode(row)
            if len(line) > MOST_REQUEST:
                raise UnsupportedByEngineError(
                    f"{self._http.name} takes requests of at most {MOST_REQUEST:,} bytes, and a view of "
                    f"{row[ID]!r:.80} needs {len(line):,}: shorten the item's document."
                )
            if lines and size + len(line) > MOST_BYTES:
                self._bulk(lines)
                size, lines = 0, []
            lines.append(line)
            size, added = size + len(line), added + 1
        if lines:
            self._bulk(lines)
        return added

    def remove(self, keys: Sequence[str]) -> None:
        """Delete rows, and wait until nobody sees them; those that are not there are no error."""
        for start in range(0, len(keys), DELETED):
            some = keys[start : start + DELETED]
            self._bulk([b"%s\n" % msgspec.json.encode({"delete": {"_id": key}}) for key in some])
        self.wait(partial(self._are_gone, keys), "still shows what was deleted")

    def wait(self, is_so: Callable[[], bool], otherwise: str) -> None:
        """Ask until something has been so twice in a row.

        Raises
        ------
        EngineUnavailableError
            If it is not in time; what was written stays, and the next write of its items goes on.
        """
        deadline, pause, seen = time.monotonic() + self._patience, FIRST_POLL, 0
        while True:
            seen = seen + 1 if is_so() else 0
            if seen == IN_A_ROW:
                return
            if time.monotonic() > deadline:
                raise EngineUnavailableError(
                    f"{self._http.name} {otherwise} in {self._path} after {self._patience:.0f} s: try again later."
                )
            time.sleep(FIRST_POLL if seen else pause)
            pause = min(LONGEST_POLL, pause * GROWTH)

    def items(self, query: Query, source: Sequence[str] = (), page: int = PAGE) -> Iterator[list[Hit]]:
        """Give the rows that match, all of an item together, by ascending id in UTF-8.

        Parameters
        ----------
        source
            What else is read of each row.
        page
            How many rows are read at once.
        """
        after: list[Query] = []
        while True:
            hits = self._rows(all_of([query, *after]), source, page)
            groups = [list(group) for _, group in groupby(hits, key=lambda hit: hit[0].item)]
            if len(hits) < page:
                yield from groups
                return
            if len(groups) == 1:  # more rows than a page, some of which may just have been deleted
                own = self._rows(all_of([query, {"term": {ID: hits[0][0].item}}]), source, MOST)
                yield from [own] if own else []
            else:
                groups.pop()
                yield from groups
            after = [{"range": {ID: {"gt": groups[-1][0][0].item}}}]

    def rows(self, query: Query, source: Sequence[str], page: int) -> Iterator[list[Hit]]:
        """Give the rows that match, so many at once."""
        last: dict[str, Any] = {}
        while True:
            body = {**_asked(query, source, page), **last}
            found = self.search(body)["hits"]["hits"]
            yield [(row_of(hit), hit.get("_source", {})) for hit in found]
            if len(found) < page:
                return
            last = {"search_after": found[-1]["sort"]}

    def read(self, keys: Sequence[str], source: Sequence[str]) -> dict[str, Document]:
        """Read rows by their keys."""
        found: dict[str, Document] = {}
        for start in range(0, len(keys), READ):
            some = list(keys[start : start + READ])
            body = {"size": len(some), "_source": list(source), "query": {"ids": {"values": some}}}
            found |= {hit["_id"]: hit["_source"] for hit in self.search(body)["hits"]["hits"]}
        return found

    def _are_gone(self, keys: Sequence[str]) -> bool:
        some = (list(keys[start : start + DELETED]) for start in range(0, len(keys), DELETED))
        return not any(self.count({"ids": {"values": part}}) for part in some)

    def _rows(self, query: Query, source: Sequence[str], page: int) -> list[Hit]:
        hits = self.search(_asked(query, source, page))["hits"]["hits"]
        return [(row_of(hit), hit.get("_source", {})) for hit in hits]

    def _bulk(self, lines: list[bytes]) -> None:
        """Send lines that each say one thing; those that were put off are sent again.

        Raises
        ------
        EngineUnavailableError
            If some are refused.
        """
        for number in range(1, TRIES + 1):
            said = self._http.ask("POST", f"/{self._path}/_bulk", b"".join(lines))
            results = [next(iter(one.items())) for one in said["items"]]
            failed = [
                (line, result)
                for line, (action, result) in zip(lines, results, strict=True)
                if result["status"] >= REFUSED
                and not (action == "delete" and result["status"] in (NOT_FOUND, CONFLICT))
            ]
            if not failed:
                return
            _, first = failed[0]
            if number == TRIES or any(result["status"] not in (TOO_MANY, UNAVAILABLE) for _, result in failed):
                kind, reason = error_of(first.get("error"))
                raise EngineUnavailableError(
                    f"{self._http.name} refused {len(failed)} of {len(lines)} rows, the first with status "
                    f"{first['status']}: {kind} {reason}"
                )
            lines = [line for line, _ in failed]
            time.sleep(WAIT * 2 ** (number - 1))

    def _hold(self, body: Document) -> None:
        size = len(msgspec.json.encode(body))
        if size > MOST_REQUEST:
            raise UnsupportedByEngineError(
                f"{self._http.name} takes requests of at most {MOST_REQUEST:,} bytes, and this one has {size:,}: name "
                "fewer ids."
            )


def _asked(query: Query, source: Sequence[str], page: int) -> Document:
    return {
        "size": page,
        "track_total_hits": False,
        "_source": list(source) or False,
        "docvalue_fields": list(COLUMNS),
        "query": query,
        "sort": ORDER,
    }
