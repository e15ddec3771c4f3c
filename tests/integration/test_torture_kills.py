"""A few of the torture's kills."""

from __future__ import annotations

from torture.kills import kill_processes, kill_servers


def test_killed_processes_leave_nothing_broken() -> None:
    figure = kill_processes(0.01, 1, lambda _: None)
    assert figure.tried == 3
    assert not figure.failed, figure.note


def test_a_killed_server_loses_nothing() -> None:
    figure = kill_servers(0.01, 1, lambda _: None)
    assert figure.tried == 1
    assert not figure.failed, figure.note
