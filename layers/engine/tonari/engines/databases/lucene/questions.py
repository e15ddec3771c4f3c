"""Questions to an index in which one document stands for each item: words, orders, counts, values of fields."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any

from tonari.contract.database import Counts, FoundRecord, SortedRecord
from tonari.contract.engine import Place, SortQuery, Spread, Values
from tonari.contract.filter_tree import Range
from tonari.engines.databases.lucene.documents import (
    COUNT,
    FOUND,
    TERMS,
    Document,
    sorted_record,
    text_of,
    value_of,
    worded_record,
)
from tonari.engines.databases.lucene.filters import Fields, Query, all_of, follows, indexed, living, order_by
from tonari.engines.databases.lucene.indices import MOST
from tonari.engines.databases.lucene.values import count_values
from tonari.errors import EngineUnavailableError, UnsupportedByEngineError

MOST_TERMS = 256


@dataclass(frozen=True, slots=True)
class Questions:
    """Asks one index.

    Parameters
    ----------
    engine
        Its name, for messages.
    search
        Gives the whole answer to the body of a search.
    fields
        Of the collection.
    items
        What a document matches that stands for an item, beside not being deleted; None if all documents do.
    source
        What is read of a document.
    distinct
        Leaves out hits of an item of which a newer one is among them.
    """

    engine: str
    search: Callable[[Document], Document]
    fields: Fields
    items: Query | None = None
    source: Sequence[str] = tuple(FOUND)
    distinct: Callable[[list[Document]], list[Document]] = list

    def worded(self, terms: Sequence[str], k: int, within: Range) -> list[FoundRecord]:
        """Find the items that have at least one of some terms, the first 256, by descending BM25."""
        wanted = text_of(terms[:MOST_TERMS])
        if k <= 0 or not wanted:
            return []
        hold(self.engine, k)
        words = {"match": {TERMS: {"query": wanted}}}
        query = {"bool": {"must": [words], "filter": [self.among(within)]}}
        hits = self.hits({"size": k, "_source": list(self.source), "query": query})
        return [worded_record(hit) for hit in self.distinct(hits)]

    def sorted(self, query: SortQuery) -> list[SortedRecord]:
        """Give the first items of an order."""
        kind = self.fields.types.get(query.sort) if query.sort is not None else None
        key = self.fields.keys[query.sort] if query.sort is not None and kind not in (None, "strings") else None
        order = order_by(key, ids_descend=query.sort is None and query.descending, descending=query.descending)
        source = [*self.source, *([key, f"long.{key}"] if key else [])]
        found: list[SortedRecord] = []
        after = query.after
        while len(found) < query.k:
            narrowed = [self.among(query.within)]
            if after is not None:
                narrowed.append(follows(key, after, descending=query.descending, by_id=query.sort is None))
            page = min(query.k - len(found), MOST)
            hits = self.hits({"size": page, "_source": source, "query": all_of(narrowed), "sort": order})
            found += [sorted_record(hit, key, kind) for hit in self.distinct(hits)]
            if len(hits) < page:
                break
            last = sorted_record(hits[-1], key, kind)
            after = Place(last.value, last.id)
        return found

    def count(self, within: Range) -> Counts:
        """Count the items in range and their views."""
        body = {
            "size": 0,
            "track_total_hits": True,
            "query": self.among(within),
            "aggs": {COUNT: {"sum": {"field": COUNT}}},
        }
        said = self.search(body)
        return Counts(int(said["hits"]["total"]["value"]), int(said["aggregations"][COUNT]["value"]))

    def values(self, fields: Collection[str], within: Range, most: int | None) -> dict[str, Values | Spread]:
        """Count the values of fields."""
        query = self.among(within)

        def ask(questions: dict[str, Any]) -> dict[str, Any]:
            said = self.search({"size": 0, "query": query, "aggs": questions} if questions else {"size": 0})
            found: dict[str, Any] = said.get("aggregations", {})
            return found

        return count_values(ask, self._original, self.fields, fields, most)

    def among(self, within: Range) -> Query:
        """Give the query for the documents that stand for the items in range."""
        query = living(within, self.fields)
        return query if self.items is None else all_of([self.items, query])

    def hits(self, body: Document) -> list[Document]:
        """Search, and give what was found without counting the rest."""
        found: list[Document] = self.search({"track_total_hits": False, **body})["hits"]["hits"]
        return found

    def _original(self, key: str, short: str) -> str:
        """Give a text by how it stands in the index, shortened."""
        hits = self.hits({"size": 1, "_source": [key, f"long.{key}"], "query": {"term": {key: short}}})
        values = [value_of(hit["_source"], key, None) for hit in hits]
        texts = [text for value in values for text in (value if isinstance(value, list) else [value])]
        return next((text for text in texts if indexed(text) == short), short)


def hold(engine: str, k: int) -> None:
    """Refuse to give more than a search gives at once."""
    if k > MOST:
        raise UnsupportedByEngineError(
            f"{engine} gives at most {MOST:,} items at once, not {k:,}: ask for fewer, or page."
        )


def whole(said: Document, engine: str, name: str) -> Document:
    """Give an answer back if all of the index was searched; raises EngineUnavailableError if only a part was."""
    if said.get("timed_out") or said.get("_shards", {}).get("failed"):
        raise EngineUnavailableError(f"{engine} searched only a part of {name}: it is overloaded.")
    return said
