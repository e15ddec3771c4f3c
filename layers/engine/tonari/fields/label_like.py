"""Whether the texts of a field look like labels that can be predicted, and why not, in a few words."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

MOST_CLASSES = 300
"""More may be named in ``schema.json``; each takes memory and time to learn."""
MOST_NUMBERS = 100
"""Whole numbers of more kinds are quantities, not classes."""
ITEMS_PER_CLASS = 5
LONGEST = 64

_NUMBER = re.compile(r"[+-]?\d[\d.,' \u00a0\u202f]*")
_SIGN = r"(?:[$€£¥₹₩₽%‰円]|[A-Z]{3}|zł|kr|Kč)"
_AMOUNT = re.compile(rf"{_SIGN}\s?[+-]?\d[\d.,'\s]*|[+-]?\d[\d.,'\s]*\s?{_SIGN}|[+-]?\d*[.,]\d+")


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the texts of a field are.

    Parameters
    ----------
    labels
        Whether they are predicted unless ``schema.json`` says otherwise.
    reason
        Why, or why not, for whoever owns the catalogue.
    repeated
        Whether they look like labels all the same: two values at least, that two items each have on average.
    """

    labels: bool
    reason: str
    repeated: bool


def judge(counts: Mapping[str, int]) -> Verdict:
    """Judge texts by how many items have each; texts that stand for a missing value are not among them."""
    values, items = len(counts), sum(counts.values())
    against = _against(counts, values, items)
    repeated = values >= 2 and items >= 2 * values
    if against:
        return Verdict(labels=False, reason=against, repeated=repeated)
    return Verdict(labels=True, reason=f"{values:,} values, {items / values:.0f} items each", repeated=repeated)


def _against(counts: Mapping[str, int], values: int, items: int) -> str:
    if values < 2:
        return "all items have the same value" if values else "no item has a value"
    if max(map(len, counts)) > LONGEST:
        return f"texts of more than {LONGEST} letters"
    if values == items:
        return "every value is different"
    if values > MOST_CLASSES:
        return f"{values:,} values: more than {MOST_CLASSES:,}"
    if items < ITEMS_PER_CLASS * values:
        return f"{values:,} values, {items / values:.1f} items each: fewer than {ITEMS_PER_CLASS}"
    return _quantities(counts, values, items)


def _quantities(counts: Mapping[str, int], values: int, items: int) -> str:
    """Say that most items have an amount of something; whole numbers may be the names of a few classes."""
    amounts = Counter({text: count for text, count in counts.items() if _AMOUNT.fullmatch(text.strip())})
    if 2 * amounts.total() > items:
        return f"prices or other amounts, such as {amounts.most_common(1)[0][0]!r}"
    numbers = sum(count for text, count in counts.items() if text in amounts or _NUMBER.fullmatch(text.strip()))
    if 2 * numbers > items and values > MOST_NUMBERS:
        return f"numbers, and {values:,} of them: more than {MOST_NUMBERS}"
    return ""
