from __future__ import annotations

import base64
import json
from dataclasses import replace
from typing import Any

import pytest

from tonari.api.forms import MOST_BODY_BYTES, PredictForm, SearchForm, read_predict, read_search, read_searches
from tonari.api.http import Request
from tonari.api.sources import MOST_EXAMPLES, MOST_VECTOR, Examples, Source
from tonari.errors import InvalidRequestError, InvalidVectorError, TooLargeError

WRONG_IDS: tuple[Any, ...] = ("a", [1], {}, [None])
PICTURE = b"\xff\xd8 a picture"
TEXT = base64.b64encode(PICTURE).decode()


def said(raw: Any) -> Request:
    data = raw if isinstance(raw, bytes) else json.dumps(raw).encode()
    return Request("POST", "/v1/search", {}, "application/json", data)


def shown(media_type: str = "image/jpeg", body: bytes = PICTURE, **query: str) -> Request:
    return Request("POST", "/v1/search", query, media_type, body)


def form(source: Source, **more: Any) -> SearchForm:
    return replace(SearchForm(source, 10, None, None, -1.0, exact=False), **more)


@pytest.mark.parametrize(
    ("raw", "source"),
    [
        ({"image": TEXT}, Source("image", PICTURE)),
        ({"upload": "uploads/5"}, Source("upload", "uploads/5")),
        ({"id": "隣"}, Source("id", "隣")),
        ({"vector": [1, 0.5]}, Source("vector", [1, 0.5])),
        ({"vector": []}, Source("vector", [])),
        ({"examples": {"positive": ["a", "b", "a"]}}, Source("examples", Examples(("a", "b")))),
        ({"examples": {"positive": ["a"], "negative": ["b"]}}, Source("examples", Examples(("a",), ("b",)))),
    ],
)
def test_a_query_in_json(raw: dict[str, Any], source: Source) -> None:
    assert read_search(said(raw)) == form(source)
    assert read_predict(said(raw)) == PredictForm(source, None, "discriminant", 9, None, None)


@pytest.mark.parametrize("media_type", ["image/jpeg", "image/anything", "application/octet-stream"])
def test_a_query_as_bytes(media_type: str) -> None:
    assert read_search(shown(media_type)) == form(Source("image", PICTURE))


def test_parameters_in_json() -> None:
    raw = {"id": "a", "k": 1000, "filter": {"price": 5}, "ids": ["b", "c,d"], "min_score": 0, "exact": True}

    assert read_search(said(raw)) == form(
        Source("id", "a"), k=1000, filter={"price": 5}, ids=("b", "c,d"), min_score=0.0, exact=True
    )


def test_parameters_around_a_picture() -> None:
    request = shown(k="1", filter='{"price": {"$lt": 5}}', ids="b,c", min_score="0.5", exact="true")

    assert read_search(request) == form(
        Source("image", PICTURE), k=1, filter={"price": {"$lt": 5}}, ids=("b", "c"), min_score=0.5, exact=True
    )


def test_the_path_may_name_the_query() -> None:
    request = Request("GET", "/v1/items/a/similar", {"k": "3", "exact": "false"}, "", b"")

    assert read_search(request, Source("id", "a")) == form(Source("id", "a"), k=3)


@pytest.mark.parametrize("name", ["id", "image", "vector", "upload"])
def test_two_queries_are_refused_where_the_path_names_one(name: str) -> None:
    request = Request("GET", "/v1/items/a/similar", {name: "b"}, "", b"")

    with pytest.raises(InvalidRequestError, match=f"no parameter '{name}'"):
        read_search(request, Source("id", "a"))


def test_a_prediction() -> None:
    raw = {"id": "a", "attributes": ["color"], "method": "vote", "k": 3, "filter": {}, "ids": []}
    around = shown(attributes="color,category", method="vote", k="3")

    assert read_predict(said(raw)) == PredictForm(Source("id", "a"), ("color",), "vote", 3, {}, ())
    assert read_predict(around) == PredictForm(Source("image", PICTURE), ("color", "category"), "vote", 3, None, None)


@pytest.mark.parametrize(
    ("raw", "says"),
    [
        (b"", "not JSON"),
        (b"{", "not JSON"),
        (b"\xff", "not JSON"),
        (b'{"id": "a", "min_score": NaN}', "NaN is not a finite number"),
        (b'{"vector": [1e400]}', "1e400 is not a finite number"),
        (b'{"id": "\\ud800"}', "surrogates"),
        (b"[" * 100_000, "nested too deeply"),
        ([], "must be a JSON object"),
        (None, "must be a JSON object"),
        ({}, "Name exactly one query: image, upload, id, vector, examples.$"),
        ({"id": "a", "image": TEXT}, "exactly one query.*not image and id"),
        ({"id": "a", "exactly": True}, "no parameter 'exactly'; did you mean 'exact'"),
        ({"id": "a", "filters": {}}, "did you mean 'filter'"),
        (
            {"id": "a", "colour": "red"},
            "no parameter 'colour'; known are image, upload, id, vector, examples, filter, ids",
        ),
        ({"id": ""}, "'id' is a text that is not empty"),
        ({"id": 5}, "'id' is a text"),
        ({"id": None}, "'id' is a text"),
        ({"upload": ["a"]}, "'upload' is a text"),
        ({"image": "data:image/png;base64,AAAA"}, "'image' is a picture's bytes in base64"),
        ({"image": "AAA"}, "in base64"),
        ({"image": "é"}, "in base64"),
        ({"image": None}, "in base64"),
        ({"image": 5}, "in base64"),
        ({"image": {}}, "in base64"),
        *(({"id": "a", "k": k}, "'k' is a whole number from 1 to 1,000") for k in (0, -1, 1001, 1.0, "5", True, None)),
        *(({"id": "a", "ids": ids}, "'ids' is a list") for ids in WRONG_IDS),
        *(({"id": "a", "min_score": s}, "'min_score' is a cosine") for s in (-1.1, 1.1, "0.5", True, None)),
        *(({"id": "a", "exact": flag}, "'exact' is true or false") for flag in (1, "true", None)),
        *(({"id": "a", "group_by": name}, "'group_by' is a text that is not empty") for name in ("", 5, None, ["a"])),
        *(
            ({"id": "a", "group_by": "b", "per_group": n}, "'per_group' is a whole number")
            for n in (0, 1001, 1.0, None)
        ),
        ({"id": "a", "per_group": 2}, "'per_group' goes with 'group_by'"),
        *(({"id": "a", "diversity": n}, "'diversity' is a number from 0 to 1") for n in (-0.1, 1.1, "1", True, None)),
        *(({"id": "a", "facets": names}, "'facets' is a list of fields") for names in ("a", [1], {})),
        ({"id": "a", "facets": ["a"] * 21}, "'facets' has 21 fields, at most 20"),
        *(({"id": "a", "cursor": text}, "'cursor' is a text") for text in ("", 5, None)),
        ({"id": "a", "cursor": "x", "diversity": 0.5}, "exclude each other"),
        *(({"id": "a", "include": names}, "'include' is a list") for names in ("fields", [1])),
        ({"id": "a", "include": ["views"]}, "'include' takes fields, image, embedding, not 'views'"),
        *(({"id": "a", "fields": names}, "'fields' is a list of names") for names in ("a", [1])),
        ({"id": "a", "fields": ["b"], "include": []}, "'include' leaves fields out"),
        *(({"examples": raw}, "'examples' is") for raw in (None, [], "a", {"likes": ["a"]})),
        *(
            ({"examples": raw}, "at least one item as 'positive'")
            for raw in ({}, {"positive": []}, {"negative": ["a"]})
        ),
        ({"examples": {"positive": "a"}}, "'positive' is a list of item ids"),
        ({"examples": {"positive": ["a"], "negative": [5]}}, "'negative' is a list of item ids"),
        ({"examples": {"positive": ["a"] * (MOST_EXAMPLES + 1)}}, "'positive' has 101 item ids, at most 100"),
        ({"examples": {"positive": ["a", "b"], "negative": ["b"]}}, "'b' as positive and as negative"),
        ({"examples": {"positive": ["a"]}, "id": "a"}, "exactly one query"),
        ({"queries": [{"id": "a"}]}, "no parameter 'queries'"),
    ],
)
def test_a_search_of_another_form_is_refused(raw: Any, says: str) -> None:
    with pytest.raises(InvalidRequestError, match=says):
        read_search(said(raw))


def test_what_an_answer_shall_be() -> None:
    raw = {
        "id": "a", "group_by": "brand", "per_group": 2, "diversity": 1, "facets": ["price", "brand", "price"],
        "include": ["embedding", "fields"], "fields": ["price"],
    }  # fmt: skip
    path = Request(
        "GET",
        "/v1/items/a/similar",
        {
            "group_by": "brand", "per_group": "2", "diversity": "1", "facets": "price,brand", "fields": "price",
            "include": "embedding,fields",
        },
        "",
        b"",
    )  # fmt: skip
    expected = form(
        Source("id", "a"), group_by="brand", per_group=2, diversity=1.0, facets=("price", "brand"),
        include=("embedding", "fields"), fields=("price",),
    )  # fmt: skip

    assert read_search(said(raw)) == read_search(path, Source("id", "a")) == expected
    assert read_search(said({"id": "a", "cursor": "eyJ9"})) == form(Source("id", "a"), cursor="eyJ9")
    assert read_search(shown(include="")) == form(Source("image", PICTURE), include=())


def test_several_searches() -> None:
    raw = {"queries": [{"id": "a", "k": 3}, {"image": TEXT, "filter": {"price": 5}}]}

    assert read_searches(said(raw)) == (
        form(Source("id", "a"), k=3),
        form(Source("image", PICTURE), filter={"price": 5}),
    )
    assert read_searches(said({"id": "a"})) == form(Source("id", "a"))
    assert read_searches(shown()) == form(Source("image", PICTURE))


@pytest.mark.parametrize(
    ("raw", "says"),
    [
        ({"queries": []}, "'queries' is a list of 1-10 searches"),
        ({"queries": {"id": "a"}}, "'queries' is a list of 1-10 searches"),
        ({"queries": [{"id": "a"}] * 11}, "'queries' is a list of 1-10 searches"),
        ({"queries": [{"id": "a"}], "k": 5}, "no parameter 'k'"),
        ({"queries": [{"id": "a"}, "b"]}, r"queries\[1\]: A search is a JSON object"),
        ({"queries": [{"id": "a"}, {"id": "a", "k": 0}]}, r"queries\[1\]: 'k' is a whole number"),
        ({"queries": [{"queries": []}]}, r"queries\[0\]: There is no parameter 'queries'"),
        ({"queries": [{"id": "a", "k": 600}, {"id": "b", "k": 401}]}, "1,001 items, at most 1,000"),
    ],
)
def test_several_searches_of_another_form_are_refused(raw: Any, says: str) -> None:
    with pytest.raises(InvalidRequestError, match=says):
        read_searches(said(raw))


def test_an_error_keeps_its_kind_among_several() -> None:
    with pytest.raises(InvalidVectorError, match=r"queries\[1\]: 'vector'"):
        read_searches(said({"queries": [{"id": "a"}, {"vector": "x"}]}))


def test_what_a_cursor_belongs_to() -> None:
    plain = read_search(said({"id": "a"})).question()

    for same in ({"k": 5}, {"include": []}, {"fields": ["price"]}, {"facets": ["price"]}, {"cursor": "x"}):
        assert read_search(said({"id": "a", **same})).question() == plain
    others = (
        {"filter": {}}, {"ids": []}, {"min_score": 0}, {"exact": True}, {"group_by": "b"},
        {"group_by": "b", "per_group": 2},
    )  # fmt: skip
    questions = [plain, *(read_search(said({"id": "a", **other})).question() for other in others)]
    questions += [
        read_search(said(raw)).question()
        for raw in ({"id": "b"}, {"image": TEXT}, {"vector": [1]}, {"examples": {"positive": ["a"]}})
    ]
    texts = [json.dumps(question, sort_keys=True) for question in questions]
    assert len(set(texts)) == len(texts)


@pytest.mark.parametrize(
    ("raw", "says"),
    [
        ({"id": "a", "method": "median"}, "'method' is discriminant or means or vote, not 'median'"),
        ({"id": "a", "method": ["vote"]}, "'method' is discriminant or means or vote"),
        ({"id": "a", "attributes": "color"}, "'attributes' is a list of names"),
        ({"id": "a", "attributes": [5]}, "'attributes' is a list of names"),
        ({"id": "a", "exact": True}, "no parameter 'exact'"),
        ({"id": "a", "k": 0}, "'k' is a whole number"),
    ],
)
def test_a_prediction_of_another_form_is_refused(raw: Any, says: str) -> None:
    with pytest.raises(InvalidRequestError, match=says):
        read_predict(said(raw))


@pytest.mark.parametrize(
    "vector",
    ["1,2", None, {}, 5, ["1"], [None], [True], [[1.0]], [0.0] * (MOST_VECTOR + 1)],
)
def test_a_vector_of_another_form_is_refused(vector: Any) -> None:
    with pytest.raises(InvalidVectorError, match="'vector'"):
        read_search(said({"vector": vector}))


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ({"k": "five"}, "'k' cannot be read"),
        ({"k": ""}, "'k' cannot be read"),
        ({"k": "5.0"}, "'k' is a whole number"),
        ({"exact": "True"}, "'exact' cannot be read"),
        ({"exact": "1"}, "'exact' is true or false"),
        ({"min_score": "NaN"}, "'min_score' cannot be read"),
        ({"min_score": "1e400"}, "'min_score' cannot be read"),
        ({"filter": "price<5"}, "'filter' cannot be read"),
        ({"filter": '{"$\\ud800": 1}'}, "'filter' cannot be read"),
        ({"filter": "[" * 5000}, "'filter' cannot be read"),
        ({"limit": "5"}, "no parameter 'limit'"),
        ({"id": "a"}, "exactly one query.*not image and id"),
    ],
)
def test_parameters_of_another_form_are_refused(query: dict[str, str], says: str) -> None:
    with pytest.raises(InvalidRequestError, match=says):
        read_search(Request("POST", "/v1/search", query, "image/jpeg", PICTURE))


@pytest.mark.parametrize("media_type", ["", "text/plain", "multipart/form-data", "application/xml"])
def test_another_media_type_is_refused(media_type: str) -> None:
    with pytest.raises(InvalidRequestError, match=f"content-type says {media_type or 'nothing'}"):
        read_search(shown(media_type))


@pytest.mark.parametrize("media_type", ["image/png", "application/json"])
def test_a_body_over_the_limit_is_refused(media_type: str) -> None:
    with pytest.raises(TooLargeError, match="4,400,001 bytes, at most 4,400,000 are taken"):
        read_search(shown(media_type, b" " * (MOST_BODY_BYTES + 1)))


def test_a_body_at_the_limit_passes() -> None:
    assert read_search(shown(body=b" " * MOST_BODY_BYTES)).source == Source("image", b" " * MOST_BODY_BYTES)
