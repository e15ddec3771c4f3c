"""The first answers come by rotated vectors; the full ones are fetched beside the requests."""

from __future__ import annotations

import hashlib
import json
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from generations import make_live
from integration.rotated import ITEMS, Place, Written
from stalling import StallingBucket
from tonari.api.app import App
from tonari.api.http import Request
from tonari.contract.artefacts import SegmentRef
from tonari.contract.forms import encode, seal
from tonari.engines.builtin import BuiltinOpening
from tonari.errors import CorruptArtefactError, StoreError
from tonari.index.vectors import unit_rows
from tonari.query import completing, reader
from tonari.query.beside import Check, Instant
from tonari.query.reader import Reader
from tonari.query.serving import Serving
from tonari.snapshots.head import SNAPSHOTS, publish, read_head
from tonari.snapshots.indexed import IndexedItem, IndexedView
from tonari.snapshots.manifest import CODES, LATER, MANIFEST, VECTORS, read_manifest
from tonari.snapshots.segments import Segment, write_segment
from tonari.snapshots.snapshot import load_scanned, load_snapshot
from tonari.storage.folder import FolderBucket
from tonari.storage.packing import pack, unpack


def test_what_candidates_are_found_by_is_a_part_of_the_files(written: Written, tmp_path: Path) -> None:
    store: Any = StallingBucket(FolderBucket(written.folder))
    name = written.even.live.snapshot
    part = load_scanned(store, name, tmp_path / "part")
    assert not part.whole
    assert part.table.views.rotation is not None
    assert [store.count("download", f"{name}/{file}") for file in LATER] == [0, 0]
    whole = load_snapshot(store, name, tmp_path / "whole")
    assert whole.whole
    assert np.array_equal(whole.table.views.codes, part.table.views.codes)
    assert store.count("download", f"{name}/{VECTORS}") == 1


def test_the_first_answers_come_before_the_vectors(place: Place) -> None:
    place.store.stall("download", VECTORS)
    for number in range(3):
        answer = place.picture(number)
        assert answer["items"][0]["id"] == f"picture-{number}"
        assert answer["items"][0]["score"] >= 0.99
        assert (answer["plan"]["vectors"], answer["plan"]["exact"]) == ("rotated", False)
    health = place.health()
    assert (health["search"]["vectors"], health["behind"]) == ("rotated", None)
    assert "fetched" in health["search"]["incomplete"]
    assert json.loads(place.ask("/v1/predict", id="picture-0").body)["vectors"] == "rotated"
    assert place.store.count("download", VECTORS) == 1
    place.store.let_go()
    place.until_whole()
    assert place.store.count("download", VECTORS) == 1
    assert (place.health()["search"]["vectors"], place.health()["search"]["incomplete"]) == ("full", "")
    assert place.said == []


def test_no_request_waits_for_the_vectors(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    waited: list[Check] = []
    wait = Check.wait

    def noted(check: Check, arrived: Instant) -> bool:
        waited.append(check)
        return wait(check, arrived)

    place.store.stall("download", VECTORS)
    place.search(id="picture-0")
    fetching = place.reader._completing._check
    assert fetching is not None
    monkeypatch.setattr(Check, "LENT_AFTER_SECONDS", 0.0)
    monkeypatch.setattr(Check, "wait", noted)
    for _ in range(5):
        place.search(id="picture-0")
        time.sleep(0.06)
    assert waited
    assert fetching not in waited
    assert place.reader._completing._check is fetching


def test_answers_are_those_of_a_snapshot_that_was_loaded_whole(place: Place, tmp_path: Path) -> None:
    asked: list[dict[str, Any]] = [
        {"id": "picture-1", "k": 20},
        {"id": "picture-1", "k": 5, "exact": True},
        {"id": "picture-2", "k": 9, "filter": {"price": {"$lt": 60}}, "include": ["embedding"]},
        {"examples": {"positive": ["picture-3", "item-00004"], "negative": ["item-00001"]}, "diversity": 0.4},
    ]
    place.until_whole()
    store: Any = StallingBucket(place.bucket)
    store.stall("get_changed", "")
    loaded = Reader(store, tmp_path / "other", 3600.0, BuiltinOpening(), place.said.append)
    loaded.whole(loaded.current())
    other = App(loaded, store, store)
    for body in asked:
        right = json.loads(other(Request("POST", "/v1/search", (), "", json.dumps(body).encode())).body)
        ours = place.search(**body)
        assert (ours["items"], ours["plan"]) == (right["items"], right["plan"])


def test_until_then_items_serve_by_their_rotated_vectors(place: Place) -> None:
    place.store.stall("download", VECTORS)
    asked = {"k": 12, "include": ["embedding"], "diversity": 0.2}
    before = place.search(id="picture-1", **asked)
    assert before["plan"]["vectors"] == "rotated"
    assert len(before["items"]) == 12
    place.store.let_go()
    place.until_whole()
    after = place.search(id="picture-1", **asked)
    same = {item["id"]: item for item in after["items"]}
    both = [(item, same[item["id"]]) for item in before["items"] if item["id"] in same]
    assert len(both) >= 4
    for item, right in both:
        assert item["score"] == pytest.approx(right["score"], abs=0.1)
        assert len(item["embedding"]) == len(right["embedding"])
        assert np.linalg.norm(item["embedding"]) == pytest.approx(1, abs=1e-3)


def test_exact_answers_wait_for_the_vectors(place: Place) -> None:
    place.store.stall("download", VECTORS)
    place.search(id="picture-0")
    timer = threading.Timer(0.5, place.store.let_go)
    timer.start()
    answer = place.search(id="picture-0", exact=True)
    timer.join()
    assert (answer["plan"]["vectors"], answer["plan"]["exact"]) == ("full", True)


def test_exact_answers_are_refused_if_the_vectors_take_too_long(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader, "WHOLE_SECONDS", 0.3)
    place.store.stall("download", VECTORS)
    for body in ({"id": "picture-0", "exact": True}, {"queries": [{"id": "picture-0"}, {"id": "x", "exact": True}]}):
        refused = place.ask("/v1/search", **body)
        problem = json.loads(refused.body)
        assert (refused.status, problem["type"]) == (503, "urn:tonari:problem:exact-not-ready")
        assert int(refused.headers["retry-after"]) >= 1
        assert "still being fetched" in problem["detail"]
        assert "leave 'exact' out" in problem["detail"]
    assert place.search(id="picture-0")["plan"]["vectors"] == "rotated"


@pytest.mark.parametrize("how", ["damaged", "missing"])
def test_vectors_that_cannot_be_had(place: Place, monkeypatch: pytest.MonkeyPatch, how: str) -> None:
    monkeypatch.setattr(completing, "FIRST_PAUSE", 0.2)
    monkeypatch.setattr(completing, "LONGEST_PAUSE", 0.2)
    whole = place.damage()
    if how == "missing":
        place.bucket.delete(place.vectors)
    place.until(lambda: "could not be fetched" in place.health()["search"]["incomplete"])
    assert VECTORS in place.health()["search"]["incomplete"]
    for _ in range(3):
        answer = place.picture(0)
        assert place.even.mistake(0, {**answer, "items": [{**answer["items"][0], "score": 1.0}]}) == ""
        assert answer["plan"]["vectors"] == "rotated"
        time.sleep(0.2)
    place.until(lambda: len(place.said) >= 2)
    assert len(place.asked_for) == 1
    assert VECTORS in place.asked_for[0]
    monkeypatch.setattr(completing, "FIRST_PAUSE", 3600.0)
    monkeypatch.setattr(completing, "LONGEST_PAUSE", 3600.0)
    refused = place.ask("/v1/search", id="picture-0", exact=True)
    assert refused.status == 503
    assert VECTORS in json.loads(refused.body)["detail"]
    place.bucket.put(place.vectors, whole)
    monkeypatch.setattr(completing, "FIRST_PAUSE", 0.2)
    monkeypatch.setattr(completing, "LONGEST_PAUSE", 0.2)
    place.until_whole()
    assert place.health()["search"]["incomplete"] == ""


def test_a_store_that_does_not_answer_asks_for_no_rebuild(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(completing, "FIRST_PAUSE", 0.1)

    def broken() -> None:
        raise StoreError("The store is away.")

    place.store.before("download", VECTORS, broken)
    place.until(lambda: "The store is away" in place.health()["search"]["incomplete"])
    assert place.asked_for == []
    place.store.let_go()
    place.until_whole()


def test_vectors_of_a_snapshot_that_was_collected_ask_for_no_rebuild(place: Place) -> None:
    place.store.stall("download", f"{place.even.live.snapshot}/{VECTORS}")
    place.search(id="picture-0")
    place.until(lambda: place.store.count("download", VECTORS) == 1)
    make_live(place.bucket, place.odd)
    place.bucket.delete(place.vectors)
    place.store.let_go()
    place.until(lambda: place.search(id="picture-0")["snapshot"] == place.odd.live.snapshot)
    place.until_whole()
    place.until(lambda: any("estimates" in one for one in place.said))
    assert place.asked_for == []


def test_a_transfer_that_hangs_is_begun_anew(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    place.store.stall("download", VECTORS)
    place.search(id="picture-0")
    place.until(lambda: place.store.count("download", VECTORS) == 1)
    monkeypatch.setattr(Check, "LOADING_PATIENCE", 0.0)
    monkeypatch.setattr("tonari.storage.cache.TURN_SECONDS", 0.1)
    place.store._first.clear()
    place.until_whole()
    assert place.store.count("download", VECTORS) >= 2


def test_changes_lie_over_both(place: Place) -> None:
    random = np.random.default_rng(8)
    old = load_snapshot(place.bucket, place.even.live.snapshot, place.cache.with_name("other"))
    dimensions = old.table.views.dimensions
    row = unit_rows(random.standard_normal((1, dimensions)))[0]
    copy = old.table.views.fixed[old.table.rows(old.table.find("picture-1") or 0)][0]
    changed = {
        "new": IndexedItem("new", {"id": "new", "of": "new"}, "d", (IndexedView("a.png", "s", copy),)),
        "picture-0": IndexedItem("picture-0", {"id": "picture-0", "of": "changed"}, "d", (IndexedView("a", "s", row),)),
        "item-00003": None,
    }
    ref: SegmentRef = write_segment(place.bucket, Segment(place.even.live.encoder, changed), dimensions)
    read = read_head(place.bucket)
    publish(place.bucket, read, msgspec.structs.replace(read.head, segments=(ref,)))
    place.store.stall("download", VECTORS)
    seen = []
    for vectors in ("rotated", "full"):
        if vectors == "full":
            place.store.let_go()
            place.until_whole()
        answer = place.search(id="picture-1", k=ITEMS)
        ids = [item["id"] for item in answer["items"]]
        assert answer["plan"]["vectors"] == vectors
        assert ids[0] == "new"
        assert answer["items"][0]["score"] == pytest.approx(1, abs=0.05)
        assert "item-00003" not in ids
        assert len(set(ids)) == len(ids) == ITEMS - 1
        assert place.search(vector=(row / 32767).tolist())["items"][0]["id"] == "picture-0"
        seen.append(sorted(ids))
    assert seen[0] == seen[1]


def test_a_newer_generation_takes_over_whole(place: Place) -> None:
    place.until_whole()
    place.store.stall("download", f"{place.odd.live.snapshot}/{VECTORS}")
    make_live(place.bucket, place.odd)
    time.sleep(0.2)
    for _ in range(5):
        answer = place.search(id="picture-0")
        assert (answer["snapshot"], answer["plan"]["vectors"]) == (place.even.live.snapshot, "full")
        time.sleep(0.05)
    place.store.let_go()
    place.until(lambda: place.search(id="picture-0")["snapshot"] == place.odd.live.snapshot)
    assert place.search(id="picture-0")["plan"]["vectors"] == "full"


def test_a_check_that_began_before_does_not_bring_the_estimates_back(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    complete = reader.completed

    def slowly(*given: Any) -> Serving:
        time.sleep(0.2)
        return complete(*given)

    monkeypatch.setattr(reader, "completed", slowly)
    place.store.stall("download", VECTORS)
    first: Serving = place.reader.current()
    assert not first.snapshot.whole
    slow = threading.Event()
    place.store.before("get_changed", "head.json", lambda: slow.wait(30))
    time.sleep(0.1)
    place.reader.current()
    place.store._held[0].set()
    place.until_whole()
    slow.set()
    deadline = time.monotonic() + 1
    while time.monotonic() < deadline:
        assert place.reader.current().snapshot.whole
        time.sleep(0.01)


def test_vectors_in_the_cache_that_somebody_wrote_into_are_fetched_anew(place: Place) -> None:
    right = place.until_whole()
    before = place.store.count("download", VECTORS)
    mapped = place.cache / read_manifest(place.bucket, place.even.live.snapshot).files[VECTORS]
    time.sleep(0.01)
    with mapped.open("r+b") as file:
        file.seek(1 << 12)
        file.write(b"\xff" * 64)
    answer = place.search(id="picture-0")
    assert answer["plan"]["vectors"] in ("rotated", "full")
    assert place.until_whole()["items"] == right["items"]
    assert place.store.count("download", VECTORS) == before + 1


def forge(place: Place, files: Mapping[str, bytes], **said: Any) -> str:
    """Put other files in the place of the live snapshot's, with the right sha256 of everything."""
    name = place.even.live.snapshot
    manifest = read_manifest(place.bucket, name)
    digests = {file: hashlib.sha256(data).hexdigest() for file, data in files.items()}
    for file, data in files.items():
        place.bucket.put(f"{SNAPSHOTS}{name}/{file}", data)
    forged = msgspec.structs.replace(manifest, files={**manifest.files, **digests}, **said)
    place.bucket.put(f"{SNAPSHOTS}{name}/{MANIFEST}", encode(seal(forged)))
    return name


def test_codes_of_others_are_refused_at_the_first_step(place: Place, tmp_path: Path) -> None:
    other = place.odd.live.snapshot
    codes = place.bucket.get(f"{SNAPSHOTS}{other}/{CODES}").data
    name = forge(place, {CODES: codes}, rotated=read_manifest(place.bucket, other).rotated)
    with pytest.raises(CorruptArtefactError, match="other embeddings"):
        load_scanned(place.bucket, name, tmp_path / "forged")


@pytest.mark.parametrize(
    ("array", "wrong", "says"),
    [
        ("basis", lambda basis: basis * 1.1, "right angles"),
        ("basis", lambda basis: np.full_like(basis, np.nan), "not finite"),
        ("basis", lambda basis: np.roll(basis, 1, axis=1), "other embeddings"),
        ("lengths", lambda lengths: lengths + 1, "no rotation leaves"),
        ("lengths", lambda lengths: np.full_like(lengths, np.nan), "no rotation leaves"),
        ("lengths", lambda lengths: lengths[:-1], "it should be"),
        ("codes", lambda codes: codes[:, :-1].copy(), "it should be"),
    ],
)
def test_a_rotation_that_is_none_is_refused(place: Place, tmp_path: Path, array: str, wrong: Any, says: str) -> None:
    packed = unpack(place.bucket.get(f"{SNAPSHOTS}{place.even.live.snapshot}/{CODES}").data, CODES)
    name = forge(place, {CODES: pack({}, {**packed.arrays, array: wrong(packed.arrays[array])})})
    with pytest.raises(CorruptArtefactError, match=says):
        load_scanned(place.bucket, name, tmp_path / "forged")


def test_vectors_of_others_are_refused_when_they_come(place: Place, tmp_path: Path) -> None:
    fixed = unpack(place.bucket.get(place.vectors).data, VECTORS).arrays["fixed"]
    name = forge(place, {VECTORS: pack({}, {"fixed": fixed[::-1]})})
    load_scanned(place.bucket, name, tmp_path / "part")
    with pytest.raises(CorruptArtefactError):
        load_snapshot(place.bucket, name, tmp_path / "whole")
    place.until(lambda: "could not be fetched" in place.health()["search"]["incomplete"])
    assert place.picture(0)["items"][0]["id"] == "picture-0"


def test_lengths_of_others_are_found_when_the_vectors_come(place: Place, tmp_path: Path) -> None:
    packed = unpack(place.bucket.get(f"{SNAPSHOTS}{place.even.live.snapshot}/{CODES}").data, CODES)
    name = forge(place, {CODES: pack({}, {**packed.arrays, "lengths": 0.5 * packed.arrays["lengths"]})})
    with pytest.raises(CorruptArtefactError):
        load_snapshot(place.bucket, name, tmp_path / "whole")
