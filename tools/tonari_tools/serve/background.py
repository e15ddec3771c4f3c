"""Work that goes on beside the demo until it ends."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path

from tonari.errors import TonariError


class Background:
    """Threads that are told to stop together."""

    def __init__(self) -> None:
        self._stop = threading.Event()
        self._threads: list[threading.Thread] = []

    def start(self, run: Callable[[threading.Event], None]) -> None:
        """Start a thread on ``run``, which returns soon after the event that it is given is set."""
        thread = threading.Thread(target=run, args=(self._stop,), daemon=True)
        self._threads.append(thread)
        thread.start()

    def stop(self) -> None:
        """Tell all threads to stop, without waiting for that."""
        self._stop.set()

    def join(self, timeout: float) -> None:
        """Wait at most ``timeout`` seconds until all threads have ended."""
        deadline = time.monotonic() + timeout
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))


def every(
    seconds: float, invoke: Callable[[bytes], bytes], log: Callable[[str], object]
) -> Callable[[threading.Event], None]:
    """Run a function on an empty event at intervals, as a schedule does."""

    def run(stop: threading.Event) -> None:
        while not stop.wait(seconds):
            try:
                invoke(b"{}")
            except TonariError as error:
                if not stop.is_set():
                    log(f"schedule: {error.detail}\n")

    return run


def follow(path: Path, show: Callable[[str], object]) -> Callable[[threading.Event], None]:
    """Give every line that is appended to a file from now on to ``show``, the last of them once told to stop."""
    begin = path.stat().st_size if path.exists() else 0

    def run(stop: threading.Event) -> None:
        position, rest = begin, b""
        ended = False
        while not ended:
            ended = stop.wait(0.1)
            if not path.exists():
                continue
            with path.open("rb") as file:
                file.seek(position)
                fresh = file.read()
            position += len(fresh)
            *lines, rest = (rest + fresh).split(b"\n")
            for line in lines:
                show(line.decode(errors="replace"))

    return run
