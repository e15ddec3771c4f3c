"""Rows that describe pictures of the same item: which columns name the item."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from tonari.catalogue.documents import check_id
from tonari.errors import InvalidCatalogueError

DIFFERENT = 0.3
"""Share of further rows of an item that differ from its first, for a column to count as one in which rows differ."""
MOST_COLUMNS = 3
MOST_ROWS = 3000
"""Rows that are looked at: all views of an item mostly stand together."""
MOST_CANDIDATES = 16
MOST_TEXT = 64
FILLED = 0.9
"""Share of rows; a row in which one of several columns is empty still has an id."""
FEWER_ITEMS_THAN_ROWS = 0.95
CONSISTENT = 0.98
"""Share of rows that say the same as others of their item. Tables that people keep have slips."""

OF_A_PICTURE = re.compile(
    r"(view|angle|position|pos|pose|shot|side|perspective|order|sort|index|nr|no|number|seq|sequence|width|height|"
    r"bytes|md5|sha1|sha256|hash|checksum|file|files?_?name|path|image|img|photo|picture|url|uri|link|thumbnail|thumb)"
    r"s?([_ -]?(id|nr|no|number|name|path|file|url|type|order|index|\d+))?",
    re.IGNORECASE,
)
"""Names of columns that say something of one picture, not of the item."""
OF_A_PRODUCT = re.compile(
    r"((parent|group|product|prod|item|style|model|article|family|master|spu|handle|configurable)"
    r"([_ -]?(id|nr|no|number|code|sku|group|group[_ -]?id|name|key|handle|family|parent))*|sku|asin|ean|gtin|spu|"
    r"group_?id|variant_?of|produkt|artikel(nummer)?|商品(番号|コード)?|品番)",
    re.IGNORECASE,
)
"""Names of columns that name a product or its variants."""
OF_A_CLASS = re.compile(
    r"((sub|main)?[_ -]?categor(y|ies)|brand|vendor|supplier|maker|manufacturer|department|gender|season|collection|"
    r"colou?r|material|pattern|size|type|kind|class|label|tags?|status|country|year|shop|store)([_ -]?(id|name|\d+))?",
    re.IGNORECASE,
)
"""Names of columns that name a class of many products."""
AN_AMOUNT = re.compile(
    r"((unit|sale|list|retail|special)?[_ -]?price|cost|msrp|rrp|uvp|stock|inventory|qty|quantity|amount|count|weight|"
    r"rating|reviews?|score|rank|discount|preis|prix)s?([_ -].*)?",
    re.IGNORECASE,
)
"""Names of columns that say how much or how many, and so name nothing."""


def is_of_a_picture(column: str) -> bool:
    """Tell by its name whether a column differs between pictures of one item: ``view``, ``filename``."""
    return OF_A_PICTURE.fullmatch(column.strip()) is not None


def is_of_a_product(column: str) -> bool:
    """Tell by its name whether a column names a product, or a group of its variants: ``product``, ``parent_sku``."""
    return OF_A_PRODUCT.fullmatch(column.strip()) is not None


def is_of_a_class(column: str) -> bool:
    """Tell by its name whether a column names a class of many products: ``category``, ``brand``."""
    return OF_A_CLASS.fullmatch(column.strip()) is not None


def find_id_columns(rows: Sequence[Mapping[str, str]], columns: Sequence[str]) -> tuple[str, ...]:
    """Find the fewest columns, at most three, by which all rows of an item say the same.

    Parameters
    ----------
    rows
        Cells as written, without those that are empty.
    columns
        Those that may differ between items: without the one that names the pictures.

    Returns
    -------
    Empty if there are none, or if each row would be an item of its own. Of several that serve, those whose names say
    that they name a product, then those with the most items.
    """
    sample = rows[:MOST_ROWS]
    told = [column for column in columns if not is_of_a_picture(column)]
    codes = {column: _codes([row.get(column, "") for row in sample]) for column in told}
    unique = {column for column, code in codes.items() if _count(code) == len(sample)}
    compared = [codes[column] for column in told if column not in unique]
    candidates = [column for column in told if column not in unique and _can_be_id(column, sample)]
    candidates.sort(key=lambda column: (not is_of_a_product(column), -_count(codes[column])))
    for size in range(1, MOST_COLUMNS + 1):
        for chosen in _choices(candidates[:MOST_CANDIDATES], size, tuple(columns)):
            items = _join([codes[column] for column in chosen])
            if (
                _count(items) <= FEWER_ITEMS_THAN_ROWS * len(sample)
                and _is_consistent(items, compared)
                and (
                    any(map(is_of_a_product, chosen))
                    or _say_more(items, [codes[one] for one in told if one not in chosen])
                )
            ):
                return chosen
    return ()


def find_unique_column(rows: Sequence[Mapping[str, str]], columns: Sequence[str]) -> str:
    """Find a column whose cells, each different, can be ids: one item a row; empty if there is none."""
    unique = [
        column
        for column in columns
        if len({row.get(column, "") for row in rows}) == len(rows) > 1 and _can_be_id(column, rows)
    ]
    return min(unique, key=lambda column: not is_of_a_product(column), default="")


def _choices(candidates: Sequence[str], size: int, order: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    """Give sets of columns, those that begin with a better candidate first, each in the table's order."""
    for chosen in combinations(candidates, size):
        yield tuple(sorted(chosen, key=lambda column: (not is_of_a_product(column), order.index(column))))


def _can_be_id(column: str, rows: Sequence[Mapping[str, str]]) -> bool:
    texts = {row[column] for row in rows if column in row}
    filled = sum(column in row for row in rows)
    longest = max(map(len, texts), default=MOST_TEXT + 1)
    if filled < FILLED * len(rows) or longest > MOST_TEXT or AN_AMOUNT.fullmatch(column.strip()):
        return False
    try:
        for text in texts:
            check_id(text)
    except InvalidCatalogueError:
        return False
    return True


def _codes(texts: Sequence[str]) -> NDArray[np.int64]:
    return np.unique(np.array(texts), return_inverse=True)[1].astype(np.int64).ravel()


def _count(codes: NDArray[np.int64]) -> int:
    return len(np.unique(codes))


def _join(codes: Sequence[NDArray[np.int64]]) -> NDArray[np.int64]:
    """Give each combination of several columns a number."""
    joined = codes[0]
    for more in codes[1:]:
        joined = np.unique(joined * (more.max() + 1) + more, return_inverse=True)[1].astype(np.int64).ravel()
    return joined


def _say_more(items: NDArray[np.int64], others: Sequence[NDArray[np.int64]]) -> bool:
    """Tell whether another column has half as many values as there are items, so that agreeing is no chance."""
    return any(_count(items) > _count(column) >= _count(items) / 2 for column in others)


def _is_consistent(items: NDArray[np.int64], compared: Sequence[NDArray[np.int64]]) -> bool:
    """Tell whether each column has one value an item, but for a few rows."""
    groups = _count(items)
    return all(_count(_join([items, column])) - groups <= (1 - CONSISTENT) * len(items) for column in compared)
