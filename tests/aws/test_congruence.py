"""The application in one process over folders, and the handlers as AWS runs them, give the same answers."""

from __future__ import annotations

import base64
import gzip
import json
import re
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import boto3
import pytest
import urllib3

import pictures
from aws.services import Endpoint
from aws.stack import deployed
from integration.forms import upload
from integration.shop import BY_ID, draw, push
from pictures import encoded
from tonari.api.app import App
from tonari.config import USUAL
from tonari.encoders.store import save_encoder
from tonari.engines.builtin import BuiltinOpening
from tonari.query.reader import Reader
from tonari.snapshots.head import use_encoder
from tonari.storage.bucket import Bucket, PresignedPost
from tonari.storage.folder import FolderBucket
from tonari.storage.s3 import S3Bucket
from tonari_tools.onnx.default import BuiltEncoder, read_default
from tonari_tools.serve.listener import Listener
from tonari_tools.serve.site import FILES, Site
from tonari_tools.serve.upkeep import Rebuilder, Reindexer

PATIENCE_SECONDS = 60
HEADERS = (
    "content-type",
    "cache-control",
    "x-content-type-options",
    "content-security-policy",
    "retry-after",
    "allow",
    "access-control-allow-origin",
    "access-control-allow-methods",
    "access-control-allow-headers",
)
OWN = {"snapshot", "generation", "took_ms", "next", "upload", "url", "checked_seconds_ago", "stale_seconds", "behind"}
"""Members that are each side's own: ids of builds, times, links."""
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d|\d{8}T\d{6}")
JSON = "application/json"
PNG = "image/png"
PHOTO = encoded(draw("red", "ball", inset=50), "PNG")
CUT = encoded(pictures.photo(), "JPEG")[:-2000]
VECTOR = [1.0] + [0.0] * (json.loads(read_default().config)["dimensions"] - 1)


@dataclass(frozen=True)
class Ask:
    """One request."""

    method: str
    path: str
    body: bytes = b""
    media_type: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)


def search(**members: Any) -> Ask:
    return Ask("POST", "/v1/search", json.dumps(members).encode(), JSON)


def predict(**members: Any) -> Ask:
    return Ask("POST", "/v1/predict", json.dumps(members).encode(), JSON)


PICTURE = base64.b64encode(PHOTO).decode()
GZIP = {"content-encoding": "gzip"}
FILE_FORM = urllib3.encode_multipart_formdata({"k": "3", "photo": ("my photo.png", PHOTO, PNG)})
READS = {
    "page": Ask("GET", "/"),
    "health": Ask("GET", "/v1/health"),
    "search picture": Ask("POST", "/v1/search?k=3&include=fields", PHOTO, PNG),
    "search picture of another type": Ask("POST", "/v1/search?k=3", PHOTO, "IMAGE/PNG; q=1"),
    "search base64": search(image=PICTURE, k=4),
    "search id": search(id="red-ball", k=12),
    "search vector": search(vector=VECTOR, k=3),
    "search examples": search(examples={"positive": ["red-ball", "red-box"], "negative": ["blue-box"]}, k=5),
    "search exact": search(id="red-ball", exact=True, k=5),
    "search filter": search(id="red-ball", filter={"price": {"$gte": 20}, "color": {"$in": ["green", "blue"]}}),
    "search or": search(id="red-ball", filter={"$or": [{"color": "red"}, {"price": {"$lt": 20}}]}),
    "search range": search(id="red-ball", ids=["blue-box", "green-tent", "nobody"]),
    "search facets": search(id="red-ball", facets=["color"], k=2),
    "search group": search(id="red-ball", group_by="category", k=3),
    "search least score": search(id="red-ball", min_score=0.2),
    "search and predict": search(image=PICTURE, predict=["color"], k=2),
    "search shift": search(id="red-ball", shift={"color": "blue"}, k=4),
    "search boost": search(id="red-ball", boost=[{"field": "price", "weight": 0.1, "high": 50}], k=4),
    "search pinned": search(id="red-ball", pin=["blue-tent"], bury=["red-box"], k=12),
    "search region": search(image=PICTURE, region={"x": 0.25, "y": 0.25, "width": 0.5, "height": 0.5}, k=4),
    "search disjunctive facets": search(id="red-ball", filter={"color": "red"}, disjunctive_facets=["color"]),
    "search many": search(queries=[{"id": "red-ball", "k": 1}, {"id": "blue-box", "k": 2}]),
    "similar": Ask("GET", "/v1/items/red-ball/similar?k=2"),
    "similar filtered": Ask("GET", "/v1/items/red-ball/similar?k=2&filter=%7B%22color%22%3A%22blue%22%7D"),
    "predict picture": Ask("POST", "/v1/predict", PHOTO, PNG),
    "predict means": predict(image=PICTURE, method="means"),
    "predict vote": predict(id="red-ball", method="vote", k=5, attributes=["color"]),
    "item": Ask("GET", "/v1/items/red-ball"),
    "image": Ask("GET", "/v1/items/red-ball/image"),
    "image of no view": Ask("GET", "/v1/items/red-ball/image?view=nothing.png"),
    "no item": Ask("GET", "/v1/items/nobody"),
    "no item with odd letters": Ask("GET", "/v1/items/caf%C3%A9%20%2B%3F"),
    "no path": Ask("GET", "/v2/search"),
    "nobody asks": search(id="nobody"),
    "no method": Ask("DELETE", "/v1/search"),
    "no method on an item": Ask("POST", "/v1/items/red-ball"),
    "packed picture": Ask("POST", "/v1/search?k=3", gzip.compress(PHOTO), PNG, GZIP),
    "packed JSON": Ask("POST", "/v1/search", gzip.compress(b'{"id": "red-ball", "k": 2}'), JSON, GZIP),
    "packed otherwise": Ask("POST", "/v1/search", PHOTO, PNG, {"content-encoding": "br"}),
    "damaged gzip": Ask("POST", "/v1/search", gzip.compress(PHOTO)[:-9], PNG, GZIP),
    "picture of no type": Ask("POST", "/v1/search?k=3", PHOTO),
    "picture as curl sends it": Ask("POST", "/v1/search?k=3", PHOTO, "application/x-www-form-urlencoded"),
    "JSON as curl sends it": Ask(
        "POST", "/v1/search", b'{"id": "red-ball", "k": null}', "application/x-www-form-urlencoded"
    ),
    "JSON in UTF-16": Ask("POST", "/v1/search", '{"id": "red-ball"}'.encode("utf-16"), JSON),
    "open-ended picture": Ask("POST", "/v1/search?k=3", encoded(pictures.photo(), "JPEG")[:-2], "image/jpeg"),
    "file in a form": Ask("POST", "/v1/search?exact=true", *FILE_FORM),
    "predict of a form": Ask("POST", "/v1/predict", *FILE_FORM),
    "form without a file": Ask("POST", "/v1/search", *urllib3.encode_multipart_formdata({"k": "3"})),
    "form without a boundary": Ask("POST", "/v1/search", FILE_FORM[0], "multipart/form-data"),
    "items": Ask("GET", "/v1/items"),
    "items sorted": Ask("GET", "/v1/items?sort=-price&k=3&fields=price&facets=color"),
    "items filtered": Ask("GET", "/v1/items?filter=%7B%22color%22%3A%22blue%22%7D&include="),
    "items by nothing": Ask("GET", "/v1/items?sort=prise"),
    "a slash too many": Ask("GET", "/v1/items/"),
    "description": Ask("GET", "/openapi.json"),
    "head of health": Ask("HEAD", "/v1/health"),
    "head of items": Ask("HEAD", "/v1/items?k=3"),
    "head of the page": Ask("HEAD", "/"),
    "head of an image": Ask("HEAD", "/v1/items/red-ball/image"),
    "head of no item": Ask("HEAD", "/v1/items/nobody"),
    "head of a search": Ask("HEAD", "/v1/search"),
    "no JSON": Ask("POST", "/v1/search", b"{", JSON),
    "no query": search(k=3),
    "unknown member": search(id="red-ball", kk=3),
    "wrong k": search(id="red-ball", k=0),
    "not a number": Ask("POST", "/v1/search", b'{"id": "red-ball", "min_score": NaN}', JSON),
    "unknown parameter": Ask("GET", "/v1/items/red-ball/similar?kk=3"),
    "bad filter": search(id="red-ball", filter={"nothing": {"$near": 1}}),
    "bad vector": search(vector=[1.0, 2.0]),
    "no picture": Ask("POST", "/v1/search", b"hello", PNG),
    "form": Ask("POST", "/v1/search", b"a=1", "application/x-www-form-urlencoded"),
    "cut picture": Ask("POST", "/v1/search", CUT, "image/jpeg"),
    "no upload": search(upload="uploads/" + "0" * 32),
    "upload elsewhere": search(upload="head.json"),
    "put no object": Ask("PUT", "/v1/items/x", b"[1]", JSON),
    "put a bad id": Ask("PUT", "/v1/items/..", b"{}", JSON),
    "delete nobody": Ask("DELETE", "/v1/items/nobody"),
    "patch nobody": Ask("PATCH", "/v1/items/nobody", b"{}", JSON),
    "patch no object": Ask("PATCH", "/v1/items/x", b"[1]", "application/merge-patch+json"),
    "preflight of a patch": Ask(
        "OPTIONS", "/v1/items/x", headers={"Origin": "http://localhost:1", "Access-Control-Request-Method": "PATCH"}
    ),
    "preflight": Ask(
        "OPTIONS", "/v1/search", headers={"Origin": "http://localhost:1", "Access-Control-Request-Method": "POST"}
    ),
    "page of this machine": Ask("GET", "/v1/items/red-ball", headers={"Origin": "http://localhost:1"}),
}


@dataclass(frozen=True)
class Side:
    """One of the two, and how it is asked."""

    url: str
    http: urllib3.PoolManager

    def ask(self, ask: Ask) -> tuple[int, dict[str, str], Any]:
        headers = {**ask.headers, **({"content-type": ask.media_type} if ask.media_type else {})}
        answer = self.http.request(
            ask.method, self.url + ask.path, body=ask.body or None, headers=headers, redirect=False, retries=False
        )
        shown = {name: answer.headers[name] for name in HEADERS if name in answer.headers}
        if "location" in answer.headers:
            shown["location"] = urllib3.util.parse_url(answer.headers["location"]).path.rpartition("/images/")[2]
        if ask.method == "HEAD":
            assert answer.data == b""
            shown["has a length"] = str("content-length" in answer.headers)
        json_type = "json" in shown.get("content-type", "") and answer.data
        return answer.status, shown, json.loads(answer.data) if json_type else answer.data

    def until(self, ask: Ask, reached: Callable[[int, Any], bool]) -> None:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            status, _, body = self.ask(ask)
            if reached(status, body):
                return
            assert time.monotonic() < deadline, (self.url, status, body)
            time.sleep(0.2)


def fill(catalogue: Bucket, artefacts: Bucket, built: BuiltEncoder) -> None:
    push(catalogue)
    use_encoder(artefacts, save_encoder(artefacts, built.model, built.config))


@pytest.fixture(scope="module")
def http() -> Iterator[urllib3.PoolManager]:
    with urllib3.PoolManager(timeout=60) as pool:
        yield pool


@pytest.fixture(scope="module")
def local(built: BuiltEncoder, http: urllib3.PoolManager, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Side]:
    folder = tmp_path_factory.mktemp("local")
    log: list[str] = []
    stop = threading.Event()
    with Listener() as listener:
        for name in ("catalogue", "artefacts"):
            (folder / name).mkdir()
        buckets = {
            name: FolderBucket(folder / name, f"{listener.url}{FILES}{name}") for name in ("catalogue", "artefacts")
        }
        catalogue, artefacts = buckets.values()
        fill(catalogue, artefacts, built)
        rebuilder = Rebuilder(catalogue, artefacts, folder / "cache", USUAL, log.append)
        assert rebuilder.rebuild(lambda *_: None).outcome == "published"
        reader = Reader(artefacts, folder / "cache", 0.0, BuiltinOpening(), log.append)
        listener.serve(Site(App(reader, catalogue, artefacts), buckets))
        reindexer = Reindexer(catalogue, artefacts, folder / "cache", rebuilder.ask, log.append)
        thread = threading.Thread(target=reindexer.run, args=(stop,))
        thread.start()
        yield Side(listener.url, http)
        stop.set()
        thread.join()


@pytest.fixture(scope="module")
def cloud(
    ministack: Endpoint, built: BuiltEncoder, http: urllib3.PoolManager, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Side]:
    with deployed(ministack, tmp_path_factory.mktemp("cloud")) as stack, pytest.MonkeyPatch.context() as patch:
        for name, value in ministack.environment().items():
            patch.setenv(name, value)
        patch.setattr(boto3, "DEFAULT_SESSION", None)
        fill(S3Bucket(stack.catalogue), S3Bucket(stack.artefacts), built)
        assert stack.rebuild()["outcome"] == "published"
        stack.follow()
        yield Side(stack.url, http)


def plain(value: Any) -> Any:
    """Leave out what is each side's own, and round what arithmetic of another order may change."""
    match value:
        case dict():
            return {name: plain(member) for name, member in value.items() if name not in OWN}
        case list():
            return [plain(member) for member in value]
        case float():
            return round(value, 4)
        case str():
            return TIME.sub("TIME", value)
        case _:
            return value


def same(local: Side, cloud: Side, ask: Ask) -> tuple[int, Any, Any]:
    """Ask both; give the status and both bodies, which are the same but for what is each side's own."""
    here, there = local.ask(ask), cloud.ask(ask)
    assert here[:2] == there[:2]
    assert plain(here[2]) == plain(there[2])
    return here[0], here[2], there[2]


@pytest.mark.parametrize("name", READS)
def test_both_answer_alike(local: Side, cloud: Side, name: str) -> None:
    status, here, _ = same(local, cloud, READS[name])
    assert status == 200 if name.startswith(("search ", "similar", "predict ")) else status < 500
    if name.startswith(("search ", "similar")) and "items" in here:
        assert here["items"]


def test_pages_go_on_alike(local: Side, cloud: Side) -> None:
    cursors: list[str | None] = [None, None]
    seen = []
    while True:
        asks = [search(id="red-ball", k=4, **({"cursor": cursor} if cursor else {})) for cursor in cursors]
        (status, headers, here), (other, other_headers, there) = local.ask(asks[0]), cloud.ask(asks[1])
        assert (status, headers, plain(here)) == (other, other_headers, plain(there))
        assert status == 200
        seen += [item["id"] for item in here["items"]]
        cursors = [here.get("next"), there.get("next")]
        assert (cursors[0] is None) == (cursors[1] is None)
        if cursors[0] is None:
            break
    assert len(seen) == len(set(seen)) == 11


@pytest.mark.parametrize("size", [5_000_000, 11_000_000])
def test_too_large_a_picture_is_refused_alike(local: Side, cloud: Side, size: int) -> None:
    ask = Ask("POST", "/v1/search", PHOTO + bytes(size), PNG)
    assert local.ask(ask)[0] == cloud.ask(ask)[0] == 413


def test_uploads_are_taken_alike(local: Side, cloud: Side) -> None:
    found = []
    for side in (local, cloud):
        status, _, form = side.ask(Ask("POST", "/v1/uploads", b"{}", JSON))
        assert status == 200
        assert set(form) == {"upload", "url", "fields", "most_bytes"}
        assert upload(PresignedPost(form["url"], form["fields"]), PHOTO, "mine.png", PNG) in (200, 204)
        status, headers, answer = side.ask(search(upload=form["upload"], k=3))
        found.append((status, headers, plain(answer)))
    assert found[0] == found[1]
    assert found[0][0] == 200


def test_writes_show_alike(local: Side, cloud: Side) -> None:
    item = Ask("GET", "/v1/items/n%C3%A9w%201")
    put = Ask("PUT", "/v1/items/n%C3%A9w%201", json.dumps({"color": "blue", "price": 5}).encode(), JSON)
    for side in (local, cloud):
        status, _, accepted = side.ask(put)
        assert (status, accepted["id"], accepted["status"]) == (202, "néw 1", "accepted")
        form = PresignedPost(accepted["upload"]["url"], accepted["upload"]["fields"])
        assert upload(form, BY_ID["blue-tent"].picture(), "a b.png", PNG) in (200, 204)
    for side in (local, cloud):
        side.until(item, lambda status, body: status == 200 and len(body["views"]) == 1)
    same(local, cloud, item)
    same(local, cloud, Ask("GET", "/v1/items/n%C3%A9w%201/image"))
    assert same(local, cloud, search(id="blue-tent", k=1))[1]["items"][0]["id"] == "néw 1"
    patch = Ask("PATCH", "/v1/items/n%C3%A9w%201", b'{"price": null, "note": "x"}', "application/merge-patch+json")
    for side in (local, cloud):
        assert side.ask(patch)[0] == 202
        side.until(item, lambda _, body: body["fields"] == {"color": "blue", "note": "x"})
    same(local, cloud, item)
    listed = same(local, cloud, Ask("GET", "/v1/items?sort=price&k=1000"))[1]
    assert (listed["items"][-1]["id"], listed["matching"]) == ("néw 1", 13)
    for side in (local, cloud):
        assert side.ask(Ask("DELETE", "/v1/items/n%C3%A9w%201"))[0] == 202
        side.until(item, lambda status, _: status == 404)
    same(local, cloud, item)
