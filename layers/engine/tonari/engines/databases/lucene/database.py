"""What OpenSearch and Elasticsearch do alike: a collection is an index, an item a document, its views nested in it.

The version of a document is the generation of its record, given from outside: the engine itself then refuses an older
one. A tombstone is a document without anything to be found by. What is recorded of a collection stands in its mapping.
"""

from __future__ import annotations

import functools
from collections.abc import Collection, Iterator, Sequence
from typing import Any

from tonari.contract.database import (
    CollectionState,
    Counts,
    FoundRecord,
    Limits,
    NearestQuery,
    Record,
    RecordState,
    SortedRecord,
    Tombstone,
)
from tonari.contract.engine import SearchedWords, SortQuery, Spread, Values
from tonari.contract.filter_tree import EVERYTHING, Range
from tonari.engines.databases.lucene.documents import (
    FOUND,
    GENERATION,
    NAME,
    PACKED,
    STATE,
    VIEWS,
    Document,
    found_record,
    record_of,
    record_state,
)
from tonari.engines.databases.lucene.filters import DELETED, ID, Query
from tonari.engines.databases.lucene.http import Http, error_of
from tonari.engines.databases.lucene.indices import MOST, MOST_IDS, Dialect, Indices, nested_body, written
from tonari.engines.databases.lucene.questions import Questions, hold, whole
from tonari.engines.databases.lucene.writes import bulks, write_bulk
from tonari.errors import EngineUnavailableError, MissingCollectionError

COMPARED = 2_000_000
BATCH = 5_000
"""After so many items that were written the index is refreshed, which makes one more segment of it."""
READ_AT_ONCE = 500
STATES_AT_ONCE = 5_000


class LuceneDatabase:
    """A :class:`~tonari.contract.database.Database` of one deployment.

    Parameters
    ----------
    prefix
        What the names of its indices and aliases begin with.
    """

    def __init__(self, http: Http, dialect: Dialect, prefix: str) -> None:
        self._http, self._dialect = http, dialect
        self._indices = Indices(http, prefix, functools.partial(nested_body, dialect), dialect.most_dimensions)

    @property
    def limits(self) -> Limits:
        """How much is answered at once."""
        return Limits(found=MOST, exact=MOST, compared=COMPARED, ids=MOST_IDS, batch=BATCH)

    def collections(self) -> dict[str, CollectionState]:
        """Name the collections, each with what is recorded of it."""
        return self._indices.all()

    def create(self, name: str, state: CollectionState) -> None:
        """Make an empty collection; one that is there stays as it is."""
        self._indices.create(name, state)

    def record(self, name: str, state: CollectionState) -> None:
        """Record a collection's new state."""
        self._indices.record(name, state)

    def drop(self, name: str) -> None:
        """Delete a collection; one that is not there is no error."""
        self._indices.drop(name)

    def point(self, alias: str, name: str) -> None:
        """Let an alias name a collection, in one step, instead of the one it named before."""
        self._indices.point(alias, name)

    def pointed(self, alias: str) -> str | None:
        """Tell which collection an alias names."""
        return self._indices.pointed(alias)

    def write(self, name: str, records: Sequence[Record | Tombstone]) -> None:
        """Write items, each whole, and make them seen; older ones than those there are passed over."""
        if not records:
            return
        fields = self._indices.fields(name)
        for lines in bulks(records, fields, self._dialect.vectors):
            write_bulk(self._http, written(self._indices.path(name)), lines)
        self._http.ask("POST", f"/{self._indices.path(name)}/_refresh")

    def nearest(self, name: str, query: NearestQuery) -> list[FoundRecord]:
        """Find the items nearest to a vector."""
        if query.k <= 0:
            return []
        hold(self._dialect.name, query.k)
        questions = self._questions(name)
        within = None if query.within == EVERYTHING else questions.among(query.within)
        nested = {
            "path": VIEWS,
            "score_mode": "max",
            "query": self._dialect.nearest(query.vector, query.k, within, exact=query.exact),
            "inner_hits": {"size": 1, "_source": [f"{VIEWS}.{NAME}", f"{VIEWS}.{PACKED}"]},
        }
        narrowed = [within] if within is not None and query.exact else []
        body = {
            "size": query.k,
            "_source": FOUND,
            "query": {"bool": {"must": [{"nested": nested}], "filter": narrowed}},
        }
        hits = questions.hits(body)
        found = [found_record(hit, query.vector, embedding=query.embeddings) for hit in hits]
        return sorted(found, key=lambda one: -one.score)

    def worded(self, name: str, terms: Sequence[str], k: int, within: Range) -> list[FoundRecord]:
        """Find the items that have at least one of some terms, the first 256, by descending BM25."""
        return self._questions(name).worded(terms, k, within)

    def words(self) -> SearchedWords | None:
        """Words can always be searched."""
        return None

    def sorted(self, name: str, query: SortQuery) -> list[SortedRecord]:
        """Give the first items of an order."""
        return self._questions(name).sorted(query)

    def read(self, name: str, ids: Sequence[str]) -> list[Record]:
        """Read items; those that do not exist, or were deleted, are left out."""
        fields, wanted = self._indices.fields(name), list(dict.fromkeys(ids))
        found: list[Record] = []
        for start in range(0, len(wanted), READ_AT_ONCE):
            said = self._http.ask(
                "POST", f"/{self._indices.path(name)}/_mget", {"ids": wanted[start : start + READ_AT_ONCE]}
            )
            for one in said["docs"]:
                if "error" in one:
                    self._raise(name, one["error"])
                if one.get("found") and not one["_source"][DELETED]:
                    found.append(record_of(one["_source"], fields))
        return found

    def count(self, name: str, within: Range) -> Counts:
        """Count the items in range and their views."""
        return self._questions(name).count(within)

    def values(self, name: str, fields: Collection[str], within: Range, most: int | None) -> dict[str, Values | Spread]:
        """Count the values of fields."""
        return self._questions(name).values(fields, within, most)

    def states(self, name: str, *, since: int = 0) -> Iterator[RecordState]:
        """Give what the collection holds, tombstones too."""
        questions, last = self._questions(name), list[str]()
        while True:
            query: Query = {"range": {GENERATION: {"gte": since}}}
            body = {
                "size": STATES_AT_ONCE,
                "_source": False,
                "docvalue_fields": [ID, GENERATION, STATE],
                "query": query,
                "sort": [{ID: {"order": "asc"}}],
                **({"search_after": last} if last else {}),
            }
            hits = questions.hits(body)
            yield from map(record_state, hits)
            if len(hits) < STATES_AT_ONCE:
                return
            last = hits[-1]["sort"]

    def close(self) -> None:
        """Give back connections."""
        self._http.close()

    def _questions(self, name: str) -> Questions:
        return Questions(self._dialect.name, functools.partial(self._search, name), self._indices.fields(name))

    def _search(self, name: str, body: Document) -> Document:
        path = f"/{self._indices.path(name)}/_search?allow_partial_search_results=false"
        return whole(self._http.ask("POST", path, body), self._dialect.name, name)

    def _raise(self, name: str, cause: Any) -> None:
        kind, reason = error_of(cause)
        if kind == "index_not_found_exception":
            raise MissingCollectionError(f"{self._dialect.name} holds no collection {name}.")
        raise EngineUnavailableError(f"{self._dialect.name} cannot read {name}: {kind} {reason}")
