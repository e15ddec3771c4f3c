from __future__ import annotations

from collections.abc import Sequence
from math import exp
from typing import Any

import numpy as np
import pytest

from tonari.attributes import vote
from tonari.attributes.vote import BANDWIDTH, share_to_score


@pytest.mark.parametrize(
    ("values", "scores", "ranked"),
    [
        ("ab", [0.9, 0.9], [("a", 0.5), ("b", 0.5)]),
        ("abb", [0.9, 0.9, 0.9], [("b", 2 / 3), ("a", 1 / 3)]),
        ("ab", [0.9, 0.9 - BANDWIDTH], [("a", 1 / (1 + exp(-1))), ("b", exp(-1) / (1 + exp(-1)))]),
        ("abb", [0.9, 0.8, 0.8], [("a", 1 / (1 + 2 * exp(-2))), ("b", 2 * exp(-2) / (1 + 2 * exp(-2)))]),
        ("ba", [-1, -1], [("b", 0.5), ("a", 0.5)]),
        ("", [], []),
        ([True, False, True], [0.3, 0.3, 0.3], [(True, 2 / 3), (False, 1 / 3)]),
    ],
)
def test_votes(values: Sequence[Any], scores: list[float], ranked: list[tuple[Any, float]]) -> None:
    found = vote([(value,) for value in values], scores)

    assert [one.value for one in found] == [value for value, _ in ranked]
    assert [one.score for one in found] == pytest.approx([score for _, score in ranked])


def test_a_neighbour_votes_for_all_its_tags() -> None:
    found = vote([("warm", "new"), (), ("new",)], [0.5, 0.5, 0.5])

    assert [(one.value, round(one.score, 6)) for one in found] == [("new", 0.666667), ("warm", 0.333333)]


def test_each_vote_has_a_score() -> None:
    with pytest.raises(ValueError, match="zip"):
        vote([("a",)], [])


@pytest.mark.parametrize("several", [False, True])
def test_more_of_the_vote_is_a_higher_score(several: bool) -> None:  # noqa: FBT001
    scores = share_to_score(np.linspace(0, 1, 11), several=several)

    assert np.isfinite(scores).all()
    assert (np.diff(scores) > 0).all()
