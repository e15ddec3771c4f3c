"""Questions to Milvus, and what it does not do itself: distinct items, exact answers, orders, values."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby, islice
from operator import itemgetter
from typing import Any

import numpy as np

from tonari.contract.database import CollectionState, FoundRecord, NearestQuery, SortedRecord
from tonari.contract.engine import Place, SortQuery
from tonari.contract.filter_tree import Range
from tonari.engines.databases.milvus.client import PAGE, Client
from tonari.engines.databases.milvus.columns import Column, columns_of
from tonari.engines.databases.milvus.filters import ITEMS, VIEWS, in_range, texts
from tonari.engines.databases.milvus.rows import (
    DOCUMENT,
    FIRST_PART,
    VERSION,
    Row,
    from_id,
    needs_texts,
    newest,
    unpacked,
    value_in,
    version,
)
from tonari.engines.databases.milvus.writes import in_batches
from tonari.errors import UnsupportedByEngineError

READ = 50_000
"""Items or views that are read, one by one, for what Milvus does not do itself."""
MORE = 8
GROWTH = 4
WHOLE_ROWS = 2_000
KEYS = 1_000
Scored = tuple[float, Row]


@dataclass(frozen=True, slots=True)
class Layout:
    """How the items of a collection lie in rows.

    Parameters
    ----------
    columns
        By field.
    dimensions
        ``D``.
    """

    columns: Mapping[str, Column]
    dimensions: int

    @classmethod
    def of(cls, state: CollectionState) -> Layout:
        """Lay out a collection's fields."""
        return cls(columns_of(state.types), state.dimensions)


@dataclass(frozen=True, slots=True)
class Reader:
    """Reads one collection of Milvus.

    Parameters
    ----------
    name
        Of the collection there.
    """

    client: Client
    name: str
    layout: Layout

    def nearest(self, query: NearestQuery) -> list[FoundRecord]:
        """Find the items nearest to a vector, by descending score."""
        expression = in_range(VIEWS, query.within, self.layout.columns)
        fields = (*DOCUMENT, "embedding") if query.embeddings else DOCUMENT
        ask = self._compared if query.exact else self._near
        scored = ask(query, expression, fields)[: max(query.k, 0)]
        documents = self._unpacked([row for _, row in scored])
        return [
            FoundRecord(
                id=row["item"],
                score=score,
                view=row["view"],
                document=documents[row["key"]][0],
                generation=row["generation"],
                state=row["state"],
                embedding=np.array(row["embedding"], np.float32) if query.embeddings else None,
            )
            for score, row in scored
            if row["key"] in documents
        ]

    def sorted(self, query: SortQuery) -> list[SortedRecord]:
        """Give the first items of an order: by ascending id as Milvus keeps them, otherwise after reading all."""
        if query.k <= 0:
            return []
        expression = in_range(ITEMS, query.within, self.layout.columns)
        ascending = query.sort is None and not query.descending
        chosen = self._by_id(query, expression) if ascending else self._ordered(query, expression)
        rows = self._by_key([row["key"] for _, row in chosen], DOCUMENT)
        documents = self._unpacked(list(rows.values()))
        return [
            SortedRecord(
                id=place.id,
                value=place.value,
                view=rows[key]["view"],
                document=documents[key][0],
                generation=rows[key]["generation"],
                state=rows[key]["state"],
            )
            for place, key in ((place, row["key"]) for place, row in chosen)
            if key in documents
        ]

    def values(self, fields: Iterable[str], within: Range) -> list[dict[str, Any]]:
        """Read some fields of all items in range; of each item those that it has.

        Raises
        ------
        UnsupportedByEngineError
            If too many items are in range.
        """
        columns = {one: self.layout.columns[one] for one in fields}
        expression = in_range(ITEMS, within, self.layout.columns)
        return [values for _, values in self._valued(expression, columns, "counts the values of a field")]

    def _near(self, query: NearestQuery, expression: str, fields: Sequence[str]) -> list[Scored]:
        """Ask for more and more rows until they are of ``k`` items: Milvus 2.3 ignores grouping."""
        limit = query.k + MORE
        while True:
            limit = min(limit, PAGE)
            hits = self.client.nearest(self.name, query.vector, expression, limit, fields)
            best = _best(hits)
            if len(best) >= query.k or len(hits) < limit or limit >= PAGE:
                return best
            limit *= GROWTH

    def _compared(self, query: NearestQuery, expression: str, fields: Sequence[str]) -> list[Scored]:
        """Compare every view in range."""
        self._check_count(expression, "compares exactly")
        hits: list[Scored] = []
        rows = self.client.rows(self.name, expression, (*VERSION, "key", "place", "embedding"), size=WHOLE_ROWS)
        while page := list(islice(rows, WHOLE_ROWS)):
            scores = np.array([row.pop("embedding") for row in page], np.float32) @ query.vector
            hits += zip(scores.tolist(), page, strict=True)
        best = _best(hits)[: max(query.k, 0)]
        whole = self._by_key([row["key"] for _, row in best], fields)
        return [(score, whole[row["key"]]) for score, row in best if row["key"] in whole]

    def _by_id(self, query: SortQuery, expression: str) -> list[tuple[Place, Row]]:
        if query.after is not None:
            expression = f'key > "{from_id(query.after.id)}/" and ({expression})'
        rows = self.client.rows(self.name, expression, (*VERSION, "key"), size=min(PAGE, query.k + MORE))
        own = (max(some, key=version) for _, some in groupby(rows, key=itemgetter("item")))
        return [(Place(None, row["item"]), row) for row in islice(own, query.k)]

    def _ordered(self, query: SortQuery, expression: str) -> list[tuple[Place, Row]]:
        by = None if query.sort is None else self.layout.columns.get(query.sort)
        columns = {} if by is None or by.type == "strings" else {by.name: by}
        places = [
            (Place(next(iter(values.values()), None), row["item"]), row)
            for row, values in self._valued(expression, columns, "sorts")
        ]
        places.sort(key=lambda one: one[0].id, reverse=query.sort is None)
        if query.sort is not None:
            valued = [one for one in places if one[0].value is not None]
            valued.sort(key=lambda one: one[0].value, reverse=query.descending)
            places = valued + [one for one in places if one[0].value is None]
        return list(islice((one for one in places if follows(one[0], query)), query.k))

    def _valued(self, expression: str, columns: Mapping[str, Column], what: str) -> list[tuple[Row, dict[str, Any]]]:
        self._check_count(expression, what)
        fields = (*VERSION, "key", *(column.name for column in columns.values()))
        rows = [own[0] for own in newest(self.client.rows(self.name, expression, fields)).values()]
        digests = [row["key"] for row in rows if needs_texts(row, columns.values())]
        long = self._unpacked(list(self._by_key(digests, DOCUMENT).values()))
        return [
            (
                row,
                {
                    one: value
                    for one, column in columns.items()
                    if (value := value_in(row, column, long.get(row["key"], ("", {}))[1])) is not None
                },
            )
            for row in rows
        ]

    def _by_key(self, keys: Sequence[str], fields: Sequence[str]) -> dict[str, Row]:
        return {
            row["key"]: row
            for some in in_batches(keys, KEYS)
            for row in self.client.rows(self.name, f"key in {texts(some)}", fields, size=WHOLE_ROWS)
        }

    def _unpacked(self, rows: Sequence[Row]) -> dict[str, tuple[str, dict[str, str]]]:
        """Give by key the document of rows, and their long texts by digest; nothing of one that is not all there."""
        parts: dict[str, list[Row]] = {}
        for some in in_batches([row for row in rows if row["parts"]], KEYS):
            expression = f"place <= {FIRST_PART} and item in {texts({row['item'] for row in some})}"
            for part in self.client.rows(self.name, expression, (*VERSION, "key", "place", "document"), size=KEYS):
                parts.setdefault(_write_of(part), []).append(part)
        return {
            row["key"]: unpacked(row, parts.get(_write_of(row), ()))
            for row in rows
            if len(parts.get(_write_of(row), ())) == row["parts"]
        }

    def _check_count(self, expression: str, what: str) -> None:
        count = self.client.count(self.name, expression)
        if count > READ:
            raise UnsupportedByEngineError(
                f"Milvus itself never {what}; tonari does so after reading at most {READ:,} rows, and {count:,} are in "
                "range: narrow the 'filter', or use OpenSearch, Elasticsearch or PostgreSQL as the engine."
            )


def follows(place: Place, query: SortQuery) -> bool:
    """Tell whether a place follows the one that a query begins after."""
    after = query.after
    if after is None:
        return True
    if query.sort is None:
        return place.id < after.id if query.descending else place.id > after.id
    if place.value is None or after.value is None or place.value == after.value:
        missing = (place.value is None, after.value is None)
        return missing == (True, False) or (missing[0] == missing[1] and place.id > after.id)
    return bool(place.value < after.value if query.descending else place.value > after.value)


def _best(hits: Iterable[Scored]) -> list[Scored]:
    """Keep of each item the nearest row of its newest write, of equals the first view; by descending score."""
    best: dict[str, Scored] = {}
    for score, row in hits:
        there = best.get(row["item"])
        if there is None or (version(row), score, -row["place"]) > (version(there[1]), there[0], -there[1]["place"]):
            best[row["item"]] = score, row
    return sorted(best.values(), key=lambda one: -one[0])


def _write_of(row: Row) -> str:
    key: str = row["key"]
    return key.rpartition(".")[0]
