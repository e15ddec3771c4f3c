from __future__ import annotations

import datetime as dt
import json
import unicodedata
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tonari.errors import InvalidFilterError
from tonari.fields.columns import NumberColumn, build_columns
from tonari.fields.filters import MOST_CONDITIONS, MOST_DEPTH, MOST_VALUES, parse_filter
from tonari.fields.kinds import is_exact
from tonari.fields.masks import evaluate
from tonari.fields.schema import Field, Schema, infer_schema
from tonari.fields.unusable import unusable_values

SCHEMA = Schema(
    {
        "price": Field("number"),
        "color": Field("string", attribute=True),
        "new": Field("boolean"),
        "since": Field("date"),
        "tags": Field("strings"),
        "secret": Field("string", filterable=False),
    }
)
NUMBERS = [-1, 0, 1, 1.0, -0.0, 2.5, 49.99, 2**53, 2**53 + 2, 2**70, -1e300]
WORDS = ["red", "blue", "", "é", "1", "true", "Red"]
DATES = ["2026-01-31", "2026-01-31T00:00:00Z", "2026-01-31T01:00:00+02:00", "2025-12-31 23:59:59", "1969-07-20"]
FIT = {
    "price": st.sampled_from(NUMBERS),
    "color": st.sampled_from(WORDS),
    "new": st.booleans(),
    "since": st.sampled_from(DATES),
    "tags": st.sampled_from(WORDS),
}
TEXT_OF_NUMBERS: dict[str, st.SearchStrategy[Any]] = {
    "color": st.sampled_from([1, 1.0, True]),
    "tags": st.sampled_from([1, 1.0]),
    "new": st.nothing(),
}
MISFITS = st.sampled_from(
    [2**53 + 1, 10**300, None, True, False, 0, 1, 5, "1", "true", "soon", "red", [], [1], ["red", 1], {"a": 1}]
)
DOCUMENTS = st.fixed_dictionaries(
    {},
    optional={
        **{name: values | MISFITS for name, values in FIT.items()},
        "tags": st.lists(st.sampled_from(WORDS), max_size=3) | FIT["tags"] | MISFITS,
    },
)


def _operators(name: str) -> st.SearchStrategy[dict[str, Any]]:
    given = FIT[name] | st.none() if name in ("price", "since") else FIT[name] | st.none() | TEXT_OF_NUMBERS[name]
    value, values = FIT[name], st.lists(given, max_size=3)
    some: dict[str, st.SearchStrategy[Any]] = {
        "$eq": given,
        "$ne": given,
        "$in": values,
        "$nin": values,
        "$exists": st.booleans(),
    }
    order = {"$gt": value, "$gte": value, "$lt": value, "$lte": value} if name in ("price", "since") else some
    one = st.sampled_from([order, some]).flatmap(
        lambda plain: st.lists(st.sampled_from(sorted(plain)), min_size=1, max_size=2, unique=True).flatmap(
            lambda chosen: st.fixed_dictionaries({operator: plain[operator] for operator in chosen})
        )
    )
    return one | st.fixed_dictionaries({"$not": one | value})


CONDITIONS = st.sampled_from(sorted(FIT)).flatmap(
    lambda name: st.fixed_dictionaries({name: FIT[name] | _operators(name)})
)
FILTERS = st.recursive(
    CONDITIONS | st.just({}),
    lambda inner: st.one_of(
        st.fixed_dictionaries({}, optional={"$and": st.lists(inner, min_size=1, max_size=3)}),
        st.fixed_dictionaries({"$or": st.lists(inner, min_size=1, max_size=3)}),
        st.fixed_dictionaries({"$not": inner}),
        st.tuples(inner, CONDITIONS).map(lambda two: {**two[0], **two[1]}),
    ),
    max_leaves=6,
)


def values_of(name: str, raw: Any) -> list[Any]:
    """What an item has of a field: no value, one, or for lists several."""
    match SCHEMA.fields[name].type:
        case "number":
            return [raw] if type(raw) in (int, float) and float(raw) == raw else []
        case "boolean":
            return [raw] if type(raw) is bool else []
        case "string":
            return [plain(raw)] if type(raw) in SCALARS else []
        case "date":
            return [seconds(raw)] if raw in DATES else []
        case _:
            words = raw if isinstance(raw, list) else [raw]
            return [plain(one) for one in words] if all(type(one) in (str, int, float) for one in words) else []


def plain(value: Any) -> str:
    """The text of a text, number or flag."""
    return value if isinstance(value, str) else json.dumps(int(value) if type(value) is float else value)


SCALARS = (bool, int, float, str)


def seconds(date: str) -> float:
    moment = dt.datetime.fromisoformat(date)
    return (moment.replace(tzinfo=dt.UTC) if moment.tzinfo is None else moment).timestamp()


def holds(document: dict[str, Any], raw: dict[str, Any]) -> bool:
    """MongoDB's rules, on one document in plain Python."""
    for name, value in raw.items():
        if name == "$and":
            right = all(holds(document, one) for one in value)
        elif name == "$or":
            right = any(holds(document, one) for one in value)
        elif name == "$not":
            right = not holds(document, value)
        else:
            right = field_holds(values_of(name, document.get(name)), name, value)
        if not right:
            return False
    return True


def field_holds(there: list[Any], name: str, raw: Any) -> bool:
    operators = raw if isinstance(raw, dict) else {"$eq": raw}
    return all(operator_holds(there, name, operator, value) for operator, value in operators.items())


def operator_holds(there: list[Any], name: str, operator: str, value: Any) -> bool:
    if operator == "$not":
        return not field_holds(there, name, value)
    if operator == "$exists":
        return bool(there) is value
    if operator in ("$ne", "$nin"):
        return not operator_holds(there, name, "$in", value if operator == "$nin" else [value])
    if operator == "$eq":
        return operator_holds(there, name, "$in", [value])
    if operator == "$in":
        wanted_values = [read(name, given) for given in value if given is not None]
        return (None in value and not there) or any(one in wanted_values for one in there)
    wanted = read(name, value)
    return any(
        {"$gt": one > wanted, "$gte": one >= wanted, "$lt": one < wanted, "$lte": one <= wanted}[operator]
        for one in there
    )


def read(name: str, value: Any) -> Any:
    kind = SCHEMA.fields[name].type
    match kind:
        case "date":
            return seconds(value)
        case "string" | "strings":
            return plain(value)
    return value


def matches(raw: Any, documents: list[dict[str, Any]]) -> list[bool]:
    mask = evaluate(parse_filter(raw, SCHEMA), build_columns(documents, SCHEMA), len(documents))
    assert mask.dtype == np.bool_
    return list(mask.tolist())


def nested(depth: int) -> dict[str, Any]:
    """A filter ``depth`` deep."""
    raw: dict[str, Any] = {"price": 5}
    for _ in range(depth - 1):
        raw = {"$not": raw}
    return raw


@given(st.lists(DOCUMENTS, max_size=8), FILTERS)
@settings(max_examples=250, deadline=None)
def test_against_plain_python(documents: list[dict[str, Any]], raw: dict[str, Any]) -> None:
    assert matches(raw, documents) == [holds(document, raw) for document in documents]


@given(DOCUMENTS, FILTERS)
@settings(max_examples=50, deadline=None)
def test_a_field_without_a_column_is_missing(document: dict[str, Any], raw: dict[str, Any]) -> None:
    bare = evaluate(parse_filter(raw, SCHEMA), {}, 1).tolist()

    assert bare == matches(raw, [{}])
    assert bare == [holds({}, raw)]
    assert len(matches(raw, [document])) == 1


@pytest.mark.parametrize("name", FIT)
@pytest.mark.parametrize(
    ("operator", "found"),
    [("$eq", False), ("$ne", True), ("$in", False), ("$nin", True), ("$lt", False), ("$gte", False)],
)
def test_an_item_without_the_field(name: str, operator: str, found: bool) -> None:  # noqa: FBT001
    if operator in ("$lt", "$gte") and name not in ("price", "since"):
        return
    value = {"price": 5, "color": "red", "new": True, "since": "2026-01-31", "tags": "red"}[name]
    raw = {name: {operator: [value] if operator in ("$in", "$nin") else value}}

    assert matches(raw, [{}]) == [found]
    assert evaluate(parse_filter(raw, SCHEMA), {}, 2).tolist() == [found] * 2


@pytest.mark.parametrize(
    ("raw", "found"),
    [
        ({}, "abcdef"),
        ({"price": {"$lt": 50}, "color": {"$in": ["red", "blue"]}}, "ab"),
        ({"price": 50}, "c"),
        ({"price": {"$gte": 20, "$lt": 50}}, "b"),
        ({"price": {"$ne": 10}}, "bcdef"),
        ({"price": {"$nin": [10, 50]}}, "bdef"),
        ({"price": {"$exists": False}}, "def"),
        ({"new": True}, "a"),
        ({"new": {"$ne": True}}, "bcdef"),
        ({"color": "1"}, "d"),
        ({"color": "true"}, "e"),
        ({"tags": "summer"}, "abe"),
        ({"tags": {"$nin": ["summer"]}}, "cdf"),
        ({"tags": {"$exists": True}}, "abe"),
        ({"color": None}, "f"),
        ({"color": {"$eq": None}}, "f"),
        ({"color": {"$ne": None}}, "abcde"),
        ({"color": {"$not": None}}, "abcde"),
        ({"color": {"$in": [None, "red"]}}, "af"),
        ({"color": {"$nin": [None, "red"]}}, "bcde"),
        ({"color": {"$nin": [None]}}, "abcde"),
        ({"price": None}, "def"),
        ({"tags": None}, "cdf"),
        ({"tags": {"$ne": None}}, "abe"),
        ({"new": None, "since": None}, "cdef"),
        ({"price": {"$in": []}}, ""),
        ({"tags": {"$in": []}}, ""),
        ({"color": {"$in": []}}, ""),
        ({"price": {"$nin": []}}, "abcdef"),
        ({"color": {"$nin": []}}, "abcdef"),
        ({"color": 1}, "d"),
        ({"color": 1.0}, "d"),
        ({"color": True}, "e"),
        ({"price": 50.0}, "c"),
        ({"price": {"$in": [1e1, 5]}}, "a"),
        ({"since": {"$gt": "2026-01-01"}}, "b"),
        ({"since": "2026-01-01T01:00:00+01:00"}, "a"),
        ({"$or": [{"price": 10}, {"color": "1"}]}, "ad"),
        ({"$not": {"price": {"$lt": 50}}}, "cdef"),
        ({"price": {"$not": {"$lt": 50}}}, "cdef"),
        ({"$and": [{"price": {"$gt": 10}}, {"$not": {"color": "blue"}}]}, "c"),
    ],
)
def test_by_example(raw: dict[str, Any], found: str) -> None:
    items: dict[str, dict[str, Any]] = {
        "a": {"price": 10, "color": "red", "new": True, "tags": ["summer", "sale"], "since": "2026-01-01"},
        "b": {"price": 20, "color": "blue", "new": False, "tags": "summer", "since": "2026-01-02"},
        "c": {"price": 50.0, "color": "green", "new": 1, "tags": [], "since": "yesterday"},
        "d": {"price": "10", "color": 1, "new": "true"},
        "e": {"price": True, "color": True, "tags": ["summer"]},
        "f": {"price": None},
    }

    mask = matches(raw, list(items.values()))

    assert "".join(name for name, right in zip(items, mask, strict=True) if right) == found


@pytest.mark.parametrize(
    ("raw", "says"),
    [
        ([], "A filter is an object"),
        (None, "A filter is an object"),
        ("price", "A filter is an object"),
        ({"prize": 5}, "'prize' is no known field; did you mean 'price'?"),
        ({"weight": 5}, "'weight' is no known field; there are color, new, price, since, tags"),
        ({"secret": "x"}, "'secret' is not filterable"),
        ({"id": "a"}, "'id' is no known field"),
        ({"$nor": []}, r"There is no \$nor; filters combine with"),
        ({"$and": []}, r"\$and takes a list of at least one"),
        ({"$or": {"price": 5}}, r"\$or takes a list of at least one"),
        ({"$not": [{"price": 5}]}, "A filter is an object"),
        ({"$or": [5]}, "A filter is an object"),
        ({"$or": [None]}, "A filter is an object .*, not null"),
        ({"$not": [{"price": True}]}, r'A filter is an object .*, not \[\{"price": true\}\]'),
        ({"price": {}}, "'price' has an empty condition"),
        ({"price": {"lt": 5}}, r"there is no operator 'lt'; did you mean \$lt\?"),
        ({"price": {"$regex": "."}}, r"there is no operator '\$regex'"),
        ({"price": {"$not": {}}}, "empty condition"),
        ({"price": "5"}, "'price' is compared with a number, not '5'"),
        ({"price": True}, "a number, not true"),
        ({"price": {"$lt": None}}, "a number, not null"),
        (
            {"price": 2**53 + 1},
            r"'price' is a number field; 9007199254740993 is a whole number beyond 2\^53.*as string",
        ),
        ({"price": {"$gt": 10**30 + 1}}, r"beyond 2\^53"),
        ({"price": {"$nin": [1, -(2**53) - 1]}}, r"-9007199254740993 is a whole number beyond"),
        ({"caf\ud83d": 1}, "the name 'caf.ud83d' holds half a surrogate pair"),
        ({"color": {"$in": ["a", "\udfff"]}}, "the value of '.in' holds half a surrogate pair"),
        ({"é": 1, "e\u0301": 1}, "are one name in two normal forms"),
        ({"price": float("nan")}, "a number, not NaN"),
        ({"price": {"$lt": float("inf")}}, "a number, not Infinity"),
        ({"price": {"$lt": 10**400}}, "a number, not 1000"),
        ({"price": {"$in": [1, "2"]}}, "a number, not '2'"),
        ({"price": {"$in": None}}, rf"\$in takes a list of at most {MOST_VALUES}"),
        ({"price": {"$in": 5}}, rf"\$in takes a list of at most {MOST_VALUES}"),
        ({"price": {"$nin": list(range(MOST_VALUES + 1))}}, rf"\$nin takes a list of at most {MOST_VALUES}"),
        ({"price": {"$exists": 1}}, r"\$exists takes true or false"),
        ({"new": 1}, "'new' is compared with a boolean, not 1"),
        ({"new": "true"}, "a boolean, not 'true'"),
        ({"new": {"$gt": False}}, r"'new' is of type boolean; \$gt orders numbers and dates only"),
        ({"color": {"$lt": "s"}}, r"'color' is of type string; \$lt orders"),
        ({"tags": {"$gte": "s"}}, r"'tags' is of type strings; \$gte orders"),
        ({"color": ["red"]}, r"'color' is compared with a string, not \[\"red\"\]"),
        ({"tags": True}, "'tags' is compared with a string, not true"),
        ({"tags": ["summer"]}, r"'tags' is compared with a string, not \[\"summer\"\]"),
        ({"since": "soon"}, "an ISO 8601 date such as 2026-01-31, not 'soon'"),
        ({"since": 5}, "an ISO 8601 date"),
        (nested(MOST_DEPTH + 1), f"nested more than {MOST_DEPTH} deep"),
        ({"$or": [{"price": 5}] * (MOST_CONDITIONS + 1)}, f"more than {MOST_CONDITIONS} conditions"),
    ],
)
def test_what_cannot_be_applied_is_refused(raw: Any, says: str) -> None:
    with pytest.raises(InvalidFilterError, match=says):
        parse_filter(raw, SCHEMA)


def test_the_limits_themselves_pass() -> None:
    assert matches(nested(MOST_DEPTH), [{"price": 5}]) == [MOST_DEPTH % 2 == 1]
    assert matches({"$or": [{"price": 5}] * MOST_CONDITIONS}, [{"price": 5}]) == [True]
    assert matches({"price": {"$in": list(range(MOST_VALUES))}}, [{"price": 999}, {"price": 1000}]) == [True, False]


def test_depth_counts_within_a_field_too() -> None:
    raw: Any = 5
    for _ in range(MOST_DEPTH):
        raw = {"$not": raw}

    with pytest.raises(InvalidFilterError, match=f"nested more than {MOST_DEPTH} deep"):
        parse_filter({"price": raw}, SCHEMA)
    assert matches({"price": raw["$not"]}, [{"price": 5}]) == [MOST_DEPTH % 2 == 1]


@given(st.integers(0, 1 << 32), st.integers(11, 300))
@settings(max_examples=60, deadline=None)
def test_many_numbers_are_looked_up(seed: int, count: int) -> None:
    """Zero of both signs is one number, and nothing is equal to a number that is missing."""
    random = np.random.default_rng(seed)
    held = np.round(random.normal(0, 50, 2000), 1)
    held[::7], held[::11], held[::13] = np.nan, 0.0, -0.0
    wanted = [*np.round(random.normal(0, 50, count), 1).tolist(), 0.0]
    schema = Schema({"price": Field("number")})

    found = evaluate(parse_filter({"price": {"$in": wanted}}, schema), {"price": NumberColumn(held)}, len(held))

    assert found.tolist() == [value in wanted for value in held.tolist()]


BIG = 2**53


@given(
    st.lists(st.integers(BIG - 3, BIG + 5) | st.integers(10**17, 10**18) | st.just(5), min_size=1, max_size=8),
    st.integers(BIG - 3, BIG + 5) | st.integers(10**17, 10**18),
)
@settings(max_examples=200, deadline=None)
def test_large_whole_numbers_are_exact_or_refused(held: list[int], wanted: int) -> None:
    """By the inferred type; and a number is never found by another."""
    documents = [{"code": code} for code in held]
    schema = infer_schema(documents)
    columns = build_columns(documents, schema)
    if schema.fields["code"].type == "number" and not is_exact(wanted):
        with pytest.raises(InvalidFilterError, match="declare the field as string"):
            parse_filter({"code": {"$eq": wanted}}, schema)
        return
    found = evaluate(parse_filter({"code": {"$eq": wanted}}, schema), columns, len(held)).tolist()
    assert found == [code == wanted for code in held]
    unusable = [bool(unusable_values(schema, one)) for one in documents]
    assert unusable == [schema.fields["code"].type == "number" and not is_exact(code) for code in held]


def test_codes_of_many_digits_are_found_by_number_and_by_text() -> None:
    documents = [{"code": BIG + number} for number in range(4)]
    schema = infer_schema(documents)
    columns = build_columns(documents, schema)

    for wanted in (BIG + 1, str(BIG + 1)):
        assert evaluate(parse_filter({"code": wanted}, schema), columns, 4).tolist() == [False, True, False, False]


@pytest.mark.parametrize("wanted", [38, 38.0, "38"])
def test_lists_of_numbers_are_lists_of_their_texts(wanted: Any) -> None:
    documents: list[dict[str, Any]] = [{"sizes": [38, 39.5]}, {"sizes": ["38"]}, {"sizes": 38.0}, {"sizes": [39]}, {}]
    schema = infer_schema(documents)

    found = evaluate(parse_filter({"sizes": wanted}, schema), build_columns(documents, schema), 5)

    assert schema.fields["sizes"].type == "strings"
    assert found.tolist() == [True, True, True, False, False]


def test_names_and_values_are_one_in_both_normal_forms() -> None:
    schema = Schema({"größe": Field("string")})
    columns = build_columns([{"größe": "süß"}, {"größe": "\uff53"}], schema)
    other = {unicodedata.normalize("NFD", "größe"): {"$in": [unicodedata.normalize("NFD", "süß")]}}

    assert evaluate(parse_filter(other, schema), columns, 2).tolist() == [True, False]
    assert evaluate(parse_filter({"größe": "s"}, schema), columns, 2).tolist() == [False, False]
