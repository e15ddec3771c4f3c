"""What ``make torture`` sends by the thousand over a large catalogue, sent once over a small one."""

from __future__ import annotations

from torture.requests import run


def test_hostile_requests_cost_little_and_are_never_our_fault() -> None:
    for figure in run(0.001, 1, lambda _: None):
        assert figure.tried > 0
        assert figure.failed == 0, f"{figure.fault}: {figure.note}"
