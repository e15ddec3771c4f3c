"""What one part of the torture found."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

Say = Callable[[str], None]
"""Told how far a part has come."""


@dataclass(frozen=True)
class Figure:
    """How often something was tried, and how often it went wrong.

    Parameters
    ----------
    fault
        What was done to the system.
    tried, failed
        Counts.
    note
        What else was counted, and how the first failure is seen again.
    """

    fault: str
    tried: int
    failed: int
    note: str = ""


Part = Callable[[float, int, Say], Iterator[Figure]]
"""Takes the share of the full number of trials (1 for all of them), a seed, and whom to tell; gives figures."""
