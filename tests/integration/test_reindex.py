"""Events over a real S3 server: a hint leads to the item's present state being searchable, whatever the hint was."""

from __future__ import annotations

import json
import shutil
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any
from urllib.parse import quote
from wsgiref.simple_server import WSGIRequestHandler, make_server

import msgspec
import numpy as np
import pytest

import pictures
from aws.lambda_api import LambdaApi
from integration.events import Caller, eventbridge, failed, notification, sqs_event
from integration.shop import PRODUCTS, VIEW, draw, put_document, put_image
from tonari.aws.functions import Handler
from tonari.builds import reindex as reindexing
from tonari.builds.look import RebuildContext
from tonari.builds.rebuild import Rebuilt, rebuild
from tonari.builds.reindex import MOST_SEGMENTS
from tonari.catalogue.documents import EMPTY_FILE, document_key, image_key
from tonari.contract.artefacts import Condemned
from tonari.encoders.port import Encoder
from tonari.errors import StoreError
from tonari.index.vectors import to_fixed
from tonari.snapshots.head import publish, read_head, segment_key
from tonari.snapshots.segments import Segment, merge, read_segments
from tonari.storage.bucket import Bucket
from tonari.storage.s3 import S3Bucket

CONDEMNED = Condemned("work/condemned/x.json", 1.0)


class Quiet(WSGIRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


@dataclass(frozen=True)
class Lambda:
    """The functions, beside which Lambda's Invoke endpoint knows one named ``rebuild``; ``asked`` holds its events."""

    functions: ModuleType
    asked: list[bytes] = field(default_factory=list)

    def reindexer(self) -> Handler:
        handler: Handler = self.functions.reindex_function()
        return handler

    def invoke(self, event: bytes) -> bytes:
        self.asked.append(event)
        return b"{}"


@pytest.fixture
def on_lambda(functions: ModuleType, monkeypatch: pytest.MonkeyPatch) -> Iterator[Lambda]:
    on_lambda = Lambda(functions)
    api = LambdaApi({"rebuild": on_lambda.invoke}, print)
    with make_server("127.0.0.1", 0, api, handler_class=Quiet) as server:
        monkeypatch.setenv("AWS_ENDPOINT_URL_LAMBDA", f"http://127.0.0.1:{server.server_port}")
        monkeypatch.setenv("TONARI_REBUILD_FUNCTION", "rebuild")
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        yield on_lambda
        server.shutdown()
        thread.join()
    api.close()


def send(handler: Handler, *keys: str) -> list[str]:
    """One message with one notification; gives what comes back later."""
    return failed(handler(sqs_event(notification(*keys)), None))


def generation(artefacts: Bucket) -> int:
    return read_head(artefacts).head.generation


def overlay(artefacts: Bucket) -> Segment:
    head = read_head(artefacts).head
    assert head.encoder
    return merge(head.encoder, read_segments(artefacts, head.segments, head.encoder))


def test_a_new_item_is_found(
    live: Caller, reindexer: Handler, catalogue: Bucket, artefacts: Bucket, published: Rebuilt, encoder_runs: list[int]
) -> None:
    put_image(catalogue, "new", PRODUCTS[0].picture())
    assert send(reindexer, image_key("new", VIEW)) == []
    assert encoder_runs == [1]
    assert generation(artefacts) == published.generation + 1
    assert live.found({"id": "red-ball", "k": 1}) == ["new"]
    assert live.get("/v1/items/new").body["fields"] == {}
    assert live.get("/v1/health").body["items"] == 13
    put_document(catalogue, "new", {"color": "red", "price": 1})
    assert send(reindexer, document_key("new")) == []
    assert encoder_runs == [1]
    assert live.found({"id": "red-ball", "k": 5, "filter": {"price": {"$lt": 2}}}) == ["new"]


def test_a_changed_item_replaces_what_was(live: Caller, reindexer: Handler, catalogue: Bucket) -> None:
    put_image(catalogue, "red-ball", PRODUCTS[11].picture())
    assert send(reindexer, image_key("red-ball", VIEW)) == []
    assert live.found({"id": PRODUCTS[11].id, "k": 1}) == ["red-ball"]
    health = live.get("/v1/health").body
    assert (health["items"], health["views"], health["segments"]) == (12, 12, 1)
    put_document(catalogue, "red-ball", {"color": "yellow", "price": 500})
    assert send(reindexer, document_key("red-ball")) == []
    assert live.get("/v1/items/red-ball").body["fields"] == {"color": "yellow", "price": 500}
    assert live.found({"id": "red-box", "k": 12, "filter": {"price": {"$gt": 400}}}) == ["red-ball"]
    assert "red-ball" not in live.found({"id": "red-box", "k": 12, "filter": {"color": "red"}})


def test_a_deleted_item_is_gone(live: Caller, reindexer: Handler, catalogue: Bucket, encoder_runs: list[int]) -> None:
    catalogue.delete(document_key("red-ball"), image_key("red-ball", VIEW))
    assert send(reindexer, document_key("red-ball")) == []
    assert encoder_runs == []
    assert live.get("/v1/items/red-ball").status == 404
    assert "red-ball" not in live.found({"id": "red-box", "k": 50})
    assert live.json("/v1/search", {"id": "red-ball"}).status == 404
    assert live.get("/v1/health").body["items"] == 11
    put_image(catalogue, "red-ball", PRODUCTS[0].picture())
    assert send(reindexer, image_key("red-ball", VIEW)) == []
    assert live.get("/v1/items/red-ball").status == 200


def test_a_deleted_view_is_gone(live: Caller, reindexer: Handler, catalogue: Bucket) -> None:
    put_image(catalogue, "red-ball", PRODUCTS[1].picture(), "side.png")
    assert send(reindexer, image_key("red-ball", "side.png")) == []
    assert live.get("/v1/items/red-ball").body["views"] == [VIEW, "side.png"]
    catalogue.delete(image_key("red-ball", VIEW))
    assert send(reindexer, image_key("red-ball", VIEW)) == []
    assert live.get("/v1/items/red-ball").body["views"] == ["side.png"]


def test_the_document_selects_and_orders_views(live: Caller, reindexer: Handler, catalogue: Bucket) -> None:
    for name in ("a.png", "b.png"):
        put_image(catalogue, "red-ball", PRODUCTS[1].picture(), name)
    put_document(catalogue, "red-ball", {"images": ["b.png", VIEW, "b.png", "lost.png"]})
    assert send(reindexer, document_key("red-ball")) == []
    answer = live.get("/v1/items/red-ball").body
    assert (answer["views"], answer["fields"]) == (["b.png", VIEW], {})


def test_unknown_keys_change_nothing(published: Rebuilt, reindexer: Handler, artefacts: Bucket) -> None:
    assert send(reindexer, "other/thing", "images/", "items/readme.txt") == []
    assert generation(artefacts) == published.generation


def test_an_item_that_is_not_there_moves_the_head_and_changes_nothing(
    published: Rebuilt, reindexer: Handler, artefacts: Bucket
) -> None:
    assert send(reindexer, image_key("ghost", VIEW)) == []
    head = read_head(artefacts).head
    assert (head.generation, head.segments) == (published.generation + 1, ())


def test_duplicates_and_reordered_hints_do_no_harm(
    published: Rebuilt, reindexer: Handler, catalogue: Bucket, artefacts: Bucket, live: Caller, encoder_runs: list[int]
) -> None:
    put_image(catalogue, "new", PRODUCTS[0].picture())
    put_image(catalogue, "gone", PRODUCTS[1].picture())
    catalogue.delete(image_key("gone", VIEW))
    event = sqs_event(
        json.dumps(
            {"Records": [{"eventName": "ObjectRemoved:Delete", "s3": {"object": {"key": "images/new/old.png"}}}]}
        ),
        notification(image_key("gone", VIEW)),
        *[notification(image_key("new", VIEW), document_key("new"))] * 3,
    )
    for _ in range(3):
        assert failed(reindexer(event, None)) == []
    assert (generation(artefacts), encoder_runs) == (published.generation + 3, [1])
    assert len(read_head(artefacts).head.segments) == 1
    assert live.found({"id": "red-ball", "k": 1}) == ["new"]


def test_what_is_live_already_is_not_published_again(
    published: Rebuilt, reindexer: Handler, artefacts: Bucket, encoder_runs: list[int]
) -> None:
    keys = [key for product in PRODUCTS for key in (document_key(product.id), image_key(product.id, VIEW))]
    assert send(reindexer, *keys) == []
    assert (generation(artefacts), encoder_runs) == (published.generation + 1, [])
    assert read_head(artefacts).head.segments == ()


def test_the_ninth_write_merges_into_one_segment(
    published: Rebuilt, reindexer: Handler, catalogue: Bucket, artefacts: Bucket, live: Caller, encoder_runs: list[int]
) -> None:
    catalogue.delete(document_key("red-ball"), image_key("red-ball", VIEW))
    assert send(reindexer, document_key("red-ball")) == []
    for number in range(1, MOST_SEGMENTS):
        put_image(catalogue, f"new{number}", PRODUCTS[number].picture())
        assert send(reindexer, image_key(f"new{number}", VIEW)) == []
    assert [segment.items for segment in read_head(artefacts).head.segments] == [1] * MOST_SEGMENTS
    put_image(catalogue, "new1", PRODUCTS[9].picture())
    assert send(reindexer, image_key("new1", VIEW)) == []
    assert [segment.items for segment in read_head(artefacts).head.segments] == [MOST_SEGMENTS]
    assert len(encoder_runs) == MOST_SEGMENTS
    found = live.found({"id": "blue-tent", "k": 50})
    assert sorted(found) == sorted(
        {*(product.id for product in PRODUCTS), *(f"new{number}" for number in range(1, MOST_SEGMENTS))}
        - {"red-ball", "blue-tent"}
    )
    assert live.found({"id": PRODUCTS[9].id, "k": 1}) == ["new1"]
    assert generation(artefacts) == published.generation + MOST_SEGMENTS + 1


def test_two_reindexers_lose_nothing_of_each_other(
    published: Rebuilt, catalogue: Bucket, artefacts: Bucket, functions: ModuleType, live: Caller
) -> None:
    handlers = [functions.reindex_function(), functions.reindex_function()]
    for name in ("a", "b"):
        for number in range(3):
            put_image(catalogue, f"{name}{number}", PRODUCTS[number].picture())
    together = threading.Barrier(2)

    def work(handler: Handler, name: str) -> list[str]:
        again = []
        for number in range(3):
            together.wait(60)
            again += send(handler, image_key(f"{name}{number}", VIEW))
        return again

    with ThreadPoolExecutor(2) as pool:
        assert [*pool.map(work, handlers, ("a", "b"))] == [[], []]
    assert generation(artefacts) == published.generation + 6
    assert {f"{name}{number}" for name in "ab" for number in range(3)} <= {*live.found({"id": "red-ball", "k": 50})}


def test_if_the_head_moved_all_is_read_again_but_not_encoded_again(
    published: Rebuilt, reindexer: Handler, catalogue: Bucket, artefacts: Bucket, monkeypatch: pytest.MonkeyPatch,
    encoder_runs: list[int],
) -> None:  # fmt: skip
    tries = 0

    def publish_late(bucket: Bucket, read: Any, head: Any) -> Any:
        nonlocal tries
        tries += 1
        if tries == 1:
            publish(bucket, read, msgspec.structs.replace(read.head, condemned=(CONDEMNED,)))
            put_document(catalogue, "new", {"price": 3})
        return publish(bucket, read, head)

    monkeypatch.setattr("tonari.builds.reindex.publish", publish_late)
    put_image(catalogue, "new", PRODUCTS[0].picture())
    assert send(reindexer, image_key("new", VIEW)) == []
    assert (tries, encoder_runs, generation(artefacts)) == (2, [1], published.generation + 2)
    item = overlay(artefacts).items["new"]
    assert item
    assert item.fields["price"] == 3
    assert read_head(artefacts).head.condemned == (CONDEMNED,)


def test_a_writer_that_never_gets_through_gives_the_batch_back(
    published: Rebuilt, reindexer: Handler, catalogue: Bucket, artefacts: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    def publish_late(bucket: Bucket, read: Any, head: Any) -> Any:
        publish(bucket, read, read.head)
        return publish(bucket, read, head)

    monkeypatch.setattr("tonari.builds.reindex.publish", publish_late)
    monkeypatch.setattr(reindexing, "TRIES", 3)
    put_image(catalogue, "new", PRODUCTS[0].picture())
    assert send(reindexer, image_key("new", VIEW)) == ["m0"]
    assert read_head(artefacts).head.segments == ()
    assert generation(artefacts) == published.generation + 3


@pytest.mark.usefixtures("shop")
def test_without_a_snapshot_a_rebuild_is_asked_for_once(
    on_lambda: Lambda, artefacts: Bucket, encoder_runs: list[int], context: RebuildContext
) -> None:
    handlers = [on_lambda.reindexer(), on_lambda.reindexer()]
    event = sqs_event(
        notification(image_key("red-ball", VIEW)), notification("other/thing"), notification("items/b.json")
    )
    for handler in (*handlers, handlers[0]):
        assert failed(handler(event, None)) == ["m0", "m2"]
    wait_for(lambda: len(on_lambda.asked) >= 1)
    lease = read_head(artefacts).head.lease
    assert lease
    assert ([json.loads(one) for one in on_lambda.asked], encoder_runs) == ([{"build": lease.build}], [])
    assert rebuild(context).outcome == "busy"
    assert rebuild(context, lease.build).outcome == "published"
    for handler in handlers:
        assert failed(handler(event, None)) == []
    assert len(on_lambda.asked) == 1


@pytest.mark.usefixtures("shop")
def test_a_rebuild_that_died_is_asked_for_again(
    on_lambda: Lambda, artefacts: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    handler = on_lambda.reindexer()
    assert send(handler, image_key("red-ball", VIEW)) == ["m0"]
    first = read_head(artefacts).head.lease
    with monkeypatch.context() as patch:
        patch.setattr("tonari.builds.lease.PATIENCE_SECONDS", -10)
        assert send(handler, image_key("red-ball", VIEW)) == ["m0"]
    assert send(handler, image_key("red-ball", VIEW)) == ["m0"]
    wait_for(lambda: len(on_lambda.asked) >= 2)
    second = read_head(artefacts).head.lease
    assert first
    assert second
    assert [json.loads(one)["build"] for one in on_lambda.asked] == [first.build, second.build]
    assert first.build != second.build


@pytest.mark.usefixtures("shop")
def test_a_rebuild_that_could_not_be_started_is_asked_for_again(
    on_lambda: Lambda, artefacts: Bucket, monkeypatch: pytest.MonkeyPatch, log: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("TONARI_REBUILD_FUNCTION", "nowhere")
    assert send(on_lambda.reindexer(), image_key("red-ball", VIEW)) == ["m0"]
    assert "nowhere" in log.text
    assert read_head(artefacts).head.lease is None
    monkeypatch.setenv("TONARI_REBUILD_FUNCTION", "rebuild")
    assert send(on_lambda.reindexer(), image_key("red-ball", VIEW)) == ["m0"]
    wait_for(lambda: len(on_lambda.asked) >= 1)
    assert len(on_lambda.asked) == 1


@pytest.mark.usefixtures("published")
@pytest.mark.parametrize("what", ["snapshot", "segment"])
def test_what_is_live_and_damaged_asks_for_a_rebuild(
    on_lambda: Lambda, catalogue: Bucket, artefacts: Bucket, context: RebuildContext, log: pytest.LogCaptureFixture,
    tmp_path: Path, what: str,
) -> None:  # fmt: skip
    put_image(catalogue, "new", PRODUCTS[0].picture())
    assert send(on_lambda.reindexer(), image_key("new", VIEW)) == []
    head = read_head(artefacts).head
    key = f"snapshots/{head.snapshot}/table.pack" if what == "snapshot" else segment_key(head.segments[0])
    artefacts.put(key, artefacts.get(key).data[:-1])
    shutil.rmtree(tmp_path / "cache")
    put_image(catalogue, "newer", PRODUCTS[1].picture())
    assert send(on_lambda.reindexer(), image_key("newer", VIEW)) == ["m0"]
    wait_for(lambda: len(on_lambda.asked) >= 1)
    assert "sha256" in log.text
    lease = read_head(artefacts).head.lease
    assert lease
    done = rebuild(context, lease.build)
    assert (done.outcome, done.items) == ("published", 14)
    now = read_head(artefacts).head
    assert (now.segments, now.previous is None) == ((), what == "snapshot")
    assert send(on_lambda.reindexer(), image_key("newer", VIEW)) == []


def test_an_overlay_past_its_limit_asks_for_a_rebuild(
    published: Rebuilt, on_lambda: Lambda, catalogue: Bucket, artefacts: Bucket,
    monkeypatch: pytest.MonkeyPatch, encoder_runs: list[int],
) -> None:  # fmt: skip
    monkeypatch.setattr(reindexing, "MOST_OVERLAY_ITEMS", 2)
    handler = on_lambda.reindexer()
    for name in ("a", "b"):
        put_image(catalogue, name, PRODUCTS[0].picture())
        assert send(handler, image_key(name, VIEW)) == []
    encoder_runs.clear()
    put_image(catalogue, "c", PRODUCTS[0].picture())
    assert send(handler, image_key("c", VIEW)) == ["m0"]
    wait_for(lambda: bool(on_lambda.asked))
    assert (generation(artefacts), encoder_runs) == (published.generation + 3, [])
    assert read_head(artefacts).head.lease


@pytest.mark.parametrize("data", [b"no picture", b"", pictures.many_scans_jpeg(40)], ids=["text", "empty", "scans"])
def test_what_cannot_be_decoded_is_recorded_and_acknowledged(
    live: Caller, reindexer: Handler, catalogue: Bucket, artefacts: Bucket, data: bytes
) -> None:
    put_image(catalogue, "red-ball", data, "broken.jpg")
    put_image(catalogue, "new", PRODUCTS[0].picture())
    before = generation(artefacts)
    for _ in range(3):
        assert send(reindexer, image_key("red-ball", "broken.jpg"), image_key("new", VIEW)) == []
    assert (generation(artefacts), len(read_head(artefacts).head.segments)) == (before + 3, 1)
    rejected = overlay(artefacts).rejected
    assert list(rejected) == [image_key("red-ball", "broken.jpg")]
    assert data or rejected[image_key("red-ball", "broken.jpg")] == EMPTY_FILE
    assert live.get("/v1/items/red-ball").body["views"] == [VIEW]
    assert live.found({"id": "red-ball", "k": 1}) == ["new"]
    catalogue.delete(image_key("red-ball", "broken.jpg"))
    assert send(reindexer, image_key("red-ball", "broken.jpg")) == []
    assert overlay(artefacts).rejected == {}
    assert live.get("/v1/items/red-ball").body["views"] == [VIEW]


def test_a_broken_document_is_recorded_and_acknowledged(
    live: Caller, reindexer: Handler, catalogue: Bucket, artefacts: Bucket
) -> None:
    put_image(catalogue, "bare", PRODUCTS[0].picture())
    assert send(reindexer, image_key("bare", VIEW)) == []
    before = generation(artefacts)
    for item in ("red-ball", "bare", "new"):
        catalogue.put(document_key(item), b'{"price": ')
    for _ in range(2):
        assert send(reindexer, *(document_key(item) for item in ("red-ball", "bare", "new"))) == []
    assert (generation(artefacts), len(read_head(artefacts).head.segments)) == (before + 2, 2)
    rejected = overlay(artefacts).rejected
    assert set(rejected) == {document_key(item) for item in ("red-ball", "bare", "new")}
    assert all("is not JSON" in why for why in rejected.values())
    assert live.get("/v1/items/red-ball").body["fields"] == {}
    assert "red-ball" in live.found({"id": "red-box", "k": 12})


@pytest.mark.usefixtures("published")
def test_a_passing_fault_gives_the_messages_back(
    reindexer: Handler, catalogue: Bucket, artefacts: Bucket, monkeypatch: pytest.MonkeyPatch,
    log: pytest.LogCaptureFixture,
) -> None:  # fmt: skip
    put_image(catalogue, "new", PRODUCTS[0].picture())
    event = sqs_event(notification(image_key("new", VIEW)), notification("other/thing"), eventbridge(document_key("x")))
    get = S3Bucket.get

    def fail(self: S3Bucket, key: str, **condition: Any) -> Any:
        if key.startswith("images/"):
            raise StoreError("S3 is out of order.")
        return get(self, key, **condition)

    with monkeypatch.context() as patch:
        patch.setattr(S3Bucket, "get", fail)
        assert failed(reindexer(event, None)) == ["m0"]
    assert overlay(artefacts).items == {}
    assert "out of order" in log.text
    assert failed(reindexer(event, None)) == []
    assert list(overlay(artefacts).items) == ["new"]


def test_one_item_that_always_fails_holds_up_no_other(
    live: Caller, reindexer: Handler, catalogue: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(12):
        put_image(catalogue, f"new{number:02}", PRODUCTS[number].picture())
    get = S3Bucket.get

    def fail(self: S3Bucket, key: str, **condition: Any) -> Any:
        if key.startswith("images/new07/"):
            raise StoreError("Access denied.")
        return get(self, key, **condition)

    monkeypatch.setattr(S3Bucket, "get", fail)
    event = sqs_event(*(notification(image_key(f"new{number:02}", VIEW)) for number in range(12)))
    assert failed(reindexer(event, None)) == ["m7"]
    assert live.get("/v1/health").body["items"] == 12 + 11


def test_a_store_that_fails_altogether_is_not_asked_for_each_item(
    published: Rebuilt, reindexer: Handler, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert published.snapshot
    asked: list[str] = []

    def fail(_: S3Bucket, key: str, **__: Any) -> Any:
        asked.append(key)
        raise StoreError("S3 is out of order.")

    monkeypatch.setattr(S3Bucket, "get", fail)
    monkeypatch.setattr("tonari.aws.functions.SPLITTING_SECONDS", -1.0)
    event = sqs_event(*(notification(image_key(f"new{number:02}", VIEW)) for number in range(12)))
    assert len(failed(reindexer(event, None))) == 12
    assert asked == ["head.json"]


@pytest.mark.parametrize("shape", [notification, eventbridge], ids=["notification", "eventbridge"])
def test_keys_are_read_in_both_shapes(
    live: Caller, reindexer: Handler, catalogue: Bucket, shape: Callable[[str], str]
) -> None:
    for price, item in enumerate(("plain", "with space", "plus+and%25", "日本-é", "a.json", "'quoted\"")):
        put_image(catalogue, item, PRODUCTS[0].picture(), "vue de côté+1.png")
        assert failed(reindexer(sqs_event(shape(image_key(item, "vue de côté+1.png"))), None)) == []
        assert live.get(f"/v1/items/{quote(item)}").body["views"] == ["vue de côté+1.png"]
        put_document(catalogue, item, {"price": price})
        assert failed(reindexer(sqs_event(shape(document_key(item))), None)) == []
        assert live.found({"id": "red-ball", "filter": {"price": price}}) == [item]


def test_what_is_no_hint_is_acknowledged_beside_what_is_one(
    published: Rebuilt, reindexer: Handler, catalogue: Bucket, artefacts: Bucket
) -> None:
    bodies = [
        json.dumps({"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": "b"}),
        "",
        "no JSON",
        "[]",
        "5",
        "null",
        json.dumps({"Records": None}),
        json.dumps({"Records": [{}]}),
        json.dumps({"Records": [{"s3": 5}]}),
        json.dumps({"detail-type": "Scheduled Event", "detail": {}}),
    ]
    for body in bodies:
        assert failed(reindexer(sqs_event(body), None)) == [], body
    assert generation(artefacts) == published.generation
    put_image(catalogue, "new", PRODUCTS[0].picture())
    assert failed(reindexer(sqs_event(*bodies, notification(image_key("new", VIEW))), None)) == []
    assert generation(artefacts) == published.generation + 1


@pytest.mark.usefixtures("published")
def test_a_reindexed_item_is_encoded_as_a_rebuild_would(
    reindexer: Handler, catalogue: Bucket, artefacts: Bucket, context: RebuildContext,
    load: Callable[[str], Encoder], encoder_runs: list[int],
) -> None:  # fmt: skip
    data = pictures.encoded(draw("green", "tent", inset=30), "PNG")
    put_image(catalogue, "new", data)
    assert send(reindexer, image_key("new", VIEW)) == []
    item = overlay(artefacts).items["new"]
    name = read_head(artefacts).head.encoder
    assert item
    assert name
    encoder = load(name)
    assert np.array_equal(item.views[0].embedding, to_fixed(encoder.embed([encoder.read(data)])[0]))
    encoder_runs.clear()
    done = rebuild(context)
    assert (done.outcome, done.encoded, encoder_runs) == ("published", 0, [])
    assert read_head(artefacts).head.segments == ()


def wait_for(happened: Callable[[], bool]) -> None:
    """Give what runs elsewhere half a minute."""
    pause = threading.Event()
    for _ in range(600):
        if happened():
            return
        pause.wait(0.05)
    raise AssertionError("it did not happen")
