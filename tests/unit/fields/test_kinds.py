"""What a single JSON value is."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tonari.fields.kinds import is_exact, parse_date, text_of


@pytest.mark.parametrize(
    ("value", "exact"),
    [(0, True), (0.1, True), (1e300, True), (2**53, True), (2**53 + 1, False), (2**53 + 2, True), (-(2**53) - 1, False),
     (2**70, True), (10**22, True), (10**23, False), (10**300, False)],
)  # fmt: skip
def test_what_a_float_holds(value: float, exact: bool) -> None:  # noqa: FBT001
    assert is_exact(value) is exact


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("1970-01-01", 0.0),
        ("1970-01-02", 86_400.0),
        ("1970-01-01T00:01", 60.0),
        ("1970-01-01 00:00:01", 1.0),
        ("1970-01-01T00:00:01.5Z", 1.5),
        ("1970-01-01T01:00:00+01:00", 0.0),
        ("1969-12-31T23:00:00-01:00", 0.0),
        ("0001-01-01", dt.datetime(1, 1, 1, tzinfo=dt.UTC).timestamp()),
    ],
)
def test_dates(text: str, moment: float) -> None:
    assert parse_date(text) == moment


@given(st.datetimes(timezones=st.timezones()))
@settings(max_examples=50, deadline=None)
def test_dates_of_all_zones(moment: dt.datetime) -> None:
    offset = moment.utcoffset()
    if offset is not None and offset % dt.timedelta(minutes=1) == dt.timedelta():
        assert parse_date(moment.isoformat()) == moment.timestamp()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "soon",
        "2026",
        "2026-01",
        "20260131",
        "2026-13-01",
        "2026-02-30",
        "0000-01-01",
        "2026-01-31T25:00",
        "31.1.26",
    ],
)
def test_what_is_no_date(text: str) -> None:
    assert parse_date(text) is None


@pytest.mark.parametrize(
    ("value", "text"),
    [(5, "5"), (5.0, "5"), (1e3, "1000"), (-0.0, "0"), (0.1, "0.1"), (1e20, "1" + "0" * 20), (10**20, "1" + "0" * 20),
     (1e21, "1e+21"), (2**53 + 1, "9007199254740993"), (True, "true"), ("5.0", "5.0"), ("", "")],
)  # fmt: skip
def test_numbers_as_text(value: Any, text: str) -> None:
    assert text_of(value) == text
