"""The report made by a process of its own, so that drawing it does not slow the answers of the server."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path
from typing import Self

from tonari.errors import TonariError

DEADLINE = 600.0
TAIL = 4
PREFIX = "tonari: "


class ReportError(TonariError):
    """A report that could not be made."""

    slug = "report"
    title = "The report could not be made"


class ReportProcess:
    """Runs ``tonari report`` on two buckets; the process ends with the context.

    Parameters
    ----------
    catalogue, artefacts
        Folders, or names on S3.
    log
        File for the command's output.
    """

    def __init__(self, catalogue: str, artefacts: str, log: Path) -> None:
        self._buckets = ["--catalogue", catalogue, "--artefacts", artefacts]
        self._log = log
        self._ended = threading.Event()
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def make(self, out: Path) -> None:
        """Write the report of the live snapshot to a path. Not for two threads at once.

        Raises
        ------
        ReportError
            If it cannot be made, or not within ten minutes.
        """
        command = [sys.executable, "-P", "-m", "tonari_tools.cli.main", "report", "--out", str(out.resolve())]
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [*command, *self._buckets], stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        if self._ended.is_set():
            self._process.kill()
        try:
            code = self._process.wait(DEADLINE)
        except subprocess.TimeoutExpired as error:
            self._process.kill()
            self._process.wait()
            raise ReportError(f"It was not ready within {DEADLINE:.0f} s; see {self._log}.") from error
        if code != 0:
            raise ReportError(_reason(self._log) or f"`tonari report` ended with {code}; see {self._log}.")

    def stop(self) -> None:
        """End the process, and any that would be started later."""
        self._ended.set()
        if self._process is not None:
            self._process.kill()
            self._process.wait()


def _reason(log: Path) -> str:
    """Find what the command says last of what went wrong, else the end of all that it wrote."""
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    errors = [line.removeprefix(PREFIX) for line in lines if line.startswith(PREFIX)]
    return errors[-1] if errors else " ".join(lines[-TAIL:])
