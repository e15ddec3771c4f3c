"""A few of the torture's runs with events that come twice, late or never."""

from __future__ import annotations

from torture.events import run


def test_whatever_becomes_of_events_the_index_is_right() -> None:
    for figure in run(0.02, 1, lambda _: None):
        assert figure.tried > 20
        assert not figure.failed, figure.note
