"""Collections as indices of OpenSearch or Elasticsearch, and aliases; what is recorded of one stands in its mapping."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol
from urllib.parse import quote

import msgspec
import numpy as np
from numpy.typing import NDArray

from tonari.contract.database import CollectionState
from tonari.contract.forms import decode
from tonari.engines.databases.lucene.documents import ANALYSER, VIEWS, properties
from tonari.engines.databases.lucene.filters import Fields, Query
from tonari.engines.databases.lucene.http import Http, RefusedError
from tonari.errors import CorruptArtefactError, MissingCollectionError, UnsupportedByEngineError

MOST = 10_000
"""So many hits one search gives (``index.max_result_window``)."""
NEIGHBOURS, CONSTRUCTION = 16, 200
"""Of a graph [Malkov, Yashunin, HNSW, TPAMI 42(4), 2020]: M, and candidates while it is built."""
LEAST_CANDIDATES, CANDIDATES = 200, 4
MOST_IDS = 131_072
"""So many terms one query may name (``index.max_terms_count``)."""
SHARD_BYTES = 30e9
"""Of embeddings in one shard: both engines advise against shards of more than some 50 GB."""
NOT_FOUND = 404
META = "tonari"
STEMMING = {
    "analyzer": {ANALYSER: {"type": "custom", "tokenizer": "whitespace", "filter": ["stems"]}},
    "filter": {"stems": {"type": "stemmer", "language": "porter2"}},
}
WHITESPACE = "whitespace"
"""The analyser of every engine, also of one without the module for stems."""


class Dialect(Protocol):
    """In what the two engines differ."""

    @property
    def name(self) -> str:
        """Of the engine, for messages."""
        ...

    @property
    def vectors(self) -> tuple[str, ...]:
        """Names of the forms in which an embedding is in the index."""
        ...

    @property
    def most_dimensions(self) -> int:
        """So many dimensions an embedding may have."""
        ...

    @property
    def settings(self) -> Mapping[str, Any]:
        """Settings of an index beside those that both have."""
        ...

    def mapping(self, dimensions: int) -> dict[str, Any]:
        """Give the mapping of each form of an embedding."""
        ...

    def nearest(self, vector: NDArray[np.float32], k: int, within: Query | None, *, exact: bool) -> Query:
        """Give the query among nested views for those nearest to a vector."""
        ...


@dataclass(frozen=True, slots=True)
class _Meta:
    prefix: str
    state: CollectionState


Body = Callable[[str, CollectionState, str, Mapping[str, Any]], dict[str, Any]]
"""Gives settings and mapping of an index by its name, the collection's state, the analyser of its words, and what
defines that analyser."""


class Indices:
    """The indices of one deployment.

    Parameters
    ----------
    prefix
        What the names of its indices and aliases begin with.
    body
        What an index is made of.
    most_dimensions
        So many dimensions an embedding may have.
    listed
        What of a mapping is asked for when all are listed, as parameters of the request.
    """

    def __init__(
        self, http: Http, prefix: str, body: Body, most_dimensions: int, listed: str = "?filter_path=*.mappings._meta"
    ) -> None:
        self._http, self._prefix, self._body = http, prefix, body
        self._most_dimensions, self._listed = most_dimensions, listed
        self._known: dict[str, Fields] = {}

    def all(self) -> dict[str, CollectionState]:
        """Name the collections, each with what is recorded of it."""
        try:
            said = self._http.ask("GET", f"/{self._prefix}_*/_mapping{self._listed}")
        except MissingCollectionError:
            return {}
        found = ((index, _meta(about["mappings"].get("_meta"))) for index, about in said.items())
        return {
            index.removeprefix(f"{self._prefix}_"): meta.state
            for index, meta in found
            if meta is not None and meta.prefix == self._prefix
        }

    def create(self, name: str, state: CollectionState) -> None:
        """Make an empty collection; one that is there stays as it is."""
        if state.dimensions > self._most_dimensions:
            raise UnsupportedByEngineError(
                f"{self._http.name} takes embeddings of at most {self._most_dimensions:,} dimensions, these have "
                f"{state.dimensions:,}: choose an encoder that gives fewer."
            )
        try:
            self._create(name, state, ANALYSER, STEMMING)
        except RefusedError as error:
            if "[stemmer]" not in error.reason:
                raise
            self._create(name, state, WHITESPACE, {})

    def _create(self, name: str, state: CollectionState, analyser: str, analysis: Mapping[str, Any]) -> None:
        body = self._body(self.path(name), state, analyser, analysis)
        body["mappings"]["_meta"] = self._meta_of(state)
        try:
            self._http.ask("PUT", f"/{self.path(name)}", body)
        except RefusedError as error:
            if error.kind != "resource_already_exists_exception":
                raise

    def record(self, name: str, state: CollectionState) -> None:
        """Record a collection's new state."""
        self._http.ask("PUT", f"/{self.path(name)}/_mapping", {"_meta": self._meta_of(state)})

    def drop(self, name: str) -> None:
        """Delete a collection; one that is not there is no error."""
        self.forget(name)
        try:
            self._http.ask("DELETE", f"/{self.path(name)}")
        except MissingCollectionError:
            return

    def point(self, alias: str, name: str) -> None:
        """Let an alias name a collection, in one step, instead of the one it named before."""
        own = self.path(alias)
        actions = [
            {"remove": {"index": f"{self._prefix}_*", "alias": own, "must_exist": False}},
            {"add": {"index": self.path(name), "alias": own}},
        ]
        self._http.ask("POST", "/_aliases", {"actions": actions})

    def pointed(self, alias: str) -> str | None:
        """Tell which collection an alias names."""
        try:
            said = self._http.ask("GET", f"/_alias/{self.path(alias)}")
        except RefusedError as error:
            if error.status_there != 404:
                raise
            return None
        return next((index.removeprefix(f"{self._prefix}_") for index in said), None)

    def fields(self, name: str) -> Fields:
        """Give the fields of a collection, which never change; raises MissingCollectionError if there is none."""
        known = self._known.get(name)
        if known is None:
            said = self._http.ask("GET", f"/{self.path(name)}/_mapping")
            meta = next((_meta(about["mappings"].get("_meta")) for about in said.values()), None)
            if meta is None or meta.prefix != self._prefix:
                raise MissingCollectionError(f"{self._http.name} holds no collection {name} of this deployment.")
            known = self._known[name] = Fields(meta.state.types)
        return known

    def forget(self, name: str) -> None:
        """Ask anew when the fields of a collection are wanted next."""
        self._known.pop(name, None)

    def _meta_of(self, state: CollectionState) -> dict[str, Any]:
        return {META: {"prefix": self._prefix, "state": msgspec.json.encode(state).decode()}}

    def path(self, name: str) -> str:
        """Give the name of a collection's index."""
        return quote(f"{self._prefix}_{name}", safe="")


def nested_body(
    dialect: Dialect, index: str, state: CollectionState, analyser: str, analysis: Mapping[str, Any]
) -> dict[str, Any]:
    """Give settings and mapping of an index whose documents have their views nested in them, and its alias."""
    settings = {
        "number_of_shards": shards_of(state),
        "auto_expand_replicas": "0-1",
        "refresh_interval": "-1",
        "max_terms_count": MOST_IDS,
        **dialect.settings,
    }
    mappings = {
        "dynamic": False,
        "_source": {"excludes": [f"{VIEWS}.{form}" for form in dialect.vectors]},
        "properties": properties(Fields(state.types), dialect.mapping(state.dimensions), analyser),
    }
    return {
        "settings": {"index": settings, "analysis": analysis},
        "mappings": mappings,
        "aliases": {written(index): {}},
    }


def written(index: str) -> str:
    """Give the alias by which an index is written: without it no index is made anew."""
    return f"{index}_written"


def candidates(k: int) -> int:
    """Say how many views are kept while a graph is walked for ``k`` items."""
    return min(MOST, max(LEAST_CANDIDATES, CANDIDATES * k))


def shards_of(state: CollectionState) -> int:
    """Say into how many shards a collection is parted."""
    return max(1, math.ceil(state.views * state.dimensions * 4 / SHARD_BYTES))


def _meta(said: Any) -> _Meta | None:
    """Read what is recorded of a collection; None if the index is none of tonari's."""
    try:
        return _Meta(said[META]["prefix"], decode(said[META]["state"].encode(), CollectionState, META))
    except (KeyError, TypeError, AttributeError, CorruptArtefactError):
        return None
