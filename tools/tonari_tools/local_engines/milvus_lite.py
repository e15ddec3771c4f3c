"""Milvus Lite speaks the protocol of today's Milvus, but is a program of its own in Python: not the real engine."""

from __future__ import annotations

import sys
from pathlib import Path

from tonari.contract.database import Access
from tonari_tools.local_engines.running import HOST, LocalEngineError, Program, Running, free_port, listens

PROGRAM = Path(sys.prefix, "milvus", "bin", "milvus-lite")


def start(folder: Path) -> Running:
    """Start Milvus Lite 3.2.2 on a free port of 127.0.0.1; what it keeps lies in ``folder``.

    Raises
    ------
    LocalEngineError
        If it is not installed, or does not answer within a minute.
    """
    if not PROGRAM.is_file():
        raise LocalEngineError(f"Milvus Lite is not installed in {PROGRAM.parents[1]}. Run: make .venv/.milvus")
    folder = folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    port = free_port()
    arguments = [str(PROGRAM), "server", "--data-dir", str(folder / "data"), "--host", HOST, "--port", str(port)]
    return Running(Access(f"http://{HOST}:{port}"), Program("Milvus Lite", arguments, folder, lambda: listens(port)))
