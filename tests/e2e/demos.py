"""`tonari demo` in a process of its own, and commands beside it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Self

from tonari.client import Client

TONARI = [sys.executable, "-m", "tonari_tools.cli.main"]
NOTHING: Mapping[str, str] = {}
PATIENCE_SECONDS = 60


class Demo:
    """A demo that is ready when the context begins, and ended by Ctrl-C when it ends."""

    def __init__(self, place: Path, *arguments: str, variables: Mapping[str, str] = NOTHING) -> None:
        self.process = subprocess.Popen(
            [*TONARI, "demo", *arguments, "--port", "0"],
            cwd=place,
            env={**os.environ, **variables},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        self.place = place
        self.printed = ""
        self.url = ""

    def __enter__(self) -> Self:
        assert self.process.stdout is not None
        while not self.printed.endswith("\n") or "Commands find it" not in self.printed:
            line = self.process.stdout.readline().decode(errors="backslashreplace")
            assert line, self.printed
            self.printed += line
            if line.startswith("Ready in "):
                self.url = line.split()[4]
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
        try:
            self.printed += self.process.communicate(timeout=30)[0].decode(errors="backslashreplace")
        finally:
            self.process.kill()

    @property
    def client(self) -> Client:
        return Client(self.url)


def tonari(*arguments: str, place: Path, variables: Mapping[str, str] = NOTHING) -> subprocess.CompletedProcess[bytes]:
    """Run a command."""
    environment = {**os.environ, **variables}
    return subprocess.run([*TONARI, *arguments], cwd=place, env=environment, capture_output=True, check=False)


def eventually(seen: Callable[[], bool]) -> None:
    """Look until it is seen."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not seen():
        assert time.monotonic() < deadline, "it never came true"
        time.sleep(0.1)
