from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tonari.contract.decoding import decode, named, nearest_name, read_query_string
from tonari.contract.requests import ImageRequest, PredictRequest, SearchesRequest, SearchOptions, SearchRequest
from tonari.errors import InvalidRequestError, InvalidVectorError, TonariError

Pairs = list[tuple[str, str]]


def read(*pairs: tuple[str, str]) -> SearchOptions:
    return decode(read_query_string(pairs, SearchOptions), SearchOptions)


def test_each_kind_of_parameter() -> None:
    found = read(
        ("k", "1"), ("filter", '{"price": {"$lt": 5}}'), ("ids", "b,c"), ("min_score", "0.5"), ("exact", "true"),
        ("group_by", "brand"), ("per_group", "2"), ("diversity", "0.5"), ("include", "embedding,fields"),
    )  # fmt: skip

    assert found == SearchOptions(
        k=1, filter={"price": {"$lt": 5}}, ids=("b", "c"), min_score=0.5, exact=True, group_by="brand", per_group=2,
        diversity=0.5, include=("embedding", "fields"),
    )  # fmt: skip
    assert read_query_string([("method", "vote")], PredictRequest) == {"method": "vote"}
    assert read_query_string([("view", "5")], ImageRequest) == {"view": "5"}


@pytest.mark.parametrize(
    ("texts", "ids"),
    [
        ([""], ()),
        (["a"], ("a",)),
        (["a,b"], ("a", "b")),
        (["a", "b"], ("a", "b")),
        (["a,b", "c"], ("a", "b", "c")),
        (['["a,b", "c"]'], ("a,b", "c")),
        (['["a,b"]', "c,d"], ("a,b", "c", "d")),
        (["[]"], ()),
        (["5"], ("5",)),
        (["null"], ("null",)),
        (["a]"], ("a]",)),
    ],
)
def test_lists(texts: list[str], ids: tuple[str, ...]) -> None:
    assert read(*(("ids", text) for text in texts)).ids == ids


@pytest.mark.parametrize(
    ("pairs", "says"),
    [
        ([("k", "five")], "'k' cannot be read"),
        ([("k", "")], "'k' cannot be read"),
        ([("k", "5.0")], "'k' is a whole number"),
        ([("exact", "True")], "'exact' cannot be read"),
        ([("exact", "1")], "'exact' is true or false"),
        ([("min_score", "NaN")], "'min_score' cannot be read: NaN"),
        ([("min_score", "1e400")], "'min_score' cannot be read"),
        ([("filter", "price<5")], "'filter' cannot be read"),
        ([("filter", '{"$\\ud800": 1}')], "'filter' cannot be read"),
        ([("filter", '{"price": 1, "price": 2}')], "'filter' cannot be read: 'price' stands twice"),
        ([("filter", "[" * 5000)], "'filter' cannot be read: it is nested too deeply"),
        ([("limit", "5")], "no parameter 'limit'; known are"),
        ([("fliter", "5")], "no parameter 'fliter'; did you mean 'filter'"),
        ([("k", "5"), ("k", "6")], "'k' stands 2 times in the query string: give it once"),
        ([("k", "5"), ("k", "5")], "'k' stands 2 times"),
        ([("cursor", "a"), ("k", "5"), ("cursor", "b"), ("cursor", "b")], "'cursor' stands 3 times"),
        ([("filter", "{}"), ("filter", "{}")], "'filter' stands 2 times"),
        ([("ids", "[5.0]")], "'ids' is a list .* it holds 5.0"),
        ([("ids", "[true]")], "'ids' is a list .* it holds true"),
        ([("ids", "\udcff")], "'ids' is not UTF-8: percent-encode whole characters"),
        ([("\ud83d", "a")], "A name in the query string is not UTF-8"),
        ([("ids", "[a]")], "'ids' cannot be read"),
        ([("ids", '["a"]b')], "'ids' cannot be read"),
        ([("facets", ",".join("a" * 21))], "'facets' is a list of at most 20"),
    ],
)
def test_a_query_string_of_another_form_is_refused(pairs: Pairs, says: str) -> None:
    with pytest.raises(InvalidRequestError, match=says):
        read(*pairs)


def test_long_values_are_cut_short_where_they_are_repeated() -> None:
    with pytest.raises(InvalidRequestError) as raised:
        decode({"k": "9" * 1000}, SearchOptions)

    assert len(raised.value.detail) < 120
    assert "…" in raised.value.detail


def test_only_short_names_are_compared_with_known_ones() -> None:
    assert nearest_name("colour", ["color", "price"]) == "color"
    assert nearest_name("x", ["color", "price"]) is None
    assert nearest_name("color" * 100, ["color" * 99]) is None


def test_a_query_of_several_is_named() -> None:
    with pytest.raises(InvalidVectorError, match=r"^queries\[3\]: wrong$"), named(3):
        raise InvalidVectorError("wrong")


ODD = ["", "a", "隣", "\x00", "a` - at `$.k`", " - at `$.queries[0]`", "x' - at `$.method", "$", "`"]
SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.sampled_from(ODD) | st.text()
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["positive", *ODD]), inner, max_size=3),
    max_leaves=5,
)
NAMES = st.sampled_from([*SearchRequest.__struct_fields__, "attributes", "method", "queries", *ODD])
REQUESTS = st.dictionaries(NAMES, VALUES, max_size=4)


@given(REQUESTS | VALUES | st.builds(lambda queries: {"queries": queries}, st.lists(REQUESTS, max_size=3)))
@settings(max_examples=400, deadline=None)
def test_whatever_is_sent_is_read_or_refused_in_a_sentence(values: Any) -> None:
    for kind in (SearchRequest, SearchesRequest, PredictRequest):
        error = refusal(values, kind)
        assert error is None or (400 <= error.status < 500 and len(error.detail) < 400)


def refusal(values: Any, kind: type[Any]) -> TonariError | None:
    try:
        decode(values, kind)
    except TonariError as error:
        return error
    return None


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"a` - at `$.k": 1}, "no parameter 'a` - at `\\$.k'"),
        ({"id": "a", "method": "x` - at `$.k"}, "'method' is discriminant or means or vote, not"),
        ({"id": "a", "ids": [" - at `$.queries[5]`" + "x" * 256]}, "^'ids' "),
        ({"id": "a", "ids": [" - at `$.queries[5]`" + "é" * 130]}, "^'ids' has"),
    ],
)
def test_values_are_never_taken_for_our_own_words(values: dict[str, Any], says: str) -> None:
    with pytest.raises(InvalidRequestError, match=says):
        decode(values, PredictRequest)
