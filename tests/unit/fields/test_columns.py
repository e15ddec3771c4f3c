from __future__ import annotations

import io
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tonari.contract.engine import FieldType
from tonari.fields.columns import (
    ClassColumn,
    Column,
    ListColumn,
    NumberColumn,
    build_columns,
    columns_from_arrays,
    columns_to_arrays,
    count_unusable,
)
from tonari.fields.schema import Field, Schema
from tonari.fields.unusable import unusable_values

TYPES: tuple[FieldType, ...] = ("number", "string", "boolean", "date", "strings")
NAMES = ["plain", "column0", "column1_items", "columns", "", "隣 é/\0"]
VALUES = (
    st.none()
    | st.booleans()
    | st.integers(-5, 5)
    | st.floats()
    | st.sampled_from(["a", "b", "é", "", "2026-01-31", "true"])
    | st.lists(st.sampled_from(["a", "b", "隣"]), max_size=3)
)


def column(kind: FieldType, *values: Any) -> Column:
    return build_columns([{"f": value} for value in values], Schema({"f": Field(kind)}))["f"]


def seen(column: Column) -> tuple[object, ...]:
    """What a column says, so that two can be compared; NaN is written as None."""
    match column:
        case NumberColumn(values):
            return "number", values.dtype, [None if math.isnan(value) else value for value in values.tolist()]
        case ClassColumn(codes, classes):
            return "class", codes.dtype, codes.tolist(), classes, list(map(type, classes))
        case ListColumn(codes, items, classes, count):
            return "list", codes.dtype, codes.tolist(), items.dtype, items.tolist(), classes, count


@given(
    st.dictionaries(st.sampled_from(NAMES), st.sampled_from(TYPES)),
    st.lists(st.dictionaries(st.sampled_from(NAMES), VALUES), max_size=6),
)
@settings(max_examples=100, deadline=None)
def test_round_trip_through_a_file(kinds: dict[str, FieldType], documents: list[dict[str, Any]]) -> None:
    columns = build_columns(documents, Schema({name: Field(kind) for name, kind in kinds.items()}))
    file = io.BytesIO()
    arrays = columns_to_arrays(columns)
    np.savez(file, **arrays)  # type: ignore[arg-type]
    file.seek(0)
    with np.load(file, allow_pickle=False) as stored:
        again = columns_from_arrays(dict(stored), len(documents))

    assert list(again) == list(columns)
    assert [seen(one) for one in again.values()] == [seen(one) for one in columns.values()]


def test_numbers() -> None:
    given = column(
        "number", 1, 2.5, None, "3", True, math.inf, math.nan, 10**400, 10**300, [1], 2**53 + 1, 2**54, 1e300
    )

    assert seen(given) == ("number", np.float64, [1.0, 2.5, *[None] * 9, 2.0**54, 1e300])


def test_dates() -> None:
    given = column("date", "1970-01-02", "soon", None, 5, "1970-01-01T00:00:01Z")

    assert seen(given) == ("number", np.float64, [86_400.0, None, None, None, 1.0])


def test_booleans() -> None:
    given = column("boolean", True, False, None, 1, 0, "true")

    assert seen(given) == ("class", np.int8, [1, 0, -1, -1, -1, -1], (False, True), [bool, bool])


def test_strings_take_numbers_and_booleans_as_text() -> None:
    given = column("string", "red", "", 5, 5.5, True, None, ["red"], math.nan, "red")

    assert isinstance(given, ClassColumn)
    assert given.classes == ("", "5", "5.5", "red", "true")
    assert given.codes.tolist() == [3, 0, 1, 2, 4, -1, -1, -1, 3]


def test_lists() -> None:
    given = column("strings", ["b", "a"], [], "c", None, ["a", None], ["a", "a"])

    assert isinstance(given, ListColumn)
    assert seen(given) == ("list", np.int32, [0, 0, 1, 2], np.int32, [0, 5, 0, 2], ("a", "b", "c"), 6)
    assert given.start.tolist() == [0, 2, 3, 4]
    assert given.having([0]).tolist() == [True, False, False, False, False, True]
    assert given.having([]).tolist() == [False] * 6


def test_codes_are_as_narrow_as_they_can_be() -> None:
    for count, kind in ((128, np.int8), (129, np.int16), (32_768, np.int16), (32_769, np.int32)):
        given = column("string", *(f"{number:05}" for number in range(count)), None)
        assert isinstance(given, ClassColumn)
        assert given.codes.dtype == kind
        assert given.codes.tolist() == [*range(count), -1]


def test_frequent_values_of_lists_have_bitmaps() -> None:
    given = column("strings", *([["often", "seldom"]] * 2), *([["often"]] * 4), *([[]] * 64))
    assert isinstance(given, ListColumn)

    assert list(given.frequent) == [0]
    assert np.unpackbits(given.frequent[0], count=70).tolist() == [1] * 6 + [0] * 64


@pytest.mark.parametrize(
    ("field", "made"),
    [
        (Field("string"), True),
        (Field("string", filterable=False), False),
        (Field("string", filterable=False, attribute=True), True),
        (Field("string", returned=False), True),
    ],
)
def test_columns_are_made_for_what_is_filtered_by_or_predicted(field: Field, made: bool) -> None:  # noqa: FBT001
    assert ("f" in build_columns([{"f": "red"}], Schema({"f": field}))) is made


@pytest.mark.parametrize("kind", TYPES)
def test_a_field_that_no_item_has(kind: FieldType) -> None:
    match column(kind, None, None):
        case NumberColumn(values):
            assert np.isnan(values).tolist() == [True, True]
        case ClassColumn(codes, classes):
            assert (codes.tolist(), classes) == ([-1, -1], ())
        case ListColumn(codes, items, classes, count):
            assert (len(codes), len(items), classes, count) == (0, 0, (), 2)


@given(
    documents=st.lists(st.dictionaries(st.sampled_from(TYPES), VALUES)),
    hidden=st.sets(st.sampled_from(TYPES)),
)
@settings(max_examples=150, deadline=None)
def test_every_value_that_no_column_has_is_counted(documents: list[dict[str, Any]], hidden: set[str]) -> None:
    schema = Schema({name: Field(name, filterable=name not in hidden) for name in TYPES})
    ids = np.array([f"隣{number}".encode() for number in range(len(documents))], np.bytes_)
    expected: dict[str, dict[str, str]] = {}
    for item, document in zip(ids.tolist(), documents, strict=True):
        for name, why in unusable_values(schema, document).items():
            expected.setdefault(name, {})[item.decode()] = why

    found = count_unusable(ids, documents, build_columns(documents, schema), schema)

    assert {name: one.count for name, one in found.items()} == {name: len(whys) for name, whys in expected.items()}
    for name, one in found.items():
        assert list(one.examples.items()) == list(expected[name].items())[:5]
    counts = [one.count for one in found.values()]
    assert counts == sorted(counts, reverse=True)
