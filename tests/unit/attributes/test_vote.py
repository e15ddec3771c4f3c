from __future__ import annotations

from collections.abc import Sequence
from math import exp
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tonari.attributes import VOTERS, vote
from tonari.attributes.vote import BANDWIDTH, share_to_score, vote_among_others
from unit.attributes.samples import sample_of


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


@given(st.integers(0, 1 << 32), st.integers(1, 50), st.integers(1, 25))
@settings(max_examples=40, deadline=None)
def test_a_sample_votes_as_single_items_do(seed: int, views: int, items: int) -> None:
    random = np.random.default_rng(seed)
    item = np.sort(random.integers(0, items, views))
    codes = random.integers(0, 3, items)
    features = random.standard_normal((views, 8))
    features /= np.linalg.norm(features, axis=1, keepdims=True)
    sample = sample_of(features, codes[item].tolist(), 3, item.tolist())

    rows, shares = vote_among_others(sample)

    assert rows.tolist() == list(range(views))
    for row, share in zip(rows, shares, strict=True):
        near = {
            int(one): float(max(sample.features[item == one] @ sample.features[row]))
            for one in np.unique(item)
            if one != item[row]
        }
        voters = sorted(near, key=lambda one: -near[one])[:VOTERS]
        said = {one.value: one.score for one in vote(codes[voters, None].tolist(), [near[v] for v in voters])}
        assert share.tolist() == pytest.approx([said.get(code, 0.0) for code in range(3)], abs=1e-4)
