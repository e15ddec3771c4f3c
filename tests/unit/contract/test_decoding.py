from __future__ import annotations

import json
import math
import sys
import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tonari.contract.decoding import decode, named, nearest_name, read_json, read_query_string
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
        ([("k", "null")], "'k' is a whole number"),
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
        ([("ids", "[5]")], "'ids' is a list .* it holds 5"),
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


def test_a_name_that_stands_twice_among_many_is_found_at_once() -> None:
    names = [f'"a{number}":0' for number in range(20_000)]
    began = time.process_time()

    with pytest.raises(ValueError, match=r"^'a19999' stands twice in one object$"):
        read_json("{" + ",".join([*names, names[-1]]) + "}")

    assert time.process_time() - began < 1


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


JSON_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**30), 10**30)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=10,
)


@given(JSON_VALUES, st.booleans())
@settings(max_examples=100, deadline=None)
def test_what_can_be_written_can_be_read(value: object, escaped: bool) -> None:  # noqa: FBT001
    assert read_json(json.dumps(value, ensure_ascii=escaped).encode()) == value
    assert read_json(json.dumps(value, ensure_ascii=escaped)) == value


def test_kinds_of_numbers_are_kept() -> None:
    assert list(map(type, read_json("[1, 1.0, 1e0, true]"))) == [int, float, float, bool]


def test_the_largest_float_passes() -> None:
    assert read_json(repr(sys.float_info.max)) == sys.float_info.max
    assert math.isfinite(float(read_json(str(int(sys.float_info.max)))))


@pytest.mark.parametrize(
    "text",
    [
        "NaN",
        '{"a": Infinity}',
        "[-Infinity]",
        "1e400",
        "-1e400",
        "1" * 400,
        "-" + "1" * 400,
        "1" * 5000,
        '"\\ud800"',
        '["\\uDFFF"]',
        '{"\\ud83d": 1}',
        '"\\ud83d \\ude00"',
        "[" * 100_000,
        "[" * 65 + "]" * 65,
        '[{"a": ' * 33 + "1" + "}]" * 33,
        '{"a": 1, "b": 2, "a": 1}',
        '[{"a": {"b": 1, "b": 2}}]',
        "",
        "{",
        "{'a': 1}",
        "[1,]",
        "1 2",
    ],
)
def test_what_cannot_be_used_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        read_json(text)


@pytest.mark.parametrize("data", [b"\xff\xfe", b'"\xe9"', '"é"'.encode("utf-16")])
def test_other_encodings_are_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match="utf-8"):
        read_json(data)


def test_pairs_and_a_byte_order_mark_pass() -> None:
    assert read_json(b'\xef\xbb\xbf"\\ud83d\\ude00"') == "\N{GRINNING FACE}"


@pytest.mark.parametrize("text", ["[" * 64 + "]" * 64, "[" + ", ".join(["[1]"] * 100) + "]", '["' + "[" * 100 + '"]'])
def test_only_depth_is_limited(text: str) -> None:
    assert read_json(text) == json.loads(text)


@pytest.mark.parametrize("one", ["[]", "{}", '{"a":[]}'])
def test_so_many_lists_and_objects_are_read(one: str) -> None:
    many = 99_999 // (1 + (len(one) > 2))
    assert len(read_json("[" + ",".join([one] * many) + "]")) == many
    with pytest.raises(ValueError, match="it has more than 100,000 lists and objects"):
        read_json("[" + ",".join([one] * (many + 1)) + "]")
    assert read_json(f'["{"[" * 200_000}"]') == ["[" * 200_000]


def test_brackets_in_texts_are_no_depth() -> None:
    value = {"a": "[" * 100, 'b"[': ["\\", '\\"[{', "{" * 70]}

    assert read_json(json.dumps(value)) == value
