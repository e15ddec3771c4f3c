"""Whether a query is like anything in the catalogue: what no probability tells, for the classes share out all of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tonari.contract.engine import EngineQuery, ScoredItem
from tonari.contract.filter_tree import EVERYTHING
from tonari.query.queries import Query
from tonari.query.search import Neighbours, SearchParams
from tonari.query.serving import Serving

CONSIDERED = 60
"""Among how many the nearest item is looked for while scores are estimates."""


@dataclass(frozen=True, slots=True)
class Near:
    """The cosine of the nearest item, and how high it may be in truth: the same, unless it is an estimate."""

    cosine: float
    upper: float


@dataclass(frozen=True, slots=True)
class Likeness:
    """How near a query is to the catalogue.

    Parameters
    ----------
    familiar
        Whether the nearest item reaches the level; so are an item of the catalogue, and everything where there is no
        level. While scores are estimates, what may reach it is familiar too. None for a description in words: the level
        was learned from views, which are nearer to each other.
    nearest
        Cosine of the nearest item of the whole catalogue, whatever the range of the request; None if it was not asked
        for, or nothing has a picture.
    level
        That known ones reach; None if the catalogue has too few items to tell.
    """

    familiar: bool | None
    nearest: float | None = None
    level: float | None = None


def judge(serving: Serving, query: Query, nearest: Near | None = None) -> Likeness:
    """Compare a query with all items, those that were added since the snapshot too.

    Parameters
    ----------
    nearest
        Of all items, where a search has found it already.
    """
    if query.described:
        return Likeness(familiar=None)
    level = serving.snapshot.familiarity.level
    if query.item is not None:
        return Likeness(familiar=True, level=level)
    if level is None:
        return Likeness(familiar=True, nearest=nearest.cosine if nearest else None)
    if nearest is None:
        count = 1 if serving.snapshot.whole else CONSIDERED
        nearest = _near(serving.engine.search(EngineQuery(query.embeddings, count, embeddings=False)).items)
    if nearest is None:
        return Likeness(familiar=False, level=level)
    return Likeness(nearest.upper >= level, nearest.cosine, level)


def nearest_of(found: Neighbours, query: Query, params: SearchParams) -> Near | None:
    """Take the nearest of all items from a search that has looked at all of them; None if it has not.

    Boosts, pinned and buried items change the order: the nearest need not be in the answer then. Of estimates the
    first one need not be the nearest.
    """
    whole = params.within == EVERYTHING and params.after is None and not query.items
    by_score = not (params.boosts or params.pinned or params.buried) and found.plan.vectors == "full"
    return _near([one.item for one in found.items[:1]]) if whole and by_score else None


def _near(items: Sequence[ScoredItem]) -> Near | None:
    return Near(items[0].score, max(one.upper for one in items)) if items else None
