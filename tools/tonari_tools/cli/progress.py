"""One line on a terminal that says how far long work is."""

from __future__ import annotations

import sys
import time
from typing import TextIO

EVERY_ON_TERMINAL = 0.1
EVERY_IN_LOG = 5.0
CLEAR = "\r\x1b[K"


def describe(label: str, unit: str, done: int, total: int, seconds: float) -> str:
    """Say count, rate and the time that is left, from ``seconds`` since the start.

    >>> describe("push", "items", 30, 90, 2.0)
    'push: 30 of 90 items, 15/s, 0:04 left'
    """
    if not done or seconds <= 0:
        return f"{label}: {done} of {total} {unit}"
    rate = done / seconds
    left = round((total - done) / rate)
    return f"{label}: {done} of {total} {unit}, {rate:.{0 if rate >= 10 else 1}f}/s, {left // 60}:{left % 60:02} left"


class ProgressLine:
    """Rewrites one line on a terminal; elsewhere, as in a log, adds a line every few seconds.

    Parameters
    ----------
    label, unit
        What is being done, to what.
    """

    def __init__(self, label: str, unit: str, stream: TextIO | None = None) -> None:
        self._label, self._unit, self._stream = label, unit, stream or sys.stderr
        self._terminal = self._stream.isatty()
        self._start = self._last = time.monotonic()

    def __call__(self, done: int, total: int) -> None:
        """Tell how much is done, and of how much."""
        now = time.monotonic()
        if now - self._last < (EVERY_ON_TERMINAL if self._terminal else EVERY_IN_LOG):
            return
        self._last = now
        line = describe(self._label, self._unit, done, total, now - self._start)
        self._stream.write(f"{CLEAR}{line}" if self._terminal else f"{line}\n")
        self._stream.flush()

    def close(self) -> None:
        """Take the line away."""
        if self._terminal:
            self._stream.write(CLEAR)
            self._stream.flush()


class StageLines:
    """A progress line for each stage of long work, one after the other."""

    def __init__(self, label: str, unit: str) -> None:
        self._label, self._unit = label, unit
        self._stage, self._line = "", ProgressLine(label, unit)

    def __call__(self, stage: str, done: int, total: int) -> None:
        """Tell the stage, how much of it is done, and of how much."""
        if stage != self._stage:
            self.close()
            self._stage, self._line = stage, ProgressLine(f"{self._label}, {stage}", self._unit)
        self._line(done, total)

    def close(self) -> None:
        """Take the line away."""
        self._line.close()
