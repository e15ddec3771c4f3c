"""Rebuilds over a real S3 server: each view encoded once, and nothing lost whatever else goes on."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

import pictures
from integration.conftest import Reported
from integration.events import Caller, notification, sqs_event
from integration.shop import PRODUCTS, VIEW, draw, push, put_document, put_image
from tonari.aws.functions import Handler
from tonari.builds import rebuild as rebuilding
from tonari.builds.lease import SIGNS
from tonari.builds.look import RebuildContext
from tonari.builds.read_documents import DOCUMENTS, list_documents
from tonari.builds.rebuild import Rebuilt, rebuild
from tonari.catalogue.documents import EMPTY_FILE, SCHEMA, document_key, image_key, read_item
from tonari.catalogue.inventory import list_catalogue
from tonari.contract.artefacts import Head
from tonari.encoders.store import save_encoder
from tonari.errors import InvalidCatalogueError, NotReadyError, OutOfTimeError, StoreError
from tonari.index.vectors import to_fixed
from tonari.snapshots.head import publish, read_head, use_encoder
from tonari.snapshots.segments import merge, read_segments
from tonari.snapshots.snapshot import Snapshot, load_snapshot
from tonari.storage.bucket import Bucket
from tonari_tools.onnx.default import BuiltEncoder


class Context:
    """Lambda's, as far as it is used."""

    def __init__(self, seconds: float = 900, request: str = "request-1") -> None:
        self._seconds, self.aws_request_id = seconds, request

    def get_remaining_time_in_millis(self) -> int:
        return int(self._seconds * 1000)


def load(context: RebuildContext, done: Rebuilt) -> Snapshot:
    assert done.snapshot
    return load_snapshot(context.artefacts, done.snapshot, context.cache)


def ids(snapshot: Snapshot) -> list[str]:
    return [snapshot.table.id(position) for position in range(len(snapshot.table))]


def overlay(artefacts: Bucket) -> dict[str, Any]:
    head = read_head(artefacts).head
    assert head.encoder
    return dict(merge(head.encoder, read_segments(artefacts, head.segments, head.encoder)).items)


def now_beside(before: Head, artefacts: Bucket) -> Head:
    """What is live, but for the lease that was taken and given back meanwhile."""
    now = read_head(artefacts).head
    return msgspec.structs.replace(now, generation=before.generation, nonces=before.nonces, sha256=before.sha256)


def work(artefacts: Bucket) -> list[str]:
    return [found.key for found in artefacts.list("work/") if not found.key.startswith(SIGNS)]


def checkpoints(artefacts: Bucket) -> list[str]:
    return [key for key in work(artefacts) if not key.startswith(DOCUMENTS)]


def test_the_first_rebuild_encodes_all(
    shop: str, context: RebuildContext, encoder_runs: list[int], reported: Reported
) -> None:
    done = rebuild(context)
    assert (done.outcome, done.items, done.views, done.encoded, done.reused) == ("published", 12, 12, 12, 0)
    assert sum(encoder_runs) == 12
    snapshot = load(context, done)
    assert ids(snapshot) == sorted(product.id for product in PRODUCTS)
    assert snapshot.encoder == shop
    head = read_head(context.artefacts).head
    assert (head.snapshot, head.encoder, head.next_encoder) == (done.snapshot, shop, None)
    assert head.generation == done.generation == 3
    assert head.lease is None
    assert reported.lines[0] == ("documents", 12, 12)
    assert ("encode", 0, 12) in reported.lines
    assert ("encode", 12, 12) in reported.lines
    for stage in ("groups", "attributes", "familiarity", "index", "words", "upload", "published"):
        done_of = [(done, total) for name, done, total in reported.lines if name == stage]
        assert done_of[-1][0] == done_of[-1][1] > 0
    assert list(dict.fromkeys(reported.stages)) == [
        "documents",
        "encode",
        "groups",
        "attributes",
        "familiarity",
        "index",
        "words",
        "upload",
        "published",
    ]


@pytest.mark.usefixtures("shop")
def test_a_changed_item_is_the_only_one_encoded(
    rebuilder: Handler, catalogue: Bucket, encoder_runs: list[int], log: pytest.LogCaptureFixture
) -> None:
    rebuilder({}, Context())
    log.clear()
    encoder_runs.clear()
    put_image(catalogue, "red-ball", pictures.encoded(draw("red", "ball", inset=60), "PNG"))
    answer = rebuilder({}, Context())
    assert (answer["outcome"], answer["encoded"], answer["reused"], answer["views"]) == ("published", 1, 11, 12)
    assert encoder_runs == [1]
    said = [json.loads(line) for line in log.messages]
    assert {"rebuild": "encode", "done": 1, "total": 1} in said
    assert said[-1] == {"rebuild": "done", **answer}


def test_an_unchanged_catalogue_publishes_nothing(
    published: Rebuilt, context: RebuildContext, encoder_runs: list[int]
) -> None:
    before = {found.key for found in context.artefacts.list("")}
    done = rebuild(context)
    assert (done.outcome, done.snapshot, done.generation) == ("unchanged", published.snapshot, published.generation + 2)
    assert (done.encoded, done.reused, encoder_runs) == (0, 12, [])
    assert {found.key for found in context.artefacts.list("")} == before


def test_a_changed_document_encodes_nothing(
    published: Rebuilt, context: RebuildContext, encoder_runs: list[int]
) -> None:
    put_document(context.catalogue, "red-ball", {"color": "red", "price": 99})
    done = rebuild(context)
    assert (done.outcome, done.encoded, done.reused) == ("published", 0, 12)
    assert done.generation == published.generation + 2
    assert encoder_runs == []
    table = load(context, done).table
    position = table.find("red-ball")
    assert position is not None
    assert table.fields(position) == {"id": "red-ball", "color": "red", "price": 99}


@pytest.mark.usefixtures("published")
def test_what_is_deleted_is_gone(context: RebuildContext, encoder_runs: list[int]) -> None:
    context.catalogue.delete(document_key("red-ball"), image_key("red-ball", VIEW), image_key("red-box", VIEW))
    done = rebuild(context)
    snapshot = load(context, done)
    assert (done.outcome, done.items, done.views, encoder_runs) == ("published", 11, 10, [])
    assert snapshot.table.find("red-ball") is None
    position = snapshot.table.find("red-box")
    assert position is not None
    assert len(snapshot.table.rows(position)) == 0


@pytest.mark.usefixtures("shop")
def test_an_image_that_vanishes_meanwhile_is_a_delete(context: RebuildContext, reported: Reported) -> None:

    def vanish(stage: str) -> None:
        if stage == "encode":
            context.catalogue.delete(image_key("red-ball", VIEW), image_key("red-box", VIEW))

    reported.act = vanish
    done = rebuild(context)
    assert (done.outcome, done.items, done.views, done.rejected) == ("published", 12, 10, 0)


@pytest.mark.usefixtures("shop")
def test_an_item_that_vanishes_meanwhile_is_a_delete(context: RebuildContext, monkeypatch: pytest.MonkeyPatch) -> None:
    context.catalogue.delete(image_key("red-ball", VIEW))

    def list_then_delete(catalogue: Bucket) -> Any:
        listed = list_catalogue(catalogue)
        catalogue.delete(document_key("red-ball"))
        return listed

    monkeypatch.setattr("tonari.builds.look.list_catalogue", list_then_delete)
    done = rebuild(context)
    assert (done.items, done.views) == (11, 11)


@pytest.mark.usefixtures("shop")
def test_a_view_keeps_the_source_of_the_bytes_that_were_encoded(context: RebuildContext, reported: Reported) -> None:
    new = pictures.encoded(draw("blue", "box"), "PNG")

    def change(stage: str) -> None:
        if stage == "encode":
            put_image(context.catalogue, "red-ball", new)

    reported.act = change
    snapshot = load(context, rebuild(context))
    position = snapshot.table.find("red-ball")
    assert position is not None
    _, ((name, source),) = snapshot.table.state(position)
    assert name == VIEW
    found = context.catalogue.head(image_key("red-ball", VIEW))
    assert found is not None
    assert source == found.etag
    reported.act = lambda _: None
    assert rebuild(context).outcome == "unchanged"


@pytest.mark.usefixtures("shop")
def test_what_cannot_be_used_is_recorded_and_the_rest_published(context: RebuildContext) -> None:
    put_image(context.catalogue, "red-ball", b"no picture", "broken.jpg")
    put_image(context.catalogue, "only-broken", pictures.encoded(draw("red", "box"), "PNG")[:-300])
    context.catalogue.put(document_key("red-box"), b'{"color": "red",')
    put_document(context.catalogue, "red-tent", {"color": "red", "images": [VIEW, "lost.png"]})
    done = rebuild(context)
    snapshot = load(context, done)
    assert (done.outcome, done.items, done.views, done.rejected) == ("published", 13, 12, 4)
    assert set(snapshot.rejected) == {
        image_key("red-ball", "broken.jpg"),
        image_key("only-broken", VIEW),
        document_key("red-box"),
        image_key("red-tent", "lost.png"),
    }
    assert "no picture" in snapshot.rejected[image_key("red-ball", "broken.jpg")]
    assert "ends before" in snapshot.rejected[image_key("only-broken", VIEW)]
    assert "is not JSON" in snapshot.rejected[document_key("red-box")]
    assert "the bucket lacks it" in snapshot.rejected[image_key("red-tent", "lost.png")]
    again = rebuild(context)
    assert (again.outcome, again.snapshot) == ("unchanged", done.snapshot)


@pytest.mark.usefixtures("encoder")
def test_no_document_can_stop_a_rebuild(context: RebuildContext) -> None:
    put_image(context.catalogue, "good", PRODUCTS[0].picture())
    put_document(context.catalogue, "good", {"price": 1, "name": "x"})
    bad = {
        "list": b"[]",
        "bytes": b"\xff\xfe",
        "other id": b'{"id": "other"}',
        "nested": b'{"a": {"b": 1}}',
        "NaN": b'{"price": NaN}',
        "infinite": b'{"price": 1e400}',
        "huge": b'{"price": 1%s}' % (b"0" * 400),
        "surrogate": b'{"name": "\\ud800"}',
        "deep": b"[" * 50_000,
        "images": b'{"images": "a"}',
        "long": b'{"text": "%s"}' % (b"x" * 100_000),
    }
    for item, document in bad.items():
        context.catalogue.put(document_key(item), document)
    done = rebuild(context)
    assert (done.outcome, done.items, done.rejected) == ("published", 1 + len(bad), len(bad))
    assert set(load(context, done).rejected) == {document_key(item) for item in bad}


@pytest.mark.usefixtures("published")
def test_a_new_rejection_is_published_and_forgotten_with_its_cause(context: RebuildContext) -> None:
    put_image(context.catalogue, "red-ball", b"no picture", "broken.jpg")
    done = rebuild(context)
    assert done.outcome == "published"
    assert list(load(context, done).rejected) == [image_key("red-ball", "broken.jpg")]
    context.catalogue.delete(image_key("red-ball", "broken.jpg"))
    done = rebuild(context)
    assert done.outcome == "published"
    assert not load(context, done).rejected


@pytest.mark.usefixtures("shop")
def test_keys_that_belong_to_no_item_are_counted(context: RebuildContext) -> None:
    for key in ("items/a/b.json", "items/readme.txt", "images/loose.png", "other/thing", "photo.jpg"):
        context.catalogue.put(key, b"something")
    for key in (document_key("empty"), document_key("red-ball"), image_key("red-ball", "empty.jpg")):
        context.catalogue.put(key, b"")
    done = rebuild(context)
    assert (done.items, done.views, done.rejected, done.ignored) == (12, 12, 3, 5)
    snapshot = load(context, done)
    assert {why: (one.count, one.examples) for why, one in snapshot.ignored.items()} == {
        "The id has a '/'; documents lie directly under items/.": (1, ("items/a/b.json",)),
        "Under items/ only items/<id>.json is read.": (1, ("items/readme.txt",)),
        "Under images/ only images/<id>/<name> is read.": (1, ("images/loose.png",)),
        "It lies under neither items/ nor images/.": (2, ("other/thing", "photo.jpg")),
    }
    empty = ("items/empty.json", "items/red-ball.json", "images/red-ball/empty.jpg")
    assert snapshot.rejected == dict.fromkeys(empty, EMPTY_FILE)
    position = snapshot.table.find("red-ball")
    assert position is not None
    assert snapshot.table.fields(position) == {}
    assert rebuild(context).outcome == "unchanged"


@pytest.mark.usefixtures("shop")
def test_values_of_the_wrong_type_are_counted(context: RebuildContext) -> None:
    fields = {"price": {"type": "number"}, "color": {"type": "string", "attribute": True}}
    context.catalogue.put(SCHEMA, json.dumps({"fields": fields}).encode())
    for number in range(7):
        put_document(context.catalogue, f"cheap-{number}", {"price": "cheap"})
    put_document(context.catalogue, "red-ball", {"price": "5", "color": ["red"]})
    put_document(context.catalogue, "red-box", {"price": None, "color": ""})
    done = rebuild(context)
    assert (done.outcome, done.rejected) == ("published", 0)
    price, color = load(context, done).table.unusable.values()
    assert (price.count, color.count) == (8, 1)
    assert list(price.examples) == [f"cheap-{number}" for number in range(5)]
    assert "price is a number field; 'cheap' is no number" in price.examples["cheap-0"]
    assert list(color.examples) == ["red-ball"]
    assert rebuild(context).outcome == "unchanged"


def test_keys_ignored_since_are_told_by_the_next_rebuild(published: Rebuilt, context: RebuildContext) -> None:
    context.catalogue.put("images/loose.png", b"something")
    done = rebuild(context)
    assert (done.outcome, done.ignored, done.encoded) == ("published", 1, 0)
    context.catalogue.delete("images/loose.png")
    done = rebuild(context)
    assert (done.outcome, done.ignored) == ("published", 0)
    assert published.ignored == 0
    assert load(context, done).ignored == {}


@pytest.mark.usefixtures("shop")
def test_the_schema_is_inferred_where_there_is_none(context: RebuildContext) -> None:
    context.catalogue.delete(SCHEMA)
    for product in PRODUCTS:
        put_document(context.catalogue, product.id, {**product.document, "round": str(product.category == "ball")})
    schema = load(context, rebuild(context)).schema
    assert {name: field.type for name, field in schema.fields.items()} == {
        "category": "string", "color": "string", "price": "number", "round": "string",
    }  # fmt: skip
    assert schema.attributes == ("round",)


@pytest.mark.usefixtures("shop")
def test_the_schema_is_honoured(context: RebuildContext) -> None:
    fields = {
        "price": {"type": "string", "filterable": True},
        "color": {"type": "string", "attribute": True, "filterable": False, "returned": False},
    }
    context.catalogue.put(SCHEMA, json.dumps({"fields": fields, "split_by": "category"}).encode())
    snapshot = load(context, rebuild(context))
    assert snapshot.schema.fields["price"].type == "string"
    assert snapshot.schema.attributes == ("color",)
    assert not snapshot.schema.fields["color"].filterable
    assert not snapshot.schema.fields["color"].returned
    assert snapshot.schema.split_by == "category"
    assert snapshot.schema.fields["category"].filterable
    context.catalogue.delete(SCHEMA)
    assert rebuild(context).outcome == "published"


@pytest.mark.usefixtures("shop")
def test_a_schema_that_cannot_be_read_leaves_all_as_it_was(context: RebuildContext) -> None:
    before = read_head(context.artefacts).head
    for schema in (
        b"",
        b"[]",
        b'{"fields": []}',
        b'{"fields": {"price": 5}}',
        b'{"fields": {"price": {"type": "money"}}}',
        b'{"fields": {"id": {"type": "string"}}}',
        b'{"fields": {"price": {"type": "number", "attribute": true}}}',
        b'{"fields": {"price": {"type": "number", "sortable": true}}}',
        b'{"field": {}}',
        b'{"split_by": 5}',
    ):
        context.catalogue.put(SCHEMA, schema)
        with pytest.raises(InvalidCatalogueError, match=r"schema\.json"):
            rebuild(context)
    assert now_beside(before, context.artefacts) == before
    assert list(context.artefacts.list("snapshots/")) == []


@pytest.mark.usefixtures("shop")
def test_a_rebuild_that_runs_out_of_time_goes_on_where_it_stopped(
    context: RebuildContext, encoder_runs: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rebuilding, "SHARD", 4)
    done = rebuild(replace(context, remaining=lambda: 900.0 if sum(encoder_runs) < 8 else 1.0))
    assert (done.outcome, done.snapshot, done.encoded) == ("unfinished", None, 8)
    assert len(checkpoints(context.artefacts)) == 2
    assert sum(encoder_runs) == 8
    assert read_head(context.artefacts).head.snapshot is None
    assert rebuild(context).outcome == "busy"
    done = rebuild(context, done.build)
    assert (done.outcome, done.encoded, done.reused, done.views) == ("published", 4, 8, 12)
    assert sum(encoder_runs) == 12
    assert work(context.artefacts) == []


def test_what_a_checkpoint_holds_is_what_would_have_been_encoded(
    published: Rebuilt, context: RebuildContext, shop: str, monkeypatch: pytest.MonkeyPatch, encoder_runs: list[int]
) -> None:
    whole = load(context, published)
    monkeypatch.setattr(rebuilding, "SHARD", 5)
    use_encoder(context.artefacts, shop)
    context.artefacts.put(f"snapshots/{published.snapshot}/manifest.json", b"{}")
    encoder_runs.clear()
    first = rebuild(replace(context, remaining=lambda: 1.0 if encoder_runs else 900.0))
    assert (first.outcome, first.encoded) == ("unfinished", 5)
    done = rebuild(context, first.build)
    assert (done.encoded, done.reused) == (7, 5)
    assert np.array_equal(load(context, done).table.views.fixed, whole.table.views.fixed)


@pytest.mark.usefixtures("shop")
def test_a_damaged_checkpoint_is_done_without(
    context: RebuildContext, reported: Reported, monkeypatch: pytest.MonkeyPatch, encoder_runs: list[int]
) -> None:
    monkeypatch.setattr(rebuilding, "SHARD", 4)
    first = rebuild(replace(context, remaining=lambda: 900.0 if sum(encoder_runs) < 8 else 1.0))
    cut, flipped = checkpoints(context.artefacts)
    data = bytearray(context.artefacts.get(flipped).data)
    data[len(data) // 2] ^= 1
    context.artefacts.put(flipped, bytes(data))
    context.artefacts.put(cut, context.artefacts.get(cut).data[:100])
    done = rebuild(context, first.build)
    assert (done.outcome, done.encoded, done.views) == ("published", 12, 12)
    assert work(context.artefacts) == []
    assert sum("checkpoint" in stage for stage in reported.stages) == 2


def test_what_is_reindexed_during_a_rebuild_is_not_lost(
    published: Rebuilt, context: RebuildContext, reindexer: Handler, reported: Reported, query: Caller
) -> None:
    put_image(context.catalogue, "early", PRODUCTS[3].picture())
    reindexer(sqs_event(notification(image_key("early", VIEW))), None)

    def change(stage: str) -> None:
        if stage != "index":
            return
        put_image(context.catalogue, "late", PRODUCTS[5].picture())
        put_document(context.catalogue, "red-ball", {"price": 77})
        context.catalogue.delete(image_key("red-box", VIEW), document_key("red-box"))
        keys = [image_key("late", VIEW), document_key("red-ball"), image_key("red-box", VIEW)]
        assert reindexer(sqs_event(notification(*keys)), None) == {"batchItemFailures": []}

    reported.act = change
    done = rebuild(context)
    assert (done.outcome, done.items) == ("published", 13)
    assert done.snapshot != published.snapshot
    assert set(overlay(context.artefacts)) == {"late", "red-ball", "red-box"}
    assert len(read_head(context.artefacts).head.segments) == 1
    found = query.found({"id": "late", "k": 50})
    assert {"early", "red-ball"} <= set(found)
    assert "red-box" not in found
    assert query.get("/v1/items/red-ball").body["fields"] == {"price": 77}


@pytest.mark.usefixtures("published")
def test_the_head_may_move_again_while_a_rebuild_catches_up(
    context: RebuildContext, reindexer: Handler, query: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    tries = 0

    def publish_late(artefacts: Bucket, read: Any, head: Any) -> Any:
        nonlocal tries
        tries += 1
        if tries <= 2:
            put_image(context.catalogue, f"late{tries}", PRODUCTS[tries].picture())
            reindexer(sqs_event(notification(image_key(f"late{tries}", VIEW))), None)
        return publish(artefacts, read, head)

    put_image(context.catalogue, "new", PRODUCTS[0].picture())
    monkeypatch.setattr("tonari.builds.publish.publish", publish_late)
    assert rebuild(context).outcome == "published"
    assert tries == 3
    assert {"new", "late1", "late2"} <= {*query.found({"vector": query_vector(context), "k": 50})}


@pytest.mark.usefixtures("published")
def test_a_race_that_is_lost_again_and_again_encodes_nothing_twice(
    context: RebuildContext, built: BuiltEncoder, reindexer: Handler, reported: Reported, encoder_runs: list[int],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    config = json.loads(built.config)
    config["preprocessing"]["shortest_edge"] = 224
    use_encoder(context.artefacts, save_encoder(context.artefacts, built.model, json.dumps(config).encode()))

    def change(stage: str) -> None:
        if stage == "index":
            for number in range(4):
                put_image(context.catalogue, f"late{number}", PRODUCTS[number].picture())
            reindexer(sqs_event(*(notification(image_key(f"late{number}", VIEW)) for number in range(4))), None)
            encoder_runs.clear()

    tries: list[int] = []

    def publish_late(artefacts: Bucket, read: Any, head: Any) -> Any:
        tries.append(sum(encoder_runs))
        if len(tries) <= 5:
            now = read_head(artefacts)
            publish(artefacts, now, now.head)
        return publish(artefacts, read, head)

    reported.act = change
    monkeypatch.setattr("tonari.builds.publish.publish", publish_late)
    assert rebuild(context).outcome == "published"
    assert tries == [4] * 6


def query_vector(context: RebuildContext) -> list[float]:
    name = read_head(context.artefacts).head.encoder
    assert name
    encoder = context.load(name)
    vector: list[float] = encoder.embed([encoder.read(PRODUCTS[0].picture())])[0].tolist()
    return vector


@pytest.mark.usefixtures("published")
def test_a_rebuild_that_another_has_overtaken_publishes_nothing(
    context: RebuildContext, reported: Reported, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_image(context.catalogue, "red-ball", PRODUCTS[4].picture())
    other: list[Rebuilt] = []

    def overtake(stage: str) -> None:
        if stage == "index" and not other:
            assert rebuild(replace(context, progress=lambda *_: None)).outcome == "busy"
            monkeypatch.setattr("tonari.builds.lease.PATIENCE_SECONDS", -10)
            other.append(rebuild(replace(context, progress=lambda *_: None)))

    reported.act = overtake
    done = rebuild(context)
    assert (other[0].outcome, done.outcome, done.snapshot) == ("published", "superseded", other[0].snapshot)
    head = read_head(context.artefacts).head
    assert (head.snapshot, head.generation) == (other[0].snapshot, other[0].generation)


def test_another_encoder_encodes_all_again_and_is_never_mixed(
    published: Rebuilt, context: RebuildContext, built: BuiltEncoder, shop: str, reindexer: Handler, query: Caller,
    encoder_runs: list[int],
) -> None:  # fmt: skip
    config = json.loads(built.config)
    config["preprocessing"]["shortest_edge"] = 224
    other = save_encoder(context.artefacts, built.model, json.dumps(config).encode())
    use_encoder(context.artefacts, other)
    put_image(context.catalogue, "new", PRODUCTS[0].picture())
    reindexer(sqs_event(notification(image_key("new", VIEW))), None)
    before = query.get("/v1/health").body
    assert (before["encoder"]["id"], before["snapshot"], before["segments"]) == (shop, published.snapshot, 1)
    encoder_runs.clear()
    done = rebuild(context)
    assert (done.encoded, done.reused, sum(encoder_runs)) == (13, 0, 13)
    head = read_head(context.artefacts).head
    assert (head.encoder, head.next_encoder, head.segments) == (other, None, ())
    assert head.previous
    assert (head.previous.snapshot, head.previous.encoder) == (published.snapshot, shop)
    snapshot = load(context, done)
    assert snapshot.encoder == other
    answer = query.picture("/v1/search", PRODUCTS[0].picture(), k="2").body
    assert answer["encoder"] == other
    assert {item["id"]: item["score"] for item in answer["items"]} == {
        "red-ball": pytest.approx(1, abs=1e-3), "new": pytest.approx(1, abs=1e-3),
    }  # fmt: skip
    put_image(context.catalogue, "newer", PRODUCTS[1].picture())
    reindexer(sqs_event(notification(image_key("newer", VIEW))), None)
    assert query.found({"id": "red-box", "k": 1}) == ["newer"]


@pytest.mark.usefixtures("published")
def test_segments_of_the_old_encoder_are_encoded_again_when_a_switch_catches_up(
    context: RebuildContext, built: BuiltEncoder, reindexer: Handler, reported: Reported
) -> None:
    config = json.loads(built.config)
    config["preprocessing"]["shortest_edge"] = 224
    other = save_encoder(context.artefacts, built.model, json.dumps(config).encode())
    use_encoder(context.artefacts, other)

    def change(stage: str) -> None:
        if stage == "index":
            put_image(context.catalogue, "late", PRODUCTS[5].picture())
            reindexer(sqs_event(notification(image_key("late", VIEW))), None)

    reported.act = change
    rebuild(context)
    late = overlay(context.artefacts)["late"]
    encoder = context.load(other)
    wanted = to_fixed(encoder.embed([encoder.read(PRODUCTS[5].picture())])[0])
    assert np.array_equal(late.views[0].embedding, wanted)


@pytest.mark.parametrize("what", ["vectors.pack", "manifest.json", "all"])
def test_a_damaged_snapshot_does_not_stop_a_rebuild(
    published: Rebuilt, context: RebuildContext, tmp_path: Path, reported: Reported, encoder_runs: list[int], what: str
) -> None:
    keys = [found.key for found in context.artefacts.list(f"snapshots/{published.snapshot}/")]
    if what == "all":
        context.artefacts.delete(*keys)
    else:
        context.artefacts.put(f"snapshots/{published.snapshot}/{what}", b"damaged")
    encoder_runs.clear()
    done = rebuild(replace(context, cache=tmp_path / "fresh"))
    assert (done.outcome, done.encoded, sum(encoder_runs)) == ("published", 12, 12)
    assert done.snapshot != published.snapshot
    assert any("cannot be reused" in stage for stage in reported.stages)


def test_without_an_encoder_nothing_is_built(context: RebuildContext, rebuilder: Handler) -> None:
    push(context.catalogue)
    with pytest.raises(NotReadyError, match="tonari init"):
        rebuilder({}, Context())
    assert list(context.artefacts.list("")) == []


def test_a_failing_store_leaves_the_live_state(
    published: Rebuilt, context: RebuildContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = read_head(context.artefacts).head
    put_image(context.catalogue, "red-ball", PRODUCTS[4].picture())

    def fail(*_: object) -> None:
        raise StoreError("S3 is out of order.")

    monkeypatch.setattr(type(context.artefacts), "create_file", fail)
    with pytest.raises(StoreError, match="out of order"):
        rebuild(context)
    assert now_beside(before, context.artefacts) == before
    monkeypatch.undo()
    assert before.snapshot == published.snapshot


@pytest.mark.usefixtures("shop")
def test_an_unfinished_run_of_the_function_says_so(rebuilder: Handler, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rebuilding, "SHARD", 4)
    monkeypatch.setattr(rebuilding, "RESERVE_SECONDS", 240.0)
    for encoded in (4, 4, 4):
        answer = rebuilder({}, Context(seconds=100))
        assert (answer["outcome"], answer["encoded"]) == ("unfinished", encoded)
    assert rebuilder({}, Context(seconds=100, request="request-2"))["outcome"] == "busy"
    answer = rebuilder({}, Context(seconds=100))
    assert (answer["outcome"], answer["encoded"]) == ("published", 0)


@pytest.mark.usefixtures("shop")
def test_of_two_runs_of_one_event_one_goes_on(
    context: RebuildContext, reported: Reported, encoder_runs: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Lambda may deliver an event twice: else each run would start a chain of its own."""
    monkeypatch.setattr(rebuilding, "SHARD", 4)
    short = replace(context, remaining=lambda: 900.0 if not encoder_runs else 1.0)
    second: list[Rebuilt] = []

    def deliver_again(stage: str) -> None:
        if stage == "encode" and not second:
            second.append(rebuild(replace(short, progress=lambda *_: None), "event-1"))

    reported.act = deliver_again
    first = rebuild(short, "event-1")
    assert (first.outcome, second[0].outcome) == ("superseded", "unfinished")
    assert rebuild(replace(context, progress=lambda *_: None), "event-1").outcome == "published"


@pytest.mark.usefixtures("shop")
def test_documents_that_were_read_are_not_read_again_when_time_runs_out(
    context: RebuildContext, encoder_runs: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[str] = []
    real = read_item

    def counted(catalogue: Bucket, item: str, *images: Any) -> Any:
        read.append(item)
        return real(catalogue, item, *images)

    monkeypatch.setattr("tonari.builds.look.read_item", counted)
    monkeypatch.setattr("tonari.builds.encode.AHEAD", 1)
    left = iter([900.0] * 5 + [20.0] * 100)
    first = rebuild(replace(context, remaining=lambda: next(left)))
    assert (first.outcome, encoder_runs, len(list_documents(context.artefacts))) == ("unfinished", [], 1)
    assert 6 <= len(read) <= 7
    done = rebuild(context, first.build)
    assert (done.outcome, done.items) == ("published", 12)
    assert len(read) <= 13
    assert work(context.artefacts) == []


@pytest.mark.usefixtures("shop")
def test_a_folder_that_a_killed_rebuild_left_is_deleted(context: RebuildContext) -> None:
    left = context.cache / f"{rebuilding.BUILDING}left"
    left.mkdir(parents=True)
    (left / "vectors.pack").write_bytes(b"half")
    assert rebuild(context).outcome == "published"
    assert not list(context.cache.glob(f"{rebuilding.BUILDING}*"))


def test_a_chain_of_runs_that_are_all_short_of_time_ends(published: Rebuilt, context: RebuildContext) -> None:
    put_document(context.catalogue, "red-ball", {"price": 1})
    short = replace(context, remaining=lambda: 15.0)
    first = rebuild(short)
    assert (first.outcome, first.snapshot) == ("unfinished", published.snapshot)
    assert len(list_documents(context.artefacts)) == 1
    done = rebuild(short, first.build)
    assert done.outcome == "published"
    table = load(context, done).table
    assert table.fields(int(table.positions(["red-ball"])[0])) == {"id": "red-ball", "price": 1}
    assert list_documents(context.artefacts) == []


@pytest.mark.usefixtures("shop")
def test_a_run_that_can_never_end_says_so_and_gives_the_lease_back(context: RebuildContext, reported: Reported) -> None:
    late: list[str] = []
    reported.act = lambda stage: late.append(stage) if stage == "index" else None
    with pytest.raises(OutOfTimeError, match=r"stage 'index'.*RebuildTimeout"):
        rebuild(replace(context, remaining=lambda: 5.0 if late else 900.0))
    head = read_head(context.artefacts).head
    assert (head.snapshot, head.lease) == (None, None)
    assert list(context.artefacts.list("snapshots/")) == []


@pytest.mark.usefixtures("published")
def test_a_rebuild_never_sends_anything_to_the_catalogue(context: RebuildContext) -> None:
    assert {found.key for found in context.catalogue.list("")} == {
        SCHEMA, *(document_key(product.id) for product in PRODUCTS), *(image_key(p.id, VIEW) for p in PRODUCTS),
    }  # fmt: skip
