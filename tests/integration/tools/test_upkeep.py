"""The threads beside the local server: changes of a folder are reindexed, and rebuilt when they must be."""

from __future__ import annotations

import json
import threading
from pathlib import Path

import pytest

from graphs import mean_colour
from integration.shop import PRODUCTS, push, put_document, put_image
from integration.tools.test_fit import PIXELS
from tonari.config import USUAL
from tonari.encoders.store import save_encoder
from tonari.errors import StoreError
from tonari.snapshots.head import read_head, use_encoder
from tonari.snapshots.segments import Segment, merge, read_segments
from tonari.storage.bucket import Bucket
from tonari.storage.folder import FolderBucket
from tonari_tools.serve import upkeep
from tonari_tools.serve.upkeep import CatalogueWatch, Rebuilder, Reindexer


@pytest.fixture
def catalogue(tmp_path: Path) -> FolderBucket:
    (tmp_path / "catalogue").mkdir()
    bucket = FolderBucket(tmp_path / "catalogue")
    push(bucket)
    return bucket


@pytest.fixture
def artefacts(tmp_path: Path) -> FolderBucket:
    """With an encoder that sees mean colours, chosen; nothing is built."""
    (tmp_path / "artefacts").mkdir()
    bucket = FolderBucket(tmp_path / "artefacts")
    model = mean_colour(tmp_path / "pixels.onnx").read_bytes()
    use_encoder(bucket, save_encoder(bucket, model, json.dumps(PIXELS).encode()))
    return bucket


@pytest.fixture
def log() -> list[str]:
    return []


@pytest.fixture
def rebuilder(catalogue: Bucket, artefacts: Bucket, tmp_path: Path, log: list[str]) -> Rebuilder:
    return Rebuilder(catalogue, artefacts, tmp_path / "cache", USUAL, log.append)


@pytest.fixture
def reindexer(catalogue: Bucket, artefacts: Bucket, tmp_path: Path, rebuilder: Rebuilder, log: list[str]) -> Reindexer:
    return Reindexer(catalogue, artefacts, tmp_path / "cache", rebuilder.ask, log.append)


def test_the_watch_tells_items_that_have_changed(catalogue: FolderBucket, tmp_path: Path) -> None:
    watch = CatalogueWatch(catalogue)
    assert watch.changed() == set()
    put_document(catalogue, "red-ball", {"price": 1})
    (tmp_path / "catalogue" / "images" / "new").mkdir()
    (tmp_path / "catalogue" / "images" / "new" / "1.png").write_bytes(b"x")
    (tmp_path / "catalogue" / "images" / "note.txt").write_bytes(b"x")
    (tmp_path / "catalogue" / "images" / "blue-box" / "front.png").unlink()
    assert watch.changed() == {"red-ball", "new", "blue-box"}
    assert watch.changed() == set()


def live_changes(artefacts: Bucket) -> Segment:
    """What is live over the snapshot."""
    head = read_head(artefacts).head
    assert head.encoder is not None
    return merge(head.encoder, read_segments(artefacts, head.segments, head.encoder))


def overlaid(artefacts: Bucket) -> set[str]:
    return set(live_changes(artefacts).items)


def within(seconds: float, stop: threading.Event, done: object) -> None:
    """Give threads time, until what they do is done."""
    for _ in range(int(seconds / 0.05)):
        if callable(done) and done():
            return
        stop.wait(0.05)
    raise AssertionError("it never came true")


def test_what_needs_a_rebuild_gets_one_and_what_does_not_a_segment(
    catalogue: Bucket,
    artefacts: Bucket,
    reindexer: Reindexer,
    rebuilder: Rebuilder,
    log: list[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(upkeep, "EVERY_SECONDS", 0.05)
    monkeypatch.setattr(upkeep, "AGAIN_SECONDS", 0.1)
    stop = threading.Event()
    threads = [
        threading.Thread(target=reindexer.run, args=(stop,)),
        threading.Thread(target=lambda: rebuilder.run(stop, first=600, every=600)),
    ]
    for thread in threads:
        thread.start()
    try:
        put_image(catalogue, "first", PRODUCTS[0].picture())
        within(60, stop, lambda: read_head(artefacts).head.snapshot is not None)
        put_image(catalogue, "second", PRODUCTS[1].picture())
        within(60, stop, lambda: "second" in overlaid(artefacts))
        catalogue.delete("images/second/front.png")
        within(
            60,
            stop,
            lambda: live_changes(artefacts).items["second"] is None,
        )
    finally:
        stop.set()
        rebuilder.wake()
        for thread in threads:
            thread.join()
    assert sum("wait for a rebuild" in line for line in log) == 1
    assert any(line.startswith("rebuild: published: 13 items") for line in log)
    assert any(line.startswith("reindex: 1 items changed") for line in log)


def test_what_fails_is_tried_again(
    reindexer: Reindexer, rebuilder: Rebuilder, catalogue: Bucket, log: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upkeep, "EVERY_SECONDS", 0.02)
    monkeypatch.setattr(upkeep, "AGAIN_SECONDS", 0.1)
    rebuilder.rebuild(lambda *_: None)
    real, failures = upkeep.reindex, [StoreError("The disk is full."), ValueError("unforeseen")]

    def failing(*given: object) -> object:
        if failures:
            raise failures.pop(0)
        return real(*given)

    monkeypatch.setattr(upkeep, "reindex", failing)
    stop = threading.Event()
    thread = threading.Thread(target=reindexer.run, args=(stop,))
    thread.start()
    put_image(catalogue, "new", PRODUCTS[0].picture())
    within(60, stop, lambda: any("generation" in line for line in log))
    stop.set()
    thread.join()
    assert log[:2] == ["reindex: The disk is full.\n", "reindex: ValueError('unforeseen')\n"]
