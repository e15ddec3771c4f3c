"""A stand-in for Vald, over NGT, and PostgreSQL beside it for what Vald does not keep."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

from tonari_tools.local_engines import pgvector
from tonari_tools.local_engines.beside import Beside
from tonari_tools.local_engines.running import HOST, LocalEngineError, Program, Running, free_port, listens

PYTHON = Path(sys.prefix, "vald", "bin", "python")
SERVER = Path(__file__).with_name("vald_standin.py")


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
        access = replace(beside.access, url=f"grpc://{HOST}:{port}?fields=pgvector+{beside.access.url}")
        return Beside(beside, access, Program("Vald's stand-in", arguments, vectors, lambda: listens(port)))
    except BaseException:
        beside.stop()
        raise
