from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tonari.builds.gates import Metrics, find_regressions
from tonari.config import ANY_FALL, Margins


def attribute(discriminant: float, vote: float, held_out: int = 100_000) -> dict[str, Any]:
    methods = {"discriminant": discriminant, "means": 0.1, "vote": vote}
    return {"methods": {name: {"accuracy": value, "held_out": held_out} for name, value in methods.items()}}


LIVE = Metrics(50_000, 100_000, "product", {"1": 0.999, "0.01": 0.999}, {"color": attribute(0.8, 0.7)})


def test_the_same_is_good_enough() -> None:
    assert find_regressions(LIVE, LIVE, Margins(0, 0)) == ()


@pytest.mark.parametrize(("now", "falls"), [(0.999, 0), (0.991, 0), (0.98, 1), (0.5, 1), (1.0, 0)])
def test_recall(now: float, falls: int) -> None:
    found = find_regressions(LIVE, replace(LIVE, recall={"1": 0.999, "0.01": now, "0.001": 0.1}), Margins())

    assert len(found) == falls
    assert all((one.what, one.live, one.now, one.held_out) == ("recall at 0.01", 0.999, now, None) for one in found)


@pytest.mark.parametrize(
    ("discriminant", "vote", "what"),
    [
        (0.8, 0.7, []),
        (0.771, 0.671, []),
        (0.76, 0.7, ["accuracy of color by discriminant"]),
        (0.9, 0.6, ["accuracy of color by vote"]),
        (0.1, 0.1, ["accuracy of color by discriminant", "accuracy of color by vote"]),
    ],
)
def test_accuracy(discriminant: float, vote: float, what: list[str]) -> None:
    found = find_regressions(LIVE, replace(LIVE, attributes={"color": attribute(discriminant, vote)}), Margins())

    assert [one.what for one in found] == what
    assert all(one.held_out == 100_000 and one.margin == 0.03 for one in found)


def test_few_items_prove_little() -> None:
    """Two standard errors of the difference of 0.8 and 0.72, on 100 items each, are 0.12."""
    live = replace(LIVE, attributes={"color": attribute(0.8, 0.7, 100)})

    assert find_regressions(live, replace(LIVE, attributes={"color": attribute(0.72, 0.7, 100)}), Margins()) == ()
    (fall,) = find_regressions(live, replace(LIVE, attributes={"color": attribute(0.6, 0.7, 100)}), Margins())
    assert fall.margin == pytest.approx(0.1265, abs=1e-3)
    assert str(fall) == f"accuracy of color by discriminant fell from 0.800 to 0.600, by more than {fall.margin:.3f}"


def test_a_recall_of_few_neighbours_proves_little() -> None:
    """Of 1,000 items one is in range at 0.001: recall was measured on some 128 neighbours."""
    live = replace(LIVE, items=1000, views=2000, recall={"0.001": 0.99})

    assert find_regressions(live, replace(live, recall={"0.001": 0.965}), Margins()) == ()
    assert len(find_regressions(live, replace(live, recall={"0.001": 0.8}), Margins())) == 1


@pytest.mark.parametrize(
    "new",
    [
        replace(LIVE, held_out_by=("",), attributes={"color": attribute(0.1, 0.1)}),
        replace(LIVE, held_out_by=(*LIVE.held_out_by, "looks"), attributes={"color": attribute(0.1, 0.1)}),
        replace(LIVE, attributes={"style": attribute(0.1, 0.1)}),
        replace(LIVE, attributes={"color": {"methods": {}}}),
        replace(LIVE, recall={}),
    ],
)
def test_what_cannot_be_compared_is_not(new: Metrics) -> None:
    assert find_regressions(LIVE, new, Margins(0, 0)) == ()


def test_the_owner_may_accept_any_fall() -> None:
    nothing = replace(LIVE, recall={"1": 0.0, "0.01": 0.0}, attributes={"color": attribute(0, 0)})

    assert len(find_regressions(LIVE, nothing, Margins())) == 4
    assert find_regressions(LIVE, nothing, ANY_FALL) == ()
