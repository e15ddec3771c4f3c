"""How a database elsewhere is asked until the first items of an order are certain."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from tonari.contract.database import Counts, Database, FoundRecord, NearestQuery
from tonari.contract.engine import EngineQuery
from tonari.contract.filter_tree import Range
from tonari.errors import UnsupportedByEngineError
from tonari.index.scoring import DECIMALS

MORE = 8
"""So many more items are asked for than are wanted, to see whether the last of them has equals."""
GROWTH = 4
NARROW = 0.05
"""Where a smaller share of the views is in range, graphs lose some of the nearest: measured in docs/measurements."""
COMPARED = 20_000
"""So many views are compared in such a range; of more, those that the graph finds have to do."""


Scored = tuple[float, FoundRecord]
"""A row and its score, rounded to six decimals."""


def ask_nearest(
    database: Database, name: str, query: EngineQuery, within: Range, there: Counts, views: int
) -> tuple[list[Scored], bool]:
    """Find the items nearest to any of the query's vectors.

    In a narrow range all are compared. An approximate answer that is short of what is in range is asked for again,
    exactly.

    Parameters
    ----------
    there
        How many items and views are in range.
    views
        How many there are in all.

    Returns
    -------
    rows
        By descending score, equal ones by id.
    exact
        Whether every view in range was compared.

    Raises
    ------
    UnsupportedByEngineError
        If more items had to be looked at than the database gives at once.
    """
    if not there.views or query.k <= 0:
        return [], True

    def ask(count: int, *, exact: bool) -> list[list[FoundRecord]]:
        return [
            database.nearest(name, NearestQuery(vector, count, within, exact, query.embeddings))
            for vector in query.vectors
        ]

    limits = database.limits
    narrow = there.views < NARROW * views and there.views <= min(COMPARED, limits.compared) and query.k <= limits.exact
    if not query.exact and not narrow and query.after is None and query.k <= limits.found:
        rows = first(lambda count: ask(count, exact=False), query.k, None, limits.found)
        if len(rows) >= min(query.k, there.items, there.views):
            return rows, False
    return first(lambda count: ask(count, exact=True), query.k, query.after, limits.exact), True


def first(
    ask: Callable[[int], Sequence[Sequence[FoundRecord]]], k: int, after: tuple[float, str] | None, most: int
) -> list[Scored]:
    """Ask for more and more until the first ``k`` of an order are certain: descending scores, equal ones by id.

    Parameters
    ----------
    ask
        Gives several lists of so many items, each by descending score; an item's score is its best one.
    after
        Only what follows this score and id counts.
    most
        How many can be asked for. Where that many have one score, it is left to the database which of them come.

    Raises
    ------
    UnsupportedByEngineError
        If so many do not give ``k``.
    """
    count = k + MORE if after is None else GROWTH * (k + MORE)
    while True:
        count = min(count, most)
        lists = ask(count) if count > 0 else []
        best: dict[str, Scored] = {}
        for row in (row for one in lists for row in one):
            score = round(row.score, DECIMALS) + 0.0
            if row.id not in best or score > best[row.id][0]:
                best[row.id] = score, row
        ordered = sorted(best.values(), key=_place)
        behind = [one for one in ordered if after is None or _place(one) > (-after[0], after[1])]
        full = [one for one in lists if len(one) >= count]
        if not full and count > 0:
            return behind[:k]
        least = max((round(one[-1].score, DECIMALS) for one in full), default=1.0)
        if sum(score > least for score, _ in behind) >= k or (count == most and len(behind) >= k):
            return behind[:k]
        if count >= most:
            raise UnsupportedByEngineError(
                f"This search engine gives at most {most:,} items of one order at once, and this answer needs more: "
                "narrow the 'filter', or ask for fewer items or pages."
            )
        count *= GROWTH


def _place(one: Scored) -> tuple[float, str]:
    return -one[0], one[1].id
