"""Near-copies: what is taken for one."""

from __future__ import annotations

import numpy as np

from tonari.index.near_pairs import MOST
from tonari.query.copies import COPY, FIRST_ROOM, Originals


def direction(degrees: float) -> np.ndarray:
    return np.array([np.cos(np.radians(degrees)), np.sin(np.radians(degrees))], np.float32)


def test_the_level_is_the_highest_of_an_audit() -> None:
    assert COPY == MOST


def test_the_cosine_decides_whatever_the_lengths() -> None:
    originals = Originals(np.empty((0, 2), np.float32))
    assert not originals.has(direction(0))
    originals.add(direction(0) * 0.5)

    assert originals.has(direction(8) * 3)
    assert not originals.has(direction(9))
    assert not originals.has(np.zeros(2, np.float32))


def test_what_has_no_embedding_is_no_original() -> None:
    originals = Originals(np.zeros((1, 2), np.float32))
    assert not originals.has(direction(0))


def test_there_is_room_for_any_number() -> None:
    originals = Originals(np.stack([direction(0)]))
    for number in range(3 * FIRST_ROOM):
        originals.add(direction(20 + number / 10))
    assert originals.has(direction(1))
    assert originals.has(direction(39))
    assert not originals.has(direction(-90))
