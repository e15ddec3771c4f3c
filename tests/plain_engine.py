"""An engine that compares the query with everything: a second one behind the port, to show that the port is enough."""

from __future__ import annotations

import functools
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from plain_words import Terms, plain_scores, plain_terms
from tonari.contract.answers import Plan
from tonari.contract.engine import (
    MOST_VALUES,
    Description,
    EngineAnswer,
    EngineQuery,
    FieldType,
    Place,
    ScoredItem,
    SearchedWords,
    SnapshotItems,
    SortedItem,
    SortedItems,
    SortQuery,
    Spread,
    StoredItem,
    Values,
    WordQuery,
)
from tonari.contract.filter_tree import Range
from tonari.fields.columns import build_columns
from tonari.fields.facets import count_facet
from tonari.fields.masks import evaluate
from tonari.fields.schema import Field, Schema, values_of
from tonari.index.vectors import UNIT, to_fixed


@dataclass(frozen=True)
class PlainEngine:
    """Items by id."""

    types: Mapping[str, FieldType] = field(default_factory=dict)
    items: Mapping[str, StoredItem] = field(default_factory=dict)
    base: Mapping[str, StoredItem] = field(default_factory=dict)

    def search(self, query: EngineQuery) -> EngineAnswer:
        there = self._in_range(query.within)
        found = [_scored(item, query.vectors) for item in there if item.views]
        found.sort(key=lambda item: (-item.score, item.id))
        if query.after is not None:
            score, last = query.after
            found = [item for item in found if (-item.score, item.id) > (-score, last)]
        plan = Plan("all", len(there), sum(len(item.views) for item in there), exact=True)
        return EngineAnswer(tuple(found[: query.k]), plan)

    def search_words(self, query: WordQuery) -> EngineAnswer:
        there = self._in_range(query.within)
        scores = plain_scores(
            query.text,
            [*self._own.values(), *self._of_base.values()],
            {item.id: self._own.get(item.id) or self._of_base[item.id] for item in there},
        )
        found = [_by_words(item, round(scores[item.id], 6)) for item in there if item.id in scores]
        found.sort(key=lambda item: (-item.score, item.id))
        if query.after is not None:
            score, last = query.after
            found = [item for item in found if (-item.score, item.id) > (-score, last)]
        return EngineAnswer(tuple(found[: query.k]), Plan("words", len(there), len(scores), exact=True))

    @functools.cached_property
    def _of_base(self) -> dict[str, Terms]:
        return {name: plain_terms(item, self.types) for name, item in self.base.items()}

    @functools.cached_property
    def _own(self) -> dict[str, Terms]:
        """Of the items that are not those of the base."""
        fresh = {name: item for name, item in self.items.items() if self.base.get(name) is not item}
        return {name: plain_terms(item, self.types) for name, item in fresh.items()}

    def sort(self, query: SortQuery) -> SortedItems:
        there = sorted(self._in_range(query.within), key=lambda item: item.id)
        places = [Place(self._value(item, query.sort), item.id) for item in there]
        order = sorted(range(len(there)), reverse=query.descending and query.sort is None)
        if query.sort is not None:
            valued = [number for number in order if places[number].value is not None]
            valued.sort(key=lambda number: places[number].value, reverse=query.descending)
            order = valued + [number for number in order if places[number].value is None]
        order = [number for number in order if query.after is None or _follows(places[number], query.after, query)]
        items = [SortedItem(places[at], there[at].fields, next(iter(there[at].views), None)) for at in order[: query.k]]
        return SortedItems(tuple(items), len(there))

    def _value(self, item: StoredItem, field: str | None) -> Any:
        kind = None if field is None else self.types.get(field)
        found = () if field is None or kind is None else values_of(item.fields.get(field), Field(kind))
        return found[0] if found else None

    def read(self, ids: Sequence[str]) -> dict[str, StoredItem]:
        return {name: self.items[name] for name in ids if name in self.items}

    def count(
        self, fields: Collection[str], within: Range, most: int | None = MOST_VALUES
    ) -> dict[str, Values | Spread]:
        columns = build_columns([item.fields for item in self._in_range(within)], self._schema)
        return {name: count_facet([(columns[name], None)], most) for name in fields}

    def describe(self) -> Description:
        samples = [name for name, item in self.items.items() if item.views][:12]
        views = sum(len(item.views) for item in self.items.values())
        fields = tuple(name for name, kind in self.types.items() if kind in ("string", "strings"))
        return Description(len(self.items), views, tuple(samples), "all", "", words=SearchedWords(fields))

    def catch_up(self) -> PlainEngine:
        return self

    def publish(self, snapshot: SnapshotItems) -> PlainEngine:
        items = {item.id: item for item in snapshot.items}
        return PlainEngine(snapshot.types, items, items)

    def apply(self, changes: Mapping[str, StoredItem | None]) -> PlainEngine:
        merged = {**self.items, **changes}
        return replace(self, items={name: item for name, item in merged.items() if item is not None})

    @property
    def _schema(self) -> Schema:
        return Schema({name: Field(kind) for name, kind in self.types.items()})

    def _in_range(self, within: Range) -> list[StoredItem]:
        items = list(self.items.values())
        columns = build_columns([item.fields for item in items], self._schema)
        mask = np.ones(len(items), np.bool_)
        if within.filter is not None:
            mask = evaluate(within.filter, columns, len(items))
        return [
            item
            for item, matches in zip(items, mask.tolist(), strict=True)
            if matches and item.id not in within.excluded and (within.ids is None or item.id in within.ids)
        ]


def _follows(place: Place, last: Place, query: SortQuery) -> bool:
    if query.sort is None:
        return place.id < last.id if query.descending else place.id > last.id
    if place.value is None or last.value is None or place.value == last.value:
        missing = (place.value is None, last.value is None)
        return missing == (True, False) or (missing[0] == missing[1] and place.id > last.id)
    return bool(place.value < last.value if query.descending else place.value > last.value)


def _by_words(item: StoredItem, score: float) -> ScoredItem:
    if not item.views:
        return ScoredItem(item.id, score, score, "", item.fields, np.zeros(item.embeddings.shape[1], np.float32))
    return ScoredItem(item.id, score, score, item.views[0], item.fields, item.embeddings[0])


def _scored(item: StoredItem, vectors: NDArray[np.float32]) -> ScoredItem:
    """Score as the built-in engine does, to the last digit: in 32 bits, over embeddings of 16."""
    products = np.vecdot(to_fixed(item.embeddings).astype(np.float32)[:, None], vectors).max(axis=1)
    scores = np.round(np.clip(products.astype(np.float64) / UNIT, -1, 1), 6) + 0.0
    best = int(scores.argmax())
    return ScoredItem(
        item.id, float(scores[best]), float(scores[best]), item.views[best], item.fields, item.embeddings[best]
    )
