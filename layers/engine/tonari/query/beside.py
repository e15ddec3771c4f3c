"""Work beside requests: when it began, how long a request waits for it, and the thread that does it.

Lambda freezes a process after each answer. The thread then stands still, its transfers may be cut, and time seems to
jump when it goes on.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

Value = TypeVar("Value")
Beside = Callable[[Callable[[], None]], object]
"""Runs something without waiting for it; what runs it at once instead makes a program follow one order."""


@dataclass(frozen=True, slots=True)
class Instant:
    """A moment by both clocks of the process, since each may stand still or be set: in seconds."""

    monotonic: float
    wall: float

    @classmethod
    def now(cls) -> Instant:
        """Give this moment."""
        return cls(time.monotonic(), time.time())

    def age(self, now: Instant) -> float:
        """Give the seconds since then, by the clock that says more."""
        return max(now.monotonic - self.monotonic, now.wall - self.wall)

    def is_before(self, other: Instant) -> bool:
        """Tell which came first, however the wall clock is set."""
        return self.monotonic < other.monotonic


class Check:
    """One question for the store, and the loading that follows from the answer.

    Parameters
    ----------
    seconds
        For so long a request waits for the answer.
    """

    LENT_AFTER_SECONDS = 10.0
    """Loading that takes longer gets such a wait of a request again and again: between requests Lambda runs nothing."""
    ASKING_PATIENCE, LOADING_PATIENCE = 5.0, 600.0
    """What takes longer hangs, for example on a connection that was cut while the process was frozen."""

    def __init__(self, began: Instant, seconds: float) -> None:
        self.began = self._lent = began
        self._seconds = seconds
        self.loading = False
        self._answered, self._ended = threading.Event(), threading.Event()

    def hangs(self, now: Instant, least: float = 0.0) -> bool:
        """Tell whether it shall be given up; before anything is loaded, not within ``least`` seconds."""
        return self.began.age(now) >= (self.LOADING_PATIENCE if self.loading else max(self.ASKING_PATIENCE, least))

    def load(self) -> None:
        """Say that there is an answer, and that loading what it names takes longer than a request waits."""
        self.loading = True
        self._answered.set()

    def end(self) -> None:
        """Say that nothing more comes."""
        self._answered.set()
        self._ended.set()

    def wait(self, arrived: Instant) -> bool:
        """Have a request wait that arrived then, a moment at most; tells whether the check has ended.

        No request waits for an answer that has kept another waiting for as long.
        """
        now = Instant.now()
        if self.loading and self._lent.age(now) >= self.LENT_AFTER_SECONDS:
            self._lent = now
            return self._ended.wait(self._seconds)
        self._answered.wait(max(0.0, self._seconds - max(self.began.age(now), arrived.age(now))))
        return self._ended.is_set()

    def wait_for_end(self, seconds: float | None = None) -> bool:
        """Wait for however long it takes, or so many seconds at most; tells whether it has ended."""
        return self._ended.wait(seconds)


class LateAnswer(Generic[Value]):
    """What a store says, asked for beside requests: one question at a time, for which a request waits a second.

    Parameters
    ----------
    known
        What is said as long as no answer came.
    """

    SECONDS = 1.0

    def __init__(self, known: Value) -> None:
        self._known = known
        self._lock = threading.Lock()
        self._check: Check | None = None

    def ask(self, question: Callable[[], Value]) -> Value:
        """Ask, or wait for the question that is under way; gives the newest answer, which may be an old one."""
        arrived = Instant.now()
        with self._lock:
            check = self._check
            begins = check is None or check.hangs(arrived)
            if check is None or begins:
                check = self._check = Check(arrived, self.SECONDS)
        if begins:
            in_thread(lambda: self._run(check, question))
        check.wait(arrived)
        return self._known

    def _run(self, check: Check, question: Callable[[], Value]) -> None:
        try:
            known = question()
            with self._lock:
                if self._check is check:
                    self._known = known
        finally:
            with self._lock:
                if self._check is check:
                    self._check = None
            check.end()


def in_thread(run: Callable[[], None]) -> None:
    """Run something in a thread that does not keep the process alive."""
    threading.Thread(target=run, daemon=True).start()
