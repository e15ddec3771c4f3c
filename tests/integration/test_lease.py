"""One rebuild at a time, over a real S3 server."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import pytest

from tonari.builds import lease as leases
from tonari.builds.lease import SIGNS, ask, give_back, is_alive, sign, signing, take
from tonari.contract.artefacts import Lease
from tonari.snapshots.head import ReadHead, read_head
from tonari.storage.bucket import Bucket


def lease_of(read: ReadHead | None) -> Lease:
    assert read is not None
    assert read.head.lease is not None
    return read.head.lease


def signs(artefacts: Bucket) -> list[str]:
    return [found.key for found in artefacts.list(SIGNS)]


def test_one_of_many_takes_the_lease(artefacts: Bucket) -> None:
    with ThreadPoolExecutor(6) as pool:
        taken = [one for one in pool.map(lambda number: take(artefacts, f"build-{number}"), range(6)) if one]
    assert len(taken) == 1
    lease = lease_of(taken[0])
    assert read_head(artefacts).head.lease == lease
    assert signs(artefacts) == [f"{SIGNS}{lease.build}"]


def test_many_who_ask_start_one_rebuild(artefacts: Bucket) -> None:
    with ThreadPoolExecutor(6) as pool:
        asked = [one for one in pool.map(lambda _: ask(artefacts), range(6)) if one]
    assert len(asked) == 1
    give_back(artefacts, asked[0])
    assert ask(artefacts) is not None


def test_a_lease_that_is_given_back_is_free(artefacts: Bucket) -> None:
    lease = lease_of(take(artefacts, "one"))
    assert take(artefacts, "other") is None
    assert give_back(artefacts, lease).head.lease is None
    assert signs(artefacts) == []
    assert lease_of(take(artefacts, "other")).build == "other"


def test_a_dead_owner_loses_it(artefacts: Bucket, monkeypatch: pytest.MonkeyPatch) -> None:
    dead = lease_of(take(artefacts, "dead"))
    monkeypatch.setattr(leases, "PATIENCE_SECONDS", -10)
    living = lease_of(take(artefacts, "living"))
    monkeypatch.undo()
    assert living.since > dead.since
    assert give_back(artefacts, dead).head.lease == living
    assert take(artefacts, "dead") is None
    assert signs(artefacts) == [f"{SIGNS}living"]


def test_an_owner_that_left_no_sign_is_dead(artefacts: Bucket) -> None:
    take(artefacts, "dead")
    artefacts.delete(f"{SIGNS}dead")
    assert lease_of(take(artefacts, "living")).build == "living"


def test_the_next_run_of_a_rebuild_takes_the_lease_from_the_one_before(artefacts: Bucket) -> None:
    first = lease_of(take(artefacts, "one"))
    second = lease_of(take(artefacts, "one"))
    assert (second.build, second.since) == ("one", first.since + 1)
    assert give_back(artefacts, first).head.lease == second
    assert is_alive(artefacts, "one")


def test_progress_is_a_sign_of_life_every_half_minute_at_most(
    artefacts: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[str] = []
    monkeypatch.setattr(leases, "sign", lambda _, build: given.append(build))
    clock = iter([0.0, 29.0, 30.0, 30.0, 59.0, 61.0, 61.0])
    monkeypatch.setattr(leases, "time", SimpleNamespace(monotonic=lambda: next(clock)))
    reported: list[int] = []
    report = signing(artefacts, "one", lambda _stage, done, _total: reported.append(done))
    for done in range(4):
        report("encode", done, 4)
    assert (given, reported) == (["one", "one"], [0, 1, 2, 3])


def test_a_sign_is_a_sign(artefacts: Bucket) -> None:
    assert not is_alive(artefacts, "one")
    sign(artefacts, "one")
    assert is_alive(artefacts, "one")
