"""A drawn catalogue of 5,000 items in clusters, changes over it, and 300 questions about it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from database_contract import DIMENSIONS
from tonari.contract.engine import FieldType, StoredItem
from tonari.contract.filter_tree import EVERYTHING, Range
from tonari.contract.ranking import Boost
from tonari.fields.filters import parse_filter
from tonari.fields.schema import Field, Schema
from tonari.query.queries import Query
from tonari.query.search import SearchParams

ITEMS = 5_000
CLUSTERS = 60
QUESTIONS = 300
TYPES: Mapping[str, FieldType] = {
    "brand": "string",
    "colour": "string",
    "price": "number",
    "new": "boolean",
    "since": "date",
    "tags": "strings",
    "it's": "string",
}
SCHEMA = Schema({name: Field(kind) for name, kind in TYPES.items()})
BRANDS = [f"brand {number}" for number in range(12)]
TAGS = [f"tag {number}" for number in range(40)]
Items = dict[str, StoredItem]
Changes = dict[str, StoredItem | None]
WISHES = (
    *("exact search", "exact search", "filters", "filters", "filters", "ids", "excluded ids", "several vectors"),
    *("groups", "groups of several", "facets", "disjunctive facets", "min_score", "diversity", "near-copies left out"),
    *("boosts", "pinned and buried", "pages", "pages of groups", "pages with boosts"),
)
"""What is asked for, in turn."""


@dataclass(frozen=True)
class Question:
    """A search; ``wish`` is what is special about it."""

    number: int
    wish: str
    query: Query
    params: SearchParams


class Drawing:
    """Draws items and questions from one generator."""

    def __init__(self, seed: int) -> None:
        self._random = np.random.default_rng(seed)
        # The same clusters for all drawings.
        self._centres = _unit(np.random.default_rng(0).standard_normal((CLUSTERS, DIMENSIONS)))

    def items(self, names: list[str]) -> Items:
        return {name: self._item(name) for name in names}

    def _item(self, name: str) -> StoredItem:
        random = self._random
        cluster = int(random.integers(CLUSTERS))
        fields: dict[str, Any] = {"id": name, "title": f"The {name} of cluster {cluster}"}
        drawn: dict[str, Any] = {
            "brand": BRANDS[cluster % 12] if random.random() < 0.5 else random.choice(BRANDS).item(),
            "colour": random.choice(["red", "green", "blue", "隣の色"], p=[0.7, 0.2, 0.09, 0.01]).item(),
            "price": round(float(random.lognormal(3, 1)), 2),
            "new": bool(random.random() < 0.1),
            "since": f"20{random.integers(10, 27)}-{random.integers(1, 13):02}-{random.integers(1, 29):02}T12:30:00.5Z",
            "tags": [TAGS[int(one)] for one in random.permutation(40)[: random.integers(0, 5)]],
            "it's": random.choice(['"quoted"', "it's", "back\\slash", "100 %", "🙂"]).item(),
        }
        fields |= {field: value for field, value in drawn.items() if random.random() < 0.85}
        count = int(random.choice([0, 1, 1, 1, 1, 1, 2, 2, 3]))
        rows = _unit(self._centres[cluster] + 0.12 * random.standard_normal((count, DIMENSIONS)))
        return StoredItem(name, fields, tuple(f"{number}.jpg" for number in range(count)), rows)

    def catalogue(self) -> Items:
        """Draw all items; some have a picture of another one."""
        items = self.items([f"item-{number:04}" for number in range(ITEMS)])
        with_views = [name for name, item in items.items() if item.views]
        for name in self._random.choice(with_views, 100, replace=False).tolist():
            other = items[str(self._random.choice(with_views))]
            rows = np.concatenate([other.embeddings[:1], items[name].embeddings[1:]])
            items[name] = replace(items[name], embeddings=rows)
        return items

    def changes(self, items: Items, added: str) -> Changes:
        """Draw 300 items that are replaced, 200 that are deleted and 100 that are new."""
        names = self._random.permutation(sorted(items)).tolist()
        new = [f"{added}-{number} & 隣" for number in range(100)]
        return {**self.items(names[:300]), **dict.fromkeys(names[300:500]), **self.items(new)}

    def questions(self, items: Items) -> list[Question]:
        return [self._question(number, WISHES[number % len(WISHES)], items) for number in range(QUESTIONS)]

    def _question(self, number: int, wish: str, items: Items) -> Question:
        random = self._random
        names = sorted(items)
        several = wish == "several vectors"
        query = Query(self.vectors(int(random.integers(2, 5)) if several else 1))
        within = EVERYTHING
        if wish == "filters" or random.random() < 0.5:
            within = Range(parse_filter(self._filter(), SCHEMA))
        params = SearchParams(int(random.choice([1, 5, 10, 24])), within, exact=True, now=1.8e9)
        some = random.choice(names, 1_000, replace=False).tolist()
        wished: dict[str, dict[str, Any]] = {
            "ids": {"within": replace(within, ids=(*some, "nobody"))},
            "excluded ids": {"within": replace(within, excluded=tuple(some))},
            "groups": {"group_by": "brand"},
            "groups of several": {"group_by": str(random.choice(["colour", "brand"])), "per_group": 3},
            "facets": {"facets": tuple(TYPES)},
            "disjunctive facets": {"disjunctive_facets": ("brand", "price", "tags")},
            "min_score": {"min_score": 0.75},
            "diversity": {"diversity": float(random.choice([0.2, 0.5, 0.8]))},
            "near-copies left out": {"duplicates": False},
            "boosts": {"boosts": self._boosts()},
            "pinned and buried": {"pinned": (*some[:3], "nobody"), "buried": tuple(some[3:200])},
            "pages of groups": {"group_by": "brand", "per_group": 5},
            "pages with boosts": {"boosts": self._boosts()},
        }
        return Question(number, wish, query, replace(params, **wished.get(wish, {})))

    def vectors(self, count: int) -> NDArray[np.float32]:
        """Draw vectors near the clusters: (n, D), of length 1."""
        near = self._centres[self._random.integers(CLUSTERS, size=count)]
        return _unit(near + 0.12 * self._random.standard_normal((count, DIMENSIONS)))

    def _boosts(self) -> tuple[Boost, ...]:
        price = Boost(field="price", weight=0.2, low=5.0, high=40.0)
        return (price, Boost(field="new", weight=0.1)) if self._random.random() < 0.5 else (price,)

    def _filter(self, depth: int = 0) -> dict[str, Any]:
        random = self._random
        if depth < 2 and random.random() < 0.35:
            joined = [self._filter(depth + 1) for _ in range(random.integers(1, 4))]
            return {"$not": joined[0]} if random.random() < 0.3 else {str(random.choice(["$and", "$or"])): joined}
        field = str(random.choice([*TYPES, "price", "tags"]))
        value: Any = {
            "brand": random.choice(BRANDS).item(),
            "colour": random.choice(["red", "green", "blue", "隣の色", "none"]).item(),
            "price": round(float(random.lognormal(3, 1)), 2),
            "new": bool(random.random() < 0.5),
            "since": f"20{random.integers(10, 27)}-0{random.integers(1, 10)}-11",
            "tags": random.choice(TAGS).item(),
            "it's": random.choice(['"quoted"', "it's", "back\\slash", "100 %", "🙂"]).item(),
        }[field]
        operators = ["$eq", "$ne", "$in", "$nin", "$exists"]
        if field in ("price", "since"):
            operators = ["$lt", "$lte", "$gt", "$gte", "$exists"]
        operator = str(random.choice(operators))
        if operator == "$exists":
            return {field: {operator: bool(random.random() < 0.5)}}
        if operator in ("$in", "$nin"):
            listed = [value] if field == "new" else [value, *random.choice(BRANDS + TAGS, 3).tolist()]
            return {field: {operator: listed}}
        return {field: {operator: value}}


def after(items: Items, changes: Changes) -> Items:
    """Give the items there are after changes."""
    return {name: item for name, item in {**items, **changes}.items() if item is not None}


def _unit(rows: NDArray[np.float64]) -> NDArray[np.float32]:
    return np.asarray(rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12), np.float32)
