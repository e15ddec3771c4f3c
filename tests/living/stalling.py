"""A bucket on which time can pass between two calls."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any

from tonari.snapshots.head import HEAD
from tonari.storage.bucket import Bucket

READS = ("get", "get_changed", "head", "list", "sha256", "download", "now")
REPLACE_HEAD = f"replace {HEAD}"
WRITES = ("put", "create", "create_file", "replace", "delete")


When = Callable[[Sequence[str]], bool]
"""Is told all calls up to the one that is about to be made; tells whether time passes before that."""


def before_call(number: int) -> When:
    """Choose a call by its number, from 0."""
    return lambda calls: len(calls) == number + 1


def before_publishing(number: int) -> When:
    """Choose the call that replaces the head, by its number, from 0."""
    return lambda calls: calls[-1] == REPLACE_HEAD and calls.count(REPLACE_HEAD) == number + 1


def never(_: Sequence[str]) -> bool:
    """Choose no call."""
    return False


class Stalling:
    """Counts the calls of the buckets that it stands before, and lets something happen before one of them.

    Parameters
    ----------
    when
        Chooses the call.
    meanwhile
        Happens then.
    """

    def __init__(self, when: When = never, meanwhile: Callable[[], None] = lambda: None) -> None:
        self.calls: list[str] = []
        self.stalled = False
        self._one_at_a_time = threading.Lock()
        self._when, self._meanwhile = when, meanwhile

    def expect(self, when: When) -> None:
        """Choose another call, and count from 0 again."""
        self.calls.clear()
        self._when = when

    def bucket(self, real: Bucket) -> Bucket:
        """Stand before a bucket."""
        return _Bucket(real, self)  # type: ignore[return-value]

    def call(self, what: str) -> None:
        """Take note of a call."""
        with self._one_at_a_time:
            self.calls.append(what)
            if not self.stalled and self._when(self.calls):
                self.stalled = True
                self._meanwhile()


class _Bucket:
    def __init__(self, real: Bucket, stalling: Stalling) -> None:
        self._real, self._stalling, self.name = real, stalling, real.name

    def __getattr__(self, name: str) -> Any:
        real = getattr(self._real, name)
        if name not in READS + WRITES:
            return real

        def called(*given: Any, **named: Any) -> Any:
            self._stalling.call(f"{name} {given[0] if given else ''}")
            return real(*given, **named)

        return called
