"""A seed gives the same run again; each fault does what it says; one actor moves at a time."""

from __future__ import annotations

import hashlib
import os
import secrets
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from random import Random

import pytest

from simulation.faults import CrashAt, Drawn, Fault
from simulation.machine import InlineExecutor, simulated_machine
from simulation.scheduler import Crash, Scheduler
from simulation.store import START, Change, SimulatedStore
from tonari.builds import assemble, encode
from tonari.contract.artefacts import Head
from tonari.errors import ConflictError, MissingObjectError, StoreError
from tonari.snapshots import head as heads
from tonari.snapshots.head import publish, read_head
from tonari.storage.bucket import Bucket

EVERYTHING = dict.fromkeys(Fault, 0.03)
BUCKET = "artefacts"


def race(seed: int) -> tuple[Scheduler, int, list[int]]:
    """Three actors publish heads until each has had five acknowledged; gives that count, and all generations."""
    random = Random(seed)
    generations: list[int] = []

    def note(change: Change) -> None:
        if change.key == heads.HEAD:
            assert change.stored
            generations.append(heads.head_from_bytes(change.stored.data).generation)

    store = SimulatedStore(on_change=note)
    scheduler = Scheduler(store, Drawn(random, EVERYTHING), random)
    acknowledged = 0

    def publisher(name: str) -> Callable[[], None]:
        def run() -> None:
            nonlocal acknowledged
            mine = 0
            while mine < 5:
                try:
                    publish(bucket, read_head(bucket), Head(snapshot=name))
                    mine += 1
                    acknowledged += 1
                except Crash:
                    scheduler.revive()
                except StoreError:
                    scheduler.sleep(random.uniform(0, 5))

        bucket = store.bucket(BUCKET, name)
        return run

    for name in "abc":
        scheduler.add(name, publisher(name), skew=random.uniform(-86_400, 86_400))
    with simulated_machine(scheduler):
        scheduler.run()
    return scheduler, acknowledged, generations


def digest(seed: int) -> str:
    return hashlib.sha256("\n".join(map(repr, race(seed)[0].trace)).encode()).hexdigest()


def test_a_seed_gives_the_same_run_again() -> None:
    first, second = race(7)[0].trace, race(7)[0].trace
    assert first == second
    assert {actor for actor, *_ in first} == {"a", "b", "c"}
    assert race(8)[0].trace != first


def test_a_seed_gives_the_same_run_in_another_process() -> None:
    script = "from simulation.test_scheduler import digest; print(digest(7))"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    found = {
        subprocess.run(
            [sys.executable, "-c", script],
            env={**environment, "PYTHONHASHSEED": hash_seed},
            cwd=Path(__file__).parents[1],
            check=True,
            capture_output=True,
            text=True,
        ).stdout.strip()
        for hash_seed in ("1", "2")
    }
    assert found == {digest(7)}


def test_a_head_is_published_by_one_writer_whatever_happens() -> None:
    met: Counter[Fault] = Counter()
    for seed in range(40):
        scheduler, acknowledged, generations = race(seed)
        assert generations == list(range(1, len(generations) + 1)), f"seed {seed}"
        assert acknowledged == 15 <= len(generations), f"seed {seed}"
        met += scheduler.faults.counts  # type: ignore[attr-defined]
    assert met.keys() == set(Fault)


class Once:
    """One fault at the first request that can meet it."""

    def __init__(self, fault: Fault, what: str) -> None:
        self._fault, self._what = fault, what

    def draw(self, call: object) -> Fault | None:
        if getattr(call, "what", "") != self._what:
            return None
        self._what = ""
        return self._fault

    def stall(self) -> float:
        return 3600.0


def suffer(fault: Fault, what: str, work: Callable[[Bucket], object]) -> tuple[object, SimulatedStore]:
    """Let one actor work in a bucket that has ``there``; gives what came out, or the error."""
    store = SimulatedStore()
    store.bucket(BUCKET).put("there", b"old bytes")
    scheduler = Scheduler(store, Once(fault, what), Random(0))
    found: list[object] = []

    def run() -> None:
        try:
            found.append(work(store.bucket(BUCKET, "a")))
        except (StoreError, Crash) as error:
            found.append(type(error))

    scheduler.add("a", run)
    scheduler.run()
    return found[0], store


def content(store: SimulatedStore) -> dict[str, bytes]:
    return {key: stored.data for key, stored in store.objects[BUCKET].items()}


OLD, BOTH = {"there": b"old bytes"}, {"there": b"old bytes", "new": b"x"}


@pytest.mark.parametrize(
    ("fault", "found", "left"),
    [
        (Fault.UNAVAILABLE, StoreError, OLD),
        (Fault.RESET, StoreError, OLD),
        (Fault.LOST, StoreError, BOTH),
        (Fault.CRASH_BEFORE, Crash, OLD),
        (Fault.CRASH_AFTER, Crash, BOTH),
        (Fault.CONFLICT, "9dd4e461268c8034f5c8564e155c67a6", BOTH),
        (Fault.RETRIED, "9dd4e461268c8034f5c8564e155c67a6", BOTH),
        (Fault.STALL_AFTER, "9dd4e461268c8034f5c8564e155c67a6", BOTH),
    ],
)
def test_what_a_fault_does_to_a_creation(fault: Fault, found: object, left: dict[str, bytes]) -> None:
    came, store = suffer(fault, "create", lambda bucket: bucket.create("new", b"x"))
    assert came == found
    assert content(store) == left


@pytest.mark.parametrize(
    ("fault", "found", "data"),
    [
        (Fault.CONFLICT, ConflictError, b"old bytes"),
        (Fault.RETRIED, ConflictError, b"new"),
        (Fault.LOST, StoreError, b"new"),
    ],
)
def test_what_a_fault_does_to_a_replacement(fault: Fault, found: object, data: bytes) -> None:
    came, store = suffer(fault, "replace", lambda bucket: bucket.replace("there", b"new", bucket.get("there").etag))
    assert came is found
    assert content(store) == {"there": data}


def test_a_body_that_breaks_off_is_an_error_and_a_download_goes_on(tmp_path: Path) -> None:
    sha256 = hashlib.sha256(b"old bytes").hexdigest()
    assert suffer(Fault.TRUNCATED, "get", lambda bucket: bucket.get("there"))[0] is StoreError
    assert suffer(Fault.TRUNCATED, "get", lambda bucket: bucket.sha256("there"))[0] == sha256
    suffer(Fault.TRUNCATED, "get", lambda bucket: bucket.download("there", tmp_path / "file", sha256))
    assert (tmp_path / "file").read_bytes() == b"old bytes"


def test_a_dead_actor_does_not_reach_the_store_even_when_it_cleans_up() -> None:
    def work(bucket: Bucket) -> None:
        try:
            bucket.get("there")
        finally:
            with suppress(Exception):
                bucket.delete("there")

    came, store = suffer(Fault.CRASH_BEFORE, "get", work)
    assert came is Crash
    assert content(store) == OLD


def test_who_stalls_finds_that_time_has_passed() -> None:
    came, _ = suffer(
        Fault.STALL_BEFORE, "put", lambda bucket: (bucket.put("new", b"x"), bucket.head("new"))[1].modified
    )
    assert came >= START + 3600  # type: ignore[operator]


def test_a_listing_is_not_one_view() -> None:
    store = SimulatedStore(page=2)
    bucket = store.bucket(BUCKET)
    for key in "abcd":
        bucket.put(key, b"x")
    listing: Iterator[object] = bucket.list("")
    first = [next(listing), next(listing)]
    bucket.delete("a", "c")
    bucket.put("bb", b"x")
    assert [found.key for found in (*first, *listing)] == ["a", "b", "bb", "d"]  # type: ignore[attr-defined]


def test_one_actor_moves_at_a_time_and_all_orders_come() -> None:
    orders = set()
    for seed in range(60):
        store = SimulatedStore()
        scheduler = Scheduler(store, Drawn(Random(0), {}), Random(seed))

        def run(name: str, store: SimulatedStore = store) -> None:
            bucket = store.bucket(BUCKET, name)
            bucket.put(name, b"1")
            bucket.put(name, b"2")

        for name in "ab":
            scheduler.add(name, lambda name=name, run=run: run(name))
        scheduler.run()
        orders.add("".join(actor for actor, *_ in scheduler.trace))
    assert orders == {"aabb", "abab", "abba", "baab", "baba", "bbaa"}


def test_an_error_ends_the_run_and_no_thread_is_left() -> None:
    before = threading.active_count()
    store = SimulatedStore()
    scheduler = Scheduler(store, Drawn(Random(0), {}), Random(0))
    scheduler.add("a", lambda: 1 / 0)  # type: ignore[arg-type, return-value]
    for name in "bc":
        scheduler.add(name, lambda name=name: scheduler.sleep(1) or store.bucket(BUCKET, name).put("x", b""))
    with pytest.raises(ZeroDivisionError):
        scheduler.run()
    assert threading.active_count() <= before + 1


def test_every_call_of_a_use_case_is_a_crash_point() -> None:
    for fault, written in ((Fault.CRASH_BEFORE, [0, 0, 1, 2]), (Fault.CRASH_AFTER, [0, 1, 2, 2])):
        found = []
        for number in range(1, 10):
            store = SimulatedStore()
            scheduler = Scheduler(store, crash := CrashAt("a", number, fault), Random(0))

            def run(store: SimulatedStore = store) -> None:
                bucket = store.bucket(BUCKET, "a")
                publish(bucket, read_head(bucket), Head())

            scheduler.add("a", run)
            scheduler.run()
            found.append(len(store.objects[BUCKET]))
            if not crash.hit:
                break
        assert found == written


def test_the_package_asks_the_simulated_machine_and_afterwards_the_real_one() -> None:
    scheduler = Scheduler(SimulatedStore(), Drawn(Random(0), {}), Random(0))
    with simulated_machine(scheduler):
        assert assemble.new_id().startswith("21000101T000000-")
        assert encode.ThreadPoolExecutor is InlineExecutor
        assert heads.secrets is not secrets
    assert heads.secrets is secrets
    assert not assemble.new_id().startswith("2100")
    assert abs(time.time() - START) > 86_400


def test_an_inline_executor_gives_results_and_errors_as_the_real_one_does() -> None:
    with InlineExecutor(4) as pool:
        assert list(pool.map(divmod, [7, 9], [2, 5])) == [(3, 1), (1, 4)]
        future = pool.submit(lambda: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            future.result()


def test_what_is_missing_in_the_simulated_store_is_missing_for_a_replacement() -> None:
    with pytest.raises(MissingObjectError):
        SimulatedStore().bucket(BUCKET).replace("nothing", b"x", "0" * 32)
