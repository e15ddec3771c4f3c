"""Several processes over one cache, and a cache that is full."""

from __future__ import annotations

import hashlib
import multiprocessing
import os
import resource
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import pytest

from damage.drafts import ENCODER, write_world
from integration.shop import PRODUCTS, put_image
from tonari.builds.look import RebuildContext
from tonari.builds.rebuild import rebuild
from tonari.engines.builtin import BuiltinOpening
from tonari.errors import NoSpaceError
from tonari.index.planner import find
from tonari.index.vectors import from_fixed
from tonari.query.reader import Reader
from tonari.snapshots.head import SNAPSHOTS
from tonari.snapshots.manifest import FILES, GRAPH
from tonari.snapshots.snapshot import load_snapshot
from tonari.storage.bucket import Bucket
from tonari.storage.cache import SPARED_SECONDS, fetch, sweep
from tonari.storage.folder import FolderBucket

SPAWN = multiprocessing.get_context("spawn")
DATA = bytes(range(256)) * 1200
SHA256 = hashlib.sha256(DATA).hexdigest()


class CountedBucket(FolderBucket):
    """Notes each download in a file, and takes its time."""

    log: Path

    def download(self, key: str, path: Path, sha256: str) -> None:
        with self.log.open("a") as file:
            file.write(f"{key}\n")
        time.sleep(0.3)
        super().download(key, path, sha256)


def open_counted(folder: Path) -> CountedBucket:
    bucket = CountedBucket(folder / "bucket")
    bucket.log = folder / "downloads"
    return bucket


@dataclass(frozen=True)
class Seen:
    """What a process has of a snapshot: inodes of the files that are mapped, and an answer."""

    mapped: frozenset[str]
    found: tuple[int, ...]


def load_and_ask(folder: Path, name: str, start: Any, answer: Connection) -> None:
    start.wait()
    snapshot = load_snapshot(open_counted(folder), name, folder / "cache", ENCODER)
    query = from_fixed(snapshot.table.views.fixed[5:6])
    found = tuple(find(query, snapshot.table.index, 10).items.tolist())
    lines = [line.split() for line in Path("/proc/self/maps").read_text().splitlines()]
    cache = str(folder / "cache")
    answer.send(Seen(frozenset(f"{line[4]} {line[5]}" for line in lines if line[-1].startswith(cache)), found))
    start.wait()


def die_while_downloading(folder: Path) -> None:
    bucket = open_counted(folder)
    bucket.put("key", DATA)

    def half(_: str, path: Path, __: str) -> None:
        path.write_bytes(DATA[:1000])
        os.kill(os.getpid(), signal.SIGKILL)

    bucket.download = half  # type: ignore[method-assign]
    fetch(bucket, "key", folder / "cache", SHA256)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "bucket").mkdir()
    return tmp_path


def test_processes_download_once_and_share_what_they_map(folder: Path) -> None:
    name = write_world(open_counted(folder), "graph", 3)
    start = SPAWN.Barrier(4)
    pipes = [SPAWN.Pipe(duplex=False) for _ in range(4)]
    children = [SPAWN.Process(target=load_and_ask, args=(folder, name, start, send)) for _, send in pipes]
    for child in children:
        child.start()
    seen = [receive.recv() for receive, _ in pipes if receive.poll(60)]
    for child in children:
        child.join(60)
    assert [child.exitcode for child in children] == [0] * 4
    assert len(seen) == 4
    assert sorted((folder / "downloads").read_text().split()) == sorted(
        f"{SNAPSHOTS}{name}/{file}" for file in (*FILES, GRAPH)
    )
    assert len(seen[0].mapped) >= len(FILES)
    assert len(set(seen)) == 1


def test_a_process_that_dies_while_it_downloads_holds_nobody_up(folder: Path) -> None:
    child = SPAWN.Process(target=die_while_downloading, args=(folder,))
    child.start()
    child.join(60)
    assert child.exitcode == -signal.SIGKILL
    cache = folder / "cache"
    left = [path for path in cache.iterdir() if path.suffix != ".lock"]
    assert [path.read_bytes() for path in left] == [DATA[:1000]]
    began = time.monotonic()
    assert fetch(open_counted(folder), "key", cache, SHA256).path.read_bytes() == DATA
    assert time.monotonic() - began < 10
    sweep(cache, {SHA256})
    assert left[0].exists()
    os.utime(left[0], (0, 0))
    sweep(cache, {SHA256})
    assert not left[0].exists()


Resize = Callable[[int], None]


@pytest.fixture
def small(tmp_path: Path) -> Iterator[tuple[Path, Resize]]:
    """A file system of a megabyte in memory, and how to give it another size in bytes."""
    place = tmp_path / "small"
    place.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", place], check=False, capture_output=True
    )
    if mounted.returncode:
        pytest.skip("only root may mount a small file system; the limit on a file's size is tried by another test")

    def resize(size: int) -> None:
        subprocess.run(["mount", "-o", f"remount,size={size}", place], check=True)

    yield place, resize
    subprocess.run(["umount", "--lazy", place], check=True)


@pytest.mark.parametrize("store", ["folder", "s3"])
def test_a_full_cache_is_named_with_what_is_needed_and_keeps_no_pieces(
    folder: Path, artefacts: Bucket, small: tuple[Path, Resize], store: str
) -> None:
    bucket = FolderBucket(folder / "bucket") if store == "folder" else artefacts
    bucket.put("key", DATA)
    place, resize = small
    resize(200 << 10)
    with pytest.raises(NoSpaceError, match=rf"{place}.*TemporaryStorage.*{len(DATA):,} bytes"):
        fetch(bucket, "key", place, SHA256)
    assert {path.suffix for path in place.iterdir()} == {".lock"}


@pytest.mark.parametrize("store", ["folder", "s3"])
def test_room_is_made_by_deleting_what_is_old(
    folder: Path, artefacts: Bucket, small: tuple[Path, Resize], store: str
) -> None:
    bucket = FolderBucket(folder / "bucket") if store == "folder" else artefacts
    bucket.put("key", DATA)
    place, resize = small
    old = [place / (digit * 64) for digit in "abc"]
    for number, path in enumerate(old):
        path.write_bytes(DATA[: 100 << 10])
        then = time.time() - SPARED_SECONDS - 100 + number
        os.utime(path, (then, then))
    resize(500 << 10)
    assert fetch(bucket, "key", place, SHA256).path.read_bytes() == DATA
    assert [path.exists() for path in old] == [False, True, True]


def fetch_with_a_limit(folder: Path, answer: Connection) -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
    try:
        fetch(open_counted(folder), "key", folder / "cache", SHA256)
    except NoSpaceError as error:
        answer.send(error.detail)


def test_a_limit_on_the_size_of_files_is_no_room_either(folder: Path) -> None:
    open_counted(folder).put("key", DATA)
    receive, send = SPAWN.Pipe(duplex=False)
    child = SPAWN.Process(target=fetch_with_a_limit, args=(folder, send))
    child.start()
    assert receive.poll(60)
    assert "TemporaryStorage" in receive.recv()
    child.join(60)
    assert {path.suffix for path in (folder / "cache").iterdir()} == {".lock"}


@pytest.mark.usefixtures("published")
def test_a_warm_reader_goes_on_answering_where_the_next_state_does_not_fit(
    context: RebuildContext, artefacts: Bucket, small: tuple[Path, Resize]
) -> None:
    said: list[str] = []
    place, resize = small
    resize(64 << 20)
    reader = Reader(artefacts, place, 0.0, BuiltinOpening(), said.append)
    first = reader.current()
    put_image(context.catalogue, "new", PRODUCTS[0].picture())
    assert rebuild(context).outcome == "published"
    used = sum(-(-path.stat().st_size // 4096) * 4096 for path in place.iterdir())
    resize(used + 4096)
    until = time.monotonic() + 30
    while not said and time.monotonic() < until:
        assert reader.current().snapshot is first.snapshot
        time.sleep(0.05)
    assert "There is no room in" in said[0]
    assert first.engine.describe().items == len(PRODUCTS)
    assert not [path for path in place.iterdir() if len(path.suffix) == 9]
    resize(64 << 20)
    while reader.current().snapshot is first.snapshot:
        assert time.monotonic() < until
        time.sleep(0.05)
    assert reader.current().engine.describe().items == len(PRODUCTS) + 1


@pytest.mark.usefixtures("published")
def test_a_warm_reader_sees_that_a_file_was_written_into(artefacts: Bucket, tmp_path: Path) -> None:
    said: list[str] = []
    reader = Reader(artefacts, tmp_path / "readers", 60.0, BuiltinOpening(), said.append)
    first = reader.current()
    assert reader.current() is first
    for file, _ in first.snapshot.mapped:
        before = reader.current()
        data = file.path.read_bytes()
        file.path.write_bytes(data[: len(data) // 2])
        after = reader.current()
        assert after is not before
        assert "somebody wrote into" in said.pop()
        assert list(after.engine.read(["red-ball"])) == ["red-ball"]
        assert file.path.read_bytes() == data
