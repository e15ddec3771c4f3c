"""One hash decides which items are held out, whoever asks: fitting, calibration and gates see the same parts."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

HELD_OUT = 0.3
SALT = "tonari split"


def split_value(item: str, fields: Mapping[str, Any], split_by: str) -> str:
    """Give the text whose hash decides on an item: the field ``split_by``, the id where there is no such value."""
    value = fields.get(split_by) if split_by else None
    if value is None or value == "":
        return item
    return value if isinstance(value, str) else json.dumps(value, sort_keys=True)


def place(value: str, salt: str = SALT) -> float:
    """Give a text its place in 0..1, evenly spread and the same everywhere: the head of a sha256."""
    return int.from_bytes(hashlib.sha256(f"{salt}\0{value}".encode()).digest()[:8]) / 2**64


def is_held_out(value: str) -> bool:
    """Tell whether items of this ``split_by`` value are held out: three tenths of the values are."""
    return place(value) < HELD_OUT


def folds(group: NDArray[np.int64], count: int, seed: int) -> NDArray[np.int64]:
    """Deal groups out to ``count`` folds of like many groups.

    Returns
    -------
    (N,) int64
        The fold of each view; views of one group share it.
    """
    groups, codes = np.unique(group, return_inverse=True)
    dealt = np.random.default_rng(seed).permutation(len(groups)) % count
    return np.asarray(dealt[codes], np.int64)


def deal_classes(classes: Sequence[int], count: int, seed: int) -> list[list[int]]:
    """Deal the classes of an attribute out to ``count`` lists."""
    order = np.random.default_rng(seed).permutation(np.array(classes, np.int64)).tolist()
    return [sorted(order[start::count]) for start in range(count)]
