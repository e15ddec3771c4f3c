"""The reader: always a whole state, the newest that can be loaded."""

from __future__ import annotations

import errno
import json
import logging
import threading
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from integration.conftest import IN_ORDER
from integration.events import Caller, notification, sqs_event
from integration.shop import PRODUCTS, VIEW, put_document, put_image
from tonari.aws.functions import Handler
from tonari.builds.look import RebuildContext
from tonari.builds.rebuild import Rebuilt, rebuild
from tonari.catalogue.documents import document_key, image_key
from tonari.contract.engine import EngineQuery
from tonari.encoders import store as encoder_store
from tonari.engines import builtin
from tonari.engines.builtin import BuiltinOpening
from tonari.errors import NotReadyError, StoreError, UnreadableError
from tonari.query import beside, serving
from tonari.query.reader import Reader
from tonari.snapshots.head import HEAD, SNAPSHOTS, publish, read_head
from tonari.snapshots.manifest import MANIFEST
from tonari.storage.bucket import Blob, Bucket
from tonari.storage.s3 import S3Bucket

REPORTED = {"report.json", "audit.json"}
WORDS = "words.pack"
"""Fetched when somebody first asks by words."""
"""Files of a snapshot that people read and no reader loads."""


class Clock:
    """Stands in for both clocks of the process; ``asleep`` counts seconds that only the wall clock saw."""

    def __init__(self) -> None:
        self.now, self.asleep = 1000.0, 0.0

    def monotonic(self) -> float:
        self.now += 1e-6
        return self.now

    def time(self) -> float:
        return 1.8e9 + self.now + self.asleep


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(beside, "time", clock)
    return clock


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def reader(artefacts: Bucket, tmp_path: Path, said: list[str]) -> Reader:
    return IN_ORDER(artefacts, tmp_path / "readers", 10.0, BuiltinOpening(), said.append)


def add(catalogue: Bucket, reindexer: Handler, item: str) -> None:
    put_image(catalogue, item, PRODUCTS[0].picture())
    assert reindexer(sqs_event(notification(image_key(item, VIEW))), None) == {"batchItemFailures": []}


def fail(*_: object, **__: object) -> Any:
    raise StoreError("S3 is out of order.")


@pytest.mark.usefixtures("encoder")
def test_without_a_head_nothing_is_ready(reader: Reader, artefacts: Bucket) -> None:
    with pytest.raises(NotReadyError, match="rebuild"):
        reader.current()
    artefacts.delete(HEAD)
    with pytest.raises(NotReadyError, match="rebuild"):
        reader.current()


@pytest.mark.usefixtures("shop")
def test_a_function_that_started_too_early_answers_once_something_is_published(
    query: Caller, context: RebuildContext
) -> None:
    answer = query.get("/v1/health")
    assert (answer.status, answer.body["type"]) == (503, "urn:tonari:problem:not-ready")
    rebuild(context)
    assert query.get("/v1/health").status == 200


def test_the_head_is_asked_for_only_when_knowledge_is_old(
    published: Rebuilt, reader: Reader, clock: Clock, catalogue: Bucket, reindexer: Handler, said: list[str]
) -> None:
    first = reader.current()
    assert first.read.head.generation == published.generation
    add(catalogue, reindexer, "new")
    clock.now += 9.9
    assert reader.current() is first
    clock.now += 0.2
    second = reader.current()
    assert second.read.head.generation == published.generation + 1
    assert (list(first.engine.read(["new"])), list(second.engine.read(["new"]))) == ([], ["new"])
    clock.now += 100
    assert reader.current() is second
    assert said == []


@pytest.mark.usefixtures("published")
def test_only_what_changed_is_loaded(
    reader: Reader, clock: Clock, catalogue: Bucket, reindexer: Handler, context: RebuildContext,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    loaded: list[str] = []

    def note(module: ModuleType, name: str) -> None:
        load = getattr(module, name)

        def noted(*given: Any) -> Any:
            loaded.append(name)
            return load(*given)

        monkeypatch.setattr(module, name, noted)

    note(serving, "load_encoder")
    note(builtin, "load_scanned")
    note(builtin, "load_snapshot")
    first = reader.current()
    assert sorted(loaded) == ["load_encoder", "load_scanned"]
    add(catalogue, reindexer, "new")
    clock.now += 11
    second = reader.current()
    assert sorted(loaded) == ["load_encoder", "load_scanned"]
    assert second.encoder is first.encoder
    assert second.snapshot is first.snapshot
    rebuild(context)
    clock.now += 11
    third = reader.current()
    assert sorted(loaded) == ["load_encoder", "load_scanned", "load_snapshot"]
    assert third.encoder is first.encoder
    assert len(third.snapshot.table) == 13
    assert third.engine.describe().items == 13


@pytest.mark.usefixtures("published")
def test_of_a_head_that_moved_only_what_is_new_is_read(
    reader: Reader, clock: Clock, artefacts: Bucket, catalogue: Bucket, reindexer: Handler,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    got: list[str] = []
    get = S3Bucket.get

    def noted(self: S3Bucket, key: str, **named: Any) -> Blob:
        got.append(key)
        return get(self, key, **named)

    add(catalogue, reindexer, "one")
    first = reader.current()
    read = read_head(artefacts)
    publish(artefacts, read, read.head)
    clock.now += 11
    monkeypatch.setattr(S3Bucket, "get", noted)
    second = reader.current()
    assert second.read.head.generation == first.read.head.generation + 1
    assert (second.engine is first.engine, got) == (True, [])
    monkeypatch.undo()
    add(catalogue, reindexer, "two")
    monkeypatch.setattr(beside, "time", clock)
    monkeypatch.setattr(S3Bucket, "get", noted)
    clock.now += 11
    third = reader.current()
    assert list(third.engine.read(["one", "two"])) == ["one", "two"]
    assert got == [f"segments/{third.read.head.segments[-1].id}.pack"]
    assert len(third.segments) == 2


@pytest.mark.parametrize("hours", [1, -24])
@pytest.mark.usefixtures("published")
def test_a_clock_that_jumps_delays_no_question(
    reader: Reader, clock: Clock, catalogue: Bucket, reindexer: Handler, hours: int
) -> None:
    """As after the restoring of a process that was frozen, of which the monotonic clock need know nothing."""
    reader.current()
    add(catalogue, reindexer, "new")
    clock.asleep += 3600 * hours
    clock.now += 0 if hours > 0 else 11
    assert list(reader.current().engine.read(["new"])) == ["new"]


@pytest.mark.usefixtures("published")
def test_a_wall_clock_that_is_set_back_during_a_request_keeps_it_no_longer(
    reader: Reader, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = 0
    get_changed = S3Bucket.get_changed

    def counted(self: S3Bucket, key: str, etag: str) -> Blob | None:
        nonlocal asked
        asked += 1
        assert asked < 5
        return get_changed(self, key, etag)

    reader.current()
    monkeypatch.setattr(S3Bucket, "get_changed", counted)
    clock.now += 11
    hour_ahead = iter([clock.time() + 3600])
    monkeypatch.setattr(clock, "time", lambda: next(hour_ahead, 1.8e9 + clock.now))
    assert reader.current().stale_seconds is None
    assert asked == 1


@pytest.mark.usefixtures("encoder")
def test_a_damaged_snapshot_is_an_alarm_and_starts_a_rebuild(
    published: Rebuilt, functions: ModuleType, context: RebuildContext, artefacts: Bucket,
    log: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    started: list[tuple[str, bytes]] = []
    monkeypatch.setattr(functions, "start_function", lambda *given: started.append(given))
    monkeypatch.setenv("TONARI_REBUILD_FUNCTION", "rebuilder")
    put_document(context.catalogue, "red-ball", {"price": 1})
    done = rebuild(context)
    artefacts.put(f"{SNAPSHOTS}{done.snapshot}/{MANIFEST}", b"damaged")
    caller = Caller(functions.query_function(), functions.items_function())
    for _ in range(2):
        health = caller.get("/v1/health")
        assert (health.status, health.body["snapshot"]) == (200, published.snapshot)
        assert health.body["behind"]["snapshot"] == done.snapshot
        assert health.body["behind"]["previous"] is True
    assert started == [("rebuilder", b"{}")]
    alarms = [json.loads(record.message) for record in log.records if record.levelno == logging.ERROR]
    assert [said["live"] for said in alarms] == ["unreadable"]
    assert str(done.snapshot) in alarms[0]["why"]


def test_a_failing_store_leaves_the_old_state(
    published: Rebuilt, reader: Reader, clock: Clock, said: list[str], catalogue: Bucket, reindexer: Handler,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    first = reader.current()
    add(catalogue, reindexer, "new")
    clock.now += 11
    with monkeypatch.context() as patch:
        patch.setattr("tonari.storage.s3.S3Bucket.get_changed", fail)
        stale = reader.current()
        assert stale.engine is first.engine
        assert stale.stale_seconds == pytest.approx(11, abs=0.1)
        assert said == [f"still serving generation {published.generation}: S3 is out of order."]
        behind = reader.freshness().behind
        assert behind is not None
        assert (behind.generation, behind.reason, behind.previous) == (None, "S3 is out of order.", False)
    clock.now += 11
    assert list(reader.current().engine.read(["new"])) == ["new"]
    assert (reader.current().stale_seconds, reader.freshness().behind) == (None, None)


def test_a_damaged_snapshot_leaves_the_old_state(
    published: Rebuilt, reader: Reader, clock: Clock, said: list[str], artefacts: Bucket, context: RebuildContext,
    tmp_path: Path,
) -> None:  # fmt: skip
    first = reader.current()
    before = {path.name for path in (tmp_path / "readers").iterdir()}
    put_document(context.catalogue, "red-ball", {"price": 1})
    put_image(context.catalogue, "red-ball", PRODUCTS[7].picture(), "side.png")
    put_image(context.catalogue, "red-ball", b"no picture", "broken.jpg")
    done = rebuild(context)
    prefix = f"{SNAPSHOTS}{done.snapshot}/"
    written = {found.key.removeprefix(prefix) for found in artefacts.list(prefix)}
    fresh = [name for name in sorted(written - REPORTED - {WORDS}) if artefacts.sha256(prefix + name) not in before]
    assert MANIFEST in fresh
    for key in (*(prefix + name for name in fresh), HEAD):
        whole = artefacts.get(key).data
        artefacts.put(key, whole[:-9] + bytes(byte ^ 255 for byte in whole[-9:]))
        clock.now += 1000
        assert reader.current().engine is first.engine
        assert said.pop().startswith(f"still serving generation {published.generation}: ")
        artefacts.put(key, whole)
        for cached in (tmp_path / "readers").iterdir():
            if cached.name not in before:
                cached.unlink()
    assert said == []
    clock.now += 1000
    assert reader.current().snapshot.id == done.snapshot


@pytest.mark.usefixtures("published")
def test_a_full_disk_leaves_the_old_state(
    reader: Reader, clock: Clock, said: list[str], context: RebuildContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = reader.current()
    put_document(context.catalogue, "red-ball", {"price": 1})
    rebuild(context)

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    clock.now += 11
    with monkeypatch.context() as patch:
        patch.setattr(builtin, "load_snapshot", full)
        assert reader.current().engine is first.engine
    assert len(said) == 1
    assert "No space left" in said[0]


def test_a_first_state_that_cannot_be_loaded_is_an_error(published: Rebuilt, reader: Reader, artefacts: Bucket) -> None:
    artefacts.put(f"snapshots/{published.snapshot}/vectors.pack", b"damaged")
    with pytest.raises(UnreadableError, match=r"vectors\.pack"):
        reader.current()


def test_a_state_that_serves_is_not_touched_by_the_next(
    published: Rebuilt, reader: Reader, clock: Clock, context: RebuildContext, artefacts: Bucket
) -> None:
    first = reader.current()
    query = EngineQuery(first.engine.read(["red-ball"])["red-ball"].embeddings, 12)
    before = [(item.id, item.score, item.view) for item in first.engine.search(query).items]
    for product in PRODUCTS:
        put_image(context.catalogue, product.id, PRODUCTS[0].picture(), "other.png")
    assert rebuild(context).outcome == "published"
    clock.now += 11
    second = reader.current()
    artefacts.delete(*(found.key for found in artefacts.list(f"snapshots/{published.snapshot}/")))
    assert (first.engine.describe().views, second.engine.describe().views) == (12, 24)
    assert [(item.id, item.score, item.view) for item in first.engine.search(query).items] == before
    assert [item.view for item in second.engine.search(query).items] != [view for _, _, view in before]


@pytest.mark.usefixtures("published")
def test_readers_see_whole_generations_while_others_write(
    functions: ModuleType, context: RebuildContext, catalogue: Bucket, reindexer: Handler
) -> None:
    caller = Caller(functions.query_function(), functions.items_function())
    stop = threading.Event()
    wrong: list[object] = []
    seen: set[int] = set()

    def read() -> None:
        while not stop.is_set():
            answer = caller.json("/v1/search", {"id": "red-ball", "k": 50})
            if answer.status != 200 or len({item["id"] for item in answer.body["items"]}) != len(answer.body["items"]):
                wrong.append(answer.body)
            seen.add(answer.body["generation"])

    thread = threading.Thread(target=read)
    thread.start()
    try:
        for number in range(3):
            add(catalogue, reindexer, f"new{number}")
            if number == 1:
                assert rebuild(context).outcome == "published"
            catalogue.delete(document_key(PRODUCTS[5 + number].id))
            reindexer(sqs_event(notification(document_key(PRODUCTS[5 + number].id))), None)
    finally:
        stop.set()
        thread.join(60)
    assert wrong == []
    assert len(seen) > 1
    caller.get("/v1/health")
    assert read_head(context.artefacts).head.generation == caller.get("/v1/health").body["generation"]


@pytest.mark.usefixtures("published")
def test_an_encoder_that_is_not_there_is_named(reader: Reader, artefacts: Bucket, shop: str) -> None:
    artefacts.delete(f"{encoder_store.PREFIX}{shop}/model.onnx")
    with pytest.raises(UnreadableError, match=shop):
        reader.current()


def test_a_snapshot_that_is_not_there_is_named(published: Rebuilt, reader: Reader, artefacts: Bucket) -> None:
    artefacts.delete(f"{SNAPSHOTS}{published.snapshot}/manifest.json")
    with pytest.raises(UnreadableError, match=str(published.snapshot)):
        reader.current()
