"""Search by words in plain Python behind the engine port: a second opinion, over any engine's ranges."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from tonari.contract.answers import Plan
from tonari.contract.engine import Engine, EngineAnswer, ScoredItem, SortQuery, WordQuery

K1, B = 1.2, 0.75
EVERY = 1_000_000


def words_of(value: Any) -> list[str]:
    if isinstance(value, str):
        return value.lower().split()
    return [word for one in value for word in words_of(one)] if isinstance(value, list) else []


@dataclass(frozen=True)
class Worded:
    """An engine that has words, whatever it is."""

    engine: Engine
    documents: Mapping[str, Mapping[str, Any]]

    def search_words(self, query: WordQuery) -> EngineAnswer:
        counted = {
            name: Counter(word for key, value in fields.items() if key != "id" for word in words_of(value))
            for name, fields in self.documents.items()
        }
        mean = sum(sum(one.values()) for one in counted.values()) / max(1, len(counted))
        asked = dict.fromkeys(words_of(query.text))
        having = {word: sum(word in one for one in counted.values()) for word in asked}

        def score(item: str) -> float:
            found, total = counted[item], 0.0
            for word in asked:
                rarity = math.log(1 + (len(counted) - having[word] + 0.5) / (having[word] + 0.5))
                length = K1 * (1 - B + B * sum(found.values()) / mean)
                total += rarity * found[word] * (K1 + 1) / (found[word] + length)
            return round(total, 6)

        there = self.engine.sort(SortQuery(EVERY, query.within)).items
        stored = self.engine.read([one.place.id for one in there])
        scored = sorted((-score(item), item) for item in stored if any(word in counted[item] for word in asked))
        items = [self._item(stored[item], -negative) for negative, item in scored]
        if query.after is not None:
            items = [one for one in items if (-one.score, one.id) > (-query.after[0], query.after[1])]
        return EngineAnswer(tuple(items[: query.k]), Plan("words", len(there), len(scored), exact=True))

    def _item(self, stored: Any, score: float) -> ScoredItem:
        row = stored.embeddings[0] if stored.views else np.zeros(stored.embeddings.shape[1], np.float32)
        view = stored.views[0] if stored.views else ""
        return ScoredItem(stored.id, score, score, view, stored.fields, row)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.engine, name)
