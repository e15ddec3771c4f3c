"""The reader: always a whole state, the newest that can be loaded."""

from __future__ import annotations

import errno
import threading
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from integration.events import Caller, notification, sqs_event
from integration.shop import PRODUCTS, VIEW, put_document, put_image
from tonari.aws.functions import Handler
from tonari.builds.look import RebuildContext
from tonari.builds.rebuild import Rebuilt, rebuild
from tonari.catalogue.documents import document_key, image_key
from tonari.contract.engine import EngineQuery
from tonari.encoders import store as encoder_store
from tonari.engines.builtin import open_builtin
from tonari.errors import CorruptArtefactError, NotReadyError, StoreError
from tonari.query import serving
from tonari.query.serving import Reader
from tonari.snapshots.head import HEAD, read_head
from tonari.snapshots.snapshot import MANIFEST, PREFIX
from tonari.storage.bucket import Bucket

REPORTED = {"report.json", "audit.json"}
"""Files of a snapshot that people read and no reader loads."""


class Clock:
    """Stands in for the monotonic clock."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(serving, "time", clock)
    return clock


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def reader(artefacts: Bucket, tmp_path: Path, said: list[str]) -> Reader:
    return Reader(artefacts, tmp_path / "readers", 10.0, open_builtin, said.append)


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

    def note(name: str) -> None:
        load = getattr(serving, name)

        def noted(*given: Any) -> Any:
            loaded.append(name)
            return load(*given)

        monkeypatch.setattr(serving, name, noted)

    note("load_encoder")
    note("load_snapshot")
    first = reader.current()
    assert sorted(loaded) == ["load_encoder", "load_snapshot"]
    add(catalogue, reindexer, "new")
    clock.now += 11
    second = reader.current()
    assert sorted(loaded) == ["load_encoder", "load_snapshot"]
    assert second.encoder is first.encoder
    assert second.snapshot is first.snapshot
    rebuild(context)
    clock.now += 11
    third = reader.current()
    assert sorted(loaded) == ["load_encoder", "load_snapshot", "load_snapshot"]
    assert third.encoder is first.encoder
    assert len(third.snapshot.table) == 13
    assert third.engine.describe().items == 13


def test_a_failing_store_leaves_the_old_state(
    published: Rebuilt, reader: Reader, clock: Clock, said: list[str], catalogue: Bucket, reindexer: Handler,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    first = reader.current()
    add(catalogue, reindexer, "new")
    clock.now += 11
    with monkeypatch.context() as patch:
        patch.setattr("tonari.storage.s3.S3Bucket.get_changed", fail)
        assert reader.current() is first
        assert said == [f"still serving generation {published.generation}: S3 is out of order."]
    clock.now += 11
    assert list(reader.current().engine.read(["new"])) == ["new"]


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
    prefix = f"{PREFIX}{done.snapshot}/"
    written = {found.key.removeprefix(prefix) for found in artefacts.list(prefix)}
    fresh = [name for name in sorted(written - REPORTED) if artefacts.sha256(prefix + name) not in before]
    assert MANIFEST in fresh
    for key in (*(prefix + name for name in fresh), HEAD):
        whole = artefacts.get(key).data
        artefacts.put(key, whole[:-9] + bytes(byte ^ 255 for byte in whole[-9:]))
        clock.now += 11
        assert reader.current() is first
        assert said.pop().startswith(f"still serving generation {published.generation}: ")
        artefacts.put(key, whole)
        for cached in (tmp_path / "readers").iterdir():
            if cached.name not in before:
                cached.unlink()
    assert said == []
    clock.now += 11
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
        patch.setattr(serving, "load_snapshot", full)
        assert reader.current() is first
    assert len(said) == 1
    assert "No space left" in said[0]


def test_a_first_state_that_cannot_be_loaded_is_an_error(published: Rebuilt, reader: Reader, artefacts: Bucket) -> None:
    artefacts.put(f"snapshots/{published.snapshot}/vectors.pack", b"damaged")
    with pytest.raises(CorruptArtefactError, match=r"vectors\.pack"):
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
    caller = Caller(functions.query_function())
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
    with pytest.raises(NotReadyError, match=shop):
        reader.current()


def test_a_snapshot_that_is_not_there_is_named(published: Rebuilt, reader: Reader, artefacts: Bucket) -> None:
    artefacts.delete(f"{PREFIX}{published.snapshot}/manifest.json")
    with pytest.raises(StoreError, match=str(published.snapshot)):
        reader.current()
