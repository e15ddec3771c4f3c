"""The simulation sees what it is there for: with a defect of the protocol put back, it goes red within 100 seeds."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest

from simulation.invariants import Violation
from simulation.world import play
from tonari.builds import publish as publishing
from tonari.builds import reindex as reindexing
from tonari.builds.known_vectors import KnownVectors, vectors_of_segment
from tonari.contract.artefacts import Head
from tonari.snapshots.head import ReadHead
from tonari.snapshots.segments import Segment
from tonari.storage.bucket import Bucket

SEEDS = 100


def first_violation() -> str:
    for seed in range(SEEDS):
        try:
            play(seed)
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
