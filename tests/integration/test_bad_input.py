"""Bad input, one row each: the status, the problem's type, and a detail that names what, the limit and the remedy."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from io import BytesIO
from typing import Any

import pytest
from PIL import Image

import pictures
from integration.events import Answer, Caller, http_event
from integration.shop import BY_ID, PRODUCTS, VIEW, draw
from tonari.builds.look import RebuildContext
from tonari.builds.rebuild import rebuild
from tonari.contract.parameters import MOST_BODY_BYTES, MOST_DEPTH, MOST_IDS
from tonari.encoders.store import PREFIX
from tonari.errors import TonariError
from tonari.snapshots.head import HEAD
from tonari.storage.bucket import Bucket

PLAIN = pictures.encoded(draw("blue", "tent"), "PNG")
RED = "red-ball"
TENT = base64.b64encode(PLAIN).decode()
SLUGS = {
    "invalid-request": 400, "invalid-filter": 400, "invalid-vector": 400, "unknown-item": 404, "not-found": 404,
    "method-not-allowed": 405, "stale-cursor": 410, "too-large": 413, "unsupported-image": 415,
    "unsupported-encoding": 415, "invalid-image": 422,
    "unencodable-image": 422,
    "invalid-catalogue": 422, "unreadable": 503, "not-ready": 503, "store-unavailable": 503,
}  # fmt: skip


def check(answer: Answer, slug: str, *words: str) -> None:
    """See that an answer is this problem, and that its detail has these words in this order."""
    assert (answer.status, answer.headers["content-type"]) == (SLUGS[slug], "application/problem+json"), answer.body
    assert set(answer.body) == {"type", "title", "status", "detail"}
    assert answer.body["type"] == f"urn:tonari:problem:{slug}"
    assert answer.body["status"] == answer.status
    assert answer.body["title"]
    assert ("retry-after" in answer.headers) == (answer.status == 503)
    detail = answer.body["detail"]
    place = 0
    for word in words:
        assert word in detail[place:], f"{word!r} is not in {detail!r} after {detail[:place]!r}"
        place = detail.index(word, place) + len(word)


def subclasses(root: type[TonariError]) -> Iterator[type[TonariError]]:
    yield root
    for one in root.__subclasses__():
        yield from subclasses(one)


def test_each_kind_of_error_has_the_status_that_these_tables_expect() -> None:
    known = {one.slug: one.status for one in subclasses(TonariError)}
    assert {slug: known[slug] for slug in SLUGS} == SLUGS


PICTURES: dict[str, tuple[Callable[[], bytes], str, tuple[str, ...]]] = {
    "text": (lambda: b"hello", "unsupported-image", ("no picture", "JPEG, PNG, WEBP, GIF")),
    "empty": (lambda: b"", "unsupported-image", ("empty",)),
    "svg": (lambda: b"<svg xmlns='http://www.w3.org/2000/svg'/>", "unsupported-image", ("SVG", "save it as")),
    "pdf": (lambda: b"%PDF-1.7\n", "unsupported-image", ("PDF", "save it as")),
    "bmp": (lambda: pictures.encoded(draw("red", "box"), "BMP"), "unsupported-image", ("BMP", "accepted are")),
    "tiff": (lambda: pictures.encoded(draw("red", "box"), "TIFF"), "unsupported-image", ("TIFF", "accepted are")),
    "cut jpeg": (lambda: pictures.encoded(pictures.photo(), "JPEG")[:-2000], "invalid-image", ("JPEG", "ends")),
    "cut png": (lambda: pictures.encoded(pictures.photo(), "PNG")[:-2000], "invalid-image", ("PNG", "ends", "again")),
    "cut webp": (lambda: pictures.encoded(pictures.photo(), "WEBP")[:-500], "invalid-image", ("WEBP",)),
    "cut gif": (lambda: pictures.encoded(pictures.photo(), "GIF")[:-2000], "invalid-image", ("GIF",)),
    "magic alone": (lambda: pictures.PNG_MAGIC, "invalid-image", ("PNG",)),
    "pixel bomb": (pictures.pixel_bomb_png, "too-large", ("7,100 x 7,100", "16 megapixels", "scale it down")),
    "promised pixels": (lambda: pictures.promising_jpeg(60_000, 60_000), "too-large", ("60,000", "30,000", "scale")),
    "promised canvas": (lambda: pictures.promising_webp(9_000, 9_000), "too-large", ("9,000", "WEBP is 13", "scale")),
    "long side": (lambda: pictures.promising_png(31_000, 10), "too-large", ("31,000 x 10", "30,000", "scale it down")),
    "many scans": (lambda: pictures.many_scans_jpeg(3_000), "invalid-image", ("scans", "limit is 32", "baseline")),
    "hidden scans": (pictures.hidden_scans_jpeg, "invalid-image", ("JPEG", "save it anew")),
    "two sizes": (pictures.two_headed_png, "invalid-image", ()),
    "unpaid promise": (lambda: pictures.promising_png(200, 200), "invalid-image", ("PNG",)),
}  # fmt: skip


@pytest.mark.parametrize("name", PICTURES)
def test_a_picture_that_cannot_be_used(standing: Caller, name: str) -> None:
    make, slug, words = PICTURES[name]
    data = make()
    check(standing.picture("/v1/search", data), slug, *words)
    check(standing.picture("/v1/predict", data, "image/jpeg"), slug, *words)
    check(standing.json("/v1/search", {"image": base64.b64encode(data).decode()}), slug, *words)


def test_packed_text_costs_nothing(standing: Caller) -> None:
    answer = standing.picture("/v1/search", pictures.packed_chunk_png(b"zTXt", times=2))
    assert answer.status in (200, 413, 422), answer.body


SEARCHES: dict[str, tuple[Any, str, tuple[str, ...]]] = {
    "no query": ({}, "invalid-request", ("exactly one query", "image, upload, id, vector, examples")),
    "two queries": ({"id": RED, "vector": [1.0]}, "invalid-request", ("exactly one", "not id and vector")),
    "a list": ([1, 2], "invalid-request", ("must be a JSON object",)),
    "a text": (RED, "invalid-request", ("must be a JSON object",)),
    "null": (None, "invalid-request", ("must be a JSON object",)),
    "unknown parameter": ({"id": RED, "fliter": {}}, "invalid-request", ("'fliter'", "did you mean 'filter'")),
    "far parameter": ({"id": RED, "zzzzzz": 1}, "invalid-request", ("'zzzzzz'", "known are", "filter")),
    "k 0": ({"id": RED, "k": 0}, "invalid-request", ("'k'", "1 to 1,000", "not 0")),
    "k too large": ({"id": RED, "k": 1001}, "invalid-request", ("'k'", "1 to 1,000", "not 1001")),
    "k negative": ({"id": RED, "k": -1}, "invalid-request", ("'k'", "not -1")),
    "k true": ({"id": RED, "k": True}, "invalid-request", ("'k'", "whole number", "not true")),
    "k broken": ({"id": RED, "k": 1.5}, "invalid-request", ("'k'", "whole number", "not 1.5")),
    "k text": ({"id": RED, "k": "3"}, "invalid-request", ("'k'", "whole number", '"3"')),
    "k huge": ({"id": RED, "k": 10**300}, "invalid-request", ("'k'", "1 to 1,000")),
    "min_score": ({"id": RED, "min_score": 2}, "invalid-request", ("'min_score'", "-1 to 1", "not 2")),
    "min_score text": ({"id": RED, "min_score": "0"}, "invalid-request", ("'min_score'",)),
    "exact": ({"id": RED, "exact": 1}, "invalid-request", ("'exact'", "true or false", "not 1")),
    "ids text": ({"id": RED, "ids": RED}, "invalid-request", ("'ids'", "list")),
    "ids numbers": ({"id": RED, "ids": [1.0]}, "invalid-request", ("'ids'", "list", "holds 1")),
    "ids many": ({"id": RED, "ids": [RED] * (MOST_IDS + 1)}, "invalid-request", ("'ids'", "50,000", "50,001")),
    "ids long": ({"id": RED, "ids": ["隣" * 100]}, "invalid-request", ("'ids'", "300 bytes", "256")),
    "id long": ({"id": "隣" * 100}, "invalid-request", ("'id'", "300 bytes", "256")),
    "id empty": ({"id": ""}, "invalid-request", ("'id'", "not empty")),
    "id number": ({"id": 5}, "unknown-item", ("'5'",)),
    "id fraction": ({"id": 5.0}, "invalid-request", ("'id'", "text")),
    "unknown id": ({"id": "no such"}, "unknown-item", ("'no such'", "some seconds")),
    "image number": ({"image": 5}, "invalid-request", ("base64",)),
    "image null": ({"image": None}, "invalid-request", ("exactly one query",)),
    "image of data URL": ({"image": "data:image/png;base64,AAAA"}, "unsupported-image", ("no picture",)),
    "image of another URL": ({"image": "data:image/png,AAAA"}, "invalid-request", ("data: URL", "not in base64")),
    "image not base64": ({"image": "a*b"}, "invalid-request", ("base64",)),
    "image not ASCII": ({"image": "é"}, "invalid-request", ("base64",)),
    "upload of elsewhere": ({"upload": "../head.json"}, "invalid-request", ("'upload'", "POST /v1/uploads")),
    "upload number": ({"upload": 5}, "invalid-request", ("'upload'", "text")),
    "upload unknown": ({"upload": "uploads/" + "0" * 32}, "invalid-request", ("no such upload", "a day")),
    "vector text": ({"vector": "1,2"}, "invalid-vector", ("'vector'", "list of finite numbers")),
    "vector of text": ({"vector": ["1"]}, "invalid-vector", ("finite numbers", '"1"')),
    "vector of flags": ({"vector": [True]}, "invalid-vector", ("finite numbers", "true")),
    "vector of null": ({"vector": [None]}, "invalid-vector", ("finite numbers", "null")),
    "vector nested": ({"vector": [[1.0]]}, "invalid-vector", ("finite numbers",)),
    "vector short": ({"vector": [1.0, 2.0]}, "invalid-vector", ("(2,)", "embeddings have (")),
    "vector empty": ({"vector": []}, "invalid-vector", ("(0,)",)),
    "vector long": ({"vector": [1.0] * 65_537}, "invalid-vector", ("one per dimension",)),
    "filter text": ({"id": RED, "filter": "price < 5"}, "invalid-filter", ("an object such as", "price < 5")),
    "filter list": ({"id": RED, "filter": []}, "invalid-filter", ("an object such as",)),
    "unknown field": ({"id": RED, "filter": {"prise": 1}}, "invalid-filter", ("'prise'", "did you mean 'price'")),
    "far field": ({"id": RED, "filter": {"xyz": 1}}, "invalid-filter", ("'xyz'", "category, color, price")),
    "unknown operator": ({"id": RED, "filter": {"price": {"$lte_": 1}}}, "invalid-filter", ("$lte_", "mean $lte")),
    "no operator": ({"id": RED, "filter": {"price": {}}}, "invalid-filter", ("'price'", "empty", "$eq")),
    "unknown combination": ({"id": RED, "filter": {"$nor": []}}, "invalid-filter", ("$nor", "$and, $or and $not")),
    "below null": ({"id": RED, "filter": {"price": {"$lt": None}}}, "invalid-filter", ("'price'", "number", "null")),
    "large number": ({"id": RED, "filter": {"price": 2**53 + 1}}, "invalid-filter", ("2^53", "declare", "as string")),
    "many fields": ({"id": RED, "fields": ["x"] * 101}, "invalid-request", ("'fields'", "100", "101")),
    "much to predict": ({"id": RED, "predict": ["color"] * 21}, "invalid-request", ("'predict'", "20", "21")),
    "empty $or": ({"id": RED, "filter": {"$or": []}}, "invalid-filter", ("$or", "at least one")),
    "regular expression": ({"id": RED, "filter": {"color": {"$regex": "r.*"}}}, "invalid-filter", ("'$regex'",)),
    "wrong type": ({"id": RED, "filter": {"price": "cheap"}}, "invalid-filter", ("'price'", "a number", "'cheap'")),
    "flag for number": ({"id": RED, "filter": {"price": True}}, "invalid-filter", ("'price'", "a number", "true")),
    "order of texts": ({"id": RED, "filter": {"color": {"$lt": "z"}}}, "invalid-filter", ("'color'", "$lt")),
    "$in of null": ({"id": RED, "filter": {"color": {"$in": None}}}, "invalid-filter", ("$in", "at most 1000")),
    "long $in": ({"id": RED, "filter": {"color": {"$in": ["x"] * 1001}}}, "invalid-filter", ("$in", "at most 1000")),
    "group_by unknown": ({"id": RED, "group_by": "colour"}, "invalid-request", ("'group_by'", "did you mean 'color'")),
    "group_by number": ({"id": RED, "group_by": 5}, "invalid-request", ("'group_by'", "not empty")),
    "per_group alone": ({"id": RED, "per_group": 2}, "invalid-request", ("'per_group'", "'group_by'")),
    "per_group 0": ({"id": RED, "group_by": "color", "per_group": 0}, "invalid-request", ("'per_group'", "not 0")),
    "diversity": ({"id": RED, "diversity": 1.5}, "invalid-request", ("'diversity'", "0 to 1", "not 1.5")),
    "facet unknown": ({"id": RED, "facets": ["prise"]}, "invalid-request", ("'facets'", "did you mean 'price'")),
    "facets text": ({"id": RED, "facets": "price"}, "invalid-request", ("'facets'", "list")),
    "many facets": ({"id": RED, "facets": ["price"] * 21}, "invalid-request", ("'facets'", "20", "21")),
    "disjunctive unknown": (
        {"id": RED, "disjunctive_facets": ["prise"]}, "invalid-request", ("'disjunctive_facets'", "mean 'price'"),
    ),
    "facets of both": (
        {"id": RED, "facets": ["price"], "disjunctive_facets": ["price"]}, "invalid-request", ("'price'", "one of"),
    ),
    "shift attribute": ({"id": RED, "shift": {"colour": "red"}}, "invalid-request", ("'colour'", "you mean 'color'")),
    "shift class": (
        {"id": RED, "shift": {"color": "rad"}}, "invalid-request",
        ("'rad' is no class of 'color'", "id you mean 'red'"),
    ),
    "shift price": ({"id": RED, "shift": {"price": 5}}, "invalid-request", ("'price' is not an attribute", "color")),
    "boost unknown": (
        {"id": RED, "boost": [{"field": "prise", "weight": 0.1}]}, "invalid-request", ("'boost'", "mean 'price'"),
    ),
    "boost of a text": (
        {"id": RED, "boost": [{"field": "color", "weight": 0.1}]}, "invalid-request",
        ("'color' is of type string", "number and boolean"),
    ),
    "age of a number": (
        {"id": RED, "boost": [{"field": "price", "weight": 0.1, "function": "age", "half_life": 9}]}, "invalid-request",
        ("'price' is of type number", "use linear or log"),
    ),
    "region of an id": (
        {"id": RED, "region": {"x": 0, "y": 0, "width": 1, "height": 1}}, "invalid-request", ("'id'", "image, upload"),
    ),
    "region too small": (
        {"image": TENT, "region": {"x": 0, "y": 0, "width": 0.01, "height": 1}}, "invalid-request",
        ("'region'", "at least 16", "larger"),
    ),
    "include": ({"id": RED, "include": ["views"]}, "invalid-request", ("'include'", "embedding", '"views"')),
    "fields unknown": ({"id": RED, "fields": ["prise"]}, "invalid-request", ("'fields'", "did you mean 'price'")),
    "fields left out": ({"id": RED, "fields": [], "include": []}, "invalid-request", ("'fields'", "'include'")),
    "cursor damaged": ({"id": RED, "cursor": "eyJ9"}, "invalid-request", ("'cursor'", "'next'", "unchanged")),
    "cursor number": ({"id": RED, "cursor": 5}, "invalid-request", ("'cursor'",)),
    "varied pages": ({"id": RED, "cursor": "x", "diversity": 1}, "invalid-request", ("'diversity'", "'cursor'")),
    "examples list": ({"examples": [RED]}, "invalid-request", ("'examples'", "positive")),
    "examples of nothing": ({"examples": {"negative": [RED]}}, "invalid-request", ("'examples'", "at least one")),
    "many examples": ({"examples": {"positive": [RED] * 101}}, "invalid-request", ("positive'", "100", "101")),
    "example of both": ({"examples": {"positive": [RED], "negative": [RED]}}, "invalid-request", (f"'{RED}'",)),
    "unknown examples": ({"examples": {"positive": ["x", RED], "negative": ["y"]}}, "unknown-item", ("'x', 'y'",)),
    "no queries": ({"queries": []}, "invalid-request", ("'queries'", "1-10")),
    "eleven queries": ({"queries": [{"id": RED}] * 11}, "invalid-request", ("'queries'", "1-10", "11")),
    "queries and k": ({"queries": [{"id": RED}], "k": 5}, "invalid-request", ("'k'", "known are queries")),
    "queries of many ids": (
        {"queries": [{"id": RED, "ids": [RED, *map(str, range(MOST_IDS // 2))]}] * 2}, "invalid-request",
        ("50,002", "50,000"),
    ),
    "queries of many": ({"queries": [{"id": RED, "k": 501}] * 2}, "invalid-request", ("1,002", "1,000", "'k'")),
    "one query of two": ({"queries": [{"id": RED}, {"id": "x"}]}, "unknown-item", ("queries[1]", "'x'")),
    "one filter of two": (
        {"queries": [{"id": RED}, {"id": RED, "filter": {"prise": 1}}]}, "invalid-filter", ("queries[1]", "'prise'"),
    ),
    "one vector of two": ({"queries": [{"vector": [1]}, {"id": RED}]}, "invalid-vector", ("queries[0]", "(1,)")),
    "$exists": ({"id": RED, "filter": {"color": {"$exists": 1}}}, "invalid-filter", ("$exists", "true or false")),
}  # fmt: skip


@pytest.mark.parametrize("name", SEARCHES)
def test_a_search_that_cannot_be_done(standing: Caller, name: str) -> None:
    value, slug, words = SEARCHES[name]
    check(standing.json("/v1/search", value), slug, *words)


def nested(depth: int, wrap: Callable[[Any], Any]) -> Any:
    value: Any = {"price": {"$lt": 5}}
    for _ in range(depth):
        value = wrap(value)
    return value


@pytest.mark.parametrize("depth", [8, 25])
def test_a_filter_too_deep(standing: Caller, depth: int) -> None:
    chain: Any = {"$lt": 5}
    for _ in range(depth):
        chain = {"$not": chain}
    for condition in (
        nested(depth, lambda inner: {"$not": inner}),
        nested(depth, lambda inner: {"$and": [inner]}),
        {"price": chain},
    ):
        check(standing.json("/v1/search", {"id": RED, "filter": condition}), "invalid-filter", "8 deep", "flatten")


def test_json_too_deep(standing: Caller) -> None:
    condition = nested(MOST_DEPTH, lambda inner: {"$not": inner})
    check(standing.json("/v1/search", {"id": RED, "filter": condition}), "invalid-request", "too deeply", "64")


def test_a_filter_too_long(standing: Caller) -> None:
    condition = {"$or": [{"price": number} for number in range(65)]}
    answer = standing.json("/v1/search", {"id": RED, "filter": condition})
    check(answer, "invalid-filter", "more than 64 conditions", "$in")


@pytest.mark.parametrize(
    ("body", "slug", "word"),
    [
        (b"", "invalid-request", "not JSON"),
        (b'{"id": ', "invalid-request", "not JSON"),
        (b"\xff\xfe", "invalid-request", "not JSON"),
        (b"[" * 100_000, "invalid-request", "not JSON"),
        (b'{"vector": [NaN, 1]}', "invalid-request", "NaN"),
        (b'{"vector": [Infinity]}', "invalid-request", "Infinity"),
        (b'{"vector": [-Infinity]}', "invalid-request", "Infinity"),
        (b'{"vector": [1e999]}', "invalid-request", "1e999"),
        (b'{"vector": [1%s]}' % (b"0" * 400), "invalid-request", "finite"),
        (b'{"id": "red-ball", "min_score": NaN}', "invalid-request", "NaN"),
        (b'{"id": "red-ball", "filter": {"price": {"$lt": 1e999}}}', "invalid-request", "1e999"),
        (b'{"id": "\\ud800"}', "invalid-request", "surrogate"),
        (b'{"id": "red-ball", "ids": ["\\udfff"]}', "invalid-request", "surrogate"),
        (b'{"id": "red-ball", "filter": {"$\\ud800": 1}}', "invalid-request", "surrogate"),
        (b'{"\\ud800": 1}', "invalid-request", "surrogate"),
        (b'{"id": "red-ball", "k": 1, "k": 2}', "invalid-request", "'k' stands twice"),
        (b'{"id": "red-ball", "filter": {"price": 1, "price": 2}}', "invalid-request", "'price' stands twice"),
    ],
)
def test_json_that_cannot_be_read(standing: Caller, body: bytes, slug: str, word: str) -> None:
    event = http_event("POST", "/v1/search", content_type="application/json")
    event |= {"body": base64.b64encode(body).decode(), "isBase64Encoded": True}
    check(standing.send_event(event), slug, word)


def test_a_vector_without_length_or_of_another_dimension(standing: Caller) -> None:
    dimensions = standing.get("/v1/health").body["encoder"]["dimensions"]
    check(standing.json("/v1/search", {"vector": [0.0] * dimensions}), "invalid-vector", "length 0")
    check(standing.json("/v1/search", {"vector": [1] * (dimensions - 1)}), "invalid-vector", f"({dimensions},)")
    assert standing.json("/v1/search", {"vector": [5e-324] * dimensions}).status == 200
    assert standing.json("/v1/search", {"vector": [1.7e308] * dimensions}).status == 200


PREDICTIONS: dict[str, tuple[Any, str, tuple[str, ...]]] = {
    "unknown attribute": ({"id": RED, "attributes": ["colour"]}, "invalid-request", ("'colour'", "category, color")),
    "no attribute": ({"id": RED, "attributes": ["price"]}, "invalid-request", ("'price'", "category, color")),
    "attributes text": ({"id": RED, "attributes": "color"}, "invalid-request", ("'attributes'", "list")),
    "method": ({"id": RED, "method": "median"}, "invalid-request", ("'method'", "means or vote", '"median"')),
    "method list": ({"id": RED, "method": ["vote"]}, "invalid-request", ("'method'", "means or vote")),
    "many attributes": ({"id": RED, "attributes": ["x"] * 101}, "invalid-request", ("'attributes'", "100", "101")),
    "k": ({"id": RED, "k": 0}, "invalid-request", ("'k'", "1 to 1,000")),
    "parameter of search": ({"id": RED, "group_by": "color"}, "invalid-request", ("'group_by'", "known are")),
    "no query": ({}, "invalid-request", ("exactly one query",)),
    "filter": ({"id": RED, "filter": {"colour": 1}}, "invalid-filter", ("'colour'", "did you mean 'color'")),
    "unknown id": ({"id": "x"}, "unknown-item", ("'x'",)),
}  # fmt: skip


@pytest.mark.parametrize("name", PREDICTIONS)
def test_a_prediction_that_cannot_be_made(standing: Caller, name: str) -> None:
    value, slug, words = PREDICTIONS[name]
    check(standing.json("/v1/predict", value), slug, *words)


@pytest.mark.parametrize(
    ("query", "slug", "words"),
    [
        ({"k": "many"}, "invalid-request", ("'k'", "cannot be read")),
        ({"k": "1.5"}, "invalid-request", ("'k'", "whole number")),
        ({"k": ""}, "invalid-request", ("'k'",)),
        ({"filter": "{"}, "invalid-request", ("'filter'", "cannot be read")),
        ({"filter": '{"prise": 1}'}, "invalid-filter", ("did you mean 'price'",)),
        ({"filter": "[" * 5_000}, "invalid-request", ("'filter'",)),
        ({"exact": "yes"}, "invalid-request", ("'exact'",)),
        ({"min_score": "NaN"}, "invalid-request", ("NaN",)),
        ({"limit": "5"}, "invalid-request", ("'limit'", "known are")),
        ({"per_group": "x"}, "invalid-request", ("'per_group'", "cannot be read")),
        ({"diversity": "2"}, "invalid-request", ("'diversity'", "0 to 1")),
        ({"facets": "price,colour"}, "invalid-request", ("'facets'", "did you mean 'color'")),
        ({"include": "all"}, "invalid-request", ("'include'", '"all"')),
        ({"cursor": "x"}, "invalid-request", ("'cursor'",)),
        ({"id": "red-ball"}, "invalid-request", ("exactly one query", "image and id")),
    ],
)
def test_a_query_string_that_cannot_be_read(
    standing: Caller, query: dict[str, str], slug: str, words: tuple[str, ...]
) -> None:
    check(standing.picture("/v1/search", PLAIN, **query), slug, *words)
    if "id" not in query:
        check(standing.get("/v1/items/red-ball/similar", **query), slug, *words)


@pytest.mark.parametrize(
    ("method", "path", "query", "words"),
    [
        ("GET", "/v1/health", [("x", "1")], ("GET /v1/health", "no parameters", "'x'")),
        ("GET", "/openapi.json", [("x", "1")], ("no parameters", "'x'")),
        ("GET", "/v1/items/red-ball", [("k", "1")], ("no parameters", "'k'")),
        ("DELETE", "/v1/items/red-ball", [("k", "1")], ("no parameters", "'k'")),
        ("POST", "/v1/uploads", [("k", "1")], ("no parameters", "'k'")),
        ("GET", "/v1/items/red-ball/image", [("view", VIEW), ("view", VIEW)], ("'view'", "2 times", "once")),
        ("GET", "/v1/items/red-ball/image", [("veiw", VIEW)], ("'veiw'", "did you mean 'view'")),
        ("GET", "/v1/items/red-ball/image", [("view", "")], ("'view'", "not empty")),
        ("GET", "/v1/items/red-ball/similar", [("k", "1"), ("k", "7")], ("'k'", "2 times", "once")),
        ("GET", "/v1/items/red-ball/similar", [("filter", "{}"), ("filter", "{}")], ("'filter'", "2 times")),
        ("GET", "/v1/items/red-ball/similar", [("id", "blue-box")], ("no parameter 'id'",)),
    ],
)
def test_a_parameter_twice_or_in_the_wrong_place(
    standing: Caller, method: str, path: str, query: list[tuple[str, str]], words: tuple[str, ...]
) -> None:
    check(standing.send(method, path, query=query), "invalid-request", *words)


def test_parameters_beside_a_json_body(standing: Caller) -> None:
    body, query = json.dumps({"id": RED}).encode(), [("filter", '{"color": "red"}'), ("k", "3")]
    for path in ("/v1/search", "/v1/predict"):
        answer = standing.send("POST", path, body, "application/json", query)
        check(answer, "invalid-request", "JSON body", "'filter', 'k'", "into the body")
    check(
        standing.send("PUT", "/v1/items/a", b"{}", "application/json", query), "invalid-request", "query string",
        "'filter', 'k'",
    )  # fmt: skip


def test_a_picture_twice(standing: Caller) -> None:
    check(standing.picture("/v1/search", PLAIN, image="AAAA"), "invalid-request", "'image'", "query string")


def test_a_body_where_none_is_taken(standing: Caller) -> None:
    for method, path in (("POST", "/v1/uploads"), ("GET", "/v1/health"), ("GET", "/v1/items/red-ball/similar")):
        answer = standing.send(method, path, b'{"k": 1}', "application/json")
        check(answer, "invalid-request", f"{method} {path}", "no body")
    assert standing.send("POST", "/v1/uploads", b"{}", "application/json").status == 200


def test_a_content_type_that_is_not_taken(standing: Caller) -> None:
    words = ("application/json or a picture", "image/jpeg")
    check(standing.send("POST", "/v1/search", b"a=b", "application/x-www-form-urlencoded"), "invalid-request", *words)
    check(standing.send("POST", "/v1/search", b"hello", "text/plain"), "invalid-request", *words, "text/plain")
    check(standing.send("POST", "/v1/predict", b"hello"), "invalid-request", *words, "nothing")


def test_a_body_that_is_not_the_base64_it_promises(standing: Caller) -> None:
    for body in ("a*b", "abc", "é"):
        event = http_event("POST", "/v1/search", PLAIN, "image/png") | {"body": body}
        check(standing.send_event(event), "invalid-request", "base64")


def test_a_body_over_the_limit(standing: Caller) -> None:
    data = PLAIN + bytes(MOST_BODY_BYTES + 1 - len(PLAIN))
    words = (f"{MOST_BODY_BYTES + 1:,} bytes", f"{MOST_BODY_BYTES:,}", "shrink", "POST /v1/uploads")
    check(standing.picture("/v1/search", data), "too-large", *words)
    text = json.dumps({"image": "A" * MOST_BODY_BYTES}).encode()
    check(standing.send("POST", "/v1/predict", text, "application/json"), "too-large", "POST /v1/uploads")
    check(standing.send("PUT", "/v1/items/x", text, "application/json"), "too-large")
    at_limit = PLAIN[:-12] + pictures.chunk(b"teSt", bytes(MOST_BODY_BYTES - len(PLAIN) - 12)) + PLAIN[-12:]
    assert len(at_limit) == MOST_BODY_BYTES
    assert standing.picture("/v1/search", at_limit).status in (200, 422)


@pytest.mark.parametrize(
    ("method", "path", "slug", "words"),
    [
        ("GET", "/v2/health", "not-found", ("/v2/health", "/v1/")),
        ("GET", "/v1", "not-found", ("/v1",)),
        ("GET", "/v1/health/", "not-found", ("did you mean /v1/health?",)),
        ("GET", "/v1/items/", "not-found", ("did you mean /v1/items?",)),
        ("POST", "//v1/search", "not-found", ("did you mean /v1/search?",)),
        ("GET", "/v1/items/a/b/c", "not-found", ()),
        ("GET", "/favicon.ico", "not-found", ()),
        ("GET", "//", "not-found", ()),
        ("GET", "/v1/search", "method-not-allowed", ("/v1/search", "POST")),
        ("POST", "/v1/health", "method-not-allowed", ("GET",)),
        ("POST", "/v1/items/red-ball", "method-not-allowed", ("GET, HEAD, PUT, PATCH, DELETE",)),
        ("DELETE", "/v1/items/red-ball/image", "method-not-allowed", ("GET",)),
        ("POST", "/", "method-not-allowed", ("GET",)),
        ("GET", "/v1/items/nope", "unknown-item", ("'nope'",)),
        ("GET", "/v1/items/nope/similar", "unknown-item", ("'nope'",)),
        ("GET", "/v1/items/nope/image", "unknown-item", ("'nope'",)),
        ("DELETE", "/v1/items/nope", "unknown-item", ("'nope'",)),
        ("DELETE", "/v1/items/%00", "invalid-request", ("cannot be an id",)),
        ("DELETE", "/v1/items/" + "x" * 257, "invalid-request", ("256 bytes", "shorten")),
        ("GET", "/v1/items/red-ball%00", "unknown-item", ()),
        ("GET", "/v1/items/%F0%9F%8E%88", "unknown-item", ()),
    ],
)
def test_a_path_where_nothing_is(standing: Caller, method: str, path: str, slug: str, words: tuple[str, ...]) -> None:
    check(standing.send(method, path), slug, *words)


def test_a_view_that_is_not_there(standing: Caller) -> None:
    answer = standing.get("/v1/items/red-ball/image", view="back.png")
    check(answer, "unknown-item", "'red-ball'", "back.png", "front.png")


@pytest.mark.parametrize(
    ("item", "document", "slug", "words"),
    [
        ("..", {}, "invalid-request", ("'..'", "cannot be an id")),
        ("a%0Ab", {}, "invalid-request", ("cannot be an id",)),
        ("x" * 257, {}, "invalid-request", ("256 bytes",)),
        ("a", {"id": "b"}, "invalid-catalogue", ("items/a.json", "'b'")),
        ("a", {"size": {"w": 1}}, "invalid-catalogue", ("'size'", "flat")),
        ("a", {"images": "front.png"}, "invalid-catalogue", ("'images'", "list of names")),
        ("a", {"images": [5]}, "invalid-catalogue", ("'images'",)),
        ("a", {"text": "x" * 100_001}, "invalid-catalogue", ("bytes", "100000")),
        ("a", [], "invalid-request", ("JSON object",)),
    ],
)
def test_a_document_that_cannot_be_put(
    standing: Caller, standing_context: RebuildContext, item: str, document: Any, slug: str, words: tuple[str, ...]
) -> None:
    check(standing.json(f"/v1/items/{item}", document, "PUT"), slug, *words)
    assert len(list(standing_context.catalogue.list("items/"))) == len(PRODUCTS)


@pytest.mark.parametrize("body", [b'{"price": NaN}', b'{"price": 1e999}', b'{"name": "\\ud800"}', b"{", b""])
def test_a_document_that_is_no_json(standing: Caller, standing_context: RebuildContext, body: bytes) -> None:
    check(standing.send("PUT", "/v1/items/a", body, "application/json"), "invalid-request", "not JSON")
    assert standing_context.catalogue.head("items/a.json") is None


@pytest.mark.usefixtures("encoder")
def test_before_anything_is_published(query: Caller, artefacts: Bucket) -> None:
    requests = (
        ("GET", "/v1/health", b"", ""), ("POST", "/v1/search", PLAIN, "image/png"),
        ("POST", "/v1/predict", b'{"id": "a"}', "application/json"), ("GET", "/v1/items/a", b"", ""),
        ("GET", "/v1/items/a/similar", b"", ""), ("GET", "/v1/items/a/image", b"", ""),
    )  # fmt: skip
    for request in requests:
        answer = query.send(*request)
        check(answer, "not-ready", "Nothing is published yet", "rebuild")
        assert answer.headers["retry-after"] == "5"
    artefacts.delete(HEAD)
    check(query.get("/v1/health"), "not-ready", "rebuild")
    assert query.get("/").status == 200
    assert query.send("POST", "/v1/uploads").status == 200


@pytest.mark.usefixtures("encoder")
def test_an_empty_catalogue_knows_no_item(context: RebuildContext, query: Caller) -> None:
    rebuild(context)
    check(query.json("/v1/search", {"id": "red-ball"}), "unknown-item", "'red-ball'")
    check(query.json("/v1/search", {"vector": [1.0]}), "invalid-vector", "(1,)")
    answer = query.picture("/v1/search", PLAIN, filter='{"price": 1}')
    check(answer, "invalid-filter", "'price'", "there are none")
    check(query.picture("/v1/predict", PLAIN, attributes="color"), "invalid-request", "'color'", "there are none")


@pytest.mark.usefixtures("shop")
def test_an_item_without_a_picture_has_no_neighbours(catalogue: Bucket, context: RebuildContext, query: Caller) -> None:
    catalogue.put("items/bare.json", b'{"color": "red"}')
    rebuild(context)
    check(query.json("/v1/search", {"id": "bare"}), "unknown-item", "'bare'", "no view")
    check(query.get("/v1/items/bare/image"), "unknown-item", "'bare'", "none")
    answer = query.get("/v1/items/bare")
    assert (answer.status, answer.body["views"], answer.body["image"]) == (200, [], None)


def test_a_damaged_encoder_is_no_bare_500(shop: str, context: RebuildContext, query: Caller, artefacts: Bucket) -> None:
    rebuild(context)
    for cached in context.cache.iterdir():
        cached.unlink()
    artefacts.put(f"{PREFIX}{shop}/model.onnx", b"damaged")
    check(query.picture("/v1/search", PLAIN), "unreadable", shop)


def flatten(data: bytes) -> bytes:
    """Give the first picture of a file as plain RGB, as Pillow decodes it."""
    with Image.open(BytesIO(data)) as image:
        return pictures.encoded(image.convert("RGB"), "PNG")


def tent(kind: str, mode: str, **options: Any) -> tuple[bytes, bytes]:
    """A blue tent in some awkward form, and its plain form."""
    awkward = pictures.encoded(draw("blue", "tent").convert(mode), kind, **options)
    return awkward, flatten(awkward)


def clear_tent() -> tuple[bytes, bytes]:
    """A tent on nothing, whose hidden pixels are red: it shall stand before white."""
    image, hidden, plain = draw("blue", "tent"), *(Image.new("RGB", (240, 240), c) for c in (pictures.RED, "white"))
    mask = image.convert("L").point(lambda value: 255 if value < 200 else 0)
    for under in (hidden, plain):
        under.paste(image, mask=mask)
    hidden.putalpha(mask)
    return pictures.encoded(hidden, "PNG"), pictures.encoded(plain, "PNG")


def deep_tent() -> tuple[bytes, bytes]:
    """16 bits a channel."""
    pixels = draw("blue", "tent").tobytes()
    stride = 240 * 3
    rows = b"".join(
        b"\0" + bytes(half for value in pixels[start : start + stride] for half in (value, 7))
        for start in range(0, len(pixels), stride)
    )
    return pictures.png(240, 240, 16, 2, rows), PLAIN


def moving_tent(kind: str, **options: Any) -> tuple[bytes, bytes]:
    others = [draw("red", "ball"), draw("green", "box")]
    moving = pictures.encoded(draw("blue", "tent"), kind, save_all=True, append_images=others, duration=50, **options)
    return moving, flatten(moving)


def turned_tent() -> tuple[bytes, bytes]:
    """Stored on its side, with an orientation that puts it upright."""
    return pictures.oriented(6, "PNG", draw("blue", "tent").transpose(Image.Transpose.ROTATE_90)), PLAIN


AWKWARD: dict[str, Callable[[], tuple[bytes, bytes]]] = {
    "jpeg": lambda: tent("JPEG", "RGB"),
    "progressive jpeg": lambda: tent("JPEG", "RGB", progressive=True),
    "cmyk jpeg": lambda: tent("JPEG", "CMYK"),
    "palette png": lambda: tent("PNG", "P"),
    "palette gif": lambda: tent("GIF", "P"),
    "16-bit png": deep_tent,
    "alpha png": clear_tent,
    "lossless webp": lambda: tent("WEBP", "RGBA", lossless=True),
    "animated png": lambda: moving_tent("PNG"),
    "animated gif": lambda: moving_tent("GIF"),
    "animated webp": lambda: moving_tent("WEBP", lossless=True),
    "turned by EXIF": turned_tent,
}


@pytest.mark.parametrize("name", AWKWARD)
def test_an_awkward_picture_finds_what_its_plain_form_finds(standing: Caller, name: str) -> None:
    awkward, plain = (standing.picture("/v1/search", data, "image/*").body["items"] for data in AWKWARD[name]())
    assert awkward[0]["id"] == "blue-tent"
    assert [item["id"] for item in awkward] == [item["id"] for item in plain]
    assert [item["score"] for item in awkward] == pytest.approx([item["score"] for item in plain], abs=5e-3)
    predicted = standing.picture("/v1/predict", AWKWARD[name]()[0]).body["predictions"]
    assert {attribute: one["value"] for attribute, one in predicted.items()} == {
        "color": BY_ID["blue-tent"].color,
        "category": BY_ID["blue-tent"].category,
    }


@pytest.mark.parametrize("side", [32, 100, 3_000])
def test_a_picture_of_any_size_finds_its_like(standing: Caller, side: int) -> None:
    for kind in ("JPEG", "PNG"):
        data = pictures.encoded(draw("blue", "tent").resize((side, side)), kind)
        assert standing.picture("/v1/search", data, k="1").body["items"][0]["id"] == "blue-tent"


def test_sixteen_bit_grey_is_not_washed_out(standing: Caller) -> None:
    grey = standing.picture("/v1/search", pictures.encoded(draw("blue", "tent").convert("L"), "PNG"), k="3").body
    pixels = bytes(half for value in draw("blue", "tent").convert("L").tobytes() for half in (value, 0))
    rows = b"".join(b"\0" + pixels[start : start + 480] for start in range(0, len(pixels), 480))
    deep = standing.picture("/v1/search", pictures.png(240, 240, 16, 0, rows), k="3").body
    assert deep["items"] == grey["items"]


@pytest.mark.parametrize("name", pictures.valid())
def test_every_accepted_kind_is_answered(standing: Caller, name: str) -> None:
    answer = standing.picture("/v1/search", pictures.valid()[name])
    assert answer.status == 200, answer.body
    assert len(answer.body["items"]) == 10
