"""What is asked of rows: the nearest, records by id, and which states there are."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tonari.contract.database import FoundRecord, NearestQuery, Record, RecordState
from tonari.contract.filter_tree import EVERYTHING
from tonari.engines.databases.lucene.documents import (
    FOUND,
    GENERATION,
    ITEM,
    NAME,
    PACKED,
    STATE,
    VECTOR,
    Document,
    unpack,
)
from tonari.engines.databases.lucene.filters import ID, Fields, Query, all_of, living
from tonari.engines.databases.lucene.indices import MOST, candidates
from tonari.engines.databases.lucene.questions import hold
from tonari.engines.databases.serverless.index import Index
from tonari.engines.databases.serverless.rows import (
    IN_VIEWS,
    PLACE,
    STAMP,
    record_from,
    record_state,
    source_of,
)
from tonari.errors import UnsupportedByEngineError

COMPARED = 20_000
MORE, GROWTH = 8, 4
IDS = 500
PAGE_BYTES, PACKED_BYTES, ROW_BYTES = 4_000_000, 6, 500
"""Of an answer with embeddings; of a number of them in base64, and of the rest of a row, about."""
WHOLE_ROWS = 300
DOCUMENT = [ITEM, NAME]

Scored = tuple[float, Document]
"""Cosine, and what is known of a row, with its key as ``_id``."""


@dataclass(frozen=True, slots=True)
class Reader:
    """Reads the rows of one index.

    Parameters
    ----------
    engine
        Its name, for messages.
    """

    engine: str
    index: Index
    fields: Fields

    def near(self, query: NearestQuery) -> list[FoundRecord]:
        """Find the items nearest to a vector by walking the graph, for more and more rows until they are of ``k``."""
        hold(self.engine, query.k)
        within = {} if query.within == EVERYTHING else {"filter": living(query.within, self.fields)}
        size = query.k + MORE
        while True:
            size = min(size, MOST)
            wanted = {"vector": query.vector.tolist(), "k": candidates(size), **within}
            body = {
                "size": size,
                "track_total_hits": False,
                "_source": [*FOUND, STAMP, PLACE, NAME, PACKED],
                "query": {"knn": {VECTOR: wanted}},
            }
            hits = self.index.search(body)["hits"]["hits"]
            best = _best((_cosine(hit["_source"][PACKED], query.vector), hit["_source"]) for hit in hits)[: query.k]
            if len(best) == query.k or len(hits) < size or size == MOST:
                return [_found(one, embedding=query.embeddings) for one in best]
            size *= GROWTH

    def compared(self, query: NearestQuery) -> list[FoundRecord]:
        """Find the items nearest to a vector after reading the embeddings of all views in range.

        Raises
        ------
        UnsupportedByEngineError
            If more than 20,000 are.
        """
        views = all_of([IN_VIEWS, living(query.within, self.fields)])
        count = self.index.count(views)
        if count > COMPARED:
            raise UnsupportedByEngineError(
                f"{self.engine} runs no scripts and never compares every view; tonari does so after reading at most "
                f"{COMPARED:,}, and {count:,} are in range: narrow the 'filter', leave 'exact' out, or use a domain of "
                "Amazon OpenSearch Service as the engine."
            )
        page = max(100, PAGE_BYTES // (PACKED_BYTES * len(query.vector) + ROW_BYTES))
        scored: list[Scored] = []
        for hits in self.index.rows(views, [PACKED], page):
            for row, source in hits:
                embedding = unpack(source[PACKED])
                if embedding.any():
                    about = {"_id": row.key, ID: row.item, GENERATION: row.generation, STAMP: row.stamp}
                    kept = {PACKED: source[PACKED]} if query.embeddings else {}
                    about |= {PLACE: row.place, STATE: row.state, **kept}
                    scored.append((_dot(embedding, query.vector), about))
        best = _best(scored)[: query.k]
        documents = self.index.read([about["_id"] for _, about in best], DOCUMENT)
        return [
            _found((score, about | documents[about["_id"]]), embedding=query.embeddings)
            for score, about in best
            if about["_id"] in documents
        ]

    def read(self, ids: Sequence[str]) -> list[Record]:
        """Read records; those that do not exist, or were deleted, are left out."""
        wanted, source = list(dict.fromkeys(ids)), source_of(self.fields)
        found: list[Record] = []
        for start in range(0, len(wanted), IDS):
            query: Query = {"terms": {ID: wanted[start : start + IDS]}}
            for hits in self.index.items(query, source, WHOLE_ROWS):
                sources = {row.key: document for row, document in hits}
                record = record_from([row for row, _ in hits], sources, self.fields)
                if record is not None:
                    found.append(record)
        return found

    def states(self, since: int) -> Iterator[RecordState]:
        """Give the states of the items that have rows of this generation or newer ones, by ascending id."""
        some: list[RecordState] = []
        for hits in self.index.items({"range": {GENERATION: {"gte": since}}}):
            some.append(record_state([row for row, _ in hits]))
            if len(some) == IDS:
                yield from self._alone(some, since)
                some = []
        yield from self._alone(some, since)

    def _alone(self, states: Sequence[RecordState], since: int) -> Iterator[RecordState]:
        """Give states, but empty ones of items that have rows from before a generation too."""
        older: set[str] = set()
        if since > 0 and states:
            before = {"range": {GENERATION: {"lt": since}}}
            query = all_of([{"terms": {ID: [one.id for one in states]}}, before])
            older = {hits[0][0].item for hits in self.index.items(query)}
        for one in states:
            yield RecordState(one.id, one.generation, "") if one.id in older else one


def newest_hits(hits: list[Document]) -> list[Document]:
    """Leave out hits of an item of which a newer one is among them."""
    best: dict[str, tuple[int, int]] = {}
    for hit in hits:
        version = _version(hit["_source"])
        best[hit["_source"][ID]] = max(version, best.get(hit["_source"][ID], version))
    kept: dict[str, Document] = {}
    for hit in hits:
        if _version(hit["_source"]) == best[hit["_source"][ID]]:
            kept.setdefault(hit["_source"][ID], hit)
    return [*kept.values()]


def _best(scored: Iterable[Scored]) -> list[Scored]:
    """Keep of each item the nearest row of its newest write, of equals the first view; by descending score."""
    best: dict[str, Scored] = {}
    for score, row in scored:
        there = best.get(row[ID])
        if there is None or (_version(row), score, -row[PLACE]) > (_version(there[1]), there[0], -there[1][PLACE]):
            best[row[ID]] = score, row
    return sorted(best.values(), key=lambda one: -one[0])


def _version(row: Document) -> tuple[int, int]:
    return row[GENERATION], row[STAMP]


def _found(one: Scored, *, embedding: bool) -> FoundRecord:
    score, row = one
    return FoundRecord(
        row[ID],
        score,
        row[NAME],
        row[ITEM],
        row[GENERATION],
        row[STATE],
        unpack(row[PACKED]) if embedding else None,
    )


def _cosine(packed: str, vector: NDArray[np.float32]) -> float:
    return _dot(unpack(packed), vector)


def _dot(row: NDArray[np.float32], vector: NDArray[np.float32]) -> float:
    return float(row.astype(np.float64) @ vector.astype(np.float64))
