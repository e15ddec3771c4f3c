"""A few of the torture's races and stalls."""

from __future__ import annotations

from torture import races, stalls


def test_of_rebuilders_at_the_same_moment_one_wins() -> None:
    for figure in races.run(0.02, 1, lambda _: None):
        assert figure.tried
        assert not figure.failed, figure.note


def test_a_stalled_writer_is_fenced() -> None:
    for figure in stalls.run(0.04, 1, lambda _: None):
        assert figure.tried
        assert not figure.failed, figure.note
