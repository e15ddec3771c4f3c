"""The report made by a process of its own: the demo neither loads the snapshot nor waits for the drawing."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path

from tonari.errors import TonariError
from tonari_tools.serve.child import Child, Command
from tonari_tools.serve.server import plain_environment
from tonari_tools.serve.services import Endpoint

DEADLINE = 600.0
POLL = 0.05
TAIL = 4
PREFIX = "tonari: "


class ReportError(TonariError):
    """A report that could not be made."""

    slug = "report"
    title = "The report could not be made"


def made_apart(endpoint: Endpoint, catalogue: str, artefacts: str, log: Path) -> Callable[[Path], None]:
    """Give what runs ``tonari report`` on these buckets; its output goes to ``log``.

    What is given raises :class:`ReportError` if the report cannot be made, or not within ten minutes.
    """

    def make(out: Path) -> None:
        arguments = [sys.executable, "-P", "-m", "tonari_tools.cli.main", "report", "--out", str(out.resolve())]
        buckets = ["--catalogue", catalogue, "--artefacts", artefacts, "--endpoint-url", endpoint.url]
        environment = plain_environment() | endpoint.environment()
        log.write_bytes(b"")
        deadline = time.monotonic() + DEADLINE
        with Child(Command([*arguments, *buckets], environment, out.parent, log.resolve())) as child:
            while child.exit_code is None and time.monotonic() < deadline:
                time.sleep(POLL)
            if child.exit_code != 0:
                raise ReportError(_reason(log) or f"It was not ready within {DEADLINE:.0f} s; see {log}.")

    return make


def _reason(log: Path) -> str:
    """Find what the command says last of what went wrong, else the end of all that it wrote."""
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    errors = [line.removeprefix(PREFIX) for line in lines if line.startswith(PREFIX)]
    return errors[-1] if errors else " ".join(lines[-TAIL:])
