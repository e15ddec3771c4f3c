"""What finds items for a query: its embedding, its words, or both together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

import numpy as np
from msgspec import structs
from numpy.typing import NDArray

from tonari.contract.answers import Fusion, Plan
from tonari.contract.engine import Engine, EngineAnswer, EngineQuery, ScoredItem, WordQuery
from tonari.contract.filter_tree import Range
from tonari.errors import InvalidTextError
from tonari.query.fusion import Fused, Ranking, fuse
from tonari.query.queries import Query

DEPTHS = (200, 1_000, 5_000, 30_000)
"""How many items of each list are ranked together: those of the next depth follow all of the one before."""


@dataclass(frozen=True, slots=True)
class ItemByWords(ScoredItem):
    """An item that words have helped to find; ``score`` is what it is ordered by.

    Parameters
    ----------
    cosine
        Of its nearest view; None if nothing was compared, or it has no view.
    bm25
        None if it holds none of the words.
    ranks
        Its places, from 1, in the lists that were fused; empty if none were.
    """

    cosine: float | None = None
    bm25: float | None = None
    ranks: Mapping[Ranking, int] = field(default_factory=dict)


class Finder(Protocol):
    """Finds the best items of a range."""

    @property
    def by_rank(self) -> bool:
        """Whether scores come from places in the range, so that they hold for that range alone."""

    def find(self, k: int, within: Range, after: tuple[float, str] | None = None) -> EngineAnswer:
        """Give the best k items: by descending score, equal ones by id.

        Parameters
        ----------
        after
            Score and id of an item: only items that follow it are given. Not where scores are by rank.
        """


@dataclass(frozen=True, slots=True)
class Nearest:
    """Finds items by embeddings, (Q, D); scores are cosine similarities."""

    engine: Engine
    embeddings: NDArray[np.float32]
    exact: bool
    gives_embeddings: bool = True
    by_rank: bool = False

    def find(self, k: int, within: Range, after: tuple[float, str] | None = None) -> EngineAnswer:
        """Ask the engine."""
        return self.engine.search(EngineQuery(self.embeddings, k, within, self.exact, after, self.gives_embeddings))


@dataclass(frozen=True, slots=True)
class ByWords:
    """Finds items by words; scores are those of BM25."""

    engine: Engine
    words: str
    gives_embeddings: bool = True
    by_rank: bool = False

    def find(self, k: int, within: Range, after: tuple[float, str] | None = None) -> EngineAnswer:
        """Ask the engine."""
        answer = self.engine.search_words(WordQuery(self.words, k, within, after, self.gives_embeddings))
        items = tuple(by_words(one, one.score, bm25=one.score) for one in answer.items)
        return EngineAnswer(items, answer.plan)


@dataclass(frozen=True, slots=True)
class ByRank:
    """Finds items by their places in the list by words, and in the list by embeddings where there are any.

    The first 200 of each list are ranked together; then what the first 1,000 add, and so on: where an item stands does
    not depend on how many are asked for. Scores are those of :func:`fuse`, those of a further depth below all before.

    Parameters
    ----------
    nearest
        Makes the list by embeddings; None if there is none.
    min_score
        Cosine similarity that items reach; without ``nearest`` it has no meaning.
    """

    engine: Engine
    words: str
    nearest: Nearest | None
    min_score: float = -1.0
    gives_embeddings: bool = True
    by_rank: bool = True

    def find(self, k: int, within: Range, after: tuple[float, str] | None = None) -> EngineAnswer:
        """Rank lists of more and more depth until there are k items or the lists have ended."""
        if after is not None:
            raise ValueError("Places in a list say nothing about a list that begins later.")
        found: dict[str, ItemByWords] = {}
        plans: list[Plan] = []
        scale = 1.0
        for depth in DEPTHS:
            lists = self._read(depth, within)
            plans.append(lists.plan)
            further = [lists.item(one, scale) for one in lists.fused if one.id not in found]
            found |= {one.id: one for one in further if lists.reaches(one, self.min_score)}
            scale = further[-1].score if further else scale
            if len(found) >= k or lists.ended:
                break
        plan = structs.replace(plans[0], scanned=sum(one.scanned for one in plans))
        return EngineAnswer(tuple(found.values())[:k], plan)

    def _read(self, depth: int, within: Range) -> _Lists:
        if self.nearest is None:
            words = self.engine.search_words(WordQuery(self.words, depth, within, embeddings=self.gives_embeddings))
            worded = {one.id: one for one in words.items}
            return _Lists(worded, {}, fuse({"lexical": [*worded]}), words.plan, ended=len(worded) < depth, both=False)
        try:
            worded = {
                one.id: one
                for one in self.engine.search_words(
                    WordQuery(self.words, depth, within, embeddings=self.gives_embeddings)
                ).items
            }
        except InvalidTextError:
            worded = {}  # stop words alone: an embedding has a meaning for them
        answer = self.nearest.find(depth, within)
        near = {one.id: one for one in answer.items if one.score >= self.min_score}
        lexical, dense = [*worded], [*near]
        # What reaches the least score is all there once the list by embeddings has ended.
        ended = len(dense) < depth and (len(lexical) < depth or self.min_score > -1)
        scanned = answer.plan.scanned
        if others := tuple(one for one in lexical if one not in near):
            compared = self.nearest.find(len(others), replace(within, ids=others))
            near |= {one.id: one for one in compared.items}
            scanned += compared.plan.scanned
        fusion = Fusion(depth, len(lexical), len(dense), len({*lexical} & {*dense}))
        plan = structs.replace(answer.plan, scanned=scanned, fusion=fusion)
        return _Lists(worded, near, fuse({"lexical": lexical, "dense": dense}), plan, ended=ended, both=True)


@dataclass(frozen=True, slots=True)
class _Lists:
    """What was read of the lists, to some depth.

    Parameters
    ----------
    worded
        The list by words, by id.
    near
        The list by embeddings, and behind it the other items of the list by words, as near as they are.
    ended
        Whether nothing follows.
    both
        Whether there are two lists.
    """

    worded: Mapping[str, ScoredItem]
    near: Mapping[str, ScoredItem]
    fused: Sequence[Fused]
    plan: Plan
    ended: bool
    both: bool

    def item(self, one: Fused, scale: float) -> ItemByWords:
        worded, near = self.worded.get(one.id), self.near.get(one.id)
        return by_words(
            near or self.worded[one.id],
            scale * one.score,
            cosine=None if near is None else near.score,
            bm25=None if worded is None else worded.score,
            ranks=one.ranks if self.both else {},
        )

    def reaches(self, one: ItemByWords, min_score: float) -> bool:
        return min_score <= -1 or (one.cosine is not None and one.cosine >= min_score)


def finder_of(
    engine: Engine, query: Query, *, exact: bool, min_score: float, adds: bool, gives_embeddings: bool = True
) -> Finder:
    """Choose what finds the items of a query.

    Parameters
    ----------
    adds
        Whether something is added to scores, or they are weighed against similarities: of words alone they then come
        from places, which lie between 0 and 1 as similarities do.
    gives_embeddings
        Whether the embeddings of the items are wanted.
    """
    nearest = Nearest(engine, query.embeddings, exact, gives_embeddings)
    if query.words is None:
        return nearest
    if len(query.embeddings):
        return ByRank(engine, query.words, nearest, min_score, gives_embeddings)
    if adds:
        return ByRank(engine, query.words, None, gives_embeddings=gives_embeddings)
    return ByWords(engine, query.words, gives_embeddings)


def by_words(
    one: ScoredItem,
    score: float,
    *,
    cosine: float | None = None,
    bm25: float | None = None,
    ranks: Mapping[Ranking, int] | None = None,
) -> ItemByWords:
    """Say of an item how words have helped to find it; ``score`` is what it is ordered by."""
    return ItemByWords(one.id, score, score, one.view, one.fields, one.embedding, cosine, bm25, ranks or {})
