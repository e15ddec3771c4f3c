"""How much memory the threads of one process may fill at once: a picture waits until there is room for it."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager


class MemoryBudget:
    """Bytes that threads share. Who asks first is served first, so that small pictures never overtake a large one.

    Parameters
    ----------
    size
        In bytes. Who needs more than that gets it alone.
    """

    def __init__(self, size: int) -> None:
        self.size = size
        self._free = size
        self._waiting: deque[object] = deque()
        self._changed = threading.Condition()

    @contextmanager
    def hold(self, wanted: int) -> Iterator[None]:
        """Wait until ``wanted`` bytes are free, and keep them for as long as the block runs.

        Who holds some and asks for more of the same budget may wait for ever: ask once, for all.
        """
        held = min(wanted, self.size)
        ticket = object()
        with self._changed:
            self._waiting.append(ticket)
            try:
                self._changed.wait_for(lambda: self._waiting[0] is ticket and held <= self._free)
                self._free -= held
            finally:
                self._waiting.remove(ticket)
                self._changed.notify_all()
        try:
            yield
        finally:
            with self._changed:
                self._free += held
                self._changed.notify_all()
