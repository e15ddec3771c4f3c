"""Fusion by reciprocal rank: a pure function of ranked ids."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tonari.query.fusion import fuse

RANKED = st.lists(st.text("abcdefghij", min_size=1, max_size=2), unique=True, max_size=30)


def test_the_score_is_the_sum_of_reciprocal_ranks() -> None:
    found = {one.id: one for one in fuse({"lexical": ["a", "b", "c"], "dense": ["c", "a", "d"]})}

    assert found["a"].score == pytest.approx((1 / 61 + 1 / 62) / (2 / 61), abs=1e-9)
    assert found["c"].score == pytest.approx((1 / 63 + 1 / 61) / (2 / 61), abs=1e-9)
    assert found["d"].score == pytest.approx((1 / 63) / (2 / 61), abs=1e-9)
    assert found["a"].ranks == {"lexical": 1, "dense": 2}
    assert found["d"].ranks == {"dense": 3}
    assert list(found) == ["a", "c", "b", "d"]


def test_the_first_of_every_ranking_has_the_score_1() -> None:
    assert fuse({"lexical": ["a"], "dense": ["a"]})[0].score == 1
    assert fuse({"lexical": ["a"]})[0].score == 1
    assert fuse({"lexical": [], "dense": []}) == []


@given(RANKED, RANKED)
def test_every_item_comes_once_in_order(lexical: list[str], dense: list[str]) -> None:
    found = fuse({"lexical": lexical, "dense": dense})

    assert sorted(one.id for one in found) == sorted({*lexical, *dense})
    assert [(-one.score, one.id) for one in found] == sorted((-one.score, one.id) for one in found)
    assert all(0 < one.score <= 1 for one in found)
    for one in found:
        for name, ranking in (("lexical", lexical), ("dense", dense)):
            assert one.ranks.get(name) == (ranking.index(one.id) + 1 if one.id in ranking else None)


@given(RANKED, RANKED)
def test_which_ranking_is_named_first_does_not_matter(lexical: list[str], dense: list[str]) -> None:
    one = [(found.id, found.score) for found in fuse({"lexical": lexical, "dense": dense})]
    assert one == [(found.id, found.score) for found in fuse({"dense": lexical, "lexical": dense})]


@given(RANKED)
def test_one_ranking_keeps_its_order(lexical: list[str]) -> None:
    assert [one.id for one in fuse({"lexical": lexical})] == lexical


@given(RANKED, RANKED, st.data())
def test_an_item_that_rises_in_a_ranking_never_falls(lexical: list[str], dense: list[str], data: st.DataObject) -> None:
    if len(lexical) < 2:
        return
    place = data.draw(st.integers(1, len(lexical) - 1))
    raised = [*lexical]
    raised[place - 1], raised[place] = raised[place], raised[place - 1]

    def place_of(ranking: list[str]) -> int:
        return [one.id for one in fuse({"lexical": ranking, "dense": dense})].index(lexical[place])

    assert place_of(raised) <= place_of(lexical)
