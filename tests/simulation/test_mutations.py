"""The simulation sees what it is there for: with a defect of the protocol put back, it goes red within 100 seeds."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any, cast

import pytest

from memory_database import MemoryDatabase
from simulation.engine_world import EngineWorld
from simulation.invariants import Violation
from simulation.world import World, play
from tonari.builds import old_collections as dropping
from tonari.builds import publish as publishing
from tonari.builds import reindex as reindexing
from tonari.builds.known_vectors import KnownVectors, vectors_of_segment
from tonari.contract.artefacts import Head
from tonari.contract.database import Record, RecordState, Tombstone
from tonari.engines.lagging import Lag
from tonari.loading import apply as applying
from tonari.loading import load as loading
from tonari.loading.items import LiveItems
from tonari.snapshots.head import ReadHead
from tonari.snapshots.segments import Segment
from tonari.storage.bucket import Bucket

SEEDS = 100


def first_violation(kind: type[World] = World, first: int = 0) -> str:
    """Play from a first seed on, which may be near the one that is known to show it."""
    for seed in range(first, SEEDS):
        try:
            play(seed, kind=kind)
        except Violation as found:
            return f"seed {seed}: {found}"
    return f"none in {SEEDS} seeds"


def test_vectors_that_travel_without_their_encoder_are_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    def known_to_whom(encoder: str, segments: Iterable[Segment]) -> KnownVectors:
        return KnownVectors(encoder, [vectors_of_segment(one) for one in segments])

    for module in (reindexing, publishing):
        monkeypatch.setattr(module, "known_to", known_to_whom)
    assert "not what its encoder gives" in first_violation()


def test_acknowledging_without_moving_the_head_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    publish, lay_over = reindexing.publish, reindexing._lay_over

    def publish_news(artefacts: Bucket, read: ReadHead, head: Head) -> ReadHead:
        return read if head.segments == read.head.segments else publish(artefacts, read, head)

    def lay_news_over(artefacts: Bucket, head: Head, before: Any, segment: Segment, dimensions: int) -> Any:
        return lay_over(artefacts, head, before, segment, dimensions) if segment.items else head.segments

    monkeypatch.setattr(reindexing, "publish", publish_news)
    monkeypatch.setattr(reindexing, "_lay_over", lay_news_over)
    assert "as it was before what was acknowledged" in first_violation()


def test_a_database_that_lets_older_writes_win_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    def write(self: MemoryDatabase, name: str, records: Sequence[Record | Tombstone]) -> None:
        held = self.contents.collections[name]
        there = {**held.records, **{one.id: one for one in records}}
        self.contents.collections[name] = replace(held, records=there)

    monkeypatch.setattr(MemoryDatabase, "_write", write)
    assert "as it was before generation" in first_violation(EngineWorld, 10)


def test_acknowledging_before_the_database_has_it_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(applying, "apply", lambda *_: None)
    assert "as it was before generation" in first_violation(EngineWorld)


def test_dropping_what_a_rebuild_is_loading_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dropping, "is_whole", lambda *_: False)
    assert "which the database does not hold" in first_violation(EngineWorld)


def test_rows_that_no_reader_compares_with_its_head_are_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Lag, "is_stale", lambda *_: False)
    assert "neither as its head nor as a newer one has it" in first_violation(EngineWorld, 39)


class OnlyNamed:
    """A database that tells of no items but those that a head's segments name."""

    def __init__(self, database: Any, live: LiveItems) -> None:
        self._database, self._live = database, live

    def __getattr__(self, name: str) -> Any:
        return getattr(self._database, name)

    def states(self, name: str, *, since: int = 0) -> Iterator[RecordState]:
        return (one for one in self._database.states(name, since=since) if one.id in self._live.changes)


def test_changes_that_nobody_undoes_after_going_back_are_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    apply = applying._apply
    monkeypatch.setattr(loading, "_undo", lambda *_: 0)
    monkeypatch.setattr(
        applying, "_apply", lambda database, live, *rest: apply(cast("Any", OnlyNamed(database, live)), live, *rest)
    )
    assert "the database differs from what is live" in first_violation(EngineWorld, 16)
