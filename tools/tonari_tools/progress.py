"""How far long work is: a bar on a terminal, elsewhere a line every few seconds."""

from __future__ import annotations

import threading
import time
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn, TimeRemainingColumn

EVERY_SECONDS = 2.0
"""How often a log gets a line, also while the work does not say how far it is."""
NAMED_AFTER_UNIT = ("attributes", "documents")
"""Stages that are called after what they count."""
WORTH_A_LINE = 1.0
"""Seconds from which a finished stage leaves a line."""


def describe(label: str, unit: str, done: int, total: int, seconds: float) -> str:
    """Say count, rate and the time that is left, from ``seconds`` since the start.

    >>> describe("push", "items", 30, 90, 2.0)
    'push: 30 of 90 items, 15/s, 0:04 left'
    """
    if not done or seconds <= 0:
        return f"{label}: {_count(done, total, unit)}{seconds:.0f} s so far"
    rate = done / seconds
    left = round((total - done) / rate)
    return f"{label}: {_count(done, total, unit)}{rate:.{0 if rate >= 10 else 1}f}/s, {left // 60}:{left % 60:02} left"


class StageLines:
    """Shows how far each stage of long work is, on stderr, while the context lasts. Several threads may report."""

    def __init__(self, label: str, unit: str, console: Console | None = None) -> None:
        self._label, self._unit = label, unit
        self._console = console or Console(stderr=True, highlight=False, soft_wrap=True)
        self._lock = threading.RLock()
        self._ended = threading.Event()
        self._stage: str | None = None
        self._start = self._last = time.monotonic()
        self._done = self._total = 0
        self._bar: Progress | None = None

    def __call__(self, stage: str, done: int, total: int) -> None:
        """Show that ``done`` of ``total`` units of a stage are done; a total of 0 is not known.

        Work of one stage leaves its name empty.
        """
        with self._lock:
            if stage != self._stage:
                self._begin(stage)
            self._done, self._total = done, total
            self._show()

    def __enter__(self) -> Self:
        if not self._console.is_terminal:
            threading.Thread(target=self._tick, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._end()
            self._ended.set()

    def _begin(self, stage: str) -> None:
        self._end()
        self._stage = stage
        self._start = self._last = time.monotonic()
        if self._console.is_terminal:
            self._bar = Progress(
                SpinnerColumn("line" if self._console.options.ascii_only else "dots", finished_text=" "),
                TextColumn("{task.description}"),
                BarColumn(),
                TextColumn("{task.fields[count]}"),
                TimeElapsedColumn(),
                TextColumn("[dim]left"),
                TimeRemainingColumn(compact=True),
                console=self._console,
                transient=True,
                redirect_stdout=False,
            )
            self._bar.add_task(self._title(), total=None, count="")
            self._bar.start()

    def _show(self) -> None:
        now = time.monotonic()
        if self._bar:
            count = _count(self._done, self._total, self._counted()).removesuffix(", ")
            self._bar.update(TaskID(0), completed=self._done, total=self._total or None, count=count)
        elif now - self._last >= EVERY_SECONDS:
            self._last = now
            self._write(describe(self._title(), self._counted(), self._done, self._total, now - self._start))

    def _end(self) -> None:
        if self._bar:
            self._bar.stop()
            self._bar = None
        if self._stage is not None and (seconds := time.monotonic() - self._start) >= WORTH_A_LINE:
            self._write(f"{self._title()}: {_count(self._done, self._total, self._counted())}{seconds:.1f} s")
        self._stage, self._done, self._total = None, 0, 0

    def _tick(self) -> None:
        while not self._ended.wait(EVERY_SECONDS / 2):
            with self._lock:
                if self._stage is not None:
                    self._show()

    def _counted(self) -> str:
        return "" if self._stage in NAMED_AFTER_UNIT else self._unit

    def _title(self) -> str:
        return f"{self._label}, {self._stage}" if self._stage else self._label

    def _write(self, line: str) -> None:
        self._console.print(line, markup=False)


def _count(done: int, total: int, unit: str) -> str:
    """Say how many of how many, and a comma; nothing if the total is not known."""
    return f"{f'{done} of {total} {unit}'.rstrip()}, " if total else ""
