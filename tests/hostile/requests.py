"""Requests that anybody can send and that are made to cost much: drawn with a seed, at each limit and over it."""

from __future__ import annotations

import base64
import functools
import gzip
import io
import json
import zlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
from PIL import Image

from hostile.large_catalogue import ATTRIBUTES, DIMENSIONS, VIEWED
from tonari.api.http import Request
from tonari.api.presenting import order_of
from tonari.contract.answers import JSON
from tonari.contract.decoding import decode
from tonari.contract.engine import Place
from tonari.contract.parameters import MOST_BODY_BYTES
from tonari.contract.requests import SearchRequest
from tonari.query.cursor import PageEnd, digest, write_cursor, write_place

FIELDS = (*ATTRIBUTES, "tags", "name", "sku", "description", "price", "stock", "since", "new")
UNIQUE = ("name", "sku", "description", "price")
FILLING = (b"[]", b"{}", b'{"a":0}', b"[[]]", b"1", b"1.5", b'""', b'"\\u00e9"', b"-1e300", b"null", b'{"":{}}')
PRIME = 2**61 - 1
"""Python's hash of a whole number is its remainder by this."""
FORMATS = ("PNG", "WEBP", "GIF", "JPEG", "TIFF")
MOST_DELIVERED_BYTES = 6 * 1024 * 1024
"""What API Gateway, Lambda and the local server let through to the functions."""


class Attacker:
    """Draws requests against one catalogue.

    Parameters
    ----------
    ids
        Of its items; the first have long documents and hundreds of views.
    """

    def __init__(self, seed: int, ids: Sequence[str]) -> None:
        self._random, self._ids = np.random.default_rng(seed), ids

    def requests(self, count: int) -> Iterator[tuple[str, Request]]:
        """Give so many requests, each with the name of its kind, all kinds in turn."""
        for number in range(count):
            kind = KINDS[number % len(KINDS)]
            ask: Callable[[], Request] = getattr(self, f"_ask_{kind}")
            yield kind, ask()

    def _pick(self, values: Sequence[Any]) -> Any:
        return values[int(self._random.integers(len(values)))]

    def _vector(self) -> list[float]:
        return [round(float(one), 4) for one in self._random.standard_normal(DIMENSIONS)]

    def _some(self, values: Sequence[str], most: int) -> list[str]:
        return [self._pick(values) for _ in range(int(self._random.integers(1, most + 1)))]

    def _query(self) -> dict[str, Any]:
        match self._pick(("vector", "id", "many views", "examples")):
            case "vector":
                return {"vector": self._vector()}
            case "id":
                return {"id": self._pick(self._ids)}
            case "many views":
                return {"id": self._ids[int(self._random.integers(VIEWED))]}
        return {"examples": {"positive": list(dict.fromkeys(self._some(self._ids, 100)))}}

    def _filter(self, conditions: int, values: int) -> dict[str, Any]:
        return {self._pick(("$or", "$and")): [self._condition(values) for _ in range(conditions)]}

    def _condition(self, values: int) -> dict[str, Any]:
        operator, start = self._pick(("$in", "$nin")), int(self._random.integers(1000))
        numbers = range(start + 1, start + values + 1)
        condition: dict[str, Any] = {}
        match self._pick(("class", "tags", "name", "price", "colliding", "since", "$not", "empty")):
            case "class":
                condition = {self._pick(ATTRIBUTES): {operator: [f"c{number % 300:03}" for number in numbers]}}
            case "tags":
                condition = {"tags": {operator: [f"t{number % 500:03}" for number in numbers]}}
            case "name":
                condition = {"name": {operator: [f"name {number:07}" for number in numbers]}}
            case "price":
                condition = {"price": {operator: [number / 100 for number in numbers]}}
            case "colliding":
                condition = {"price": {operator: [PRIME * number for number in numbers]}}
            case "since":
                condition = {"since": {"$gt": "2024-01-01", "$lt": "2024-01-03T05:00:00+02:00"}}
            case "$not":
                condition = {"$not": {"$not": {self._pick(ATTRIBUTES): {"$not": {"$exists": True}}}}}
        return condition

    def _ask_ids(self) -> Request:
        count = self._pick((1, 1_000, 50_000, 50_001, 400_000))
        length = min(self._pick((1, 12, 80, 256, 257, 100_000)), MOST_BODY_BYTES // count - 4)
        ids = [f"{number:x}"[-length:].rjust(length, "é" if length < 20 else "x") for number in range(count)]
        return _search({**self._query(), "ids": ids, "predict": self._some(ATTRIBUTES, 20)})

    def _ask_known_ids(self) -> Request:
        ids = list(self._ids[: self._pick((1_000, 10_000, 50_000))])
        return _post("predict", {**self._query(), "ids": ids, "method": "vote", "k": self._pick((1, 9, 1_000))})

    def _ask_one_long_id(self) -> Request:
        length = self._pick((256, 257, 8_000, 100_000))
        path = f"/v1/items/{self._pick('xé隣') * length}{self._pick(('', '/similar', '/image'))}"
        return Request("GET", path, (), "", b"")

    def _ask_predictions(self) -> Request:
        names = self._some((*ATTRIBUTES, "tags"), 20) * self._pick((1, 5, 5_000))
        return _search({"queries": [{**self._query(), "predict": names} for _ in range(self._pick((1, 10, 11)))]})

    def _ask_vote(self) -> Request:
        where = {"filter": self._filter(self._pick((1, 12, 64)), self._pick((1, 1_000)))} if self._pick((0, 1)) else {}
        k = self._pick((9, 1_000))
        return _post("predict", {**self._query(), "method": self._pick(("vote", "means")), "k": k, **where})

    def _ask_filter(self) -> Request:
        return _search({**self._query(), "filter": self._filter(self._pick((64, 65)), self._pick((1, 1_000, 1_001)))})

    def _ask_filters(self) -> Request:
        queries = [
            {**self._query(), "filter": self._filter(12, 300), "facets": self._some(FIELDS, 6)} for _ in range(10)
        ]
        return _search({"queries": queries})

    def _ask_endless_filter(self) -> Request:
        condition = self._pick((b"{}", b'{"new":true}', b'{"$not":{}}', b'{"price":{"$not":{"$gt":1}}}'))
        body = b'{"id":"x","filter":{"$or":[' + _filling(condition) + b"]}}"
        return Request("POST", "/v1/search", (), JSON, body)

    def _ask_deep_filter(self) -> Request:
        depth = self._pick((8, 9, 60, 64, 1_000, 400_000))
        body = b'{"id":"x","filter":' + b'{"$not":' * depth + b"{}" + b"}" * (depth + 1)
        return Request("POST", "/v1/search", (), JSON, body)

    def _ask_facets(self) -> Request:
        queries = [{**self._query(), "facets": list(FIELDS[-20:])} for _ in range(self._pick((1, 3, 4, 10)))]
        return _search({"queries": queries})

    def _ask_disjunctive_facets(self) -> Request:
        names = self._some(FIELDS, 20)
        where = {"$and": [*self._filter(self._pick((1, 12, 44)), 300).values(), *({n: {"$ne": None}} for n in names)]}
        where["$and"] = [*where["$and"][0], *where["$and"][1:]]
        queries = [
            {**self._query(), "disjunctive_facets": names, "filter": where} for _ in range(self._pick((1, 2, 10)))
        ]
        return _search({"queries": queries})

    def _ask_shift(self) -> Request:
        names = self._some((*ATTRIBUTES, "tags", "price", "x" * 9_000), self._pick((1, 3, 4)))
        value = self._pick(("c000", "c001", "t000", 5, True, "x" * 90_000, 1e300))
        return _search({"queries": [{**self._query(), "shift": dict.fromkeys(names, value)}] * self._pick((1, 10))})

    def _ask_boost(self) -> Request:
        boosts = [
            {"field": "price", "weight": self._pick((0.01, 0.5, -0.5)), "high": self._pick((1, -1e300, 1e300))},
            {"field": "stock", "weight": 0.1, "function": "log", "high": self._pick((1e-300, 1e300))},
            {"field": "since", "weight": 0.1, "function": "age", "half_life": self._pick((1e-300, 1e6))},
        ]
        groups = {"group_by": self._pick(FIELDS)} if self._pick((0, 0, 1)) else {}
        k = self._pick((1, 100, 1_000))
        query = {"boost": boosts[: self._pick((1, 2, 3))], "k": k, **groups}
        return _search({"queries": [{**self._query(), **query} for _ in range(1_000 // k % 10 + 1)]})

    def _ask_boosted_page(self) -> Request:
        query = {"vector": self._vector(), "boost": [{"field": "price", "weight": 0.3, "high": 1_000}], "k": 100}
        end = PageEnd(self._pick((1.5, 0.1, -0.999)), "x", self._pick((0, 10**15)), "ranked", self._pick((0.0, 1e308)))
        question = digest(order_of(decode(query, SearchRequest)))
        return _search({**query, "cursor": write_cursor(end, "encoder-1", question)})

    def _ask_pins(self) -> Request:
        pins, buried = list(self._ids[: self._pick((1, 100, 101))]), list(self._ids[200 : self._pick((201, 1_200))])
        query = {"pin": pins, "bury": buried, "k": self._pick((1, 100))}
        return _search({"queries": [{**self._query(), **query} for _ in range(self._pick((1, 10)))]})

    def _ask_regions(self) -> Request:
        side, form, count = self._pick((512, 2_000, 5_400)), self._pick(("JPEG", "PNG")), self._pick((1, 10))
        while count * len(picture := _picture(form, side)) > MOST_DELIVERED_BYTES or (form == "PNG" and side > 4_000):
            side, count = (side // 2, count) if count == 1 else (side, count // 2)
        box = {"x": 0.4, "y": 0.4, "width": self._pick((1e-300, 0.01, 0.05, 0.6)), "height": self._pick((0.01, 0.6))}
        return _search({"queries": [{"image": picture, "region": box}] * count})

    def _ask_unique_facets(self) -> Request:
        where = {"filter": {"price": {"$gte": self._pick((0, 500))}}}
        return _search({"queries": [{**self._query(), "facets": list(UNIQUE), **where} for _ in range(10)]})

    def _ask_exact(self) -> Request:
        where = {"filter": {"price": {"$gte": self._pick((0, 500))}}} if self._pick((0, 1)) else {}
        queries = [{**self._query(), "exact": True, "k": self._pick((1, 100)), **where} for _ in range(10)]
        return _search({"queries": queries[: self._pick((1, 2, 10))]})

    def _ask_many_views(self) -> Request:
        queries = [{"id": self._ids[n], "predict": self._some(ATTRIBUTES, 20), "exact": n % 2 == 0} for n in range(10)]
        return _search({"queries": queries[: self._pick((1, 10))]})

    def _ask_everything_of_many(self) -> Request:
        include = self._pick((["embedding"], ["fields"], ["fields", "image", "embedding"], []))
        return _search({**self._query(), "k": self._pick((1_000, 1_001, 10**9)), "include": include})

    def _ask_long_documents(self) -> Request:
        fields = self._pick(({}, {"fields": ["name"]}, {"include": []}, {"group_by": "name"}, {"diversity": 0.5}))
        return _search({"vector": self._vector(), "k": 1_000, "ids": list(self._ids[:1_000]), **fields})

    def _ask_groups(self) -> Request:
        per_group = self._pick((1, 3, 1_000))
        return _search({**self._query(), "k": 1_000, "group_by": self._pick(FIELDS), "per_group": per_group})

    def _ask_diversity(self) -> Request:
        k = self._pick((100, 1_000))
        return _search({"queries": [{**self._query(), "k": k, "diversity": 0.7} for _ in range(1_000 // k)]})

    def _ask_deep_page(self) -> Request:
        groups = {"group_by": self._pick(FIELDS)} if self._pick((0, 0, 1)) else {}
        queries = []
        for _ in range(self._pick((1, 10))):
            query = {"vector": self._vector(), **groups}
            end = PageEnd(self._pick((0.9, 0.1, 0.0, -0.2, -0.999)), self._pick("x\0隣") * 300, self._pick((0, 10**15)))
            question = digest(order_of(decode(query, SearchRequest)))
            queries.append({**query, "k": 100, "cursor": write_cursor(end, "encoder-1", question)})
        return _search({"queries": queries})

    def _ask_cursor(self) -> Request:
        return _search(
            {**self._query(), "cursor": self._pick(("A", "=", "é", "ew")) * self._pick((1, 2_000, 1_000_000))}
        )

    def _ask_examples(self) -> Request:
        positive = list(dict.fromkeys(self._some(self._ids[:VIEWED], 100)))
        return _search({"queries": [{"examples": {"positive": positive, "negative": self._some(self._ids, 100)}}] * 10})

    def _ask_filling(self) -> Request:
        place = self._pick((b'"a"', b'"ids"', b'"vector"', b'"queries"', b'"facets"', b'"filter"', b'"examples"'))
        return Request("POST", "/v1/search", (), JSON, b"{" + place + b":[" + _filling(self._pick(FILLING)) + b"]}")

    def _ask_deep_nesting(self) -> Request:
        depth, bracket = self._pick((64, 65, 100_000, 2_000_000)), self._pick((b"[]", b"{}"))
        return Request("POST", "/v1/search", (), JSON, bracket[:1] * depth + bracket[1:] * depth)

    def _ask_names(self) -> Request:
        names = [f"a{number}" for number in range(self._pick((10, 10_000, 300_000)))]
        body = ",".join(f'"{name}":0' for name in (*names, self._pick((names[0], names[-1], "b"))))
        return self._pick((_post, _put))("search", b"{" + body.encode() + b"}")

    def _ask_long_name(self) -> Request:
        name = self._pick(("x", "é", "隣", "\\", '"', "color")) * self._pick((60, 300, 100_000, 800_000))
        place = self._pick(("name", "filter", "operator", "facets", "predict", "fields", "group_by", "include", "id"))
        wrong: dict[str, Any] = {
            "name": {name: 1},
            "filter": {"filter": {name: 1}},
            "operator": {"filter": {"price": {f"${name}": 1}}},
            **{of: {of: [name]} for of in ("facets", "predict", "fields", "include")},
        }.get(place, {place: name})
        return _search({"vector": [1.0], **wrong} if place != "id" else wrong)

    def _ask_numbers(self) -> Request:
        number = self._pick(
            (b"9" * 4_000, b"9" * 100_000, b"1e999999999", b"1" + b"0" * 308, b"-0.0", b"1e-400", b"NaN")
        )
        place = self._pick((b'"vector":[%s]', b'"k":%s', b'"min_score":%s', b'"filter":{"price":%s}'))
        repeated = b",".join([number] * (self._pick((1, 256, MOST_BODY_BYTES // (len(number) + 2)))))
        if b"[" not in place:
            repeated = number
        return Request("POST", "/v1/search", (), JSON, b"{" + place % repeated + b"}")

    def _ask_query_string(self) -> Request:
        name = self._pick(("ids", "k", "fields", "facets", "filter", "predict", "nothing"))
        text = self._pick(("1", "x" * 5_000, "," * 9_000, "[" * 9_000, '{"a":' * 2_000))
        pairs = ((name, text),) * self._pick((1, 2, 1_000, 100_000 if len(text) == 1 else 200))
        return Request("GET", f"/v1/items/{self._pick(self._ids)}/similar", pairs, "", b"")

    def _ask_pictures(self) -> Request:
        side, form, count = self._pick((512, 2_000, 3_400)), self._pick(FORMATS), self._pick((1, 10))
        while count * len(picture := _picture(form, side)) > MOST_DELIVERED_BYTES:
            side, count = (side // 2, count) if count == 1 else (side, count // 2)
        return _search({"queries": [{"image": picture, "predict": list(ATTRIBUTES)}] * count})

    def _ask_picture_text(self) -> Request:
        text = self._pick(("A", "é", "=", "AAAA", "iVBORw0KGgo")) * self._pick((1, 1_000, 350_000))
        return _search({"image": text})

    def _ask_put(self) -> Request:
        document = {
            "price": self._pick(("cheap", 10**400, [1] * 9_000, "9" * 90_000)),
            "images": ["x"] * self._pick((0, 9_000)),
            **{f"field {number}": number for number in range(self._pick((1, 3_000)))},
        }
        return _put("x", json.dumps(document).encode())

    def _ask_items(self) -> Request:
        sort = self._pick((None, "id", *(f"{sign}{name}" for name in FIELDS for sign in ("", "-"))))
        condition = json.dumps(self._filter(self._pick((1, 64)), self._pick((1, 1_000))))
        options = {"sort": sort, "k": str(self._pick((1, 10, 1_000))), "filter": self._pick((None, condition))}
        options["ids"] = self._pick((None, None, ",".join(self._ids[:50_000])))
        options["facets"] = self._pick((None, ",".join(FIELDS)))
        question = digest(
            {"filter": json.loads(options["filter"]) if options["filter"] else None, "ids": None, "sort": sort}
        )
        place = Place(self._pick((None, 5.0, "c100", True, "x" * 900)), self._pick("x\0隣") * 80)
        options["cursor"] = self._pick((None, write_place(place, question)))
        pairs = tuple((name, value) for name, value in options.items() if value is not None)
        return Request("GET", "/v1/items", pairs, "", b"")

    def _ask_packed(self) -> Request:
        whole = self._pick((bytes(100_000_000), b'{"id":"' + b"x" * 4_000_000 + b'"}', b"[" * 4_000_000, b"{}"))
        coding, pack = self._pick((("gzip", gzip.compress), ("deflate", zlib.compress), ("br", gzip.compress)))
        body = pack(whole)[: self._pick((None, None, -5))]
        for _ in range(self._pick((0, 0, 1))):
            coding, body = f"{coding}, gzip", gzip.compress(body)
        return Request(
            self._pick(("POST", "PUT", "PATCH")), self._pick(("/v1/search", "/v1/items/x")), (), JSON, body, coding
        )

    def _ask_form(self) -> Request:
        part = b'--edge\r\nContent-Disposition: form-data; name="%s"%s\r\n\r\n%s\r\n'
        text = self._pick((b"a", b"x" * 4_000, b"[" * 4_000, b"\r\n--edg" * 500, b"\xff"))
        fields = part % (self._pick((b"ids", b"k", b"x" * 9_000)), b"", text)
        file = part % (b"image", b'; filename="a"', self._pick((b"", b"\xff\xd8\xff", bytes(1_000_000))))
        count = self._pick((1, 999, 1_001, (MOST_BODY_BYTES - len(file)) // len(fields)))
        body = self._pick((b"", b"\r\n" * 100_000)) + fields * count + file * self._pick((0, 1, 2)) + b"--edge--"
        kind = f"multipart/form-data; boundary={self._pick(('edge', 'e', 'x' * 5_000, ''))}"
        return Request("POST", "/v1/search", (), kind, body[:MOST_BODY_BYTES])

    def _ask_patch(self) -> Request:
        changes = {f"field {number}": self._pick((None, number, "x" * 90)) for number in range(self._pick((1, 3_000)))}
        return Request("PATCH", f"/v1/items/{self._pick(('x', 'nobody'))}", (), JSON, json.dumps(changes).encode())

    def _ask_health(self) -> Request:
        return Request("GET", "/v1/health", (), "", b"")


KINDS = tuple(name.removeprefix("_ask_") for name in sorted(vars(Attacker)) if name.startswith("_ask_"))


def _search(value: Any) -> Request:
    return _post("search", value)


def _post(what: str, value: Any) -> Request:
    body = value if isinstance(value, bytes) else json.dumps(value, ensure_ascii=False).encode()
    return Request("POST", f"/v1/{what}", (), JSON, body)


def _put(item: str, body: bytes) -> Request:
    return Request("PUT", f"/v1/items/{item}", (), JSON, body)


@functools.cache
def _filling(one: bytes) -> bytes:
    """Repeat a JSON value until the body is nearly full."""
    return b",".join([one] * ((MOST_BODY_BYTES - 200) // (len(one) + 1)))


@functools.cache
def _picture(form: str, side: int) -> str:
    """Give a picture that is small to send and large to decode, in base64."""
    slope = np.arange(side, dtype=np.uint16) // 16 % 256
    pixels = np.broadcast_to(slope.astype(np.uint8)[:, None], (side, side))
    file = io.BytesIO()
    mode = {"PNG": "RGBA", "WEBP": "RGBA", "GIF": "L"}.get(form, "RGB")
    Image.fromarray(np.ascontiguousarray(pixels)).convert(mode).save(file, form)
    return base64.b64encode(file.getvalue()).decode()
