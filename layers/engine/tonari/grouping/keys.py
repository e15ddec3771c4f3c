"""Fields that tell which product an item is a variant of, though nobody said so."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from tonari.fields.columns import ClassColumn, Column, NumberColumn
from tonari.grouping.evidence import Looks, are_mates, is_bounded, without_classes
from tonari.grouping.joining import sizes

LEAST_GIVEN = 0.5
MOST_EACH = 10
"""Items per value: where there are more, the values are kinds of things rather than things."""


def by_field(
    columns: Mapping[str, Column], attributes: tuple[str, ...], looks: Looks
) -> tuple[NDArray[np.int64], str] | None:
    """Group items by the field that acts like the key of a product; with its name.

    Half of the items have it, ten items at most share a value on average, it is no attribute, and those who share a
    value look more alike than their classes do. Texts and whole numbers come into question.

    Returns
    -------
    group : (I,) int64
        Items without the field are alone. Of several fields, the one that joins most items; None if there is none.
    name
    """
    found = []
    for name, column in columns.items():
        if name in attributes:
            continue
        group = _groups(column)
        if group is None:
            continue
        alone = np.arange(len(group))
        group = without_classes(alone, group, looks.labels)
        if is_bounded(group, looks.labels) and are_mates(looks, alone, group):
            found.append((group, name))
    return max(found, key=lambda one: np.count_nonzero(sizes(one[0]) > 1), default=None)


def _groups(column: Column) -> NDArray[np.int64] | None:
    match column:
        case ClassColumn(codes, _):
            given, values = codes >= 0, codes.astype(np.int64)
        case NumberColumn(numbers):
            given = np.isfinite(numbers)
            if (numbers[given] != np.floor(numbers[given])).any():
                return None
            values = np.full(len(numbers), -1)
            values[given] = np.unique(numbers[given], return_inverse=True)[1]
        case _:
            return None
    count = np.count_nonzero(given)
    if count < LEAST_GIVEN * len(given) or count > MOST_EACH * len(np.unique(values[given])):
        return None
    return np.where(given, values, len(given) + np.arange(len(given)))
