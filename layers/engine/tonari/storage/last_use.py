"""How long connections were idle: while a machine sleeps, or Lambda has frozen a process, the other end gives them up.

No word of that may arrive, and who sends over a dead connection waits until its time is out.
"""

from __future__ import annotations

import time

IDLE_SECONDS = 20.0
"""For so long a connection is kept that nobody uses."""


class LastUse:
    """When something was used last. Either clock of the process may stand still meanwhile, so both are asked."""

    def __init__(self) -> None:
        self._monotonic, self._wall = time.monotonic(), time.time()

    def was_long_ago(self) -> bool:
        """Tell whether nobody used it for long; this is a use."""
        monotonic, wall = time.monotonic(), time.time()
        idle = max(monotonic - self._monotonic, wall - self._wall)
        self._monotonic, self._wall = monotonic, wall
        return idle > IDLE_SECONDS
