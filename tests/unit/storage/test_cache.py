from __future__ import annotations

import hashlib
import os
import threading
import time
from pathlib import Path

import pytest

from tonari.errors import CorruptArtefactError, MissingObjectError, NoSpaceError, StoreError
from tonari.storage import cache as caches
from tonari.storage.cache import IDLE_SECONDS, SPARED_SECONDS, fetch, save, sweep, turn
from tonari.storage.folder import FolderBucket

OLD, KEPT, YOUNG, DEAD = ("a" * 64, "b" * 64, "c" * 64, "d" * 64)
DATA = b"the bytes of an artefact" * 100
SHA256 = hashlib.sha256(DATA).hexdigest()


def age(path: Path, seconds: float) -> None:
    then = time.time() - seconds
    os.utime(path, (then, then))


@pytest.fixture
def bucket(tmp_path: Path) -> FolderBucket:
    (tmp_path / "bucket").mkdir()
    bucket = FolderBucket(tmp_path / "bucket")
    bucket.put("key", DATA)
    return bucket


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    folder = tmp_path / "cache"
    folder.mkdir()
    return folder


def test_only_what_nobody_asks_for_is_swept(cache: Path) -> None:
    old = [OLD, f"{OLD}.onnx", f"{OLD}.json", f"{OLD}.lock", f"{DEAD}.0123abcd", f"{KEPT}.0123abcd"]
    for name in (*old, KEPT, f"{KEPT}.onnx", YOUNG, "notes.txt"):
        (cache / name).write_bytes(b"x")
        if name != YOUNG:
            age(cache / name, IDLE_SECONDS + 10)
    sweep(cache, [KEPT])
    assert {path.name for path in cache.iterdir()} == {KEPT, f"{KEPT}.onnx", YOUNG, "notes.txt"}


def test_what_the_cache_has_is_not_downloaded_and_counts_as_asked_for(bucket: FolderBucket, cache: Path) -> None:
    first = fetch(bucket, "key", cache, SHA256)
    age(first.path, IDLE_SECONDS + 10)
    bucket.delete("key")
    written = first.path.stat().st_mtime_ns
    assert fetch(bucket, "key", cache, SHA256).path.read_bytes() == DATA
    assert first.path.stat().st_mtime_ns == written
    sweep(cache, [])
    assert first.path.exists()


def test_a_damaged_file_is_replaced_and_whoever_mapped_it_knows(bucket: FolderBucket, cache: Path) -> None:
    first = fetch(bucket, "key", cache, SHA256)
    assert not first.damaged()
    with first.path.open("r+b") as file:
        file.write(b"T")
    assert first.damaged()
    again = fetch(bucket, "key", cache, SHA256)
    assert again.path.read_bytes() == DATA
    assert again.inode != first.inode
    assert not again.damaged()


@pytest.mark.parametrize("size", [0, 10, len(DATA) + 10])
def test_a_file_of_another_size_is_damaged(bucket: FolderBucket, cache: Path, size: int) -> None:
    found = fetch(bucket, "key", cache, SHA256)
    os.truncate(found.path, size)
    assert found.damaged()
    assert fetch(bucket, "key", cache, SHA256).path.read_bytes() == DATA


def test_what_was_deleted_or_replaced_is_not_damaged_where_it_is_mapped(bucket: FolderBucket, cache: Path) -> None:
    found = fetch(bucket, "key", cache, SHA256)
    with found.path.open("rb"):
        found.path.unlink()
        assert not found.damaged()
        fetch(bucket, "key", cache, SHA256)
        assert not found.damaged()


def test_a_failed_download_leaves_nothing(bucket: FolderBucket, cache: Path) -> None:
    with pytest.raises(CorruptArtefactError):
        fetch(bucket, "key", cache, OLD)
    with pytest.raises(MissingObjectError):
        fetch(bucket, "other", cache, SHA256)
    assert {path.suffix for path in cache.iterdir()} == {".lock"}


def test_threads_take_turns(bucket: FolderBucket, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    downloads: list[str] = []
    download = FolderBucket.download

    def slow(self: FolderBucket, key: str, path: Path, sha256: str) -> None:
        downloads.append(key)
        time.sleep(0.2)
        download(self, key, path, sha256)

    monkeypatch.setattr(FolderBucket, "download", slow)
    threads = [threading.Thread(target=fetch, args=(bucket, "key", cache, SHA256)) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert downloads == ["key"]


def test_whoever_gets_no_turn_goes_on_without(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(caches, "TURN_SECONDS", 0.1)
    with turn(cache, OLD):
        began = time.monotonic()
        with turn(cache, OLD):
            assert 0.1 <= time.monotonic() - began < 5


def test_a_cache_that_cannot_be_written_to_is_named(bucket: FolderBucket, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(StoreError, match="file"):
        fetch(bucket, "key", tmp_path / "file" / "cache", SHA256)


def test_room_is_made_by_what_is_oldest_and_nobody_is_about_to_use(cache: Path) -> None:
    for number, name in enumerate((OLD, f"{DEAD}.0123abcd", KEPT, YOUNG)):
        (cache / name).write_bytes(b"x")
        age(cache / name, SPARED_SECONDS + 100 - number)
    age(cache / YOUNG, SPARED_SECONDS - 5)
    free = caches.shutil.disk_usage(cache).free
    assert caches._make_room(cache, {KEPT}, free // 2)
    assert {path.name for path in cache.iterdir()} == {f"{DEAD}.0123abcd", KEPT, YOUNG}
    assert caches._make_room(cache, {KEPT}, 2 * free)
    assert {path.name for path in cache.iterdir()} == {KEPT, YOUNG}
    assert not caches._make_room(cache, {KEPT}, 2 * free)


def test_a_file_that_never_fits_is_an_error_that_says_what_is_needed(
    bucket: FolderBucket, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise NoSpaceError(f"There is no room in {cache}.")

    monkeypatch.setattr(FolderBucket, "download", full)
    for name in (OLD, YOUNG):
        (cache / name).write_bytes(b"x")
    age(cache / OLD, SPARED_SECONDS + 10)
    with pytest.raises(NoSpaceError, match=f"{cache}.*{len(DATA):,} bytes"):
        fetch(bucket, "key", cache, SHA256)
    assert {path.name for path in cache.iterdir()} == {YOUNG, f"{SHA256}.lock"}


def test_a_small_file_is_saved_whole_or_not_at_all(cache: Path) -> None:
    save(cache / f"{OLD}.json", b"{}")
    assert (cache / f"{OLD}.json").read_bytes() == b"{}"
    (cache / f"{YOUNG}.json").mkdir()
    with pytest.raises(StoreError):
        save(cache / f"{YOUNG}.json", b"{}")
