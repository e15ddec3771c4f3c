"""Metrics as CloudWatch takes them; the rules are those of its Embedded Metric Format Specification."""

from __future__ import annotations

import json
import math
from typing import get_args, get_type_hints

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tonari.aws.metrics import CURRENT, REJECTED, UNITS, failed_rebuild, metric_line, rebuild_metrics, reindex_metrics
from tonari.builds.rebuild import Rebuilt

OUTCOMES = get_args(get_type_hints(Rebuilt)["outcome"])
DAY = 86_400.0


@given(st.dictionaries(st.sampled_from(sorted(UNITS)), st.floats(allow_nan=False, allow_infinity=False), min_size=1))
def test_a_line_is_one_object_that_holds_what_it_declares(values: dict[str, float]) -> None:
    line = metric_line("shop-rebuild", 1_700_000_000.25, values)
    said = json.loads(line)
    (directive,) = said["_aws"]["CloudWatchMetrics"]

    assert "\n" not in line
    assert said["_aws"]["Timestamp"] == 1_700_000_000_250
    assert directive["Namespace"] == "tonari"
    assert [[said[name] for name in names] for names in directive["Dimensions"]] == [["shop-rebuild"]]
    assert {one["Name"]: said[one["Name"]] for one in directive["Metrics"]} == values
    assert {one["Unit"] for one in directive["Metrics"]} <= {"Count", "None"}


def test_a_metric_that_nobody_declared_or_that_is_no_number() -> None:
    with pytest.raises(KeyError):
        metric_line("f", 0.0, {"Rebuilds": 1.0})
    for value in (math.nan, math.inf):
        with pytest.raises(ValueError, match="JSON"):
            metric_line("f", 0.0, {"RebuildRefused": value})


@pytest.mark.parametrize("outcome", OUTCOMES)
def test_a_rebuild_says_what_it_was_and_what_it_was_not(outcome: str) -> None:
    found = rebuild_metrics(outcome, 3 * DAY)

    assert found["RebuildRefused"] == (outcome == "refused")
    assert found["RebuildUnfinished"] == (outcome == "unfinished")
    assert found["RebuildFailed"] == 0
    assert set(found) <= set(UNITS)


@pytest.mark.parametrize(
    ("outcome", "age", "expected"),
    [
        ("published", 12.0, 0.0),
        ("unchanged", 30 * DAY, 0.0),
        ("refused", 3 * DAY, 3.0),
        ("superseded", DAY / 2, 0.5),
        ("superseded", -5.0, 0.0),
        ("refused", None, None),
        ("unfinished", 3 * DAY, None),
        ("busy", 3 * DAY, None),
    ],
)
def test_the_age_is_that_of_what_is_live_unless_it_is_current(
    outcome: str, age: float | None, expected: float | None
) -> None:
    assert rebuild_metrics(outcome, age).get("SnapshotAgeDays") == expected


def test_every_outcome_is_known() -> None:
    assert CURRENT | REJECTED | {"unfinished", "busy"} == set(OUTCOMES)


def test_what_failed_and_what_was_taken_in() -> None:
    assert failed_rebuild() == {"RebuildFailed": 1.0}
    assert reindex_metrics(5, 2, 1) == {"ChangesTaken": 5.0, "ChangesReturned": 2.0, "ChangesUnreadable": 1.0}
    assert set(reindex_metrics(0, 0, 0)) <= set(UNITS)
