"""Facets of searches and lists: values counted over all items in range, or over all but a field's own conditions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tonari.contract.engine import Engine, Spread, Values
from tonari.contract.filter_tree import Range, count_conditions
from tonari.errors import InvalidRequestError

MOST_CONDITIONS = 256
"""How many conditions are evaluated for the disjunctive facets of one search, beside those of its filter."""


def _ranges(disjunctive: Sequence[str], within: Range) -> dict[Range, list[str]]:
    """Give the ranges in which fields are counted, and which fields in each: one count serves those of one range."""
    ranges: dict[Range, list[str]] = {}
    for name in disjunctive:
        ranges.setdefault(within.without_conditions_on(name), []).append(name)
    return ranges


def count_extra_conditions(disjunctive: Sequence[str], within: Range) -> int:
    """Count the conditions that disjunctive facets evaluate in addition to the filter."""
    return sum(count_conditions(one.filter) for one in _ranges(disjunctive, within) if one != within)


def count_facets(
    engine: Engine, facets: Sequence[str], disjunctive: Sequence[str], within: Range
) -> Mapping[str, Values | Spread]:
    """Count the values of fields.

    Parameters
    ----------
    facets
        Fields that are counted over all items in range.
    disjunctive
        Fields that are counted without their own conditions: see
        :func:`~tonari.contract.filter_tree.without_conditions_on`.

    Raises
    ------
    InvalidRequestError
        If too many conditions have to be evaluated.
    """
    if (extra := count_extra_conditions(disjunctive, within)) > MOST_CONDITIONS:
        raise InvalidRequestError(
            f"'disjunctive_facets': each field is counted under a filter of its own, {extra:,} conditions together; at "
            f"most {MOST_CONDITIONS} are taken: name fewer fields, or use a shorter filter."
        )
    found = dict(engine.count(facets, within))
    for widened, names in _ranges(disjunctive, within).items():
        found.update(engine.count(names, widened))
    return found
