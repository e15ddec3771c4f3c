"""Items that are variants of one product: which field says so, for ``split_by`` in ``schema.json``."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tonari_tools.push.joining.id_columns import is_of_a_class, is_of_a_picture, is_of_a_product

MOST_ITEMS = 5000
"""Items that are looked at."""
FEWEST_PRODUCTS = 4
IN_GROUPS = 0.5
"""Share of items that share their product with another one."""
MOST_VARIANTS = 20
SAME = 0.95
"""Share of items that agree with most of their group, for a field to be one of the product."""
NEARLY_ALL_ALIKE = 0.9
"""A field with one value in this share of all items says nothing about groups."""


@dataclass(frozen=True, slots=True)
class Variants:
    """A field whose values are products.

    Parameters
    ----------
    products
        Different values.
    items
        That share their value with another item.
    same, other
        Fields that agree within a product, and those that do not.
    """

    field: str
    products: int
    items: int
    same: tuple[str, ...]
    other: tuple[str, ...]


def find_variants(items: Sequence[Mapping[str, Any]]) -> Variants | None:
    """Find the field that variants of one product share.

    Its values are shared by few items each, and these agree in other fields too: in at least one if the field's name
    says that it names a product, else in two and in half of all. So a category or a brand, whose items differ in nearly
    everything, is none.
    """
    sample = items[:MOST_ITEMS]
    names = dict.fromkeys(name for fields in sample for name in fields)
    texts = {name: [_text(fields.get(name)) for fields in sample] for name in names}
    found = [one for name in names if not (is_of_a_picture(name) or is_of_a_class(name)) and (one := _try(name, texts))]
    order = list(names)
    found.sort(
        key=lambda one: (
            not is_of_a_product(one.field),
            -len(one.same),
            _length(texts[one.field]),
            order.index(one.field),
        )
    )
    return found[0] if found else None


def _try(name: str, texts: Mapping[str, Sequence[str]]) -> Variants | None:
    groups: dict[str, list[int]] = defaultdict(list)
    for position, text in enumerate(texts[name]):
        if text:
            groups[text].append(position)
    shared = [group for group in groups.values() if len(group) > 1]
    within = sum(map(len, shared))
    if len(groups) < FEWEST_PRODUCTS or within < IN_GROUPS * len(texts[name]) or _typical(shared) > MOST_VARIANTS:
        return None
    others = {other: column for other, column in texts.items() if other != name and _tells(column)}
    agreeing = {other: _agreement(shared, column) / within for other, column in others.items()}
    same = tuple(other for other, share in agreeing.items() if share >= SAME)
    other = tuple(other for other, share in agreeing.items() if share < SAME)
    enough = len(same) >= 1 if is_of_a_product(name) else len(same) >= max(2, len(agreeing) / 2)
    return Variants(name, len(groups), within, same, other) if enough and other else None


def _typical(groups: Sequence[Sequence[int]]) -> int:
    """Give the size of the group in which the median item is."""
    sizes = sorted(len(group) for group in groups for _ in group)
    return sizes[len(sizes) // 2]


def _tells(column: Sequence[str]) -> bool:
    return Counter(column).most_common(1)[0][1] < NEARLY_ALL_ALIKE * len(column)


def _agreement(groups: Sequence[Sequence[int]], column: Sequence[str]) -> int:
    """Count the items that have the most frequent value of their group."""
    return sum(Counter(column[position] for position in group).most_common(1)[0][1] for group in groups)


def _length(column: Sequence[str]) -> int:
    return sum(map(len, column))


def _text(value: Any) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
