"""How a newer generation is learned of, step by step, at moments that the test names."""

from __future__ import annotations

from pathlib import Path
from unittest.mock import Mock

import pytest

from generations import Generation, make_live, write_generation
from tonari.engines.builtin import BuiltinOpening
from tonari.query.beside import Instant
from tonari.query.following import Following, Known
from tonari.snapshots.manifest import CODES
from tonari.storage.folder import FolderBucket

MAX_AGE = 1.0


class Place:
    """A folder in which ``even`` is live, and one that follows it."""

    def __init__(self, folder: Path) -> None:
        (folder / "artefacts").mkdir()
        self.bucket = FolderBucket(folder / "artefacts")
        self.even, self.odd = (write_generation(self.bucket, name, 12, folder) for name in ("even", "odd"))
        make_live(self.bucket, self.even)
        self.said: list[str] = []
        self.following = Following(self.bucket, folder / "cache", MAX_AGE, BuiltinOpening(), self.said.append)

    def damage(self, generation: Generation) -> None:
        key = f"snapshots/{generation.live.snapshot}/{CODES}"
        data = self.bucket.get(key).data
        self.bucket.put(key, data[:-1] + bytes([data[-1] ^ 1]))


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def at(seconds: float) -> Instant:
    return Instant(seconds, seconds)


def of(known: Known) -> str | None:
    return known.serving.snapshot.id if known.serving else None


def test_a_head_that_has_not_changed_loads_nothing(place: Place) -> None:
    loading = Mock()
    first = place.following.look(at(0), Known(at(0)), loading)
    second = place.following.look(at(5), first, loading)
    assert of(first) == place.even.live.snapshot
    assert second.serving is first.serving
    assert second.confirmed == at(5)
    loading.assert_not_called()


def test_what_to_know_meanwhile_is_said_before_a_new_snapshot_is_loaded(place: Place) -> None:
    first = place.following.look(at(0), Known(at(0)), Mock())
    make_live(place.bucket, place.odd)
    loading = Mock()
    second = place.following.look(at(5), first, loading)
    (meanwhile,) = loading.call_args.args
    assert (of(meanwhile), meanwhile.behind.snapshot) == (place.even.live.snapshot, place.odd.live.snapshot)
    assert (of(second), second.behind) == (place.odd.live.snapshot, None)


def test_damaged_files_are_tried_again_after_twice_as_long_each_time(place: Place) -> None:
    known = place.following.look(at(0), Known(at(0)), Mock())
    place.damage(place.odd)
    make_live(place.bucket, place.odd)
    tried = []
    for tenths in range(10, 200):
        before, known = known, place.following.look(at(tenths / 10), known, Mock())
        tried += [tenths / 10] * (known is not before)
    assert tried == [1.0, 2.0, 4.0, 8.0, 16.0]
    assert (of(known), known.damaged, known.tries) == (place.even.live.snapshot, place.odd.live.snapshot, 5)


def test_without_an_old_state_what_was_live_before_answers(place: Place) -> None:
    make_live(place.bucket, place.odd)
    place.damage(place.odd)
    known = place.following.look(at(0), Known(at(0)), Mock())
    assert (of(known), known.damaged) == (place.even.live.snapshot, place.odd.live.snapshot)
    assert known.behind is not None
    assert known.behind.previous
