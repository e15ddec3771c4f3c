"""One hash decides which items are held out, whoever asks: fitting, calibration and gates see the same parts."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tonari.fields.kinds import stands_for_missing, text_of

HELD_OUT = 0.3
PARTS = 30
SALT = "tonari split"


def split_value(item: str, fields: Mapping[str, Any], split_by: str) -> str:
    """Give the text whose hash decides on an item: the field ``split_by``, the id where there is no such value.

    Equal numbers are equal texts. A text that stands for a missing value is none: items without a product are not one.
    """
    value = fields.get(split_by) if split_by else None
    if value in (None, "") or (isinstance(value, str) and stands_for_missing(value)):
        return item
    return json.dumps(value, sort_keys=True) if isinstance(value, list) else text_of(value)


def unit_hash(value: str, salt: str = SALT) -> float:
    """Hash a text to a number in 0..1, evenly spread and the same everywhere: the head of a sha256."""
    return int.from_bytes(hashlib.sha256(f"{salt}\0{value}".encode()).digest()[:8]) / 2**64


def is_held_out(value: str) -> bool:
    """Tell whether items of this ``split_by`` value are held out: three tenths of the values are."""
    return unit_hash(value) < HELD_OUT


def thirtieths(values: Iterable[str]) -> NDArray[np.int64]:
    """Deal texts out to thirty parts, (N,) int64 of 0 to 29; the first nine are what :func:`is_held_out` holds out."""
    return np.floor(np.array([unit_hash(value) for value in values], np.float64) * PARTS).astype(np.int64)
