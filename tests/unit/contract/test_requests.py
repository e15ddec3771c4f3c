from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from tonari.contract.decoding import decode, read_body
from tonari.contract.parameters import MOST_COMPONENTS, MOST_EXAMPLES, MOST_IDS, Examples
from tonari.contract.query_changes import Box
from tonari.contract.ranking import Boost
from tonari.contract.requests import (
    ImageRequest,
    PredictRequest,
    SearchesRequest,
    SearchOptions,
    SearchRequest,
    query_of,
)
from tonari.errors import InvalidFilterError, InvalidRequestError, InvalidVectorError


@pytest.mark.parametrize("kind", [SearchOptions, lambda **more: PredictRequest(id="a", **more)])
def test_a_filter_in_python_says_only_what_json_can(kind: Any) -> None:
    assert kind(filter={"e\u0301": {"$in": ["o\u0308", None]}}).filter == {"é": {"$in": ["ö", None]}}
    for raw, says in (
        ({"price": float("nan")}, "'filter' holds nan"),
        ({"$or": [{"price": {"$in": [1, float("inf")]}}]}, "'filter' holds inf"),
        ({"a": "\ud83d"}, "'filter' cannot be read: the value of 'a' holds half a surrogate pair"),
    ):
        with pytest.raises(ValueError, match=says):
            kind(filter=raw)


WRONG_LISTS: tuple[Any, ...] = ("a", [1.0], {}, [None])
PICTURE = b"\xff\xd8 a picture"
BOX = {"x": 0.5, "y": 0.5, "width": 0.5, "height": 0.5}
BOOST = {"field": "a", "weight": 0.1}
TEXT = base64.b64encode(PICTURE).decode()


def search(raw: Any) -> SearchRequest:
    data = raw if isinstance(raw, bytes) else json.dumps(raw).encode()
    return decode(read_body(data), SearchRequest)


@pytest.mark.parametrize(
    ("raw", "name", "value"),
    [
        ({"image": TEXT}, "image", PICTURE),
        ({"upload": "uploads/" + "5" * 32}, "upload", "uploads/" + "5" * 32),
        ({"id": "隣"}, "id", "隣"),
        ({"vector": [1, 0.5]}, "vector", (1.0, 0.5)),
        ({"vector": []}, "vector", ()),
        ({"examples": {"positive": ["a", "b", "a"]}}, "examples", Examples(positive=("a", "b"))),
        (
            {"examples": {"positive": ["a"], "negative": ["b"]}},
            "examples",
            Examples(positive=("a",), negative=("b",)),
        ),
    ],
)
def test_a_query(raw: dict[str, Any], name: str, value: Any) -> None:
    for request in (search(raw), decode(raw, PredictRequest)):
        assert query_of(request) == name
        assert getattr(request, name) == value


def test_the_defaults() -> None:
    assert search({"id": "a"}) == SearchRequest(
        id="a", k=10, min_score=-1.0, per_group=1, diversity=0.0, include=("fields", "image")
    )
    assert decode({"id": "a"}, PredictRequest) == PredictRequest(id="a", method=None, k=9)


@pytest.mark.parametrize(
    "kind", [SearchRequest, PredictRequest, SearchOptions, ImageRequest], ids=lambda one: one.__name__
)
def test_null_is_the_same_as_leaving_it_out(kind: type[Any]) -> None:
    queried = {"id": "a"} if "id" in kind.__struct_fields__ else {}
    expected = decode(queried, kind)

    for name in set(kind.__struct_fields__) - {*queried}:
        assert decode({**queried, name: None}, kind) == expected, name
    assert decode({**dict.fromkeys(kind.__struct_fields__), **queried}, kind) == expected


def test_null_within_what_is_nested() -> None:
    assert search({"examples": {"positive": ["a"], "negative": None}}) == search({"examples": {"positive": ["a"]}})
    several = decode({"queries": [{"id": "a", "k": None, "filter": None}]}, SearchesRequest)
    assert several == SearchesRequest((SearchRequest(id="a"),))
    condition = {"price": None, "$or": [None]}
    assert search({"id": "a", "filter": condition}).filter == condition
    for raw, says in (({"examples": {"positive": None}}, "lacks 'positive'"), ({"queries": None}, "lacks 'queries'")):
        with pytest.raises(InvalidRequestError, match=says):
            decode(raw, SearchesRequest if "queries" in raw else SearchRequest)


def test_all_parameters_of_a_search() -> None:
    raw = {
        "id": "a", "k": 1000, "filter": {"price": 5}, "ids": ["b", "c,d", "b"], "min_score": 0, "exact": True,
        "group_by": "brand", "per_group": 2, "diversity": 1, "facets": ["price", "brand", "price"],
        "include": ["embedding", "fields"], "fields": ["price", "price"], "predict": ["color", "color"],
    }  # fmt: skip

    assert search(raw) == SearchRequest(
        id="a", k=1000, filter={"price": 5}, ids=("b", "c,d"), min_score=0.0, exact=True, group_by="brand",
        per_group=2, diversity=1.0, facets=("price", "brand"), include=("embedding", "fields"), fields=("price",),
        predict=("color",),
    )  # fmt: skip


def test_all_parameters_of_a_prediction() -> None:
    raw = {"id": "a", "attributes": ["color", "color"], "method": "vote", "k": 3, "filter": {}, "ids": []}

    assert decode(raw, PredictRequest) == PredictRequest(
        id="a", attributes=("color",), method="vote", k=3, filter={}, ids=()
    )


@pytest.mark.parametrize(
    ("raw", "says"),
    [
        (b"", "not JSON"),
        (b"{", "not JSON"),
        (b"\xff", "not JSON"),
        (b'{"id": "a", "min_score": NaN}', "NaN is not a finite number"),
        (b'{"vector": [1e400]}', "1e400 is not a finite number"),
        (b'{"id": "\\ud800"}', "value of 'id' holds half a surrogate pair, '.ud800'"),
        (b"[" * 100_000, "nested too deeply: more than 64 levels"),
        (b'{"id": "a", "id": "b"}', "'id' stands twice in one object"),
        ([], "must be a JSON object"),
        (None, "must be a JSON object"),
        ({}, r"Name exactly one query: image, upload, id, vector, examples, text\.$"),
        ({"id": None}, "exactly one query"),
        ({"id": "a", "image": TEXT}, "exactly one query.*not image and id"),
        ({"id": "a", "exactly": True}, "no parameter 'exactly'; did you mean 'exact'"),
        ({"id": "a", "filters": {}}, "did you mean 'filter'"),
        ({"id": "a", "colour": "red"}, "no parameter 'colour'; known are text, .*, vector, examples"),
        ({"id": ""}, "'id' is a text that is not empty, of at most 256 bytes, not \"\""),
        ({"id": 5.0}, "'id' is a text that is not empty.*, not 5.0"),
        ({"id": True}, "'id' is a text that is not empty.*, not true"),
        ({"id": "a" * 257}, "'id' is a text .*256"),
        ({"id": "隣" * 86}, "'id' has .* of 258 bytes"),
        ({"upload": ["a"]}, "'upload' is the text that POST /v1/uploads gave"),
        ({"upload": "head.json"}, "'upload' is the text that POST /v1/uploads gave"),
        ({"image": "data:image/png;base64,AAAA"}, "'image' is a picture's bytes in base64"),
        *(({"image": text}, "'image' is a picture's bytes in base64") for text in ("AAA", "é", "A A=", 5, {})),
        *(({"id": "a", "k": k}, "'k' is a whole number from 1 to 1,000") for k in (0, -1, 1001, 1.0, "5", True)),
        *(({"id": "a", "ids": ids}, "'ids' is a list of at most 50,000 item ids") for ids in WRONG_LISTS),
        ({"id": "a", "ids": ["b"] * (MOST_IDS + 1)}, "'ids' is a list of at most 50,000.*; 50,001 are given"),
        ({"id": "a", "ids": ["隣" * 86]}, "'ids' has .* of 258 bytes in UTF-8; an id has at most 256"),
        *(({"id": "a", "min_score": s}, "'min_score' is a cosine") for s in (-1.1, 1.1, "0.5", True)),
        *(({"id": "a", "exact": flag}, "'exact' is true or false") for flag in (1, "true")),
        *(({"id": "a", "group_by": name}, "'group_by' is a text that is not empty") for name in ("", 5, ["a"])),
        *(
            ({"id": "a", "group_by": "b", "per_group": n}, "'per_group' is a whole number from 1")
            for n in (0, 1001, 1.0)
        ),
        ({"id": "a", "per_group": 2}, "'per_group' goes with 'group_by'"),
        *(({"id": "a", "diversity": n}, "'diversity' is a number from 0 to 1") for n in (-0.1, 1.1, "1", True)),
        *(({"id": "a", "facets": names}, "'facets' is a list of at most 20 names of fields") for names in WRONG_LISTS),
        ({"id": "a", "facets": ["a"] * 21}, "'facets' is a list of at most 20 names of fields; 21 are given"),
        *(({"id": "a", "disjunctive_facets": names}, "'disjunctive_facets' is a list of") for names in WRONG_LISTS),
        (
            {"id": "a", "facets": ["a"] * 9 + list("bcdefghijk"), "disjunctive_facets": list("lmnopqrstu")},
            "name 21 fields together, at most 20",
        ),
        ({"id": "a", "facets": ["a", "b"], "disjunctive_facets": ["b"]}, "'b' stands in 'facets' and in"),
        *(({"id": "a", "shift": raw}, "'shift' is an object such as") for raw in (*WRONG_LISTS, "red", 5, {"a": None})),
        ({"id": "a", "shift": {"a": ["b"]}}, "'shift' is an object such as"),
        ({"id": "a", "shift": dict.fromkeys("abcd", "x")}, "'shift' is .* at most 3 attributes"),
        *(({"id": "a", "boost": raw}, "'boost' is a list of at most 5 objects") for raw in ("a", {}, [5])),
        ({"id": "a", "boost": [BOOST] * 6}, "'boost' is a list of at most 5 objects .*; 6 are given"),
        ({"id": "a", "boost": [{"field": "a"}]}, "^'boost\\[0\\]' lacks 'weight', a number from -0.5 to 0.5"),
        ({"id": "a", "boost": [{"field": "a", "weight": 0.1, "low": -1.7e308}]}, "a number from -1e\\+300 to 1e\\+300"),
        ({"id": "a", "boost": [{**BOOST, "weight": 0.6}]}, "'boost.weight' is a number from -0.5 to 0.5, not 0.6"),
        ({"id": "a", "boost": [{**BOOST, "function": "sin"}]}, "'boost.function' is age or linear or log"),
        ({"id": "a", "boost": [{**BOOST, "high": "x"}]}, "'boost.high' is a number"),
        ({"id": "a", "boost": [{**BOOST, "half_life": 0}]}, "'boost.half_life' is a number of days over 0"),
        ({"id": "a", "boost": [{**BOOST, "weights": 1}]}, r"^boost\[0\]: There is no parameter 'weights'; did you"),
        ({"id": "a", "boost": [{**BOOST, "function": "age"}]}, "needs 'half_life'"),
        ({"id": "a", "boost": [{**BOOST, "function": "age", "half_life": 5, "low": 1}]}, "has no 'low' and 'high'"),
        ({"id": "a", "boost": [{**BOOST, "half_life": 5}]}, "'half_life' goes with"),
        ({"id": "a", "boost": [{**BOOST, "function": "log", "low": 5}]}, "leave 'low' out"),
        ({"id": "a", "boost": [{**BOOST, "function": "log", "high": 0}]}, "'high' over 0, not 0"),
        ({"id": "a", "boost": [{**BOOST, "low": 2, "high": 2}]}, "'low' and 'high' are both 2"),
        ({"id": "a", "boost": [{**BOOST, "weight": w} for w in (0.3, -0.3)]}, "make 0.6 together, at most 0.5: lower"),
        *(
            ({"id": "a", name: ids}, f"'{name}' is a list of at most .* item ids")
            for name in ("pin", "bury")
            for ids in WRONG_LISTS
        ),
        ({"id": "a", "pin": ["b"] * 101}, "'pin' is a list of at most 100 .*; 101 are given"),
        ({"id": "a", "bury": ["b"] * 1001}, "'bury' is a list of at most 1,000 .*; 1,001 are given"),
        ({"id": "a", "bury": ["隣" * 86]}, "'bury' has .* of 258 bytes"),
        ({"id": "a", "pin": ["b", "c"], "bury": ["c"]}, "'c' stands in 'pin' and in 'bury'"),
        ({"id": "a", "pin": ["b"], "group_by": "c"}, "'pin' and 'group_by' exclude each other"),
        ({"id": "a", "bury": ["b"], "diversity": 0.5}, "'bury' and 'diversity' exclude each other"),
        *(
            ({"image": TEXT, "region": {**BOX, name: value}}, f"'region.{name}' is the box's")
            for name in BOX
            for value in (-0.1, 1.1, "0.5", True)
        ),
        ({"image": TEXT, "region": {**BOX, "width": 0}}, "'region.width' is the box's width, over 0"),
        *(({"image": TEXT, "region": raw}, "'region' is {.*each from 0 to 1") for raw in ([0, 0, 1, 1], "left", 5)),
        ({"image": TEXT, "region": {"x": 0, "y": 0, "width": 1}}, "'region' lacks 'height', the box's height"),
        ({"image": TEXT, "region": {**BOX, "left": 0}}, "no parameter 'left'"),
        ({"image": TEXT, "region": {**BOX, "x": 0.6}}, "over the right edge of the picture: x \\+ width is 1.1"),
        ({"image": TEXT, "region": {**BOX, "y": 0.6}}, "over the lower edge"),
        *(({name: query, "region": BOX}, "'region' is a part of a picture, and the query is") for name, query in
          {"id": "a", "vector": [1.0], "examples": {"positive": ["a"]}}.items()),
        *(({"id": "a", "cursor": text}, "'cursor' is the text that an answer gave") for text in ("", 5)),
        ({"id": "a", "cursor": "x", "diversity": 0.5}, "exclude each other"),
        *(({"id": "a", "include": names}, "'include' is a list of what to show") for names in ("fields", [1])),
        ({"id": "a", "include": ["views"]}, "'include' is a list of what to show: fields, image, embedding; .*views"),
        *(({"id": "a", "fields": names}, "'fields' is a list of at most 100 names") for names in ("a", [1])),
        ({"id": "a", "fields": ["a"] * 101}, "'fields' is a list of at most 100 names of fields; 101 are given"),
        ({"id": "a", "fields": ["b"], "include": []}, "'include' leaves fields out"),
        ({"id": "a", "predict": ["a"] * 21}, "'predict' is a list of at most 20 names of attributes; 21 are given"),
        *(({"examples": raw}, "'examples' is ") for raw in ([], "a")),
        ({"examples": {"likes": ["a"]}}, "no parameter 'likes'"),
        *(({"examples": raw}, "'examples' lacks 'positive', a list of at least") for raw in ({}, {"negative": ["a"]})),
        ({"examples": {"positive": []}}, "'examples.positive' is a list of at least one .*; 0 are given"),
        ({"examples": {"positive": "a"}}, "'examples.positive' is a list of at least one and at most 100 item ids"),
        ({"examples": {"positive": ["a"], "negative": [5.5]}}, "'examples.negative' is a list .*; it holds 5.5"),
        (
            {"examples": {"positive": ["a"] * (MOST_EXAMPLES + 1)}},
            "'examples.positive' is a list .* 100 item ids; 101 are given",
        ),
        ({"examples": {"positive": ["a", "b"], "negative": ["b"]}}, "'b' as positive and as negative"),
        ({"examples": {"positive": ["a"]}, "id": "a"}, "exactly one query"),
        ({"queries": [{"id": "a"}]}, "no parameter 'queries'"),
    ],
)  # fmt: skip
def test_a_search_of_another_form_is_refused(raw: Any, says: str) -> None:
    with pytest.raises(InvalidRequestError, match=says):
        search(raw)


def test_a_region_may_end_at_the_edge_however_its_shares_are_rounded() -> None:
    box = {"x": 0.7, "y": 0.1, "width": 0.3, "height": 0.9000001}
    assert search({"upload": "uploads/" + "0" * 32, "region": box}).region == Box(**box)


@pytest.mark.parametrize("vector", ["1,2", {}, 5, ["1"], [None], [True], [[1.0]], [0.0] * (MOST_COMPONENTS + 1)])
def test_a_vector_of_another_form_is_refused(vector: Any) -> None:
    with pytest.raises(InvalidVectorError, match="'vector' is a list of finite numbers, one per dimension"):
        search({"vector": vector})


@pytest.mark.parametrize("raw", ["price < 5", [], 5, True])
def test_a_filter_of_another_form_is_refused(raw: Any) -> None:
    with pytest.raises(InvalidFilterError, match="'filter' is an object such as"):
        search({"id": "a", "filter": raw})


@pytest.mark.parametrize(
    ("raw", "says"),
    [
        ({"id": "a", "method": "median"}, "'method' is discriminant or means or vote, not \"median\""),
        ({"id": "a", "method": ["vote"]}, "'method' is discriminant or means or vote"),
        ({"id": "a", "attributes": "color"}, "'attributes' is a list of at most 100 names"),
        ({"id": "a", "attributes": [5]}, "'attributes' is a list of at most 100 names"),
        ({"id": "a", "attributes": ["b"] * 101}, "'attributes' is a list of at most 100 .*; 101 are given"),
        ({"id": "a", "exact": True}, "no parameter 'exact'"),
        ({"id": "a", "k": 0}, "'k' is a whole number"),
        ({}, "exactly one query"),
    ],
)
def test_a_prediction_of_another_form_is_refused(raw: Any, says: str) -> None:
    with pytest.raises(InvalidRequestError, match=says):
        decode(raw, PredictRequest)


def test_several_searches() -> None:
    raw = {"queries": [{"id": "a", "k": 3}, {"image": TEXT, "filter": {"price": 5}}]}

    assert decode(raw, SearchesRequest) == SearchesRequest(
        (SearchRequest(id="a", k=3), SearchRequest(image=PICTURE, filter={"price": 5}))
    )


@pytest.mark.parametrize(
    ("raw", "says"),
    [
        ({}, "lacks 'queries', a list of 1-10 searches"),
        ({"queries": []}, "'queries' is a list of 1-10 searches; 0 are given"),
        ({"queries": {"id": "a"}}, "'queries' is a list of 1-10 searches"),
        ({"queries": [{"id": "a"}] * 11}, "'queries' is a list of 1-10 searches; 11 are given"),
        ({"queries": [{"id": "a"}], "k": 5}, "no parameter 'k'; known are queries"),
        ({"queries": [{"id": "a"}, "b"]}, r"queries\[1\]: A search is a JSON object"),
        ({"queries": [{"id": "a"}, {"id": "a", "k": 0}]}, r"queries\[1\]: 'k' is a whole number"),
        ({"queries": [{"id": "a"}, {"id": "a", "fliter": 0}]}, r"queries\[1\]: There is no parameter 'fliter'"),
        ({"queries": [{"id": "a"}, {}]}, r"queries\[1\]: Name exactly one query"),
        ({"queries": [{"examples": {}}]}, r"queries\[0\]: 'examples' lacks 'positive'"),
        ({"queries": [{"id": "a", "include": ["x"]}]}, r"queries\[0\]: 'include' is .* it holds \"x\""),
        ({"queries": [{"queries": []}]}, r"queries\[0\]: There is no parameter 'queries'"),
        (
            {"queries": [{"id": "a"}, {"id": "a", "boost": [BOOST, {**BOOST, "wait": 1}]}]},
            r"^queries\[1\]: boost\[1\]: There is no parameter 'wait'",
        ),
        ({"queries": [{"id": "a", "boost": [{**BOOST, "weight": 1}]}]}, r"^queries\[0\]: 'boost.weight' is a number"),
        ({"queries": [{"id": "a", "k": 600}, {"id": "b", "k": 401}]}, "1,001 items, at most 1,000"),
        ({"queries": [{"id": "a", "ids": list(map(str, range(25_001)))}] * 2}, "50,002 'ids', at most 50,000"),
    ],
)
def test_several_searches_of_another_form_are_refused(raw: Any, says: str) -> None:
    with pytest.raises(InvalidRequestError, match=says):
        decode(raw, SearchesRequest)


def test_an_error_keeps_its_kind_among_several() -> None:
    with pytest.raises(InvalidVectorError, match=r"queries\[1\]: 'vector'"):
        decode({"queries": [{"id": "a"}, {"vector": "x"}]}, SearchesRequest)


def test_options_have_no_query() -> None:
    with pytest.raises(InvalidRequestError, match="no parameter 'id'"):
        decode({"id": "a"}, SearchOptions)


def test_what_a_shop_ranks_by() -> None:
    asked = search(
        {
            "id": "a", "shift": {"e\u0301": "a\u0301"}, "pin": [7, "b", "b"], "bury": ["e\u0301"],
            "boost": [{"field": "sales", "weight": 0.5, "function": "log", "high": 10}],
        }
    )  # fmt: skip
    assert asked.shift == {"é": "á"}
    assert (asked.pin, asked.bury) == (("7", "b"), ("é",))
    assert asked.boost == (Boost(field="sales", weight=0.5, function="log", high=10.0),)
