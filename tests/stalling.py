"""A bucket some of whose calls are watched, stand still, or do something first."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from tonari.storage.bucket import Bucket


class StallingBucket:
    """Passes every call on to a bucket, and notes it.

    Parameters
    ----------
    calls
        Method and key of all calls, in the order in which they began.
    """

    def __init__(self, bucket: Bucket) -> None:
        self._bucket = bucket
        self._first: dict[tuple[str, str], Callable[[], object]] = {}
        self._held: list[threading.Event] = []
        self.calls: list[tuple[str, str]] = []

    def before(self, method: str, part: str, act: Callable[[], object]) -> None:
        """Do something before each call of a method with a key that has this part."""
        self._first[method, part] = act

    def stall(self, method: str, part: str) -> None:
        """Have such calls stand still until they are let go."""
        held = threading.Event()
        self._held.append(held)
        self.before(method, part, lambda: held.wait(60))

    def let_go(self) -> None:
        """Do nothing more before any call, and end all that stand still."""
        self._first.clear()
        for held in self._held:
            held.set()

    def count(self, method: str, part: str = "") -> int:
        return sum(called == method and part in key for called, key in self.calls)

    def __getattr__(self, name: str) -> Any:
        attribute = getattr(self._bucket, name)
        if not callable(attribute):
            return attribute

        def call(key: str, *given: Any, **named: Any) -> Any:
            self.calls.append((name, key))
            for (method, part), act in list(self._first.items()):
                if method == name and part in key:
                    act()
            return attribute(key, *given, **named)

        return call
