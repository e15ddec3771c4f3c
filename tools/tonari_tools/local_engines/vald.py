"""A stand-in for Vald, over NGT, and PostgreSQL beside it for what Vald does not keep."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

from tonari_tools.local_engines import pgvector
from tonari_tools.local_engines.running import HOST, LocalEngineError, Program, Running, free_port, listens

PYTHON = Path(sys.prefix, "vald", "bin", "python")
SERVER = Path(__file__).with_name("vald_standin.py")


class Beside(Running):
    """Two servers as one: what befalls one befalls both."""

    def __init__(self, beside: Running, program: Program, port: int) -> None:
        self._beside = beside
        url = f"grpc://{HOST}:{port}?fields=pgvector+{beside.access.url}"
        super().__init__(replace(beside.access, url=url), program)

    def kill(self) -> None:
        """End both at once."""
        self._beside.kill()
        super().kill()

    def restart(self) -> None:
        """Start both again."""
        super().restart()  # which kills both first
        self._beside.restart()

    def stop(self) -> None:
        """Ask both to end."""
        self._beside.stop()
        super().stop()


def start(folder: Path) -> Running:
    """Start a stand-in for Vald on a free port of 127.0.0.1, and PostgreSQL.

    Raises
    ------
    LocalEngineError
        If one is not installed, or does not answer in time.
    """
    if not PYTHON.exists():
        raise LocalEngineError(f"NGT is not installed in {sys.prefix}. Run: make .venv/.vald")
    beside = pgvector.start(folder / "fields")
    port = free_port()
    vectors = folder / "vectors"
    vectors.mkdir(parents=True, exist_ok=True)
    arguments = [str(PYTHON), "-P", str(SERVER), str(port), str(vectors)]
    try:
        return Beside(beside, Program("Vald's stand-in", arguments, vectors, lambda: listens(port)), port)
    except LocalEngineError:
        beside.stop()
        raise
