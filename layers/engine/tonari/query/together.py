"""What several searches of one request may cost together."""

from __future__ import annotations

from collections.abc import Sequence

from tonari.contract.answers import Plan
from tonari.contract.filter_tree import count_conditions
from tonari.errors import InvalidRequestError
from tonari.query.facet_counts import count_extra_conditions
from tonari.query.search import SearchParams
from tonari.query.serving import Serving

MOST_CONDITIONS = 128
"""How many conditions the filters of several searches of one request have together."""
WORDS = "words"
"""Path of a plan that compared no embeddings."""
MOST_COMPONENTS = 800_000_000
"""Components of embeddings that are compared exactly before the last search of a request: a second's work."""


def check_together(searches: Sequence[SearchParams]) -> None:
    """Check how much several searches ask for together, before any is made.

    Raises
    ------
    InvalidRequestError
    """
    conditions = sum(
        count_conditions(one.within.filter) + count_extra_conditions(one.disjunctive_facets, one.within)
        for one in searches
    )
    if conditions > MOST_CONDITIONS:
        raise InvalidRequestError(
            f"The filters of the queries have {conditions:,} conditions together, at most {MOST_CONDITIONS} are taken: "
            "send fewer queries at once, or name fewer 'disjunctive_facets'."
        )


def check_compared(serving: Serving, made: Sequence[Plan]) -> None:
    """Check before another search of a request how many pictures were compared exactly for those before it.

    Raises
    ------
    InvalidRequestError
    """
    compared = sum(plan.scanned for plan in made if plan.exact and plan.path != WORDS)
    most = MOST_COMPONENTS // serving.encoder.dimensions
    if compared > most:
        raise InvalidRequestError(
            f"The queries before it compared {compared:,} pictures exactly, at most {most:,} are in one request: send "
            "fewer queries at once, or leave 'exact' out."
        )
