"""The reader with real threads over a store that stands still, loses files and damages them."""

from __future__ import annotations

import json
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from generations import Generation, make_live, pictures, write_generation
from stalling import StallingBucket
from tonari.api.app import App
from tonari.api.http import Request
from tonari.contract.artefacts import Refusal
from tonari.engines.builtin import BuiltinOpening
from tonari.errors import CorruptArtefactError, StoreError, UnreadableError
from tonari.query.beside import Check
from tonari.query.reader import Reader
from tonari.query.serving import Serving
from tonari.snapshots.head import COPY, HEAD, REFUSALS, read_head, write_refusal
from tonari.snapshots.manifest import CLASSES, CODES, MANIFEST, TABLE, VECTORS
from tonari.storage import cache
from tonari.storage.bucket import Bucket
from tonari.storage.folder import FolderBucket
from torture import swaps

MOMENT = 0.05
"""Seconds for which nobody asks again: the reader's ``max_age``."""
HEAD_WAIT, SLACK = 0.3, 1.5
"""What a request may wait for the head; and what its own work may take on a machine that is busy."""


@dataclass(frozen=True)
class Written:
    """A folder of artefacts with two generations, of which ``even`` is live."""

    folder: Path
    even: Generation
    odd: Generation


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Written:
    place = tmp_path_factory.mktemp("generations")
    (place / "artefacts").mkdir()
    bucket = FolderBucket(place / "artefacts")
    even, odd = (write_generation(bucket, name, 30, place) for name in ("even", "odd"))
    make_live(bucket, even)
    return Written(place / "artefacts", even, odd)


@dataclass
class Place:
    """A copy of it that tests may damage, and a reader over a store that may stand still."""

    bucket: Bucket
    store: StallingBucket
    cache: Path
    even: Generation
    odd: Generation
    said: list[str] = field(default_factory=list)
    asked_for: list[str] = field(default_factory=list)

    def reader(
        self, max_age: float = MOMENT, ask_rebuild: Callable[[str], None] | None = None, cache: str = "cache"
    ) -> Reader:
        ask = ask_rebuild or self.asked_for.append
        store: Any = self.store
        return Reader(store, self.cache / cache, max_age, BuiltinOpening(), self.said.append, ask)


@pytest.fixture
def place(written: Written, tmp_path: Path) -> Iterator[Place]:
    shutil.copytree(written.folder, tmp_path / "artefacts")
    bucket = FolderBucket(tmp_path / "artefacts")
    store = StallingBucket(bucket)
    yield Place(bucket, store, tmp_path, written.even, written.odd)
    store.let_go()


def timed(reader: Reader) -> tuple[float, Serving]:
    began = time.monotonic()
    serving = reader.current()
    return time.monotonic() - began, serving


def eventually(reader: Reader, wanted: Callable[[Serving], object]) -> Serving:
    deadline = time.monotonic() + 60
    while not wanted(serving := reader.current()):
        assert time.monotonic() < deadline, reader.freshness()
        time.sleep(0.02)
    return serving


def ask(reader: Reader, bucket: Bucket, method: str, path: str, body: bytes = b"") -> tuple[int, dict[str, Any]]:
    kind = "image/png" if body else ""
    response = App(reader, bucket, bucket)(Request(method, path, (), kind, body))
    return response.status, json.loads(response.body)


def name_of(serving: Serving) -> str:
    return str(serving.engine.read(["picture-0"])["picture-0"].fields["of"])


def test_a_store_that_stands_still_keeps_no_warm_request(place: Place) -> None:
    reader = place.reader()
    first = reader.current()
    make_live(place.bucket, place.odd)
    place.store.stall("get_changed", HEAD)
    time.sleep(2 * MOMENT)
    took, stale = timed(reader)
    assert HEAD_WAIT <= took < HEAD_WAIT + SLACK
    assert stale.engine is first.engine
    assert stale.stale_seconds is not None
    assert stale.stale_seconds >= MOMENT
    for _ in range(20):
        time.sleep(MOMENT / 5)
        took, stale = timed(reader)
        assert took < HEAD_WAIT
        assert stale.engine is first.engine
    assert place.store.count("get_changed", HEAD) == 1
    status, answer = ask(reader, place.bucket, "POST", "/v1/search", pictures()[0])
    assert (status, place.even.mistake(0, answer)) == (200, "")
    assert answer["stale_seconds"] > 0
    place.store.let_go()
    fresh = eventually(reader, lambda serving: serving.stale_seconds is None)
    assert name_of(fresh) == "odd"
    _, answer = ask(reader, place.bucket, "POST", "/v1/search", pictures()[0])
    assert place.odd.mistake(0, answer) == ""
    assert "stale_seconds" not in answer


def test_health_does_not_wait_for_a_store_that_stands_still(place: Place) -> None:
    reader = place.reader(max_age=3600.0)
    reader.current()
    store: Any = place.store
    app = App(reader, store, store)
    health = Request("GET", "/v1/health", (), "", b"")
    assert json.loads(app(health).body)["refused"] is None
    place.store.stall("list", REFUSALS)
    began = time.monotonic()
    assert [app(health).status for _ in range(10)] == [200] * 10
    assert time.monotonic() - began < 1 + SLACK
    assert place.store.count("list", REFUSALS) == 2
    refusal = Refusal(1, "x", "2026-01-01", place.even.live.snapshot, (), {}, {})
    write_refusal(place.bucket, refusal)
    place.store.let_go()
    deadline = time.monotonic() + 30
    while json.loads(app(health).body)["refused"] is None:
        assert time.monotonic() < deadline


def test_the_old_state_answers_at_once_while_the_new_is_loaded(place: Place) -> None:
    reader = place.reader()
    reader.current()
    head = make_live(place.bucket, place.odd).head
    place.store.stall("download", VECTORS)
    time.sleep(2 * MOMENT)
    assert timed(reader)[0] < HEAD_WAIT, "it knows the head and waits for the snapshot"
    for _ in range(10):
        time.sleep(MOMENT)
        took, stale = timed(reader)
        assert took < HEAD_WAIT
        assert (name_of(stale), stale.read.head.snapshot) == ("even", place.even.live.snapshot)
    _, health = ask(reader, place.bucket, "GET", "/v1/health")
    assert health["snapshot"] == place.even.live.snapshot
    assert (health["behind"]["generation"], health["behind"]["snapshot"]) == (head.generation, head.snapshot)
    assert "loaded" in health["behind"]["reason"]
    place.store.let_go()
    eventually(reader, lambda serving: name_of(serving) == "odd")
    key = f"{place.odd.live.snapshot}/{VECTORS}"
    assert place.store.count("download", key) == 1
    status, health = ask(reader, place.bucket, "GET", "/v1/health")
    assert (status, health["behind"]) == (200, None)
    assert health["checked_seconds_ago"] < 60
    assert place.said == []


def test_loading_that_takes_long_is_lent_the_time_of_requests(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Check, "LENT_AFTER_SECONDS", 0.5)
    reader = place.reader()
    reader.current()
    make_live(place.bucket, place.odd)
    place.store.stall("download", VECTORS)
    time.sleep(2 * MOMENT)
    reader.current()
    time.sleep(0.6)
    waits = [timed(reader)[0] for _ in range(5)]
    assert [took >= HEAD_WAIT for took in waits] == [True, False, False, False, False]


def test_many_threads_start_nothing_twice(place: Place) -> None:
    reader = place.reader(max_age=3600.0)
    with ThreadPoolExecutor(16) as pool:
        cold = [future.result() for future in [pool.submit(reader.current) for _ in range(16)]]
    assert len({id(serving) for serving in cold}) == 1
    assert place.store.count("get", HEAD) == 1
    assert place.store.count("download", VECTORS) == 1

    reader = place.reader(max_age=0.5)
    first = reader.current()
    time.sleep(0.6)
    asked = place.store.count("get_changed", HEAD)
    with ThreadPoolExecutor(16) as pool:
        warm = [future.result() for future in [pool.submit(reader.current) for _ in range(16)]]
    assert all(serving.engine is first.engine for serving in warm)
    assert {serving.stale_seconds for serving in warm} == {None}
    assert place.store.count("get_changed", HEAD) == asked + 1


@pytest.mark.parametrize(("method", "part"), [("get_changed", HEAD), ("download", VECTORS)])
def test_what_hangs_is_given_up_and_does_not_come_back(
    place: Place, monkeypatch: pytest.MonkeyPatch, method: str, part: str
) -> None:
    reader = place.reader()
    reader.current()
    gate, done = threading.Event(), threading.Event()
    hung = iter([True])
    place.store.before(method, part, lambda: gate.wait(60) if next(hung, False) else None)
    monkeypatch.setattr(reader, "_end", _then(reader._end, done))
    monkeypatch.setattr(cache, "TURN_SECONDS", 0.5)
    make_live(place.bucket, place.odd)
    time.sleep(2 * MOMENT)
    assert name_of(reader.current()) == "even"
    with monkeypatch.context() as patch:
        for patience in ("ASKING_PATIENCE", "LOADING_PATIENCE"):
            patch.setattr(Check, patience, 0.5)
        eventually(reader, lambda _: any("asking anew" in line for line in place.said))
    eventually(reader, lambda serving: name_of(serving) == "odd")
    make_live(place.bucket, place.even)
    eventually(reader, lambda serving: name_of(serving) == "even")
    done.clear()
    reader._max_age = 3600.0
    gate.set()
    assert done.wait(30)
    assert name_of(reader.current()) == "even"


def _then(act: Callable[..., None], done: threading.Event) -> Callable[..., None]:
    def acted(*given: object) -> None:
        act(*given)
        done.set()

    return acted


def test_what_was_collected_meanwhile_is_asked_for_again(place: Place) -> None:
    odd = place.odd.live.snapshot

    def collect() -> None:
        if read_head(place.bucket).head.snapshot == odd:
            make_live(place.bucket, place.even)
            place.bucket.delete(*(found.key for found in place.bucket.list(f"snapshots/{odd}/")))

    reader = place.reader()
    make_live(place.bucket, place.odd)
    place.store.before("get", MANIFEST, collect)
    serving = reader.current()
    assert (name_of(serving), serving.read.head.snapshot) == ("even", place.even.live.snapshot)
    assert (serving.stale_seconds, place.said, place.asked_for) == (None, [], [])


def flip_last(data: bytes) -> bytes:
    return data[:-9] + bytes(byte ^ 255 for byte in data[-9:])


def of_newer_format(data: bytes) -> bytes:
    return json.dumps({**json.loads(data), "format": 99}).encode()


DAMAGED = {
    **{f"damaged {name}": (name, flip_last) for name in (MANIFEST, TABLE, CODES, VECTORS, CLASSES, "model.onnx")},
    "newer format": (MANIFEST, of_newer_format),
    "damaged encoder.json": ("encoder.json", flip_last),
    **{f"missing {name}": (name, None) for name in (MANIFEST, CODES, "model.onnx")},
}


def damage(place: Place, generation: Generation, name: str, change: Callable[[bytes], bytes] | None) -> None:
    live = generation.live
    folder = f"encoders/{live.encoder}" if name in ("model.onnx", "encoder.json") else f"snapshots/{live.snapshot}"
    key = f"{folder}/{name}"
    if change is None:
        place.bucket.delete(key)
    else:
        place.bucket.put(key, change(place.bucket.get(key).data))


@pytest.mark.parametrize("what", DAMAGED)
def test_what_was_live_before_answers_a_cold_start_on_damaged_files(place: Place, what: str) -> None:
    make_live(place.bucket, place.odd)
    whole = {one.key: place.bucket.get(one.key).data for one in place.bucket.list("") if one.key != HEAD}
    damage(place, place.odd, *DAMAGED[what])
    reader = place.reader()
    serving = reader.current()
    assert serving.stale_seconds is not None
    status, answer = ask(reader, place.bucket, "POST", "/v1/search", pictures()[1])
    assert (status, place.even.mistake(1, answer)) == (200, "")
    assert "stale_seconds" in answer
    status, health = ask(reader, place.bucket, "GET", "/v1/health")
    assert status == 200
    assert (health["snapshot"], health["encoder"]["id"]) == (place.even.live.snapshot, place.even.live.encoder)
    behind = health["behind"]
    assert (behind["snapshot"], behind["previous"]) == (place.odd.live.snapshot, True)
    assert f"The live snapshot {place.odd.live.snapshot} cannot be read" in behind["reason"]
    time.sleep(0.2)
    eventually(reader, lambda _: place.asked_for)
    assert len(place.asked_for) == 1

    for key, data in whole.items():
        place.bucket.put(key, data)
    mended = eventually(reader, lambda one: one.stale_seconds is None)
    assert (name_of(mended), reader.freshness().behind) == ("odd", None)
    assert len(place.asked_for) == 1


def test_a_warm_reader_keeps_what_it_has_and_asks_for_a_rebuild(place: Place) -> None:
    reader = place.reader()
    first = reader.current()
    damage(place, place.odd, CODES, flip_last)
    make_live(place.bucket, place.odd)
    stale = eventually(reader, lambda _: place.asked_for)
    assert stale.engine is first.engine
    behind = reader.freshness().behind
    assert behind is not None
    assert (behind.snapshot, behind.previous) == (place.odd.live.snapshot, False)
    for _ in range(5):
        time.sleep(2 * MOMENT)
        reader.current()
    assert len(place.asked_for) == 1


def test_damaged_files_are_tried_again_ever_less_often(place: Place) -> None:
    reader = place.reader(max_age=MOMENT)
    reader.current()
    damage(place, place.odd, CODES, flip_last)
    make_live(place.bucket, place.odd)
    began = time.monotonic()
    eventually(reader, lambda _: place.store.count("get_changed", HEAD) >= 12)
    tries = place.store.count("download", f"{place.odd.live.snapshot}/{CODES}")
    assert tries >= 2
    assert MOMENT * (2 ** (tries - 1) - 1) <= time.monotonic() - began


def test_if_nothing_can_be_read_the_error_says_so(place: Place) -> None:
    make_live(place.bucket, place.odd)
    for generation in (place.even, place.odd):
        damage(place, generation, CODES, flip_last)
    reader = place.reader(max_age=3600.0)
    for _ in range(3):
        status, problem = ask(reader, place.bucket, "GET", "/v1/health")
        assert (status, problem["type"]) == (503, "urn:tonari:problem:unreadable")
        for generation in (place.even, place.odd):
            assert generation.live.snapshot in problem["detail"]
    assert place.store.count("download", f"{place.odd.live.snapshot}/{CODES}") == 1
    deadline = time.monotonic() + 10
    while not place.asked_for:
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_a_damaged_head_is_served_by_its_copy_until_it_is_mended(place: Place) -> None:
    make_live(place.bucket, place.odd)
    whole = place.bucket.get(HEAD).data
    place.bucket.put(HEAD, whole[:-9])
    reader = place.reader()
    serving = reader.current()
    assert name_of(serving) == "odd"
    assert serving.stale_seconds is not None
    status, health = ask(reader, place.bucket, "GET", "/v1/health")
    assert (status, health["snapshot"]) == (200, place.odd.live.snapshot)
    assert "Put an earlier version of it back" in health["behind"]["reason"]
    place.bucket.put(HEAD, whole)
    eventually(reader, lambda now: now.stale_seconds is None)
    assert reader.freshness().behind is None


def test_without_head_and_copy_the_error_names_the_remedy(place: Place) -> None:
    make_live(place.bucket, place.odd)
    for key in (HEAD, COPY):
        place.bucket.put(key, b"{")
    with pytest.raises(CorruptArtefactError, match=r"head\.json.*Put an earlier version of it back"):
        place.reader().current()


def test_a_passing_fault_of_the_store_is_no_damage(place: Place) -> None:
    make_live(place.bucket, place.odd)

    def fail() -> None:
        raise StoreError("S3 is out of order.")

    place.store.before("download", CODES, fail)
    reader = place.reader(max_age=3600.0)
    with pytest.raises(StoreError, match="out of order"):
        reader.current()
    place.store.let_go()
    assert name_of(reader.current()) == "odd"
    assert place.asked_for == []


def test_questions_for_a_rebuild_is_tried_again(place: Place) -> None:
    make_live(place.bucket, place.odd)
    damage(place, place.odd, CODES, flip_last)
    asked: list[str] = []

    def refuse(why: str) -> None:
        asked.append(why)
        if len(asked) < 3:
            raise StoreError("Nobody answers.")

    reader = place.reader(ask_rebuild=refuse)
    eventually(reader, lambda _: len(asked) >= 3)
    time.sleep(4 * MOMENT)
    reader.current()
    assert len(asked) == 3
    assert any("Nobody answers." in line for line in place.said)


def test_a_head_that_mixes_two_encoders_is_not_served(place: Place) -> None:
    reader = place.reader()
    reader.current()
    mixed = Generation("mixed", place.odd.live.__class__(place.odd.live.snapshot, place.even.live.encoder, ()))
    make_live(place.bucket, mixed)
    time.sleep(2 * MOMENT)
    eventually(reader, lambda _: place.asked_for)
    assert name_of(reader.current()) == "even"
    assert place.even.live.encoder in place.asked_for[0]
    with pytest.raises(UnreadableError):
        _cold_without_previous(place)


def _cold_without_previous(place: Place) -> None:
    damage(place, place.even, MANIFEST, None)
    place.reader(cache="other").current()


def test_swaps_under_clients_give_whole_answers() -> None:
    figures = list(swaps.run(0.01, 0, lambda _: None))
    assert figures[0].failed == 0, figures[0]
    assert figures[0].tried > 20
