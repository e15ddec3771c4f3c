"""Collections of Amazon OpenSearch Serverless, of type VECTORSEARCH: an index of rows for each snapshot.

What AWS's pages say of them [Working with vector search collections; Supported operations and plugins in Amazon
OpenSearch Serverless; Choosing a collection type] leaves no ids of ours, no scripts, no refresh and no graph but that
of faiss, and shows what was written after up to a minute. So rows are added and never changed, and a write waits.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from urllib.parse import urlsplit

from tonari.contract.database import (
    Access,
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
from tonari.contract.filter_tree import Range
from tonari.engines.databases.lucene.documents import FOUND
from tonari.engines.databases.lucene.http import Http, RefusedError
from tonari.engines.databases.lucene.indices import MOST, NOT_FOUND, Indices
from tonari.engines.databases.lucene.questions import Questions
from tonari.engines.databases.serverless.index import PATIENCE, Index
from tonari.engines.databases.serverless.reading import COMPARED, Reader, newest_hits
from tonari.engines.databases.serverless.rows import ITEMS, STAMP, body_of, is_made_by_rows
from tonari.engines.databases.serverless.writes import write
from tonari.errors import MissingCollectionError, SettingError

NAME = "OpenSearch Serverless"
SERVICE = "aoss"
"""For which requests are signed."""
LIMITS = Limits(found=MOST, exact=COMPARED, compared=COMPARED, ids=50_000, batch=20_000)
"""A query names 65,536 terms at most, as the setting ``index.max_terms_count`` is not ours to change."""
MOST_DIMENSIONS = 16_000
TRIES = 3


def connect(access: Access) -> ServerlessDatabase:
    """Connect to a collection, whose URL has no path; nothing is asked yet.

    Raises
    ------
    SettingError
        If the region is missing, which every signature names.
    """
    if not access.region:
        raise SettingError(
            f"{NAME} takes signed requests only, and these name a region: give EngineRegion (TONARI_ENGINE_REGION), "
            f"such as {_region_of(access.url) or 'us-east-1'}."
        )
    from tonari.engines.databases.lucene.signed import Signer  # noqa: PLC0415 - others do not wait for botocore

    return ServerlessDatabase(Http(NAME, access, sign=Signer(access.region, SERVICE).headers), access.prefix)


class ServerlessDatabase:
    """A :class:`~tonari.contract.database.Database` of one deployment.

    Parameters
    ----------
    prefix
        What the names of its indices and aliases begin with.
    patience
        Seconds until what was written has to be seen.
    """

    def __init__(self, http: Http, prefix: str, patience: float = PATIENCE) -> None:
        self._http, self._patience = http, patience
        self._indices = Indices(http, prefix, body_of, MOST_DIMENSIONS, listed="")

    @property
    def limits(self) -> Limits:
        """How much is answered at once."""
        return LIMITS

    # collections and aliases

    def collections(self) -> dict[str, CollectionState]:
        """Name the collections, each with what is recorded of it."""
        return self._indices.all()

    def create(self, name: str, state: CollectionState) -> None:
        """Make an empty collection, and wait until it can be asked; one that is there stays as it is.

        An index that a late write made in the place of a dropped one is made anew.
        """
        self._indices.create(name, state)
        try:
            self._demand(name)
        except MissingCollectionError:
            self._indices.create(name, state)
        self._index(name).wait(lambda: self._answers(name), "cannot be asked")

    def record(self, name: str, state: CollectionState) -> None:
        """Record a collection's new state."""
        self._indices.record(name, state)

    def drop(self, name: str) -> None:
        """Delete a collection; one that is not there is no error."""
        self._indices.drop(name)

    def point(self, alias: str, name: str) -> None:
        """Let an alias name a collection, in one step, instead of the one it named before."""
        own, add = self._indices.path(alias), {"index": self._indices.path(name), "alias": self._indices.path(alias)}
        for number in range(1, TRIES + 1):
            others = [index for index in self._named(own) if index != add["index"]]
            actions = [{"remove": {"index": index, "alias": own}} for index in others]
            try:
                self._http.ask("POST", "/_aliases", {"actions": [*actions, {"add": add}]})
            except RefusedError as error:  # another one has pointed it elsewhere meanwhile
                if error.status_there != NOT_FOUND or number == TRIES:
                    raise
            except MissingCollectionError:
                self._indices.forget(name)
                self._indices.fields(name)
                if number == TRIES:
                    raise
            else:
                return

    def pointed(self, alias: str) -> str | None:
        """Tell which collection an alias names."""
        return self._indices.pointed(alias)

    # writing and reading

    def write(self, name: str, records: Sequence[Record | Tombstone]) -> None:
        """Write items, each whole, as :mod:`tonari.engines.databases.serverless.writes` says: in a minute or two."""
        fields = self._indices.fields(name)
        if records:
            write(self._index(name), records, fields, lambda: self._demand(name))

    def read(self, name: str, ids: Sequence[str]) -> list[Record]:
        """Read items; those that do not exist, or were deleted, are left out."""
        return self._reader(name).read(ids)

    def states(self, name: str, *, since: int = 0) -> Iterator[RecordState]:
        """Give what the collection holds, tombstones too: records of this generation and newer ones, by ascending id.

        The state of an item whose write is under way, or broke off, is an empty text.
        """
        yield from self._reader(name).states(since)

    # asking

    def nearest(self, name: str, query: NearestQuery) -> list[FoundRecord]:
        """Find the items nearest to a vector; exactly after reading the embeddings of all in range."""
        reader = self._reader(name)
        if query.k <= 0:
            return []
        return reader.compared(query) if query.exact else reader.near(query)

    def worded(self, name: str, terms: Sequence[str], k: int, within: Range) -> list[FoundRecord]:
        """Find the items that have at least one of some terms, the first 256, by descending BM25."""
        return self._questions(name).worded(terms, k, within)

    def words(self) -> SearchedWords | None:
        """Words can always be searched."""
        return None

    def sorted(self, name: str, query: SortQuery) -> list[SortedRecord]:
        """Give the first items of an order."""
        return self._questions(name).sorted(query)

    def count(self, name: str, within: Range) -> Counts:
        """Count the items in range and their views."""
        return self._questions(name).count(within)

    def values(self, name: str, fields: Collection[str], within: Range, most: int | None) -> dict[str, Values | Spread]:
        """Count the values of fields."""
        return self._questions(name).values(fields, within, most)

    def close(self) -> None:
        """Give back connections."""
        self._http.close()

    # how

    def _index(self, name: str) -> Index:
        return Index(self._http, self._indices.path(name), self._patience)

    def _reader(self, name: str) -> Reader:
        return Reader(NAME, self._index(name), self._indices.fields(name))

    def _questions(self, name: str) -> Questions:
        search, fields = self._index(name).search, self._indices.fields(name)
        return Questions(NAME, search, fields, ITEMS, (*FOUND, STAMP), newest_hits)

    def _named(self, alias: str) -> list[str]:
        try:
            return list(self._http.ask("GET", f"/_alias/{alias}"))
        except RefusedError as error:
            if error.status_there != NOT_FOUND:
                raise
            return []

    def _answers(self, name: str) -> bool:
        self._indices.forget(name)
        try:
            self._indices.fields(name)
            self._index(name).count({"match_all": {}})
        except MissingCollectionError:
            return False
        return True

    def _demand(self, name: str) -> None:
        """Make sure that an index is a collection, and not one that rows of a dropped collection have made.

        Raises
        ------
        MissingCollectionError
            If it is none; one that rows have made is deleted.
        """
        self._indices.forget(name)
        try:
            self._indices.fields(name)
        except MissingCollectionError:
            made = self._http.ask("GET", f"/{self._indices.path(name)}/_mapping")
            if all(is_made_by_rows(about["mappings"]) for about in made.values()):
                self._indices.drop(name)
            raise


def _region_of(url: str) -> str:
    """Give the region that the host of a collection names; empty if it names none."""
    parts = (urlsplit(url).hostname or "").split(".")
    return parts[parts.index(SERVICE) - 1] if SERVICE in parts[1:] else ""
